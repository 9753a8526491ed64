"""What a run says about a file never repeats what looks personal in it: values of issues, messages, names of columns,
layers and files are shown with the place of it blotted out."""

from collections.abc import Iterable
from pathlib import PurePosixPath

import polars as pl

from datasets.issues import Issues, all_issues
from harvesters.personal import named_person
from harvesters.personal.detector import Span
from harvesters.personal.scan import SUSPECTED, any_hint, detectors

BLOT = "▒▒▒"
SMALL = "small-number-suppressed"
FREE_WRITTEN = "not a record"
"""The issue whose values are notes above or below a table, in which any name may stand."""


def concealed(text: str) -> str:
    """The text without what looks personal in it."""
    return _blotted(text, (span for detector in detectors() for span in detector.find(text)))


def concealed_name(name: str) -> str:
    """The name of a file, layer or sheet without what may be a person's name; its ending stays."""
    path = PurePosixPath(name)
    stem, ending = (name[: -len(path.suffix)], path.suffix) if path.suffix else (name, "")
    plain = stem.replace("_", " ")
    kept = _blotted(stem, (span for detector in detectors() for span in detector.find(plain)))
    return _blotted(kept, named_person.names_in(kept)) + ending


def concealed_issues(parts: Issues) -> pl.DataFrame:
    """All issues of a run, as they may be stored and shown."""
    issues = all_issues(parts)
    suspected = issues.filter(pl.col("code").is_in([SUSPECTED, SMALL])).select("field").unique()
    if not suspected.is_empty():
        # All of the field: of the suspected rows only some are listed.
        hidden = pl.col("field").is_in(suspected["field"].implode(), nulls_equal=True)
        issues = issues.with_columns(value=pl.when(~hidden).then(pl.col("value")))
    free = (issues["code"] == FREE_WRITTEN) & issues["value"].is_not_null()
    if free.any():
        shown = {text: concealed_name(text) for text in issues["value"].filter(free).unique()}
        issues = issues.with_columns(
            value=pl.when(free).then(pl.col("value").replace(shown)).otherwise(pl.col("value"))
        )
    return issues.with_columns(_concealed_column(issues["value"]), _concealed_column(issues["message"]))


def _concealed_column(column: pl.Series) -> pl.Series:
    candidates = column.filter(column.str.contains(any_hint()).fill_null(False)).unique()
    if candidates.is_empty():
        return column
    return column.replace({text: concealed(text) for text in candidates})


def _blotted(text: str, spans: Iterable[Span]) -> str:
    """The text with each span blotted out; they may overlap."""
    for start, end in sorted(_merged(sorted(spans)), reverse=True):
        text = text[:start] + BLOT + text[end:]
    return text


def _merged(spans: list[Span]) -> list[Span]:
    merged: list[Span] = []
    for start, end in spans:
        if merged and start < merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged
