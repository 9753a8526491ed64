"""Council boundaries: loading them from any file that has GSS codes, and reading one back."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import numpy as np
import pyogrio.raw
import shapely
from geoalchemy2 import WKBElement
from numpy.typing import NDArray
from pyogrio.errors import DataLayerError, DataSourceError
from shapely.geometry.base import BaseGeometry
from sqlalchemy import Engine, insert, select
from sqlalchemy.dialects.postgresql import insert as upsert

from datasets.city import City, Council
from datasets.crs import WGS84, find_system
from datasets.errors import RegisterError
from datasets.store import tables
from datasets.store.loads import count_load, load_revision

SUBJECT = "boundaries"
_GSS = re.compile(r"^[A-Z][0-9]{8}$")
_PRECISION = 7


def load_boundaries(engine: Engine, city: City, path: Path, source: str) -> int:
    """Replaces the city's boundaries by those in the file at `path` and says how many councils it has.

    Any column may hold the GSS codes; several rows of one council (its wards, say) become one boundary.
    Councils that the file lacks keep no boundary: `councils_without_boundary` names them.
    """
    codes, shapes = _read(path, city)
    rows = [
        {"council": gss, "geom": WKBElement(shapely.to_wkb(_joined(shapes[codes == gss])), srid=4326), "source": source}
        for gss in sorted(set(codes.tolist()))
    ]
    with engine.begin() as connection:
        for council in city.council:
            names = {"name": council.name, "slug": council.slug}
            statement = upsert(tables.council).values(gss=council.gss, **names)
            connection.execute(statement.on_conflict_do_nothing(index_elements=["gss"]))
        connection.execute(tables.boundary.delete())
        connection.execute(insert(tables.boundary), rows)
        count_load(connection, SUBJECT)
    return len(rows)


def read_boundary(engine: Engine, gss: str) -> BaseGeometry | None:
    """The council's boundary in WGS 84; None where none is loaded."""
    with engine.connect() as connection:
        found = connection.scalar(select(tables.boundary.c.geom).where(tables.boundary.c.council == gss))
    return None if found is None else cast(BaseGeometry, shapely.from_wkb(bytes(found.data)))


def councils_without_boundary(engine: Engine, city: City) -> list[Council]:
    """The city's councils that no boundary is loaded for."""
    with engine.connect() as connection:
        held = set(connection.scalars(select(tables.boundary.c.council)))
    return [council for council in city.council if council.gss not in held]


def boundaries_revision(engine: Engine) -> int:
    """How often boundaries were loaded; 0 before the first time."""
    return load_revision(engine, SUBJECT)


def _read(path: Path, city: City) -> tuple[NDArray[np.object_], NDArray[np.object_]]:
    """The GSS codes and WGS 84 shapes of the rows that are the city's."""
    try:
        meta, _, wkb, columns = pyogrio.raw.read(path)
    except (DataSourceError, DataLayerError, OSError) as error:
        reason = str(error).splitlines()[0] if path.exists() else "there is no such file"
        raise RegisterError(f"{path.name}: the boundaries cannot be read: {reason}.") from None
    if wkb is None:
        raise RegisterError(f"{path.name}: the file has no shapes; give a GeoJSON or GeoPackage of boundaries.")
    codes = _code_column(dict(zip(meta["fields"], columns, strict=True)), city, path)
    wanted = np.isin(codes.astype(str), [council.gss for council in city.council])
    shapes = _to_wgs84(np.asarray(shapely.from_wkb(wkb[wanted]), dtype=np.object_), meta["crs"], path)
    areal = np.isin(shapely.get_type_id(shapes), (3, 6))
    if not areal.all():
        raise RegisterError(f"{path.name}: the boundary of {codes[wanted][~areal][0]} is not an area.")
    return codes[wanted], shapes


def _code_column(columns: Mapping[str, NDArray[Any]], city: City, path: Path) -> NDArray[Any]:
    """The column that names most of the city's councils."""
    wanted = {council.gss for council in city.council}
    distinct = {name: {str(value) for value in values} for name, values in columns.items() if values.dtype == object}
    best = max(distinct, key=lambda name: len(distinct[name] & wanted), default=None)
    if best is not None and distinct[best] & wanted:
        return columns[best]
    coded = [name for name, values in distinct.items() if any(_GSS.match(value) for value in values)]
    if coded:
        raise RegisterError(f"{path.name}: column {coded[0]} has GSS codes, but of no council of {city.title}.")
    have = ", ".join(columns) or "none"
    raise RegisterError(f"{path.name}: no column holds GSS codes such as E09000007; the columns are: {have}.")


def _to_wgs84(shapes: NDArray[np.object_], crs: str | None, path: Path) -> NDArray[np.object_]:
    system = find_system(None, crs) if crs else WGS84
    if system is None:
        raise RegisterError(f"{path.name}: its coordinate system is not one we know; convert it to WGS 84.")
    flat = shapely.force_2d(shapes)
    vertices = shapely.get_coordinates(flat)
    lon, lat = system.to_wgs84(vertices[:, 0], vertices[:, 1])
    if not (np.isfinite(lon) & (np.abs(lon) <= 180) & (np.abs(lat) <= 90)).all():
        raise RegisterError(f"{path.name}: the coordinates are not in the system the file states ({system.code}).")
    degrees = np.round(np.column_stack((lon, lat)), _PRECISION)
    return np.asarray(shapely.set_coordinates(flat, degrees), dtype=np.object_)


def _joined(shapes: NDArray[np.object_]) -> BaseGeometry:
    """One valid multipolygon of all the shapes."""
    whole = shapely.make_valid(shapes, method="structure", keep_collapsed=False)
    parts = shapely.get_parts(shapely.union_all(whole) if len(whole) > 1 else whole[0])
    return shapely.multipolygons([part for part in parts if part.geom_type == "Polygon"])
