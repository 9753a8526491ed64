"""Items and item as GeoJSON: our own lane, in which one statement's text goes out as it is.

No Python object is made for a feature. Both answer 304 from the layer's version before the database is asked.
"""

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import format_datetime
from http import HTTPStatus
from urllib.parse import quote

import psycopg
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from datasets.layer import Layer
from datasets.vocabulary import Operation
from ogc.credits import encoded_members, read_credits
from ogc.exchange import Call, Headers
from ogc.negotiation import Form
from ogc.pool import SECONDS
from ogc.problem import Problem, too_busy
from ogc.query import CRS84, ItemsQuery
from ogc.snapshot import Collection
from ogc.statements import COUNTED, ending_statement, item_statement, items_statement, redirect_statement

GEOJSON = b"application/geo+json"
_GEOJSON = GEOJSON.decode()
_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))
CACHING = (b"cache-control", b"public, max-age=60")
_CRS = (b"content-crs", f"<{CRS84}>".encode())

Pool = AsyncConnectionPool[psycopg.AsyncConnection[tuple[object, ...]]]


async def items_page(pool: Pool, collection: Collection, query: ItemsQuery, address: str) -> bytes:
    """One page of a collection as GeoJSON."""
    features, count, last, more, total, sources = await _page(pool, collection.layer, query)
    if not query.filtered:
        total = collection.total(without_duplicates=query.without_duplicates)
    links = _items_links(collection, query, address, last if more else None, sources)
    matched = b"" if total is None or (query.filtered and total > COUNTED) else b',"numberMatched":%d' % total
    return b"".join(
        (
            b'{"type":"FeatureCollection","features":[',
            features,
            b'],"numberReturned":%d' % count,
            matched,
            encoded_members(sources),
            b',"timeStamp":"',
            datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ").encode(),
            b'","links":',
            links,
            b"}",
        )
    )


async def item_feature(pool: Pool, collection: Collection, feature_id: str, address: str, search: bytes = b"") -> bytes:
    """One feature as GeoJSON; Problem 301 when it is another one now, to which `search` goes along, 404 when there
    never was one, 410 when it ended or was withdrawn."""
    row = await _first_row(pool, *item_statement(collection.layer, feature_id)) if _can_be_id(feature_id) else None
    if row is None:
        raise await _why_not(pool, collection.layer, feature_id, address, search)
    return row[0][:-1] + b',"links":' + _item_links(collection, feature_id, address, row[1], row[2]) + b"}"


def validators(collection: Collection, call: Call, address: str) -> tuple[Headers, bool]:
    """The headers of what the call asks of the collection, ETag and Last-Modified among them, and whether the client
    has that version already."""
    asked = f"{address}{call.scope['path']}".encode() + b"?" + call.search
    etag = b'W/"%s-%s"' % (collection.version.encode(), hashlib.blake2b(asked, digest_size=8).hexdigest().encode())
    published = collection.published_at
    modified = None if published is None else format_datetime(published.astimezone(UTC), usegmt=True).encode()
    headers = [(b"etag", etag), CACHING, _CRS, *([(b"last-modified", modified)] if modified else [])]
    return headers, call.holds(etag, modified)


async def _page(pool: Pool, layer: Layer, query: ItemsQuery) -> tuple[bytes, int, int, bool, int | None, bytes]:
    row = await _first_row(pool, *items_statement(layer, query))
    assert row is not None
    total = int(row[4]) if row[4] else None
    if row[1] == b"0" and total is not None and total > COUNTED:
        row = await _first_row(pool, *items_statement(layer, query, dense=True))
        assert row is not None
    return row[0] or b"", int(row[1]), int(row[2] or 0), row[3] == b"t", total, row[5]


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


async def _why_not(pool: Pool, layer: Layer, feature_id: str, address: str, search: bytes) -> Problem:
    moved = await _first_row(pool, *redirect_statement(layer, feature_id)) if _can_be_id(feature_id) else None
    if moved is not None:
        return _elsewhere(layer, moved[0].decode(), moved[1].decode(), address, search)
    row = await _first_row(pool, *ending_statement(layer, feature_id)) if _can_be_id(feature_id) else None
    if row is None or row[0].decode() != Operation.END:
        detail = f"{layer.title} has no feature {feature_id[:100]!r}. Ids are those of the features under items."
        return Problem(HTTPStatus.NOT_FOUND, "NotFound", detail)
    ended = datetime.fromisoformat(row[1].decode()).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    council, feed = row[2].decode(), row[3].decode()
    detail = f"This {layer.singular} ended on {ended[:10]}: the feed {feed} of council {council} no longer holds it."
    return Problem(HTTPStatus.GONE, "Gone", detail, ended_at=ended, council=council, feed=feed)


def _elsewhere(layer: Layer, new_id: str, reason: str, address: str, search: bytes) -> Problem:
    """Where a feature is now that was merged into another; without a new id it was withdrawn."""
    if not new_id:
        return Problem(HTTPStatus.GONE, "Gone", f"This {layer.singular} was withdrawn for good: {reason}")
    location = f"{address}/collections/{layer.id}/items/{quote(new_id, safe='')}"
    location += f"?{search.decode('latin-1')}" if search else ""
    detail = f"This {layer.singular} has the id {new_id} now: {reason}"
    return Problem(HTTPStatus.MOVED_PERMANENTLY, "Moved", detail, location=location, new_id=new_id)


def _can_be_id(text: str) -> bool:
    return "\0" not in text and text.isprintable()


def _items_links(collection: Collection, query: ItemsQuery, address: str, last: int | None, sources: bytes) -> bytes:
    items = f"{address}/collections/{collection.layer.id}/items?"
    here, following = query.searches(Form.JSON, query.after, last or 0)
    page_as_html = "f=html" + here.removeprefix("f=json")
    return _links(
        ("self", _GEOJSON, "This page as GeoJSON", items + here),
        ("alternate", "text/html", "This page as HTML", items + page_as_html),
        *([("next", _GEOJSON, "The next page", items + following)] if last else []),
        _collection_link(collection, address),
        *read_credits(sources.decode()).links,
    )


def _item_links(collection: Collection, feature_id: str, address: str, source: bytes, twins: bytes) -> bytes:
    items = f"{address}/collections/{collection.layer.id}/items"
    here = f"{items}/{quote(feature_id, safe='')}"
    return _links(
        ("self", _GEOJSON, "This feature as GeoJSON", f"{here}?f=json"),
        ("alternate", "text/html", "This feature as HTML", f"{here}?f=html"),
        _collection_link(collection, address),
        *(
            ("related", _GEOJSON, f"The same {collection.layer.singular} as {twin['council']} publishes it", href)
            for twin in json.loads(twins or b"[]")
            for href in [f"{items}/{quote(twin['id'], safe='')}"]
        ),
        *read_credits(source.decode()).links,
    )


def _collection_link(collection: Collection, address: str) -> tuple[str, str, str, str]:
    return "collection", "application/json", collection.title, f"{address}/collections/{collection.layer.id}"


def _links(*links: tuple[str, str, str, str]) -> bytes:
    keys = ("rel", "type", "title", "href")
    return _ENCODER.encode([dict(zip(keys, link, strict=True)) for link in links]).encode()
