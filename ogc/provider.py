"""The plugin through which pygeoapi sees a layer: its fields, its schema and, for HTML, its features.

GeoJSON does not come this way (see `lane`), but both ask with the same query object and the same SQL.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg_pool import ConnectionPool
from pygeoapi.provider.base import BaseProvider, ProviderItemNotFoundError

from datasets.layer import Layer
from ogc.credits import read_credits
from ogc.query import parse_items
from ogc.schema import property_schemas
from ogc.snapshot import Collection
from ogc.statements import COUNTED, item_statement, items_statement

SyncPool = ConnectionPool[psycopg.Connection[tuple[Any, ...]]]


@dataclass(frozen=True)
class Source:
    """What the configuration hands to the plugin: a collection, and how to reach its table. `address` is the API's."""

    collection: Collection
    pool: SyncPool
    address: str


class CityFeatures(BaseProvider):  # type: ignore[misc]  # pygeoapi has no types
    """One per request, so its constructor does no I/O."""

    def __init__(self, provider_def: Mapping[str, Any]) -> None:
        super().__init__(provider_def)
        self._source: Source = provider_def["data"]
        self._layer: Layer = self._source.collection.layer
        self._fields = property_schemas(self._layer)

    def get_fields(self) -> dict[str, dict[str, Any]]:
        return self._fields

    def query(
        self,
        limit: int = 10,
        bbox: tuple[float, ...] | list[float] = (),
        datetime_: str | None = None,
        properties: list[tuple[str, str]] | tuple[()] = (),
        **_: object,
    ) -> dict[str, Any]:
        """A page of features. `properties` holds every parameter that pygeoapi does not read itself."""
        given = {**dict(properties), "limit": str(limit)}
        if bbox:
            given["bbox"] = ",".join(map(repr, bbox))
        if datetime_ is not None:
            given["datetime"] = datetime_
        query = parse_items(self._layer, given)
        row = self._first_row(*items_statement(self._layer, query))
        assert row is not None
        whole = self._source.collection.total(without_duplicates=query.without_duplicates)
        total = row[4] if query.filtered else whole
        if not row[1] and row[4] is not None and row[4] > COUNTED:
            row = self._first_row(*items_statement(self._layer, query, dense=True))
            assert row is not None
        features, count, last, more, _total, sources = row
        page = {"type": "FeatureCollection", "features": json.loads(f"[{features or ''}]"), "numberReturned": count}
        page |= read_credits(sources or "").members
        if total is not None and not (query.filtered and total > COUNTED):
            page["numberMatched"] = total
        items = f"{self._source.address}/collections/{self._layer.id}/items"
        # pygeoapi keeps a next link that is there already; without one it makes one up that counts by offset.
        href = f"{items}?{query.searches('html', last)[0]}" if more else ""
        return {**page, "links": [{"rel": "next", "type": "text/html", "title": "The next page", "href": href}]}

    def get(self, identifier: str, **_: object) -> dict[str, Any]:
        row = self._first_row(*item_statement(self._layer, identifier))
        if row is None:
            raise ProviderItemNotFoundError(identifier)
        feature: dict[str, Any] = json.loads(row[0])
        return feature

    def _first_row(self, statement: str, values: Mapping[str, object]) -> tuple[Any, ...] | None:
        with self._source.pool.connection() as connection:
            return connection.execute(statement.encode(), values).fetchone()
