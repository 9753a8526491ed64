"""Sentences of opening hours: which days and which part of the year have which times.

A sentence may put the days first (`Mon-Fri 9am-5pm`) or last (`9am-5pm Mon-Fri`), and names parts of the year in front
of what they are for. Whatever has a second reading is refused.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from harvesters.values.hours_times import UnsureTime, read_span
from harvesters.values.hours_words import DAYS, HOLIDAYS, MONTHS, Kind, Word

A_VISIT = 120
"""Times shorter than so many minutes, with no day named, are those of a van that comes by, and not of every day."""

OFF = "off"
ALL_DAY = "00:00-24:00"


class Unsure(Exception):
    """The sentence has no reading, or more than one."""


@dataclass
class Week:
    """What is said of each part of the year: days with their times, in the order said."""

    seasons: dict[str, dict[str, str]] = field(default_factory=dict)
    dates: dict[str, str] = field(default_factory=dict)

    def say(self, season: str, days: Sequence[str], times: str) -> None:
        """Unsure where something else was said of a day before."""
        known = self.seasons.setdefault(season, {})
        for day in days:
            if known.setdefault(day, times) != times:
                raise Unsure(f"{day} twice")

    def __str__(self) -> str:
        """The OSM form: days in their order, those with the same times together."""
        rules = [f"{season} {rule}".strip() for season, days in self.seasons.items() for rule in _rules(days)]
        if rules == [ALL_DAY] and not self.dates:
            return "24/7"
        return "; ".join([*rules, *(f"{when} {times}" for when, times in self.dates.items())])


def read_week(words: Sequence[Word]) -> Week:
    """The week that the words tell of. Unsure where they do not say for certain."""
    week, reader = Week(), _Reader(list(words))
    season, parts = "", list[_Part]()
    while not reader.at_end():
        if found := reader.season():
            _say_all(week, season, parts)
            season, parts = found, []
        else:
            parts.append(reader.part())
    _say_all(week, season, parts)
    if not week.seasons:
        raise Unsure("no times")
    if len(week.seasons) > 1 and "" in week.seasons:
        raise Unsure("times before the first part of the year")
    return week


@dataclass(frozen=True)
class _Part:
    """Days, which may be days of the year, or the times of days: exactly one of them is given. `length` is how long the
    times are in minutes, where figures say so."""

    days: tuple[str, ...] = ()
    times: str = ""

    @property
    def length(self) -> int:
        figures = [int(hour) * 60 + int(minute) for hour, minute in re.findall(r"(\d\d):(\d\d)", self.times)]
        pairs = list(zip(figures[::2], figures[1::2], strict=False))
        return sum(end - begin if end > begin else end - begin + 1440 for begin, end in pairs) if pairs else A_VISIT


def _say_all(week: Week, season: str, parts: Sequence[_Part]) -> None:
    """Pairs days with their times. Whether days come first shows in the first part."""
    if not parts:
        if season:
            raise Unsure("a part of the year without times")
        return
    if len(parts) == 1 and parts[0].times:
        if not season and parts[0].length < A_VISIT:
            raise Unsure("a visit rather than opening hours")
        week.say(season, DAYS, parts[0].times)
        return
    last = bool(parts[0].times) and parts[0].times != OFF
    at = 0
    while at < len(parts):
        pair = parts[at : at + 2]
        if len(pair) < 2 or bool(pair[0].days) == bool(pair[1].days):
            raise Unsure("days without times, or times without days")
        days, times = (pair[0], pair[1]) if pair[0].days else (pair[1], pair[0])
        if bool(pair[0].days) is last and times.times != OFF:
            raise Unsure("days first and last")
        _say(week, season, days.days, times.times)
        at += 2


def _say(week: Week, season: str, days: Sequence[str], times: str) -> None:
    of_year = [day for day in days if day[:3] in MONTHS]
    for day in of_year:
        if week.dates.setdefault(day, times) != times:
            raise Unsure(f"{day} twice")
    week.say(season, [day for day in days if day not in of_year], times)


class _Reader:
    """The words still to be read."""

    def __init__(self, words: list[Word]) -> None:
        self.words, self.at = words, 0
        self._skip(Kind.STOP, Kind.AND)

    def at_end(self) -> bool:
        return self.at >= len(self.words)

    def season(self) -> str | None:
        """`Apr-Sep` or `Apr 01-Sep 15` where a part of the year begins here; None where none does."""
        start = self.at
        named = self._take(Kind.SEASON) is not None
        self._skip(Kind.STOP)
        begins, dash, ends = self._take(Kind.DATE), self._take(Kind.DASH), self._take(Kind.DATE)
        if begins and dash and ends:
            self._skip(Kind.STOP, Kind.AND)
            return _season(begins.says, ends.says)
        if named:
            raise Unsure("a season without its months")
        self.at = start
        return None

    def part(self) -> _Part:
        """The next days or times."""
        word = self.words[self.at]
        if word.kind in (Kind.DAY, Kind.DATE):
            part = _Part(days=self._days())
        elif word.kind is Kind.TIME:
            part = _Part(times=self._times())
        elif self._take(Kind.ALWAYS):
            part = _Part(times=ALL_DAY)
        elif self._take(Kind.CLOSED):
            part = _Part(times=OFF)
        elif self._take(Kind.EXCEPT):
            if self.at_end() or self.words[self.at].says != (HOLIDAYS,):
                raise Unsure("an exception that is no holiday")
            part = _Part(times=OFF)
        else:
            raise Unsure(word.text)
        self._skip(Kind.STOP, Kind.AND)
        return part

    def _days(self) -> tuple[str, ...]:
        """`Mon-Fri`, `Mon, Tue and Thu`, `Sunday and Bank Holidays`, `Christmas Day`."""
        days: list[str] = []
        while True:
            word = self._take(Kind.DAY) or self._take(Kind.DATE)
            assert word is not None
            if word.kind is Kind.DATE:
                if len(word.says) == 1:
                    raise Unsure("a month alone")
                days.append(" ".join(word.says))
            elif self._next(Kind.DASH):
                self._take(Kind.DASH)
                until = self._take(Kind.DAY)
                days += _day_range(word, until)
            else:
                days += word.says
            mark = self.at
            if not (self._take(Kind.AND) and (self._next(Kind.DAY) or self._next(Kind.DATE))):
                self.at = mark
                break
        if len(set(days)) != len(days):
            raise Unsure("a day twice")
        return tuple(days)

    def _times(self) -> str:
        """`09:00-12:00,13:00-17:00`."""
        spans: list[tuple[str, str]] = []
        while True:
            first = self._take(Kind.TIME)
            assert first is not None
            last = self._take(Kind.TIME) if self._take(Kind.DASH) else None
            try:
                spans.append(read_span(first.text, last.text if last else None))
            except UnsureTime as unsure:
                raise Unsure(str(unsure)) from None
            mark = self.at
            if not (self._take(Kind.AND) and self._next(Kind.TIME)):
                self.at = mark
                break
        if any(earlier[1] > later[0] for earlier, later in pairwise(spans)):
            raise Unsure("times that overlap")
        return ",".join("-".join(span) for span in spans)

    def _next(self, kind: Kind) -> bool:
        return not self.at_end() and self.words[self.at].kind is kind

    def _take(self, kind: Kind) -> Word | None:
        if not self._next(kind):
            return None
        self.at += 1
        return self.words[self.at - 1]

    def _skip(self, *kinds: Kind) -> None:
        while not self.at_end() and self.words[self.at].kind in kinds:
            self.at += 1


def _day_range(first: Word, last: Word | None) -> list[str]:
    if last is None or len(first.says) != 1 or len(last.says) != 1 or HOLIDAYS in first.says + last.says:
        raise Unsure("days from one to none")
    begin, end = DAYS.index(first.says[0]), DAYS.index(last.says[0])
    if begin == end:
        raise Unsure("days from one to itself")
    return [DAYS[number % 7] for number in range(begin, end + 1 if end > begin else end + 8)]


def _season(begins: tuple[str, ...], ends: tuple[str, ...]) -> str:
    if len(begins) != len(ends):
        raise Unsure("a part of the year from a day to a month")
    whole = {"Feb": ("28", "29"), "Apr": ("30",), "Jun": ("30",), "Sep": ("30",), "Nov": ("30",)}
    if len(begins) == 2 and begins[1] == "01" and ends[1] in whole.get(ends[0], ("31",)):
        begins, ends = begins[:1], ends[:1]
    return f"{' '.join(begins)}-{' '.join(ends)}"


def _rules(days: dict[str, str]) -> list[str]:
    """`Mo-Fr 09:00-17:00`, `Sa off` …: runs of days, and of runs with the same times one rule."""
    order = [day for day in DAYS if day in days]
    rules = [
        f"{_names([day for day in order if days[day] == times])} {times}".replace("Mo-Su ", "")
        for times in dict.fromkeys(days[day] for day in order)
    ]
    # Behind all others, because a holiday is a day of the week as well and the last rule counts.
    return rules + ([f"{HOLIDAYS} {days[HOLIDAYS]}"] if HOLIDAYS in days else [])


def _names(days: Sequence[str]) -> str:
    """`Mo,We-Fr` for Monday, Wednesday, Thursday and Friday."""
    runs: list[list[str]] = []
    for day in days:
        if runs and DAYS.index(day) == DAYS.index(runs[-1][-1]) + 1:
            runs[-1].append(day)
        else:
            runs.append([day])
    return ",".join(
        run[0] if len(run) == 1 else f"{run[0]}-{run[-1]}" if len(run) > 2 else ",".join(run) for run in runs
    )
