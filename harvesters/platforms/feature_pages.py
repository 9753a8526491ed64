"""One page of features as WFS and OGC API servers send it, GML or GeoJSON: how many there are, their ids, what the
server says of the whole, and the error it may be instead. Separate because two adapters read the same pages.

A page of 5,000 features is read millions of times over, so features are counted and their ids taken inside libxml2 and
the JSON parser; none becomes an object of ours.
"""

import hashlib
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NoReturn

from lxml import etree

from datasets.errors import RunFailed
from harvesters.platforms.contents import content_keys, json_content
from harvesters.web.ask import MOST_BYTES, Refused, ServerTrouble
from harvesters.web.json_text import read_json

RANDOM = re.compile(r"(^|[.:])fid-")
"""GeoServer makes up `trees.fid-4a1b_18f2_-7ffe` anew for every answer where the table has no primary key."""

PASSES = re.compile(
    r"IOException|SQLException|connection|time[d -]?out|too (busy|many)|temporar|overload|pool|out of memory"
    r"|administrator command",
    re.I,
)
"""Words of a fault behind the server that may be over in a minute: its database went away, it is too busy."""

SHARED = "The server gives ids that are not each feature's own"
FEW = f"{SHARED}, and features so few that one answer may hold them"
WHOLE_ROWS = 20_000
"""Up to so many features are asked for in one answer, where a server cannot page, or gives no ids: only in one answer
can two that are alike be told from one that came twice."""

BEFORE = b"\xef\xbb\xbf\xff\xfe\x00 \t\r\n"
"""What may stand before the first character: white space and byte order marks."""
_KINDS = {"Point": "point", "LineString": "line", "Polygon": "area", "": "none"}
_GML = {"g": "http://www.opengis.net/gml", "g3": "http://www.opengis.net/gml/3.2"}
_MEMBERS = (
    "/*/*[local-name()='member' or local-name()='featureMember' or local-name()='featureMembers']"
    "/*[not(local-name()='FeatureCollection')]"
)
_FEATURES = etree.XPath(_MEMBERS, smart_strings=False)
_GML_ID = re.compile(rb'\s(?:\w+:)?f?id="[^"]*"')
_COUNT = etree.XPath(f"count({_MEMBERS})")
_ANY_IDS = etree.XPath(f"{_MEMBERS}/@g3:id | {_MEMBERS}/@g:id | {_MEMBERS}/@fid", namespaces=_GML, smart_strings=False)


@dataclass(frozen=True)
class FeaturePage:
    """`keys` is empty where features have no id, ids made up for the moment, or ids that several of them share: some
    servers take any column for one. `contents` makes keys out of what the features hold. `matched` is how many the
    server says there are in all. `mark` tells two pages apart. Of GeoJSON, `features` are as they came, and `rest` is
    what stands around them."""

    rows: int
    keys: Sequence[str]
    matched: int | None
    mark: str
    contents: Callable[[], Sequence[str]] = tuple
    rest: Mapping[str, Any] = field(default_factory=dict)
    features: Sequence[Any] = ()


def read_gml_page(body: bytes, server: str) -> FeaturePage:
    """The page in GML 2, 3.1 or 3.2. An exception report is raised as `refuse_exception` says."""
    root = read_xml(body, server)
    refuse_exception(root, server)
    if not etree.QName(root).localname.endswith("FeatureCollection"):
        raise RunFailed("E-NOTDATA", f"{server} answered with XML that holds no features ({root.tag!r}).")
    if root.find("{*}truncatedResponse") is not None:
        raise ServerTrouble("E-TRUNCATED", f"{server} broke off in the middle of its answer and says so.")
    rows = int(_COUNT(root))
    keys = _trusted(_ANY_IDS(root), rows)
    features = _FEATURES(root) if rows else []
    mark = _mark(keys, rows, _gml_contents(features[:1] + features[-1:]))
    return FeaturePage(rows, keys, _matched(root.attrib), mark, lambda: content_keys(_gml_contents(_FEATURES(root))))


def read_json_page(body: bytes, server: str) -> FeaturePage:
    """The page in GeoJSON; servers that are asked for it may answer with an exception report in XML all the same."""
    if body[:64].lstrip(BEFORE).startswith(b"<"):
        refuse_exception(read_xml(body, server), server)
        raise RunFailed("E-NOTDATA", f"{server} answered with XML instead of GeoJSON.")
    rest = _json(body, server)
    features = rest.pop("features", None)
    if not isinstance(features, list):
        _refuse_problem(rest, server)
    ids = [str(f["id"]) for f in features if isinstance(f, dict) and f.get("id") is not None]
    rows = len(features)
    keys = _trusted(ids, rows)
    ends = [json.dumps({**f, "id": None}).encode() for f in (features[:1] + features[-1:]) if isinstance(f, dict)]
    mark = _mark(keys, rows, ends)
    return FeaturePage(
        rows, keys, _matched(rest), mark, lambda: content_keys(map(json_content, features)), rest, features
    )


def keys_of(page: FeaturePage, before: int, hashed: bool, few: bool) -> tuple[Sequence[str], bool]:
    """The keys of a page that follows on so many rows, and whether they are hashes, as in a `hashed` read they all
    are. Refused when the read is to begin again, hashed: SHARED when ids turn out not to be keys in its midst, FEW when
    there are none and one answer may hold all features, which is better."""
    if page.keys and not hashed:
        return page.keys, False
    if not hashed and (before or few):
        said = FEW if few else SHARED
        raise Refused("E-PLATFORM", f"{said}.", said)
    return page.contents(), True


def fit_one_answer(page: FeaturePage, before: int, count: int | None, asked: int, size: int) -> bool:
    """Whether all `count` features may be asked for at once, going by a page of them, of `size` bytes, that is not the
    last: they are few, and the server gave as many as it was asked for."""
    if count is None or not before + page.rows < count <= WHOLE_ROWS:
        return False
    return page.rows >= asked and size / page.rows * count < MOST_BYTES / 4


def first_position(features: Sequence[Any]) -> tuple[float, float] | None:
    """The first pair of coordinates of GeoJSON features; None when there is none."""
    for feature in features:
        geometry = feature.get("geometry") if isinstance(feature, dict) else None
        place = geometry.get("coordinates") if isinstance(geometry, dict) else None
        while isinstance(place, list) and place and isinstance(place[0], list):
            place = place[0]
        match place:
            case [int() | float() as x, int() | float() as y, *_]:
                return float(x), float(y)
    return None


def geometry_kind(features: Sequence[Any]) -> str | None:
    """What GeoJSON features are: point, line, area, none, or None where they are mixed or there are none."""
    shapes = [f.get("geometry") for f in features if isinstance(f, dict)]
    names = {str(shape.get("type")).removeprefix("Multi") if isinstance(shape, dict) else "" for shape in shapes}
    kinds = {_KINDS.get(name) for name in names if name or names == {""}}
    return kinds.pop() if len(kinds) == 1 else None


def read_xml(body: bytes, server: str) -> Any:
    """The root of an XML document that reads nothing but itself. A document type is refused: through one it could grow
    without end. Bodies are bounded by whoever asked, so libxml2's own limit on long texts is off."""
    if body.strip() and not body[:64].lstrip(BEFORE).startswith(b"<"):
        raise RunFailed("E-NOTDATA", f"{server} answered with something that is not XML.")
    if b"<!DOCTYPE" in body[:65536]:
        _refuse_doctype(server)
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=True)
    try:
        root = etree.fromstring(body, parser)
    except etree.XMLSyntaxError as error:
        said = " ".join(str(error).split())[:120]
        raise ServerTrouble("E-TRUNCATED", f"{server} sent XML that ends too early or is broken ({said}).") from None
    if root.getroottree().docinfo.doctype:
        _refuse_doctype(server)
    return root


def refuse_exception(root: Any, server: str) -> None:
    """Nothing when the document is no exception report. ServerTrouble when what it reports may pass, else Refused."""
    name = etree.QName(root).localname
    if name not in ("ExceptionReport", "ServiceExceptionReport", "ServerException", "ServiceException"):
        return
    said = " ".join(" ".join(root.itertext()).split())[:500]
    codes = root.xpath("//@exceptionCode | //@code")
    said = said or ", ".join(str(code) for code in codes) or "no reason given"
    message = f"{server} answered with an error: {said[:300]}"
    if PASSES.search(said):
        raise ServerTrouble("E-PLATFORM", message)
    raise Refused("E-PLATFORM", message, said)


def _refuse_doctype(server: str) -> NoReturn:
    raise RunFailed("E-FORMAT", f"{server} sent XML with a document type, which is not accepted.")


def _refuse_problem(rest: Mapping[str, Any], server: str) -> NoReturn:
    """An error in JSON, as OGC API (`code`, `description`) and RFC 9457 (`title`, `detail`) have it."""
    words = [str(rest[name]) for name in ("code", "title", "description", "detail", "error") if rest.get(name)]
    said = ": ".join(words)[:500]
    if not said:
        raise RunFailed("E-NOTDATA", f"{server} answered with JSON that holds no features.")
    if PASSES.search(said):
        raise ServerTrouble("E-PLATFORM", f"{server} answered with an error: {said[:300]}")
    raise Refused("E-PLATFORM", f"{server} answered with an error: {said[:300]}", said)


def _json(body: bytes, server: str) -> dict[str, Any]:
    try:
        document = read_json(body, server)
    except ValueError as error:
        said = str(error)[:120]
        raise ServerTrouble("E-TRUNCATED", f"{server} sent JSON that ends too early or is broken ({said}).") from None
    if not isinstance(document, dict):
        raise RunFailed("E-NOTDATA", f"{server} answered with JSON that holds no features.")
    return document


def _matched(said: Mapping[str, Any]) -> int | None:
    """numberMatched, which may be absent or `unknown`; `totalFeatures` is GeoServer's word for it in GeoJSON."""
    for name in ("numberMatched", "totalFeatures"):
        number = str(said.get(name, ""))
        if number.isascii() and number.isdigit():
            return int(number)
    return None


def _trusted(ids: Sequence[str], rows: int) -> Sequence[str]:
    """The ids, when every feature has one of its own that is not made up for this answer; else none."""
    if len(ids) != rows or not ids or not all(ids) or RANDOM.search(ids[0]):
        return ()
    return ids if len(set(ids)) == rows else ()


def _gml_contents(features: Sequence[Any]) -> list[bytes]:
    """What features hold without their ids, which may be made up for the answer."""
    return [_GML_ID.sub(b"", etree.tostring(feature, with_tail=False)) for feature in features]


def _mark(keys: Sequence[str], rows: int, ends: Sequence[bytes]) -> str:
    ids = [key.encode() for key in (*keys[:1], *keys[-1:])]
    return hashlib.sha256(b"\0".join([*ids, *ends, str(rows).encode()])).hexdigest()[:16]
