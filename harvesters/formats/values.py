"""Values of typed formats as the shortest text that says the same."""

import json

import polars as pl


def as_text(value: object) -> str | None:
    """One JSON value as text: whole numbers without `.0`, nested values as JSON."""
    if value is None:
        return None
    if isinstance(value, str):
        return value.strip() or None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        if value != value:
            return None
        return str(int(value)) if value.is_integer() and abs(value) < 1e16 else repr(value)
    if isinstance(value, int):
        return str(value)
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=str)


def column_as_text(column: pl.Series) -> pl.Series:
    """A typed column as text, empty values null."""
    kind = column.dtype
    if kind.is_float():
        text = column.fill_nan(None).cast(pl.String).str.replace(r"\.0$", "")
    elif kind == pl.Binary:
        text = column.bin.encode("hex")
    elif isinstance(kind, pl.Datetime):
        text = column.dt.to_string("iso:strict").str.replace(r"T00:00:00(\.0+)?(Z|\+00:00)?$", "")
    elif kind.is_nested():
        text = pl.Series([as_text(value) for value in column.to_list()], dtype=pl.String)
    else:
        text = column.cast(pl.String)
    return text.str.strip_chars().replace("", None).alias(column.name)
