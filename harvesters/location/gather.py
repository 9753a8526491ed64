"""Bringing together the several ways in which a feed says where a row is: the first, its alternatives, the postcode."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from datasets.crs import Floats
from datasets.feed import Location, LocationKind
from datasets.issues import Issues, row_issues
from datasets.vocabulary import Action, GeometryKind
from harvesters.batch import ROW_NO, Batch, Opened
from harvesters.location.fit import points
from harvesters.location.numbers import Mask
from harvesters.location.resolve import (
    HAS_NO_COORDINATES,
    PLACED_BY,
    Resolved,
    Status,
    resolve,
    resolve_postcodes,
    resolve_uprns,
)
from harvesters.surroundings import METRES_PER_DEGREE, Surroundings

DISAGREE_M = 100.0

_MENDED = {
    Status.INVALID_COORDINATES: "invalid coordinates",
    Status.NULL_ISLAND: "null-island",
    Status.OUT_OF_BOUNDS: "coordinates disagree",
    Status.NOT_FIXABLE: "invalid geometry - not fixable",
}
LOOKED_UP = (LocationKind.UPRN, LocationKind.POSTCODE)
_SAID = {LocationKind.UPRN: "UPRN", LocationKind.POSTCODE: "postcode"}
_COMPARED = (LocationKind.GEOMETRY, LocationKind.XY, LocationKind.PAIR, LocationKind.WKT)

Rows = NDArray[np.intp]


def gather_places(
    batch: Batch,
    opened: Opened,
    location: Location,
    alternatives: tuple[Location, ...],
    kind: GeometryKind,
    surroundings: Surroundings,
) -> Resolved:
    """The place of every row from `location`, else from the first alternative that has one, else, for points, from
    its UPRN or its postcode."""
    places = resolve(opened, location, surroundings)
    numbers = batch.frame[ROW_NO]
    apart = np.zeros(len(numbers))
    first = places.ok.copy()
    for other in alternatives:
        compared = places.shapes is None and location.kind in _COMPARED and other.kind in _COMPARED
        if other.kind in LOOKED_UP or (places.ok.all() and not compared):
            continue
        second = resolve(opened, other, surroundings)
        if compared and second.shapes is None:
            apart = np.fmax(apart, _metres_apart(places, second) * (first & second.ok))
        _take(places, second, ~places.ok & second.ok, numbers, f"Placed from {_named(other)}.")
    places.issues += _disagreements(numbers, apart)
    if kind is GeometryKind.POINT:
        for way in (_BY_UPRN, _BY_POSTCODE):
            _look_up(places, way, batch, opened, alternatives, surroundings)
    elif location.kind in LOOKED_UP:
        places.status[:] = Status.NO_LOCATION
    return places


def row_values(opened: Opened, location: Location, places: Resolved, rows: Rows) -> list[str | None]:
    """What these rows say of their location, short enough to read."""
    if location.columns:
        cells = opened.records.select(location.columns)[rows]
        joined = cells.select(pl.concat_str(pl.all(), separator=", ", ignore_nulls=True).str.slice(0, 80))
        return [text or None for text in joined.to_series().to_list()]
    pairs = zip(places.lon[rows], places.lat[rows], strict=True)
    return [f"{lon:.5f}, {lat:.5f}" if np.isfinite(lon) else None for lon, lat in pairs]


def _metres_apart(places: Resolved, second: Resolved) -> Floats:
    along = np.cos(np.radians(places.lat))
    east, north = places.lon - second.lon, places.lat - second.lat
    return np.nan_to_num(METRES_PER_DEGREE * np.hypot(east * along, north))


def _disagreements(numbers: pl.Series, apart: Floats) -> Issues:
    """Rows two of whose points are too far apart to be one place."""
    far = np.flatnonzero(apart > DISAGREE_M)
    if not len(far):
        return []
    values = [f"{metres:.0f} m" for metres in apart[far]]
    return [row_issues("coordinates disagree", numbers.gather(far), action=Action.KEPT, values=values)]


@dataclass(frozen=True)
class _Way:
    """A way to place a row by looking something up: the field and kind of location that hold it, how it is looked up,
    and what is said of rows that were placed so and of those whose number nobody knows."""

    field: str
    kind: LocationKind
    resolve: Callable[[pl.Series, Surroundings], Resolved]
    code: str
    unknown: Status


_BY_UPRN = _Way("uprn", LocationKind.UPRN, resolve_uprns, "at-uprn", Status.UNKNOWN_UPRN)
_BY_POSTCODE = _Way(
    "postcode", LocationKind.POSTCODE, resolve_postcodes, "at-postcode-centroid", Status.UNKNOWN_POSTCODE
)


def _look_up(
    places: Resolved,
    way: _Way,
    batch: Batch,
    opened: Opened,
    alternatives: tuple[Location, ...],
    surroundings: Surroundings,
) -> None:
    """Places rows without coordinates by what they have of `way`."""
    numbers = batch.frame[ROW_NO]
    texts = [batch.frame[way.field]] if way.field in batch.frame.columns else []
    texts += [opened.records[other.columns[0]] for other in alternatives if other.kind is way.kind]
    for text in texts:
        rows = np.flatnonzero(np.isin(places.status, (*HAS_NO_COORDINATES, Status.UNKNOWN_UPRN)))
        if not len(rows):
            break
        found = way.resolve(text.gather(rows), surroundings)
        unknown = rows[found.status == way.unknown]
        _take(places, found, found.ok, numbers, f"Placed from the {_SAID[way.kind]}.", rows)
        places.status[unknown[places.status[unknown] == Status.NO_LOCATION]] = way.unknown
    central = np.flatnonzero(places.ok & (places.by == PLACED_BY.index(way.kind.value)))
    if len(central):
        places.issues.append(row_issues(way.code, numbers.gather(central), action=Action.KEPT))


def _take(
    places: Resolved, second: Resolved, which: Mask, numbers: pl.Series, message: str, rows: Rows | None = None
) -> None:
    """Places the rows of `which` (a mask over `second`, whose rows are `rows` of ours) as `second` does."""
    source = np.flatnonzero(which)
    target = source if rows is None else rows[source]
    for status, code in _MENDED.items():
        mended = target[places.status[target] == status]
        if len(mended):
            places.issues.append(row_issues(code, numbers.gather(mended), action=Action.FIXED, message=message))
    places.lon[target], places.lat[target] = second.lon[source], second.lat[source]
    places.status[target], places.by[target] = Status.PLACED, second.by[source]
    places.precision[target] = second.precision[source]
    if places.shapes is None and second.shapes is None:
        return
    if places.shapes is None:
        places.shapes = np.full(len(places.lon), None, dtype=np.object_)
        single = places.ok
        places.shapes[single] = points(places.lon[single], places.lat[single])
    taken = points(second.lon[source], second.lat[source]) if second.shapes is None else second.shapes[source]
    places.shapes[target] = taken


def _named(location: Location) -> str:
    return " and ".join(location.columns) if location.columns else "the geometry"
