"""What a council's part of a layer must look like, as the layer's definition says: each expectation that is not met is
a gate that is shut, told in figures."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import polars as pl
import shapely
from numpy.typing import NDArray

from datasets.errors import RunHeld
from datasets.issues import Issues, all_issues
from datasets.layer import Layer
from datasets.vocabulary import FieldType
from harvesters.batch import Batch

KM_OF_A_DEGREE = 111.32
FEWEST_TO_JUDGE = 10
"""Of fewer features a share says nothing."""
GROWN_TIMES, GROWN_FROM = 5, 25
UNKNOWN_CODE = "invalid category value"


@dataclass(frozen=True)
class Measured:
    """What the expectations look at, counted once over all features. `filled` and `known` are shares by field, `known`
    of the fields with a codelist; `repeated` is the share of references that another feature has too; `middle` is the
    longitude and latitude around which the features lie."""

    features: int
    filled: Mapping[str, float] = field(default_factory=dict)
    known: Mapping[str, float] = field(default_factory=dict)
    repeated: float = 0.0
    middle: tuple[float, float] | None = None


def measure(batch: Batch, layer: Layer, issues: Issues) -> Measured:
    """The figures of a harmonised batch; `issues` say which codes were unknown."""
    frame = batch.frame
    if frame.is_empty():
        return Measured(0)
    count = frame.height
    filled = {name: 1 - frame[name].null_count() / count for name in layer.expectations.filled if name in frame.columns}
    assert batch.geometry is not None
    return Measured(
        count, filled, _known(frame, layer, issues), _repeated(frame), middle_of(shapely.bounds(batch.geometry))
    )


def expect(layer: Layer, found: Measured, last: Measured | None) -> list[RunHeld]:
    """Each expectation that is not met; `last` is what the last publish left, None before the first."""
    wanted = layer.expectations
    shut: list[RunHeld] = []
    fewest, most = wanted.features or (0, found.features)
    if found.features and not fewest <= found.features <= most:
        message = f"There are {found.features:,} features; a council has from {fewest:,} to {most:,}."
        shut.append(RunHeld("E-EXPECTATION-FEATURES", message))
    if found.features >= FEWEST_TO_JUDGE:
        shut += _shares("E-EXPECTATION-FILLED", layer, found.filled, wanted.filled, "filled")
        least = dict.fromkeys(found.known, wanted.known_codes)
        shut += _shares("E-EXPECTATION-CODES", layer, found.known, least, "among the layer's values")
        if found.repeated > wanted.repeated:
            message = f"{found.repeated:.0%} of the references are another's too; at most {wanted.repeated:.0%} may be."
            shut.append(RunHeld("E-EXPECTATION-REPEATED", message))
    return shut if last is None else shut + _changes(layer, found, last)


def middle_of(bounds: NDArray[np.float64]) -> tuple[float, float] | None:
    """The middle of shapes by their boxes: half of them lie on each side, so that one stray counts little."""
    if not len(bounds):
        return None
    x, y = (np.nanmedian((bounds[:, low] + bounds[:, low + 2]) / 2) for low in (0, 1))
    return (float(x), float(y))


def _known(frame: pl.DataFrame, layer: Layer, issues: Issues) -> dict[str, float]:
    """By field, the share of values that the codelist knows; unknown ones were left out of the frame as issues."""
    unknown = all_issues(issues).filter(pl.col("code") == UNKNOWN_CODE).group_by("field").agg(pl.sum("count"))
    shares = {}
    for name, count in unknown.iter_rows():
        if name in frame.columns and layer.fields[name].type in (FieldType.CODE, FieldType.CODES):
            known = frame.height - frame[name].null_count()
            shares[name] = known / max(known + count, 1)
    return shares


def _repeated(frame: pl.DataFrame) -> float:
    if "reference" not in frame.columns:
        return 0.0
    filled = frame["reference"].drop_nulls()
    return 1 - filled.n_unique() / len(filled) if len(filled) else 0.0


def _shares(
    code: str, layer: Layer, found: Mapping[str, float], wanted: Mapping[str, float], what: str
) -> list[RunHeld]:
    """One gate for all fields that fall short of the same expectation."""
    short = [
        f"{layer.fields[name].title} is {what} in {found.get(name, 0.0):.0%} (at least {least:.0%} is expected)"
        for name, least in wanted.items()
        if found.get(name, 0.0) < least
    ]
    return [RunHeld(code, f"{'; '.join(short)}.")] if short else []


def _changes(layer: Layer, found: Measured, last: Measured) -> list[RunHeld]:
    shut = []
    if last.features >= GROWN_FROM and found.features > GROWN_TIMES * last.features:
        message = f"The feed had {last.features:,} features and now has {found.features:,}."
        shut.append(RunHeld("E-EXPECTATION-GROWN", message))
    enough = min(last.features, found.features) >= FEWEST_TO_JUDGE
    if enough and found.middle is not None and last.middle is not None:
        moved = _km(found.middle, last.middle)
        if moved > layer.expectations.moved_km:
            most = f"at most {layer.expectations.moved_km:g} km is expected."
            shut.append(RunHeld("E-EXPECTATION-MOVED", f"The middle of all features moved by {moved:,.1f} km; {most}"))
    return shut


def _km(a: tuple[float, float], b: tuple[float, float]) -> float:
    """Near enough, within a city."""
    east = (a[0] - b[0]) * KM_OF_A_DEGREE * np.cos(np.radians((a[1] + b[1]) / 2))
    return float(np.hypot(east, (a[1] - b[1]) * KM_OF_A_DEGREE))
