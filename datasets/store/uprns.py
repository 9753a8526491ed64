"""Loading UPRNs into the gazetteer from OS Open UPRN. Apart from postcodes, because Great Britain has forty million of
them: the file goes through in blocks, and only what lies in or near the city is kept."""

from collections.abc import Iterator
from dataclasses import dataclass
from math import cos, radians
from pathlib import Path

import numpy as np
import polars as pl
from polars.exceptions import PolarsError
from sqlalchemy import Connection, Engine, text

from datasets.city import City
from datasets.crs import bng_to_wgs84
from datasets.errors import RegisterError
from datasets.store.loads import count_load
from datasets.store.places import SUBJECT

MARGIN_KM = 5.0
"""Councils own things a little beyond the city."""

_BLOCK_BYTES = 16 << 20
_KM_PER_DEGREE = 111.32
_DEGREES, _METRES = ("longitude", "latitude"), ("x_coordinate", "y_coordinate")


@dataclass(frozen=True)
class LoadedUprns:
    """How many UPRNs were added or replaced, and how many rows were left out: outside the city, or without a number
    or a place."""

    kept: int
    left_out: int


def has_uprns(path: Path) -> bool:
    """Whether the file's header names a UPRN column with coordinates beside it."""
    names = _header(path)
    return "uprn" in names and any(set(pair) <= set(names) for pair in (_DEGREES, _METRES))


def load_uprns(engine: Engine, city: City, path: Path) -> LoadedUprns:
    """Adds or replaces the UPRNs of the CSV at `path` that lie in the city or within MARGIN_KM of it."""
    kept = rows = 0
    with engine.begin() as connection:
        connection.execute(text("CREATE TEMPORARY TABLE arrived (code text, lon float8, lat float8) ON COMMIT DROP"))
        driver = connection.connection.driver_connection
        assert driver is not None
        with driver.cursor() as cursor, cursor.copy("COPY arrived FROM STDIN (FORMAT csv)") as copy:
            for block in _blocks(path):
                inside = _inside(block, city)
                rows, kept = rows + block.height, kept + inside.height
                if inside.height:
                    copy.write(inside.write_csv(include_header=False).encode())
        if not kept:
            raise RegisterError(f"{path.name}: not one of {rows:,} rows has a UPRN and a place in {city.title}.")
        _merge(connection)
        count_load(connection, SUBJECT)
    return LoadedUprns(kept, rows - kept)


def _header(path: Path) -> list[str]:
    with path.open("rb") as file:
        first = file.readline(4_096)
    names = first.decode("utf-8-sig", "replace").strip().split(",")
    return [name.strip().strip('"').lower() for name in names]


def _blocks(path: Path) -> Iterator[pl.DataFrame]:
    """The file's rows as text columns named in lower case, some hundred thousand at a time."""
    schema = dict.fromkeys(_header(path), pl.String)
    with path.open("rb") as file:
        file.readline()
        rest = b""
        while block := file.read(_BLOCK_BYTES):
            whole, _, rest = (rest + block).rpartition(b"\n")
            if whole:
                yield _rows(whole, schema, path)
        if rest.strip():
            yield _rows(rest, schema, path)


def _rows(block: bytes, schema: dict[str, type[pl.String]], path: Path) -> pl.DataFrame:
    try:
        return pl.read_csv(block, has_header=False, schema=schema, encoding="utf8-lossy", truncate_ragged_lines=True)
    except PolarsError as error:
        raise RegisterError(f"{path.name} is no CSV of UPRNs: {str(error).splitlines()[0]}.") from None


def _inside(block: pl.DataFrame, city: City) -> pl.DataFrame:
    """Those rows in or near the city, as code, lon, lat."""
    code = block["uprn"].str.extract(r"^\s*0*([1-9]\d{0,11})\s*$", 1).alias("code")
    in_degrees = set(_DEGREES) <= set(block.columns)
    x, y = (
        block[name].str.strip_chars().cast(pl.Float64, strict=False).to_numpy()
        for name in (_DEGREES if in_degrees else _METRES)
    )
    lon, lat = (x, y) if in_degrees else bng_to_wgs84(x, y)
    west, south, east, north = city.extent
    up = MARGIN_KM / _KM_PER_DEGREE
    along = up / cos(radians((south + north) / 2))
    near = (lon >= west - along) & (lon <= east + along) & (lat >= south - up) & (lat <= north + up)
    frame = pl.DataFrame({"code": code, "lon": np.round(lon, 7), "lat": np.round(lat, 7)})
    return frame.filter(pl.Series(near) & pl.col("code").is_not_null())


def _merge(connection: Connection) -> None:
    connection.execute(
        text(
            "INSERT INTO citywide.place (kind, code, lon, lat) "
            "SELECT DISTINCT ON (code) 'uprn', code, lon, lat FROM arrived ORDER BY code "
            "ON CONFLICT (kind, code) DO UPDATE SET lon = excluded.lon, lat = excluded.lat"
        )
    )
    connection.execute(text("ANALYZE citywide.place"))
