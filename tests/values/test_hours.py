"""Opening hours in the OSM form: filled where a council's text has one reading, and left empty where it has two."""

from collections.abc import Callable
from datetime import datetime

import opening_hours
import polars as pl
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from harvesters.values.hours import derive_hours, osm_hours
from harvesters.values.hours_words import DAYS
from harvesters.values.weekdays import NAMES, name_days


@pytest.mark.parametrize(
    ("text", "osm"),
    [
        ("Mon-Fri 9am-5pm", "Mo-Fr 09:00-17:00"),
        ("Monday to Friday: 9am to 8pm;Saturday 9.30am to 5pm", "Mo-Fr 09:00-20:00; Sa 09:30-17:00"),
        ("Monday, Tuesday & Thursday:2pm to 7pm,Wednesday & Sunday closed", "Mo,Tu,Th 14:00-19:00; We,Su off"),
        ("9am - 5pm Mon-Fri, 10am-4pm Sat", "Mo-Fr 09:00-17:00; Sa 10:00-16:00"),
        ("Mon 09:00-13:00,14:00-17:00, Tue CLOSED", "Mo 09:00-13:00,14:00-17:00; Tu off"),
        ("Monday - Friday: 7am to 7pmClosed: Saturday and Sunday", "Mo-Fr 07:00-19:00; Sa,Su off"),
        ("Weekdays 7am-7pm; weekends 9am-5pm", "Mo-Fr 07:00-19:00; Sa,Su 09:00-17:00"),
        ("09:00-17:00", "09:00-17:00"),
        ("Daily: 9am to 9pm", "09:00-21:00"),
        ("0630 - 2200", "06:30-22:00"),
        ("9-5pm", "09:00-17:00"),
        ("2-5pm", "14:00-17:00"),
        ("8 a.m. to 12 noon", "08:00-12:00"),
        ("Mon-Sun 6am - midnight", "06:00-24:00"),
        ("08:30-00:00", "08:30-24:00"),
        ("24 hours.", "24/7"),
        ("Open 24 hours a day, 7 days a week", "24/7"),
        ("Fri and Sat 24 hours", "Fr,Sa 00:00-24:00"),
        ("Closed", "off"),
        ("Dawn to dusk", "dawn-dusk"),
        ("8am - sunset", "08:00-sunset"),
        ("Daylight hours only", "sunrise-sunset"),
        ("Mon-Thu 4.30am-1.35am", "Mo-Th 04:30-01:35"),
        ("Fri 2100-0330", "Fr 21:00-03:30"),
        ("Mon-Fri 9am-5pm except bank holidays", "Mo-Fr 09:00-17:00; PH off"),
        (
            "Mon-Fri 7am-5pm, Bank holidays: 8am to 6pm, Sun 9am-1pm",
            "Mo-Fr 07:00-17:00; Su 09:00-13:00; PH 08:00-18:00",
        ),
        (
            "Summer (April - September) 8am - 6:30pm, Winter (October - March) 8am - 4pm",
            "Apr-Sep 08:00-18:30; Oct-Mar 08:00-16:00",
        ),
        (
            "1st Nov–15th May 9am-6pm. 16th May–31st Oct 9am-8pm, 7 days.",
            "Nov 01-May 15 09:00-18:00; May 16-Oct 31 09:00-20:00",
        ),
        ("Daily 9am-5pm, closed Christmas Day", "09:00-17:00; Dec 25 off"),
        ("opening_hours=08:00-(sunset)", "08:00-sunset"),
        ("opening_hours=Mo,Th 09:30-17:00;  We off", "Mo,Th 09:30-17:00; We off"),
    ],
)
def test_what_has_one_reading_is_read(text: str, osm: str) -> None:
    assert osm_hours(text) == osm and opening_hours.validate(osm)


@pytest.mark.parametrize(
    "text",
    [
        "9-5",
        "10:00-4:00",
        "9-11pm",
        "7-9",
        "2.00-4.00",
        "12:30-1:30",
        "9am-12am",
        "9am",
        "9am-9am",
        "25:00-26:00",
        "Term time only",
        "Mon-Fri 9am-5pm (term time)",
        "Easter to October 9am-5pm",
        "Generally 9am-5pm",
        "9am-7pm (Summer), 9am-4pm (Winter)",
        "Summer 9am-7pm",
        "8am-one hour before dusk",
        "Closed at 6pm",
        "Good Friday 9am-5pm",
        "Parks opening times only",
        "Gates open daily at 7.30am. Closing times vary",
        "Friday and Saturday Night 2100-0330",
        "Mon-Fri 9am-5pm, 10am-4pm Sat",
        "Mon 9am-5pm, Mon 6pm-8pm",
        "Mon-Fri 9am-5pm, 4pm-6pm",
        "Mon-Fri",
        "Mon-Mon 9am-5pm",
        "09:00-13:00:14:00-18:00",
        "Mon 9am-5pm closed",
        "April 9am-5pm",
        "10.30am-11am",
        "by appointment",
        "Last Monday 9am-5pm",
        "9am-5pm April-September, 9am-4pm",
        "dusk to dawn",
        "Sunday 05:25 to Monday 01:00",
        "Mo 9am-5pm; off 24/7 x",
    ],
)
def test_what_has_two_readings_or_none_is_left_empty(text: str) -> None:
    assert osm_hours(text) is None


def test_a_column_is_read_value_by_value() -> None:
    column = pl.Series(["24 hours", None, "perhaps", "24 hours"])
    assert derive_hours(column).to_list() == ["24/7", None, None, "24/7"]
    assert derive_hours(pl.Series([None], dtype=pl.String)).to_list() == [None]


def test_columns_named_after_days_are_joined_with_their_names() -> None:
    texts = [pl.Series(["09:00-17:00", None]), pl.Series(["CLOSED", "10:00-12:00"])]
    named = name_days(["Monday staffed hours", "Tuesday staffed hours"], texts)
    assert [column.to_list() for column in named] == [
        ["Monday 09:00-17:00", None],
        ["Tuesday CLOSED", "Tuesday 10:00-12:00"],
    ]


@pytest.mark.parametrize(
    "columns", [["Street", "Town"], ["Monday", "Notes"], ["Monday", "Monday 2"], ["Mon to Sunday", "Tue"]]
)
def test_other_columns_are_joined_as_they_are(columns: list[str]) -> None:
    texts = [pl.Series(["a"]), pl.Series(["b"])]
    assert [column.to_list() for column in name_days(columns, texts)] == [["a"], ["b"]]


TIMES = st.tuples(st.integers(0, 23 * 4), st.integers(1, 96)).map(
    lambda pair: (pair[0] * 15, min(pair[0] + pair[1], 96) * 15)
)
WEEKS = st.lists(st.none() | TIMES, min_size=7, max_size=7)


def halves(minutes: int) -> str:
    """As in `9.15am`."""
    if minutes in (0, 1440):
        return "midnight"
    return f"{(minutes // 60 - 1) % 12 + 1}.{minutes % 60:02d}{'am' if minutes < 720 else 'pm'}"


def clock(minutes: int) -> str:
    return f"{minutes // 60:02d}:{minutes % 60:02d}"


@settings(deadline=None)
@given(WEEKS, st.sampled_from([halves, clock]), st.sampled_from([NAMES, tuple(name[:3] for name in NAMES), DAYS]))
def test_a_week_is_read_as_it_is_written(
    week: list[tuple[int, int] | None], told: Callable[[int], str], names: tuple[str, ...]
) -> None:
    assume(told is clock or all(span is None or (span[0] >= 60 and span[1] >= 60) for span in week))
    said = [
        f"{name} {told(span[0])}-{told(span[1])}" if span else f"{name} closed"
        for name, span in zip(names, week, strict=True)
    ]
    found = osm_hours(", ".join(said))
    assert found is not None
    wanted = "; ".join(
        f"{day} {clock(span[0])}-{clock(span[1])}" if span else f"{day} off"
        for day, span in zip(DAYS, week, strict=True)
    )
    assert minutes_open(found) == minutes_open(wanted)


def minutes_open(osm: str) -> list[tuple[object, ...]]:
    """When it is open in a week without a change of the clock, as the library that reads such hours tells."""
    hours = opening_hours.OpeningHours(osm)
    return [
        (start, end)
        for start, end, state, _ in hours.intervals(datetime(2026, 6, 1), datetime(2026, 6, 8))
        if state == opening_hours.State.OPEN
    ]
