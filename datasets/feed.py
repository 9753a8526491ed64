"""Feeds: one council's published dataset that is harvested for one layer, as a small document or a row."""

from collections.abc import Mapping
from datetime import date
from enum import StrEnum
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from datasets.errors import RegisterError
from datasets.layer import find_layer
from datasets.licence import find_licence
from datasets.register import read_document
from datasets.rule import Rule, check_rules

SHIPPED = Path(__file__).parent / "feeds"


class Cadence(StrEnum):
    """How often we look."""

    DAILY = "daily"
    WEEKLY = "weekly"
    MONTHLY = "monthly"
    QUARTERLY = "quarterly"
    YEARLY = "yearly"

    @property
    def days(self) -> int:
        return {"daily": 1, "weekly": 7, "monthly": 31, "quarterly": 92, "yearly": 366}[self.value]


class Converter(StrEnum):
    """The closed set of ways a column becomes a field, beyond taking it as it is."""

    JOIN = "join"
    FIRST_OF = "first-of"
    LOOKUP = "lookup"
    HTML_TEXT = "html-text"
    PENCE = "pence"
    PRESENT = "present"
    CONTAINS = "contains"


class FieldRule(BaseModel):
    """Where one field comes from: a column, several columns, or a constant.

    Converters: `join` puts columns together with `separator`; `first-of` takes the first that has a value; `lookup`
    replaces values by `values`; `html-text` strips markup; `pence` divides by 100; `present` is yes where there is a
    value; `contains` is yes where the text has one of `words`, no where it has text without them.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    column: str | None = None
    columns: tuple[str, ...] = ()
    constant: str | None = None
    converter: Converter | None = None
    separator: str = ", "
    values: Mapping[str, str] = Field(default_factory=dict)
    words: tuple[str, ...] = ()

    @property
    def sources(self) -> tuple[str, ...]:
        """The columns it reads."""
        return (self.column,) if self.column else self.columns

    @model_validator(mode="after")
    def _has_one_source(self) -> "FieldRule":
        if sum((self.column is not None, bool(self.columns), self.constant is not None)) != 1:
            raise ValueError("give exactly one of column, columns or constant")
        if self.columns and self.converter not in (Converter.JOIN, Converter.FIRST_OF):
            raise ValueError("columns need the converter join or first-of")
        return self


class LocationKind(StrEnum):
    """How a feed says where things are."""

    GEOMETRY = "geometry"
    XY = "xy"
    PAIR = "pair"
    WKT = "wkt"
    GRID_REFERENCE = "grid-reference"
    UPRN = "uprn"
    POSTCODE = "postcode"


class Location(BaseModel):
    """Where a feed's coordinates are: `xy` two columns (x first), `pair` one text column with both, and so on.
    `crs` is an EPSG code; without it the file's own statement or the values decide."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: LocationKind
    columns: tuple[str, ...] = ()
    crs: int | None = None

    @model_validator(mode="after")
    def _names_its_columns(self) -> "Location":
        wanted = {LocationKind.GEOMETRY: 0, LocationKind.XY: 2}.get(self.kind, 1)
        if len(self.columns) != wanted:
            raise ValueError(f"a location of kind {self.kind} names {wanted} columns")
        return self


class Feed(BaseModel):
    """One feed. `platform` names an adapter; `params` are the adapter's own (CKAN: dataset, resource); `sheet` and
    `source_layer` choose inside a file that holds several tables; `mapping` and `location` are used as stated, else
    proposed at every run; `rule` are rules for its values; `last_seen_working` is a shipped feed's, from where its
    address was taken."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str = Field(pattern=r"^[a-z0-9][a-z0-9-]{1,98}$")
    council: str = Field(pattern=r"^[A-Z][0-9]{8}$")
    layer: str
    platform: str = Field(default="file", pattern=r"^[a-z0-9]+$")
    url: str
    params: Mapping[str, str] = Field(default_factory=dict)
    licence: str
    attribution: str = ""
    documentation_url: str | None = None
    contact_role: str = ""
    cadence: Cadence = Cadence.MONTHLY
    last_seen_working: date | None = None
    sheet: str | None = None
    source_layer: str | None = None
    mapping: Mapping[str, FieldRule] = Field(default_factory=dict)
    location: Location | None = None
    rule: tuple[Rule, ...] = ()

    @field_validator("licence")
    @classmethod
    def _is_in_the_register(cls, text: str) -> str:
        try:
            return find_licence(text)
        except Exception as error:
            raise ValueError(str(error)) from None

    @field_validator("url")
    @classmethod
    def _is_an_address(cls, text: str) -> str:
        parts = urlsplit(text)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("the address must begin with http:// or https://")
        if parts.username or parts.password:
            raise ValueError("the address must not hold a user name or password")
        return text

    @model_validator(mode="after")
    def _maps_fields_of_its_layer(self) -> "Feed":
        try:
            layer = find_layer(self.layer)
        except Exception as error:
            raise ValueError(str(error)) from None
        for name in self.mapping:
            if name not in layer.fields:
                raise ValueError(f"mapping names {name!r}, which {layer.id} does not have")
        check_rules(self.rule, layer.id, layer.fields)
        return self

    def document(self) -> dict[str, Any]:
        """The feed as plain values, without what is left at its default."""
        return self.model_dump(mode="json", exclude_defaults=True)


def read_feed(path: Path) -> Feed:
    """The feed document at `path`."""
    return read_document(path, Feed)


def shipped_feeds(city: str) -> list[Feed]:
    """The feeds that ship for a city, in the order of their ids; each file is named after its feed."""
    paths = sorted((SHIPPED / city).glob("*.toml"))
    feeds = [read_feed(path) for path in paths]
    for path, feed in zip(paths, feeds, strict=True):
        if path.stem != feed.id:
            raise RegisterError(f"{path.name}: id: the file's name must be the feed's id (found {feed.id!r}).")
    return feeds
