"""Postcodes in their one form, and the letters that are written for digits in them."""

import polars as pl

from datasets.forms import POSTCODE
from datasets.layer import LayerField
from harvesters.values.parsed import Parsed, or_refused

_MENDS = (
    (r"^(.+)O([A-Z]{2})$", "${1}0${2}"),
    (r"^(.+)[IL]([A-Z]{2})$", "${1}1${2}"),
    (r"^0([A-Z]\d.*)$", "O${1}"),
    (r"^1([A-Z]\d.*)$", "I${1}"),
    (r"^([A-Z])0(\d{2}.{3})$", "${1}O${2}"),
    (r"^([A-Z])O(.{3})$", "${1}0${2}"),
    (r"^([A-Z])[IL](.{3})$", "${1}1${2}"),
    (r"^([A-Z]{2})O(.?.{3})$", "${1}0${2}"),
    (r"^([A-Z]{2})[IL](.?.{3})$", "${1}1${2}"),
)
"""O for 0 and I for 1 where a digit must be, and the other way round, in the order that the places are tried."""


def parse_postcode(field: LayerField, text: pl.Series) -> Parsed:
    """Capital letters with one space before the last three. What is no postcode is mended where only one reading of
    O, 0, I, L and 1 makes it one."""
    plain = text.str.to_uppercase().str.replace_all(r"[^A-Z0-9]", "")
    sound = _spaced(plain)
    if sound.null_count() > text.null_count():
        sound = sound.fill_null(_mended(plain))
    return or_refused("invalid postcode", text, sound)


def _spaced(plain: pl.Series) -> pl.Series:
    spaced = plain.str.replace(r"^(.*)(.{3})$", "${1} ${2}")
    return pl.select(pl.when(spaced.str.contains(POSTCODE)).then(spaced)).to_series()


def _mended(plain: pl.Series) -> pl.Series:
    """Each mend by itself, and then all of them one after the other, until it is a postcode."""
    found, together = pl.repeat(None, len(plain), dtype=pl.String, eager=True), plain
    for wrong, right in _MENDS:
        together = together.str.replace(wrong, right)
        found = found.fill_null(_spaced(plain.str.replace(wrong, right)))
    return found.fill_null(_spaced(together))
