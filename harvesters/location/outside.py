"""How far features lie outside their council's boundary, in metres of the British National Grid."""

import numpy as np
import shapely
from shapely import STRtree
from shapely.geometry.base import BaseGeometry

from datasets.crs import Floats, wgs84_to_bng
from harvesters.batch import Geometries
from harvesters.location.numbers import Mask

TOLERANCE_M = 0.5
TOLERANCE_SHARE = 0.05
"""An area this much outside is taken as inside: boundaries are drawn at different scales."""

_STEP_DEGREES = 0.005
"""Straight in degrees is not straight on the grid; edges of a few hundred metres differ by millimetres."""


def metres_outside(shapes: Geometries, boundary: BaseGeometry | None) -> Floats:
    """For each point its distance from the boundary it lies outside of, for each area how far it sticks out; NaN for
    what is inside, and for all without a boundary."""
    metres = np.full(len(shapes), np.nan)
    if boundary is None or not len(shapes):
        return metres
    shapely.prepare(boundary)
    single = shapely.get_type_id(shapes) == 0
    outside = ~_covered(shapes, single, boundary)
    if outside.any():
        grid_boundary = _to_grid(np.array([shapely.segmentize(boundary, _STEP_DEGREES)], dtype=np.object_))[0]
        edges = _edges(grid_boundary)
        metres[outside & single] = _distances(edges, _to_grid(shapes[outside & single]))
        metres[outside & ~single] = _reaches(shapes[outside & ~single], grid_boundary, edges)
    metres[metres <= TOLERANCE_M] = np.nan
    return np.asarray(np.round(metres, 1), dtype=np.float64)


def _covered(shapes: Geometries, single: Mask, boundary: BaseGeometry) -> Mask:
    covered = np.zeros(len(shapes), dtype=np.bool_)
    where = shapely.get_coordinates(shapes[single])
    covered[single] = shapely.contains_xy(boundary, where[:, 0], where[:, 1])
    covered[~single] = shapely.covers(boundary, shapes[~single])
    return covered


def _edges(boundary: BaseGeometry) -> STRtree:
    """Every edge of the boundary on its own, so that a point is measured against the nearest ones alone."""
    rings = shapely.get_parts(shapely.get_rings(shapely.get_parts(boundary)))
    vertices, ring = shapely.get_coordinates(rings, return_index=True)
    joined = ring[:-1] == ring[1:]
    return STRtree(shapely.linestrings(np.stack((vertices[:-1][joined], vertices[1:][joined]), axis=1)))


def _distances(edges: STRtree, places: Geometries) -> Floats:
    """The distance from each place, all of them outside, to the nearest edge."""
    (rows, _), distance = edges.query_nearest(places, all_matches=False, return_distance=True)
    metres = np.full(len(places), np.nan)
    metres[rows] = distance
    return metres


def _reaches(shapes: Geometries, boundary: BaseGeometry, edges: STRtree) -> Floats:
    """How far each shape sticks out; NaN where less than a twentieth of it does."""
    on_grid = _to_grid(shapes)
    bent = ~shapely.is_valid(on_grid)
    on_grid[bent] = shapely.make_valid(on_grid[bent])
    beyond = shapely.difference(on_grid, boundary)
    with np.errstate(divide="ignore", invalid="ignore"):
        share = np.where(shapely.area(on_grid) > 0, shapely.area(beyond) / shapely.area(on_grid), 1.0)
    vertices, owner = shapely.get_coordinates(beyond, return_index=True)
    reach = np.full(len(shapes), np.nan)
    np.fmax.at(reach, owner, _distances(edges, shapely.points(vertices)))
    reach[share <= TOLERANCE_SHARE] = np.nan
    return reach


def _to_grid(shapes: Geometries) -> Geometries:
    degrees = shapely.get_coordinates(shapes)
    metres = np.column_stack(wgs84_to_bng(degrees[:, 0], degrees[:, 1]))
    return np.asarray(shapely.set_coordinates(shapes.copy(), metres), dtype=np.object_)
