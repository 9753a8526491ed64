"""The web server of one invented council with nine small datasets, on four platforms: what `many_feeds` harvests.

The servers behave well: what misbehaviour costs is not measured here. The councils are squares side by side in the
North Sea, where the demo city lies.
"""

import csv
import hashlib
import io
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

import numpy as np
import shapely

from harvesters.demo.land import to_degrees
from tests.peers.answering import Reply, json_reply
from tests.peers.wfs import NAMESPACES, capabilities

ROWS = 100
WIDTH, COLUMNS = 2_000, 11
WEST, SOUTH = 641_000, 402_000
FIRST_GSS = 90_000_001
EDITED = 1_780_000_000_000
UPLOADED = "2026-10-01T09:00:00.000000"


@dataclass(frozen=True)
class Offered:
    """One dataset: `way` is how it is published, `shape` a word of ArcGIS."""

    name: str
    layer: str
    way: str
    shape: str = "Point"

    @property
    def platform(self) -> str:
        return self.way if self.way in ("arcgis", "wfs", "ckan") else "file"


DATASETS = (
    Offered("public-toilets", "public-toilets", "csv"),
    Offered("community-toilets", "public-toilets", "geojson"),
    Offered("park-toilets", "public-toilets", "arcgis"),
    Offered("libraries", "libraries", "csv"),
    Offered("community-libraries", "libraries", "ckan"),
    Offered("polling-stations", "polling-stations", "wfs"),
    Offered("polling-places", "polling-stations", "csv"),
    Offered("conservation-areas", "conservation-areas", "arcgis", "Polygon"),
    Offered("village-conservation-areas", "conservation-areas", "geojson", "Polygon"),
)
"""Nine datasets in the four layers that there are."""

OWN_COLUMNS: Mapping[str, Mapping[str, str]] = {
    "public-toilets": {"Address": "{row} Mere Lane", "Opening_Hours": "Mon-Sun 08:00-20:00", "Accessible": "Yes"},
    "libraries": {"Address": "{row} Mere Lane", "Library_Type": "Local authority library", "Statutory": "Yes"},
    "polling-stations": {"Address": "{row} Mere Lane", "Polling_District": "PD{row}"},
    "conservation-areas": {"Designation_Date": "1974-03-01"},
}


@dataclass
class CouncilSite:
    """Answers for every platform at once. `number` tells the councils apart, from 0."""

    number: int
    url: str = ""
    asked: list[str] = field(default_factory=list)

    @property
    def name(self) -> str:
        return f"Bench Borough {self.number + 1}"

    @property
    def gss(self) -> str:
        return f"X{FIRST_GSS + self.number}"

    @property
    def square(self) -> shapely.Polygon:
        west, south = WEST + WIDTH * (self.number % COLUMNS), SOUTH + WIDTH * (self.number // COLUMNS)
        return shapely.box(west, south, west + WIDTH, south + WIDTH)

    def answer(self, path: str, query: Mapping[str, str], headers: Mapping[str, str]) -> Reply:
        found = self._paths.get(path)
        reply = found(query) if found else Reply(b"nothing here", 404)
        tag = reply.headers.get("ETag")
        return Reply(status=304, headers={"ETag": tag}) if tag and headers.get("If-None-Match") == tag else reply

    @cached_property
    def _paths(self) -> dict[str, Callable[[Mapping[str, str]], Reply]]:
        paths: dict[str, Callable[[Mapping[str, str]], Reply]] = {"/api/3/action/package_show": self._package}
        for one in DATASETS:
            table = Table(one, self)
            ways = {"csv": table.file, "geojson": table.geojson, "ckan": table.file, "wfs": table.wfs}
            if one.way == "arcgis":
                paths |= {f"{address(one)}/query": table.arcgis_query, address(one): table.arcgis_description}
            else:
                paths[file_address(one) if one.way == "ckan" else address(one)] = ways[one.way]
        return paths

    def _package(self, query: Mapping[str, str]) -> Reply:
        """CKAN's `package_show` of a dataset whose one file was uploaded to the portal."""
        [one] = [one for one in DATASETS if one.name == query.get("id")]
        resource = {"id": f"{one.name}-csv", "name": one.name, "format": "CSV", "url": f"{self.url}{file_address(one)}",
                    "url_type": "upload", "last_modified": UPLOADED, "state": "active"}  # fmt: skip
        package = {"id": one.name, "name": one.name, "title": one.name, "state": "active", "resources": [resource]}
        return json_reply({"help": "", "success": True, "result": package})


def address(one: Offered) -> str:
    """The path that a feed of the dataset states."""
    services = {"arcgis": f"/arcgis/rest/services/Open/{one.name}/FeatureServer/0", "wfs": "/wfs", "ckan": ""}
    return services.get(one.way, f"/files/{one.name}.{one.way}")


def file_address(one: Offered) -> str:
    return f"/dataset/{one.name}/{one.name}.csv"


def params(one: Offered) -> dict[str, str]:
    """What a feed of the dataset states besides."""
    return {"wfs": {"type": f"app:{one.name}"}, "ckan": {"dataset": one.name}}.get(one.way, {})


class Table:
    """The rows of one dataset of one council, in the words of each platform."""

    def __init__(self, one: Offered, site: CouncilSite) -> None:
        self.one = one
        numbers = range(1, ROWS + 1)
        west, south = site.square.bounds[:2]
        self.places = [(west + 100 + 60 * (n % 30), south + 100 + 60 * (n // 30)) for n in numbers]
        own = OWN_COLUMNS[one.layer]
        self.rows = [
            {"Reference": f"{one.name[:4].upper()}{n:05d}", "Name": f"{one.name} {site.number}-{n}",
             **{column: value.format(row=n) for column, value in own.items()}}
            for n in numbers
        ]  # fmt: skip

    def file(self, query: Mapping[str, str]) -> Reply:
        out = io.StringIO()
        writer = csv.DictWriter(out, [*self.rows[0], "Easting", "Northing"], lineterminator="\n")
        writer.writeheader()
        writer.writerows({**row, "Easting": x, "Northing": y} for row, (x, y) in self._placed())
        return _tagged(out.getvalue().encode(), "text/csv")

    def geojson(self, query: Mapping[str, str]) -> Reply:
        shapes = to_degrees(np.array([self._shape(place) for place in self.places], dtype=object))
        features = [
            {"type": "Feature", "properties": row, "geometry": json.loads(shape)}
            for row, shape in zip(self.rows, shapely.to_geojson(shapes), strict=True)
        ]
        return _tagged(json.dumps({"type": "FeatureCollection", "features": features}).encode(), "application/geo+json")

    def arcgis_description(self, query: Mapping[str, str]) -> Reply:
        able = {"supportsPagination": True, "supportsOrderBy": True, "supportsStatistics": True}
        return json_reply({
            "currentVersion": 11.3, "id": 0, "name": self.one.name, "type": "Feature Layer", "capabilities": "Query",
            "maxRecordCount": 2000, "objectIdField": "OBJECTID", "geometryType": f"esriGeometry{self.one.shape}",
            "extent": {"spatialReference": {"wkid": 27700}}, "fields": self._arcgis_fields(),
            "advancedQueryCapabilities": able, "editingInfo": {"lastEditDate": EDITED, "dataLastEditDate": EDITED},
        })  # fmt: skip

    def arcgis_query(self, query: Mapping[str, str]) -> Reply:
        if query.get("returnCountOnly") == "true":
            return json_reply({"count": ROWS})
        features = [
            {"attributes": {"OBJECTID": number, **row}, "geometry": self._esri_shape(place)}
            for number, (row, place) in enumerate(self._placed(), 1)
        ]
        head = {"objectIdFieldName": "OBJECTID", "geometryType": f"esriGeometry{self.one.shape}"}
        begin = int(query.get("resultOffset", 0))
        page = features[begin : begin + int(query.get("resultRecordCount", ROWS))]
        reference = {"spatialReference": {"wkid": 27700}, "fields": self._arcgis_fields()}
        return json_reply({**head, **reference, "features": page})

    def wfs(self, query: Mapping[str, str]) -> Reply:
        words = {name.lower(): value.lower() for name, value in query.items()}
        if words["request"] == "getcapabilities":
            text = capabilities("2.0.0", None, False).replace("app:trees", f"app:{self.one.name}")
            return _xml(text.replace("Trees", self.one.name))
        if words["request"] == "describefeaturetype":
            return _xml(self._schema())
        shown = 0 if words.get("resulttype") == "hits" else ROWS
        members = "".join(self._member(number, row, place) for number, (row, place) in enumerate(self._placed(), 1))
        # As real servers do, it stamps every answer, so that no two are the same.
        said = f'timeStamp="{datetime.now(UTC).isoformat()}" numberMatched="{ROWS}" numberReturned="{shown}"'
        return _xml(f"<wfs:FeatureCollection {NAMESPACES} {said}>{members if shown else ''}</wfs:FeatureCollection>")

    def _placed(self) -> Sequence[tuple[Mapping[str, str], tuple[float, float]]]:
        return list(zip(self.rows, self.places, strict=True))

    def _shape(self, place: tuple[float, float]) -> Any:
        x, y = place
        return shapely.Point(x, y) if self.one.shape == "Point" else shapely.box(x, y, x + 40, y + 40)

    def _esri_shape(self, place: tuple[float, float]) -> dict[str, Any]:
        if self.one.shape == "Point":
            return {"x": place[0], "y": place[1]}
        corners = shapely.get_coordinates(shapely.box(*place, place[0] + 40, place[1] + 40, ccw=False))
        return {"rings": [corners.tolist()]}

    def _arcgis_fields(self) -> list[dict[str, str]]:
        texts = [{"name": name, "type": "esriFieldTypeString", "alias": name} for name in self.rows[0]]
        return [{"name": "OBJECTID", "type": "esriFieldTypeOID", "alias": "OBJECTID"}, *texts]

    def _schema(self) -> str:
        elements = "".join(f'<xsd:element name="{name}" type="xsd:string"/>' for name in self.rows[0])
        return (
            '<xsd:schema xmlns:xsd="http://www.w3.org/2001/XMLSchema" xmlns:gml="http://www.opengis.net/gml/3.2" '
            'xmlns:app="http://example.org/app" targetNamespace="http://example.org/app"><xsd:complexType name="rows">'
            '<xsd:complexContent><xsd:extension base="gml:AbstractFeatureType"><xsd:sequence>'
            f'{elements}<xsd:element name="geom" type="gml:PointPropertyType"/></xsd:sequence></xsd:extension>'
            f'</xsd:complexContent></xsd:complexType><xsd:element name="{self.one.name}" type="app:rows"/></xsd:schema>'
        )

    def _member(self, number: int, row: Mapping[str, str], place: tuple[float, float]) -> str:
        texts = "".join(f"<app:{name}>{value}</app:{name}>" for name, value in row.items())
        point = f'<gml:Point srsName="urn:ogc:def:crs:EPSG::27700"><gml:pos>{place[0]} {place[1]}</gml:pos></gml:Point>'
        name = self.one.name
        whole = f'<app:{name} gml:id="{name}.{number}">{texts}<app:geom>{point}</app:geom></app:{name}>'
        return f"<wfs:member>{whole}</wfs:member>"


def _tagged(body: bytes, media_type: str) -> Reply:
    """A file with the entity tag by which a harvester can ask whether it changed."""
    return Reply(body, headers={"Content-Type": media_type, "ETag": f'"{hashlib.sha256(body).hexdigest()[:16]}"'})


def _xml(text: str) -> Reply:
    return Reply(text.encode(), headers={"Content-Type": "application/xml"})
