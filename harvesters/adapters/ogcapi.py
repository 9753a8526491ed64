"""The adapter for OGC API Features of any server: pygeoapi, tipg, ldproxy, GeoServer, MapServer, QGIS Server.

A feed's address is the landing page; its params name the `collection`. Pages follow the links that say `next`: how a
server counts is its own business, and `offset` is in no standard. Nothing tells when the data changed.
"""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode, urljoin, urlsplit

from datasets.errors import RunFailed
from harvesters.adapters.contract import Cursor, Dataset, Found, Page, Pages, Tally, proven
from harvesters.platforms.feature_pages import (
    FEW,
    SHARED,
    FeaturePage,
    first_position,
    fit_one_answer,
    geometry_kind,
    keys_of,
    read_json_page,
)
from harvesters.platforms.problem import TELLING
from harvesters.web.ask import Answer, Refused, Request, ServerTrouble, as_json, ask, with_query
from harvesters.web.session import Session

TITLE = "An OGC API Features service"
DESCRIBES = True
SIZE, SIZE_OF_POINTS = 1_000, 5_000
SAMPLE = 10
LOWER, FEWEST = 5, 5
MOST_COLLECTIONS, MOST_SAMPLED = 1_000, 20
"""How many collections are listed, and of how many a few features are looked at, which is a question each."""
MOST_LISTS = 20
GRID = "http://www.opengis.net/def/crs/EPSG/0/27700"
AS_JSON = {"Accept": "application/json"}
AS_FEATURES = {"Accept": "application/geo+json, application/json;q=0.9"}
BELOW_LANDING = re.compile(r"/(collections|conformance)(/.*)?$")
OTHERS = re.compile(
    r"/rest/services|/api/\d|/dataset|/explore|/resource/|\.(csv|geojson|gpkg|zip|xlsx?|kml|gml|rdf|ttl|map|qgs)$", re.I
)
LIKELY = re.compile(r"/collections|ogc|feature|oapi|oaf|wfs3|/api\b|\bf=", re.I)
OTHER_SERVICE = re.compile(r"(^|&)(service|request)=", re.I)


def probe(url: str, params: Mapping[str, str], session: Session) -> Found | None:
    """The collections of features of the service; exactly one where the params or the address itself name it."""
    parts = urlsplit(url)
    said = bool(params) or "/collections" in parts.path
    if not said and (OTHERS.search(parts.path) or OTHER_SERVICE.search(parts.query)):
        return None
    root, named = _split(url, params.get("collection"))
    if named:
        dataset = _describe(root, named, session)
        return Found("ogcapi", dataset.publisher or parts.netloc, root, (dataset,), total=1)
    try:
        landing, plain = _document(root, session, tries=5 if said else 1)
    except RunFailed as failure:
        if said or failure.code in TELLING:
            raise
        return None
    href = _link(landing, root, "data", "http://www.opengis.net/def/rel/ogc/1.0/data", "collections")
    if not href and not said:
        return None
    return _listed(root, href or _under(root, "collections"), landing, plain, session)


def pages(dataset: Dataset, since: str | None) -> Pages:
    """Pages by the links of the server."""
    return _Linked(dataset)


def complete(dataset: Dataset, tally: Tally) -> str | None:
    return proven(dataset, tally)


class _Linked:
    """A cursor has the page's `url`, the number of rows `before` it, the `mark` of the page before, `hashed` when
    features have no ids of their own, `at_once` how many are asked for then where they are few, and `most`, the limit
    of a server that refuses higher ones."""

    ending = ".json"

    def __init__(self, dataset: Dataset) -> None:
        self._dataset = dataset
        self._host = urlsplit(dataset.url).netloc
        self.size = SIZE_OF_POINTS if dataset.geometry in ("point", "none") else SIZE
        words = {"crs": GRID} if dataset.own["crs"] else {}
        words |= {"f": "json"} if dataset.own["plain"] else {}
        self.first: Cursor = {"url": with_query(dataset.own["items"], {"limit": self.size, **words}), "before": 0}

    def request(self, cursor: Cursor, size: int) -> Request:
        if size == self.size and "at_once" in cursor:
            return Request(_with_limit(cursor["url"], cursor["at_once"]), headers=AS_FEATURES)
        return Request(_limited(cursor["url"], min(size, cursor.get("most", size))), headers=AS_FEATURES)

    def read(self, cursor: Cursor, size: int, body: bytes) -> Page:
        page = read_json_page(body, self._host)
        if page.rows and page.mark == cursor.get("mark"):
            raise RunFailed("E-PAGELOOP", f"{self._host} sends the same features on every page.")
        if not page.rows:
            return Page(0, (), None, "an empty page")
        asked = min(size, cursor.get("most", size))
        few = fit_one_answer(page, cursor["before"], self._dataset.count, asked, len(body))
        keys, hashed = keys_of(page, cursor["before"], cursor.get("hashed", False), few)
        told = Page(page.rows, keys, None, hashed=hashed)
        reached = cursor["before"] + page.rows
        following = _next(cursor["url"], page, self._host)
        if following is None:
            return replace(told, ended=self._end(page, reached, asked))
        after = {"url": following, "before": reached, "mark": page.mark, "hashed": hashed}
        return replace(told, next={**cursor, **after})

    def instead(self, cursor: Cursor, refusal: str) -> Cursor | None:
        if refusal in (SHARED, FEW) or "at_once" in cursor:
            all_rows = {"at_once": self._dataset.count} if refusal == FEW else {}
            return {**self.first, "most": cursor.get("most", self.size), "hashed": True, **all_rows}
        lower = cursor.get("most", self.size) // LOWER
        # Most servers lower a limit that is too high for them, as the standard wants; QGIS Server refuses it.
        return {**self.first, "most": lower} if "limit" in refusal.lower() and lower >= FEWEST else None

    def _end(self, page: FeaturePage, reached: int, size: int) -> str:
        """What a page without `next` proves: nothing when the server says that more remain (pygeoapi#1594), nor when it
        is full to the limit and no number of all is given."""
        matched = page.matched if page.matched is not None else self._dataset.count
        if matched is not None:
            return "numberMatched reached" if reached >= matched else ""
        return "" if page.rows >= size else "no next link"


def _next(url: str, page: FeaturePage, host: str) -> str | None:
    """The address of the next page. RunFailed when it is this page again, or leads to another server."""
    link = _link(page.rest, url, "next")
    if link is None:
        return None
    ours, theirs = urlsplit(url), urlsplit(link)
    if theirs.hostname != ours.hostname or _port(link, ours.scheme) != _port(url, ours.scheme):
        raise RunFailed("E-ADDRESS", f"The next page of {host} is said to be on another server, {theirs.netloc}.")
    # Behind a proxy that ends TLS, servers write http:// in their links.
    link = theirs._replace(scheme=ours.scheme, netloc=ours.netloc).geturl()
    if link == url:
        raise RunFailed("E-PAGELOOP", f"A page of {host} names itself as the page that follows.")
    return link


def _port(url: str, scheme: str) -> int | None:
    """The port, where another than that of the scheme is meant."""
    port = urlsplit(url).port
    return None if port in (80, 443) else port


def _limited(url: str, size: int) -> str:
    """The address with its limit lowered to what we ask for now; servers may have lowered it further."""
    words = parse_qsl(urlsplit(url).query, keep_blank_values=True)
    if not any(name == "limit" and value.isdecimal() and int(value[:12]) > size for name, value in words):
        return url
    return _with_limit(url, size)


def _with_limit(url: str, size: int) -> str:
    parts = urlsplit(url)
    words = [(name, value) for name, value in parse_qsl(parts.query, keep_blank_values=True) if name != "limit"]
    return parts._replace(query=urlencode([("limit", str(size)), *words])).geturl()


def _listed(root: str, href: str, landing: Mapping[str, Any], plain: bool, session: Session) -> Found:
    """Every collection of features; a few features of each are looked at where there are few collections."""
    documents = _all_collections(root, href, plain, session)
    terms = _licence(landing)
    listed = [_dataset(root, one, terms, plain) for one in documents[:MOST_COLLECTIONS]]
    if len(listed) <= MOST_SAMPLED:
        listed = [_looked_at(dataset, session) for dataset in listed]
    title = str(landing.get("title") or urlsplit(root).netloc)
    listed = [replace(dataset, publisher=title) for dataset in listed]
    note = f"Only the first {MOST_COLLECTIONS:,} collections are listed." if len(documents) > MOST_COLLECTIONS else ""
    return Found("ogcapi", title, root, tuple(listed), total=len(documents), note=note)


def _all_collections(root: str, href: str, plain: bool, session: Session) -> list[Mapping[str, Any]]:
    """The descriptions of all collections, which some servers give in several parts."""
    found: dict[str, Mapping[str, Any]] = {}
    url: str | None = href
    for _ in range(MOST_LISTS):
        if url is None or len(found) > MOST_COLLECTIONS:
            break
        listing, _ = _document(url, session, plain=plain)
        collections = listing.get("collections")
        if not isinstance(collections, list):
            raise RunFailed("E-PLATFORM", f"{urlsplit(root).netloc} has no list of collections.")
        for one in collections:
            if isinstance(one, dict) and one.get("id") and str(one.get("itemType", "feature")) == "feature":
                own = _texts(one.get("crs"))
                shared = _texts(listing.get("crs")) if "#/crs" in own else []
                found.setdefault(str(one["id"]), {**one, "crs": own + shared})
        link = _link(listing, url, "next")
        url = link if link and _origin(link) == _origin(root) else None
    return list(found.values())


def _describe(root: str, named: str, session: Session) -> Dataset:
    """One collection in full; RunFailed when the service does not have it."""
    host = urlsplit(root).netloc
    try:
        document, plain = _document(_under(root, "collections", named), session)
    except Refused as refusal:
        if refusal.status == 404:
            raise RunFailed("E-PLATFORM", f"The service at {host} has no collection {named!r}.") from None
        raise
    if "links" not in document:
        raise RunFailed("E-PLATFORM", f"{host} answers, but not with a collection of OGC API Features.")
    return _sampled(_dataset(root, {"id": named, **document}, _licence(document), plain), session, tries=5)


def _dataset(root: str, one: Mapping[str, Any], terms: str, plain: bool) -> Dataset:
    name = str(one["id"])
    items = _link(one, _under(root, "collections", ""), "items")
    if items is None or _origin(items) != _origin(root):
        # Behind a proxy, servers write the address that they have inside.
        items = _under(root, "collections", name, "items")
    # The link may choose a format; ours is chosen by a header.
    words = [(key, value) for key, value in parse_qsl(urlsplit(items).query) if key not in ("f", "limit")]
    items = urlsplit(items)._replace(query=urlencode(words)).geturl()
    # Data that is kept in degrees is asked for in degrees: turned into the grid by a server, it is often metres off.
    kept_in = one.get("storageCrs")
    grid = kept_in == GRID if kept_in else GRID in _texts(one.get("crs"))
    return Dataset(
        title=str(one.get("title") or name),
        url=root,
        params={"collection": name},
        description=str(one.get("description") or ""),
        licence=_licence(one) or terms,
        page=_page(one, root),
        crs="EPSG:27700" if grid else "OGC:CRS84",
        formats=("GeoJSON",),
        own={"items": items, "crs": GRID if grid else "", "plain": plain},
    )


def _looked_at(dataset: Dataset, session: Session) -> Dataset:
    """Sampled, or as it was where the server cannot give a few features: the others are still to be listed."""
    try:
        return _sampled(dataset, session, tries=1)
    except RunFailed:
        return dataset


def _sampled(dataset: Dataset, session: Session, tries: int) -> Dataset:
    """With what a few features show: columns, geometry, the number of all, and whether the grid is to be had."""
    words: dict[str, object] = {"limit": SAMPLE}
    words |= {"crs": GRID} if dataset.own["crs"] else {}
    words |= {"f": "json"} if dataset.own["plain"] else {}
    url = with_query(dataset.own["items"], words)
    try:
        answer = ask(session, Request(url, headers=AS_FEATURES), tries=tries)
    except Refused:
        if not dataset.own["crs"]:
            raise
        return _sampled(_without_grid(dataset), session, tries)
    page = read_json_page(answer.body, urlsplit(dataset.url).netloc)
    if dataset.own["crs"] and not _is_grid(answer, page):
        return _sampled(_without_grid(dataset), session, tries)
    names = dict.fromkeys(name for one in page.features for name in (one.get("properties") or {}))
    return replace(dataset, count=page.matched, fields=tuple(names), geometry=geometry_kind(page.features))


def _is_grid(answer: Answer, page: FeaturePage) -> bool:
    """Whether the answer is in the national grid: Part 2 has the header Content-Crs say so, and degrees are small."""
    stated, position = answer.headers.get("Content-Crs", GRID), first_position(page.features)
    return GRID in stated and position is not None and max(abs(position[0]), abs(position[1])) > 360


def _without_grid(dataset: Dataset) -> Dataset:
    return replace(dataset, crs="OGC:CRS84", own={**dataset.own, "crs": ""})


def _document(url: str, session: Session, *, tries: int = 5, plain: bool = False) -> tuple[dict[str, Any], bool]:
    """The JSON document at the address, asked for by header, and by `f=json` where a likely server minds no header;
    and whether that was needed."""
    ways: list[dict[str, str]] = [{"f": "json"}] if plain else [{}, {"f": "json"}]
    for words in ways if LIKELY.search(url) else ways[:1]:
        try:
            address = with_query(url, words) if words else url
            document = as_json(ask(session, Request(address, headers=AS_JSON), tries=tries))
        except ServerTrouble:
            raise
        except RunFailed as error:
            if words or error.code != "E-NOTDATA":
                raise
            continue
        if isinstance(document, dict):
            return document, bool(words)
    raise RunFailed("E-NOTDATA", f"{urlsplit(url).netloc} answers, but not as an OGC API.")


def _split(url: str, named: str | None) -> tuple[str, str | None]:
    """The landing page's address and the name of the collection that the address or the feed means. Whether the
    landing page ends in a slash is left as it is: to some servers it matters."""
    parts = urlsplit(url)
    found = re.search(r"/collections/([^/]+)", parts.path)
    words = [(key, value) for key, value in parse_qsl(parts.query) if key.lower() in ("map", "token", "key")]
    path = BELOW_LANDING.sub("/", parts.path)
    root = parts._replace(path=path, query=urlencode(words), fragment="").geturl()
    return root, named or (found.group(1) if found else None)


def _under(root: str, *names: str) -> str:
    """The address below the landing page, with the landing page's own query."""
    parts = urlsplit(root)
    below = "/".join(quote(name, safe="") for name in names)
    return parts._replace(path=f"{parts.path.rstrip('/')}/{below}").geturl()


def _link(document: Mapping[str, Any], base: str, *relations: str) -> str | None:
    """The address of the first link of one of these relations that leads to JSON, or does not say what it leads to."""
    for relation in relations:
        for link in _links(document, relation):
            kind = str(link.get("type") or "json")
            if "json" in kind and "jsonfg" not in kind:
                return urljoin(base, str(link["href"]))
    return None


def _links(document: Mapping[str, Any], *relations: str) -> list[Mapping[str, Any]]:
    """The document's links of these relations."""
    links = document.get("links")
    found = [link for link in links if isinstance(link, dict)] if isinstance(links, list) else []
    return [link for link in found if link.get("rel") in relations and link.get("href")]


def _licence(document: Mapping[str, Any]) -> str:
    """The address of the licence, else the collection's own word; nothing where there are several, for parts of the
    collection that have terms of their own."""
    stated = {str(link["href"]) for link in _links(document, "license")}
    if len(stated) > 1:
        return ""
    return stated.pop() if stated else str(document.get("license") or "")


def _page(document: Mapping[str, Any], root: str) -> str | None:
    """The page for people about the collection."""
    pages = _links(document, "describedby", "alternate", "canonical")
    found = [str(link["href"]) for link in pages if "html" in str(link.get("type"))]
    return urljoin(root, found[0]) if found else None


def _texts(value: Any) -> list[str]:
    return [str(item) for item in value] if isinstance(value, list) else []


def _origin(url: str) -> tuple[str | None, int | None]:
    return urlsplit(url).hostname, _port(url, "")
