"""The first page: what Citywide is, what is in, and what happened last."""

from datetime import UTC, datetime

from starlette.requests import Request
from starlette.responses import Response

from datasets.layer import layers
from datasets.store.catalogue import latest_runs, layer_standings
from datasets.store.coverage import coverage
from portal.site import Site

RUNS = 10


def show(site: Site, request: Request) -> Response:
    with site.engine.connect() as connection:
        standings = coverage(connection, layers(), datetime.now(UTC))
        known = layer_standings(connection)
        runs = latest_runs(connection, RUNS)
    values = {"layers": layers(), "known": known, "coverage": standings, "runs": runs}
    return site.page(request, "home.html", values)
