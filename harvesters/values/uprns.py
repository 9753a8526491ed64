"""Unique Property Reference Numbers, which are text: spreadsheets round them."""

import polars as pl

from datasets.layer import LayerField
from harvesters.values.parsed import Parsed, or_refused

_SHORT_FORM = r"(?i)^\d(?:\.\d+)?e\+?\d+$"
_ROUNDED_TOLD = "A spreadsheet has rounded it; its last digits are gone."


def parse_uprn(field: LayerField, text: pl.Series) -> Parsed:
    """One to twelve digits. `1.00E+11` was rounded by a spreadsheet, and so were numbers that end in five zeros where
    there are more of them than chance makes: 1 in 100,000. Nought is none."""
    plain = text.str.replace(r"\.0+$", "")
    digits = plain.str.extract(r"^0*([1-9]\d{0,11})$", 1)
    rounded = digits.str.contains(r"00000$")
    if int(rounded.sum()) > max(2, len(rounded) // 1_000):
        digits = pl.select(pl.when(rounded).then(None).otherwise(digits)).to_series()
    short = text.str.contains(_SHORT_FORM) | (rounded & digits.is_null())
    told = pl.select(pl.when(short).then(pl.lit(_ROUNDED_TOLD))).to_series()
    nought = text.str.contains(r"^0+(?:\.0+)?$")
    return or_refused("invalid UPRN", pl.select(pl.when(~nought).then(text)).to_series(), digits, told)
