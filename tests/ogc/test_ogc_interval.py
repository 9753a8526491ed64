"""The datetime parameter as days: instants, open ends, durations, days in other zones."""

from datetime import date

import pytest

from ogc.interval import Interval, parse_interval


@pytest.mark.parametrize(
    ("text", "begin", "end"),
    [
        ("2024-05-01", "2024-05-01", "2024-05-01"),
        ("2024-02", "2024-02-01", "2024-02-29"),
        ("1984", "1984-01-01", "1984-12-31"),
        ("2024-05-01T23:30:00-02:00", "2024-05-02", "2024-05-02"),
        ("2024-05-01T10:00:00.123Z", "2024-05-01", "2024-05-01"),
        ("2024-01-31/P1M", "2024-01-31", "2024-02-29"),
        ("P1Y2M10D/2024-03-11", "2023-01-01", "2024-03-11"),
        ("2024-05-01/P2W", "2024-05-01", "2024-05-15"),
        ("2023/2024-02", "2023-01-01", "2024-02-29"),
    ],
)
def test_it_is_read_as_days(text: str, begin: str, end: str) -> None:
    assert parse_interval(text) == Interval(date.fromisoformat(begin), date.fromisoformat(end))


@pytest.mark.parametrize("text", ["2024-01-01/..", "2024-01-01/"])
def test_an_end_may_be_open(text: str) -> None:
    assert parse_interval(text) == Interval(date(2024, 1, 1), None)


@pytest.mark.parametrize("text", ["", "x", "2024-13", "2024-1-1", "2024/P", "2024/PX", "../P1D", "9999/P9999Y", "0000"])
def test_nonsense_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_interval(text)
