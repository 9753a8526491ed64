"""The mapping that stands: columns that a person confirmed or a publish used are used again before anything is
proposed, so that no mapping flips because a share crossed a threshold; also under a new name that the values prove.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from datasets.feed import Feed, FieldRule
from datasets.layer import Layer
from datasets.store.confirmed import Settled
from harvesters.batch import Opened
from harvesters.columns.mapping import MappedField, Renamed
from harvesters.columns.memory import LastRead, Memory
from harvesters.columns.naming import likeness
from harvesters.columns.profile import FEW_VALUES, Profile, profile, same_shape, shared_values

CONFIRMED, USED = 1.0, 0.99
ENOUGH_SHARED, AHEAD = 0.5, 0.2
"""A column is the old one under a new name when so many values are in both, and so many fewer in any other."""

LIKE_NAME = 75.0
"""Columns of a few values, such as yes and no, must besides be called about the same."""


@dataclass(frozen=True)
class Standing:
    """The fields whose columns are settled and there, and the columns that are called otherwise now."""

    fields: tuple[MappedField, ...]
    renamed: tuple[Renamed, ...]


def standing(feed: Feed, layer: Layer, opened: Opened, memory: Memory) -> Standing:
    """What is settled, as far as its columns are in the file. What the feed states comes before it, and a person's word
    before what a run only used."""
    renamed = tuple(find_renamed(opened, memory.last)) if memory.last else ()
    now = {each.old: each.new for each in renamed}
    used = {column for rule in feed.mapping.values() for column in rule.sources}
    fields = []
    for one in memory.standing:
        known = layer.fields.get(one.field)
        if known is None or known.personal or known.derived_from or one.field in feed.mapping:
            continue
        rule = _renamed_rule(one.rule, now)
        if set(rule.sources) - set(opened.columns) or (not one.by_person and set(rule.sources) & used):
            continue
        used |= set(rule.sources)
        confidence = CONFIRMED if one.by_person else USED
        fields.append(MappedField(one.field, rule, confidence, _told(one, rule, now)))
    order = list(layer.fields)
    return Standing(tuple(sorted(fields, key=lambda mapped: order.index(mapped.field))), renamed)


def find_renamed(opened: Opened, last: LastRead) -> Iterator[Renamed]:
    """The columns that were used last time, are gone, and surely are among the new ones under another name."""
    used = [*last.location, *(column for columns in last.fields.values() for column in columns)]
    gone = [column for column in dict.fromkeys(used) if column not in opened.columns and column in last.profiles]
    new = {column: profile(opened.records[column]) for column in opened.columns if column not in last.columns}
    for column in gone if new else ():
        if found := likeliest(column, last.profiles[column], new):
            del new[found.new]
            yield found


def likeliest(column: str, before: Profile, new: Mapping[str, Profile]) -> Renamed | None:
    """The one new column that surely is this one; None where none is, or several are."""
    shared = {name: shared_values(before, now) for name, now in new.items() if same_shape(before, now)}
    if before.distinct < FEW_VALUES:
        shared = {name: share for name, share in shared.items() if likeness(column, name) >= LIKE_NAME}
    ranked = sorted(shared, key=lambda name: -shared[name])
    if not ranked or shared[ranked[0]] < ENOUGH_SHARED:
        return None
    best = ranked[0]
    if len(ranked) > 1 and shared[ranked[1]] > shared[best] - AHEAD:
        return None
    return Renamed(column, best, shared[best])


def _renamed_rule(rule: FieldRule, now: Mapping[str, str]) -> FieldRule:
    if not set(rule.sources) & set(now):
        return rule
    if rule.column is not None:
        return rule.model_copy(update={"column": now[rule.column]})
    return rule.model_copy(update={"columns": tuple(now.get(column, column) for column in rule.columns)})


def _told(one: Settled, rule: FieldRule, now: Mapping[str, str]) -> str:
    told = f"confirmed by {one.by}" if one.by_person else "used at the last publish"
    former = [column for column in one.rule.sources if column in now]
    return f"{told} as {', '.join(map(repr, former))}" if former else told
