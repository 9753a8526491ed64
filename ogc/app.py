"""The OGC API as the portal mounts it: its routes, and what runs behind them while they are served."""

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from functools import partial

import psycopg
from psycopg import AsyncConnection
from psycopg_pool import AsyncConnectionPool, ConnectionPool
from starlette.concurrency import run_in_threadpool
from starlette.routing import BaseRoute, Route

from datasets.city import City
from datasets.errors import DatabaseError
from ogc.edition import HTML, Edition
from ogc.engine import Look
from ogc.exchange import Answer, Answerer, Call, Endpoint
from ogc.lane import CACHING, GEOJSON, Pool, item_feature, items_page, validators
from ogc.negotiation import Form, choose_form
from ogc.pool import connection_settings
from ogc.problem import Problem, not_found, too_busy, unknown_parameter
from ogc.provider import SyncPool
from ogc.query import check_reference_systems, parse_items
from ogc.snapshot import Snapshot, read_snapshot
from ogc.watch import watch

ADDRESSES = 8
"""How many addresses of this API are remembered; more than one is the exception."""


class Serving:
    """What the service holds while it runs: the present snapshot, its editions, and the connections."""

    def __init__(self, snapshot: Snapshot, lane: Pool, engine: SyncPool) -> None:
        self.snapshot = snapshot
        self.lane = lane
        self.engine = engine
        self._editions: OrderedDict[str, Edition] = OrderedDict()

    def swap(self, snapshot: Snapshot) -> None:
        """From now on `snapshot` is served; requests under way keep the one they began with."""
        self.snapshot = snapshot
        self._editions.clear()

    def edition(self, address: str, look: Look) -> Edition:
        """The present snapshot at `address`."""
        edition = self._editions.get(address)
        if edition is None:
            edition = self._editions[address] = Edition(self.snapshot, address, self.engine, look)
            if len(self._editions) > ADDRESSES:
                self._editions.popitem(last=False)
        return edition


class OgcService:
    """The OGC API of one city. Nothing is opened before `running`; `routes` are to be mounted at `/ogc`.

    `public_url` is the portal's own address, when it is not the one that requests come in by; `style_url` is the
    style sheet of the pages.
    """

    def __init__(self, *, database_url: str, city: City, public_url: str | None, style_url: str | None = None) -> None:
        self._database_url = database_url
        self._city = city
        self._public_url = public_url.rstrip("/") if public_url else None
        self._look = Look(style_url)
        self._serving: Serving | None = None
        self.routes: list[BaseRoute] = self._make_routes()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Serves while open: connections, the first snapshot and the watch for the next ones."""
        async with AsyncExitStack() as stack:
            try:
                async with await AsyncConnection.connect(self._database_url, autocommit=True) as connection:
                    first = await read_snapshot(connection, self._city)
            except psycopg.Error as error:
                raise DatabaseError(f"The OGC API cannot read the layer table: {str(error).strip()}.") from None
            serving = Serving(first, *_pools(self._database_url))
            await stack.enter_async_context(serving.lane)
            await run_in_threadpool(serving.engine.open)
            stack.push_async_callback(run_in_threadpool, serving.engine.close)
            watcher = asyncio.create_task(watch(self._database_url, self._city, first, serving.swap))
            stack.push_async_callback(_stop, watcher)
            self._serving = serving
            yield
            self._serving = None

    def _make_routes(self) -> list[BaseRoute]:
        documents: dict[str, Callable[..., Answer]] = {
            "/": Edition.landing,
            "/conformance": Edition.conformance,
            "/openapi": Edition.openapi,
            "/collections": Edition.collections,
            "/collections/{layer}": Edition.collection,
            "/collections/{layer}/queryables": Edition.queryables,
            "/collections/{layer}/schema": Edition.schema,
        }
        answerers: dict[str, Answerer] = {
            "/collections/{layer}/items": self._items,
            "/collections/{layer}/items/{feature}": self._item,
            **{path: partial(self._document, make) for path, make in documents.items()},
            "/{rest:path}": self._nothing,
        }
        return [Route(path, Endpoint(answerer, self._problem_page)) for path, answerer in answerers.items()]

    async def _items(self, call: Call) -> Answer:
        edition = self._edition(call)
        collection = edition.find(call.part("layer"))
        form = choose_form(call.parameters.get("f"), call.header(b"accept"))
        headers, known = validators(collection, call, edition.address)
        if known and form is Form.JSON:
            return Answer(304, b"", b"", headers)
        query = parse_items(collection.layer, call.parameters)
        if form is Form.HTML:
            parameters = {**call.parameters, "f": form.value}
            page = await run_in_threadpool(lambda: edition.engine.items(parameters, collection.layer.id))
            return Answer(200, HTML, page.encode(), [CACHING])
        if call.scope["method"] == "HEAD":
            return Answer(200, GEOJSON, b"", headers)
        body = await items_page(self._running().lane, collection, query, edition.address)
        return Answer(200, GEOJSON, body, headers)

    async def _item(self, call: Call) -> Answer:
        edition = self._edition(call)
        collection, feature = edition.find(call.part("layer")), call.part("feature")
        form = _form_of_document(call, "f", "crs")
        check_reference_systems(call.parameters)
        headers, known = validators(collection, call, edition.address)
        if known and form is Form.JSON:
            return Answer(304, b"", b"", headers)
        body = await item_feature(self._running().lane, collection, feature, edition.address, call.search)
        if form is Form.HTML:
            page = await run_in_threadpool(lambda: edition.engine.item(form, collection.layer.id, feature))
            return Answer(200, HTML, page.encode(), [CACHING])
        return Answer(200, GEOJSON, body, headers)

    async def _document(self, make: Callable[..., Answer], call: Call) -> Answer:
        edition = self._edition(call)
        names = call.scope["path_params"].values()
        answer = await run_in_threadpool(make, edition, _form_of_document(call, "f"), *names)
        etag = dict(answer.headers)[b"etag"]
        return Answer(304, b"", b"", answer.headers) if call.holds(etag, None) else answer

    async def _nothing(self, call: Call) -> Answer:
        raise not_found(call.scope["path"])

    def _problem_page(self, call: Call, problem: Problem) -> Answer:
        return self._edition(call).problem_page(problem)

    def _edition(self, call: Call) -> Edition:
        """The present snapshot at the address that the call came by."""
        return self._running().edition(call.address(self._public_url), self._look)

    def _running(self) -> Serving:
        if self._serving is None:
            raise too_busy("The API is starting. Please try again in a few seconds.")
        return self._serving


def _form_of_document(call: Call, *allowed: str) -> Form:
    for name in call.parameters:
        if name not in allowed:
            raise unknown_parameter(name, allowed)
    return choose_form(call.parameters.get("f"), call.header(b"accept"))


def _pools(database_url: str) -> tuple[Pool, SyncPool]:
    settings = connection_settings()
    lane: Pool = AsyncConnectionPool(database_url, min_size=2, max_size=8, timeout=5, open=False, kwargs=settings)
    engine: SyncPool = ConnectionPool(database_url, min_size=0, max_size=3, timeout=5, open=False, kwargs=settings)
    return lane, engine


async def _stop(task: asyncio.Task[None]) -> None:
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
