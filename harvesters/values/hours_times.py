"""Times of day in spans: `9am - 5.30pm`, `0900-1730`, `8am to dusk`, `noon-midnight`. A span with two readings, such
as `10:00-4:00` or `9-11pm`, is refused."""

import re
from dataclasses import dataclass

_EVENTS = {"sunrise", "sunset", "dawn", "dusk"}
NOON, MIDNIGHT = 12 * 60, 24 * 60
EARLY = 6
"""Before this hour nothing opens: `2-5pm` begins in the afternoon, while `9-11pm` may begin in the morning."""


MORNING = 8
"""From this hour on `9-11` is of the morning; `7-9` may be of the evening."""


class UnsureTime(Exception):
    """A time or a span that does not say for certain when."""


@dataclass(frozen=True)
class _Time:
    """`minutes` since midnight as the figures say; `half` is am or pm, `24` where the figures tell it, or empty."""

    minutes: int
    half: str

    @property
    def sure(self) -> bool:
        return self.half != ""


def read_span(first: str, last: str | None) -> tuple[str, str]:
    """Begin and end as `09:00` and `17:30`, or the event of the sun that they are."""
    if last is None:
        if first.startswith(("daylight", "hours of", "during")):
            return "sunrise", "sunset"
        raise UnsureTime("one time alone")
    begin, end = first if first in _EVENTS else _read(first), last if last in _EVENTS else _read(last, ends=True)
    if isinstance(begin, str) or isinstance(end, str):
        return _with_the_sun(begin, end)
    start, stop = _resolved(begin, end)
    if start == stop or stop - start > MIDNIGHT:
        raise UnsureTime("no time between")
    return _clock(start), _clock(stop)


def _with_the_sun(begin: _Time | str, end: _Time | str) -> tuple[str, str]:
    for time in (begin, end):
        if isinstance(time, _Time) and not time.sure:
            raise UnsureTime("morning or afternoon")
    if begin in ("sunset", "dusk") or end in ("sunrise", "dawn"):
        raise UnsureTime("a night")
    return tuple(time if isinstance(time, str) else _clock(time.minutes) for time in (begin, end))  # type: ignore[return-value]


def _read(text: str, *, ends: bool = False) -> _Time:
    if "noon" in text or "midday" in text:
        return _Time(NOON, "pm")
    if "midnight" in text:
        return _Time(MIDNIGHT if ends else 0, "am")
    found = re.match(r"(\d{1,2})(?:[:.](\d{2}))?(?::00)?\s*([ap]m)?", text)
    digits = re.match(r"(\d{2})(\d{2})(?!\d)", text)
    if digits:
        hour, minute, half = int(digits[1]), int(digits[2]), "24"
    else:
        assert found is not None
        hour, minute, half = int(found[1]), int(found[2] or 0), found[3] or ""
    if minute > 59 or hour > 24 or (half in ("am", "pm") and hour > 12):
        raise UnsureTime("no time of day")
    if half in ("am", "pm"):
        return _half(hour, minute, half)
    if half == "24" or hour > 12 or hour == 0 or (len(found[1]) == 2 and found[1][0] == "0" and found[2]):  # type: ignore[index]
        whole = MIDNIGHT if ends and hour in (0, 24) and minute == 0 else hour * 60 + minute
        return _Time(whole, "24")
    return _Time(hour * 60 + minute, "")


def _half(hour: int, minute: int, half: str) -> _Time:
    """By the morning or afternoon that it states. Half the people who write 12am mean noon."""
    if hour == 12 and half == "am":
        raise UnsureTime("12am")
    if hour == 0 and half == "pm":
        raise UnsureTime("0pm")
    return _Time(hour % 12 * 60 + minute + (12 * 60 if half == "pm" else 0), half)


def _resolved(begin: _Time, end: _Time) -> tuple[int, int]:
    """Minutes since midnight of both; the end is after the begin, or in the night after it."""
    if begin.half in ("", "24") and end.half in ("", "24"):
        return _by_the_clock(begin, end)
    start, stop = begin.minutes, end.minutes
    if not begin.sure:
        start = _like_the_end(begin, end)
    if not end.sure:
        stop += 0 if stop >= NOON else NOON
        if end.minutes > begin.minutes or begin.half != "am":
            raise UnsureTime("morning or afternoon")
    if stop <= start and ("24" in (begin.half, end.half) or stop > EARLY * 60):
        raise UnsureTime("ends before it begins")
    return start, stop


def _by_the_clock(begin: _Time, end: _Time) -> tuple[int, int]:
    """Figures without am and pm are of the 24-hour clock where that makes sense of both."""
    start, stop = begin.minutes, end.minutes
    if stop > start:
        if begin.half == "" and start < (MORNING if end.half == "" else EARLY) * 60:
            raise UnsureTime("morning or afternoon")
        return start, stop
    if begin.half == "24" and end.half == "24" and start >= NOON and stop <= EARLY * 60:
        return start, stop
    raise UnsureTime("ends before it begins")


def _like_the_end(begin: _Time, end: _Time) -> int:
    """The begin of `9-5pm`, `2-5pm` and `10-11.30am`, where only the end says which half of the day."""
    if end.half == "am":
        if begin.minutes < end.minutes:
            return begin.minutes
    elif end.half == "pm":
        hour, until = begin.minutes % NOON, end.minutes % NOON
        if hour > until or (until == 0 and begin.minutes != NOON):
            return hour
        if hour < EARLY * 60 and hour < until:
            return hour + NOON
    raise UnsureTime("morning or afternoon")


def _clock(minutes: int) -> str:
    return f"{minutes // 60:02d}:{minutes % 60:02d}"
