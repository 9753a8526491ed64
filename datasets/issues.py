"""Issues as columns: every row or value that was changed, dropped or doubted, with who mends it.

The codes are a register (`issues.toml`); a stage that uses a code outside it stops at once.
"""

from collections.abc import Sequence
from functools import cache
from pathlib import Path

import polars as pl
from pydantic import BaseModel, ConfigDict

from datasets.register import read_register
from datasets.vocabulary import Action, Responsibility, Severity

ISSUE_SCHEMA = pl.Schema(
    {
        "code": pl.String,
        "severity": pl.String,
        "responsibility": pl.String,
        "action": pl.String,
        "field": pl.String,
        "row_no": pl.Int64,
        "value": pl.String,
        "message": pl.String,
        "count": pl.Int64,
    }
)
"""`row_no` is null for an issue of the whole feed or column; `count` says how many rows that one stands for."""

Issues = list[pl.DataFrame]
"""What a stage hands on beside its batch: frames of ISSUE_SCHEMA."""


class IssueCode(BaseModel):
    """One code: what it means to a council officer and how to mend it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    title: str
    fix: str
    severity: Severity
    responsibility: Responsibility


@cache
def issue_codes() -> dict[str, IssueCode]:
    """The register of codes, by code."""
    return read_register(Path(__file__).parent / "issues.toml", IssueCode)


def row_issues(
    code: str,
    rows: pl.Series | Sequence[int],
    *,
    action: Action,
    field: str | None = None,
    values: pl.Series | Sequence[str | None] | None = None,
    message: str | None = None,
) -> pl.DataFrame:
    """One issue for each row number in `rows`; `values` are the offending values in the same order."""
    meaning = issue_codes()[code]
    row_no = pl.Series("row_no", rows, dtype=pl.Int64)
    value = pl.Series("value", values, dtype=pl.String) if values is not None else None
    return pl.DataFrame({"row_no": row_no}).select(
        code=pl.lit(code),
        severity=pl.lit(meaning.severity.value),
        responsibility=pl.lit(meaning.responsibility.value),
        action=pl.lit(action.value),
        field=pl.lit(field, dtype=pl.String),
        row_no=pl.col("row_no"),
        value=pl.lit(None, dtype=pl.String) if value is None else value,
        message=pl.lit(message, dtype=pl.String),
        count=pl.lit(1, dtype=pl.Int64),
    )


def feed_issue(
    code: str, message: str, *, action: Action = Action.KEPT, field: str | None = None, count: int = 1
) -> pl.DataFrame:
    """One issue of the whole feed or of a whole column, standing for `count` rows."""
    return row_issues(code, [0], action=action, field=field, message=message).with_columns(
        row_no=pl.lit(None, dtype=pl.Int64), count=pl.lit(count, dtype=pl.Int64)
    )


def all_issues(parts: Issues) -> pl.DataFrame:
    """All issues of a run in one frame of ISSUE_SCHEMA."""
    return pl.concat([part for part in parts if not part.is_empty()] or [pl.DataFrame(schema=ISSUE_SCHEMA)])
