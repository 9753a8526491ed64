"""Items and item as GeoJSON: our own lane, in which one statement's text goes out as it is.

No Python object is made for a feature. Both answer 304 from the layer's version before the database is asked.
"""

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import format_datetime
from http import HTTPStatus

import psycopg
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from datasets.layer import Layer
from datasets.vocabulary import Operation
from ogc.exchange import Answer, Call, Headers
from ogc.negotiation import Form
from ogc.pool import SECONDS
from ogc.problem import Problem, too_busy
from ogc.query import CRS84, ItemsQuery
from ogc.snapshot import Collection
from ogc.statements import COUNTED, ending_statement, item_statement, items_statement

GEOJSON = b"application/geo+json"
CACHING = (b"cache-control", b"public, max-age=60")
_CRS = (b"content-crs", f"<{CRS84}>".encode())

Pool = AsyncConnectionPool[psycopg.AsyncConnection[tuple[object, ...]]]


async def items_answer(pool: Pool, collection: Collection, query: ItemsQuery, address: str) -> Answer:
    """One page of a collection."""
    features, count, last, more, total = await _page(pool, collection.layer, query)
    if not query.filtered:
        total = collection.features
    links = _items_links(collection, query, address, last if more else None)
    matched = b"" if total is None or (query.filtered and total > COUNTED) else b',"numberMatched":%d' % total
    body = b"".join(
        (
            b'{"type":"FeatureCollection","features":[',
            features,
            b'],"numberReturned":%d' % count,
            matched,
            b',"timeStamp":"',
            datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ").encode(),
            b'","links":',
            links,
            b"}",
        )
    )
    return Answer(200, GEOJSON, body, [CACHING, _CRS])


async def item_answer(pool: Pool, collection: Collection, feature_id: str, address: str) -> Answer:
    """One feature; Problem 404 when there never was one, 410 when it ended."""
    row = await _first_row(pool, *item_statement(collection.layer, feature_id)) if _can_be_id(feature_id) else None
    if row is None:
        raise await _why_not(pool, collection.layer, feature_id)
    links = _item_links(collection, feature_id, address)
    return Answer(200, GEOJSON, row[0][:-1] + b',"links":' + links + b"}", [CACHING, _CRS])


def validators(collection: Collection, call: Call, address: str) -> tuple[Headers, bool]:
    """The ETag and Last-Modified of what the call asks of the collection, and whether the client has it already."""
    asked = f"{address}{call.scope['path']}".encode() + b"?" + call.search
    etag = b'W/"%s-%s"' % (collection.version.encode(), hashlib.blake2b(asked, digest_size=8).hexdigest().encode())
    modified = collection.published_at and format_datetime(collection.published_at.astimezone(UTC), usegmt=True).encode()
    headers = [(b"etag", etag), *([(b"last-modified", modified)] if modified else [])]
    return headers, call.holds(etag, modified)


async def _page(pool: Pool, layer: Layer, query: ItemsQuery) -> tuple[bytes, int, int, bool, int | None]:
    row = await _first_row(pool, *items_statement(layer, query))
    assert row is not None
    total = int(row[4]) if row[4] else None
    if row[1] == b"0" and total is not None and total > COUNTED:
        row = await _first_row(pool, *items_statement(layer, query, dense=True))
        assert row is not None
    return row[0] or b"", int(row[1]), int(row[2] or 0), row[3] == b"t", total


async def _first_row(pool: Pool, statement: str, values: Mapping[str, object]) -> tuple[bytes, ...] | None:
    """The first row as the bytes PostgreSQL sent: nothing is decoded only to be encoded again."""
    try:
        async with pool.connection() as connection:
            cursor = await connection.execute(statement.encode(), values)
            result = cursor.pgresult
            if result is None or result.ntuples == 0:
                return None
            return tuple(result.get_value(0, column) or b"" for column in range(result.nfields))
    except psycopg.errors.QueryCanceled:
        detail = f"This took longer than {SECONDS} seconds. Ask for less: a smaller bbox or fewer filters."
        raise too_busy(detail) from None
    except (PoolTimeout, psycopg.OperationalError):
        raise too_busy("The database does not answer at the moment. Please try again in a few seconds.") from None


async def _why_not(pool: Pool, layer: Layer, feature_id: str) -> Problem:
    row = await _first_row(pool, *ending_statement(layer, feature_id)) if _can_be_id(feature_id) else None
    if row is None or row[0].decode() != Operation.END:
        detail = f"{layer.title} has no feature {feature_id[:100]!r}. Ids are those of the features under items."
        return Problem(HTTPStatus.NOT_FOUND, "NotFound", detail)
    ended = datetime.fromisoformat(row[1].decode()).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    council, feed = row[2].decode(), row[3].decode()
    detail = f"This {layer.singular} ended on {ended[:10]}: the feed {feed} of council {council} no longer holds it."
    return Problem(HTTPStatus.GONE, "Gone", detail, ended_at=ended, council=council, feed=feed)


def _can_be_id(text: str) -> bool:
    return "\0" not in text and text.isprintable()


def _items_links(collection: Collection, query: ItemsQuery, address: str, last: int | None) -> bytes:
    above = f"{address}/collections/{collection.layer.id}"
    geojson, items = GEOJSON.decode(), f"{above}/items?"
    links = [
        _link("self", geojson, "This page as GeoJSON", items + query.search(Form.JSON)),
        _link("alternate", "text/html", "This page as HTML", items + query.search(Form.HTML)),
        *([_link("next", geojson, "The next page", items + query.search(Form.JSON, last))] if last else []),
        _link("collection", "application/json", collection.title, above),
    ]
    return json.dumps(links, ensure_ascii=False).encode()


def _item_links(collection: Collection, feature_id: str, address: str) -> bytes:
    above = f"{address}/collections/{collection.layer.id}"
    links = [
        _link("self", GEOJSON.decode(), "This feature as GeoJSON", f"{above}/items/{feature_id}?f=json"),
        _link("alternate", "text/html", "This feature as HTML", f"{above}/items/{feature_id}?f=html"),
        _link("collection", "application/json", collection.title, above),
    ]
    return json.dumps(links, ensure_ascii=False).encode()


def _link(rel: str, media_type: str, title: str, href: str) -> dict[str, str]:
    return {"rel": rel, "type": media_type, "title": title, "href": href}
