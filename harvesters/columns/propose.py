"""Proposing which column is which field, from names seen before and from what the values look like.

Separate from the map stage, which applies a mapping, because a proposal is a guess with evidence and applying is not.
"""

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace

import polars as pl

from datasets.feed import Converter, FieldRule
from datasets.layer import Layer
from harvesters.batch import Opened
from harvesters.columns.evidence import PREFIXED, Column, score
from harvesters.columns.mapping import SURE, MappedField
from harvesters.columns.memory import Votes
from harvesters.columns.naming import plain, without_shared_prefix
from harvesters.columns.profile import SAMPLE_ROWS, profile

LEAST, JOINED = 0.4, 0.85
TWIN = 0.005
"""Candidates nearer than this are equally good."""

SAME_VALUES = 0.9
"""Columns that agree in this share of rows are one: either will do."""

_NUMBERED = re.compile(r"^(?P<stem>.*?add(?:r|ress)?\w*?)[ _]?(?P<number>\d{1,2})$", re.IGNORECASE)


@dataclass(frozen=True)
class _Candidate:
    field: str
    column: str
    score: float
    evidence: str


def propose_fields(
    layer: Layer, opened: Opened, taken: Collection[str], votes: Votes | None = None
) -> list[MappedField]:
    """The best column for each field, in the layer's order; columns in `taken` (the location's) are left alone. `votes`
    are what other feeds say."""
    sample = opened.records.head(SAMPLE_ROWS)
    names = [name for name in opened.columns if name not in taken and sample[name].null_count() < sample.height]
    columns = _columns(layer, sample, names)
    found = list(_candidates(layer, columns, votes or Votes()))
    single = [_unless_ambiguous(mapped, found, sample) for mapped in _assign(found)]
    joined = list(_joined(layer, columns, single))
    better = {mapped.field for mapped in joined}
    used = {source for mapped in joined for source in mapped.rule.sources}
    kept = [m for m in single if m.field not in better and not used & set(m.rule.sources)]
    order = list(layer.fields)
    return sorted(kept + joined, key=lambda mapped: order.index(mapped.field))


def _columns(layer: Layer, sample: pl.DataFrame, names: list[str]) -> list[Column]:
    stems = without_shared_prefix(names)
    known = {plain(alias) for field in layer.fields.values() for alias in field.aliases}
    return [
        Column(name, stems[name], sample[name], profile(sample[name]), plain(name) in known)
        for name in names
    ]  # fmt: skip


def _candidates(layer: Layer, columns: list[Column], votes: Votes) -> Iterator[_Candidate]:
    for name, field in layer.fields.items():
        if field.personal or field.derived_from:
            continue
        for column in columns:
            if found := score(layer, name, column, votes.of(column.name, name)):
                yield _Candidate(name, column.name, found.score, found.evidence)


def _assign(found: list[_Candidate]) -> list[MappedField]:
    """The surest candidates first, each column and each field once."""
    fields: set[str] = set()
    columns: set[str] = set()
    chosen = []
    for candidate in sorted(found, key=lambda candidate: -candidate.score):
        if candidate.field not in fields and candidate.column not in columns and candidate.score >= LEAST:
            fields.add(candidate.field)
            columns.add(candidate.column)
            rule = FieldRule(column=candidate.column)
            chosen.append(MappedField(candidate.field, rule, candidate.score, candidate.evidence))
    return chosen


def _unless_ambiguous(mapped: MappedField, found: list[_Candidate], sample: pl.DataFrame) -> MappedField:
    """The proposal, unsure where another column is as good for the field and says something else."""
    own = mapped.rule.sources[0]
    for other in found:
        if other.field != mapped.field or other.column == own or other.score < mapped.confidence - TWIN:
            continue
        same = (sample[own] == sample[other.column]).fill_null(False).mean() or 0
        if float(same) < SAME_VALUES:  # type: ignore[arg-type]
            told = f"{mapped.evidence}, but {other.column!r} is as likely"
            return replace(mapped, confidence=min(mapped.confidence, SURE - 0.05), evidence=told)
    return mapped


def _joined(layer: Layer, columns: list[Column], single: list[MappedField]) -> Iterator[MappedField]:
    """Fields that no one column surely has but several together do: numbered address lines, or a layer's parts."""
    surely = {mapped.field: mapped for mapped in single if mapped.confidence >= SURE}
    taken = {source for mapped in surely.values() for source in mapped.rule.sources}
    for name, field in layer.fields.items():
        if not field.parts:
            continue
        alone = surely.get(name)
        free = [c.name for c in columns if c.name not in taken or (alone and c.name in alone.rule.sources)]
        numbered = _numbered(free) if name == "address" else []
        known = {plain(part): index for index, part in enumerate(field.parts)}
        parts = sorted((c for c in free if plain(c) in known), key=lambda c: known[plain(c)])
        if alone is not None and not set(alone.rule.sources) <= {*(numbered if len(numbered) > 1 else parts)}:
            continue
        if len(numbered) > 1:
            rule = FieldRule(columns=tuple(numbered), converter=Converter.JOIN)
            yield MappedField(name, rule, PREFIXED, f"numbered lines: {', '.join(numbered)}")
        elif len(parts) > 1:
            rule = FieldRule(columns=tuple(parts), converter=Converter.JOIN)
            yield MappedField(name, rule, JOINED, f"parts of it: {', '.join(parts)}")
        elif parts and name not in {mapped.field for mapped in single}:
            yield MappedField(name, FieldRule(column=parts[0]), JOINED, "a part of it")


def _numbered(columns: list[str]) -> list[str]:
    """The longest run of numbered address columns, in the order of their numbers."""
    stems: dict[str, list[tuple[int, str]]] = {}
    for column in columns:
        if match := _NUMBERED.match(column):
            stems.setdefault(plain(match["stem"]), []).append((int(match["number"]), column))
    best = max(stems.values(), key=len, default=[])
    return [column for _, column in sorted(best)]
