"""Coordinates in any system, order and notation become the right places, and what had to be assumed is an issue."""

import numpy as np
import polars as pl
import pytest
import shapely
from town import (
    EASTINGS,
    GEOMETRY,
    LATITUDES,
    LONGITUDES,
    NORTHINGS,
    TRUE,
    Outcome,
    drawn,
    surroundings,
    table,
    xy,
)

from datasets.crs import MERCATOR, bng_to_wgs84, find_system, wgs84_to_bng
from datasets.errors import RunHeld
from datasets.feed import Location, LocationKind

PAIR = Location(kind=LocationKind.PAIR, columns=("Map",))
RADIUS = 6378137.0
MERCATOR_X = np.radians(LONGITUDES) * RADIUS
MERCATOR_Y = np.log(np.tan(np.pi / 4 + np.radians(LATITUDES) / 2)) * RADIUS
ESRI_BNG = (
    'PROJCS["OSGB_1936_British_National_Grid",GEOGCS["GCS_OSGB 1936",DATUM["D_OSGB_1936",SPHEROID["Airy_1830",'
    '6377563.396,299.3249646]],PRIMEM["Greenwich",0],UNIT["Degree",0.017453292519943295]],PROJECTION["Transverse_'
    'Mercator"],PARAMETER["latitude_of_origin",49],PARAMETER["central_meridian",-2],PARAMETER["scale_factor",'
    '0.9996012717],PARAMETER["false_easting",400000],PARAMETER["false_northing",-100000],UNIT["Meter",1]]'
)


def points(x, y):
    return [shapely.Point(*pair) for pair in zip(x, y, strict=True)]


def test_the_grid_goes_through_ostn15():
    lon, lat = bng_to_wgs84(np.array([91492.146, -500000.0]), np.array([11318.804, 0.0]))
    assert (lon[0], lat[0]) == pytest.approx((-6.29977753, 49.92226394), abs=2e-8)
    assert np.isnan(lon[1])


def test_metres_on_the_grid_go_on_beyond_its_cover():
    easting, northing = wgs84_to_bng(np.array([-12.0]), np.array([51.0]))
    assert np.isfinite([easting[0], northing[0]]).all()


def test_a_grid_named_in_esri_words_is_the_same_grid():
    assert find_system(None, ESRI_BNG) == find_system(27700)


@pytest.mark.parametrize("spelt", ["urn:ogc:def:crs:OGC:1.3:CRS84", "http://www.opengis.net/gml/srs/epsg.xml#4326"])
def test_degrees_are_known_by_every_name(spelt):
    assert find_system(None, spelt) == find_system(4326)


def test_grid_coordinates_without_a_statement_are_found_and_converted():
    made = Outcome(table({"X": EASTINGS, "Y": NORTHINGS}), xy("X", "Y"))
    assert made.lonlat == TRUE
    assert made.placement.crs == "EPSG:27700"
    assert made.codes == {"CRS guessed": 1, "OSGB": 4}


@pytest.mark.parametrize(
    ("x", "y", "code"),
    [
        (LATITUDES, LONGITUDES, "WGS84 flipped"),
        (NORTHINGS, EASTINGS, "OSGB flipped"),
        (MERCATOR_Y, MERCATOR_X, "Mercator flipped"),
    ],
)
def test_columns_the_wrong_way_round_are_turned(x, y, code):
    made = Outcome(table({"X": x, "Y": y}), xy("X", "Y"))
    assert made.lonlat == TRUE
    assert made.issue(code)["action"] == "fixed"


def test_web_mercator_is_recognised():
    made = Outcome(table({"X": MERCATOR_X, "Y": MERCATOR_Y}), xy("X", "Y"))
    assert made.lonlat == TRUE
    assert made.codes["Mercator"] == 4


def test_kilometres_are_recognised():
    columns = {"X": [x / 1000 for x in EASTINGS], "Y": [y / 1000 for y in NORTHINGS]}
    assert Outcome(table(columns), xy("X", "Y")).lonlat == TRUE


def test_another_declared_system_is_converted_by_its_definition():
    made = Outcome(drawn(points((699612, 700334), (5710523, 5711267)), 32630))
    assert made.placement.crs == "EPSG:32630"
    assert made.codes == {"CRS converted": 2}
    assert surroundings().in_city(*np.array(made.lonlat).T).all()


def test_a_stated_system_that_holds_is_used_without_a_word():
    made = Outcome(drawn(points(LONGITUDES, LATITUDES), 4326, "crs member"))
    assert made.placement.how == "the crs member says EPSG:4326"
    assert made.codes == {}


@pytest.mark.parametrize(("where", "lie"), [(".prj", 4326), ("GeoJSON default", 4326), (".prj", 3857)])
def test_a_statement_that_lies_is_contradicted(where, lie):
    made = Outcome(drawn(points(EASTINGS, NORTHINGS), lie, where))
    assert made.lonlat == TRUE
    message = made.issue("CRS contradicted")["message"]
    assert f"EPSG:{lie}" in message and "EPSG:27700" in message and where in message


def test_a_service_that_swaps_its_axes_is_turned_and_not_contradicted():
    made = Outcome(drawn(points(LATITUDES, LONGITUDES), 4326, "srsName"))
    assert made.lonlat == TRUE
    assert made.codes == {"WGS84 flipped": 1}


def test_a_column_that_names_the_system_is_believed():
    opened = table({"CoordinateReferenceSystem": ["OSGB36"] * 4, "GeoX": EASTINGS, "GeoY": NORTHINGS})
    made = Outcome(opened, xy("GeoX", "GeoY"))
    assert made.placement.how == "column CoordinateReferenceSystem says EPSG:27700"
    assert made.codes == {"OSGB": 4}


def test_a_column_that_names_the_wrong_system_is_contradicted():
    opened = table({"CoordinateReferenceSystem": ["WGS84"] * 4, "GeoX": EASTINGS, "GeoY": NORTHINGS})
    assert Outcome(opened, xy("GeoX", "GeoY")).codes == {"CRS contradicted": 1, "OSGB": 4}


def test_what_the_feed_states_comes_before_the_file():
    made = Outcome(drawn(points(EASTINGS, NORTHINGS), 4326), Location(kind=LocationKind.GEOMETRY, crs=27700))
    assert made.placement.how == "the feed says EPSG:27700"


def test_a_row_swapped_in_itself_is_turned_alone():
    columns = {"Lon": (*LONGITUDES, LATITUDES[0]), "Lat": (*LATITUDES, LONGITUDES[0])}
    made = Outcome(table(columns), xy("Lon", "Lat"))
    assert made.lonlat == [*TRUE, TRUE[0]]
    issue = made.issue("WGS84 flipped")
    assert (issue["row_no"], issue["action"], issue["value"]) == (6, "fixed", f"{LATITUDES[0]}, {LONGITUDES[0]}")


def test_a_row_in_another_system_is_converted_alone():
    columns = {"GeoX": (*LONGITUDES, EASTINGS[0]), "GeoY": (*LATITUDES, NORTHINGS[0])}
    made = Outcome(table(columns), xy("GeoX", "GeoY"))
    assert made.lonlat == [*TRUE, TRUE[0]]
    assert made.issue("OSGB")["row_no"] == 6


@pytest.mark.parametrize("form", ["{lat},{lon}", "({lat}, {lon})", "{lon} {lat}", '{{"lat": "{lat}", "lon": "{lon}"}}'])
def test_both_in_one_column_are_read_in_either_order_without_complaint(form):
    texts = [form.format(lat=lat, lon=lon) for lat, lon in zip(LATITUDES, LONGITUDES, strict=True)]
    made = Outcome(table({"Map": texts}), PAIR)
    assert made.lonlat == TRUE
    assert made.codes == {"CRS guessed": 1}


def test_ewkt_states_its_own_system():
    texts = [f"SRID=27700;POINT({x} {y})" for x, y in zip(EASTINGS, NORTHINGS, strict=True)]
    made = Outcome(table({"wkt": texts}))
    assert made.lonlat == TRUE
    assert made.codes == {"OSGB": 4}


def test_grid_references_place_rows_and_say_so():
    made = Outcome(table({"NGR": ("TQ 300 804", "TQ310814", "tq 320 824")}))
    assert made.batch.frame["placed"].to_list() == ["grid reference"] * 3
    assert made.codes == {"grid reference": 3, "precision-low": 3}
    assert made.lonlat[0] == pytest.approx((-0.1275, 51.508), abs=1e-3)


def test_the_grid_in_the_west_has_short_eastings():
    opened = table({"Easting": ("091492.146", "91500"), "Northing": ("11318.804", "11400")})
    isles = surroundings(shapely.box(-6.4, 49.85, -6.2, 50.0))
    around = isles.__class__(
        isles.city.model_copy(update={"extent": (-6.5, 49.8, -6.1, 50.1)}),
        isles.council,
        isles.boundary,
        isles.find_postcodes,
    )
    made = Outcome(opened, xy("Easting", "Northing"), around=around)
    assert made.lonlat[0] == (-6.2998, 49.9223)


def test_numbers_with_separators_and_stray_text_are_read():
    made = Outcome(table({"E": ("530,012", "531023.0 "), "N": ("180 423", "181434m")}), xy("E", "N"))
    assert made.lonlat == TRUE[:2]


def test_coordinates_keep_seven_decimals():
    made = Outcome(table({"X": (530000.123, 531000.456), "Y": (180400.789, 181400.12)}), xy("X", "Y"))
    coordinates = shapely.get_coordinates(made.shapes)
    assert (coordinates == np.round(coordinates, 7)).all()


@pytest.mark.parametrize(
    ("x", "y"),
    [((530000, 531100, 532200), (180400, 181400, 182400)), ((-0.128, -0.113, -0.099), (51.508, 51.516, 51.525))],
)
def test_coarse_coordinates_are_noted(x, y):
    assert Outcome(table({"X": x, "Y": y}), xy("X", "Y")).codes["precision-low"] == 3


def test_a_feed_that_names_a_lost_column_is_held():
    with pytest.raises(RunHeld, match="'Nowhere'"):
        Outcome(table({"X": EASTINGS}), xy("X", "Nowhere"))


def test_without_a_boundary_the_city_decides():
    made = Outcome(table({"X": LATITUDES, "Y": LONGITUDES}), xy("X", "Y"), around=surroundings(None))
    assert made.lonlat == TRUE
    assert made.placement.outside_share is None
    assert made.batch.frame["outside_m"].dtype == pl.Float64


def test_geometry_stated_in_the_feed_but_absent_is_held():
    with pytest.raises(RunHeld, match="geometry"):
        Outcome(table({"X": EASTINGS}), GEOMETRY)


def test_mercator_degrees_are_the_inverse_of_its_formula():
    lon, lat = MERCATOR.to_wgs84(MERCATOR_X, MERCATOR_Y)
    assert lon == pytest.approx(LONGITUDES)
    assert lat == pytest.approx(LATITUDES)
