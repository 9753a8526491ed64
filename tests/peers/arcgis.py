"""An ArcGIS server of made-up public toilets in Ashmere, as documented, for tests and the bench: none can be installed.

`developers.arcgis.com` is Esri's documentation of its REST API; issues are of public clients that met a behaviour.
"""

import json
import re
from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from tests.builders import EAST, NORTH
from tests.peers.answering import Reply, json_reply, send
from tests.serving import serving

ITEM = "0f1e2d3c4b5a69788796a5b4c3d2e1f0"
FILE_ITEM = "aaaabbbbccccddddeeeeffff00001111"
SLUG = "ashmere::public-toilets"
EDITED = 1_780_000_000_000
LAST_YEAR = EDITED - 365 * 86_400_000
REQUEST_REJECTED = (
    b"<html><head><title>Request Rejected</title></head><body>The requested URL was rejected. Please consult with your "
    b"administrator.<br><br>Your support ID is: 1234567890123456789<br><br><a href='javascript:history.back();'>"
    b"[Go Back]</a></body></html> "
)
"""The page of 247 bytes with which a common firewall refuses, at status 200 (openaddresses/pyesridump#35)."""

FEES = {
    "type": "codedValue",
    "name": "Fee",
    "codedValues": [{"name": "Free", "code": 0}, {"name": "Charged", "code": 1}],
}
FIELDS: Sequence[Mapping[str, Any]] = (
    {"name": "OBJECTID", "type": "esriFieldTypeOID", "alias": "OBJECTID"},
    {"name": "Reference", "type": "esriFieldTypeString", "alias": "Reference", "length": 20},
    {"name": "Name", "type": "esriFieldTypeString", "alias": "Name", "length": 80},
    {"name": "Address", "type": "esriFieldTypeString", "alias": "Address", "length": 120},
    {"name": "Fee", "type": "esriFieldTypeSmallInteger", "alias": "Fee", "domain": FEES},
    {"name": "Edited", "type": "esriFieldTypeDate", "alias": "Edited", "length": 8},
)
GRID = {"wkid": 27700, "latestWkid": 27700}


@dataclass
class ArcgisServer:
    """One service with one layer, number 0, and the portal and Hub site that list it.

    `rows` are the toilets by number, or how many there are; object ids count them from `first_oid`, with gaps of
    `step`. `edited` are the numbers edited just now, the others were a year ago. The rest switches misbehaviour on;
    pages are counted from 1, and `trouble_times` None means always.
    """

    rows: int | Sequence[int] = 100
    max_record_count: int = 2_000
    kind: str = "FeatureServer"
    geometry: str = "Point"
    """Point, Polygon, or none for a table."""
    first_oid: int = 1
    step: int = 1
    last_edit: int | None = EDITED
    edited: Sequence[int] = ()
    tracking: bool = False
    view: bool = False
    statistics: bool = True
    counts: bool = True
    pagination: bool = True
    admits_no_pagination: bool = True
    """Whether a layer without pagination says so in its description."""
    domains_in_pages: bool = True
    page_cap: int | None = None
    """Fewer rows than the declared maximum, whatever is asked for."""
    flagged: bool | None = True
    """Whether `exceededTransferLimit` is told: None not at all, False always false."""
    short_pages: Mapping[int, int] = field(default_factory=dict)
    endless: bool = False
    loops: bool = False
    error_page: int | None = None
    error: Mapping[str, Any] = field(
        default_factory=lambda: {"code": 400, "message": "Unable to complete operation.", "details": []}
    )
    trouble_times: int | None = None
    rejected_page: int | None = None
    too_many: int | None = None
    """Asked for more rows than this, it answers 500."""
    token: bool = False
    search: bool = True
    licence: str = "<a href='https://www.nationalarchives.gov.uk/doc/open-government-licence/version/3/'>OGL</a>"
    during: Callable[[int], None] = lambda page: None
    """Called before each page is answered."""
    asked: list[str] = field(default_factory=list)
    posted: int = 0
    pages: int = 0
    site: str = ""

    @property
    def url(self) -> str:
        """The layer's address."""
        return f"{self.service}/0"

    @property
    def service(self) -> str:
        return f"{self.site}/arcgis/rest/services/Open/Toilets/{self.kind}"

    @property
    def numbers(self) -> Sequence[int]:
        return range(1, self.rows + 1) if isinstance(self.rows, int) else self.rows

    def answer(self, path: str, query: Mapping[str, str]) -> Reply:
        layer = urlsplit(self.url).path
        if self.token:
            # developers.arcgis.com, Handle errors: status 200 with 499 in the body (portolan-sdi/portolan-cli#311).
            return json_reply({"error": {"code": 499, "message": "Token Required", "details": []}})
        if path == f"{layer}/query":
            return self._query(query)
        known = {
            layer: self.description,
            urlsplit(self.service).path: self._service_description,
            "/arcgis/rest/services": lambda: {"folders": ["Open", "Utilities"], "services": []},
            "/arcgis/rest/services/Open": lambda: {"services": [
                {"name": "Open/Toilets", "type": "MapServer"}, {"name": "Open/Toilets", "type": self.kind}]},
            **self._portal(), **(self._hub() if self.search else {}), **self._feeds(),
        }  # fmt: skip
        if path in known:
            return json_reply(known[path]())
        if "/rest/" in path:
            return json_reply({"error": {"code": 404, "message": "Service not found", "details": []}})
        return json_reply({"message": "not found"}, 404)

    def description(self) -> dict[str, Any]:
        """developers.arcgis.com, Layer (Feature Service): what a layer says of itself."""
        able = {"supportsPagination": self.pagination or not self.admits_no_pagination, "supportsOrderBy": True,
                "supportsStatistics": self.statistics}  # fmt: skip
        spatial = self.geometry != "none"
        return {
            "currentVersion": 11.3, "id": 0, "name": "Toilets", "type": "Feature Layer" if spatial else "Table",
            "capabilities": "Query", "description": "Where to <b>go</b>", "copyrightText": "Ashmere Council",
            "maxRecordCount": self.max_record_count, "standardMaxRecordCount": 16_000, "tileMaxRecordCount": 8_000,
            "objectIdField": "OBJECTID", "advancedQueryCapabilities": able, "fields": list(FIELDS),
            "useStandardizedQueries": True, "supportedQueryFormats": "JSON, geoJSON, PBF", "serviceItemId": ITEM,
            **({"geometryType": f"esriGeometry{self.geometry}"} if spatial else {}),
            **({"extent": {"spatialReference": GRID}} if spatial else {}),
            **({"editFieldsInfo": {"editDateField": "Edited"}} if self.tracking else {}),
            **({"isView": True} if self.view else {}), **self._editing(),
        }  # fmt: skip

    def _editing(self) -> dict[str, Any]:
        """A MapServer has no editingInfo; a FeatureServer tells three stamps."""
        if self.last_edit is None or self.kind == "MapServer":
            return {}
        stamps = {"lastEditDate": self.last_edit - 1000, "dataLastEditDate": self.last_edit}
        return {"editingInfo": {**stamps, "schemaLastEditDate": LAST_YEAR}}

    def _service_description(self) -> dict[str, Any]:
        layer = {"id": 0, "name": "Toilets", "geometryType": f"esriGeometry{self.geometry}", "type": "Feature Layer"}
        group = {"id": 1, "name": "All", "type": "Group Layer", "subLayerIds": [0]}
        spatial = self.geometry != "none"
        return {"serviceItemId": ITEM, "mapName": "Open toilets", "layers": [layer, group] if spatial else [],
                "tables": [] if spatial else [{"id": 0, "name": "Toilets", "type": "Table"}]}  # fmt: skip

    def _query(self, query: Mapping[str, str]) -> Reply:
        kept = self._kept(query.get("where", "1=1"))
        if kept is None:
            return _refusal("Cannot perform query. Invalid query parameters.", "'where' clause is invalid")
        if query.get("returnCountOnly") == "true":
            # Some layers cannot count (openaddresses/pyesridump#75, #101).
            return json_reply({"count": len(kept)}) if self.counts else _refusal("Unable to complete operation.")
        if query.get("returnIdsOnly") == "true":
            # developers.arcgis.com, Query: "there is no limit to the number of object IDs returned".
            ids = [self.first_oid + place * self.step for place in kept]
            return json_reply({"objectIdFieldName": "OBJECTID", "objectIds": ids[::-1] or None})
        if "outStatistics" in query:
            latest = max((EDITED if self.numbers[place] in self.edited else LAST_YEAR for place in kept), default=None)
            return json_reply({"features": [{"attributes": {"LATEST": latest}}]})
        return self._page(query, kept)

    def _page(self, query: Mapping[str, str], kept: Sequence[int]) -> Reply:
        if "resultOffset" in query and not self.pagination:
            return _refusal("Pagination is not supported.")  # R-ArcGIS/arcgislayers#191
        self.pages += 1
        self.during(self.pages)
        most = min(int(query.get("resultRecordCount", self.max_record_count)), self.max_record_count)
        if self.too_many is not None and most > self.too_many:
            return json_reply({"error": {"code": 500, "message": "Error performing query operation", "details": []}})
        if (trouble := self._trouble()) is not None:
            return trouble
        begin = 0 if self.loops else int(query.get("resultOffset", 0))
        rows = min(most, self.page_cap or most, self.short_pages.get(self.pages, most))
        shown = kept[begin : begin + rows]
        more = self.loops or self.endless or begin + len(shown) < len(kept)
        return Reply(self._rendered(shown, more, query.get("returnGeometry") != "false"))

    def _trouble(self) -> Reply | None:
        if self.trouble_times == 0 or self.pages < (self.error_page or self.rejected_page or self.pages + 1):
            return None
        self.trouble_times = None if self.trouble_times is None else self.trouble_times - 1
        if self.rejected_page:
            return Reply(REQUEST_REJECTED, headers={"Content-Type": "text/html; charset=utf-8"})
        # An error is told with status 200 (portolan-sdi/portolan-cli#311, openaddresses/pyesridump#32).
        return json_reply({"error": dict(self.error)})

    def _rendered(self, places: Sequence[int], more: bool, shapes: bool) -> bytes:
        """A page as text, because a million rows are asked for in the bench."""
        numbers, edited = self.numbers, set(self.edited)
        template, corners = _SHAPES[self.geometry if shapes else "none"]
        values: list[object] = []
        for place in places:
            n = numbers[place]
            x, y = EAST + 40 * (n % 40) + n // 1_600 * 0.05, NORTH + 40 * (n // 40 % 40) + n // 1_600 * 0.05
            stamp = EDITED if n in edited else LAST_YEAR
            values += (self.first_oid + place * self.step, n, n, n, n % 2, stamp, *corners(x, y))
        features = ",".join([_ATTRIBUTES + template + "}"] * len(places)) % tuple(values)
        # developers.arcgis.com, Query: an empty feature set comes without its fields.
        fields = [f if self.domains_in_pages else {k: v for k, v in f.items() if k != "domain"} for f in FIELDS]
        head: dict[str, Any] = {"objectIdFieldName": "OBJECTID"}
        head |= {"spatialReference": GRID, "geometryType": f"esriGeometry{self.geometry}"} if shapes else {}
        head |= {"fields": fields} if places else {}
        # Left out when false (documented, see Esri/esri-leaflet#786), or always false (koopjs/FeatureServer#62).
        head |= {"exceededTransferLimit": bool(self.flagged)} if more and self.flagged is not None else {}
        return f'{json.dumps(head)[:-1]},"features":[{features}]}}'.encode()

    def _kept(self, where: str) -> Sequence[int] | None:
        """The places of the rows that answer the condition; None when it cannot be read."""
        places: Sequence[int] = range(len(self.numbers))
        for part in re.sub(r"[()]", "", where).split(" AND "):
            if part == "1=1":
                continue
            if found := re.fullmatch(r"OBJECTID(>=|<)(-?\d+)", part):
                at = bisect_left(places, -(-(int(found[2]) - self.first_oid) // self.step))
                places = places[at:] if found[1] == ">=" else places[:at]
            elif found := re.fullmatch(r"Reference IN (.*)", part):
                names = set(found[1].split(","))
                places = [p for p in places if f"'T{self.numbers[p]:07d}'" in names]
            elif re.fullmatch(r"Edited >= timestamp '\d{4}-\d\d-\d\d \d\d:\d\d:\d\d'", part):
                places = [p for p in places if self.numbers[p] in self.edited]
            else:
                return None
        return places

    def _portal(self) -> dict[str, Callable[[], Any]]:
        """developers.arcgis.com, Search and Item of the portal's REST API."""
        portal = "/portal/sharing/rest"
        found = [{**self._item(), "id": ITEM}, {"id": FILE_ITEM, "title": "Bins", "type": "CSV", "modified": EDITED}]
        page = {"total": 2, "start": 1, "num": 2, "nextStart": -1, "results": found}
        return {
            f"{portal}/content/items/{ITEM}": self._item, f"{portal}/content/items/{FILE_ITEM}": lambda: found[1],
            f"{portal}/portals/self": lambda: {"id": "abc", "name": "Ashmere Maps"}, f"{portal}/search": lambda: page,
        }  # fmt: skip

    def _item(self) -> dict[str, Any]:
        return {"id": ITEM, "title": "Public toilets", "type": "Feature Service", "url": self.service,
                "licenseInfo": self.licence, "accessInformation": "Ashmere Council", "modified": EDITED}  # fmt: skip

    def _hub(self) -> dict[str, Callable[[], Any]]:
        """A site's search is an OGC API Records server whose records are items (openapi of /api/search/v1)."""
        search, item_page = "/api/search/v1/collections", f"{self.site}/portal/home/item.html?id={ITEM}"
        record = {"id": ITEM, "type": "Feature", "properties": {**self._item(), "source": "Ashmere Council"},
                  "links": [{"rel": "related", "href": item_page}]}  # fmt: skip
        old = {"id": f"{ITEM}_0", "links": {"itemPage": item_page}, "attributes": {
            "name": "Public toilets", "content": "Feature Service", "url": self.url, "slug": SLUG,
            "recordCount": len(self.numbers)}}  # fmt: skip
        return {
            search: lambda: {"collections": [{"id": "dataset"}, {"id": "document"}]},
            f"{search}/dataset/items": lambda: {"numberMatched": 1, "features": [record]},
            f"{search}/all/items/{ITEM}": lambda: record, "/api/v3/datasets": lambda: {"data": [old]},
        }  # fmt: skip

    def _feeds(self) -> dict[str, Callable[[], Any]]:
        entry = {"identifier": f"{self.site}/portal/home/item.html?id={ITEM}&sublayer=0", "title": "Public toilets",
                 "license": self.licence, "publisher": {"name": "Ashmere Council"}, "distribution": [
                     {"format": "CSV", "accessURL": f"{self.site}/toilets.csv"},
                     {"format": "ArcGIS GeoServices REST API", "accessURL": self.url}]}  # fmt: skip
        return {"/api/feed/dcat-us/1.1.json": lambda: {"dataset": [entry]}}


@contextmanager
def served(server: ArcgisServer) -> Iterator[ArcgisServer]:
    """The server on loopback, while the context lasts."""
    with serving(_handler(server)) as port:
        server.site = f"http://127.0.0.1:{port}"
        yield server


def _refusal(message: str, *details: str) -> Reply:
    return json_reply({"error": {"code": 400, "message": message, "details": list(details)}})


_ATTRIBUTES = (
    '{"attributes":{"OBJECTID":%d,"Reference":"T%07d","Name":"Convenience %d","Address":"%d Mere Lane, Ashmere",'
    '"Fee":%d,"Edited":%d}'
)
_RING = ',"geometry":{"rings":[[[%.2f,%.2f],[%.2f,%.2f],[%.2f,%.2f],[%.2f,%.2f],[%.2f,%.2f]]]}'
_SHAPES: Mapping[str, tuple[str, Callable[[float, float], tuple[float, ...]]]] = {
    "Point": (',"geometry":{"x":%.2f,"y":%.2f}', lambda x, y: (x, y)),
    "Polygon": (_RING, lambda x, y: (x, y, x, y + 9, x + 9, y + 9, x + 9, y, x, y)),
    "none": ("", lambda x, y: ()),
}
"""Forty metres apart on a square of 1,600, the next square a little beside it: a million fit into Ashmere."""


def _handler(server: ArcgisServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        # Head and body go out apart, and the second would wait for the client to acknowledge the first.
        disable_nagle_algorithm = True

        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._answer(urlsplit(self.path).query)

        def do_POST(self) -> None:
            server.posted += 1
            self._answer(self.rfile.read(int(self.headers["Content-Length"])).decode())

        def _answer(self, query: str) -> None:
            server.asked.append(unquote(self.path))
            send(self, server.answer(unquote(urlsplit(self.path).path), dict(parse_qsl(query))))

        def log_message(self, format: str, *args: object) -> None:
            """Quiet."""

    return Handler
