"""The extent of a layer, kept from publish to publish without reading the whole table."""

from collections.abc import Sequence

import numpy as np
import shapely
from numpy.typing import NDArray

Box = NDArray[np.float64]
"""West, south, east, north; not numbers where there is nothing."""
NOWHERE: Box = np.full(4, np.nan)


def grown(before: Box, left: Sequence[Box], shapes: NDArray[np.object_]) -> Box | None:
    """The extent `before` with new `shapes` in it; None where it may be less now, because one of the extents that were
    `left` reached its edge."""
    if any((box[:2] <= before[:2]).any() or (box[2:] >= before[2:]).any() for box in left):
        return None
    new = shapely.total_bounds(shapes) if len(shapes) else NOWHERE
    return np.concatenate([np.fmin(before, new)[:2], np.fmax(before, new)[2:]])
