"""What a feed's locations are checked against: the city, the council and its boundary, and the gazetteer."""

from collections.abc import Callable
from dataclasses import dataclass, field
from math import cos, radians

import numpy as np
import polars as pl
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from datasets.city import City, Council, Extent
from datasets.crs import Floats

MARGIN_M = 5_000.0
"""How far beyond the city, or beyond the council's bounds, a location may lie before it is doubted."""

METRES_PER_DEGREE = 111_320.0

PLACES_SCHEMA = pl.Schema({"code": pl.String, "lon": pl.Float64, "lat": pl.Float64})


@dataclass(frozen=True)
class Surroundings:
    """`boundary` is the council's, in WGS 84, None where none is loaded. `find_postcodes` takes postcodes in upper
    case without the space and gives those it knows as a frame of code, lon, lat; `find_uprns` does so for UPRNs without
    noughts in front."""

    city: City
    council: Council
    boundary: BaseGeometry | None
    find_postcodes: Callable[[pl.Series], pl.DataFrame]
    find_uprns: Callable[[pl.Series], pl.DataFrame] = field(default=lambda codes: PLACES_SCHEMA.to_frame())

    def in_city(self, lon: Floats, lat: Floats) -> NDArray[np.bool_]:
        """Which places lie within the city's extent and its margin."""
        return _within(lon, lat, self.city.extent)

    def near_council(self, lon: Floats, lat: Floats) -> NDArray[np.bool_]:
        """Which places lie within the bounds of the council's boundary and its margin; the city's without one."""
        return _within(lon, lat, self.city.extent if self.boundary is None else self.boundary.bounds)


def _within(lon: Floats, lat: Floats, extent: Extent) -> NDArray[np.bool_]:
    west, south, east, north = extent
    up = MARGIN_M / METRES_PER_DEGREE
    along = up / cos(radians((south + north) / 2))
    inside = (lon >= west - along) & (lon <= east + along) & (lat >= south - up) & (lat <= north + up)
    return np.asarray(inside, dtype=np.bool_)
