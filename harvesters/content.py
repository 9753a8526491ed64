"""What the records of a resource say, as one hash: the same whatever order they come in, however the server numbers
them, whenever it made the answer. Two reads with the same hash hold the same data."""

import re
from collections.abc import Collection

import numpy as np
import polars as pl
import shapely

from harvesters.batch import ROW_NO, Geometries, Opened

SERVER_COLUMNS = frozenset(
    {
        *("fid", "ogc_fid", "gml_id", "objectid", "objectid_1", "esri_oid", "_id", "@id"),
        *(":id", ":version", ":created_at", ":updated_at", "timestamp", "_full_text"),
    }
)
"""Columns, in lower case, that servers add and renumber."""

_DEGREE_DIGITS, _METRE_DIGITS = 7, 3
"""About a centimetre and a millimetre: what is finer is noise of a conversion."""
_RANDOM_ID = re.compile(r"\bfid-{1,2}[0-9a-f_:-]+$")
"""Ids that GeoServer makes up for each answer where a table has no primary key."""


def content_hash(opened: Opened, used: Collection[str]) -> str:
    """A hash of the records without what only the server put there, but for the columns that are `used`. Of one version
    of Polars, whose own hash it is."""
    kept = sorted(name for name in opened.columns if name in used or not _is_the_servers(opened, name))
    if not kept and opened.geometry is None:
        kept = opened.columns
    frame = opened.records.select(kept)
    if opened.geometry is not None:
        frame = frame.with_columns(pl.Series(ROW_NO, _shapes(opened.geometry), dtype=pl.Binary))
    rows = frame.hash_rows(seed=0).sort().to_numpy()
    columns = pl.Series(kept, dtype=pl.String).hash(seed=0).to_numpy()
    whole = pl.Series([np.concatenate([columns, rows]).tobytes()], dtype=pl.Binary).hash(seed=0).item()
    return f"{pl.__version__}:{opened.records.height}:{whole:016x}"


def _is_the_servers(opened: Opened, name: str) -> bool:
    if name.lower() in SERVER_COLUMNS:
        return True
    if name.lower() != "id":
        return False
    first = opened.records[name].drop_nulls().head(1)
    return bool(len(first)) and _RANDOM_ID.search(first.item()) is not None


def _shapes(geometry: Geometries) -> list[bytes | None]:
    """Each shape as bytes, its coordinates rounded to what is more than noise."""
    coordinates = shapely.get_coordinates(geometry)
    metres = bool(len(coordinates)) and float(np.nanmax(np.abs(coordinates))) > 400
    digits = _METRE_DIGITS if metres else _DEGREE_DIGITS
    # Adding zero turns a rounded -0.0 into 0.0.
    rounded = shapely.transform(geometry, lambda values: np.round(values, digits) + 0.0)
    found: list[bytes | None] = shapely.to_wkb(rounded).tolist()
    return found
