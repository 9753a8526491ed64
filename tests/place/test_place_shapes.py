"""Shapes are valid, flat and of the layer's kind when they are placed; what was done to them is an issue."""

import numpy as np
import pytest
import shapely
from town import Outcome, drawn, table, xy

from datasets.errors import RunHeld
from datasets.vocabulary import GeometryKind

AREA = GeometryKind.AREA
FIELD = shapely.box(530000, 180000, 530500, 180500)
HOUSE = shapely.box(530000, 180000, 530050, 180050)
BOW_TIE = shapely.from_wkt("POLYGON((530000 180000, 530500 180500, 530500 180000, 530000 180500, 530000 180000))")


def test_an_area_is_placed_with_all_its_corners():
    made = Outcome(drawn([FIELD, FIELD], 27700), kind=AREA)
    assert shapely.get_num_coordinates(made.shapes).tolist() == [5, 5]
    assert made.batch.frame["placed"].to_list() == ["geometry", "geometry"]
    assert made.codes == {"OSGB": 2}


def test_outlines_run_against_the_clock():
    made = Outcome(drawn([FIELD, shapely.reverse(FIELD)], 27700), kind=AREA)
    assert shapely.is_ccw(shapely.get_exterior_ring(made.shapes)).all()


def test_a_crossed_outline_is_mended():
    made = Outcome(drawn([FIELD, BOW_TIE], 27700), kind=AREA)
    assert shapely.is_valid(made.shapes).all()
    assert made.shapes[1].geom_type == "MultiPolygon"
    assert made.issue("invalid geometry - fixed")["row_no"] == 3


def test_an_area_that_has_none_cannot_be_mended():
    flat = shapely.from_wkt("POLYGON((530000 180000, 530500 180500, 530000 180000))")
    made = Outcome(drawn([FIELD, flat], 27700), kind=AREA)
    assert made.codes["invalid geometry - not fixable"] == 1


def test_shapes_that_cannot_be_read_are_not_fixable():
    made = Outcome(table({"geometry": ["POINT(-0.1 51.5)", "POINT(-0.11 51.5)", "POLYGON((0 0, 1 "]}))
    assert made.issue("invalid geometry - not fixable")["row_no"] == 4


def test_heights_are_dropped():
    made = Outcome(drawn([shapely.Point(530000, 180000, 12), shapely.Point(530100, 180000, 13)], 27700))
    assert not shapely.has_z(made.shapes).any()
    assert made.codes["z-dropped"] == 2


def test_published_corners_have_seven_decimals_and_stay_valid():
    ring = shapely.Point(530000.123456, 180000.654321).buffer(300, quad_segs=64)
    made = Outcome(drawn([ring, BOW_TIE], 27700), kind=AREA)
    corners = shapely.get_coordinates(made.shapes)
    assert np.allclose(corners, np.round(corners, 7), atol=1e-12)
    assert shapely.is_valid(made.shapes).all()


def test_the_area_is_taken_out_of_a_collection():
    mixed = shapely.GeometryCollection([FIELD, shapely.Point(530000, 180000)])
    assert Outcome(drawn([mixed, FIELD], 27700), kind=AREA).shapes[0].geom_type == "Polygon"


def test_points_of_an_area_layer_are_kept_with_one_issue():
    made = Outcome(table({"Lon": (-0.1, -0.11), "Lat": (51.5, 51.51)}), xy("Lon", "Lat"), kind=AREA)
    issue = made.issue("Unexpected geom type")
    assert (issue["action"], issue["count"], issue["row_no"]) == ("kept", 2, None)


def test_lines_of_an_area_layer_are_dropped():
    line = shapely.LineString([(530000, 180000), (530500, 180500)])
    made = Outcome(drawn([FIELD, line], 27700), kind=AREA)
    assert made.issue("Unexpected geom type")["action"] == "dropped"


def test_a_building_becomes_the_point_of_a_point_layer():
    made = Outcome(drawn([HOUSE, shapely.Point(530100, 180000)], 27700))
    assert [shape.geom_type for shape in made.shapes] == ["Point", "Point"]
    assert made.issue("Unexpected geom type")["action"] == "fixed"


def test_a_field_among_points_is_dropped():
    made = Outcome(drawn([FIELD, shapely.Point(530100, 180000), HOUSE], 27700))
    assert made.issue("Unexpected geom type")["row_no"] == 4 or made.codes["Unexpected geom type"] == 2
    assert len(made.shapes) == 2


def test_a_file_of_fields_is_another_layer():
    with pytest.raises(RunHeld, match="areas or lines") as held:
        Outcome(drawn([FIELD] * 3, 27700))
    assert held.value.code == "E-WRONG-LAYER"


def test_a_point_drawn_as_a_collapsed_area_is_a_point():
    spot = shapely.from_wkt("POLYGON((530000 180000, 530000 180000, 530000 180000, 530000 180000))")
    made = Outcome(drawn([spot, spot], 27700))
    assert [shape.geom_type for shape in made.shapes] == ["Point", "Point"]


def test_a_multipoint_of_one_is_its_point():
    made = Outcome(drawn([shapely.MultiPoint([(530012, 180423)]), shapely.Point(530113, 180424)], 27700))
    assert made.shapes[0].geom_type == "Point"
    assert made.codes == {"OSGB": 2}


def test_a_shape_that_leaves_the_grid_is_out_of_bounds():
    stray = shapely.Polygon([(530000, 180000), (530500, 180000), (530500, 9e6), (530000, -9e6)])
    made = Outcome(drawn([FIELD, FIELD, stray], 27700), kind=AREA)
    assert made.issue("out of bounds")["row_no"] == 4


def test_shapes_and_points_of_one_file_stand_side_by_side():
    columns = {"Shape": [FIELD.wkt, FIELD.wkt, None], "E": [530000] * 3, "N": [180100, 180200, 180300]}
    made = Outcome(table(columns), kind=AREA)
    assert [shape.geom_type for shape in made.shapes] == ["Polygon", "Polygon", "Point"]


def test_no_corner_of_an_area_is_simplified_away():
    coast = shapely.Point(530000, 180000).buffer(900, quad_segs=2_000)
    made = Outcome(drawn([coast, FIELD], 27700), kind=AREA)
    assert shapely.get_num_coordinates(made.shapes).tolist() == shapely.get_num_coordinates([coast, FIELD]).tolist()


def test_curves_are_drawn_as_lines_and_told_of():
    ring = "CURVEPOLYGON(CIRCULARSTRING(530000 180000,530100 180100,530200 180000,530100 179900,530000 180000))"
    made = Outcome(table({"shape": [ring, FIELD.wkt, FIELD.wkt]}), kind=AREA)
    assert made.codes["curve-linearised"] == 1 and shapely.get_num_coordinates(made.shapes)[0] > 40
    assert "curve-linearised" not in Outcome(table({"shape": [FIELD.wkt] * 2}), kind=AREA).codes
