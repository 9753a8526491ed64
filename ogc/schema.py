"""What a feature's properties are: the published fields of a layer and the provenance every feature carries.

The schema document, the queryables, the OpenAPI document, the provider and the SQL all read the lists here.
"""

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from datasets.layer import Layer, LayerField
from datasets.vocabulary import FieldType, GeometryKind

Value = str | int | float | bool | Decimal

PROVENANCE: Mapping[str, dict[str, Any]] = {
    "council": {"title": "Council", "type": "string", "description": "GSS code of the council that publishes it."},
    "council_name": {"title": "Council's name", "type": "string"},
    "feed": {"title": "Feed", "type": "string", "description": "The council's dataset that it came from."},
    "licence": {"title": "Licence", "type": "string", "description": "The licence's id in our register."},
    "attribution": {"title": "Attribution", "type": "string", "description": "The words to show when you use it."},
    "source_url": {"title": "Source", "type": "string", "format": "uri", "description": "Where the feed is fetched."},
    "resource_sha256": {
        "title": "Resource",
        "type": "string",
        "description": "SHA-256 of the exact bytes that it was read from.",
    },
    "row": {"title": "Row", "type": "integer", "description": "Its row in those bytes."},
    "retrieved_at": {
        "title": "Retrieved",
        "type": "string",
        "format": "date-time",
        "description": "When those bytes were first fetched.",
    },
    "placed": {"title": "Placed by", "type": "string", "description": "What its location was taken from."},
    "outside_m": {
        "title": "Metres outside",
        "type": "number",
        "x-ogc-unit": "m",
        "description": "How far it lies outside the council's boundary; empty when inside or unknown.",
    },
    "precision_m": {
        "title": "Precision",
        "type": "number",
        "x-ogc-unit": "m",
        "description": "How far its place may be off, by how it was stated; empty when unknown.",
    },
    "duplicate_of": {
        "title": "Duplicate of",
        "type": "string",
        "description": "Id of the preferred feature that is the same thing; empty when this is the preferred one.",
    },
    "also_published_by": {
        "title": "Also published by",
        "type": "array",
        "items": {
            "type": "object",
            "properties": {name: {"type": "string"} for name in ("id", "council", "feed")},
        },
        "description": "All other features that are the same thing: their ids, councils and feeds; empty when none is.",
    },
    "first_seen": {"title": "First seen", "type": "string", "format": "date-time"},
    "changed_at": {"title": "Changed", "type": "string", "format": "date-time"},
    "missing_since": {
        "title": "Missing since",
        "type": "string",
        "format": "date-time",
        "description": "When the council's feed first came without it.",
    },
    "revision": {"title": "Revision", "type": "integer", "description": "The layer's revision that last changed it."},
}

DUPLICATES: Mapping[str, Any] = {
    "title": "Duplicates",
    "type": "string",
    "enum": ["include", "exclude"],
    "default": "include",
    "description": "Whether features that are duplicates of another, preferred one come too.",
}
"""A parameter of items that is no property."""

_TYPES: dict[FieldType, str] = {
    FieldType.INTEGER: "integer",
    FieldType.DECIMAL: "number",
    FieldType.MONEY: "number",
    FieldType.FLAG: "boolean",
    FieldType.CODES: "array",
}
_FLAGS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
_LARGEST = 2**63 - 1


def published_fields(layer: Layer) -> dict[str, LayerField]:
    """The layer's own fields that may be shown, in the definition's order."""
    return {name: field for name, field in layer.fields.items() if not field.personal}


def queryables(layer: Layer) -> tuple[str, ...]:
    """The properties a client may filter by."""
    return (*published_fields(layer), "council", "feed")


def property_schemas(layer: Layer) -> dict[str, dict[str, Any]]:
    """JSON Schema of each property, in the order features have them. A fresh copy: pygeoapi writes into it."""
    own = {name: _field_schema(field) for name, field in published_fields(layer).items()}
    return {**own, **{name: dict(schema) for name, schema in PROVENANCE.items()}}


def geometry_schema(layer: Layer) -> dict[str, str]:
    """JSON Schema of the geometry: an area may also come as its point."""
    kind = "geometry-point" if layer.geometry is GeometryKind.POINT else "geometry-any"
    return {"title": "Geometry", "x-ogc-role": "primary-geometry", "format": kind}


def parse_value(layer: Layer, name: str, text: str) -> Value:
    """`text` as a value of the queryable; ValueError says what it must be."""
    field = layer.fields.get(name)
    match field.type if field else FieldType.TEXT:
        case FieldType.FLAG:
            return _flag(text)
        case FieldType.INTEGER:
            return _whole(text)
        case FieldType.DECIMAL:
            return float(_number(text))
        case FieldType.MONEY:
            return _number(text)
        case FieldType.CODE | FieldType.CODES:
            assert field is not None
            return _code(field, text)
        case _:
            return _text(text)


def allowed_values(layer: Layer, name: str) -> str:
    """What a queryable takes, in words."""
    field = layer.fields.get(name)
    match field.type if field else FieldType.TEXT:
        case FieldType.FLAG:
            return "true or false"
        case FieldType.INTEGER:
            return "a whole number"
        case FieldType.DECIMAL | FieldType.MONEY:
            return "a number"
        case FieldType.CODE | FieldType.CODES:
            assert field is not None
            return " | ".join(field.codes)
        case _:
            return "text"


def _field_schema(field: LayerField) -> dict[str, Any]:
    schema: dict[str, Any] = {"title": field.title, "type": _TYPES.get(field.type, "string")}
    schema["description"] = field.description
    if field.type is FieldType.CODE:
        schema["enum"] = list(field.codes)
    elif field.type is FieldType.CODES:
        schema["items"] = {"type": "string", "enum": list(field.codes)}
    elif field.type is FieldType.URL:
        schema["format"] = "uri"
    if field.unit:
        schema["x-ogc-unit"] = field.unit
    return schema


def _text(text: str) -> str:
    if "\0" in text:
        raise ValueError("it holds a NUL character")
    return text


def _flag(text: str) -> bool:
    if text.lower() not in _FLAGS:
        raise ValueError("it is neither true nor false")
    return _FLAGS[text.lower()]


def _whole(text: str) -> int:
    try:
        number = int(text)
    except ValueError:
        raise ValueError("it is not a whole number") from None
    if abs(number) > _LARGEST:
        raise ValueError("it is too large")
    return number


def _number(text: str) -> Decimal:
    try:
        number = Decimal(text)
    except InvalidOperation:
        raise ValueError("it is not a number") from None
    if not number.is_finite() or abs(number.adjusted()) > 300:
        raise ValueError("it is not a number we can compare with")
    return number


def _code(field: LayerField, text: str) -> str:
    if text not in field.codes:
        raise ValueError("it is not one of the values")
    return text
