"""Numbers as councils write coordinates: with thousands separators, degree signs, units, compass letters."""

import numpy as np
import polars as pl
from numpy.typing import NDArray

from datasets.crs import Floats

Mask = NDArray[np.bool_]

_PREFIX = r"^(?:easting|northing|longitude|latitude|long|lat|lng|lon|[enxy])?[:=]?"
_NUMBER = _PREFIX + r"([+-]?\d+(?:\.\d*)?|[+-]?\.\d+)(?:°|º|degrees|deg|metres|m)?([nsew])?$"
_SEXAGESIMAL = r"""^(\d{1,3})[°º](\d{1,2})(?:['′’](?:(\d{1,2}(?:\.\d+)?)(?:["″”]|'')?)?)?([nsew])?$"""


def read_numbers(text: pl.Series) -> tuple[Floats, Mask]:
    """The number in each text, NaN where there is none, and which texts have digits that make no number.

    Text without a digit ("n/a", "-", "tbc") says that there is no number; that is not a mistake.
    """
    quick = text.str.strip_chars().cast(pl.Float64, strict=False)
    values = quick.to_numpy(writable=True)
    rest = (text.is_not_null() & quick.is_null()).to_numpy()
    if rest.any():
        values[rest] = _tidied(text.filter(pl.Series(rest)))
    values[~np.isfinite(values)] = np.nan
    refused = np.zeros(len(values), dtype=np.bool_)
    if rest.any():
        refused[rest] = np.isnan(values[rest]) & text.filter(pl.Series(rest)).str.contains(r"\d").to_numpy()
    return values, refused


def _tidied(text: pl.Series) -> Floats:
    bare = text.str.to_lowercase().str.replace_all(r"[\s\x{a0}]", "").str.replace_all("[−–]", "-")
    bare = bare.str.strip_chars("()[]'\"")
    parts = pl.DataFrame({"bare": bare}).with_columns(
        plain=pl.when(pl.col("bare").str.contains(r"^[^\d,]*\d{1,3}(,\d{3})+(\.\d+)?[^\d,]*$"))
        .then(pl.col("bare").str.replace_all(",", ""))
        .otherwise(pl.col("bare").str.replace(r"^(-?\d+),(\d+)$", "$1.$2"))
        .str.strip_chars_end(",;")
    )
    decimal = pl.col("plain").str.extract(_NUMBER, 1).cast(pl.Float64)
    degrees, minutes, seconds = (
        pl.col("plain").str.extract(_SEXAGESIMAL, group).cast(pl.Float64) for group in (1, 2, 3)
    )
    compass = pl.coalesce(pl.col("plain").str.extract(_NUMBER, 2), pl.col("plain").str.extract(_SEXAGESIMAL, 4))
    value = pl.coalesce(decimal, degrees + minutes / 60 + seconds.fill_null(0) / 3600)
    signed = pl.when(compass.is_in(["s", "w"])).then(-value.abs()).otherwise(value)
    return parts.select(signed).to_series().to_numpy(writable=True)
