"""OS grid references ("TQ 300 804") as places on the British National Grid."""

import numpy as np
import polars as pl

from datasets.crs import Floats
from harvesters.location.numbers import Mask

GRID_REFERENCE = r"^\s*([HJNOST])([A-HJ-Z])[\s/-]*(?:(\d{2,5})[\s/-]+(\d{2,5})|(\d{4,10}))\s*$"
"""Two letters and two numbers of as many digits, or both run together; below four digits it could be any code."""

_LETTERS = "ABCDEFGHJKLMNOPQRSTUVWXYZ"


def read_grid_references(text: pl.Series) -> tuple[Floats, Floats, Floats, Mask]:
    """Easting and northing of the middle of each reference's square, the square's size in metres, and which texts
    have something that is not a grid reference; NaN where there is none."""
    parts = pl.DataFrame({"text": text.str.to_uppercase()}).select(
        *(pl.col("text").str.extract(GRID_REFERENCE, group).alias(f"g{group}") for group in range(1, 6))
    )
    run = pl.col("g5")
    half = run.str.len_chars() // 2
    parts = parts.with_columns(
        east=pl.coalesce("g3", run.str.slice(0, half)), north=pl.coalesce("g4", run.str.slice(half))
    )
    parts = parts.with_columns(digits=pl.col("east").str.len_chars())
    uneven = parts["digits"] != parts["north"].str.len_chars()
    first, second = (_letter_number(parts[name]) for name in ("g1", "g2"))
    size = np.power(10.0, 5 - parts["digits"].cast(pl.Float64).to_numpy())
    easting = ((first - 2) % 5 * 5 + second % 5) * 100_000 + _number(parts["east"]) * size + size / 2
    northing = (19 - first // 5 * 5 - second // 5) * 100_000 + _number(parts["north"]) * size + size / 2
    wrong = np.isnan(easting) | np.isnan(northing) | uneven.fill_null(False).to_numpy()
    for values in (easting, northing, size):
        values[wrong] = np.nan
    refused = wrong & text.str.contains(r"\w").fill_null(False).to_numpy()
    return easting, northing, size, refused


def _letter_number(letters: pl.Series) -> Floats:
    numbers = {letter: float(number) for number, letter in enumerate(_LETTERS)}
    return letters.replace_strict(numbers, default=None, return_dtype=pl.Float64).to_numpy()


def _number(digits: pl.Series) -> Floats:
    return digits.cast(pl.Float64).to_numpy()
