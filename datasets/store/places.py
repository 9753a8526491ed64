"""The gazetteer: postcodes and UPRNs with their places, looked up by the thousand, and postcodes loaded from any CSV
that has both."""

from pathlib import Path

import numpy as np
import polars as pl
from polars.exceptions import PolarsError
from sqlalchemy import Connection, Engine, func, select, text

from datasets.city import City
from datasets.crs import bng_to_wgs84
from datasets.errors import RegisterError
from datasets.store import tables
from datasets.store.loads import count_load, load_revision

SUBJECT = "places"
_POSTCODE = r"^(?:[A-Z]{1,2}[0-9][0-9A-Z]?|GIR)[0-9][A-Z]{2}$"
_CODES = ("pcds", "postcode", "pcd", "pcd7", "pcd8", "pcd2")
_DEGREES = (("lon", "lat"), ("long", "lat"), ("lng", "lat"), ("longitude", "latitude"))
_METRES = (
    ("easting", "northing"),
    ("eastings", "northings"),
    ("oseast1m", "osnrth1m"),
    ("east1m", "north1m"),
    ("x", "y"),
)
_CODE_POINT_OPEN = ("postcode", "quality", "easting", "northing")
"""The first columns of Code-Point Open, which has no header."""

_EXTENT = (-9.5, 2.1, 49.0, 61.5)
"""West, east, south, north of the United Kingdom; ONSPD writes 99.999999 and 0 where it has no place."""

_COPY_BYTES = 1 << 20


def load_places(engine: Engine, path: Path) -> int:
    """Adds or replaces the postcodes of the CSV at `path`, or of every CSV in that folder, and says how many it has."""
    files = sorted(path.rglob("*.[cC][sS][vV]")) if path.is_dir() else [path]
    if not files:
        raise RegisterError(f"{path.name}: the folder has no CSV file.")
    places = pl.concat([_read(file) for file in files]).unique("code", keep="last", maintain_order=True)
    if places.is_empty():
        raise RegisterError(f"{path.name}: not one row has a postcode and a place in the United Kingdom.")
    with engine.begin() as connection:
        _merge(connection, places)
        count_load(connection, SUBJECT)
    return places.height


def find_postcodes(engine: Engine, codes: pl.Series) -> pl.DataFrame:
    """The postcodes among `codes` (upper case, no space) that the gazetteer has: code, lon, lat."""
    return _find(engine, "postcode", codes)


def find_uprns(engine: Engine, codes: pl.Series) -> pl.DataFrame:
    """The UPRNs among `codes` (digits, no noughts in front) that the gazetteer has: code, lon, lat."""
    return _find(engine, "uprn", codes)


def count_places(engine: Engine, city: City, kind: str = "postcode") -> int:
    """How many loaded places of a kind lie within the city's extent."""
    west, south, east, north = city.extent
    place = tables.place
    inside = (place.c.kind == kind, place.c.lon.between(west, east), place.c.lat.between(south, north))
    with engine.connect() as connection:
        return int(connection.execute(select(func.count()).where(*inside)).scalar_one())


def places_revision(engine: Engine) -> int:
    """How often places were loaded; 0 before the first time."""
    return load_revision(engine, SUBJECT)


def _find(engine: Engine, kind: str, codes: pl.Series) -> pl.DataFrame:
    query = text(
        "SELECT code, lon, lat FROM citywide.place JOIN unnest(CAST(:codes AS text[])) AS wanted (code) USING (code) "
        "WHERE kind = :kind"
    )
    with engine.connect() as connection:
        rows = connection.execute(query, {"kind": kind, "codes": codes.drop_nulls().unique().to_list()}).all()
    schema = {"code": pl.String, "lon": pl.Float64, "lat": pl.Float64}
    return pl.DataFrame([tuple(row) for row in rows], schema=schema, orient="row")


def _read(path: Path) -> pl.DataFrame:
    """The file's postcodes as code, lon, lat."""
    table = _read_text(path)
    code, x, y, in_degrees = _columns(table, path)
    codes = table[code].str.to_uppercase().str.replace_all(r"\s", "").alias("code")
    first, second = (table[name].str.strip_chars().cast(pl.Float64, strict=False).to_numpy() for name in (x, y))
    lon, lat = (first, second) if in_degrees else bng_to_wgs84(first, second)
    west, east, south, north = _EXTENT
    usable = (lon > west) & (lon < east) & (lat > south) & (lat < north)
    frame = pl.DataFrame({"code": codes, "lon": np.round(lon, 7), "lat": np.round(lat, 7)})
    return frame.filter(pl.Series(usable) & pl.col("code").str.contains(_POSTCODE))


def _read_text(path: Path) -> pl.DataFrame:
    """Every cell as text; a first row that holds a postcode is no header."""
    try:
        first = pl.read_csv(path, has_header=False, n_rows=1, infer_schema=False, encoding="utf8-lossy")
        bare = pl.Series([str(cell or "") for cell in first.row(0)]).str.to_uppercase().str.replace_all(r"\s", "")
        headless = bool(bare.str.contains(_POSTCODE).any())
        table = pl.read_csv(
            path, has_header=not headless, infer_schema=False, encoding="utf8-lossy", truncate_ragged_lines=True
        )
    except (PolarsError, OSError) as error:
        reason = str(error).splitlines()[0] if path.exists() else "there is no such file"
        raise RegisterError(
            f"{path.name} is no CSV of postcodes with lon and lat or easting and northing: {reason}."
        ) from None
    known = dict(zip(table.columns, _CODE_POINT_OPEN, strict=False)) if headless else {}
    return table.rename(known)


def _columns(table: pl.DataFrame, path: Path) -> tuple[str, str, str, bool]:
    """The columns of the postcode and its two coordinates, and whether those are degrees."""
    names = {name.strip().lower().lstrip("\ufeff"): name for name in table.columns}
    code_name = next((names[name] for name in _CODES if name in names), None)
    if code_name is None:
        raise RegisterError(f"{path.name}: no column is called postcode or pcds; the columns are: {', '.join(names)}.")
    for pairs, in_degrees in ((_DEGREES, True), (_METRES, False)):
        for x, y in pairs:
            if x in names and y in names:
                return code_name, names[x], names[y], in_degrees
    raise RegisterError(
        f"{path.name}: no columns lon and lat, or easting and northing; the columns are: {', '.join(names)}."
    )


def _merge(connection: Connection, places: pl.DataFrame) -> None:
    connection.execute(
        text("CREATE TEMPORARY TABLE arrived (code text, lon double precision, lat double precision) ON COMMIT DROP")
    )
    rows = memoryview(places.write_csv(include_header=False).encode())
    driver = connection.connection.driver_connection
    assert driver is not None
    with driver.cursor() as cursor, cursor.copy("COPY arrived FROM STDIN (FORMAT csv)") as copy:
        for start in range(0, len(rows), _COPY_BYTES):
            copy.write(rows[start : start + _COPY_BYTES])
    connection.execute(
        text(
            "INSERT INTO citywide.place (kind, code, lon, lat) SELECT 'postcode', code, lon, lat FROM arrived "
            "ON CONFLICT (kind, code) DO UPDATE SET lon = excluded.lon, lat = excluded.lat"
        )
    )
