"""One location of a feed as places in WGS 84, row by row: the reading of the whole column, single rows that were
written in another way, and why a row has no place."""

from dataclasses import dataclass, replace
from enum import IntEnum

import numpy as np
import polars as pl
import shapely
from numpy.typing import NDArray

from datasets.crs import Floats
from datasets.feed import Location, LocationKind
from datasets.issues import Issues, feed_issue, row_issues
from datasets.vocabulary import Action
from harvesters.batch import ROW_NO, Geometries, Opened
from harvesters.location.crs import (
    READINGS,
    Reading,
    at_null_island,
    choose_reading,
    converted_issue,
)
from harvesters.location.numbers import Mask
from harvesters.location.positions import Positions, read_column, read_positions
from harvesters.location.postcodes import read_postcodes
from harvesters.location.precision import POSTCODE_M, UPRN_M, stated_metres
from harvesters.location.uprns import read_uprns
from harvesters.surroundings import Surroundings


class Status(IntEnum):
    """Whether a row has a place, or why not."""

    PLACED = 0
    NO_LOCATION = 1
    INVALID_COORDINATES = 2
    NULL_ISLAND = 3
    OUT_OF_BOUNDS = 4
    UNKNOWN_POSTCODE = 5
    NOT_FIXABLE = 6
    WRONG_SHAPE = 7
    UNKNOWN_UPRN = 8


HAS_NO_COORDINATES = (Status.NO_LOCATION, Status.INVALID_COORDINATES, Status.NULL_ISLAND)

PLACED_BY = ("coordinates", "geometry", "grid reference", "postcode", "uprn")
"""What a feature says of how it was placed."""

_BY = {
    LocationKind.XY: 0,
    LocationKind.PAIR: 0,
    LocationKind.GEOMETRY: 1,
    LocationKind.WKT: 1,
    LocationKind.GRID_REFERENCE: 2,
    LocationKind.POSTCODE: 3,
    LocationKind.UPRN: 4,
}


@dataclass
class Resolved:
    """The places of every row: `lon` and `lat` (of a shape the middle), `shapes` in WGS 84 where they are not all
    points, a `status`, in `by` the number of how it was placed in PLACED_BY, and in `precision` how many metres it may
    be off."""

    lon: Floats
    lat: Floats
    status: NDArray[np.uint8]
    shapes: Geometries | None
    by: NDArray[np.uint8]
    precision: Floats
    crs: str
    how: str
    issues: Issues

    @property
    def ok(self) -> Mask:
        return np.asarray(self.status == Status.PLACED, dtype=np.bool_)


def resolve(opened: Opened, location: Location, surroundings: Surroundings) -> Resolved:
    """The place of every row at `location`."""
    if location.kind is LocationKind.POSTCODE:
        return resolve_postcodes(read_column(opened, location.columns[0]), surroundings)
    if location.kind is LocationKind.UPRN:
        return resolve_uprns(read_column(opened, location.columns[0]), surroundings)
    positions = read_positions(opened, location)
    chosen = choose_reading(opened, location, positions, surroundings)
    lon, lat = chosen.reading.to_wgs84(positions.x, positions.y)
    status = _statuses(location, positions, chosen.reading, lon, lat)
    shapes = None if positions.shapes is None else _transformed(positions.shapes, chosen.reading)
    resolved = Resolved(
        np.array(lon), np.array(lat), status, shapes, np.full(len(lon), _BY[location.kind], dtype=np.uint8),
        stated_metres(chosen.reading, positions), chosen.reading.system.code, chosen.how, list(chosen.issues),
    )  # fmt: skip
    _mend_single_rows(resolved, opened, positions, chosen.reading, surroundings)
    _refuse_what_is_outside(resolved, surroundings)
    resolved.issues += _feed_issues(resolved, location, positions, chosen.reading)
    return resolved


def resolve_postcodes(text: pl.Series, surroundings: Surroundings) -> Resolved:
    """The place of the postcode in each text."""
    found = read_postcodes(text, surroundings)
    return _looked_up(found, LocationKind.POSTCODE, Status.UNKNOWN_POSTCODE, POSTCODE_M, surroundings)


def resolve_uprns(text: pl.Series, surroundings: Surroundings) -> Resolved:
    """The place of the property whose number each text is."""
    found = read_uprns(text, surroundings)
    return _looked_up(found, LocationKind.UPRN, Status.UNKNOWN_UPRN, UPRN_M, surroundings)


def _looked_up(
    found: tuple[Floats, Floats, Mask], kind: LocationKind, unknown: Status, metres: float, surroundings: Surroundings
) -> Resolved:
    lon, lat, has_one = found
    status = np.where(has_one, np.uint8(unknown), np.uint8(Status.NO_LOCATION))
    status[np.isfinite(lon)] = Status.PLACED
    by = np.full(len(lon), _BY[kind], dtype=np.uint8)
    precision = np.full(len(lon), metres)
    resolved = Resolved(
        lon, lat, status, None, by, precision, "EPSG:4326", f"from the gazetteer, by {kind.value}", []
    )  # fmt: skip
    _refuse_what_is_outside(resolved, surroundings)
    return resolved


def _statuses(
    location: Location, positions: Positions, reading: Reading, lon: Floats, lat: Floats
) -> NDArray[np.uint8]:
    status = np.full(len(lon), Status.PLACED, dtype=np.uint8)
    missing = ~positions.present
    status[missing] = Status.NO_LOCATION
    refused = Status.NOT_FIXABLE if location.kind is LocationKind.WKT else Status.INVALID_COORDINATES
    status[positions.refused] = refused
    status[~missing & at_null_island(reading, positions.x, positions.y, lon, lat)] = Status.NULL_ISLAND
    return status


def _transformed(shapes: Geometries, reading: Reading) -> Geometries:
    """Every vertex through the reading, all shapes at once."""
    coordinates = shapely.get_coordinates(shapes)
    lon, lat = reading.to_wgs84(coordinates[:, 0], coordinates[:, 1])
    return np.asarray(shapely.set_coordinates(shapes.copy(), np.column_stack((lon, lat))), dtype=np.object_)


def _mend_single_rows(
    resolved: Resolved, opened: Opened, positions: Positions, main: Reading, surroundings: Surroundings
) -> None:
    """Rows far from the council that another reading puts near it were written in that way: swapped, or in another
    system than the rest."""
    far = np.flatnonzero(resolved.ok & ~surroundings.near_council(resolved.lon, resolved.lat))
    for reading in (Reading(main.system, not main.flipped), *READINGS):
        if not len(far):
            return
        if reading == main:
            continue
        lon, lat = reading.to_wgs84(positions.x[far], positions.y[far])
        near = surroundings.near_council(lon, lat)
        rows, far = far[near], far[~near]
        resolved.lon[rows], resolved.lat[rows] = lon[near], lat[near]
        if len(rows):
            single = replace(positions, x=positions.x[rows], y=positions.y[rows], shapes=None, cell=None)
            resolved.precision[rows] = stated_metres(reading, single)
        if resolved.shapes is not None and positions.shapes is not None:
            resolved.shapes[rows] = _transformed(positions.shapes[rows], reading)
        if len(rows):
            resolved.issues.append(_rewritten_issue(opened, positions, rows, reading, main))


def _rewritten_issue(
    opened: Opened, positions: Positions, rows: NDArray[np.intp], reading: Reading, main: Reading
) -> pl.DataFrame:
    code = reading.conversion_code or "CRS guessed"
    if reading.flipped != main.flipped:
        code = reading.flip_code
    values = [f"{x:.10g}, {y:.10g}" for x, y in zip(positions.x[rows], positions.y[rows], strict=True)]
    message = f"Most rows are in {main.label}; this row is in {reading.label}."
    return row_issues(code, opened.records[ROW_NO].gather(rows), action=Action.FIXED, values=values, message=message)


def _refuse_what_is_outside(resolved: Resolved, surroundings: Surroundings) -> None:
    inside = surroundings.in_city(resolved.lon, resolved.lat)
    resolved.status[resolved.ok & ~inside] = Status.OUT_OF_BOUNDS
    if resolved.shapes is not None:
        vertices, owner = shapely.get_coordinates(resolved.shapes, return_index=True)
        lost = np.unique(owner[~np.isfinite(vertices).all(axis=1)])
        resolved.status[lost[resolved.ok[lost]]] = Status.OUT_OF_BOUNDS


def _feed_issues(resolved: Resolved, location: Location, positions: Positions, reading: Reading) -> Issues:
    placed = int(resolved.ok.sum())
    issues = converted_issue(reading, placed) if location.kind is not LocationKind.GRID_REFERENCE else []
    if location.kind is LocationKind.GRID_REFERENCE and placed:
        issues.append(
            feed_issue("grid reference", "Placed from OS grid references.", action=Action.FIXED, count=placed)
        )
    if positions.heights:
        issues.append(feed_issue("z-dropped", "Heights were left out.", action=Action.FIXED, count=positions.heights))
    if positions.curves:
        message = "Curves became short lines."
        issues.append(feed_issue("curve-linearised", message, action=Action.FIXED, count=positions.curves))
    return issues
