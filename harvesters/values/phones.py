"""Telephone numbers, as people of the country write them."""

import re

import phonenumbers
import polars as pl

from datasets.layer import LayerField
from harvesters.values.parsed import Parsed

HOME, HOME_CODE = "GB", 44
_FOR_EXAMPLES = re.compile(r"(?:1632960|7700900|1134960|1144960|1154960|1164960|1174960|1184960)\d{3}")
"""Numbers that Ofcom keeps free for examples, which nobody has."""

_SEVERAL = re.compile(r"\s*(?:[;,/]|\bor\b|\band\b)\s*")


def parse_phone(field: LayerField, text: pl.Series) -> Parsed:
    """National form (`020 7946 0123`), with its extension; a leading zero that a spreadsheet took is put back. What is
    no number, or has other words beside it, is kept as written, and what is no number is doubted."""
    known = {value: _read(value) for value in text.drop_nulls().unique()}
    values = text.replace_strict(known, default=None, return_dtype=pl.String).fill_null(text)
    doubted = {value for value, number in known.items() if number is None and not _holds_number(value)}
    invalid = text.is_in(pl.Series(list(doubted), dtype=pl.String).implode()).fill_null(False)
    return Parsed(values, tidied=values != text, doubted={"invalid phone": invalid})


def _read(value: str) -> str | None:
    """One number, or several with commas between them."""
    several = [_read_one(part) for part in _SEVERAL.split(value)]
    return ", ".join(number for number in several if number) if all(several) else None


def _read_one(value: str) -> str | None:
    if not re.fullmatch(r"[+\d][\d\s().+\-–]*(?:(?:ext?\.?|extension|x|#)\s*\d{1,6})?|\(\d[\d\s().+\-–]*", value, re.I):
        return None
    try:
        number = phonenumbers.parse(re.sub(r"\.0$|[–.]", "", value), HOME)
    except phonenumbers.NumberParseException:
        return None
    national = str(number.national_number)
    if not phonenumbers.is_valid_number(number) and not _FOR_EXAMPLES.fullmatch(national):
        return None
    extension, number.extension = number.extension, None
    kinds = phonenumbers.PhoneNumberFormat
    kind = kinds.NATIONAL if number.country_code == HOME_CODE else kinds.INTERNATIONAL
    written = phonenumbers.format_number(number, kind)
    return f"{written} ext. {extension}" if extension else written


def _holds_number(value: str) -> bool:
    """Whether there is a whole number among other words."""
    return any(True for _ in phonenumbers.PhoneNumberMatcher(value, HOME))
