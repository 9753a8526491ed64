"""The type stage: text becomes the layer's typed values, column by column, and what does not fit becomes an issue.

The parsers are in `harvesters/values`, one file for each kind of value.
"""

from collections.abc import Callable, Mapping

import polars as pl

from datasets.issues import Issues, row_issues
from datasets.layer import Layer, LayerField
from datasets.vocabulary import Action, FieldType
from harvesters.batch import ROW_NO, Batch
from harvesters.distinct import distinct
from harvesters.values.codes import parse_code, parse_codes
from harvesters.values.dates import parse_date
from harvesters.values.emails import parse_email
from harvesters.values.flags import parse_flag
from harvesters.values.hours import derive_hours
from harvesters.values.numbers import parse_money, parse_number
from harvesters.values.parsed import Parsed, without_null_words
from harvesters.values.phones import parse_phone
from harvesters.values.postcodes import parse_postcode
from harvesters.values.uprns import parse_uprn
from harvesters.values.urls import parse_url
from harvesters.values.written import as_written

AsWritten = Mapping[str, pl.Series]
"""By field, the rows whose value a rule wants exactly as it was written."""


def type_values(batch: Batch, layer: Layer, as_is: AsWritten | None = None) -> tuple[Batch, Issues]:
    """Every mapped field in its type; refused values are blanked, tidied ones kept, each with an issue that says what
    was written and what it was taken as. Fields derived from another are filled where that is certain."""
    issues: Issues = []
    columns: dict[str, pl.Series] = {}
    rows = batch.frame[ROW_NO]
    for name, field in layer.fields.items():
        if name not in batch.frame.columns or field.derived_from:
            columns[name] = pl.repeat(None, len(rows), dtype=_POLARS_TYPES.get(field.type, pl.String), eager=True)
            continue
        source = batch.frame[name]
        parsed = _parse(field, source)
        if as_is and name in as_is:
            parsed = _undone(field, source, parsed, as_is[name])
        columns[name] = parsed.values.alias(name)
        issues += _value_issues(name, source, parsed, rows)
        if field.required and (empty := parsed.values.is_null()).any():
            issues.append(row_issues("missing value", rows.filter(empty), action=Action.KEPT, field=name))
    for name, field in layer.fields.items():
        if field.derived_from:
            columns[name] = _derived(columns[field.derived_from], (as_is or {}).get(field.derived_from)).alias(name)
    return Batch(batch.frame.select(ROW_NO).with_columns(**columns), batch.geometry), issues


def share_valid(field: LayerField, values: pl.Series) -> float:
    """The share of filled values that the field's type accepts; 0 when none is filled."""
    filled = values.drop_nulls().head(500)
    if filled.is_empty():
        return 0.0
    if field.type in (FieldType.TEXT, FieldType.TIME_RANGES):
        return 1.0
    parsed = _parse(field, filled)
    sound = parsed.values.is_not_null()
    for mask in parsed.doubted.values():
        sound &= ~mask.fill_null(False)
    return float(sound.mean() or 0)  # type: ignore[arg-type]


_POLARS_TYPES: dict[FieldType, pl.DataType | type[pl.DataType]] = {
    FieldType.INTEGER: pl.Int64,
    FieldType.DECIMAL: pl.Float64,
    FieldType.MONEY: pl.Float64,
    FieldType.FLAG: pl.Boolean,
    FieldType.CODES: pl.List(pl.String),
}


def _value_issues(name: str, source: pl.Series, parsed: Parsed, rows: pl.Series) -> Issues:
    found: Issues = [issue.with_columns(field=pl.lit(name)) for issue in parsed.noted]
    masks = [(code, mask, Action.BLANKED, parsed.told) for code, mask in parsed.refused.items()]
    masks += [(code, mask, Action.KEPT, parsed.told) for code, mask in parsed.doubted.items()]
    if parsed.tidied is not None:
        masks.append(("value-tidied", parsed.tidied, Action.FIXED, None))
    for code, mask, action, told in masks:
        chosen = mask.fill_null(False)
        if not chosen.any():
            continue
        issue = row_issues(code, rows.filter(chosen), action=action, field=name, values=source.filter(chosen))
        message = _taken_as(parsed.values.filter(chosen)) if action is Action.FIXED else told
        if message is not None:
            issue = issue.with_columns(message=message if action is Action.FIXED else message.filter(chosen))
        found.append(issue)
    return found


def _taken_as(values: pl.Series) -> pl.Series:
    """What a tidied value is now, in words."""
    if isinstance(values.dtype, pl.List):
        values = values.list.join("; ")
    elif values.dtype == pl.Boolean:
        values = values.replace_strict({True: "yes", False: "no"}, return_dtype=pl.String)
    return pl.select("Taken as " + pl.lit(values.cast(pl.String)) + ".").to_series()


def _undone(field: LayerField, source: pl.Series, parsed: Parsed, rows: pl.Series) -> Parsed:
    """The values of these rows exactly as written, and refused where the field's type does not take them so."""
    kept = as_written(field, source.str.strip_chars(), parsed.values.dtype)
    values = pl.select(pl.when(rows).then(kept).otherwise(parsed.values)).to_series()
    refused = {code: mask.fill_null(False) & ~rows for code, mask in parsed.refused.items()}
    doubted = {code: mask.fill_null(False) & ~rows for code, mask in parsed.doubted.items()}
    code = next(iter(refused), "invalid category value")
    refused[code] = refused.get(code, ~rows & rows) | (rows & values.is_null() & source.is_not_null())
    tidied = None if parsed.tidied is None else parsed.tidied.fill_null(False) & ~rows
    return Parsed(values, refused, tidied, parsed.noted, doubted, parsed.told)


def _derived(source: pl.Series, as_is: pl.Series | None) -> pl.Series:
    """Opening hours in the OSM form; none where a rule keeps the text as it is."""
    hours = derive_hours(source)
    return hours if as_is is None else pl.select(pl.when(~as_is).then(hours)).to_series()


def _parse(field: LayerField, source: pl.Series) -> Parsed:
    """Dates and UPRNs are judged by the column as a whole; of all others each distinct value is parsed once."""
    if field.type not in (FieldType.DATE, FieldType.UPRN) and (few := distinct(source)):
        return _parse_each(field, few.values).spread(few.at)
    return _parse_each(field, source)


def _parse_each(field: LayerField, source: pl.Series) -> Parsed:
    return _PARSERS.get(field.type, _parse_text)(field, without_null_words(source))


def _parse_text(field: LayerField, text: pl.Series) -> Parsed:
    return Parsed(text)


_PARSERS: dict[FieldType, Callable[[LayerField, pl.Series], Parsed]] = {
    FieldType.INTEGER: parse_number,
    FieldType.DECIMAL: parse_number,
    FieldType.MONEY: parse_money,
    FieldType.FLAG: parse_flag,
    FieldType.DATE: parse_date,
    FieldType.CODE: parse_code,
    FieldType.CODES: parse_codes,
    FieldType.POSTCODE: parse_postcode,
    FieldType.UPRN: parse_uprn,
    FieldType.URL: parse_url,
    FieldType.EMAIL: parse_email,
    FieldType.PHONE: parse_phone,
}
