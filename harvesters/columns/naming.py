"""How column names are compared: without case and punctuation, word by word, without a prefix they all share."""

import re
from collections.abc import Sequence
from functools import lru_cache

from rapidfuzz import fuzz

_TOGETHER = {r"\be[- _]mail": "email", r"\bpost[- _]code": "postcode", r"\bweb[- _]site": "website"}
"""Words that some write as two."""


@lru_cache(maxsize=20_000)
def plain(name: str) -> str:
    """A column name as names are compared: lower case letters and digits only."""
    return re.sub(r"[^a-z0-9]", "", name.lower())


def likeness(name: str, other: str) -> float:
    """How alike two names are as names are compared, from 0 to 100."""
    return fuzz.ratio(plain(name), plain(other))


@lru_cache(maxsize=20_000)
def words_of(name: str) -> tuple[str, ...]:
    """The words of a column name in lower case: `PollingPlace_Address1` is polling, place, address."""
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", " ", name).lower()
    for apart, together in _TOGETHER.items():
        spaced = re.sub(apart, together, spaced)
    return tuple(re.findall(r"[a-z]+", spaced))


def without_shared_prefix(columns: Sequence[str]) -> dict[str, str]:
    """Column names without a prefix that most of them share, such as a table's name in front of every column."""
    counts: dict[str, int] = {}
    for column in columns:
        for match in re.finditer(r"[_:.]|(?<=[a-z])(?=[A-Z])", column):
            counts[column[: match.end()]] = counts.get(column[: match.end()], 0) + 1
        for size in range(6, len(column) - 2):
            counts.setdefault(column[:size], 0)
    shared = [p for p in counts if len(p) >= 3 and sum(c.startswith(p) for c in columns) >= max(3, len(columns) * 0.6)]
    prefix = max(shared, key=len, default="")
    known = {column: column.removeprefix(prefix) for column in columns}
    small = [p for p in counts if len(p) >= 3 and counts[p] >= 3]
    for column, stem in known.items():
        if stem == column:
            fitting = [p for p in small if column.startswith(p)]
            known[column] = column.removeprefix(max(fitting, key=len, default=""))
    return known
