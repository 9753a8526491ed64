"""A file's locations are found by what its columns are called and by where their values lie; numbers that are
something else are never taken for coordinates."""

import pytest
import shapely
from town import EASTINGS, GEOMETRY, LATITUDES, LONGITUDES, NORTHINGS, drawn, surroundings, table, xy

from datasets.feed import LocationKind
from harvesters.columns.mapping import SURE
from harvesters.locate import find_location

UPRNS = (100012345678, 100012345679, 100012345680, 100012345681)


def find(columns, around=None):
    return find_location(table(columns), around or surroundings())


@pytest.mark.parametrize(("x", "y"), [("Easting", "Northing"), ("GeoX", "GeoY"), ("X", "Y"), ("PSX", "PSY")])
def test_grid_columns_are_found_by_name_and_value(x, y):
    found = find({"UPRN": UPRNS, x: EASTINGS, "Count": (1, 2, 3, 4), y: NORTHINGS})
    assert found.location == xy(x, y)
    assert found.confidence == 1.0
    assert "EPSG:27700" in found.evidence


def test_degrees_are_found_whatever_their_case_and_order():
    found = find({"LAT": LATITUDES, "lng": LONGITUDES})
    assert found.location == xy("lng", "LAT")


@pytest.mark.parametrize("form", ["{lat},{lon}", "({lat}, {lon})", "12 High St\n({lat}, {lon})", "{lon} {lat}"])
def test_both_in_one_column_are_found(form):
    texts = [form.format(lat=lat, lon=lon) for lat, lon in zip(LATITUDES, LONGITUDES, strict=True)]
    found = find({"Cards": ("1, 2", "3, 4", "5, 6", "7, 8"), "Map": texts})
    assert (found.location.kind, found.location.columns) == (LocationKind.PAIR, ("Map",))


@pytest.mark.parametrize("form", ["POINT ({x} {y})", "SRID=27700;POINT({x} {y})"])
def test_shapes_in_a_column_are_found(form):
    texts = [form.format(x=x, y=y) for x, y in zip(EASTINGS, NORTHINGS, strict=True)]
    assert find({"SHAPE": texts}).location.kind is LocationKind.WKT


def test_grid_references_are_found():
    found = find({"Ref": ("AB1", "AB2"), "NGR": ("TQ 300 804", "TQ310814")})
    assert (found.location.kind, found.location.columns) == (LocationKind.GRID_REFERENCE, ("NGR",))


def test_the_geometry_comes_before_columns_of_the_same_points():
    points = [shapely.Point(x, y) for x, y in zip(EASTINGS, NORTHINGS, strict=True)]
    found = find_location(drawn(points, 27700, Long=LONGITUDES, Lat=LATITUDES), surroundings())
    assert found.location == GEOMETRY
    assert found.alternatives == (xy("Long", "Lat"),)


def test_geometry_that_is_missing_everywhere_leaves_the_columns():
    found = find_location(drawn([None] * 4, 27700, Easting=EASTINGS, Northing=NORTHINGS), surroundings())
    assert found.location == xy("Easting", "Northing")


def test_the_more_precise_of_two_systems_comes_first():
    coarse = [round(value, -2) for value in EASTINGS], [round(value, -2) for value in NORTHINGS]
    found = find({"Easting": coarse[0], "Northing": coarse[1], "Longitude": LONGITUDES, "Latitude": LATITUDES})
    assert found.location == xy("Longitude", "Latitude")
    assert found.alternatives == (xy("Easting", "Northing"),)


def test_the_more_complete_of_two_systems_comes_first():
    sparse = (LONGITUDES[0], None, None, None)
    found = find({"Longitude": sparse, "Latitude": LATITUDES, "Easting": EASTINGS, "Northing": NORTHINGS})
    assert found.location == xy("Easting", "Northing")


def test_areas_come_before_their_points():
    square = shapely.box(-0.12, 51.5, -0.11, 51.51).wkt
    found = find({"Point": ["POINT (-0.115 51.505)"] * 3, "Geometry": [square] * 3})
    assert found.location.columns == ("Geometry",)


def test_a_postcode_column_is_the_last_resort():
    found = find({"Name": ("a", "b"), "Post Code": ("AB1 1AA", "ab11ab")})
    assert (found.location.kind, found.location.columns) == (LocationKind.POSTCODE, ("Post Code",))
    assert found.confidence >= SURE


def test_a_postcode_column_comes_before_an_address():
    found = find({"Address": ("1 High St, AB1 1AA", "2 High St, AB1 1AB"), "PC": ("AB1 1AA", "AB1 1AB")})
    assert found.location.columns == ("PC",)


def test_postcodes_at_the_end_of_addresses_are_found():
    found = find({"Venue": ("Hall, 1 High St AB1 1AA", "Church, 2 High St, AB1 1AB")})
    assert (found.location.kind, found.location.columns) == (LocationKind.POSTCODE, ("Venue",))


def test_postcodes_the_gazetteer_does_not_know_are_no_location():
    assert find({"Postcode": ("ZZ1 1AA", "ZZ1 1AB")}) is None


def test_postcodes_are_an_alternative_to_coordinates():
    found = find({"Postcode": ("AB1 1AA",) * 4, "X": EASTINGS, "Y": NORTHINGS})
    assert [other.kind for other in found.alternatives] == [LocationKind.POSTCODE]


def test_an_index_a_uprn_or_a_count_is_no_coordinate():
    rows = range(50, 60)
    columns = {"id": rows, "x": rows, "y": [0] * 10, "UPRN": [100012345678 + n for n in rows], "Seats": [51] * 10}
    found = find(columns)
    assert found is None or not set(found.location.columns) & {"id", "UPRN", "Seats"}


def test_degrees_under_names_that_say_nothing_are_still_found():
    found = find({"column_1": ("a", "b", "c", "d"), "column_2": LATITUDES, "column_3": LONGITUDES})
    assert found.location == xy("column_3", "column_2")
    assert found.confidence >= SURE


def test_whole_numbers_under_names_that_say_nothing_are_for_a_person():
    found = find({"column_1": EASTINGS, "column_2": NORTHINGS})
    assert found.location == xy("column_1", "column_2")
    assert found.confidence < SURE


def test_coordinates_of_another_city_are_the_location_all_the_same():
    found = find({"Easting": (383000, 384000, 385000), "Northing": (398000, 399000, 400000)})
    assert found.location == xy("Easting", "Northing")
    assert "no reference system" in found.evidence


def test_a_file_that_says_nothing_of_places_has_no_location():
    assert find({"Name": ("a", "b"), "Ward": ("North", "East"), "Year": (2015, 2016)}) is None
