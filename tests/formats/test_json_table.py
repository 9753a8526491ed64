"""A list of flat objects is a table: every member a column of text, and a GeoJSON column the shape of its row."""

import json

import pytest

from datasets.errors import RunFailed
from harvesters.formats.counts import is_whole

POINT = {"type": "Point", "coordinates": [-0.1, 51.5]}


def table_of(opened, *rows, **members):
    return opened(json.dumps({**members, "records": rows} if members else rows), "t.json")


def test_each_object_is_a_row_and_an_absent_member_is_null(opened):
    table = table_of(opened, {"ref": "1", "beds": 2}, {"ref": " 2 ", "note": None, "free": True, "cost": 1.0})
    assert (table.format, table.crs, table.geometry) == ("JSON table", None, None)
    assert table.columns == ["ref", "beds", "note", "free", "cost"]
    assert table.records.rows() == [(1, "1", "2", None, None, None), (2, "2", None, None, "true", "1")]


@pytest.mark.parametrize("name", ["records", "data", "rows", "results", "value"])
def test_the_list_may_be_a_member_of_an_object(opened, name):
    content = json.dumps({"success": True, name: [{"ref": "1"}, {"ref": "2"}], "page": 1})
    assert opened(content, "t.json").records["ref"].to_list() == ["1", "2"]


def test_ckans_fields_say_the_order_and_read_its_lists(opened):
    fields = [{"id": "_id", "type": "int"}, {"id": "Name", "type": "text"}, {"id": "Beds", "type": "int"}]
    for rows in ([{"Beds": 2, "Name": "Hall", "_id": 1}], [[1, "Hall", 2]]):
        table = opened(json.dumps({"success": True, "result": {"fields": fields, "records": rows, "total": 1}}), "t")
        assert table.columns == ["_id", "Name", "Beds"] and table.records.rows() == [(1, "1", "Hall", "2")]


@pytest.mark.parametrize("word", ["total", "total_count", "@odata.count"])
@pytest.mark.parametrize(("stated", "code"), [(9, "E-SHORT"), (1, "E-COUNT")])
def test_a_count_that_disagrees_is_reported(opened, codes, word, stated, code):
    table = table_of(opened, {"a": 1}, {"a": 2}, **{word: stated})
    assert codes(table) == {code: 1} and is_whole(table.issues) == (code == "E-COUNT")


def test_a_count_that_agrees_is_no_issue(opened, codes):
    assert codes(table_of(opened, {"a": 1}, {"a": 2}, total=2)) == {}


def test_a_column_of_geojson_is_the_shape(opened, codes):
    broken = {"type": "Point", "coordinates": ["x"]}
    table = table_of(opened, {"a": 1, "location": POINT}, {"a": 2, "location": None}, {"a": 3, "location": broken})
    assert table.columns == ["a"] and table.crs.epsg == 4326
    assert table.geometry[0].wkt == "POINT (-0.1 51.5)" and list(table.geometry[1:]) == [None, None]
    assert codes(table) == {"invalid geometry - not fixable": 1}


def test_a_shape_may_be_wrapped_in_a_feature(opened):
    wrapped = {"type": "Feature", "geometry": POINT, "properties": {}}
    table = table_of(opened, {"geo_shape": wrapped, "geo_point_2d": {"lon": -0.1, "lat": 51.5}})
    assert table.geometry[0].x == -0.1 and table.columns == ["geo_point_2d lon", "geo_point_2d lat"]


def test_latitude_and_longitude_become_columns(opened):
    table = table_of(opened, {"location": {"latitude": "51.5", "longitude": "-0.1"}}, {"location": None})
    assert table.records.rows() == [(1, "51.5", "-0.1"), (2, None, None)] and table.geometry is None
    assert table.columns == ["location latitude", "location longitude"]


def test_a_column_with_shapes_and_other_values_stays_text(opened):
    table = table_of(opened, {"where": POINT, "tags": ["x", 1]}, {"where": "by the hall", "tags": {"y": 2}})
    assert table.geometry is None and table.records["tags"].to_list() == ['["x",1]', '{"y":2}']
    assert table.records["where"].to_list() == ['{"type":"Point","coordinates":[-0.1,51.5]}', "by the hall"]


def test_shapes_are_told_over_the_whole_of_a_long_table(opened):
    rows = [{"ref": n, "where": POINT} for n in range(20_000)]
    assert table_of(opened, *rows, *rows).geometry[39_999].x == -0.1
    mixed = table_of(opened, *rows, {"where": "by the hall"})
    assert mixed.geometry is None and json.loads(mixed.records["where"][0]) == POINT
    assert mixed.records["where"][20_000] == "by the hall"


def test_of_two_shapes_the_first_is_the_rows(opened):
    table = table_of(opened, {"a": POINT, "b": {"type": "Point", "coordinates": [1, 2]}})
    assert table.geometry[0].x == -0.1 and json.loads(table.records["b"][0])["coordinates"] == [1, 2]


def test_what_is_no_object_is_left_out_and_counted(opened, codes):
    table = table_of(opened, {"a": 1}, 7, "x")
    assert table.rows_read == 3 and table.records.height == 1 and codes(table) == {"not a record": 2}


@pytest.mark.parametrize(
    ("content", "code"),
    [([], "E-EMPTY"), ({"results": []}, "E-EMPTY"), ({"result": {"records": [], "total": 0}}, "E-EMPTY"),
     ([[1, 2], [3]], "E-FORMAT"), ({"data": [1, 2]}, "E-FORMAT"), ({"result": {"results": [{"a": 1}]}}, "E-FORMAT"),
     ({"data": [{"id": "x", "attributes": {"name": "a dataset"}}]}, "E-FORMAT"), ({"a": 1}, "E-FORMAT")],
)  # fmt: skip
def test_what_is_no_table_fails_in_a_sentence(opened, content, code):
    with pytest.raises(RunFailed) as refused:
        opened(json.dumps(content), "t.json")
    assert refused.value.code == code
