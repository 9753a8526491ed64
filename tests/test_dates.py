"""Dates are ISO text that says no more than the source does; the column as a whole tells day from month."""

from collections.abc import Sequence

import polars as pl
import pytest

from datasets.issues import all_issues
from datasets.layer import find_layer
from harvesters.batch import ROW_NO, Batch
from harvesters.dates import parse_dates
from harvesters.type import type_values


def dates(*texts: str | None) -> list[str | None]:
    return parse_dates(pl.Series(texts, dtype=pl.String))[0].to_list()


def refusals(texts: Sequence[str]) -> dict[str, list[int]]:
    """Which of the texts are refused, by code."""
    refused = parse_dates(pl.Series(texts))[1]
    return {code: mask.arg_true().to_list() for code, mask in refused.items() if mask.any()}


def noted(*texts: str) -> list[tuple[str, int]]:
    return all_issues(parse_dates(pl.Series(texts))[2]).select("code", "count").rows()


@pytest.mark.parametrize(
    "text",
    ["1984-03-05", "1984/03/05", "19840305", "1984-03-05T00:00:00Z", "1984-03-05 00:00:00", "05/03/1984", "5/3/1984",
     "5.3.84", "05-03-1984", "05/03/1984 00:00:00", "5 March 1984", "5th Mar 1984", "March 5, 1984", "5-Mar-84",
     "Monday 5 March 1984", "5th of March 1984", "30746", "30746.0"],
)  # fmt: skip
def test_a_day_is_read_however_it_is_written(text: str) -> None:
    assert dates(text) == ["1984-03-05"]


@pytest.mark.parametrize(
    ("text", "said"), [("1984", "1984"), ("1984.0", "1984"), ("1984-03", "1984-03"), ("March 1984", "1984-03")]
)
def test_a_year_or_a_month_says_no_more_than_that(text: str, said: str) -> None:
    assert dates(text) == [said]


def test_the_day_comes_first_where_the_column_shows_it() -> None:
    assert dates("03/04/2015", "31/01/2015") == ["2015-04-03", "2015-01-31"]
    assert noted("03/04/2015", "31/01/2015") == []


def test_the_month_comes_first_where_the_column_shows_it() -> None:
    assert dates("03/04/2015", "01/31/2015") == ["2015-03-04", "2015-01-31"]
    assert noted("03/04/2015", "01/31/2015") == []


def test_a_column_that_shows_no_order_is_taken_day_first_and_says_so_for_every_row() -> None:
    assert dates("03/04/2015", "05/06/2015") == ["2015-04-03", "2015-06-05"]
    assert noted("03/04/2015", "05/06/2015", "1984") == [("date-order-guessed", 2)]


def test_one_month_first_date_does_not_outvote_the_day_first_ones_and_is_refused() -> None:
    texts = ["31/01/2015", "30/01/2015", "01/31/2015"]
    assert dates(*texts) == ["2015-01-31", "2015-01-30", None]
    assert refusals(texts) == {"invalid date": [2]}


def test_columns_vote_each_for_itself() -> None:
    frame = pl.DataFrame(
        {ROW_NO: [2, 3], "start_date": ["03/04/2015", "31/01/2015"], "end_date": ["03/04/2016", "01/31/2016"]}
    )
    typed = type_values(Batch(frame), find_layer("public-toilets"))[0].frame
    assert (typed["start_date"][0], typed["end_date"][0]) == ("2015-04-03", "2016-03-04")


@pytest.mark.parametrize("text", ["30/02/2015", "2015-13-01", "soon", "1st", "00/00/0000", "99999", "5 Smarch 1984"])
def test_what_is_no_day_is_refused(text: str) -> None:
    assert dates(text) == [None] and refusals([text]) == {"invalid date": [0]}


def test_dates_too_far_off_are_refused_by_name() -> None:
    texts = ["01/01/0984", "2199-01-01", "1066"]
    assert dates(*texts) == [None, None, "1066"]
    assert refusals(texts) == {"far-past-date": [0], "far-future-date": [1]}


def test_two_digit_years_lie_in_the_hundred_years_up_to_now() -> None:
    assert dates("13/05/99", "13/05/07") == ["1999-05-13", "2007-05-13"]


def test_a_refused_date_is_an_issue_with_row_field_and_value() -> None:
    frame = pl.DataFrame({ROW_NO: [2, 3], "start_date": ["1984", "soon"]})
    issues = all_issues(type_values(Batch(frame), find_layer("public-toilets"))[1])
    told = ("invalid date", "blanked", 3, "start_date", "soon")
    assert issues.select("code", "action", "row_no", "field", "value").rows() == [told]


def test_a_guessed_order_names_the_field() -> None:
    frame = pl.DataFrame({ROW_NO: [2], "start_date": ["03/04/2015"]})
    issues = all_issues(type_values(Batch(frame), find_layer("public-toilets"))[1])
    assert issues.select("code", "field").rows() == [("date-order-guessed", "start_date")]


def test_an_empty_column_has_neither_dates_nor_issues() -> None:
    assert dates(None, None) == [None, None]
    assert parse_dates(pl.Series([None], dtype=pl.String))[2] == []
