"""The ground of the demo city: six boroughs that tile it. It lies in the North Sea, where OSTN15 still gives values,
so that nobody takes it for a real place; it is the same for every seed, so that one city document fits them all."""

from dataclasses import dataclass
from functools import cache

import numpy as np
import polars as pl
import shapely
from convertbng.cutil import convert_lonlat
from numpy.typing import NDArray

from harvesters.demo.words import BOROUGHS

CENTRE = (652_000.0, 405_000.0)
RADII = (11_900.0, 8_900.0)
FIRST_GSS = "X09000001"
_SEED = 8
_GRID = 0.1

Coordinates = NDArray[np.float64]
Extent = tuple[float, float, float, float]


@dataclass(frozen=True)
class Borough:
    """One borough; `shape` is in British National Grid."""

    gss: str
    name: str
    shape: shapely.Polygon

    @property
    def slug(self) -> str:
        return self.name.lower()


@cache
def boroughs() -> tuple[Borough, ...]:
    """The six boroughs, from north-west to south-east; neighbours share every vertex of their border."""
    rng = np.random.default_rng(_SEED)
    coast = _coast(rng)
    seats = _seats(rng)
    borders = shapely.get_parts(
        shapely.voronoi_polygons(shapely.MultiPoint(seats), extend_to=coast.buffer(6_000), only_edges=True)
    )
    wiggly = [shapely.LineString(_wiggle(shapely.get_coordinates(line), rng)) for line in borders]
    frame = coast.buffer(5_000).envelope.boundary
    cells = _faces([*wiggly, frame])
    pieces = _faces([*wiggly, frame, coast.boundary])
    middles = shapely.point_on_surface(pieces)
    ashore = shapely.contains(coast, middles)
    shapes = []
    for seat in seats:
        cell = cells[shapely.contains_xy(cells, *seat)][0]
        shapes.append(shapely.union_all(pieces[ashore & shapely.contains(cell, middles)]))
    first = int(FIRST_GSS[1:])
    return tuple(
        Borough(f"X{first + order:08d}", name, shape)
        for order, (name, shape) in enumerate(zip(BOROUGHS, shapes, strict=True))
    )


def extent() -> Extent:
    """West, south, east, north of the city in degrees, rounded outwards to four decimals."""
    shapes = to_degrees(np.array([borough.shape for borough in boroughs()], dtype=object))
    west, south, east, north = shapely.total_bounds(shapes)
    down, up = np.floor([west * 1e4, south * 1e4]) / 1e4, np.ceil([east * 1e4, north * 1e4]) / 1e4
    return float(down[0]), float(down[1]), float(up[0]), float(up[1])


def to_degrees(shapes: NDArray[np.object_]) -> NDArray[np.object_]:
    """The shapes in WGS 84, longitude first, to seven decimals."""
    moved: NDArray[np.object_] = shapely.transform(shapes, lambda xy: np.column_stack(lon_lat(xy[:, 0], xy[:, 1])))
    return moved


def lon_lat(easting: Coordinates, northing: Coordinates) -> tuple[Coordinates, Coordinates]:
    """Longitudes and latitudes through OSTN15, to seven decimals."""
    lon, lat = convert_lonlat(easting, northing)
    return np.round(lon, 7), np.round(lat, 7)


def points_in_degrees(frame: pl.DataFrame) -> tuple[Coordinates, Coordinates]:
    """Longitudes and latitudes of the frame's `easting` and `northing`."""
    return lon_lat(frame["easting"].to_numpy(), frame["northing"].to_numpy())


def _coast(rng: np.random.Generator) -> shapely.Polygon:
    angle = np.linspace(0, 2 * np.pi, 900, endpoint=False)
    reach = np.full_like(angle, 0.93)
    for waves in range(2, 40):
        reach += 0.3 / waves**1.15 * rng.uniform(0.1, 0.5) * np.sin(waves * angle + rng.uniform(0, 2 * np.pi))
    reach /= reach.max()
    ring = np.column_stack([CENTRE[0] + RADII[0] * reach * np.cos(angle), CENTRE[1] + RADII[1] * reach * np.sin(angle)])
    return shapely.Polygon(np.round(ring, 1))


def _seats(rng: np.random.Generator) -> Coordinates:
    grid = np.array([(x, y) for y in (4_000, -4_000) for x in (-7_000, 0, 7_000)], dtype=np.float64)
    return np.asarray(grid + CENTRE + rng.uniform(-2_200, 2_200, grid.shape))


def _wiggle(line: Coordinates, rng: np.random.Generator) -> Coordinates:
    """A line as a border runs: every middle is pushed aside by a share of the step, again and again."""
    while np.hypot(*np.diff(line, axis=0).T).max() > 140:
        step = np.diff(line, axis=0)
        aside = np.column_stack([-step[:, 1], step[:, 0]]) / np.hypot(*step.T)[:, None]
        push = rng.uniform(-0.19, 0.19, len(step)) * np.minimum(np.hypot(*step.T), 5_000)
        middles = line[:-1] + step / 2 + aside * push[:, None]
        line = np.insert(line, np.arange(1, len(line)), middles, axis=0)
    return np.round(line, 1)


def _faces(lines: list[shapely.LineString]) -> NDArray[np.object_]:
    """The polygons that the lines enclose once every crossing is a vertex of all lines that meet there."""
    noded = shapely.union_all(np.array(lines, dtype=object), grid_size=_GRID)
    faces: NDArray[np.object_] = shapely.get_parts(shapely.polygonize(shapely.get_parts(noded)))
    return faces
