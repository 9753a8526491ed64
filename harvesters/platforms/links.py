"""What a catalogue's link leads to: a file in a format we read, or a service of a platform that has an adapter. It is
told from the address and from the catalogue's own words, without a request; CKAN and DCAT catalogues both ask here."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import TypeVar
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit

FORMATS = (
    *("geojson", "gpkg", "fgb", "geoparquet", "shp", "zip", "kml", "kmz", "gml", "tab", "mif"),
    *("csv", "tsv", "xlsx", "xlsm", "xls", "ods", "json"),
)
"""Endings of files we read, best first: those that carry geometry and its reference system before tables."""

_SPOKEN: Mapping[str, str] = {
    "geopackage": "gpkg",
    "flatgeobuf": "fgb",
    "shapefile": "shp",
    "esri shapefile": "shp",
    "esri shape": "shp",
    "zipped shapefile": "shp",
    "esri json": "json",
    "parquet": "geoparquet",
    "excel": "xlsx",
    "ms excel": "xlsx",
    "geo+json": "geojson",
    "vnd.geo+json": "geojson",
    "geojsonl": "geojson",
    "geopackage+sqlite3": "gpkg",
    "vnd.google-earth.kml+xml": "kml",
    "vnd.google-earth.kmz": "kmz",
    "gml+xml": "gml",
    "x-zip-compressed": "zip",
    "vnd.openxmlformats-officedocument.spreadsheetml.sheet": "xlsx",
    "vnd.ms-excel": "xls",
    "vnd.oasis.opendocument.spreadsheet": "ods",
    "tab-separated-values": "tsv",
    "comma separated values": "csv",
    "xlsx_open_xml": "xlsx",
    "geojson_seq": "geojson",
    "mapinfo tab": "tab",
    "vnd.flatgeobuf": "fgb",
}
"""Other ways to say a format: names people write, and media types without their first half."""

_WRITTEN = {"arcgis": "ArcGIS", "socrata": "Socrata", "opendatasoft": "Opendatasoft", "ogcapi": "OGC API", "wfs": "WFS"}
"""What people call the platforms whose services are recognised, best first."""

_ARCGIS = re.compile(r"^(.*/rest/services/.+?/(?:FeatureServer|MapServer))(/\d+)?(?:/.*)?$", re.I)
_COLLECTION = re.compile(r"^(.*/collections/[^/]+)(?:/items)?/?$")
_FOUR = "[2-9a-kmnp-z]{4}"
_SOCRATA = re.compile(
    rf"^/(?:resource|api/views|d)/({_FOUR}-{_FOUR})(?:[./].*)?$|^/[A-Z][^/]*/[^/]+/(?=.*[2-9])({_FOUR}-{_FOUR})(?:/.*)?$"
)
"""A dataset's number is two times four of these; in the address of a page it comes after category and title."""
_EXPLORE = re.compile(r"^.*?/(?:explore/dataset|api/explore/v2\.[01]/catalog/datasets|api/datasets/1\.0)/([^/]+)")
_OGC_QUESTION = {"service", "version", "request", "outputformat", "typename", "typenames", "srsname", "count"} | {
    *("maxfeatures", "startindex", "bbox", "resulttype", "sortby"),
}
_NOT_WFS = ("wms", "wmts", "csw", "wcs", "wps", "sos")

_T = TypeVar("_T")


@dataclass(frozen=True)
class Link:
    """One link that can be harvested. `platform` is the adapter's name, `url` and `params` what a feed would state;
    `format` is for people. Of several links the one with the lowest `rank` is best."""

    platform: str
    url: str
    format: str
    rank: int
    params: Mapping[str, str] = field(default_factory=dict)


def link_of(url: str, *said: str | None) -> Link | None:
    """What the address leads to, where `said` are the catalogue's words of its format, the surest first; None when it
    is nothing that can be harvested, such as a page, a picture service or a document."""
    if urlsplit(url).scheme not in ("http", "https"):
        return None
    if service := service_of(url, *said):
        return service
    form = format_of(url, *said)
    if form is None or _is_picture_service(url) or (not urlsplit(url).path.strip("/") and not urlsplit(url).query):
        return None
    return Link("file", url, "Shapefile" if form == "shp" else form.upper(), 10 + FORMATS.index(form))


def service_of(url: str, *said: str | None) -> Link | None:
    """The service that the address is one of; None for files and pages. A service that names its one layer is better
    than a file made from it, and one that does not is worse: somebody must choose."""
    parts = urlsplit(url)
    bare, site = parts._replace(query="", fragment=""), f"{parts.scheme}://{parts.netloc}"
    query = {name.lower(): value for name, value in parse_qsl(parts.query)}
    if found := _ARCGIS.match(parts.path):
        layer = found.group(2)
        return _service("arcgis", bare._replace(path=found.group(1) + (layer or "")).geturl(), bool(layer))
    if found := _EXPLORE.match(parts.path):
        return _service("opendatasoft", site, True, {"dataset": found.group(1)})
    if found := _SOCRATA.match(parts.path):
        return _service("socrata", site, True, {"dataset": found.group(1) or found.group(2)})
    if (found := _COLLECTION.match(parts.path)) and "/api/search/v1/" not in parts.path:
        return _service("ogcapi", bare._replace(path=found.group(1)).geturl(), True)
    words = " ".join(word.lower() for word in said if word)
    if query.get("service", "").lower() == "wfs" or (not query.get("service") and _sounds_like_wfs(parts.path, words)):
        kept = [(name, value) for name, value in parse_qsl(parts.query) if name.lower() not in _OGC_QUESTION]
        layer = query.get("typenames") or query.get("typename")
        address = parts._replace(query=urlencode(kept), fragment="").geturl()
        return _service("wfs", address, bool(layer), {"type": layer} if layer else {})
    return None


def best_of(found: Iterable[tuple[_T, Link]]) -> list[tuple[_T, Link]]:
    """Those with the best rank: one, or several that would do as well as each other; none of none."""
    ranked = list(found)
    best = min((link.rank for _, link in ranked), default=0)
    return [(thing, link) for thing, link in ranked if link.rank == best]


def format_of(url: str, *said: str | None) -> str | None:
    """The ending in FORMATS that a file has: as the catalogue says it, else as its address does; None for others."""
    for word in (*said, PurePosixPath(name_of(url)).suffix):
        if form := _spoken(word or ""):
            return form
    return None


def name_of(url: str) -> str:
    """The last part of an address's path, such as `toilets.csv`; empty for a bare host."""
    return PurePosixPath(unquote(urlsplit(url).path)).name


def _service(platform: str, url: str, one: bool, params: Mapping[str, str] | None = None) -> Link:
    rank = list(_WRITTEN).index(platform) + (0 if one else 90)
    return Link(platform, url, _WRITTEN[platform], rank, params or {})


def _spoken(text: str) -> str | None:
    """A format out of `CSV`, `.csv`, `text/csv; charset=utf-8` or a register's address that ends in one of those."""
    plain = text.partition(";")[0].strip().lower().lstrip(".").rpartition("/")[2]
    plain = _SPOKEN.get(plain, plain)
    return plain if plain in FORMATS else None


def _sounds_like_wfs(path: str, words: str) -> bool:
    ends = path.rstrip("/").lower().endswith(("/wfs", "wfsserver"))
    return ends or ("wfs" in re.findall(r"[a-z]+", words) and not format_of(path))


def _is_picture_service(url: str) -> bool:
    query = {name.lower(): value.lower() for name, value in parse_qsl(urlsplit(url).query)}
    return query.get("service") in _NOT_WFS
