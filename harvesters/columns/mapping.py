"""What a proposed mapping is: per field where it comes from, how sure that is, and why."""

from collections.abc import Mapping as Document
from dataclasses import dataclass, field
from typing import Any

from datasets.feed import FieldRule, Location
from harvesters.columns.profile import Profile

SURE = 0.8
"""From this confidence on a proposed field or location is used without asking a person: of the proposals that are as
sure at least 95 in 100 are right (`python -m tests.mapping` counts them)."""


@dataclass(frozen=True)
class MappedField:
    """One field of the layer with the rule that fills it."""

    field: str
    rule: FieldRule
    confidence: float
    evidence: str

    @property
    def by_person(self) -> bool:
        """Whether a person said so, in the feed's document or by confirming it: no proposal is as sure."""
        return self.confidence == 1.0

    def document(self) -> dict[str, Any]:
        return {
            "field": self.field,
            "columns": list(self.rule.sources),
            "converter": self.rule.converter.value if self.rule.converter else None,
            "constant": self.rule.constant,
            "rule": self.rule.model_dump(mode="json", exclude_defaults=True),
            "confidence": round(self.confidence, 3),
            "evidence": self.evidence,
        }


@dataclass(frozen=True)
class MappedLocation:
    """Where the coordinates are; `alternatives` fill rows in which the first has none."""

    location: Location
    confidence: float
    evidence: str
    alternatives: tuple[Location, ...] = ()

    def document(self) -> dict[str, Any]:
        return {
            "kind": self.location.kind.value,
            "columns": list(self.location.columns),
            "crs": self.location.crs,
            "confidence": round(self.confidence, 3),
            "evidence": self.evidence,
        }


@dataclass(frozen=True)
class Renamed:
    """A column of last time that is called otherwise now, and the share of values that both have."""

    old: str
    new: str
    shared: float


@dataclass(frozen=True)
class Mapping:
    """A whole mapping: the fields that are filled, the guesses that are too unsure to use, and the columns that are
    not used; `stated` when a person gave any of it in the feed. `renamed` columns are used under their new names.
    `profiles` say what the columns that are used look like, `valid` which share of a field's values its type takes."""

    fields: tuple[MappedField, ...]
    location: MappedLocation | None
    unmapped: tuple[str, ...]
    stated: bool
    unsure: tuple[MappedField, ...] = ()
    renamed: tuple[Renamed, ...] = ()
    profiles: Document[str, Profile] = field(default_factory=dict)
    valid: Document[str, float] = field(default_factory=dict)

    def find(self, name: str) -> MappedField | None:
        """Where the field comes from, or may come from."""
        return next((mapped for mapped in (*self.fields, *self.unsure) if mapped.field == name), None)

    def document(self) -> dict[str, Any]:
        """The mapping as plain values, as runs keep it and `feeds check` shows it."""
        return {
            "fields": [{**mapped.document(), "valid": self.valid.get(mapped.field)} for mapped in self.fields],
            "location": self.location.document() if self.location else None,
            "unmapped": list(self.unmapped),
            "unsure": [mapped.document() for mapped in self.unsure],
            "stated": self.stated,
            "profiles": {column: seen.document() for column, seen in self.profiles.items()},
        }
