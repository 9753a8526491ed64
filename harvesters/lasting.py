"""A platform's own lasting key among a file's columns: ArcGIS' GlobalID, or a UUID that a publisher's system keeps.

Apart from the ladder, because what looks like a key often is none: OBJECTID, FID, Socrata's `:id`, CKAN's `_id` and
GeoServer's `fid-…` are numbered anew whenever the data is published again.
"""

import re

import polars as pl

from harvesters.batch import ROW_NO, Batch, Opened

_NAMED = re.compile(r"(?:.*[_.\s-])?(?:global[_\s-]?id|uuid|guid)(?:[_\s-]?\d+)?", re.IGNORECASE)
_UUID = r"^\s*\{?([0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12})\}?\s*$"
_RANDOM = r"(?:^|[.:])fid-{1,2}[0-9a-f_:-]+$"
_NIL = "00000000-0000-0000-0000-000000000000"


def persistent_key(batch: Batch, opened: Opened | None) -> pl.Series | None:
    """The rows' UUIDs in lower case, from the first column that is named as one and holds nothing else; None where the
    file has no such column. Whether they tell the rows apart is for the ladder to say."""
    if opened is None:
        return None
    for column in opened.columns:
        if not _NAMED.fullmatch(column):
            continue
        found = opened.records.select(ROW_NO, key=pl.col(column).str.extract(_UUID, 1).str.to_lowercase())
        if found["key"].null_count() == opened.records[column].null_count() and is_filled(found["key"]):
            keys = batch.frame.select(ROW_NO).join(found, on=ROW_NO, how="left", maintain_order="left")["key"]
            return keys.replace(_NIL, None)
    return None


def is_made_up(references: pl.Series) -> bool:
    """Whether they are ids that GeoServer makes up anew for each answer."""
    first = references.drop_nulls().head(100)
    return not first.is_empty() and bool(first.str.contains(_RANDOM).all())


def is_filled(values: pl.Series) -> bool:
    """Whether any row has a value."""
    return values.null_count() < len(values)
