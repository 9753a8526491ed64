"""Layer definitions: one TOML document makes the typed table, the OGC schema, the catalogue record and the check."""

import hashlib
import logging
import re
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from types import MappingProxyType

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from datasets.errors import RegisterError
from datasets.register import check_entry, read_toml
from datasets.vocabulary import FieldType, GeometryKind

DEFINITIONS = Path(__file__).parent / "layers"
ENVELOPE = Path(__file__).parent / "envelope.toml"

NAME = r"^[a-z][a-z0-9_]*$"

logger = logging.getLogger(__name__)


class LayerField(BaseModel):
    """One field of a layer. `aliases` are column names seen in real feeds; `codes` maps each official value to its
    synonyms; `parts` are column names that, joined in this order, make the value where no one column has it;
    `minimum` and `maximum` are in `unit`; `personal` fields are never published. A `national` field is a number that
    is the same whoever publishes it: it tells features apart, and two councils' features that are one thing. A field
    with `derived_from` is worked out from that other field, never taken from a column."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    title: str
    description: str
    type: FieldType
    required: bool = False
    unit: str | None = None
    minimum: float | None = None
    maximum: float | None = None
    codes: Mapping[str, tuple[str, ...]] = Field(default_factory=dict)
    aliases: tuple[str, ...] = ()
    parts: tuple[str, ...] = ()
    personal: bool = False
    national: bool = False
    derived_from: str | None = None

    @model_validator(mode="after")
    def _has_codes_when_coded(self) -> "LayerField":
        coded = self.type in (FieldType.CODE, FieldType.CODES)
        if coded != bool(self.codes):
            raise ValueError("fields of type code or codes, and only they, have codes")
        return self


class Expectations(BaseModel):
    """What one council's part of a layer must look like; a harvest that does not is held. Shares are from 0 to 1.

    `filled` is the least share of features that have a value, by field; `known_codes` the least share of a coded
    field's values that its codelist knows; `outside` the most that may lie far outside the council; `repeated` the most
    that may repeat another's reference; `features` the fewest and the most that one council may have; `moved_km` how
    far the middle of all features may move from one publish to the next.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    filled: Mapping[str, float] = Field(default_factory=dict)
    known_codes: float = Field(default=0.5, ge=0, le=1)
    outside: float = Field(default=0.1, ge=0, le=1)
    repeated: float = Field(default=0.5, ge=0, le=1)
    features: tuple[int, int] | None = None
    moved_km: float = Field(default=5.0, gt=0)


class Layer(BaseModel):
    """A citywide layer.

    `needs` are groups of fields: a proposed mapping is sure only when each group has a field that is surely mapped.
    `natural_key` are the fields that, with a 25 m cell, tell features apart where no reference does.
    `other_layers` are words in a source's own layer name that show it holds something else. `share_alike` is the one
    share-alike licence that the layer's feeds have; without it the layer takes none such. `counts_people` layers tell
    of people in small numbers, which are not published.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str = Field(pattern=r"^[a-z][a-z0-9-]*$")
    title: str
    singular: str
    description: str
    theme: str
    standard: str
    standard_url: str
    geometry: GeometryKind
    match_radius_m: float
    needs: tuple[tuple[str, ...], ...]
    natural_key: tuple[str, ...]
    keywords: tuple[str, ...]
    other_layers: tuple[str, ...] = ()
    share_alike: str | None = None
    counts_people: bool = False
    expectations: Expectations = Expectations()
    fields: Mapping[str, LayerField]

    @cached_property
    def digest(self) -> str:
        """Changes whenever anything in the definition does."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()[:16]

    def __hash__(self) -> int:
        return hash(self.digest)

    @property
    def table(self) -> str:
        """The layer's table in schema `layers`."""
        return self.id.replace("-", "_")

    @field_validator("fields")
    @classmethod
    def _are_named_as_columns(cls, fields: Mapping[str, LayerField]) -> Mapping[str, LayerField]:
        for name in fields:
            if not re.match(NAME, name) or name in PROVENANCE_COLUMNS:
                raise ValueError(f"{name!r} cannot be a field name: lower case letters, digits and _, not one of ours")
        return fields

    @model_validator(mode="after")
    def _names_its_own_fields(self) -> "Layer":
        derived = [field.derived_from for field in self.fields.values() if field.derived_from]
        needed = [name for group in self.needs for name in group]
        for name in (*self.natural_key, *needed, *self.expectations.filled, *derived):
            if name not in self.fields:
                raise ValueError(
                    f"needs, natural_key, expectations or derived_from name a field {name!r} that the layer lacks"
                )
        return self


PROVENANCE_COLUMNS = frozenset(
    {"fid", "feature_id", "council", "feed_id", "key", "rung", "resource_sha256", "row_no", "placed", "outside_m"}
    | {"precision_m", "duplicate_of"}
    | {"first_seen", "changed_at", "revision", "first_revision", "content_hash", "missing_since", "geom"}
)
"""Columns every layer table has beside its fields; `reference` is a field of the envelope."""


def read_layer(path: Path) -> Layer:
    """One definition, with the envelope that every layer shares in front of its own fields."""
    document = read_toml(path)
    own = document.pop("field", {})
    envelope = read_toml(ENVELOPE)
    fields = {name: {**envelope.get(name, {}), **own.get(name, {})} for name in {**envelope, **own}}
    checked = {name: check_entry(value, LayerField, path.name, f"field.{name}") for name, value in fields.items()}
    return check_entry({"id": path.stem, **document, "fields": checked}, Layer, path.name)


def layers() -> Mapping[str, Layer]:
    """Every layer that is defined, by id. Definitions are read again when a file changes, so that a program that
    runs for months sees a new layer; one that has gone wrong meanwhile leaves the last good reading in place."""
    paths = sorted(DEFINITIONS.glob("*.toml"))
    seen = tuple((path, path.stat().st_mtime_ns) for path in (*paths, ENVELOPE))
    if _reading.seen != seen:
        try:
            _reading.layers = {path.stem: read_layer(path) for path in paths}
        except RegisterError:
            if not _reading.layers:
                raise
            logger.exception("a layer definition is wrong; the last good ones stay")
        _reading.seen = seen
    return _reading.layers


class _Reading:
    """The definitions as last read, and the files they were read from."""

    layers: Mapping[str, Layer] = MappingProxyType({})
    seen: tuple[tuple[Path, int], ...] = ()


_reading = _Reading()


def find_layer(name: str) -> Layer:
    """The layer with this id; RegisterError says which ones there are."""
    if name in layers():
        return layers()[name]
    raise RegisterError(f"There is no layer {name!r}; there are {', '.join(layers())}.")
