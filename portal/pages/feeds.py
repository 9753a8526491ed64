"""One feed: where a council's data comes from, how it is read, and how every run of it went."""

import re
from datetime import UTC, datetime

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from datasets.layer import layers
from datasets.store.catalogue import feed_standings, latest_runs
from datasets.store.coverage import feed_quality
from datasets.store.run_report import mapping_of
from harvesters.adapters import find_adapter
from portal.pages.runs import run_number
from portal.site import Site

RUNS = 20


def show(site: Site, request: Request) -> Response:
    wanted, before = request.path_params["id"], _before(request)
    # An id that cannot be one never reaches the database, which refuses some characters altogether.
    known = re.fullmatch(r"[a-z0-9-]{2,99}", wanted) is not None
    with site.engine.connect() as connection:
        found = feed_standings(connection, feed=wanted) if known else []
        if not found:
            raise HTTPException(404, "There is no feed at this address, and there never was one.")
        feed = found[0]
        runs = latest_runs(connection, RUNS + 1, feed=feed.id, before=before)
        read_by = feed.good_run or feed.run
        mapping = None if read_by is None else mapping_of(connection, read_by)
        layer = layers().get(feed.layer)
        now = datetime.now(UTC)
        quality = None if layer is None else feed_quality(connection, feed, layer, now)
    values = {
        "feed": feed,
        "state": feed.state(now),
        "layer": layer,
        "quality": quality,
        "platform": find_adapter(feed.platform).TITLE,
        "runs": runs[:RUNS],
        "older": runs[RUNS - 1].id if len(runs) > RUNS else None,
        "before": before,
        "mapping": mapping,
        "read_by": read_by,
    }
    return site.page(request, "feed.html", values)


def _before(request: Request) -> int | None:
    text = request.query_params.get("before")
    if text is None:
        return None
    number = run_number(text)
    if number is None:
        raise HTTPException(400, "before must be the number of a run.")
    return number
