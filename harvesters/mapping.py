"""What a proposed mapping is: per field where it comes from, how sure that is, and why."""

from dataclasses import dataclass
from typing import Any

from datasets.feed import FieldRule, Location

SURE = 0.8
"""From this confidence on a proposed field or location is used without asking a person."""


@dataclass(frozen=True)
class MappedField:
    """One field of the layer with the rule that fills it."""

    field: str
    rule: FieldRule
    confidence: float
    evidence: str

    def document(self) -> dict[str, Any]:
        return {
            "field": self.field,
            "columns": list(self.rule.sources),
            "converter": self.rule.converter.value if self.rule.converter else None,
            "constant": self.rule.constant,
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
class Mapping:
    """A whole mapping: the fields that are filled, the guesses that are too unsure to use, and the columns that are
    not used; `stated` when a person gave any of it in the feed."""

    fields: tuple[MappedField, ...]
    location: MappedLocation | None
    unmapped: tuple[str, ...]
    stated: bool
    unsure: tuple[MappedField, ...] = ()

    def find(self, field: str) -> MappedField | None:
        """Where the field comes from, or may come from."""
        return next((mapped for mapped in (*self.fields, *self.unsure) if mapped.field == field), None)

    def document(self) -> dict[str, Any]:
        """The mapping as plain values, as runs keep it and `feeds check` shows it."""
        return {
            "fields": [mapped.document() for mapped in self.fields],
            "location": self.location.document() if self.location else None,
            "unmapped": list(self.unmapped),
            "unsure": [mapped.document() for mapped in self.unsure],
            "stated": self.stated,
        }
