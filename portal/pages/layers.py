"""The layers: a list of them, and each with its coverage, fields, licences and the ways to get its features."""

from datetime import UTC, datetime

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from datasets.layer import layers
from datasets.store.catalogue import layer_revisions, layer_standings
from datasets.store.coverage import coverage, layer_quality
from portal.site import Site

REVISIONS = 20


def show_all(site: Site, request: Request) -> Response:
    with site.engine.connect() as connection:
        standings = coverage(connection, layers(), datetime.now(UTC))
        known = layer_standings(connection)
    return site.page(request, "layers.html", {"layers": layers(), "known": known, "coverage": standings})


def show(site: Site, request: Request) -> Response:
    layer = layers().get(request.path_params["layer"])
    if layer is None:
        raise HTTPException(404, f"There is no layer at this address; there are {', '.join(layers())}.")
    with site.engine.connect() as connection:
        standing = layer_standings(connection)[layer.id]
        standings = coverage(connection, layers(), datetime.now(UTC), layer=layer.id)
        revisions = layer_revisions(connection, layer.id, REVISIONS)
    values = {
        "layer": layer,
        "standing": standing,
        "coverage": standings,
        "checked_at": max((each.checked_at for each in standings if each.checked_at), default=None),
        "quality": layer_quality(standings),
        "revisions": revisions,
    }
    return site.page(request, "layer.html", values)
