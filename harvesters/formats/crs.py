"""What a file says its coordinates are, as an EPSG code where it can be named."""

import re

from pyproj import CRS
from pyproj.exceptions import CRSError

from harvesters.batch import DeclaredCrs

NATIONAL_GRID = {"latitude": 49.0, "longitude": -2.0, "scale": 0.9996012717, "easting": 400000.0, "northing": -100000.0}
SAME = {900913: 3857, 102100: 3857, 102113: 3857, 3785: 3857, 84: 4326}
CODE = re.compile(r"(?:EPSG|epsg)(?:[:/#]|\.xml#)(?:[\d.]*[:/])?(\d{4,6})$|^(\d{4,6})$")


def declared(text: str, where: str) -> DeclaredCrs:
    """The reference system that `text` (a code, a URN, WKT or PROJJSON) states."""
    text = text.strip()
    if re.search(r"\b(OGC:(1\.3:|:)?)?CRS:?84$", text):
        return DeclaredCrs(4326, where, "OGC:CRS84")
    code = CODE.search(text)
    if code:
        number = int(code.group(1) or code.group(2))
        number = SAME.get(number, number)
        return DeclaredCrs(number, where, f"EPSG:{number}")
    try:
        crs = CRS.from_user_input(text)
    except CRSError:
        return DeclaredCrs(None, where, text)
    epsg = _epsg(crs)
    return DeclaredCrs(epsg, where, f"EPSG:{epsg}" if epsg else text)


def _epsg(crs: CRS) -> int | None:
    """The code, also of British National Grid as MapInfo and old Esri files write it: without a name."""
    authority = crs.to_authority(min_confidence=70)
    if authority and authority[1].isdigit() and int(authority[1]) in SAME:
        return SAME[int(authority[1])]
    epsg = crs.to_epsg(min_confidence=70)
    if epsg is not None:
        return int(epsg)
    operation = crs.coordinate_operation
    if operation is None or "Transverse Mercator" not in operation.method_name:
        return None
    values = {parameter.name.lower(): float(parameter.value) for parameter in operation.params}
    for word, value in NATIONAL_GRID.items():
        if not any(word in name and abs(found - value) < 1e-9 * max(1, abs(value)) for name, found in values.items()):
            return None
    return 27700
