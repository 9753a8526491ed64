"""The `datetime` parameter: an instant, or an interval that may be open at one end or given as a duration.

Layers hold dates, so everything here is a day: a moment counts as its day in UTC.
"""

import calendar
import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

_DURATION = re.compile(r"P(?=.)(?:(\d{1,4})Y)?(?:(\d{1,4})M)?(?:(\d{1,4})W)?(?:(\d{1,5})D)?(?:T[0-9HMS.]+)?")
_DAY = re.compile(r"(\d{4})(?:-(\d\d)(?:-(\d\d))?)?")
_MOMENT = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d(:\d\d(\.\d+)?)?([Zz]|[+-]\d\d:\d\d)?")

ALLOWED = (
    "a day (2024-05-01), a moment (2024-05-01T12:00:00Z), or an interval of two of them with a slash between, "
    "where .. means open (2024-05-01/..) and a duration may take the place of one (2024-05-01/P30D)"
)


@dataclass(frozen=True, slots=True)
class Interval:
    """From the first to the last day, both within; None is open."""

    begin: date | None
    end: date | None


def parse_interval(text: str) -> Interval:
    """The interval that `text` means; ValueError says what is wrong with it."""
    parts = text.strip().split("/")
    if len(parts) == 1:
        return Interval(*_days(parts[0]))
    if len(parts) != 2:
        raise ValueError("it has more than one slash")
    interval = _between(*parts)
    if interval.begin and interval.end and interval.begin > interval.end:
        raise ValueError("it begins after it ends")
    return interval


def _between(first: str, last: str) -> Interval:
    if first.startswith("P") and last.startswith("P"):
        raise ValueError("a duration needs a day to count from")
    if last.startswith("P"):
        begin = _days(first)[0]
        return Interval(begin, _shift(begin, last, 1))
    if first.startswith("P"):
        end = _days(last)[1]
        return Interval(_shift(end, first, -1), end)
    return Interval(
        None if first in ("", "..") else _days(first)[0],
        None if last in ("", "..") else _days(last)[1],
    )


def _days(text: str) -> tuple[date, date]:
    """The first and the last day of a year, month, day or moment."""
    if _MOMENT.fullmatch(text):
        moment = datetime.fromisoformat(text.upper())
        day = (moment.astimezone(UTC) if moment.tzinfo else moment).date()
        return day, day
    matched = _DAY.fullmatch(text)
    if matched is None:
        raise ValueError(f"{text!r} is not a date")
    year, month, day_of_month = (int(part) if part else None for part in matched.groups())
    assert year is not None
    first = date(year, month or 1, day_of_month or 1)
    last_month = month or 12
    last = first if day_of_month else date(year, last_month, calendar.monthrange(year, last_month)[1])
    return first, last


def _shift(day: date, duration: str, sign: int) -> date:
    matched = _DURATION.fullmatch(duration)
    if matched is None:
        raise ValueError(f"{duration!r} is not a duration")
    years, months, weeks, days = (int(part or 0) for part in matched.groups())
    month = day.year * 12 + day.month - 1 + sign * (years * 12 + months)
    try:
        length = calendar.monthrange(month // 12, month % 12 + 1)[1]
        moved = date(month // 12, month % 12 + 1, min(day.day, length))
        return moved + timedelta(days=sign * (weeks * 7 + days))
    except (OverflowError, ValueError):
        raise ValueError(f"{duration!r} reaches beyond the calendar") from None
