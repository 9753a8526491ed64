"""Numbers, grid references, pairs, shapes and postcodes are read as people and programs write them; what is no
position is told from what says nothing."""

import numpy as np
import polars as pl
import pytest
import shapely

from harvesters.location.axes import paired_columns
from harvesters.location.grid_reference import read_grid_references
from harvesters.location.numbers import read_numbers
from harvesters.location.positions import looks_like_pairs
from harvesters.location.postcodes import extract_postcodes
from harvesters.location.shapes import read_shapes


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("532594", 532594),
        ("532,594", 532594),
        (" 532594.0 \u00a0", 532594),
        ("532 594", 532594),
        ("E532594", 532594),
        ("5.32594E+05", 532594),
        ("51.5°", 51.5),
        ("51,5074", 51.5074),
        ("0.1278W", -0.1278),
        ("−0.1278", -0.1278),
        ("51°30'26\"N", 51.507222222222225),
        ("091492", 91492),
        ("532594m", 532594),
    ],
)
def test_a_number_is_read_however_it_is_written(text, number):
    values, refused = read_numbers(pl.Series([text]))
    assert values[0] == pytest.approx(number)
    assert not refused[0]


@pytest.mark.parametrize("text", [None, "", "n/a", "-", "tbc", "nan", "inf"])
def test_text_without_a_digit_says_nothing(text):
    values, refused = read_numbers(pl.Series([text], dtype=pl.String))
    assert np.isnan(values[0])
    assert not refused[0]


@pytest.mark.parametrize("text", ["TQ123456", "12 High Street", "see map 4", "10007601876.352649.431869."])
def test_digits_that_make_no_number_are_refused(text):
    values, refused = read_numbers(pl.Series([text]))
    assert np.isnan(values[0])
    assert refused[0]


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("TQ 300 804", (530050, 180450)),
        ("TQ300804", (530050, 180450)),
        ("tq 30000 80400", (530000.5, 180400.5)),
        ("SJ123456", (312350, 345650)),
        ("SD8312", (383500, 412500)),
        ("SV 0000 1000", (5, 10005)),
        ("HU 396 753", (439650, 1175350)),
    ],
)
def test_a_grid_reference_is_the_middle_of_its_square(text, place):
    easting, northing, _, _ = read_grid_references(pl.Series([text]))
    assert (easting[0], northing[0]) == pytest.approx(place)


@pytest.mark.parametrize("text", ["TQ 300 8045", "HP6", "TI 300 804", "SW1A 1AA", "PD12"])
def test_other_codes_are_no_grid_references(text):
    easting, _, _, refused = read_grid_references(pl.Series([text]))
    assert np.isnan(easting[0])
    assert refused[0]


@pytest.mark.parametrize(
    "text",
    ["53.8,-2.4", "(51.5, -0.18)", "12 High St\n(51.5, -0.18)", '{"lat": "51.5", "lon": "-0.18"}', "530123, 180456"],
)
def test_two_numbers_in_one_text_look_like_a_pair(text):
    assert looks_like_pairs(pl.Series([text]))[0]


@pytest.mark.parametrize("text", ["12, 14", "01234 567890", "12, 14 High Street", "AB1 2CD", "2015-05-07"])
def test_lists_telephones_and_addresses_are_no_pairs(text):
    assert not looks_like_pairs(pl.Series([text]))[0]


def test_shapes_are_read_from_every_notation():
    hexadecimal = shapely.to_wkb(shapely.set_srid(shapely.Point(1, 2), 27700), hex=True, include_srid=True)
    texts = ["POINT(1 2)", "SRID=27700;POINT (1 2)", '{"type":"Point","coordinates":[1,2]}', hexadecimal]
    shapes, srid, refused, _ = read_shapes(pl.Series(texts))
    assert [shape.wkt for shape in shapes] == ["POINT (1 2)"] * 4
    assert srid == 27700
    assert not refused.any()


def test_a_shape_cut_off_by_a_spreadsheet_is_refused():
    _, _, refused, _ = read_shapes(pl.Series(["POLYGON((0 0, 1 0, 1", None, ""]))
    assert refused.tolist() == [True, False, False]


def test_curves_become_short_lines():
    shapes, _, _, curves = read_shapes(pl.Series(["CURVEPOLYGON(CIRCULARSTRING(0 0,1 1,2 0,1 -1,0 0))"]))
    assert curves == 1
    assert shapely.area(shapes[0]) == pytest.approx(np.pi, rel=0.01)


def test_the_last_postcode_of_an_address_is_its_own():
    codes = extract_postcodes(pl.Series(["c/o AB1 1AA, 2 High St, ab1 1ab", "AB11AD", "no postcode", None]))
    assert codes.to_list() == ["AB11AB", "AB11AD", None, None]


@pytest.mark.parametrize(
    ("x", "y"),
    [
        ("Easting", "Northing"),
        ("Eastings", "Northings"),
        ("EAST", "NORTH"),
        ("MAPEAST", "MAPNORTH"),
        ("Map East", "Map North"),
        ("GeoX", "GeoY"),
        ("X", "Y"),
        ("POINT_X", "POINT_Y"),
        ("CNTR_X", "CNTR_Y"),
        ("PSX", "PSY"),
        ("XCOORD", "YCOORD"),
        ("X CO-ORDINATE", "Y CO-ORDINATE"),
        ("Easting or X co-ord.", "Northing or Y co-ord."),
        ("Grid Ref X", "Grid Ref Y"),
        ("Easting", "Northin"),
        ("AddressEastCoordinate", "AddressNorthCoordinate"),
        ("x_coordinate", "y_coordinate"),
        ("Origin X", "Origin Y"),
        ("lng", "LAT"),
        ("Longitude", "Latitude"),
        ("Long", "Lat"),
        ("E", "N"),
    ],
)
def test_columns_pair_by_name_in_either_order(x, y):
    assert paired_columns(["Name", y, "UPRN", x]) == [(x, y)]


def test_names_that_only_hold_the_letters_do_not_pair():
    assert paired_columns(["Text", "Tax", "Northern ward", "Latrine", "Exit"]) == []
