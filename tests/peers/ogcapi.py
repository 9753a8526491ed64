"""A server of OGC API Features that misbehaves as real ones do, for tests and the bench. Good behaviour is tested on
pygeoapi, tipg, MapServer and QGIS Server."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from tests.peers.answering import Reply, answering, json_reply, web_page

BLOCK = 1_000
GRID = "http://www.opengis.net/def/crs/EPSG/0/27700"
ROW = (
    b'{"type":"Feature","id":"@@@@###","geometry":{"type":"Point","coordinates":[%s]},'
    b'"properties":{"id":"@@@@###","species":"Platanus x hispanica","height":12.5}}'
)


@dataclass
class OgcApiServer:
    """A service with one collection, `trees`, of `count` features.

    `cap`: gives no more at once (GeoLibre#1449: 10 for 1,000 asked). `matched`: said as numberMatched, None for not at
    all, which the standard allows. `follows`: where `next` leads: `on`, to the page `itself`, to another `host`, to the
    `first` page's rows again (MapServer#6613), or `nowhere` (pygeoapi#1594). `grid`: advertises the national grid; with
    `lies` it gives degrees all the same. `ids` off: features have none. `wants_f`: web pages for whoever minds only the
    header. `inside`: the address that it writes in links, as behind a proxy. `licences`: where its parts are licensed.
    """

    count: int
    cap: int | None = None
    matched: int | None = None
    follows: str = "on"
    grid: bool = False
    lies: bool = False
    ids: bool = True
    wants_f: bool = False
    inside: str | None = None
    licences: tuple[str, ...] = ("https://example.org/licence",)
    faults: list[Reply] = field(default_factory=list)
    url: str = ""
    asked: list[str] = field(default_factory=list)

    def answer(self, path: str, query: Mapping[str, str], headers: Mapping[str, str]) -> Reply:
        if self.wants_f and query.get("f") != "json":
            return web_page()
        match path.strip("/").split("/"):
            case [""]:
                return json_reply({"title": "Ashmere", "links": [self._link("data", "collections")]})
            case ["collections"]:
                records = {"id": "catalogue", "itemType": "record", "links": []}
                return json_reply({"collections": [self._collection(), records], "links": []})
            case ["collections", "trees"]:
                return json_reply(self._collection())
            case ["collections", "trees", "items"]:
                return self.faults.pop(0) if self.faults and "before" in query else self._items(query)
        return json_reply({"code": "NotFound", "description": "No such thing"}, 404)

    def _collection(self) -> dict[str, Any]:
        crs = ["http://www.opengis.net/def/crs/OGC/1.3/CRS84", *([GRID] if self.grid else [])]
        licences = [{"rel": "license", "href": address, "type": "text/html"} for address in self.licences]
        items = self._link("items", "collections/trees/items")
        return {"id": "trees", "title": "Trees", "itemType": "feature", "crs": crs, "links": [items, *licences]}

    def _items(self, query: Mapping[str, str]) -> Reply:
        start, asked = int(query.get("before", 0)), int(query.get("limit", 10))
        shown = 0 if self.follows == "first" else start
        size = min(asked, self.cap or asked, self.count - shown)
        in_grid = query.get("crs") == GRID and not self.lies
        rest = b"" if self.matched is None else b',"numberMatched":%d' % self.matched
        link = self._next(query, start, size, asked)
        links = f'[{{"rel":"next","type":"application/geo+json","href":"{link}"}}]' if link else "[]"
        features = _features(shown, shown + size, in_grid)
        features = features if self.ids else features.replace(b'"id":', b'"x":')
        body = b'{"type":"FeatureCollection","features":[%s]%s,"links":%s}' % (features, rest, links.encode())
        headers = {"Content-Type": "application/geo+json"}
        return Reply(body, headers=headers | ({"Content-Crs": f"<{GRID}>"} if in_grid else {}))

    def _next(self, query: Mapping[str, str], start: int, size: int, asked: int) -> str | None:
        if self.follows == "nowhere" or (start + size >= self.count and self.follows != "first"):
            return None
        kept = "&".join(f"{name}={value}" for name, value in query.items() if name not in ("before", "limit"))
        before = start if self.follows == "itself" else start + size
        root = "http://elsewhere.example.org" if self.follows == "host" else self.inside or self.url
        begin = f"&before={before}" if before else ""
        return f"{root}/collections/trees/items?limit={asked}{'&' + kept if kept else ''}{begin}"

    def _link(self, relation: str, path: str) -> dict[str, str]:
        return {"rel": relation, "type": "application/json", "href": f"{self.inside or self.url}/{path}"}


@contextmanager
def serving_ogcapi(server: OgcApiServer) -> Iterator[OgcApiServer]:
    """The server has an address while the context lasts."""
    with answering(server):
        yield server


def _features(start: int, stop: int, in_grid: bool) -> bytes:
    parts = []
    for block in range(start // BLOCK, -(-stop // BLOCK)):
        first, last = max(start - block * BLOCK, 0), min(stop - block * BLOCK, BLOCK)
        parts.append(b",".join(_rows(in_grid)[first:last]).replace(b"@@@@", b"%d" % block))
    return b",".join(parts)


@cache
def _rows(in_grid: bool) -> list[bytes]:
    place = b"530000.1,180###.2" if in_grid else b"-0.1###,51.5"
    return [(ROW % place).replace(b"###", b"%03d" % row) for row in range(BLOCK)]
