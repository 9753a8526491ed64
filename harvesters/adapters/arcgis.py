"""The adapter for ArcGIS: layers and tables of FeatureServer and MapServer, services, folders of services, items of a
portal, and Hub and Enterprise sites, whose catalogue is listed.

A layer is known by the id of its item and its number where it has an item: a service may move, and a site's own name
for a dataset (`org::name`) changes with its title.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from datasets.errors import RunFailed
from harvesters.adapters.contract import Dataset, Download, Found, Pages, Tally, proven
from harvesters.platforms.arcgis.address import read_address
from harvesters.platforms.arcgis.catalogue import folder_found, portal_found, site_found, site_item
from harvesters.platforms.arcgis.item import Item, portal_item
from harvesters.platforms.arcgis.layer import Brief, describe_layer, service_layers
from harvesters.platforms.arcgis.pages import LayerPages
from harvesters.web.session import Session

TITLE = "An ArcGIS service"
DESCRIBES = True
PLATFORM = "arcgis"
MOST_DESCRIBED = 12
"""Layers of one service that are described in full: each costs two questions."""
OVERLAP = timedelta(minutes=10)
"""A read of changes begins so long before the last one: an edit may become visible after its moment."""


def probe(url: str, params: Mapping[str, str], session: Session) -> Found | None:
    address = read_address(url)
    if address is None:
        return None
    layer = _number(params.get("layer"), address.layer)
    where = params.get("where") or "1=1"
    if address.kind == "service":
        return _service(address.url, layer, where, session)
    if address.kind == "folder":
        return folder_found(address.url, session)
    if address.kind == "item":
        return _item(portal_item(address.url, address.item, session), layer, params, session)
    if address.kind == "portal":
        return portal_found(address.url, session)
    if not address.item:
        return site_found(address.url, session, sure=address.sure)
    item = site_item(address.url, address.item, session, sure=address.sure)
    return None if item is None else _item(item, _number(params.get("layer"), item.layer, layer), params, session)


def pages(dataset: Dataset, since: str | None) -> Pages | Download:
    own = dataset.own
    if "download" in own:
        return Download(str(own["download"]), str(own["name"]))
    where, count = str(own["where"]), dataset.count
    if since is not None:
        where, count = _edited_since(where, str(own["edited"]), since), None
    return LayerPages(
        url=str(own["layer"]), size=int(own["size"]), oid=str(own["oid"]), where=where, count=count,
        paged=bool(own["paged"]), sorted=bool(own["sorted"]), shapes=bool(own["shapes"]), coded=bool(own["coded"]),
    )  # fmt: skip


def complete(dataset: Dataset, tally: Tally) -> str | None:
    return None if "download" in dataset.own else proven(dataset, tally)


def _service(service: str, layer: int | None, where: str, session: Session) -> Found:
    if layer is not None:
        dataset = describe_layer(session, f"{service}/{layer}", where)
        return Found(PLATFORM, dataset.title, dataset.url, (dataset,), 1)
    title, briefs = service_layers(session, service)
    if not briefs:
        raise RunFailed("E-PLATFORM", f"The service {service} has no layer with rows.")
    datasets, note = _described(service, briefs, where, session)
    return Found(PLATFORM, title or service.split("/")[-2], service, tuple(datasets), len(datasets), note)


def _described(
    service: str, briefs: Sequence[Brief], where: str, session: Session
) -> tuple[Sequence[Dataset], str]:  # fmt: skip
    """The layers of one service, the first in full, those that cannot be read by name only."""
    datasets, silent = [], []
    for place, brief in enumerate(briefs):
        named = Dataset(brief.name, f"{service}/{brief.number}", geometry=brief.geometry)
        try:
            datasets.append(describe_layer(session, named.url, where) if place < MOST_DESCRIBED else named)
        except RunFailed as failure:
            if len(briefs) == 1:
                raise
            datasets.append(named)
            silent.append(f"{brief.name}: {failure}")
    return datasets, " ".join(silent[:3])


def _item(item: Item, layer: int | None, params: Mapping[str, str], session: Session) -> Found:
    """What stands behind an item of a portal: layers of a service, or a file."""
    if item.ending:
        return Found(PLATFORM, item.title, item.page, (item.file(),), 1)
    target = read_address(item.url)
    if target is None or target.kind != "service":
        raise RunFailed("E-PLATFORM", f"The item {item.title!r} is a {item.type or 'thing'}, which has no rows.")
    number = layer if layer is not None else target.layer
    found = _service(target.url, number, params.get("where") or "1=1", session)
    several = len(found.datasets) > 1
    datasets = tuple(item.dressed(dataset, several) for dataset in found.datasets)
    return replace(found, title=item.title, url=item.page, datasets=datasets)


def _number(*told: object) -> int | None:
    """The first that is the number of a layer."""
    for one in told:
        if one is not None and re.fullmatch(r"\d{1,6}", str(one)):
            return int(str(one))
    return None


def _edited_since(where: str, field: str, since: str) -> str:
    """The condition for rows edited since the watermark of an earlier read."""
    stamp = datetime.fromtimestamp(int(since.partition("/")[0]) / 1000, UTC) - OVERLAP
    edited = f"{field} >= timestamp '{stamp:%Y-%m-%d %H:%M:%S}'"
    return edited if where == "1=1" else f"({where}) AND {edited}"
