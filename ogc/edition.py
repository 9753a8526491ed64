"""A snapshot as it reads at one address: each document made once, when it is first asked for."""

import hashlib
import json
from collections.abc import Callable
from functools import cached_property
from typing import Any

from ogc.conformance import CLASSES
from ogc.engine import Engine, Look, parsed
from ogc.exchange import Answer, problem_headers
from ogc.lane import CACHING
from ogc.negotiation import Form
from ogc.openapi import describe_api
from ogc.problem import Problem, unknown_collection
from ogc.provider import SyncPool
from ogc.query import CRS84
from ogc.schema import DUPLICATES, geometry_schema, property_schemas, queryables
from ogc.snapshot import Collection, Snapshot

HTML = b"text/html; charset=utf-8"
JSON = b"application/json"
SCHEMA = b"application/schema+json"
OPENAPI = b"application/vnd.oai.openapi+json;version=3.0"

_DRAFT = "https://json-schema.org/draft/2020-12/schema"
_NOT_HERE = ("/processes", "/jobs", "/TileMatrixSets?f=json", "/TileMatrixSets?f=html")
"""What pygeoapi's landing page links to whether it is there or not."""


class Edition:
    def __init__(self, snapshot: Snapshot, address: str, pool: SyncPool, look: Look) -> None:
        self.snapshot = snapshot
        self.address = address
        self._pool = pool
        self._look = look
        self._made: dict[tuple[str, ...], Answer] = {}

    @cached_property
    def engine(self) -> Engine:
        """pygeoapi for this snapshot and address."""
        return Engine(self.snapshot, self.address, self._pool, self._look)

    def find(self, name: str) -> Collection:
        """The collection of this name; Problem (404) says which there are."""
        if name not in self.snapshot.collections:
            raise unknown_collection(name, self.snapshot.collections)
        return self.snapshot.collections[name]

    def landing(self, form: Form) -> Answer:
        if form is Form.HTML:
            return self._once(("landing", form), HTML, lambda: self.engine.landing(form))
        return self._once(("landing", form), JSON, lambda: self._refined(parsed(self.engine.landing(form))))

    def conformance(self, form: Form) -> Answer:
        document = {"conformsTo": list(CLASSES)}
        if form is Form.HTML:
            return self._once(("conformance", form), HTML, lambda: self.engine.page("conformance.html", document))
        return self._once(("conformance", form), JSON, lambda: document)

    def openapi(self, form: Form) -> Answer:
        if form is Form.HTML:
            return self._once(("openapi", form), HTML, lambda: self.engine.page("openapi/index.html", self._openapi()))
        return self._once(("openapi", form), OPENAPI, self._openapi)

    def collections(self, form: Form) -> Answer:
        if form is Form.HTML:
            return self._once(("collections", form), HTML, lambda: self.engine.collections(form))
        return self._once(("collections", form), JSON, self._collections)

    def collection(self, form: Form, name: str) -> Answer:
        self.find(name)
        if form is Form.HTML:
            return self._once(("collection", form, name), HTML, lambda: self.engine.collection(form, name))
        return self._once(("collection", form, name), JSON, lambda: self._collection(name))

    def queryables(self, form: Form, name: str) -> Answer:
        self.find(name)
        if form is Form.HTML:
            return self._once(("queryables", form, name), HTML, lambda: self.engine.queryables(form, name))
        return self._once(("queryables", form, name), SCHEMA, lambda: self._queryables(name))

    def schema(self, form: Form, name: str) -> Answer:
        self.find(name)
        if form is Form.HTML:
            return self._once(("schema", form, name), HTML, lambda: self.engine.schema(form, name))
        return self._once(("schema", form, name), SCHEMA, lambda: self._schema(name))

    def problem_page(self, problem: Problem) -> Answer:
        """The page of a problem, for those who read HTML."""
        page = self.engine.page("exception.html", problem.members())
        return Answer(problem.status, HTML, page.encode(), problem_headers(problem))

    def _once(self, key: tuple[str, ...], media_type: bytes, make: Callable[[], str | dict[str, Any]]) -> Answer:
        if key not in self._made:
            content = make()
            body = (content if isinstance(content, str) else json.dumps(content, ensure_ascii=False)).encode()
            etag = b'"%s"' % hashlib.blake2b(body, digest_size=12).hexdigest().encode()
            self._made[key] = Answer(200, media_type, body, [(b"etag", etag), CACHING])
        return self._made[key]

    def _openapi(self) -> dict[str, Any]:
        return describe_api(self.snapshot, self.address, self.engine.config["metadata"]["identification"])

    def _collections(self) -> dict[str, Any]:
        document = self._refined(parsed(self.engine.collections(Form.JSON)))
        document["collections"] = [self._attributed(one) for one in document["collections"]]
        return document

    def _collection(self, name: str) -> dict[str, Any]:
        return self._attributed(self._refined(parsed(self.engine.collection(Form.JSON, name))))

    def _attributed(self, document: dict[str, Any]) -> dict[str, Any]:
        document = self._refined(document)
        collection = self.snapshot.collections[document["id"]]
        return {**document, "attribution": collection.attribution, "crs": [CRS84]}

    def _queryables(self, name: str) -> dict[str, Any]:
        """pygeoapi's document with the titles, descriptions and values that it leaves out."""
        layer = self.find(name).layer
        document = parsed(self.engine.queryables(Form.JSON, name))
        schemas = property_schemas(layer)
        own = {queryable: schemas[queryable] for queryable in queryables(layer)}
        url = f"{self.address}/collections/{name}/queryables"
        properties = {"geometry": geometry_schema(layer), **own, "duplicates": dict(DUPLICATES)}
        return {**document, "$id": url, "$schema": _DRAFT, "properties": properties, "additionalProperties": False}

    def _schema(self, name: str) -> dict[str, Any]:
        document = parsed(self.engine.schema(Form.JSON, name))
        document["properties"]["geometry"] = geometry_schema(self.find(name).layer)
        return {**document, "$schema": _DRAFT}

    def _refined(self, document: dict[str, Any]) -> dict[str, Any]:
        """`document` without links to what is not here, and with the landing page's address as it is served."""
        links = [
            {**link, "href": _with_slash(link["href"], self.address)}
            for link in document["links"]
            if link["type"] != "application/ld+json" and link["href"].removeprefix(self.address) not in _NOT_HERE
        ]
        return {**document, "links": links}


def _with_slash(href: str, address: str) -> str:
    """The landing page lies at `address/`; without the slash a client is sent there first."""
    return href.replace(f"{address}?", f"{address}/?", 1)
