"""The days that a date of a layer spans. `1984` and `1984-03` say no more than that, and last from the first day of
the year or month to its last."""

import polars as pl


def first_day(dates: pl.Series) -> pl.Series:
    """The first day of each ISO date, month or year; null where there is none."""
    length = dates.str.len_chars()
    rest = pl.when(length == 4).then(pl.lit("-01-01")).when(length == 7).then(pl.lit("-01")).otherwise(pl.lit(""))
    return pl.select((pl.lit(dates) + rest).str.to_date("%Y-%m-%d", strict=False)).to_series()


def last_day(dates: pl.Series) -> pl.Series:
    """The last day of each ISO date, month or year; null where there is none."""
    length, begins = dates.str.len_chars(), first_day(dates)
    of_year = pl.lit(begins).dt.offset_by("1y").dt.offset_by("-1d")
    of_month = pl.lit(begins).dt.month_end()
    return pl.select(pl.when(length == 4).then(of_year).when(length == 7).then(of_month).otherwise(begins)).to_series()
