"""Proposing which column is which field, from names seen before and from what the values look like.

Separate from the map stage, which applies a mapping, because a proposal is a guess with evidence and applying is not.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

import polars as pl
from rapidfuzz import fuzz

from datasets.feed import Converter, FieldRule
from datasets.layer import Layer, LayerField
from datasets.vocabulary import FieldType
from harvesters.batch import Opened
from harvesters.mapping import SURE, MappedField
from harvesters.type import share_valid

SAMPLE_ROWS = 2_000
ALIAS, PREFIXED, CUT, JOINED, SHAPE, FUZZY = 0.98, 0.93, 0.9, 0.85, 0.8, 0.75

_NEVER_A_REFERENCE = {
    "objectid",
    "fid",
    "ogcfid",
    "gid",
    "id0",
    "miprinx",
    "esrioid",
    "gmlid",
    "objectid1",
    "pk",
    "rowid",
}
"""Row numbers of the publisher's software: they change whenever the data is published again."""

_NUMBERED = re.compile(r"^(?P<stem>.*?add(?:r|ress)?\w*?)[ _]?(?P<number>\d{1,2})$", re.IGNORECASE)


@dataclass(frozen=True)
class _Candidate:
    field: str
    rule: FieldRule
    score: float
    evidence: str


def propose_fields(layer: Layer, opened: Opened, taken: set[str]) -> list[MappedField]:
    """The best column for each field, surest first; columns in `taken` (the location's) are left alone."""
    sample = opened.records.head(SAMPLE_ROWS)
    columns = [name for name in opened.columns if name not in taken and sample[name].null_count() < sample.height]
    stems = _without_shared_prefix(columns)
    known = {plain(alias) for field in layer.fields.values() for alias in field.aliases}
    found = [
        candidate
        for name, field in layer.fields.items()
        if not field.personal
        for column in columns
        if (candidate := _score(name, field, column, stems[column], sample[column], plain(column) in known))
    ]
    single = _assign(found)
    joined = list(_joined(layer, columns, single))
    better = {mapped.field for mapped in joined}
    used = {source for mapped in joined for source in mapped.rule.sources}
    kept = [m for m in single if m.field not in better and not used & set(m.rule.sources)]
    order = list(layer.fields)
    return sorted(kept + joined, key=lambda mapped: order.index(mapped.field))


def plain(name: str) -> str:
    """A column name as names are compared: lower case letters and digits only."""
    return re.sub(r"[^a-z0-9]", "", name.lower())


def _score(name: str, field: LayerField, column: str, stem: str, values: pl.Series, known: bool) -> _Candidate | None:
    """`known` columns are exact aliases of some field, so that likeness to another field's counts for nothing."""
    by_name, evidence = _name_score(field, column, stem)
    if known and by_name < ALIAS - 0.003 * len(field.aliases):
        by_name = 0.0
    if name == "reference" and (
        plain(column) in _NEVER_A_REFERENCE or (plain(column) == "id" and _counts_rows(values))
    ):
        return None
    valid = share_valid(field, values)
    if by_name == 0 and field.type is FieldType.POSTCODE and valid >= 0.9:
        by_name, evidence = SHAPE, f"{valid:.0%} of its values are postcodes"
    if by_name == 0:
        return None
    score = by_name * _value_factor(name, valid, values)
    if valid < 0.5:
        evidence += f"; only {valid:.0%} of its values fit"
    return _Candidate(name, FieldRule(column=column), score, evidence)


def _counts_rows(values: pl.Series) -> bool:
    """Whether the values are 1, 2, 3 … or ID_0, ID_1 … down the file: row numbers, which say nothing of the feature."""
    numbers = values.str.extract(r"^(?i:id)?[_ ]?(\d+)$", 1).cast(pl.Int64, strict=False)
    return (
        len(numbers) > 3
        and numbers.null_count() == 0
        and numbers[0] in (0, 1)
        and bool((numbers.diff()[1:] == 1).all())
    )


def _name_score(field: LayerField, column: str, stem: str) -> tuple[float, str]:
    """How well the name fits, and in which way. Aliases are in order of preference."""
    wanted = [plain(alias) for alias in field.aliases]
    own, short, bare = plain(column), plain(stem), plain(re.sub(r"_\d+$", "", column))
    if own in wanted:
        return ALIAS - 0.003 * wanted.index(own), "a name seen before"
    if short in wanted or bare in wanted:
        rest = short if short in wanted else bare
        return PREFIXED - 0.003 * wanted.index(rest), f"a name seen before, within {column!r}"
    if len(own) in (9, 10) and any(alias.startswith(own) for alias in wanted):
        return CUT, "a name seen before, cut to ten characters"
    near = max((fuzz.ratio(own, alias) for alias in wanted if len(alias) > 3), default=0.0)
    if near >= 85 and len(own) > 3:
        return FUZZY * near / 100, "close to a name seen before"
    return 0.0, ""


def _value_factor(name: str, valid: float, values: pl.Series) -> float:
    """Values speak against a name that misleads: wrong shape, mostly empty, or a reference that is not one."""
    filled = values.drop_nulls()
    factor = 1.0 if valid >= 0.5 else max(0.3, valid)
    if name in ("reference", "name"):
        distinct = filled.n_unique() / max(1, len(filled))
        if len(filled) >= 4 and distinct < (0.5 if name == "reference" else 0.1):
            factor *= 0.5
        factor *= 0.7 + 0.3 * len(filled) / max(1, len(values))
        factor *= 0.85 + 0.15 * distinct if name == "name" else 1
    if name == "reference" and _mean(filled.str.count_matches(r"\S+")) > 2.5:
        factor *= 0.8
    if name in ("name", "address") and _mean(filled.str.contains(r"^[-\d.,\s()]+$")) > 0.8:
        factor *= 0.4
    return factor


def _mean(values: pl.Series) -> float:
    """The mean of numbers, or the share of trues; 0 of none."""
    return float(values.mean() or 0)  # type: ignore[arg-type]


def _assign(found: list[_Candidate]) -> list[MappedField]:
    """The surest candidates first, each column and each field once."""
    fields: set[str] = set()
    columns: set[str] = set()
    chosen = []
    for candidate in sorted(found, key=lambda candidate: -candidate.score):
        source = candidate.rule.sources[0]
        if candidate.field not in fields and source not in columns and candidate.score >= 0.4:
            fields.add(candidate.field)
            columns.add(source)
            chosen.append(MappedField(candidate.field, candidate.rule, candidate.score, candidate.evidence))
    return chosen


def _joined(layer: Layer, columns: list[str], single: list[MappedField]) -> Iterator[MappedField]:
    """Fields that no one column surely has but several together do: numbered address lines, or a layer's parts."""
    sure = {mapped.field for mapped in single if mapped.confidence >= SURE}
    taken = {source for m in single if m.confidence >= SURE for source in m.rule.sources}
    free = [column for column in columns if column not in taken]
    for name, field in layer.fields.items():
        if name in sure or not field.parts:
            continue
        numbered = _numbered(free) if name == "address" else []
        known = {plain(part): index for index, part in enumerate(field.parts)}
        parts = sorted((c for c in free if plain(c) in known), key=lambda c: known[plain(c)])
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


def _without_shared_prefix(columns: list[str]) -> dict[str, str]:
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
