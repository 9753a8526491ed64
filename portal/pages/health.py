"""Whether the site can serve, for whoever watches it; and what crawlers should leave alone."""

from sqlalchemy.exc import SQLAlchemyError
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from datasets.store.catalogue import layer_standings
from portal.site import Site

UNCACHED = {"Cache-Control": "no-store"}

# Each item has a page of features behind it, and each run a file; the pages themselves are for everyone.
ROBOTS = "User-agent: *\nDisallow: /ogc/collections/*/items\nDisallow: /runs/*/issues.csv\n"


def show(site: Site, request: Request) -> Response:
    try:
        with site.engine.connect() as connection:
            revisions = {name: layer.revision for name, layer in layer_standings(connection).items()}
    except SQLAlchemyError:
        return JSONResponse({"status": "down", "database": "does not answer"}, 503, headers=UNCACHED)
    return JSONResponse({"status": "up", "database": "answers", "revisions": revisions}, headers=UNCACHED)


def show_robots(request: Request) -> Response:
    return PlainTextResponse(ROBOTS, headers={"Cache-Control": "public, max-age=86400"})
