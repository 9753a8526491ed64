"""The demo city's conservation areas: outlines of 30 to 200 vertices, some in several parts, some across a border."""

from datetime import date

import numpy as np
import polars as pl
import shapely
from numpy.typing import NDArray

from harvesters.demo import words
from harvesters.demo.land import Borough, Coordinates, boroughs
from harvesters.demo.points import Orders, place_names
from harvesters.demo.postcodes import postcodes

CROSSING_EVERY = 12
SEVERAL_PARTS_EVERY = 15
_LARGEST_METRES = 420
_TRIES = 40


def make_areas(rng: np.random.Generator, orders: Orders) -> tuple[pl.DataFrame, NDArray[np.object_]]:
    """Fields and outlines; `crosses` says which reach over the border into a neighbour."""
    shapes, crosses = [], []
    for order, count in zip(*np.unique(orders, return_counts=True), strict=True):
        for number in range(count):
            shape = _across(rng, int(order)) if number % CROSSING_EVERY == 5 else None
            crosses.append(shape is not None)
            shapes.append(shape or _inside(rng, int(order), several=number % SEVERAL_PARTS_EVERY == 7))
    count = len(orders)
    numbers = pl.int_range(1, pl.len() + 1).over("borough").cast(pl.String).str.zfill(3)
    designated = rng.integers(date(1967, 9, 1).toordinal(), date(2019, 1, 1).toordinal(), count)
    amended = np.where(rng.uniform(0, 1, count) < 0.3, designated + rng.integers(700, 2_000, count), 0)
    letters = pl.Series([name[0] for name in words.BOROUGHS])[orders.astype(np.int64)]
    frame = pl.DataFrame({"borough": orders}).select(
        "borough",
        reference=pl.lit("CA-") + letters + numbers,
        name=pl.Series(place_names(rng, count, words.AREA_KINDS)),
        designation_date=pl.Series([date.fromordinal(day) for day in designated]),
        amended_date=pl.Series([date.fromordinal(day) if day else None for day in amended], dtype=pl.Date),
        crosses=pl.Series(crosses),
    )
    return frame, np.array(shapes, dtype=object)


def _inside(rng: np.random.Generator, order: int, *, several: bool) -> shapely.Geometry:
    middle = _some_postcode(rng, order)
    to_border = boroughs()[order].shape.exterior.distance(shapely.Point(middle))
    reach = min(to_border * 0.95, _LARGEST_METRES * rng.uniform(0.25, 1))
    if not several:
        return _blob(rng, middle, reach, int(rng.integers(30, 201)))
    sides = np.array([[0.55, 0.1], [-0.55, 0.3], [-0.2, -0.6]])[: rng.integers(2, 4)]
    return shapely.MultiPolygon([_blob(rng, middle + side * reach, reach * 0.35, 60) for side in sides])


def _across(rng: np.random.Generator, order: int) -> shapely.Polygon | None:
    """An area of which a small share lies in a neighbouring borough."""
    borough = boroughs()[order]
    border = _border_with_neighbours(borough)
    inland = np.array(borough.shape.centroid.coords[0])
    for _ in range(_TRIES):
        on_border = np.array(shapely.line_interpolate_point(border, rng.uniform(0.1, 0.9), normalized=True).coords[0])
        reach = rng.uniform(120, 260)
        inwards = (inland - on_border) / np.hypot(*(inland - on_border))
        shape = _blob(rng, on_border + inwards * reach * 0.55, reach, int(rng.integers(30, 201)))
        share = shape.intersection(borough.shape).area / shape.area
        if 0.65 < share < 0.92 and borough.shape.contains(shape.centroid):
            return shape
    return None


def _border_with_neighbours(borough: Borough) -> shapely.Geometry:
    others = shapely.union_all([other.shape for other in boroughs() if other is not borough])
    parts = shapely.get_parts(shapely.line_merge(borough.shape.boundary.intersection(others.boundary)))
    return parts[shapely.length(parts).argmax()]


def _some_postcode(rng: np.random.Generator, order: int) -> Coordinates:
    mine = postcodes().filter(pl.col("borough") == order)
    picked = mine.row(int(rng.integers(0, len(mine))), named=True)
    return np.array([picked["easting"], picked["northing"]])


def _blob(rng: np.random.Generator, middle: Coordinates, reach: float, vertices: int) -> shapely.Polygon:
    """A rounded outline that nowhere leaves the circle of radius `reach` and never crosses itself."""
    angle = np.linspace(0, 2 * np.pi, vertices, endpoint=False)
    radius = np.ones(vertices)
    for waves in range(2, 7):
        radius += rng.uniform(0, 0.5) / waves * np.sin(waves * angle + rng.uniform(0, 2 * np.pi))
    radius *= reach * 0.98 / radius.max()
    ring = np.column_stack([middle[0] + radius * np.cos(angle), middle[1] + radius * np.sin(angle)])
    return shapely.Polygon(np.round(ring, 1))
