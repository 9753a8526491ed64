"""Pairs of columns that their names make an x and a y: Easting and Northing, GeoX and GeoY, lat and long."""

import re
from collections.abc import Iterator, Sequence

_WORDS = (
    ("eastings", "northings"),
    ("easting", "northing"),
    ("eastin", "northin"),
    ("east", "north"),
    ("longitude", "latitude"),
    ("long", "lat"),
    ("lng", "lat"),
    ("lon", "lat"),
)
_LETTERS = {"e": "n", "lo": "la"}
_ACROSS = dict(_WORDS)
_WORD = re.compile("|".join(east for east, _ in _WORDS))
_CUT = 4
"""A name may be cut short (Northin); so much of it must be left."""


def paired_columns(columns: Sequence[str]) -> list[tuple[str, str]]:
    """The pairs of columns named as x and y of one place, x first, in the file's order."""
    flat = {column: re.sub(r"[^a-z0-9]", "", column.lower()) for column in columns}
    pairs = []
    for column, name in flat.items():
        for counterpart in _counterparts(name):
            partner = next((other for other, its in flat.items() if other != column and _same(its, counterpart)), None)
            if partner is not None and (column, partner) not in pairs:
                pairs.append((column, partner))
                break
    return pairs


def _counterparts(name: str) -> Iterator[str]:
    """What the y column would be called if `name` were the x column: words and letters are exchanged."""
    if name in _LETTERS:
        yield _LETTERS[name]
    for places in _places(name):
        lettered = "".join("y" if number in places else letter for number, letter in enumerate(name))
        worded = _WORD.sub(lambda found: _ACROSS[found[0]], lettered)
        yield from (result for result in (worded, lettered) if result != name)


def _places(name: str) -> list[set[int]]:
    """Which letters x to exchange: none, the last, the first, all."""
    every = [number for number, letter in enumerate(name) if letter == "x"]
    return [set(), set(every[-1:]), set(every[:1]), set(every)] if every else [set()]


def _same(name: str, wanted: str) -> bool:
    return name == wanted or (len(name) >= _CUT and wanted.startswith(name) and len(wanted) - len(name) <= 2)
