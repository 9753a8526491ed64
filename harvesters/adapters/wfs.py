"""The adapter for WFS 2.0, 1.1 and 1.0: GeoServer, MapServer, QGIS Server, iShare, ArcGIS. The only place that imports
OWSLib, which makes sense of capabilities; they are fetched by our own session, never by OWSLib's.

A feed's address is that of the service, with whatever its server needs in the query (`map=`, `cql_filter=`); its params
name the `type`. No WFS tells when its data changed, and none tells what was deleted.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from owslib.feature.wfs100 import WebFeatureService_1_0_0
from owslib.feature.wfs110 import WebFeatureService_1_1_0
from owslib.feature.wfs200 import WebFeatureService_2_0_0

from datasets.errors import RunFailed
from harvesters.adapters.contract import Cursor, Dataset, Found, Page, Pages, Tally, proven
from harvesters.platforms.feature_pages import (
    FEW,
    SHARED,
    WHOLE_ROWS,
    FeaturePage,
    first_position,
    fit_one_answer,
    keys_of,
    read_gml_page,
    read_json_page,
    read_xml,
    refuse_exception,
)
from harvesters.platforms.feature_types import FeatureType, capabilities_for_owslib, read_schema
from harvesters.platforms.problem import TELLING
from harvesters.web.ask import Refused, Request, ask, with_query
from harvesters.web.session import Session

TITLE = "A WFS service"
DESCRIBES = True
SIZE, SIZE_OF_POINTS = 1_000, 5_000
MOST_TYPES, MOST_COUNTED = 1_000, 20
"""How many types of a service are listed, and of how many the rows are counted, which is a question each."""
ROUND = 500
"""Limits that servers put on an answer are multiples of this; counts seldom are."""

READERS = {
    "2.0.0": WebFeatureService_2_0_0,
    "1.1.0": WebFeatureService_1_1_0,
    "1.0.0": WebFeatureService_1_0_0,
}
PROTOCOL = re.compile(
    r"service|version|request|typenames?|outputformat|srsname|count|maxfeatures|startindex|bbox|resulttype|propertyname"
    r"|sortby|acceptversions|sections|featureid|resourceid|namespaces|layers|styles|format|width|height|crs|srs|exceptions",
    re.I,
)
"""Words of a query that are ours to choose; all others belong to the address."""
GEOJSON = re.compile(r"^(application/(json|geo\+json|vnd\.geo\+json)|json|geojson)(; *subtype=geojson)?$", re.I)
LIKELY = re.compile(r"wfs|/ows\b|geoserver|mapserv\b|mapserver\.exe|qgis|getows|deegree", re.I)
OTHERS = re.compile(
    r"/rest/services|/api/|/dataset|/explore|/resource/|/collections|/wfs3\b|/ogcapi\b|/ogc/features|\.(csv|json|geojson|gpkg|zip|xlsx?|kml|rdf|ttl)$",
    re.I,
)
IGNORED = "The server sends the same rows whatever startIndex says"
NO_TERMS = frozenset({"", "none", "n/a", "unknown", "other"})
NO_NAMES = frozenset({"", "none", "the ancient geographers", "unknown"})
"""What GeoServer and MapServer say where nobody has filled in who provides the service."""


@dataclass(frozen=True)
class _Service:
    """A service as its capabilities describe it. `cap` is the number of features that it gives at once, if it says."""

    url: str
    version: str
    title: str
    description: str
    licence: str
    publisher: str
    types: Mapping[str, Any]
    formats: tuple[str, ...]
    cap: int | None

    @property
    def host(self) -> str:
        return urlsplit(self.url).netloc


def probe(url: str, params: Mapping[str, str], session: Session) -> Found | None:
    """The feature types of the service; exactly one where the params or the address itself name it."""
    words = {name.lower(): value for name, value in parse_qsl(urlsplit(url).query)}
    path, said = urlsplit(url).path, words.get("service", "").lower() == "wfs" or bool(params)
    if not said and OTHERS.search(path):
        return None
    said = said or "wfs" in path.lower()
    service = _service(_endpoint(url), session, said=said, likely=said or bool(LIKELY.search(url)))
    if service is None:
        return None
    named = params.get("type") or words.get("typenames") or words.get("typename")
    if named:
        dataset = _describe(service, _full_name(service, named), session)
        return Found("wfs", service.title, service.url, (dataset,), total=1)
    return _listed(service, session)


def pages(dataset: Dataset, since: str | None) -> Pages:
    """Pages by `startIndex`; in one answer where the server cannot page."""
    return _WfsPages(dataset)


def complete(dataset: Dataset, tally: Tally) -> str | None:
    return proven(dataset, tally)


class _WfsPages:
    """A cursor has `start`, the `sort` attribute where one is needed, the `mark` of the page before, `whole` when
    everything is asked for without paging, `hashed` when features have no ids of their own, and `at_once` how many are
    asked for then, where they are few."""

    first: Cursor = {"start": 0}  # noqa: RUF012

    def __init__(self, dataset: Dataset) -> None:
        self._dataset = dataset
        self._own = dataset.own
        self.size = SIZE_OF_POINTS if dataset.geometry in ("point", "none") else SIZE
        if self._own["cap"]:
            self.size = min(self.size, self._own["cap"])
        self.ending = ".json" if self._own["format"] else ".gml"

    def request(self, cursor: Cursor, size: int) -> Request:
        count, size = self._dataset.count, cursor.get("at_once", size) if size == self.size else size
        paging: dict[str, object] = {"count": size, "startIndex": cursor["start"]}
        if cursor.get("whole"):
            paging = {} if count is None else {"count": count}
        elif cursor["start"] == 0 and count is not None and count <= size:
            # GeoServer refuses startIndex, even 0, for a table without a primary key (OSGeo/gdal#8146).
            del paging["startIndex"]
        if sort := cursor.get("sort"):
            paging["sortBy"] = sort
        return Request(_feature_url(self._dataset.url, self._dataset.params["type"], self._own, paging))

    def read(self, cursor: Cursor, size: int, body: bytes) -> Page:
        page = _read(self._own, body, urlsplit(self._dataset.url).netloc)
        if page.rows and page.mark == cursor.get("mark"):
            raise Refused("E-PAGELOOP", f"{IGNORED}.", IGNORED)
        if not page.rows:
            return Page(0, (), None, self._end_of_whole(page) if cursor.get("whole") else "an empty page")
        few = not cursor.get("whole") and fit_one_answer(page, cursor["start"], self._dataset.count, size, len(body))
        keys, hashed = keys_of(page, cursor["start"], cursor.get("hashed", False), few)
        told = Page(page.rows, keys, None, hashed=hashed)
        reached = cursor["start"] + page.rows
        if cursor.get("whole"):
            return replace(told, ended=self._end_of_whole(page))
        if self._is_end(page, reached, size):
            return replace(told, ended="numberMatched reached")
        # Servers give fewer than they are asked for: the next page begins after what came (OSGeo/gdal#8653).
        return replace(told, next={**cursor, "start": reached, "mark": page.mark, "hashed": hashed})

    def instead(self, cursor: Cursor, refusal: str) -> Cursor | None:
        if cursor.get("whole"):
            return None
        if refusal in (SHARED, FEW) or "at_once" in cursor:
            all_rows = {"at_once": self._dataset.count} if refusal == FEW else {}
            return {"start": 0, "sort": cursor.get("sort"), "hashed": True, **all_rows}
        sorts = list(self._own["sorts"])
        tried = sorts.index(cursor["sort"]) + 1 if cursor.get("sort") in sorts else 0
        if IGNORED not in refusal and tried < len(sorts):
            return {"start": 0, "sort": sorts[tried]}
        count = self._dataset.count
        return {"start": 0, "whole": True} if count is None or count <= WHOLE_ROWS else None

    def _is_end(self, page: FeaturePage, reached: int, size: int) -> bool:
        """Whether the server's number is reached; not when it may only be the number of this full page."""
        numbers = [number for number in (page.matched, self._dataset.count) if number is not None]
        if not numbers or reached < max(numbers):
            return False
        return self._dataset.count is not None or page.rows < size

    def _end_of_whole(self, page: FeaturePage) -> str:
        """A round number of rows is more likely a limit than a layer."""
        if self._dataset.count is None and (page.rows % ROUND == 0 or page.rows == self._own["cap"]):
            return ""
        return "one answer with everything"


def _service(url: str, session: Session, *, said: bool, likely: bool) -> _Service | None:
    """The service at the address, asked for in every version where it is likely to be one; None when it is none."""
    refusal: RunFailed | None = None
    for version in READERS if likely else list(READERS)[:1]:
        words = {"service": "WFS", "version": version, "request": "GetCapabilities"}
        host = urlsplit(url).netloc
        try:
            root = read_xml(ask(session, Request(with_query(url, words)), tries=5 if said else 1).body, host)
            refuse_exception(root, host)
            if root.tag.endswith("WFS_Capabilities"):
                return _read_capabilities(url, root)
            refusal = RunFailed("E-PLATFORM", f"{host} answers, but not as a WFS service.")
        except RunFailed as error:
            refusal = error
            if not isinstance(error, Refused):
                break
    if refusal is not None and (said or refusal.code in TELLING):
        raise refusal
    return None


def _read_capabilities(url: str, root: Any) -> _Service:
    version = str(root.get("version"))
    if version not in READERS:
        raise RunFailed("E-PLATFORM", f"{urlsplit(url).netloc} speaks WFS {version}, which is not one we know.")
    facts = capabilities_for_owslib(root)
    try:
        read = READERS[version](url, version, xml=facts.xml)
    except (AttributeError, KeyError, IndexError, TypeError, ValueError) as error:
        said = f"{type(error).__name__}: {error}"
        raise RunFailed("E-PLATFORM", f"The capabilities of {urlsplit(url).netloc} cannot be read ({said}).") from None
    about, provider = getattr(read, "identification", None), getattr(read, "provider", None)
    terms = [_plain(getattr(about, name, None)) for name in ("accessconstraints", "fees")]
    publisher = _plain(getattr(provider, "name", None))
    return _Service(
        url=url,
        version=version,
        title=_plain(getattr(about, "title", None)) or urlsplit(url).netloc,
        description=_plain(getattr(about, "abstract", None)),
        licence="; ".join(dict.fromkeys(term for term in terms if term.lower() not in NO_TERMS)),
        publisher="" if publisher.lower() in NO_NAMES else publisher,
        types=read.contents,
        formats=facts.formats,
        cap=facts.cap,
    )


def _listed(service: _Service, session: Session) -> Found:
    """Every type, told from the capabilities and one schema of all; rows are counted where there are few types."""
    names = list(service.types)[:MOST_TYPES]
    schema = _schema(service, None, session)
    datasets = [_dataset(service, name, schema.get(_local(name), FeatureType())) for name in names]
    if len(names) <= MOST_COUNTED:
        datasets = [_counted(service, dataset, session) for dataset in datasets]
    note = f"Only the first {MOST_TYPES:,} types are listed." if len(service.types) > MOST_TYPES else ""
    return Found("wfs", service.title, service.url, tuple(datasets), total=len(service.types), note=note)


def _describe(service: _Service, name: str, session: Session) -> Dataset:
    """One type in full: what it holds, how many, and in which format we can trust the server."""
    kind = _schema(service, name, session).get(_local(name), FeatureType())
    dataset = _counted(service, _dataset(service, name, kind), session)
    if dataset.own["format"] and not _is_trusted(dataset, session):
        dataset = replace(dataset, own={**dataset.own, "format": ""})
    if dataset.count and (dataset.count % ROUND == 0 or dataset.count == service.cap):
        dataset = _uncapped(dataset, session)
    return dataset


def _dataset(service: _Service, name: str, kind: FeatureType) -> Dataset:
    about = service.types[name]
    # The system that the data is kept in, which comes first: a server that turns it into another seldom has the grid
    # that makes this exact, and is metres off. Only the National Grid is asked for by name: its axes are in no doubt.
    kept_in = about.crsOptions[0] if about.crsOptions else None
    code = kept_in.code if kept_in else None
    own = {
        "version": service.version,
        "format": next((word for word in service.formats if GEOJSON.match(word)), ""),
        "srs": kept_in.id if kept_in and code == 27700 else "",
        "sorts": list(kind.sortable),
        "cap": service.cap,
    }
    return Dataset(
        title=_plain(about.title) or name,
        url=service.url,
        params={"type": name},
        description=_plain(about.abstract) or service.description,
        licence=service.licence,
        publisher=service.publisher,
        crs=f"EPSG:{code}" if isinstance(code, int) and code > 0 else None,
        geometry=kind.geometry,
        fields=kind.fields,
        formats=service.formats,
        own=own,
    )


def _counted(service: _Service, dataset: Dataset, session: Session) -> Dataset:
    """With the number of rows, where the server tells it when it is asked for hits, as WFS 1.0 cannot."""
    if service.version == "1.0.0":
        return dataset
    own = {**dataset.own, "format": "", "srs": ""}
    try:
        url = _feature_url(service.url, dataset.params["type"], own, {"resultType": "hits"})
        root = read_xml(ask(session, Request(url), tries=2).body, service.host)
        refuse_exception(root, service.host)
    except RunFailed:
        # The rows may come all the same; then the pages themselves have to show that they are all.
        return dataset
    number = str(root.get("numberMatched") or root.get("numberOfFeatures") or "")
    count = int(number) if number.isascii() and number.isdigit() else None
    return replace(dataset, count=count)


def _is_trusted(dataset: Dataset, session: Session) -> bool:
    """Whether one feature comes as GeoJSON with an id, in the reference system that was asked for. QGIS Server gives
    degrees whatever is asked, MapServer no ids; both are better in GML."""
    try:
        page = _row(dataset, 0, session)
    except RunFailed:
        return False
    position = first_position(page.features)
    if position is None or page.features[0].get("id") is None:
        return False
    metres = max(abs(position[0]), abs(position[1])) > 360
    return metres if dataset.crs == "EPSG:27700" else bool(page.rest.get("crs")) or not metres


def _uncapped(dataset: Dataset, session: Session) -> Dataset:
    """Without its count when there is a row beyond it: then the count is the server's limit."""
    assert dataset.count is not None
    try:
        first, beyond = _row(dataset, 0, session), _row(dataset, dataset.count, session)
    except RunFailed:
        return dataset
    is_another = (*beyond.keys, beyond.mark) != (*first.keys, first.mark)
    return replace(dataset, count=None) if beyond.rows and is_another else dataset


def _row(dataset: Dataset, start: int, session: Session) -> FeaturePage:
    paging = {"count": 1, "startIndex": start} if start else {"count": 1}
    answer = ask(session, Request(_feature_url(dataset.url, dataset.params["type"], dataset.own, paging)), tries=2)
    return _read(dataset.own, answer.body, urlsplit(dataset.url).netloc)


def _schema(service: _Service, name: str | None, session: Session) -> Mapping[str, FeatureType]:
    """The schema of one type or of all; empty when the server has none to give, which takes nothing from the rows."""
    words = {"service": "WFS", "version": service.version, "request": "DescribeFeatureType"}
    if name is not None:
        words |= {"typeName": name} if service.version < "2" else {"typeName": name, "typeNames": name}
    try:
        return read_schema(read_xml(ask(session, Request(with_query(service.url, words)), tries=2).body, service.host))
    except RunFailed:
        return {}


def _feature_url(url: str, name: str, own: Mapping[str, Any], paging: Mapping[str, object]) -> str:
    """The address of a GetFeature question in the words of the service's version."""
    modern = own["version"] == "2.0.0"
    words: dict[str, object] = {"service": "WFS", "version": own["version"], "request": "GetFeature"}
    words["typeNames" if modern else "typeName"] = name
    for word, value in paging.items():
        words["maxFeatures" if word == "count" and not modern else word] = value
    if own["srs"]:
        words["srsName"] = own["srs"]
    if own["format"]:
        words["outputFormat"] = own["format"]
    return with_query(url, words)


def _read(own: Mapping[str, Any], body: bytes, host: str) -> FeaturePage:
    return read_json_page(body, host) if own["format"] else read_gml_page(body, host)


def _endpoint(url: str) -> str:
    """The address of the service alone: without the words of a question, and of GeoServer not its web pages."""
    parts = urlsplit(url)
    kept = [(name, value) for name, value in parse_qsl(parts.query, True) if not PROTOCOL.fullmatch(name)]
    path = re.sub(r"/geoserver(/(web|index\.html|rest)?(/.*)?)?$", "/geoserver/ows", parts.path)
    return parts._replace(path=path, query=urlencode(kept), fragment="").geturl()


def _full_name(service: _Service, named: str) -> str:
    """The type as the service writes it; its namespace may be left out where the rest is unique."""
    if named in service.types:
        return named
    alike = [name for name in service.types if _local(name).lower() == _local(named).lower()]
    if len(alike) == 1:
        return alike[0]
    has = ", ".join(list(service.types)[:12]) or "none"
    raise RunFailed("E-PLATFORM", f"The service at {service.host} has no layer {named!r}; it has {has}.")


def _local(name: str) -> str:
    return name.rpartition(":")[2]


def _plain(text: str | None) -> str:
    return " ".join((text or "").split())
