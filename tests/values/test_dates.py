"""Dates are ISO text that says no more than the source does; the column as a whole tells day from month."""

from collections.abc import Sequence
from datetime import date

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from datasets.issues import all_issues
from datasets.layer import find_layer
from harvesters.batch import ROW_NO, Batch
from harvesters.type import type_values
from harvesters.values.dates import PLACEHOLDERS, parse_dates


def dates(*texts: str | None) -> list[str | None]:
    return parse_dates(pl.Series(texts, dtype=pl.String)).values.to_list()


def refusals(texts: Sequence[str]) -> dict[str, list[int]]:
    """Which of the texts are refused, by code."""
    refused = parse_dates(pl.Series(texts)).refused
    return {code: mask.arg_true().to_list() for code, mask in refused.items() if mask.any()}


def noted(*texts: str) -> list[tuple[str, int]]:
    return all_issues(parse_dates(pl.Series(texts)).noted).select("code", "count").rows()


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
    assert parse_dates(pl.Series([None], dtype=pl.String)).noted == []


@pytest.mark.parametrize(
    ("text", "said"),
    [("Q3 2019", "2019"), ("2019-Q3", "2019"), ("Spring 2015", "2015"), ("Mar-84", "1984-03"),
     ("5-Mar-84", "1984-03-05")],
)  # fmt: skip
def test_what_iso_has_no_form_for_or_leaves_its_century_out_is_tidied(text: str, said: str) -> None:
    parsed = parse_dates(pl.Series([text]))
    assert parsed.values.to_list() == [said] and parsed.tidied is not None and parsed.tidied.to_list() == [True]


@pytest.mark.parametrize("text", ["05/03/1984", "1984-03-05", "1984", "5 March 1984", "30746"])
def test_a_whole_date_in_another_form_is_read_and_not_tidied(text: str) -> None:
    tidied = parse_dates(pl.Series([text])).tidied
    assert tidied is not None and tidied.to_list() == [False]


@pytest.mark.parametrize(
    "text",
    ["Winter 2015", "2015/16", "Q5 2019", "1980s", "c1984", "5 March 1984 to 6 March 1985", "01/02/2015 - 03/04/2016",
     "2015-01-01 - 2016-01-01", "05/03/1984 and after"],
)  # fmt: skip
def test_what_is_more_than_one_date_or_none_for_certain_is_refused(text: str) -> None:
    assert dates(text) == [None] and refusals([text]) == {"invalid date": [0]}


@pytest.mark.parametrize(
    "text", ["1900-01-01", "01/01/1900", "1899-12-30", "31/12/9999", "0001-01-01", "00/01/1900", "9999-12-31T00:00:00"]
)
def test_dates_that_stand_for_none_are_empty_with_an_issue_of_their_own(text: str) -> None:
    assert dates(text, "31/01/2015")[0] is None and refusals([text]) == {"placeholder date": [0]}


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("2015-06-30T23:00:00Z", "2015-07-01"),
        ("2015-12-31T23:00:00Z", "2015-12-31"),
        ("2015-06-30T22:59:59.000+00:00", "2015-06-30"),
        ("2015-06-30 23:00+0000", "2015-07-01"),
        ("2015-07-01T00:00:00+01:00", "2015-07-01"),
        ("1435705200000", "2015-07-01"),
        ("1451602800000", "2015-12-31"),
        ("2015-06-30T23:00:00", "2015-06-30"),
    ],
)
def test_a_moment_with_a_zone_is_a_day_in_london(text: str, day: str) -> None:
    assert dates(text) == [day]


def test_a_moment_whose_day_is_another_in_london_says_so() -> None:
    tidied = parse_dates(pl.Series(["2015-06-30T23:00:00Z", "2015-06-30T12:00:00Z"])).tidied
    assert tidied is not None and tidied.to_list() == [True, False]


@settings(deadline=None)
@given(st.dates(min_value=date(1100, 1, 1), max_value=date(2040, 1, 1)))
def test_a_date_is_read_as_it_is_written(day: date) -> None:
    named = f"{day.day} {day:%B} {day.year:04d}"
    slashed = ["31/01/2015", f"{day.day:02d}/{day.month:02d}/{day.year:04d}"]
    wanted = None if day.isoformat() in PLACEHOLDERS else day.isoformat()
    assert dates(day.isoformat(), named) == [wanted, wanted] and dates(*slashed)[1] == wanted
