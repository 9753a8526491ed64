"""Coordinate reference systems: naming what a file declares, and turning its numbers into longitude and latitude.

British National Grid goes through OSTN15, whoever names it and however: pyproj without its grid files is metres off.
"""

import re
from dataclasses import dataclass
from enum import StrEnum
from functools import cache

import numpy as np
import pyproj
from convertbng.cutil import convert_bng, convert_lonlat
from numpy.typing import NDArray
from pyproj.exceptions import CRSError

Floats = NDArray[np.float64]

_EARTH_RADIUS = 6378137.0
_BNG_PARAMETERS = (49.0, -2.0, 0.9996012717, 400000.0, -100000.0)


class Method(StrEnum):
    """How numbers of a system become degrees."""

    DEGREES = "degrees"
    OSTN15 = "ostn15"
    MERCATOR = "mercator"
    PROJ = "proj"


@dataclass(frozen=True)
class ReferenceSystem:
    """A reference system: what we call it, how it is converted, and its definition where pyproj converts it."""

    code: str
    method: Method
    definition: str = ""

    def to_wgs84(self, x: Floats, y: Floats) -> tuple[Floats, Floats]:
        """Longitudes and latitudes of `x` (east) and `y` (north); NaN where the system has no such place."""
        if self.method is Method.OSTN15:
            return bng_to_wgs84(x, y)
        if self.method is Method.MERCATOR:
            with np.errstate(over="ignore", invalid="ignore"):
                return np.degrees(x / _EARTH_RADIUS), np.degrees(np.arctan(np.sinh(y / _EARTH_RADIUS)))
        if self.method is Method.PROJ:
            lon, lat = _transformer(self.definition).transform(x, y)
            lost = ~(np.isfinite(lon) & np.isfinite(lat))
            return np.where(lost, np.nan, lon), np.where(lost, np.nan, lat)
        return x, y


WGS84 = ReferenceSystem("EPSG:4326", Method.DEGREES)
BNG = ReferenceSystem("EPSG:27700", Method.OSTN15)
MERCATOR = ReferenceSystem("EPSG:3857", Method.MERCATOR)

_METHODS = {
    **dict.fromkeys((4326, 4979, 4258, 4937), Method.DEGREES),
    **dict.fromkeys((27700, 7405), Method.OSTN15),
    **dict.fromkeys((3857, 3785, 900913, 102100, 102113), Method.MERCATOR),
}


def find_system(epsg: int | None, definition: str = "") -> ReferenceSystem | None:
    """The system of an EPSG code or, without one, of a definition that pyproj reads (WKT, URN, PROJ string)."""
    if epsg is None and (spelt := re.search(r"epsg\D+(\d{4,6})$", definition.strip(), re.IGNORECASE)):
        epsg = int(spelt[1])
    if epsg is not None and epsg in _METHODS:
        return ReferenceSystem(f"EPSG:{epsg}", _METHODS[epsg])
    try:
        crs = pyproj.CRS.from_user_input(epsg if epsg is not None else definition)
    except CRSError:
        return None
    if _is_british_national_grid(crs):
        return BNG
    known = crs.to_epsg(min_confidence=70)
    if known in _METHODS:
        return ReferenceSystem(f"EPSG:{known}", _METHODS[known])
    datum = crs.datum.name if crs.datum else ""
    if crs.is_geographic and re.search(r"WGS.?(?:19)?84|World Geodetic System 1984", datum):
        return WGS84
    if not (crs.is_geographic or crs.is_projected):
        return None
    return ReferenceSystem(f"EPSG:{known}" if known else crs.name, Method.PROJ, crs.to_wkt())


def bng_to_wgs84(easting: Floats, northing: Floats) -> tuple[Floats, Floats]:
    """British National Grid to longitude and latitude through OSTN15; NaN outside its cover."""
    lon, lat = convert_lonlat(np.ascontiguousarray(easting), np.ascontiguousarray(northing))
    return lon, lat


def wgs84_to_bng(lon: Floats, lat: Floats) -> tuple[Floats, Floats]:
    """Longitude and latitude to British National Grid, for measuring metres; where OSTN15 has no cover it is the
    grid carried on without the correction, which is metres off."""
    easting, northing = convert_bng(np.ascontiguousarray(lon), np.ascontiguousarray(lat))
    uncovered = np.isnan(easting) & np.isfinite(lon) & np.isfinite(lat)
    if uncovered.any():
        easting[uncovered], northing[uncovered] = _to_plain_grid().transform(lon[uncovered], lat[uncovered])
    return easting, northing


def _is_british_national_grid(crs: pyproj.CRS) -> bool:
    """By its projection, because every program spells the name in its own way."""
    flat = crs.sub_crs_list[0] if crs.is_compound else crs
    operation = flat.coordinate_operation if flat.is_projected else None
    if operation is None or "Transverse Mercator" not in operation.method_name.replace("_", " "):
        return False
    found = [parameter.value for parameter in operation.params]
    return len(found) == len(_BNG_PARAMETERS) and bool(np.allclose(found, _BNG_PARAMETERS, rtol=1e-9, atol=1e-7))


@cache
def _transformer(definition: str) -> pyproj.Transformer:
    return pyproj.Transformer.from_crs(definition, 4326, always_xy=True)


@cache
def _to_plain_grid() -> pyproj.Transformer:
    return pyproj.Transformer.from_crs(4326, 27700, always_xy=True)
