"""GeoJSON and Esri JSON in every shape they are met, one feature at a time, with the CRS that they declare."""

import json

import pytest

from datasets.errors import RunFailed
from harvesters.formats.counts import is_whole

POINT = {"type": "Point", "coordinates": [-0.1, 51.5]}
SQUARE = {"type": "Polygon", "coordinates": [[[0, 0], [0, 1], [1, 1], [0, 0]]]}


def feature(geometry, **properties):
    return {"type": "Feature", "geometry": geometry, "properties": properties}


def collection(*features, **members):
    return json.dumps({"type": "FeatureCollection", **members, "features": features})


def test_properties_become_text_and_nested_values_json(opened):
    given = feature(POINT, name=" Ashby ", cost=1.0, rate=0.25, free=True, none=None, tags=["a", {"b": 1}], empty="")
    table = opened(collection(given, feature(None, name="Hut", extra="x")), "t.geojson")
    first = table.records.row(0, named=True)
    assert first["name"] == "Ashby" and first["cost"] == "1" and first["rate"] == "0.25" and first["free"] == "true"
    assert first["tags"] == '["a",{"b":1}]' and first["none"] is None and first["empty"] is None
    assert table.records["extra"].to_list() == [None, "x"] and table.records["row_no"].to_list() == [1, 2]
    assert table.geometry[0].wkt == "POINT (-0.1 51.5)" and table.geometry[1] is None


def test_without_a_crs_member_it_is_wgs84_by_the_standard(opened):
    crs = opened(collection(feature(POINT)), "t.geojson").crs
    assert (crs.epsg, crs.where) == (4326, "GeoJSON default")


@pytest.mark.parametrize(
    ("name", "epsg"),
    [("urn:ogc:def:crs:EPSG::27700", 27700), ("EPSG:27700", 27700), ("urn:ogc:def:crs:OGC:1.3:CRS84", 4326),
     ("urn:ogc:def:crs:EPSG:6.9:27700", 27700), ("http://www.opengis.net/gml/srs/epsg.xml#27700", 27700),
     ("EPSG:900913", 3857), ("nonsense", None)],
)  # fmt: skip
def test_the_crs_member_is_believed(opened, name, epsg):
    crs = opened(collection(feature(POINT), crs={"type": "name", "properties": {"name": name}}), "t.json").crs
    assert (crs.epsg, crs.where) == (epsg, "crs member")


@pytest.mark.parametrize(
    "content",
    [json.dumps(feature(POINT, a="1")), json.dumps([json.loads(collection(feature(POINT, a="1")))]),
     json.dumps({"features": [feature(POINT, a="1")], "type": "FeatureCollection"}),
     json.dumps([feature(POINT, a="1")])],
)  # fmt: skip
def test_single_features_and_wrapped_collections_are_read(opened, content):
    table = opened(content, "t.json")
    assert table.format == "GeoJSON" and table.records.rows() == [(1, "1")] and table.geometry[0].x == -0.1


def test_a_bare_geometry_is_one_feature(opened):
    assert opened(json.dumps(SQUARE), "t.json").geometry[0].geom_type == "Polygon"


def test_a_geometry_collection_is_read(opened):
    given = {"type": "GeometryCollection", "geometries": [POINT, SQUARE]}
    assert opened(collection(feature(given)), "t.json").geometry[0].geom_type == "GeometryCollection"


@pytest.mark.parametrize("mark", ["", "\x1e"])
def test_one_feature_to_a_line_is_a_sequence(opened, mark):
    lines = "".join(f"{mark}{json.dumps(feature(POINT, n=n))}\n" for n in range(3))
    table = opened(lines, "t.geojsonl")
    assert table.format == "GeoJSON sequence" and table.records["n"].to_list() == ["0", "1", "2"]


def test_a_shape_that_makes_no_sense_is_left_out_with_an_issue(opened, codes):
    broken = {"type": "Polygon", "coordinates": [[["a", "b"]]]}
    table = opened(
        collection(feature(broken), feature({"type": "Point", "coordinates": ["x", 1]}), feature(POINT)), "t.json"
    )
    assert [shape is None for shape in table.geometry] == [True, True, False]
    assert codes(table) == {"invalid geometry - not fixable": 2}


def test_a_ring_that_was_not_put_in_a_list_is_mended(opened, codes):
    table = opened(collection(feature({"type": "Polygon", "coordinates": SQUARE["coordinates"][0]})), "t.json")
    assert table.geometry[0].area == 0.5 and codes(table) == {"invalid geometry - fixed": 1}


@pytest.mark.parametrize("members", [{"totalFeatures": 9}, {"numberMatched": 9}, {"exceededTransferLimit": True}])
def test_a_server_that_has_more_is_reported_as_short(opened, codes, members):
    table = opened(collection(feature(POINT), **members), "t.json")
    assert codes(table) == {"E-SHORT": 1} and not is_whole(table.issues)


def test_members_that_are_no_features_are_counted_as_rows_left_out(opened, codes):
    table = opened(collection(feature(POINT), 7, "x"), "t.json")
    assert table.rows_read == 3 and codes(table) == {"not a record": 2}


@pytest.mark.parametrize("cut", [0.3, 0.6, 0.99])
def test_a_cut_document_is_truncated(opened, cut):
    content = collection(*[feature(POINT, name=f"Hall {n}") for n in range(50)])
    with pytest.raises(RunFailed) as refused:
        opened(content[: int(len(content) * cut)], "t.json")
    assert refused.value.code == "E-TRUNCATED"


@pytest.mark.parametrize(
    ("content", "code"),
    [(collection(), "E-EMPTY"), ('{"features": [{"a" 1}], "b": "cccccccccccc"}', "E-FORMAT"),
     ('{"error": {"code": 400, "message": "Invalid query"}}', "E-PLATFORM"), ('{"type": "Topology"}', "E-FORMAT"),
     ('{"success": true, "result": {"id": 1}}', "E-FORMAT"), ("[" * 100_000, "E-FORMAT")],
)  # fmt: skip
def test_other_json_fails_in_a_sentence(opened, content, code):
    with pytest.raises(RunFailed) as refused:
        opened(content, "t.json")
    assert refused.value.code == code


ESRI = {
    "geometryType": "esriGeometryPoint",
    "spatialReference": {"wkid": 102100, "latestWkid": 3857},
    "fields": [
        {"name": "Opened", "type": "esriFieldTypeDate"},
        {"name": "Kind", "type": "esriFieldTypeInteger",
         "domain": {"type": "codedValue", "codedValues": [{"code": 1, "name": "Public"}]}},
    ],
    "features": [{"attributes": {"OBJECTID": 7, "Opened": 1577836800000, "Kind": 1}, "geometry": {"x": 1.5, "y": 2}},
                 {"attributes": {"OBJECTID": 8, "Opened": 1577880000000, "Kind": 2}, "geometry": {"x": "NaN"}}],
}  # fmt: skip


def test_esri_dates_and_coded_values_are_decoded(opened):
    table = opened(json.dumps(ESRI), "query")
    assert table.format == "Esri JSON" and table.crs.epsg == 3857 and table.crs.where == "spatialReference"
    assert table.records.rows() == [(1, "7", "2020-01-01", "Public"), (2, "8", "2020-01-01T12:00:00Z", "2")]
    assert table.geometry[0].wkt == "POINT (1.5 2)" and table.geometry[1] is None


def test_esri_rings_are_sorted_into_outlines_and_holes(opened):
    outer, hole = [[0, 0], [0, 9], [9, 9], [9, 0], [0, 0]], [[1, 1], [2, 1], [2, 2], [1, 2], [1, 1]]
    second = [[20, 0], [20, 1], [21, 1], [20, 0]]
    given = {"features": [{"attributes": {"a": 1}, "geometry": {"rings": [hole, outer, second]}}]}
    shape = opened(json.dumps(given), "query").geometry[0]
    assert shape.geom_type == "MultiPolygon" and shape.area == 81 - 1 + 0.5
