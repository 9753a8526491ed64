"""Opening hours that stand in a column for each day of the week: each day's name in front of its times."""

import re
from collections.abc import Sequence

import polars as pl

NAMES = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_SHORTLY = r"(?<![a-z])(?:mon|tues?|weds?|thu(?:rs?)?|fri|sat|sun)(?![a-z])"
_SHORT = {day[:3].lower(): number for number, day in enumerate(NAMES)}


def name_days(columns: Sequence[str], texts: Sequence[pl.Series]) -> list[pl.Series]:
    """The columns' texts with `Monday ` and so on in front, where each column is named after a day of its own; without
    it nobody could tell which times are whose. Other columns' texts are left as they are."""
    days = [_day_of(column) for column in columns]
    if None in days or len(set(days)) < max(2, len(days)):
        return list(texts)
    return [f"{NAMES[day]} " + text for day, text in zip(days, texts, strict=True) if day is not None]


def _day_of(column: str) -> int | None:
    """The one day that the column's name tells of."""
    name = column.lower()
    found = {number for number, day in enumerate(NAMES) if day.lower() in name}
    found |= {_SHORT[short[:3]] for short in re.findall(_SHORTLY, name)}
    return found.pop() if len(found) == 1 else None
