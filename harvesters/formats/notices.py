"""What an ArcGIS server sends between the pages of a layer that are no rows: the layer's description, and lists of ids.
The description knows what coded values stand for, which a MapServer's pages do not say."""

import json
import re
from collections.abc import Mapping
from pathlib import Path

import polars as pl

from harvesters.formats.values import as_text

Names = Mapping[str, Mapping[str, str]]
"""What the coded values of a field stand for, by field and code."""


def notice(path: Path) -> Names | None:
    """The names of coded values that a page without rows tells, often none; None for a page of rows."""
    content = path.read_bytes()
    if path.suffix != ".json" or re.search(rb'"features"\s*:', content):
        return None
    try:
        told = json.loads(content)
    except ValueError:
        return None
    if not isinstance(told, dict):
        return None
    if "objectIdFieldName" in told and "objectIds" in told:
        return {}
    fields = told.get("fields")
    if told.get("type") not in ("Feature Layer", "Table") or not isinstance(fields, list):
        return None
    return {str(field["name"]): names for field in fields if isinstance(field, dict) and (names := _names(field))}


def with_names(records: pl.DataFrame, names: Names, path: Path) -> pl.DataFrame:
    """The records of the page at `path` with names for coded values, unless the page told them itself."""
    known = {name: codes for name, codes in names.items() if name in records.columns}
    if not known or b'"codedValues"' in path.read_bytes():
        return records
    return records.with_columns(pl.col(name).replace(dict(codes)) for name, codes in known.items())


def _names(field: Mapping[str, object]) -> dict[str, str]:
    domain = field.get("domain")
    coded = domain.get("codedValues") if isinstance(domain, dict) else None
    pairs = [(as_text(one.get("code")), as_text(one.get("name"))) for one in coded or [] if isinstance(one, dict)]
    return {code: name for code, name in pairs if code is not None and name is not None}
