"""What is known before a file is looked at: what was settled of its feed, how it was read last time, and what columns
of the same name are at other feeds of the layer."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Engine

from datasets.feed import Feed, FieldRule
from datasets.store.confirmed import (
    PUBLISHED_RUN,
    Settled,
    SettledElsewhere,
    rules_in,
    settled,
    settled_elsewhere,
)
from datasets.store.runs import EarlierRun
from harvesters.columns.naming import plain
from harvesters.columns.profile import Profile, read_profile

_MADE_UP = re.compile(r"^(column|field|unnamed|f|col)?\d*$")
"""Names that the reader or a spreadsheet gave, which say nothing at another feed."""


@dataclass(frozen=True)
class Vote:
    """How many other feeds say that a column of this name is the field, and how many that it is another."""

    for_it: int = 0
    against: int = 0


@dataclass(frozen=True)
class Votes:
    """What columns are at other feeds of the layer, by name as names are compared: fields with their feeds."""

    found: Mapping[str, Counter[str]] = field(default_factory=dict)

    def of(self, column: str, name: str) -> Vote:
        fields = self.found.get(plain(column), Counter())
        return Vote(fields[name], fields.total() - fields[name])


@dataclass(frozen=True)
class LastRead:
    """How the last good run read the feed: all columns of its file, the columns and the rule of each field, the columns
    of the location, and what those looked like."""

    columns: tuple[str, ...]
    fields: Mapping[str, tuple[str, ...]]
    rules: Mapping[str, FieldRule]
    location: tuple[str, ...]
    profiles: Mapping[str, Profile]
    valid: Mapping[str, float]


@dataclass(frozen=True)
class Memory:
    """All of it; empty for a file that nobody has seen, such as one that is only checked."""

    settled: Mapping[str, Settled] = field(default_factory=dict)
    votes: Votes = Votes()
    last: LastRead | None = None

    @property
    def standing(self) -> Sequence[Settled]:
        """What is settled, a person's word first. Where nothing was recorded of the feed it is how it was last read."""
        if not self.settled and self.last:
            return [Settled(name, rule, PUBLISHED_RUN) for name, rule in self.last.rules.items()]
        return sorted(self.settled.values(), key=lambda one: not one.by_person)


def recall(engine: Engine, feed: Feed, last: EarlierRun | None) -> Memory:
    """What is known of the feed and of others of its layer."""
    read = last_read(last.reading["mapping"], last.reading["columns"]) if last else None
    elsewhere = settled_elsewhere(engine, feed.layer, feed.id)
    return Memory(settled(engine, feed.id), count_votes(elsewhere), read)


def last_read(mapping: Mapping[str, Any], columns: Sequence[str]) -> LastRead:
    """From the mapping document of a run and the columns of its file."""
    profiles = {column: read_profile(kept) for column, kept in mapping.get("profiles", {}).items()}
    return LastRead(
        columns=tuple(columns),
        fields={each["field"]: tuple(each["columns"]) for each in mapping["fields"] if each["columns"]},
        rules=rules_in(mapping),
        location=tuple((mapping.get("location") or {"columns": []})["columns"]),
        profiles=profiles,
        valid={each["field"]: each["valid"] for each in mapping["fields"] if each.get("valid") is not None},
    )


def count_votes(elsewhere: Sequence[SettledElsewhere]) -> Votes:
    """Each feed has one vote for each of its columns."""
    found: dict[str, Counter[str]] = {}
    for each in elsewhere:
        name = plain(each.column)
        if not _MADE_UP.match(name):
            found.setdefault(name, Counter())[each.field] += 1
    return Votes(found)
