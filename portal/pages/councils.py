"""The councils: a table of all in all layers, and each with what it provides and what is missing."""

from datetime import UTC, datetime

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from datasets.layer import layers
from datasets.store.catalogue import council_names, feed_standings
from datasets.store.coverage import coverage
from datasets.store.tasks import open_tasks
from portal.site import Site


def show_all(site: Site, request: Request) -> Response:
    with site.engine.connect() as connection:
        standings = coverage(connection, layers(), datetime.now(UTC))
        names = council_names(connection)
    return site.page(request, "councils.html", {"councils": names, "layers": layers(), "coverage": standings})


def show(site: Site, request: Request) -> Response:
    with site.engine.connect() as connection:
        wanted = request.path_params["slug"]
        council = next((name for name in council_names(connection) if name.slug == wanted), None)
        if council is None:
            raise HTTPException(404, f"There is no council of {site.city.title} at this address.")
        standings = coverage(connection, layers(), datetime.now(UTC), council=council.gss)
        feeds = feed_standings(connection, council=council.gss)
        tasks = open_tasks(connection, council=council.gss)
    values = {"council": council, "coverage": standings, "feeds": feeds, "tasks": tasks, "layers": layers()}
    return site.page(request, "council.html", values)
