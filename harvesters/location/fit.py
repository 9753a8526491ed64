"""Fitting shapes to what a layer holds: rounding, mending, and points for areas or areas for points."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray

from datasets.crs import Floats
from datasets.vocabulary import GeometryKind
from harvesters.batch import Geometries
from harvesters.location.numbers import Mask
from harvesters.surroundings import METRES_PER_DEGREE

PRECISION = 7
"""Decimals of a degree that are published: about a centimetre."""

_GRID = 10.0**-PRECISION
_HECTARE = 10_000.0
_SPREAD_M = 100.0
POINTS = (0, 4)
"""Type numbers of points and multipoints, as GEOS counts them."""

_POINT, _AREAS, _MULTIPOINT, _COLLECTION = 0, (3, 6), 4, 7


@dataclass(frozen=True)
class Fitted:
    """The shapes as they are published, None where they cannot be, and masks of what was done: `mended`,
    `unfixable`, `reduced` (a small shape became its point), `unfit` (a kind the layer does not hold) and `too_large`
    (the unfit ones where the layer holds points)."""

    shapes: Geometries
    mended: Mask
    unfixable: Mask
    reduced: Mask
    unfit: Mask
    too_large: Mask


def points(lon: Floats, lat: Floats) -> Geometries:
    """Points at the precision that is published."""
    with without_collector():
        return np.asarray(shapely.points(np.round(lon, PRECISION), np.round(lat, PRECISION)), dtype=np.object_)


@contextmanager
def without_collector() -> Iterator[None]:
    """Python's garbage collector stands still: it looks again and again through a million shapes that are being made,
    none of which can be garbage, and takes five times as long as making them."""
    running = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if running:
            gc.enable()


def fit(shapes: Geometries, kind: GeometryKind) -> Fitted:
    """WGS 84 shapes, none of them missing, as a layer of `kind` holds them."""
    single = _unwrapped(shapes, kind)
    whole, mended, unfixable = _mended(single)
    types = shapely.get_type_id(whole)
    none = np.zeros(len(shapes), dtype=np.bool_)
    if kind is GeometryKind.AREA:
        unfit = ~unfixable & ~np.isin(types, (*POINTS, *_AREAS))
        return Fitted(whole, mended & ~unfit, unfixable, none, unfit, none)
    collapsed = unfixable & (spread(single) < _SPREAD_M)
    whole[collapsed] = _rounded(shapely.centroid(shapely.envelope(single[collapsed])))
    extended = ~unfixable & (types != _POINT)
    small = extended & _is_small(whole, types)
    whole[small] = _rounded(shapely.point_on_surface(whole[small]))
    large = extended & ~small
    return Fitted(whole, mended & ~large, unfixable & ~collapsed, small | collapsed, large, large)


def spread(shapes: Geometries) -> Floats:
    """The diagonal of each shape's bounds in metres."""
    west, south, east, north = shapely.bounds(shapes).T
    return np.asarray(
        METRES_PER_DEGREE * np.hypot((east - west) * np.cos(np.radians(south)), north - south), dtype=np.float64
    )


def _unwrapped(shapes: Geometries, kind: GeometryKind) -> Geometries:
    """Multipoints of one point as points, and the areas out of collections."""
    result = shapes.copy()
    types = shapely.get_type_id(result)
    lone = np.isin(types, (_MULTIPOINT, _COLLECTION)) & (shapely.get_num_geometries(result) == 1)
    result[lone] = shapely.get_geometry(result[lone], 0)
    if kind is GeometryKind.AREA:
        mixed = shapely.get_type_id(result) == _COLLECTION
        result[mixed] = [_areas_of(shape) or shape for shape in result[mixed]]
    return result


def _mended(shapes: Geometries) -> tuple[Geometries, Mask, Mask]:
    """Valid shapes at published precision; which were invalid as they came, and which cannot be mended."""
    was_valid = shapely.is_valid(shapes)
    result = _rounded(shapes)
    types = shapely.get_type_id(result)
    broken = ~shapely.is_valid(result)
    if broken.any():
        made = shapely.make_valid(result[broken], method="structure", keep_collapsed=False)
        precise = shapely.set_precision(made, _GRID)
        areal = np.isin(types[broken], _AREAS)
        precise[areal] = [_areas_of(shape) for shape in precise[areal]]
        result[broken] = precise
    empty = shapely.is_missing(result) | shapely.is_empty(result)
    result[empty] = None
    areas = np.isin(shapely.get_type_id(result), _AREAS)
    result[areas] = shapely.orient_polygons(result[areas])
    return result, ~was_valid & ~empty, empty


def _rounded(shapes: Geometries) -> Geometries:
    rounded = np.round(shapely.get_coordinates(shapes), PRECISION)
    return np.asarray(shapely.set_coordinates(shapes.copy(), rounded), dtype=np.object_)


def _areas_of(shape: shapely.Geometry | None) -> shapely.Geometry | None:
    """The polygons of a shape as one shape; None where there are none."""
    parts = shapely.get_parts(shapely.get_parts(np.array([shape], dtype=np.object_)))
    polygons = parts[(shapely.get_type_id(parts) == 3) & ~shapely.is_empty(parts)]
    if len(polygons) < 2:
        return polygons[0] if len(polygons) else None
    return shapely.union_all(polygons, grid_size=_GRID)


def _is_small(shapes: Geometries, types: NDArray[np.int32]) -> Mask:
    """Areas under a hectare, and other shapes that are all within a stone's throw."""
    along = np.cos(np.radians(shapely.bounds(shapes)[:, 1]))
    hectares = shapely.area(shapes) * METRES_PER_DEGREE**2 * along < _HECTARE
    return np.asarray(np.where(np.isin(types, _AREAS), hectares, spread(shapes) < _SPREAD_M), dtype=np.bool_)
