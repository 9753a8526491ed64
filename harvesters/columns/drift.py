"""Schema drift: what became of the columns that were used last time, with a proposed mending that a person can act on.

A column that is gone, or that holds something else now, would become silent nulls; here it becomes a sentence.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from datasets.feed import Feed
from datasets.issues import Issues, feed_issue
from datasets.layer import Layer
from datasets.vocabulary import Action
from harvesters.batch import Opened
from harvesters.columns.mapping import MappedField, Mapping
from harvesters.columns.memory import LastRead
from harvesters.columns.profile import Profile, main_shape, profile, same_shape, shared_values

HELD, NOTED = "W-SCHEMA-DRIFT", "W-COLUMNS-CHANGED"
SOUND, COLLAPSED = 0.5, 0.5
"""A field whose values were sound for at least half, and are for less than half as many now, holds something else."""

WAS_FILLED, IS_EMPTY = 0.5, 0.1
FEWEST_ROWS = 4
"""Shares of fewer rows say nothing."""


@dataclass(frozen=True)
class Drift:
    """What a person must decide, as the doubts of a candidate are; and what is noted while the run goes on."""

    doubts: tuple[tuple[str, str], ...] = ()
    issues: Issues = field(default_factory=list)


def find_drift(feed: Feed, layer: Layer, opened: Opened, mapping: Mapping, last: LastRead | None) -> Drift:
    """How the columns differ from those of the last good run. Without one nothing has drifted."""
    if last is None:
        return Drift()
    held = [*_gone(feed, layer, opened, mapping, last), *_location_gone(feed, opened, mapping, last)]
    noted = [*_renamed(layer, mapping, last), *_new(feed, layer, mapping, last)]
    for name, sentence in _changed(feed, layer, opened, mapping, last):
        (held if _is_needed(layer, name) else noted).append(sentence)
    doubts = ((HELD, " ".join(held)),) if held else ()
    return Drift(doubts, [feed_issue(NOTED, sentence, action=Action.KEPT) for sentence in noted])


def _gone(feed: Feed, layer: Layer, opened: Opened, mapping: Mapping, last: LastRead) -> Iterator[str]:
    """Columns that filled a field and are not in the file, unless a person has said since what fills it."""
    followed = {each.old for each in mapping.renamed}
    for name, columns in last.fields.items():
        gone = [column for column in columns if column not in opened.columns and column not in followed]
        now = mapping.find(name)
        if not gone or name not in layer.fields or (now is not None and now.by_person):
            continue
        told = f"{_listed(gone)} gave the {title(layer, name)} and {'is' if len(gone) == 1 else 'are'} gone"
        yield f"{told}; {_mending(feed, opened, name, gone[0], now, last)}"


def _mending(feed: Feed, opened: Opened, name: str, gone: str, now: MappedField | None, last: LastRead) -> str:
    """What to do about a column that is gone: the likeliest new one, with what speaks for it."""
    new = [column for column in opened.columns if column not in last.columns]
    proposed = [column for column in (now.rule.sources if now else ()) if column in new]
    before = last.profiles.get(gone)
    looks = {column: profile(opened.records[column]) for column in new}
    alike = [column for column in new if before is not None and _is_alike(before, looks[column])]
    if not (proposed or alike):
        return f"no new column looks like it. Publish it again, or state another: {_command(feed, name, 'COLUMN')}."
    best = (proposed or alike)[0]
    why = _likeness(gone, before, looks[best]) if before else ""
    return f"{best!r} is new{why}. If it is the same, say so: {_command(feed, name, best)}."


def _is_alike(before: Profile, now: Profile) -> bool:
    return now.filled > 0 and same_shape(before, now) and (main_shape(before) is not None or bool(_shared(before, now)))


def _likeness(gone: str, before: Profile, now: Profile) -> str:
    """What the values of both have in common, in words."""
    if shared := _shared(before, now):
        return f", and about {shared:.0%} of its values are those of {gone!r}"
    if shape := main_shape(before):
        return f", and {now.share(shape[0]):.0%} of its values are {_plural(shape[0])} as those of {gone!r} were"
    return ""


def _shared(before: Profile, now: Profile) -> float:
    return shared_values(before, now)


def _location_gone(feed: Feed, opened: Opened, mapping: Mapping, last: LastRead) -> Iterator[str]:
    """The columns of the coordinates, unless the feed states where they are."""
    followed = {each.old for each in mapping.renamed}
    gone = [column for column in last.location if column not in opened.columns and column not in followed]
    if not gone or feed.location is not None:
        return
    told = f"{_listed(gone)} said where things are and {'is' if len(gone) == 1 else 'are'} gone"
    found = mapping.location.location if mapping.location else None
    if found is None or not (found.columns or found.kind == "geometry"):
        yield f"{told}; nothing else in the file says it. Publish them again."
        return
    where = _listed(list(found.columns)) or "the shapes of the file"
    option = f"--location {found.kind}{':' + ','.join(found.columns) if found.columns else ''}"
    yield f"{told}; {where} would be read in their place. Accept the run if that is right, or state it with {option}."


def _changed(feed: Feed, layer: Layer, opened: Opened, mapping: Mapping, last: LastRead) -> Iterator[tuple[str, str]]:
    """Fields whose columns are still there but hold something else, or nothing."""
    if opened.records.height < FEWEST_ROWS:
        return
    for mapped in mapping.fields:
        name, columns = mapped.field, mapped.rule.sources
        if last.fields.get(name) != columns or feed.mapping.get(name) is not None:
            continue
        told = _emptied(columns, mapping, last) or _retyped(layer, mapped, mapping, last)
        if told:
            do = f"Mend the file, or state another column: {_command(feed, name, 'COLUMN')}."
            yield name, f"{_listed(list(columns))} gives the {title(layer, name)}: {told}. {do}"


def _emptied(columns: tuple[str, ...], mapping: Mapping, last: LastRead) -> str:
    pairs = [(last.profiles[c], mapping.profiles[c]) for c in columns if c in last.profiles and c in mapping.profiles]
    was = max((before.filled for before, _ in pairs), default=0.0)
    now = max((after.filled for _, after in pairs), default=1.0)
    if was < WAS_FILLED or now >= IS_EMPTY:
        return ""
    return f"{was:.0%} of its rows had a value, and {now:.0%} have one now"


def _retyped(layer: Layer, mapped: MappedField, mapping: Mapping, last: LastRead) -> str:
    was, now = last.valid.get(mapped.field), mapping.valid.get(mapped.field)
    if was is not None and now is not None and was >= SOUND and now < was * COLLAPSED:
        kind = layer.fields[mapped.field].type.value
        return f"{was:.0%} of its values could be read as {kind}, and {now:.0%} can now"
    [column, *others] = mapped.rule.sources or ("",)
    before, after = last.profiles.get(column), mapping.profiles.get(column)
    if others or before is None or after is None or (shape := main_shape(after)) is None:
        return ""
    if before.share(shape[0]) > shape[1] * (1 - COLLAPSED) or (mapped.field == "reference" and shape[0] == "number"):
        return ""
    return f"{before.share(shape[0]):.0%} of its values were {_plural(shape[0])}, and {shape[1]:.0%} are now"


def _renamed(layer: Layer, mapping: Mapping, last: LastRead) -> Iterator[str]:
    for each in mapping.renamed:
        fields = [title(layer, mapped.field) for mapped in mapping.fields if each.new in mapped.rule.sources]
        purpose = f"the {' and the '.join(fields)}" if fields else "the coordinates"
        told = f"{each.old!r} is called {each.new!r} now: about {each.shared:.0%} of the values are the same"
        yield f"{told}, so it goes on giving {purpose}."


def _new(feed: Feed, layer: Layer, mapping: Mapping, last: LastRead) -> Iterator[str]:
    """New columns that are a field which nothing filled before."""
    known = {*last.columns, *(each.new for each in mapping.renamed)}
    for mapped in mapping.fields:
        new = [column for column in mapped.rule.sources if column not in known]
        if new and mapped.field not in last.fields and not mapped.by_person:
            yield f"{_listed(new)} is new and is read as the {title(layer, mapped.field)} ({mapped.evidence})."
    filled = {mapped.field for mapped in mapping.fields}
    for mapped in mapping.unsure:
        new = [column for column in mapped.rule.sources if column not in known]
        if new and mapped.field not in filled and mapped.field not in last.fields:
            told = f"{_listed(new)} is new and may be the {title(layer, mapped.field)}, which nothing gives"
            yield f"{told} ({mapped.evidence}). If it is, say so: {_command(feed, mapped.field, new[0])}."


def _is_needed(layer: Layer, name: str) -> bool:
    return layer.fields[name].required or any(name in group for group in layer.needs)


def title(layer: Layer, name: str) -> str:
    """A field's title within a sentence: `opening hours`, but `UPRN`."""
    words = layer.fields[name].title
    return words if words[1:2].isupper() else words[:1].lower() + words[1:]


def _command(feed: Feed, name: str, column: str) -> str:
    pair = f"{name}={column}"
    return f"citywide feeds confirm {feed.id} --map {pair if column.isidentifier() else repr(pair)}"


def _listed(columns: list[str]) -> str:
    *first, last = [repr(column) for column in columns] or [""]
    return f"{', '.join(first)} and {last}" if first else last


def _plural(shape: str) -> str:
    return {"e-mail address": "e-mail addresses", "markup": "markup", "yes or no": "yes or no"}.get(shape, f"{shape}s")
