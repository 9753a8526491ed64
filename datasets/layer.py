"""Layer definitions: one TOML document makes the typed table, the OGC schema, the catalogue record and the check."""

import hashlib
import logging
import re
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from datasets.errors import RegisterError
from datasets.licence import licences
from datasets.register import check_entry, read_toml
from datasets.rule import Rule, check_rules
from datasets.settings import own_layers
from datasets.vocabulary import FieldType, GeometryKind

DEFINITIONS = Path(__file__).parent / "layers"
ENVELOPE = Path(__file__).parent / "envelope.toml"

NAME = r"^[a-z][a-z0-9_]{0,50}$"

Share = Annotated[float, Field(ge=0, le=1)]

DERIVED = {FieldType.OSM_HOURS: FieldType.TIME_RANGES}
"""The types that are worked out from another field, and the type that field must have."""

_NUMBERS = (FieldType.INTEGER, FieldType.DECIMAL, FieldType.MONEY)

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
        meant: dict[str, str] = {}
        for code, synonyms in self.codes.items():
            for word in (code, *synonyms):
                other = meant.setdefault(word.lower(), code)
                if other != code:
                    raise ValueError(f"{word!r} stands for two codes, {other!r} and {code!r}")
        return self

    @model_validator(mode="after")
    def _has_a_range_of_numbers(self) -> "LayerField":
        if self.type not in _NUMBERS and (self.minimum is not None or self.maximum is not None):
            raise ValueError(f"a field of type {self.type} has no minimum or maximum")
        if self.minimum is not None and self.maximum is not None and self.minimum > self.maximum:
            raise ValueError(f"the minimum {self.minimum:g} is above the maximum {self.maximum:g}")
        return self

    @model_validator(mode="after")
    def _comes_from_somewhere(self) -> "LayerField":
        if (self.type in DERIVED) != bool(self.derived_from):
            raise ValueError(f"fields of type {', '.join(DERIVED)}, and only they, have derived_from")
        if self.derived_from and (self.aliases or self.parts):
            raise ValueError("a field that is worked out from another has no aliases and no parts")
        return self


class Expectations(BaseModel):
    """What one council's part of a layer must look like; a harvest that does not is held. Shares are from 0 to 1.

    `filled` is the least share of features that have a value, by field; `known_codes` the least share of a coded
    field's values that its codelist knows; `outside` the most that may lie far outside the council; `repeated` the most
    that may repeat another's reference; `features` the fewest and the most that one council may have; `moved_km` how
    far the middle of all features may move from one publish to the next.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    filled: Mapping[str, Share] = Field(default_factory=dict)
    known_codes: float = Field(default=0.5, ge=0, le=1)
    outside: float = Field(default=0.1, ge=0, le=1)
    repeated: float = Field(default=0.5, ge=0, le=1)
    features: tuple[int, int] | None = None
    moved_km: float = Field(default=5.0, gt=0)

    @field_validator("features")
    @classmethod
    def _is_fewest_and_most(cls, features: tuple[int, int] | None) -> tuple[int, int] | None:
        if features and not 0 <= features[0] <= features[1]:
            raise ValueError("features are the fewest and the most, in this order, none below zero")
        return features


class Layer(BaseModel):
    """A citywide layer.

    `needs` are groups of fields: a proposed mapping is sure only when each group has a field that is surely mapped.
    `natural_key` are the fields that, with a 25 m cell, tell features apart where no reference does.
    `other_layers` are words in a source's own layer name that show it holds something else. `share_alike` is the one
    share-alike licence that the layer's feeds have; without it the layer takes none such. `counts_people` layers tell
    of people in small numbers, which are not published. `never` are words of column names that tell of people in this
    subject's files: no mapping takes such a column, proposed or stated.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str = Field(pattern=r"^[a-z][a-z0-9-]*$", max_length=40)
    title: str = Field(min_length=3)
    singular: str
    description: str
    theme: str
    standard: str
    standard_url: str = Field(default="", pattern=r"^(https?://\S+)?$")
    geometry: GeometryKind
    match_radius_m: float = Field(ge=0)
    needs: tuple[tuple[str, ...], ...]
    natural_key: tuple[str, ...]
    keywords: tuple[str, ...]
    other_layers: tuple[str, ...] = ()
    share_alike: str | None = None
    counts_people: bool = False
    never: tuple[str, ...] = ()
    expectations: Expectations = Expectations()
    rule: tuple[Rule, ...] = ()
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

    @field_validator("id")
    @classmethod
    def _leaves_our_own_tables_alone(cls, id: str) -> str:
        if id == "change":
            raise ValueError("the table of changes has this name")
        return id

    @field_validator("share_alike")
    @classmethod
    def _is_a_share_alike_licence(cls, licence: str | None) -> str | None:
        known = [key for key, each in licences().items() if each.share_alike]
        if licence is not None and licence not in known:
            raise ValueError(f"this is not a share-alike licence we know; use one of {', '.join(known)}")
        return licence

    @model_validator(mode="after")
    def _has_rules_that_fit(self) -> "Layer":
        check_rules(self.rule, self.id, self.fields)
        return self

    @model_validator(mode="after")
    def _names_its_own_fields(self) -> "Layer":
        named = [("natural_key", name) for name in self.natural_key]
        named += [("needs", name) for group in self.needs for name in group]
        named += [("expectations.filled", name) for name in self.expectations.filled]
        for name, field in self.fields.items():
            if field.derived_from:
                named.append((f"field.{name}.derived_from", field.derived_from))
        for key, name in named:
            if name not in self.fields:
                raise ValueError(f"{key}: there is no field {name!r} in the layer")
        for name in self.natural_key:
            if self.fields[name].type is FieldType.CODES:
                raise ValueError(f"natural_key: {name!r} may hold several codes, which is no key")
        return self

    @model_validator(mode="after")
    def _derives_from_what_it_can(self) -> "Layer":
        for name, field in self.fields.items():
            wanted = DERIVED.get(field.type)
            if field.derived_from and self.fields[field.derived_from].type is not wanted:
                raise ValueError(
                    f"field.{name}.derived_from: {field.derived_from!r} must be of type {wanted} to make a {field.type}"
                )
        return self

    @model_validator(mode="after")
    def _gives_each_name_to_one_field(self) -> "Layer":
        taken: dict[str, str] = {}
        for name, field in self.fields.items():
            for alias in field.aliases:
                other = taken.setdefault(plain(alias), name)
                if other != name:
                    raise ValueError(f"field.{name}.aliases: {alias!r} is an alias of {other!r} too")
        return self


def plain(name: str) -> str:
    """A column name as names are compared: lower case letters and digits only."""
    return re.sub(r"[^a-z0-9]", "", name.lower())


PROVENANCE_COLUMNS = frozenset(
    {"fid", "feature_id", "council", "feed_id", "key", "rung", "resource_sha256", "row_no", "placed", "outside_m"}
    | {"precision_m", "duplicate_of", "also_published_by"}
    | {"first_seen", "changed_at", "revision", "first_revision", "content_hash", "missing_since", "geom"}
)
"""Columns every layer table has beside its fields; `reference` is a field of the envelope."""


def read_layer(path: Path) -> Layer:
    """One definition, with the envelope that every layer shares in front of its own fields."""
    return check_layer(read_toml(path), path)


def check_layer(document: Mapping[str, Any], path: Path) -> Layer:
    """The layer that a definition at `path` defines; RegisterError names the file and the first wrong key."""
    own = document.get("field", {})
    envelope = read_toml(ENVELOPE)
    fields = {name: {**envelope.get(name, {}), **own.get(name, {})} for name in {**envelope, **own}}
    checked = {name: check_entry(value, LayerField, path.name, f"field.{name}") for name, value in fields.items()}
    rest = {key: value for key, value in document.items() if key != "field"}
    return check_entry({"id": path.stem, **rest, "fields": checked}, Layer, path.name)


def layers() -> Mapping[str, Layer]:
    """Every layer that is defined, by id: the shipped ones, and the operator's own in `layers` under the home folder,
    where one of the same id stands in for the shipped one. Definitions are read again when a file changes, so that a
    program that runs for months sees a new layer; one that has gone wrong meanwhile leaves the last good reading."""
    paths = {path.stem: path for folder in (DEFINITIONS, own_layers()) for path in folder.glob("*.toml")}
    ordered = [paths[stem] for stem in sorted(paths)]
    seen = tuple((path, path.stat().st_mtime_ns) for path in (*ordered, ENVELOPE))
    if _reading.seen != seen:
        try:
            _reading.layers = {path.stem: read_layer(path) for path in ordered}
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
