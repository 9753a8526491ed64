"""Reading each distinct value of a column once: a few values repeated over many rows are the rule in council files."""

from dataclasses import dataclass

import polars as pl

SAMPLE = 5_000


@dataclass(frozen=True)
class Distinct:
    """A column's values, each once, with how many `rows` have it; `at` is the place of every row's value among them."""

    values: pl.Series
    rows: pl.Series
    at: pl.Series


def distinct(column: pl.Series) -> Distinct | None:
    """The column by its distinct values; None where it is short or its values hardly repeat, and nothing is gained."""
    if len(column) < SAMPLE or column.head(SAMPLE).n_unique() > SAMPLE // 2:
        return None
    each = column.to_frame("value").group_by("value", maintain_order=True).agg(rows=pl.len()).with_row_index("at")
    at = column.to_frame("value").join(each, on="value", how="left", nulls_equal=True, maintain_order="left")["at"]
    return Distinct(each["value"], each["rows"], at)
