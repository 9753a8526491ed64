"""Everything that a server, a portal or a Hub site offers. A site's own search is asked first, its DCAT feeds when that
fails; of a service the layers are looked up, up to a bound, because a catalogue lists services."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, urlsplit

from datasets.errors import RunFailed
from harvesters.adapters.contract import Dataset, Found
from harvesters.platforms.arcgis.address import read_address
from harvesters.platforms.arcgis.item import ARCGIS_ONLINE, Item, portal_item, read_item
from harvesters.platforms.arcgis.layer import Brief, plain_text, question, service_layers
from harvesters.platforms.problem import UNREACHABLE
from harvesters.web.session import Session

PLATFORM = "arcgis"
MOST_DATASETS = 1_000
MOST_SERVICES = 60
"""So many services are asked for their layers in one listing: a listing is to take minutes, not hours."""
PAGE_ITEMS = 100
"""What the search of sites and portals gives at once, at most."""
FEEDS = ("api/feed/dcat-us/1.1.json", "api/feed/dcat-ap/2.0.1.json")
SERVICES = ("Feature Service", "Map Service")
OURS = ("System", "Utilities")
"""Folders with a server's own tools."""


def folder_found(url: str, session: Session) -> Found:
    """The layers of all services of a folder, or of a whole server."""
    listed = question(session, url)
    services = _services(url, listed)
    for folder in listed.get("folders") or []:
        if folder not in OURS and len(services) <= MOST_SERVICES:
            services += _services(url, question(session, f"{url}/{folder}"))
    datasets: list[Dataset] = []
    silent = 0
    for service in services[:MOST_SERVICES]:
        briefs = _layers(session, service)
        silent += briefs is None
        datasets += [Dataset(b.name, f"{service}/{b.number}", geometry=b.geometry) for b in briefs or ()]
    unseen = max(0, len(services) - MOST_SERVICES)
    total = None if unseen or len(datasets) > MOST_DATASETS else len(datasets)
    host = urlsplit(url).netloc
    return Found(PLATFORM, f"Services of {host}", url, tuple(datasets[:MOST_DATASETS]), total, _note(silent, unseen))


def portal_found(portal: str, session: Session) -> Found:
    """The public services and files of a portal; of one organisation only, where the portal is shared by many."""
    about = question(session, f"{portal}/sharing/rest/portals/self")
    kinds = " OR ".join(f'type:"{kind}"' for kind in (*SERVICES, *(("CSV", "GeoJson", "Shapefile"))))
    organisation = f"orgid:{about['id']} AND " if about.get("id") else ""
    query = f"{organisation}access:public AND ({kinds})"
    items: list[Item] = []
    start, total = 1, 0
    while start > 0 and len(items) < MOST_DATASETS:
        wanted = {"q": query, "num": PAGE_ITEMS, "start": start, "sortField": "title"}
        answer = question(session, f"{portal}/sharing/rest/search", wanted)
        results = answer.get("results") or []
        items += [read_item(told, str(told["id"]), portal) for told in results]
        total = int(answer.get("total") or 0)
        start = int(answer.get("nextStart") or -1) if results else -1
    return _found(str(about.get("name") or portal), portal, items, total, session)


def site_found(site: str, session: Session, *, sure: bool) -> Found | None:
    """The catalogue of a Hub or Enterprise site. None when the address is of no such site after all; it cost one
    question to know."""
    try:
        about = question(session, f"{site}/api/search/v1/collections", tries=1)
        known = isinstance(about.get("collections"), list)
    except RunFailed as failure:
        if not sure and failure.code not in UNREACHABLE:
            return None
        if failure.code in UNREACHABLE or failure.code == "E-AUTH":
            raise
        known = False
    if not known and not sure:
        return None
    try:
        items, total = _searched(site, session)
    except RunFailed as failure:
        return _fed(site, session, failure)
    return _found(urlsplit(site).netloc, site, items, total, session)


def site_item(site: str, wanted: str, session: Session, *, sure: bool) -> Item | None:
    """The item behind a page of a site, named by its id or by the site's own name for it, which changes."""
    try:
        if "::" in wanted:
            found = old_items(question(session, f"{site}/api/v3/datasets", {"filter[slug]": wanted}, tries=2))
            return found[0] if found else _gone(site, wanted)
        told = question(session, f"{site}/api/search/v1/collections/all/items/{wanted}", tries=2)
        return _record(told)
    except RunFailed:
        if urlsplit(site).netloc.endswith(".arcgis.com") and "::" not in wanted:
            return portal_item(ARCGIS_ONLINE, wanted, session)
        if sure:
            raise
        return None


def feed_items(feed: Mapping[str, Any]) -> list[Item | Dataset]:
    """The entries of a DCAT feed, of version US 1.1 or AP in the JSON that sites write: items, or files without one."""
    entries = _member(feed, "dataset") or []
    return [read for entry in entries if isinstance(entry, dict) and (read := _entry(entry)) is not None]


def old_items(answer: Mapping[str, Any]) -> list[Item]:
    """The records of version 3 of the search, which lists layers and knows how many rows each has."""
    return [_old_record(record) for record in answer.get("data") or [] if isinstance(record, dict)]


def _searched(site: str, session: Session) -> tuple[list[Item], int]:
    items: list[Item] = []
    total, received = 1, 0
    while received < total and len(items) < MOST_DATASETS:
        # The next page is counted, not followed: a link may lead to itself, or to another host.
        wanted = {"limit": PAGE_ITEMS, "startindex": received + 1}
        answer = question(session, f"{site}/api/search/v1/collections/dataset/items", wanted, tries=2)
        features = answer.get("features")
        if not isinstance(features, list):
            raise RunFailed("E-PLATFORM", f"The search of {site} does not answer with records.")
        total, received = int(answer.get("numberMatched") or 0), received + len(features)
        items += [_record(feature) for feature in features if isinstance(feature, dict) and feature.get("id")]
        if not features:
            break
    return items, total


def _record(feature: Mapping[str, Any]) -> Item:
    """One record of a site's search."""
    told = feature.get("properties") or {}
    links = " ".join(str(link.get("href")) for link in feature.get("links") or [] if isinstance(link, dict))
    portal = re.search(r"(https?://\S+?)/(?:home/item\.html|sharing/rest/content/items/)", links)
    item, _, layer = str(feature.get("id") or told.get("id")).partition("_")
    read = read_item(told, item, portal[1] if portal else ARCGIS_ONLINE)
    return replace(read, layer=int(layer) if layer.isdecimal() else None)


def _old_record(record: Mapping[str, Any]) -> Item:
    told = record.get("attributes") or {}
    page = str((record.get("links") or {}).get("itemPage") or "")
    item, _, layer = str(record.get("id")).partition("_")
    read = read_item(told, item, page.partition("/home/item.html")[0] or ARCGIS_ONLINE)
    count = told.get("recordCount")
    return replace(
        read,
        type=str(told.get("content") or told.get("type") or ""),
        layer=int(layer) if layer.isdecimal() else None,
        count=count if isinstance(count, int) else None,
    )


def _fed(site: str, session: Session, failure: RunFailed) -> Found:
    """The catalogue by the site's DCAT feeds; why the search failed when they fail too."""
    for feed in FEEDS:
        try:
            answer = question(session, f"{site}/{feed}", tries=2)
        except RunFailed:
            continue
        read = feed_items(answer)
        items = [one for one in read if isinstance(one, Item)]
        files = [one for one in read if isinstance(one, Dataset)]
        title = str(_member(answer, "title") or urlsplit(site).netloc)
        found = _found(title, site, items, len(read), session)
        return replace(found, datasets=(*found.datasets, *files)[:MOST_DATASETS])
    raise failure


def _entry(entry: Mapping[str, Any]) -> Item | Dataset | None:
    identifier = str(_member(entry, "identifier") or "")
    addresses = [a for one in _member(entry, "distribution") or [] if isinstance(one, dict) and (a := _access(one))]
    service = next((a for a in addresses if (read := read_address(a)) and read.kind == "service"), "")
    named = {name: values[0] for name, values in parse_qs(urlsplit(identifier).query).items()}
    publisher = _member(entry, "publisher")
    publisher = publisher.get("name") or publisher.get("foaf:name") if isinstance(publisher, dict) else publisher
    item = Item(
        portal=identifier.partition("/home/item.html")[0] or ARCGIS_ONLINE,
        id=named.get("id", ""),
        title=str(_member(entry, "title") or ""),
        type=SERVICES[0],
        url=service,
        layer=int(named["sublayer"]) if named.get("sublayer", "").isdecimal() else None,
        description=plain_text(_member(entry, "description")),
        licence=plain_text(_member(entry, "license")),
        publisher=str(publisher or ""),
    )
    if service:
        return item if item.id else _unnamed(item)
    file = next((a for a in addresses if re.search(r"\.(geojson|csv)(\?|$)", a)), None)
    if file is None:
        return None
    return Dataset(item.title, file, {}, item.description, item.licence, item.publisher, own={"platform": "file"})


def _unnamed(item: Item) -> Dataset:
    """A layer that the catalogue gives no id: known by its address, as long as that lasts."""
    return Dataset(item.title, item.url, {}, item.description, item.licence, item.publisher)


def _member(told: Mapping[str, Any], name: str) -> Any:
    """A member, plain as in DCAT-US or with the prefix that DCAT-AP has."""
    return next((told[key] for key in (name, f"dct:{name}", f"dcat:{name}") if told.get(key)), None)


def _access(distribution: Mapping[str, Any]) -> str:
    names = ("accessURL", "downloadURL", "dcat:accessURL", "dcat:accessUrl", "dcat:downloadURL")
    value = next((distribution[name] for name in names if distribution.get(name)), "")
    return str(value.get("@id") or "") if isinstance(value, dict) else str(value)


def _found(title: str, url: str, items: Sequence[Item], total: int, session: Session) -> Found:
    """What the items hold: each layer a dataset of its own."""
    layers = _Layers(session)
    datasets = [dataset for item in items for dataset in _datasets(item, layers)]
    unlisted = max(0, total - len(items), len(datasets) - MOST_DATASETS)
    note = _note(layers.silent, layers.unseen, unlisted)
    whole = len(datasets) if not unlisted and not layers.unseen else max(total, len(datasets))
    return Found(PLATFORM, title, url, tuple(datasets[:MOST_DATASETS]), whole, note)


class _Layers:
    """Asks services for their layers, each once and so many at most."""

    def __init__(self, session: Session) -> None:
        self.silent = self.unseen = 0
        self._session = session
        self._known: dict[str, Sequence[Brief] | None] = {}

    def of(self, service: str) -> Sequence[Brief] | None:
        if service not in self._known:
            if len(self._known) >= MOST_SERVICES:
                self.unseen += 1
                return None
            self._known[service] = _layers(self._session, service)
            self.silent += self._known[service] is None
        return self._known[service]


def _datasets(item: Item, layers: _Layers) -> Iterator[Dataset]:
    if item.ending:
        yield item.file()
        return
    address = read_address(item.url)
    if address is None or address.kind != "service":
        return
    number = item.layer if item.layer is not None else address.layer
    if number is not None:
        yield item.named(Brief(number, item.title, None), several=False)
        return
    briefs = layers.of(address.url)
    for brief in briefs or ():
        yield item.named(brief, several=len(briefs or ()) > 1)


def _layers(session: Session, service: str) -> Sequence[Brief] | None:
    """None when the service does not answer, as many in old catalogues do not."""
    try:
        return service_layers(session, service, tries=1)[1]
    except RunFailed:
        return None


def _services(url: str, listed: Mapping[str, Any]) -> list[str]:
    """The addresses of the services in a folder; where one is served in both ways, as features."""
    root = re.sub(r"(/rest/services).*", r"\1", url)
    kinds: dict[str, set[str]] = {}
    for one in listed.get("services") or []:
        if isinstance(one, dict) and one.get("type") in ("FeatureServer", "MapServer"):
            kinds.setdefault(str(one.get("name")), set()).add(str(one["type"]))
    return [f"{root}/{name}/{min(has)}" for name, has in kinds.items()]


def _note(silent: int, unseen: int, unlisted: int = 0) -> str:
    parts: Iterable[tuple[int, str]] = (
        (silent, "services do not answer"),
        (unseen, "services were not looked into"),
        (unlisted, "entries are not listed"),
    )
    return "; ".join(f"{number:,} {what}" for number, what in parts if number)


def _gone(site: str, wanted: str) -> Item:
    raise RunFailed("E-PLATFORM", f"{site} has no dataset {wanted!r}; sites rename them when their titles change.")
