"""No row vanishes: each is placed, or dropped with one issue that says why, and a feed that cannot be right is held."""

import polars as pl
import pytest
import shapely
from town import (
    BOUNDARY,
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

from datasets.feed import Location, LocationKind
from datasets.vocabulary import GeometryKind
from harvesters.locate import find_location

POSTCODE = Location(kind=LocationKind.POSTCODE, columns=("Postcode",))


@pytest.mark.parametrize(
    ("x", "y", "code", "value"),
    [
        (None, None, "no location", None),
        ("n/a", "-", "no location", "n/a, -"),
        ("see map 4", "180400", "invalid coordinates", "see map 4, 180400"),
        ("530000", None, "invalid coordinates", "530000"),
        (0, 0, "null-island", "0, 0"),
        (383000, 398000, "out of bounds", "383000, 398000"),
        (-99999, 5, "out of bounds", "-99999, 5"),
    ],
)
def test_a_row_without_a_place_is_dropped_and_says_why(x, y, code, value):
    made = Outcome(table({"X": (*EASTINGS, x), "Y": (*NORTHINGS, y)}), xy("X", "Y"))
    issue = made.issue(code)
    assert made.lonlat == TRUE
    assert (issue["row_no"], issue["action"], issue["value"]) == (6, "dropped", value)


def test_a_row_at_the_origin_of_the_grid_is_at_null_island():
    made = Outcome(table({"Lon": (*LONGITUDES, -7.55716), "Lat": (*LATITUDES, 49.76681)}), xy("Lon", "Lat"))
    assert made.issue("null-island")["action"] == "dropped"


def test_a_postcode_places_a_row_without_coordinates():
    opened = table({"X": (*EASTINGS, None), "Y": (*NORTHINGS, None)})
    made = Outcome(opened, xy("X", "Y"), postcode=[None] * 4 + ["AB1 1AB"])
    assert made.lonlat[4] == (-0.12, 51.52)
    assert made.batch.frame["placed"].to_list() == ["coordinates"] * 4 + ["postcode"]
    assert made.issue("at-postcode-centroid")["row_no"] == 6


def test_a_postcode_in_an_address_places_a_row_too():
    opened = table({"X": (*EASTINGS, 0), "Y": (*NORTHINGS, 0), "Venue": ["Hall AB1 1AA"] * 5})
    made = Outcome(opened)
    assert made.lonlat[4] == (-0.11, 51.51)
    assert made.issue("null-island")["action"] == "fixed"


def test_wrong_coordinates_are_not_papered_over_by_a_postcode():
    opened = table({"X": (*EASTINGS, 383000), "Y": (*NORTHINGS, 398000)})
    assert Outcome(opened, xy("X", "Y"), postcode=["AB1 1AA"] * 5).codes["out of bounds"] == 1


def test_a_postcode_the_gazetteer_lacks_is_named():
    made = Outcome(table({"Postcode": ("AB1 1AA", "ZZ9 9ZZ", None)}), POSTCODE)
    assert made.issue("unknown postcode")["value"] == "ZZ9 9ZZ"
    assert made.codes == {"at-postcode-centroid": 1, "unknown postcode": 1, "no location": 1}


def test_an_area_is_never_placed_by_its_postcode():
    made = Outcome(table({"Postcode": ("AB1 1AA", "AB1 1AB")}), POSTCODE, kind=GeometryKind.AREA)
    assert made.codes == {"no location": 2}


def test_the_other_system_fills_rows_of_the_first():
    columns = {"Lon": (*LONGITUDES[:3], None), "Lat": (*LATITUDES[:3], None), "E": EASTINGS, "N": NORTHINGS}
    made = Outcome(table(columns), xy("Lon", "Lat"), xy("E", "N"))
    assert made.lonlat == TRUE


def test_two_systems_that_disagree_are_told_row_by_row():
    columns = {"Lon": LONGITUDES, "Lat": LATITUDES, "E": (*EASTINGS[:3], 533545), "N": NORTHINGS}
    made = Outcome(table(columns), xy("Lon", "Lat"), xy("E", "N"))
    issue = made.issue("coordinates disagree")
    assert (issue["row_no"], issue["action"]) == (5, "kept")
    assert float(str(issue["value"]).removesuffix(" m")) == pytest.approx(500, abs=3)


def test_the_second_system_replaces_a_place_outside_the_city():
    columns = {"Lon": (*LONGITUDES[:3], -2.1), "Lat": LATITUDES, "E": EASTINGS, "N": NORTHINGS}
    made = Outcome(table(columns), xy("Lon", "Lat"), xy("E", "N"))
    assert made.lonlat == TRUE
    assert made.issue("coordinates disagree")["action"] == "fixed"


def test_columns_stand_in_for_an_empty_geometry():
    shapes = [shapely.Point(EASTINGS[0], NORTHINGS[0]), None, shapely.Point(), None]
    made = Outcome(drawn(shapes, 27700, Easting=EASTINGS, Northing=NORTHINGS), GEOMETRY, xy("Easting", "Northing"))
    assert made.lonlat == TRUE
    assert made.batch.frame["placed"].to_list() == ["geometry", *["coordinates"] * 3]


def test_most_rows_at_one_place_are_doubted():
    made = Outcome(table({"X": [530000] * 7 + [530000 + n for n in range(1, 6)], "Y": [180400] * 12}), xy("X", "Y"))
    assert made.placement.one_place.startswith("7 of 12 rows are at one and the same place")


@pytest.mark.parametrize("x", [[530000] * 9, [530000] * 6 + [530100 + n for n in range(6)]])
def test_few_rows_or_half_of_them_in_one_building_are_normal(x):
    assert len(Outcome(table({"X": x, "Y": [180400] * len(x)}), xy("X", "Y")).lonlat) == len(x)


def test_rows_at_one_postcode_are_not_one_place():
    assert Outcome(table({"Postcode": ["AB1 1AA"] * 12}), POSTCODE).batch.frame.height == 12


def test_a_point_outside_the_council_says_how_far():
    made = Outcome(table({"Lon": (-0.1, -0.1, -0.1), "Lat": (51.5, 51.5504, 51.56)}), xy("Lon", "Lat"))
    outside = made.batch.frame["outside_m"]
    assert outside[0] is None
    assert outside[1] == pytest.approx(44.5, abs=0.5)
    assert outside[2] == pytest.approx(1112.5, abs=2)
    assert made.issue("outside-owner-boundary")["value"] == f"{outside[2]:.0f} m"
    assert made.placement.outside_share == pytest.approx(2 / 3)


def test_a_hand_beyond_the_line_is_inside():
    made = Outcome(table({"Lon": (-0.1, -0.11), "Lat": (51.550003, 51.5)}), xy("Lon", "Lat"))
    assert made.placement.outside_share == 0


def test_an_area_is_outside_by_more_than_a_twentieth():
    little = shapely.box(-0.1, 51.54, -0.09, 51.5503)
    much = shapely.box(-0.1, 51.54, -0.09, 51.56)
    made = Outcome(drawn([little, much], 4326), kind=GeometryKind.AREA)
    assert made.batch.frame["outside_m"][0] is None
    assert made.batch.frame["outside_m"][1] == pytest.approx(1112, abs=3)
    assert made.codes == {"outside-owner-boundary": 1}


def test_an_islet_of_a_council_counts_as_inside():
    around = surroundings(shapely.union_all([BOUNDARY, shapely.box(0.1, 51.5, 0.11, 51.51)]))
    made = Outcome(table({"Lon": (0.105, 0.05), "Lat": (51.505, 51.505)}), xy("Lon", "Lat"), around=around)
    assert made.batch.frame["outside_m"].is_null().to_list() == [True, False]


def test_found_and_placed_rows_keep_their_other_columns():
    opened = table({"X": (*EASTINGS, None), "Y": (*NORTHINGS, None)})
    found = find_location(opened, surroundings())
    made = Outcome(opened, found.location, name=pl.Series(["a", "b", "c", "d", "e"]))
    assert made.batch.frame["name"].to_list() == ["a", "b", "c", "d"]
    assert len(made.shapes) == 4
