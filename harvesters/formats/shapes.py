"""The geometry members of GeoJSON as shapes."""

from typing import Any

import numpy as np
import shapely
from shapely.geometry import shape

from harvesters.batch import Geometries

GEOMETRY_TYPES = frozenset(
    {"Point", "MultiPoint", "LineString", "MultiLineString", "Polygon", "MultiPolygon", "GeometryCollection"}
)


def geometries_of(members: list[Any]) -> tuple[Geometries, list[int]]:
    """shapely geometries of GeoJSON geometry members, and the places of those that make no sense."""
    out: Geometries = np.full(len(members), None, dtype=object)
    unreadable = []
    points: dict[int, tuple[list[int], list[list[float]]]] = {2: ([], []), 3: ([], [])}
    for place, member in enumerate(members):
        if member is None:
            continue
        try:
            if member["type"] == "Point":
                position = [float(value) for value in member["coordinates"][:3]]
                if position:
                    places, positions = points[len(position)]
                    places.append(place)
                    positions.append(position)
            else:
                found = shape(member)
                out[place] = None if found.is_empty else found
        except (shapely.errors.ShapelyError, ValueError, TypeError, KeyError, IndexError, AttributeError):
            unreadable.append(place)
    for places, positions in points.values():
        if places:
            out[places] = shapely.points(np.array(positions))
    return out, unreadable
