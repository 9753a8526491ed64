"""A WFS that misbehaves as real ones do, for tests and the bench. Good behaviour is tested on MapServer and QGIS
Server; this one has what those two do not: GeoServer's tables without a key, caps, lies, and a million features."""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache

from tests.peers.answering import Reply, answering

BLOCK = 1_000
XML = {"Content-Type": "application/xml; charset=UTF-8"}
NATURAL_ORDER = (
    "java.lang.RuntimeException: Cannot do natural order without a primary key, please add it or specify a manual sort "
    "over existing attributes"
)
"""GeoServer's words, as quoted in OSGeo/gdal#8146 and geoparquet/geoparquet-io#488."""


@dataclass
class WfsServer:
    """A service with one type, `app:trees`, of `count` features.

    `cap`: gives no more at once whatever is asked (digital-land-python#559), with `capped_hits` counts no further
    either. `keyed` off: refuses `startIndex` unless `sortBy` is there too, and makes up ids (OSGeo/gdal#8146); with
    `sorts` off refuses that as well. `pages` off: ignores `startIndex`. `matched`: said instead of the true number
    (ows4R#70: `unknown`). `hits` off: sends rows when asked for hits. `faults`: answers to the next questions for
    features. `geojson`: offered, in the grid or, with `degrees`, in WGS 84 whatever is asked.
    """

    count: int
    version: str = "2.0.0"
    cap: int | None = None
    capped_hits: bool = False
    keyed: bool = True
    sorts: bool = True
    pages: bool = True
    matched: str | None = None
    hits: bool = True
    faults: list[Reply] = field(default_factory=list)
    geojson: bool = False
    degrees: bool = False
    kept_in: int = 27700
    url: str = ""
    asked: list[str] = field(default_factory=list)
    answers: Iterator[int] = field(default_factory=itertools.count)

    def answer(self, path: str, query: Mapping[str, str], headers: Mapping[str, str]) -> Reply:
        words = {name.lower(): value for name, value in query.items()}
        match words.get("request", "").lower():
            case "getcapabilities":
                return self._capabilities(words.get("version", ""))
            case "describefeaturetype":
                return Reply(SCHEMA.encode(), headers=XML)
            case "getfeature":
                return self.faults.pop(0) if self.faults and "hits" not in query.values() else self._features(words)
        return exception("No such request", 400)

    def _capabilities(self, version: str) -> Reply:
        if version > self.version:
            return exception("Version not supported", 400, "VersionNegotiationFailed")
        return Reply(capabilities(self.version, self.cap, self.geojson, self.kept_in).encode(), headers=XML)

    def _features(self, words: Mapping[str, str]) -> Reply:
        start = int(words.get("startindex", 0))
        asked = int(words.get("count") or words.get("maxfeatures") or self.count)
        if not self.keyed and "startindex" in words and not ("sortby" in words and self.sorts):
            return exception(NATURAL_ORDER, 400)
        number = self.matched or str(min(self.count, self.cap or self.count) if self.capped_hits else self.count)
        if words.get("resulttype") == "hits" and self.hits:
            word = "numberMatched" if self.version == "2.0.0" else "numberOfFeatures"
            return Reply(self._collection(f'{word}="{number}"', []), headers=XML)
        start = min(start if self.pages else 0, self.count)
        stop = min(start + min(asked, self.cap or asked), self.count)
        if "json" in words.get("outputformat", ""):
            return Reply(geojson(start, stop, number, self.degrees), headers={"Content-Type": "application/json"})
        said = f'numberMatched="{number}" numberReturned="{stop - start}"' if self.version == "2.0.0" else ""
        return Reply(self._collection(said, members(start, stop)), headers=XML)

    def _collection(self, said: str, parts: Sequence[bytes]) -> bytes:
        turn = next(self.answers)
        head = f'<wfs:FeatureCollection {NAMESPACES} timeStamp="2026-01-01T00:00:00.{turn:06d}Z" {said}>'
        body = b"".join([head.encode(), *parts, b"</wfs:FeatureCollection>"])
        return body if self.keyed else body.replace(b'gml:id="trees.', b'gml:id="trees.fid-4a%x_' % turn)


@contextmanager
def serving_wfs(server: WfsServer) -> Iterator[WfsServer]:
    """The server has an address while the context lasts."""
    with answering(server):
        yield server


def exception(text: str, status: int = 200, code: str = "NoApplicableCode") -> Reply:
    """An exception report, which servers send with 200 as well as with an honest status."""
    body = (
        f'<ows:ExceptionReport xmlns:ows="http://www.opengis.net/ows/1.1" version="2.0.0"><ows:Exception '
        f'exceptionCode="{code}"><ows:ExceptionText>{text}</ows:ExceptionText></ows:Exception></ows:ExceptionReport>'
    )
    return Reply(body.encode(), status, XML)


def members(start: int, stop: int) -> list[bytes]:
    """The features from `start` to before `stop`, whole blocks of them by one replacement in bytes that are ready."""
    parts = []
    for block in range(start // BLOCK, -(-stop // BLOCK)):
        first, last = max(start - block * BLOCK, 0), min(stop - block * BLOCK, BLOCK)
        ready = _block() if (first, last) == (0, BLOCK) else b"".join(_rows()[first:last])
        parts.append(ready.replace(b"@@@@", b"%d" % block))
    return parts


def geojson(start: int, stop: int, number: str, degrees: bool) -> bytes:
    """A page as GeoServer writes it."""
    x, y = ("-0.1", "51.5") if degrees else ("530000.1", "180000.2")
    feature = (
        '{"type":"Feature","id":"trees.%d","geometry":{"type":"Point","coordinates":[%s,%s]},"properties":{"id":%d}}'
    )
    features = ",".join(feature % (n, x, y, n) for n in range(start, stop))
    matched = number if number.isdigit() else f'"{number}"'
    return f'{{"type":"FeatureCollection","features":[{features}],"numberMatched":{matched}}}'.encode()


@cache
def _rows() -> list[bytes]:
    return [ROW.replace(b"###", b"%03d" % row) for row in range(BLOCK)]


@cache
def _block() -> bytes:
    return b"".join(_rows())


def capabilities(version: str, cap: int | None, offers_geojson: bool, kept_in: int = 27700) -> str:
    """A capabilities document of any of the three versions."""
    if version == "1.0.0":
        formats = "<GML2/>" + "<GeoJSON/>" * offers_geojson
        return (
            '<WFS_Capabilities xmlns="http://www.opengis.net/wfs" version="1.0.0"><Service><Name>WFS</Name>'
            "<Title>Ashmere</Title><OnlineResource/><Fees>NONE</Fees>"
            "<AccessConstraints>Open Government Licence</AccessConstraints>"
            f"</Service><Capability><Request><GetFeature><ResultFormat>{formats}</ResultFormat></GetFeature></Request>"
            "</Capability><FeatureTypeList><Operations/><FeatureType><Name>app:trees</Name><Title>Trees</Title>"
            "<SRS>EPSG:27700</SRS></FeatureType></FeatureTypeList></WFS_Capabilities>"
        )
    modern = version == "2.0.0"
    wfs, ows = ("http://www.opengis.net/wfs/2.0", "/1.1") if modern else ("http://www.opengis.net/wfs", "")
    formats = ["text/xml; subtype=gml/3.2", *(["application/json"] if offers_geojson else [])]
    values = "".join(f"<ows:Value>{word}</ows:Value>" for word in formats)
    values = f"<ows:AllowedValues>{values}</ows:AllowedValues>" if modern else values
    limit = (
        f'<ows:Constraint name="CountDefault"><ows:DefaultValue>{cap}</ows:DefaultValue></ows:Constraint>'
        if cap
        else ""
    )
    crs = "CRS" if modern else "SRS"
    return (
        f'<WFS_Capabilities xmlns="{wfs}" xmlns:ows="http://www.opengis.net/ows{ows}" version="{version}">'
        "<ows:ServiceIdentification><ows:Title>Ashmere</ows:Title><ows:Fees>NONE</ows:Fees><ows:AccessConstraints>"
        "Open Government Licence</ows:AccessConstraints></ows:ServiceIdentification><ows:OperationsMetadata>"
        f'<ows:Operation name="GetFeature"><ows:Parameter name="outputFormat">{values}</ows:Parameter></ows:Operation>'
        f"{limit}</ows:OperationsMetadata><FeatureTypeList><FeatureType><Name>app:trees</Name><Title>Trees</Title>"
        f"<Default{crs}>urn:ogc:def:crs:EPSG::{kept_in}</Default{crs}>"
        f"<Other{crs}>urn:ogc:def:crs:EPSG::{27700 if kept_in == 4326 else 4326}</Other{crs}>"
        "</FeatureType></FeatureTypeList></WFS_Capabilities>"
    )


NAMESPACES = (
    'xmlns:wfs="http://www.opengis.net/wfs/2.0" xmlns:gml="http://www.opengis.net/gml/3.2" '
    'xmlns:app="http://example.org/app"'
)
ROW = (
    b'<wfs:member><app:trees gml:id="trees.@@@@###"><app:id>@@@@###</app:id><app:species>Platanus x hispanica'
    b"</app:species><app:height>12.5</app:height><app:geom>"
    b'<gml:Point srsName="urn:ogc:def:crs:EPSG::27700" srsDimension="2"><gml:pos>530000.1 180###.2</gml:pos>'
    b"</gml:Point></app:geom></app:trees></wfs:member>\n"
)
SCHEMA = """<xsd:schema xmlns:xsd="http://www.w3.org/2001/XMLSchema" xmlns:gml="http://www.opengis.net/gml/3.2"
  xmlns:app="http://example.org/app" targetNamespace="http://example.org/app">
  <xsd:complexType name="treesType"><xsd:complexContent><xsd:extension base="gml:AbstractFeatureType"><xsd:sequence>
    <xsd:element name="species" type="xsd:string"/><xsd:element name="id" type="xsd:int"/>
    <xsd:element name="height" type="xsd:double"/><xsd:element name="geom" type="gml:PointPropertyType"/>
  </xsd:sequence></xsd:extension></xsd:complexContent></xsd:complexType>
  <xsd:element name="trees" type="app:treesType" substitutionGroup="gml:AbstractFeature"/>
</xsd:schema>"""
