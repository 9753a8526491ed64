"""Looking for personal data in every text that the layer would publish, whatever the column is called."""

import re
from collections.abc import Mapping
from functools import cache

import polars as pl

from datasets.issues import Issues, all_issues, feed_issue, row_issues
from datasets.layer import Layer, LayerField
from datasets.vocabulary import Action, FieldType
from harvesters.batch import ROW_NO
from harvesters.personal import (
    bank_account,
    birth,
    driving_licence,
    email,
    internet_address,
    named_person,
    national_insurance,
    nhs,
    passport,
    payment_card,
    phone,
    vehicle,
)
from harvesters.personal.detector import Detector

SUSPECTED = "personal-data-suspected"
OF_WHOM = re.compile(r"_by$|manager|operator|owner|provider|holder|contact|agent|author|notes")
"""Fields in which a name that stands alone is a person's; elsewhere parks, wards and schools have such names."""

LISTED_ROWS = 1000
"""Rows beyond this many are counted in one issue."""

TEXTS = (FieldType.TEXT, FieldType.TIME_RANGES, FieldType.CODE, FieldType.CODES, FieldType.URL, FieldType.EMAIL,
         FieldType.PHONE)  # fmt: skip
"""Fields of other types are numbers, dates and codes when they are published; what is none is left out of them."""


@cache
def detectors() -> tuple[Detector, ...]:
    """One for each kind."""
    modules = (email, phone, national_insurance, nhs, birth, passport, driving_licence, payment_card, bank_account,
               vehicle, internet_address)  # fmt: skip
    return (*(module.DETECTOR for module in modules), named_person.detector())


@cache
def any_hint() -> str:
    """Matches each text that any detector should look at."""
    return "|".join(f"(?:{detector.hint})" for detector in detectors())


def suspects(frame: pl.DataFrame, layer: Layer) -> Issues:
    """An issue for each row and field of the mapped, untyped `frame` in which something looks personal. None of them
    repeats what it found."""
    found: Issues = []
    for name in frame.columns:
        field = layer.fields.get(name)
        if field is None or field.type not in TEXTS:
            continue
        for kind, values in kinds(name, field, frame[name]).items():
            rows = frame[ROW_NO].filter(frame[name].is_in(values))
            found += _told(name, kind, rows)
    return found


def doubt(issues: Issues) -> str | None:
    """Why the run is to be held, in words; None when nothing was suspected."""
    found = all_issues(issues).filter(pl.col("code") == SUSPECTED)
    if found.is_empty():
        return None
    kinds = found.group_by("field", "message", maintain_order=True).agg(pl.sum("count"), pl.min("row_no"))
    told = [
        f"{field or 'A column name'}: {message.rstrip('.')} ({count:,} row{'s' if count > 1 else ''}"
        + (f", first row {row})" if row is not None else ")")
        for field, message, count, row in kinds.head(6).iter_rows()
    ]
    return f"There may be personal data. {'; '.join(told)}. Take it out of the file; if it is none, say why."


def kinds(name: str, field: LayerField, column: pl.Series) -> Mapping[str, list[str]]:
    """The values of a column that look personal, by kind."""
    identifies = name == "reference" or field.national
    found: dict[str, list[str]] = {}
    for text in _candidates(column, any_hint()):
        for detector in detectors():
            asked_for = detector is phone.DETECTOR and field.type is FieldType.PHONE
            if not asked_for and not (identifies and detector.numbers) and any(detector.find(text)):
                found.setdefault(detector.kind, []).append(text)
    if field.type is FieldType.TEXT and OF_WHOM.search(name):
        names = [text for text in _candidates(column, named_person.alone()) if named_person.is_a_name(text)]
        if names:
            found.setdefault(named_person.detector().kind, []).extend(names)
    if field.type is FieldType.TEXT and nhs.fills(column):
        found[nhs.DETECTOR.kind] = column.drop_nulls().unique().to_list()
    return found


def _candidates(column: pl.Series, hint: str) -> pl.Series:
    """The distinct texts of a column that a hint matches."""
    return column.filter(column.str.contains(hint).fill_null(False)).unique(maintain_order=True)


def _told(name: str, kind: str, rows: pl.Series) -> Issues:
    message = f"It looks like {kind}."
    issues = [row_issues(SUSPECTED, rows.head(LISTED_ROWS), action=Action.HELD, field=name, message=message)]
    rest = len(rows) - LISTED_ROWS
    if rest > 0:
        issues.append(feed_issue(SUSPECTED, message, action=Action.HELD, field=name, count=rest))
    return issues
