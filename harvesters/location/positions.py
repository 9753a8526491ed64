"""The places a file states, as numbers in whatever system it uses: one position for each row, whatever the kind of
location. Separate from deciding which system that is."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import polars as pl
import shapely

from datasets.crs import Floats
from datasets.errors import RunHeld
from datasets.feed import Location, LocationKind
from harvesters.batch import Geometries, Opened
from harvesters.location.grid_reference import read_grid_references
from harvesters.location.numbers import Mask, read_numbers
from harvesters.location.shapes import read_shapes

_SEPARATOR = r"""(?:\s*[,;|/]\s*|\s+|["']?\s*,\s*["']\w+["']\s*:\s*["']?)"""
_DECIMAL, _METRES = r"-?\d{1,7}\.\d+", r"[1-9]\d{3,6}"
_DECIMALS = rf"({_DECIMAL}){_SEPARATOR}({_DECIMAL})"
_WHOLE = rf"^[^\w-]*({_DECIMAL}|{_METRES}){_SEPARATOR}({_DECIMAL}|{_METRES}|\d{{1,3}})\W*$"
"""Whole numbers must be as long as metres are, and begin no telephone number; "12, 14" is a list of something."""


@dataclass(frozen=True)
class Positions:
    """`x` and `y` for each row, NaN where it has none; for shapes other than points, the middle of their bounds.

    `refused` marks rows that have something there which is no position. `srid` is what the values themselves state.
    `cell` is the size in metres of the squares that grid references name. `heights` and `curves` count shapes."""

    x: Floats
    y: Floats
    refused: Mask
    shapes: Geometries | None = None
    srid: int | None = None
    cell: Floats | None = None
    heights: int = 0
    curves: int = 0

    @property
    def present(self) -> Mask:
        """The rows that have a position."""
        return np.isfinite(self.x) & np.isfinite(self.y)


def read_positions(opened: Opened, location: Location) -> Positions:
    """The position of every row at `location`, which is of any kind but a postcode."""
    return _READERS[location.kind](opened, location.columns)


def read_column(opened: Opened, column: str) -> pl.Series:
    """A column of the file; held for a person where the file does not have it."""
    if column not in opened.columns:
        raise RunHeld(
            "E-MAPPING-UNSURE", f"The location is to be in the column {column!r}, which the file does not have."
        )
    return opened.records[column]


def looks_like_pairs(text: pl.Series) -> pl.Series:
    """Which texts hold two numbers that could be a place."""
    return text.str.contains(_DECIMALS) | text.str.contains(_WHOLE)


def _from_geometry(opened: Opened, _: tuple[str, ...]) -> Positions:
    if opened.geometry is None:
        raise RunHeld("E-MAPPING-UNSURE", "The location is to be the file's geometry, which it does not have.")
    return _of_shapes(opened.geometry, np.zeros(len(opened.geometry), dtype=np.bool_))


def _from_columns(opened: Opened, columns: tuple[str, ...]) -> Positions:
    x, x_refused = read_numbers(read_column(opened, columns[0]))
    y, y_refused = read_numbers(read_column(opened, columns[1]))
    return Positions(x, y, x_refused | y_refused | (np.isfinite(x) != np.isfinite(y)))


def _from_pair(opened: Opened, columns: tuple[str, ...]) -> Positions:
    text = read_column(opened, columns[0])
    parts = pl.DataFrame({"text": text}).select(
        pl.coalesce(pl.col("text").str.extract(pattern, group) for pattern in (_DECIMALS, _WHOLE))
        .cast(pl.Float64)
        .alias(name)
        for name, group in (("x", 1), ("y", 2))
    )
    x, y = (parts[name].to_numpy(writable=True) for name in ("x", "y"))
    refused = np.isnan(x) & text.str.contains(r"\d").fill_null(False).to_numpy()
    return Positions(x, y, refused)


def _from_shape_text(opened: Opened, columns: tuple[str, ...]) -> Positions:
    shapes, srid, refused, curves = read_shapes(read_column(opened, columns[0]))
    return _of_shapes(shapes, refused, srid, curves)


def _from_grid_reference(opened: Opened, columns: tuple[str, ...]) -> Positions:
    easting, northing, cell, refused = read_grid_references(read_column(opened, columns[0]))
    return Positions(easting, northing, refused, srid=27700, cell=cell)


def _of_shapes(shapes: Geometries, refused: Mask, srid: int | None = None, curves: int = 0) -> Positions:
    heights = int(shapely.has_z(shapes).sum())
    flat = shapely.force_2d(shapes) if heights else shapes.copy()
    flat[shapely.is_empty(flat)] = None
    kinds = shapely.get_type_id(flat)
    if np.isin(kinds, (-1, 0)).all():
        return Positions(shapely.get_x(flat), shapely.get_y(flat), refused, None, srid, None, heights, curves)
    west, south, east, north = shapely.bounds(flat).T
    return Positions((west + east) / 2, (south + north) / 2, refused, flat, srid, None, heights, curves)


_READERS: dict[LocationKind, Callable[[Opened, tuple[str, ...]], Positions]] = {
    LocationKind.GEOMETRY: _from_geometry,
    LocationKind.XY: _from_columns,
    LocationKind.PAIR: _from_pair,
    LocationKind.WKT: _from_shape_text,
    LocationKind.GRID_REFERENCE: _from_grid_reference,
}
