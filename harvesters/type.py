"""The type stage: text becomes the layer's typed values, column by column, and what does not fit becomes an issue."""

from collections.abc import Callable
from dataclasses import dataclass

import polars as pl

from datasets.issues import Issues, row_issues
from datasets.layer import Layer, LayerField
from datasets.vocabulary import Action, FieldType
from harvesters.batch import ROW_NO, Batch
from harvesters.dates import parse_dates
from harvesters.distinct import distinct

NULL_WORDS = (
    "na",
    "n/a",
    "n.a.",
    "#n/a",
    "null",
    "<null>",
    "nil",
    "-",
    "--",
    "?",
    "tbc",
    "tba",
)
_YES = ("yes", "y", "true", "t", "1", "x", "✓", "on")
_NO = ("no", "n", "false", "f", "0", "off")
_POSTCODE = r"^([A-Z]{1,2}[0-9][A-Z0-9]?|GIR) ?([0-9][A-Z]{2})$"
_EMAIL = r"^[^@\s<>,;]+@[^@\s<>,;]+\.[A-Za-z]{2,}$"
_URL = r"^https?://[^\s/?#]+\.[^\s]+$"


@dataclass(frozen=True)
class Parsed:
    """One column after parsing: the values, and masks of rows by what happened to them."""

    values: pl.Series
    refused: dict[str, pl.Series]
    tidied: pl.Series | None = None
    noted: Issues | None = None


def type_values(batch: Batch, layer: Layer) -> tuple[Batch, Issues]:
    """Every mapped field in its type; refused values are blanked, tidied ones kept, each with an issue."""
    issues: Issues = []
    columns: dict[str, pl.Series] = {}
    rows = batch.frame[ROW_NO]
    for name, field in layer.fields.items():
        if name not in batch.frame.columns:
            columns[name] = pl.repeat(None, len(rows), dtype=_POLARS_TYPES.get(field.type, pl.String), eager=True)
            continue
        source = batch.frame[name]
        parsed = _parse(field, source)
        columns[name] = parsed.values.alias(name)
        issues += _value_issues(name, source, parsed, rows)
        if field.required and (empty := parsed.values.is_null()).any():
            issues.append(row_issues("missing value", rows.filter(empty), action=Action.KEPT, field=name))
    return Batch(batch.frame.select(ROW_NO).with_columns(**columns), batch.geometry), issues


def share_valid(field: LayerField, values: pl.Series) -> float:
    """The share of filled values that the field's type accepts; 0 when none is filled."""
    filled = values.drop_nulls().head(500)
    if filled.is_empty():
        return 0.0
    if field.type in (FieldType.TEXT, FieldType.TIME_RANGES):
        return 1.0
    return float(_parse(field, filled).values.is_not_null().mean() or 0)  # type: ignore[arg-type]


_POLARS_TYPES: dict[FieldType, pl.DataType | type[pl.DataType]] = {
    FieldType.INTEGER: pl.Int64,
    FieldType.DECIMAL: pl.Float64,
    FieldType.MONEY: pl.Float64,
    FieldType.FLAG: pl.Boolean,
    FieldType.CODES: pl.List(pl.String),
}


def _value_issues(name: str, source: pl.Series, parsed: Parsed, rows: pl.Series) -> Issues:
    found: Issues = [issue.with_columns(field=pl.lit(name)) for issue in parsed.noted or []]
    masks = [(code, mask, Action.BLANKED) for code, mask in parsed.refused.items()]
    if parsed.tidied is not None:
        masks.append(("value-tidied", parsed.tidied, Action.FIXED))
    for code, mask, action in masks:
        chosen = mask.fill_null(False)
        if chosen.any():
            found.append(row_issues(code, rows.filter(chosen), action=action, field=name, values=source.filter(chosen)))
    return found


def _parse(field: LayerField, source: pl.Series) -> Parsed:
    """Dates and UPRNs are judged by the column as a whole; of all others each distinct value is parsed once."""
    if field.type not in (FieldType.DATE, FieldType.UPRN) and (few := distinct(source)):
        return _spread(_parse_each(field, few.values), few.at)
    return _parse_each(field, source)


def _parse_each(field: LayerField, source: pl.Series) -> Parsed:
    text = _without_null_words(source)
    return _PARSERS.get(field.type, _parse_text)(field, text)


def _spread(parsed: Parsed, at: pl.Series) -> Parsed:
    """What was found for distinct values, for every row."""
    refused = {code: mask.gather(at) for code, mask in parsed.refused.items()}
    tidied = None if parsed.tidied is None else parsed.tidied.gather(at)
    return Parsed(parsed.values.gather(at), refused, tidied, parsed.noted)


def _without_null_words(source: pl.Series) -> pl.Series:
    """Outer and doubled white space gone, line ends as commas, words that mean nothing as null."""
    plain = source.str.strip_chars(" \t\r\n\u00a0,")
    if plain.str.contains(r"[\r\n\t\u00a0]|  ").any():
        plain = plain.str.replace_all(r"\s*,?\s*[\r\n]+\s*", ", ").str.replace_all(r"[\s\u00a0]+", " ")
    blank = (plain == "") | plain.str.to_lowercase().is_in(NULL_WORDS)
    return pl.select(pl.when(blank).then(None).otherwise(plain)).to_series()


def _parse_text(field: LayerField, text: pl.Series) -> Parsed:
    return Parsed(text, {})


def _parse_number(field: LayerField, text: pl.Series) -> Parsed:
    plain = text.str.replace_all(r"[,£\s]", "")
    values = plain.cast(pl.Float64, strict=False)
    if field.type is FieldType.INTEGER:
        whole = values == values.round()
        values = pl.select(pl.when(whole).then(values)).to_series().cast(pl.Int64, strict=False)
    code = "invalid integer" if field.type is FieldType.INTEGER else "invalid decimal"
    return _within_bounds(field, Parsed(values, {code: text.is_not_null() & values.is_null()}))


def _parse_money(field: LayerField, text: pl.Series) -> Parsed:
    """Pounds: `£0.20`, `20p`, `50 pence`, `Free`, `none`."""
    lower = text.str.to_lowercase().str.replace_all(r"[£,\s]", "")
    free = lower.is_in(["free", "none", "nocharge", "nil", "freeofcharge", "no"])
    pence = lower.str.extract(r"^(\d+(?:\.\d+)?)(?:p|pence)$", 1).cast(pl.Float64, strict=False) / 100
    pounds = lower.str.strip_chars_end("gbp").cast(pl.Float64, strict=False)
    values = pl.select(pl.when(free).then(0.0).otherwise(pl.coalesce(pence, pounds))).to_series()
    tidied = values.is_not_null() & (free | pence.is_not_null())
    return _within_bounds(field, Parsed(values, {"invalid decimal": text.is_not_null() & values.is_null()}, tidied))


def _within_bounds(field: LayerField, parsed: Parsed) -> Parsed:
    values, refused = parsed.values, dict(parsed.refused)
    for code, mask in (
        ("too small", None if field.minimum is None else values < field.minimum),
        ("too large", None if field.maximum is None else values > field.maximum),
    ):
        if mask is not None and mask.any():
            refused[code] = mask
            values = pl.select(pl.when(mask.fill_null(False)).then(None).otherwise(values)).to_series()
    return Parsed(values, refused, parsed.tidied, parsed.noted)


def _parse_flag(field: LayerField, text: pl.Series) -> Parsed:
    """Yes and no in all their forms; `Yes (RADAR)` and `No - see notes` count by their first word, tidied."""
    lower = text.str.to_lowercase()
    first = lower.str.extract(r"^(yes|no|none)\b", 1)
    word = pl.select(pl.when(lower.is_in([*_YES, *_NO])).then(lower).otherwise(first)).to_series()
    values = pl.select(
        pl.when(word.is_in(_YES)).then(True).when(word.is_in([*_NO, "none"])).then(False).otherwise(None)
    ).to_series()
    tidied = values.is_not_null() & (word != lower)
    return Parsed(values, {"invalid flag": text.is_not_null() & values.is_null()}, tidied)


def _parse_code(field: LayerField, text: pl.Series) -> Parsed:
    known = {synonym.lower(): code for code, synonyms in field.codes.items() for synonym in (code, *synonyms)}
    values = text.str.to_lowercase().replace_strict(known, default=None, return_dtype=pl.String)
    tidied = values.is_not_null() & (values != text)
    return Parsed(values, {"invalid category value": text.is_not_null() & values.is_null()}, tidied)


def _parse_codes(field: LayerField, text: pl.Series) -> Parsed:
    known = {synonym.lower(): code for code, synonyms in field.codes.items() for synonym in (code, *synonyms)}
    parts = text.str.to_lowercase().str.split(";").list.eval(pl.element().str.strip_chars())
    values = parts.list.eval(pl.element().replace_strict(known, default=None, return_dtype=pl.String)).list.drop_nulls()
    lost = parts.list.len() != values.list.len()
    return Parsed(values, {"invalid category value": lost.fill_null(False)})


def _parse_postcode(field: LayerField, text: pl.Series) -> Parsed:
    plain = text.str.to_uppercase().str.replace_all(r"[^A-Z0-9]", "")
    spaced = plain.str.replace(r"^(.*)(.{3})$", "${1} ${2}")
    values = pl.select(pl.when(spaced.str.contains(_POSTCODE)).then(spaced)).to_series()
    return Parsed(
        values,
        {"invalid postcode": text.is_not_null() & values.is_null()},
        values.is_not_null() & (values != text),
    )


def _parse_uprn(field: LayerField, text: pl.Series) -> Parsed:
    """One to twelve digits. `1.00E+11` was rounded by a spreadsheet, and so were numbers that end in five zeros where
    there are more of them than chance makes: 1 in 100,000."""
    plain = text.str.replace(r"\.0+$", "")
    digits = plain.str.extract(r"^0*([1-9]\d{0,11})$", 1)
    rounded = digits.str.contains(r"00000$")
    if int(rounded.sum()) > max(2, len(rounded) // 1_000):
        digits = pl.select(pl.when(rounded).then(None).otherwise(digits)).to_series()
    return Parsed(
        digits,
        {"invalid UPRN": text.is_not_null() & digits.is_null() & (text != "0")},
        digits.is_not_null() & (digits != text),
    )


def _parse_url(field: LayerField, text: pl.Series) -> Parsed:
    linked = text.str.extract(r"""(?i)href=["']?([^"'\s>]+)""", 1)
    plain = pl.select(pl.coalesce(linked, text)).to_series()
    bare = plain.str.contains(r"(?i)^www\.[^\s]+$")
    whole = pl.select(pl.when(bare).then("https://" + plain).otherwise(plain)).to_series()
    whole = whole.str.replace(r"(?i)^(https?)://", "${1}://").str.replace(r"^HTTP(S?)://", "http${1}://")
    values = pl.select(pl.when(whole.str.contains(_URL)).then(whole)).to_series()
    return Parsed(
        values, {"invalid URI": text.is_not_null() & values.is_null()}, values.is_not_null() & (values != text)
    )


def _parse_email(field: LayerField, text: pl.Series) -> Parsed:
    plain = text.str.replace(r"(?i)^mailto:", "")
    values = pl.select(pl.when(plain.str.contains(_EMAIL)).then(plain)).to_series()
    return Parsed(
        values, {"invalid e-mail": text.is_not_null() & values.is_null()}, values.is_not_null() & (values != text)
    )


def _parse_phone(field: LayerField, text: pl.Series) -> Parsed:
    """Kept as written, but a leading zero that a spreadsheet took (ten digits from 1 to 8) is put back."""
    values = text.str.replace(r"^([1-8]\d{9})$", "0${1}")
    return Parsed(values, {}, values != text)


def _parse_date(field: LayerField, text: pl.Series) -> Parsed:
    values, refused, noted = parse_dates(text)
    return Parsed(values, refused, None, noted)


_PARSERS: dict[FieldType, Callable[[LayerField, pl.Series], Parsed]] = {
    FieldType.INTEGER: _parse_number,
    FieldType.DECIMAL: _parse_number,
    FieldType.MONEY: _parse_money,
    FieldType.FLAG: _parse_flag,
    FieldType.DATE: _parse_date,
    FieldType.CODE: _parse_code,
    FieldType.CODES: _parse_codes,
    FieldType.POSTCODE: _parse_postcode,
    FieldType.UPRN: _parse_uprn,
    FieldType.URL: _parse_url,
    FieldType.EMAIL: _parse_email,
    FieldType.PHONE: _parse_phone,
}
