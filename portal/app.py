"""The web application: pages and OGC service on one engine each, put together from settings and a database address."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.routing import Mount
from starlette.types import ExceptionHandler

from datasets.city import read_city
from datasets.settings import Settings
from datasets.store.engine import connect
from ogc.app import OgcService
from portal.pages import problems
from portal.rendering import make_environment
from portal.routes import routes
from portal.security import SecurityHeaders
from portal.site import Site
from portal.static_files import read_assets

CONNECTIONS = 8


def create_app(settings: Settings, database_url: str) -> Starlette:
    """The portal with the OGC service under /ogc, on a database that is already migrated."""
    assets = read_assets()
    site = Site(
        city=read_city(settings),
        engine=connect(database_url, pooled=CONNECTIONS),
        environment=make_environment(assets),
        public_url=settings.public_url,
    )
    ogc = OgcService(
        database_url=database_url,
        city=site.city,
        public_url=settings.public_url,
        style_url=assets.get("citywide.css"),
    )

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        async with ogc.running():
            yield
        site.engine.dispose()

    return Starlette(
        routes=[*routes(site), Mount("/ogc", routes=ogc.routes)],
        middleware=[Middleware(SecurityHeaders)],
        exception_handlers=_exception_handlers(site),
        lifespan=lifespan,
    )


def _exception_handlers(site: Site) -> dict[int | type[Exception], ExceptionHandler]:
    return {
        HTTPException: partial(problems.show_refusal, site),
        OperationalError: partial(problems.show_outage, site),
        PoolTimeoutError: partial(problems.show_outage, site),
        Exception: partial(problems.show_fault, site),
    }
