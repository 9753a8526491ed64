"""How far each row's place may be off, in metres, by how it was stated: the decimals of its coordinates, the square of
its grid reference, the postcode or the property it was placed by. Separate from finding the place itself."""

import numpy as np

from datasets.crs import Floats, Method
from harvesters.location.crs import Reading, metres_of_precision
from harvesters.location.positions import Positions
from harvesters.surroundings import METRES_PER_DEGREE

COARSE_M = 10.0
"""A point that may be further off than this is told of."""

POSTCODE_M, UPRN_M = 100.0, 10.0
"""A postcode's middle lies within about so much of its addresses; a UPRN's point somewhere on the property."""

FINEST_M = 0.01
"""What is published: more decimals than that come from a conversion."""

_COARSER = 1_000
"""So much coarser than the column, in both coordinates, is no chance: one row in a million ends in three noughts
twice. Fewer would be met among a city's trees."""


def stated_metres(reading: Reading, positions: Positions) -> Floats:
    """The step of each row's coordinates in metres, no finer than FINEST_M. All rows have the step of their column but
    for those that are far coarser than it; rows without a position get it too."""
    if positions.cell is not None:
        return np.where(np.isfinite(positions.cell), positions.cell, 1e5)
    column = metres_of_precision(reading, positions)
    metres = np.full(len(positions.x), max(column, FINEST_M))
    if positions.shapes is not None:
        return metres
    unit = METRES_PER_DEGREE if reading.system.method is Method.DEGREES else reading.unit
    step = max(column, FINEST_M) / unit
    for coarser in (_COARSER, _COARSER * 10, _COARSER * 100):
        rows = _multiples(positions.x, step * coarser) & _multiples(positions.y, step * coarser)
        metres[rows] = step * unit * coarser
    return metres


def _multiples(values: Floats, step: float) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Which values are whole multiples of a step, rounded to a power of ten."""
    whole = 10.0 ** np.round(np.log10(step))
    with np.errstate(invalid="ignore"):
        return np.asarray(np.abs(values / whole - np.round(values / whole)) < 1e-6, dtype=np.bool_)
