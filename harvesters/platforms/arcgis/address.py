"""What an address of the ArcGIS world points at, as far as the address alone tells."""

import re
from dataclasses import dataclass
from typing import Literal
from urllib.parse import parse_qs, urlsplit

Kind = Literal["service", "folder", "item", "portal", "site"]

_SERVICE = re.compile(
    r"(?P<service>.*/rest/services/.+?/(?:FeatureServer|MapServer))(?:/(?P<layer>\d+))?(?:/.*)?", re.I
)
_FOLDER = re.compile(r"(?P<root>.*/rest)(?:/services(?P<folder>/[^/]+)?)?/?", re.I)
_ITEM = re.compile(
    r"(?P<portal>.*?)/(?:home/(?:item|webmap/viewer)\.html|sharing/rest/content/items/(?P<item>[0-9a-f]{32})).*"
)
_HOME = re.compile(r"(?P<portal>.*?)/(?:home|apps/sites|sharing/rest)(?:/.*)?")
_HUB_PAGE = re.compile(
    r"/(?:datasets|maps|documents|apps)/(?:(?P<item>[0-9a-f]{32})(?:_(?P<layer>\d+))?|(?P<slug>[^/]*::[^/]+?))"
    r"(?:/(?:about|explore|api|data))?(?:\.\w+)?/?"
)
_HUB_PATHS = re.compile(r"/?|/(?:search|datasets|pages/.*|explore|api/(?:feed|search|v3).*)/?")


@dataclass(frozen=True)
class Address:
    """`url` is that of the service without its layer, of the folder, of the portal, or of the site. `item` is the id of
    an item, or the name a site gives to a dataset. `sure`: whether no other platform has such addresses."""

    kind: Kind
    url: str
    layer: int | None = None
    item: str = ""
    sure: bool = True


def read_address(url: str) -> Address | None:
    """None for an address that is none of ArcGIS."""
    parts = urlsplit(url.strip())
    host = (parts.hostname or "").lower()
    if parts.scheme not in ("http", "https") or not host:
        return None
    origin, path = f"{parts.scheme}://{parts.netloc}", parts.path
    query = {name.lower(): values[0] for name, values in parse_qs(parts.query).items()}
    if "/rest/services" in path.lower() or path.rstrip("/").lower().endswith("/arcgis/rest"):
        return _services(origin, path)
    if found := _ITEM.fullmatch(path):
        item = found["item"] or query.get("id", "")
        if re.fullmatch("[0-9a-f]{32}", item):
            return Address("item", origin + found["portal"], _whole(query.get("sublayer")), item)
        return None
    if (found := _HOME.fullmatch(path)) and _is_portal(host, path, found["portal"]):
        return Address("portal", origin + found["portal"])
    return _site(origin, host, path)


def _services(origin: str, path: str) -> Address | None:
    if found := _SERVICE.fullmatch(path):
        return Address("service", origin + found["service"], _whole(found["layer"]))
    if found := _FOLDER.fullmatch(path):
        return Address("folder", f"{origin}{found['root']}/services{found['folder'] or ''}")
    return None


def _site(origin: str, host: str, path: str) -> Address | None:
    if host.endswith(".maps.arcgis.com"):
        return Address("portal", origin)
    if host in ("www.arcgis.com", "arcgis.com", "hub.arcgis.com") and not _HUB_PAGE.fullmatch(path):
        # The whole world's, and nobody's catalogue.
        return None
    sure = host.endswith((".hub.arcgis.com", ".opendata.arcgis.com"))
    if found := _HUB_PAGE.fullmatch(path):
        return Address("site", origin, _whole(found["layer"]), found["item"] or found["slug"], sure)
    if sure or _HUB_PATHS.fullmatch(path):
        return Address("site", origin, sure=sure)
    return None


def _is_portal(host: str, path: str, above: str) -> bool:
    """Any site may have a page called home; of a portal it lies below the portal's own name, such as /portal/home."""
    return host.endswith(".maps.arcgis.com") or above.count("/") == 1 or "/sharing/rest" in path


def _whole(text: str | None) -> int | None:
    return int(text) if text and re.fullmatch(r"\d{1,6}", text) else None
