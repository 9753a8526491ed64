"""Numbers with thousands' separators, decimal commas and units, and money in pounds."""

import polars as pl

from datasets.forms import NUMBER
from datasets.layer import LayerField
from datasets.units import factor
from datasets.vocabulary import FieldType
from harvesters.values.parsed import Parsed

_THOUSANDS = r"^[-+]?\d{1,3}(?:[, ]\d{3})+(?:\.\d+)?$"
_CONTINENTAL = r"^[-+]?\d{1,3}(?:\.\d{3})*,\d{1,2}$"
_ABOUT = r"(?i)^(?:approximately|approx\.?|about|around|circa|c\.|ca\.|~)\s*"
_WITH_UNIT = r"^([-+]?[\d.,]*\d)\s*([^\d\s.,+\-][^\d]{0,20}[23]?)$"
_BAND = r"^[^\d]*\d[\d.,]*\s*[^\d\s\-–]{0,8}\s*(?:-|–|to)\s*[^\d\s]?\d[\d.,]*\s*\D*$"
_BAND_TOLD = "It is a band and not one number."
_FREE = ("free", "none", "nocharge", "nil", "freeofcharge", "no", "freetouse", "nofee", "notcharged")


def parse_number(field: LayerField, text: pl.Series) -> Parsed:
    """Numbers in the field's unit. A number of another unit is converted; a band of numbers is none."""
    exact = text.str.replace(_ABOUT, "")
    values, tidied = _number(exact)
    if values.null_count() > text.null_count() and field.unit:
        in_unit = _in_unit(exact, field.unit)
        tidied |= (values.is_null() & in_unit.is_not_null()) | (exact != text).fill_null(False)
        values = pl.select(pl.coalesce(values, in_unit)).to_series()
    tidied |= (exact != text).fill_null(False)
    code = "invalid decimal"
    if field.type is FieldType.INTEGER:
        code, whole = "invalid integer", values == values.round()
        values = pl.select(pl.when(whole).then(values)).to_series().cast(pl.Int64, strict=False)
    refused = {code: text.is_not_null() & values.is_null()}
    return _within_bounds(field, Parsed(values, refused, tidied & values.is_not_null(), told=_told(text)))


def parse_money(field: LayerField, text: pl.Series) -> Parsed:
    """Pounds: `£0.20`, `20p`, `50 pence`, `Free`, `none`."""
    lower = text.str.to_lowercase().str.replace_all(r"[\s.]+$|\s+", "")
    free = lower.is_in(_FREE)
    pence = _number(lower.str.extract(r"^(\d+(?:\.\d+)?)(?:p|pence)$", 1))[0]
    # £0.002 is what nobody asks for: the pounds were meant, or the pence, and it does not say which.
    pence = pl.select(pl.when(pence >= 1).then((pence / 100).round(6))).to_series()
    pounds, tidied = _number(lower.str.replace(r"^£|^gbp", "").str.replace(r"(?:gbp|pounds?)$", ""))
    values = pl.select(pl.when(free).then(0.0).otherwise(pl.coalesce(pence, pounds))).to_series()
    tidied = values.is_not_null() & (free | pence.is_not_null() | tidied)
    refused = {"invalid decimal": text.is_not_null() & values.is_null()}
    return _within_bounds(field, Parsed(values, refused, tidied, told=_told(text)))


def _number(text: pl.Series) -> tuple[pl.Series, pl.Series]:
    """The numbers, and which of them had a comma for their point."""
    thousands = text.str.contains(_THOUSANDS).fill_null(False)
    continental = text.str.contains(_CONTINENTAL).fill_null(False) & ~thousands
    plain = text
    if thousands.any():
        plain = pl.select(pl.when(thousands).then(plain.str.replace_all(r"[, ]", "")).otherwise(plain)).to_series()
    if continental.any():
        turned = plain.str.replace_all(".", "", literal=True).str.replace(",", ".", literal=True)
        plain = pl.select(pl.when(continental).then(turned).otherwise(plain)).to_series()
    # Polars takes words such as "inf" for numbers.
    sound = pl.select(pl.when(plain.str.contains(NUMBER)).then(plain)).to_series()
    return sound.cast(pl.Float64, strict=False), continental


def _in_unit(text: pl.Series, wanted: str) -> pl.Series:
    """Numbers with a unit after them, in the wanted one."""
    parts = text.str.extract_groups(_WITH_UNIT).struct
    number, unit = _number(parts.field("1"))[0], parts.field("2")
    factors = {name: by for name in unit.drop_nulls().unique() if (by := factor(name, wanted)) is not None}
    return (number * unit.replace_strict(factors, default=None, return_dtype=pl.Float64)).round(6)


def _told(text: pl.Series) -> pl.Series:
    """A word on what looks like a number and is none."""
    band = text.str.contains(_BAND)
    return pl.select(pl.when(band).then(pl.lit(_BAND_TOLD))).to_series()


def _within_bounds(field: LayerField, parsed: Parsed) -> Parsed:
    values, refused, tidied = parsed.values, dict(parsed.refused), parsed.tidied
    for code, mask in (
        ("too small", None if field.minimum is None else values < field.minimum),
        ("too large", None if field.maximum is None else values > field.maximum),
    ):
        if mask is not None and mask.any():
            refused[code] = mask
            values = pl.select(pl.when(mask.fill_null(False)).then(None).otherwise(values)).to_series()
            tidied = None if tidied is None else tidied & ~mask.fill_null(False)
    return Parsed(values, refused, tidied, parsed.noted, told=parsed.told)
