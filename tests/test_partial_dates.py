"""A year lasts from its first day to its last, and so does a month."""

from datetime import date

import polars as pl
import pytest

from datasets.partial_dates import first_day, last_day


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [
        ("1984", date(1984, 1, 1), date(1984, 12, 31)),
        ("1984-02", date(1984, 2, 1), date(1984, 2, 29)),
        ("1900-02", date(1900, 2, 1), date(1900, 2, 28)),
        ("1984-12", date(1984, 12, 1), date(1984, 12, 31)),
        ("1984-03-05", date(1984, 3, 5), date(1984, 3, 5)),
    ],
)
def test_a_partial_date_has_a_first_and_a_last_day(text: str, first: date, last: date) -> None:
    texts = pl.Series([text, None, "soon"])
    assert first_day(texts).to_list() == [first, None, None]
    assert last_day(texts).to_list() == [last, None, None]
