"""The OpenAPI 3.0 document: every path of every collection with just the parameters that it accepts.

Ours and not pygeoapi's, whose document points to schemas on other hosts and names parameters that it ignores.
"""

from typing import Any

from datasets.layer import Layer
from ogc.interval import ALLOWED
from ogc.query import CRS84, DEFAULT_LIMIT, LARGEST_LIMIT
from ogc.schema import DUPLICATES, property_schemas, published_fields, queryables
from ogc.snapshot import Collection, Snapshot

JsonObject = dict[str, Any]

_F: JsonObject = {
    "name": "f",
    "in": "query",
    "description": "The format; without it the Accept header decides.",
    "required": False,
    "schema": {"type": "string", "enum": ["json", "html"]},
    "style": "form",
    "explode": False,
}


def describe_api(snapshot: Snapshot, address: str, identification: JsonObject) -> JsonObject:
    """The document for the API at `address`."""
    paths: JsonObject = {
        "/": _path("landing", "Landing page", "application/json"),
        "/openapi": _path("openapi", "This document", "application/vnd.oai.openapi+json;version=3.0"),
        "/conformance": _path("conformance", "Conformance classes", "application/json"),
        "/collections": _path("collections", "The collections", "application/json"),
    }
    for collection in snapshot.collections.values():
        paths |= _collection_paths(collection)
    tags = [{"name": "API", "description": "About the API itself"}]
    tags += [{"name": name, "description": one.title} for name, one in snapshot.collections.items()]
    return {
        "openapi": "3.0.3",
        "info": {
            "title": identification["title"],
            "description": identification["description"],
            "version": "1.0.0",
        },
        "servers": [{"url": address}],
        "tags": tags,
        "paths": paths,
        "components": {"schemas": _SCHEMAS, "parameters": {"f": _F, **_PARAMETERS}, "responses": _RESPONSES},
    }


def _collection_paths(collection: Collection) -> JsonObject:
    name, title = collection.layer.id, collection.title
    about = f"/collections/{name}"
    geojson = "application/geo+json"
    items = _path(f"{name}.items", f"Features of {title}", geojson, name, _items_parameters(collection.layer))
    items["get"]["responses"]["200"] = _content("A page of features", geojson, "featureCollection")
    item = _path(f"{name}.item", f"One feature of {title}", geojson, name, [_FEATURE_ID, _ref("parameters", "crs")])
    item["get"]["responses"]["200"] = _content("The feature", geojson, "feature")
    item["get"]["responses"] |= {code: _ref("responses", "Problem") for code in ("301", "404", "410")}
    return {
        about: _path(f"{name}.collection", title, "application/json", name),
        f"{about}/queryables": _path(f"{name}.queryables", f"Queryables of {title}", "application/schema+json", name),
        f"{about}/schema": _path(f"{name}.schema", f"Schema of {title}", "application/schema+json", name),
        f"{about}/items": items,
        f"{about}/items/{{featureId}}": item,
    }


def _path(
    operation: str, summary: str, media_type: str, tag: str = "API", parameters: list[JsonObject] | None = None
) -> JsonObject:
    return {
        "get": {
            "operationId": operation,
            "summary": summary,
            "tags": [tag],
            "parameters": [*(parameters or []), _ref("parameters", "f")],
            "responses": {
                "200": _content(summary, media_type, None),
                "304": {"description": "What you have is still what there is"},
                "400": _ref("responses", "Problem"),
                "406": _ref("responses", "Problem"),
                "500": _ref("responses", "Problem"),
                "503": _ref("responses", "Problem"),
            },
        }
    }


def _items_parameters(layer: Layer) -> list[JsonObject]:
    schemas, fields = property_schemas(layer), published_fields(layer)
    return [
        *(_ref("parameters", name) for name in _PARAMETERS),
        *(_queryable(name, schemas[name], name in fields) for name in queryables(layer)),
    ]


def _queryable(name: str, schema: JsonObject, own: bool) -> JsonObject:
    wanted = {key: schema[key] for key in ("type", "enum") if key in schema}
    meaning = f"{schema['title']} equals this value."
    if schema["type"] == "array":
        wanted, meaning = schema["items"], f"{schema['title']} holds this value."
    return {
        "name": name,
        "in": "query",
        "description": meaning,
        "required": False,
        "schema": wanted,
        "style": "form",
        "explode": False,
    }


def _content(description: str, media_type: str, schema: str | None) -> JsonObject:
    return {
        "description": description,
        "content": {
            media_type: {"schema": _ref("schemas", schema) if schema else {"type": "object"}},
            "text/html": {"schema": {"type": "string"}},
        },
    }


def _ref(kind: str, name: str) -> JsonObject:
    return {"$ref": f"#/components/{kind}/{name}"}


_FEATURE_ID: JsonObject = {
    "name": "featureId",
    "in": "path",
    "description": "The id of the feature.",
    "required": True,
    "schema": {"type": "string"},
}

_PARAMETERS: JsonObject = {
    "limit": {
        "name": "limit",
        "in": "query",
        "description": "How many features a page holds at most. More than the maximum is read as the maximum.",
        "required": False,
        "schema": {"type": "integer", "minimum": 1, "maximum": LARGEST_LIMIT, "default": DEFAULT_LIMIT},
        "style": "form",
        "explode": False,
    },
    "cursor": {
        "name": "cursor",
        "in": "query",
        "description": "Where a page begins; only `next` links hold one.",
        "required": False,
        "schema": {"type": "string"},
        "style": "form",
        "explode": False,
    },
    "bbox": {
        "name": "bbox",
        "in": "query",
        "description": "Features that meet this box: west, south, east, north (with heights: six numbers).",
        "required": False,
        "schema": {
            "type": "array",
            "oneOf": [{"minItems": 4, "maxItems": 4}, {"minItems": 6, "maxItems": 6}],
            "minItems": 4,
            "maxItems": 6,
            "items": {"type": "number"},
        },
        "style": "form",
        "explode": False,
    },
    "bbox-crs": {
        "name": "bbox-crs",
        "in": "query",
        "description": "The reference system of bbox.",
        "required": False,
        "schema": {"type": "string", "format": "uri", "enum": [CRS84], "default": CRS84},
        "style": "form",
        "explode": False,
    },
    "crs": {
        "name": "crs",
        "in": "query",
        "description": "The reference system of the coordinates in the answer.",
        "required": False,
        "schema": {"type": "string", "format": "uri", "enum": [CRS84], "default": CRS84},
        "style": "form",
        "explode": False,
    },
    "duplicates": {
        "name": "duplicates",
        "in": "query",
        "description": DUPLICATES["description"],
        "required": False,
        "schema": {key: DUPLICATES[key] for key in ("type", "enum", "default")},
        "style": "form",
        "explode": False,
    },
    "datetime": {
        "name": "datetime",
        "in": "query",
        "description": f"Features that were in force then: {ALLOWED}.",
        "required": False,
        "schema": {"type": "string"},
        "style": "form",
        "explode": False,
    },
}

_LINKS: JsonObject = {
    "type": "array",
    "items": {
        "type": "object",
        "required": ["href", "rel"],
        "properties": {name: {"type": "string"} for name in ("href", "rel", "type", "title")},
    },
}

_FEATURE: JsonObject = {
    "type": "object",
    "required": ["type", "id", "geometry", "properties"],
    "properties": {
        "type": {"type": "string", "enum": ["Feature"]},
        "id": {"type": "string"},
        "geometry": {
            "type": "object",
            "required": ["type"],
            "properties": {"type": {"type": "string"}, "coordinates": {"type": "array", "items": {}}},
        },
        "properties": {"type": "object"},
        "links": _LINKS,
    },
}

_SCHEMAS: JsonObject = {
    "feature": _FEATURE,
    "featureCollection": {
        "type": "object",
        "required": ["type", "features"],
        "properties": {
            "type": {"type": "string", "enum": ["FeatureCollection"]},
            "features": {"type": "array", "items": _ref("schemas", "feature")},
            "numberReturned": {"type": "integer", "minimum": 0},
            "numberMatched": {"type": "integer", "minimum": 0},
            "attribution": {"type": "string", "description": "The words to show with the features of this answer."},
            "licences": {
                "type": "array",
                "description": "The licences of the features of this answer.",
                "items": {
                    "type": "object",
                    "required": ["id", "title"],
                    "properties": {
                        "id": {"type": "string"},
                        "title": {"type": "string"},
                        "href": {"type": "string", "format": "uri"},
                    },
                },
            },
            "timeStamp": {"type": "string", "format": "date-time"},
            "links": _LINKS,
        },
    },
    "problem": {
        "type": "object",
        "required": ["type", "title", "status", "detail", "code", "description"],
        "properties": {
            "type": {"type": "string"},
            "title": {"type": "string"},
            "status": {"type": "integer"},
            "detail": {"type": "string"},
            "code": {"type": "string"},
            "description": {"type": "string"},
        },
    },
}

_RESPONSES: JsonObject = {
    "Problem": {
        "description": "What is wrong, and what is allowed",
        "content": {"application/problem+json": {"schema": _ref("schemas", "problem")}},
    },
}
