"""The map stage: columns become fields by the mapping the feed states, else by one proposed from names and values with
a confidence and the evidence. What is not sure is held for a person, never guessed."""

from collections.abc import Mapping, Sequence

import polars as pl
import pytest
import shapely

from datasets.city import City, Council
from datasets.errors import RunHeld
from datasets.feed import Feed, FieldRule
from datasets.issues import all_issues
from datasets.layer import find_layer
from harvesters.columns.mapping import SURE
from harvesters.columns.mapping import Mapping as Mapped
from harvesters.columns.propose import propose_fields
from harvesters.map import apply, check_is_sure, other_layer, propose
from harvesters.surroundings import Surroundings
from tests.builders import ASHMERE, EAST, NORTH, Desk, feed_of, table, toilet, toilets

COUNCIL = Council(gss=ASHMERE, name="Ashmere")
CITY = City(title="Mere", description="", extent=(1.6, 53.4, 2.0, 53.6), boundary_source="", council=(COUNCIL,))
NOTHING = pl.DataFrame(schema={"code": pl.String, "lon": pl.Float64, "lat": pl.Float64})
AROUND = Surroundings(CITY, COUNCIL, shapely.box(1.6, 53.4, 2.0, 53.6), lambda codes: NOTHING)

PLACES = ("The Hall", "St Ebb's School", "Scout Hut", "Mere Library", "Fire Station", "Bowls Club")
ROADS = ("1 Mere Lane", "2 Osier Row", "3 Chalk Row", "4 Weaver Road", "5 Quay Street", "6 Mussel Close")
CODES = ("AA", "AB", "BA", "CA1", "CB", "DD")
MADE_UP: Mapping[str, Sequence[object]] = {
    "name": PLACES, "road": ROADS, "code": CODES, "town": ("Ashmere",) * 6, "ward": ("North", "South") * 3,
    "postcode": ("ZZ1 1AA", "ZZ1 1AB", "ZZ1 1AD", "ZZ1 1AE", "ZZ1 1AF", "ZZ1 1AG"),
    "uprn": tuple(range(10001234501, 10001234507)), "east": tuple(EAST + 50 * n for n in range(6)),
    "north": tuple(NORTH + 50 * n for n in range(6)), "number": tuple(range(1, 7)), "yes": ("Yes", "No") * 3,
    "ref": ("PS-01", "PS-07", "PS-12", "PS-15", "PS-20", "PS-31"), "date": ("05/05/2015",) * 6,
    "hours": ("24 hours",) * 6,
    "year": ("1971", "1984", "1990", "2001", "2004", "2012"),
    "lat": (53.50491, 53.5052, 53.5063, 53.5074, 53.5085, 53.5096),
    "lon": (1.70601, 1.7072, 1.7083, 1.7094, 1.7105, 1.7116), "none": (None,) * 6,
}  # fmt: skip
"""Made-up values of each kind, to stand under the column names of real files."""


def mapped(layer: str, columns: Mapping[str, str], **given: object) -> Mapped:
    """The mapping of a file whose columns hold values of these kinds."""
    opened = table({name: MADE_UP[kind] for name, kind in columns.items()})
    return propose(feed_of(layer=layer, **given), find_layer(layer), opened, AROUND)


def sure(mapping: Mapped) -> dict[str, object]:
    """The column or columns of each field that is used."""
    return {
        one.field: one.rule.sources[0] if len(one.rule.sources) == 1 else one.rule.sources for one in mapping.fields
    }


def location(mapping: Mapped) -> tuple[str, ...]:
    assert mapping.location is not None
    return mapping.location.location.columns


REAL_COLUMNS = {
    "LGA toilets": (
        "public-toilets",
        {"LocationText": "name", "CoordinateReferenceSystem": "none", "GeoX": "east", "GeoY": "north",
         "RADARKeyNeeded": "yes", "BabyChange": "yes", "OpeningHours": "hours", "StreetAddress": "road"},
        {"name": "LocationText", "radar_key_needed": "RADARKeyNeeded", "baby_change": "BabyChange",
         "opening_hours": "OpeningHours", "address": "StreetAddress"},
        ("GeoX", "GeoY"),
    ),
    "toilets without a name": (
        "public-toilets",
        {"Location": "road", "Postcode": "postcode", "Grid Ref X": "east", "Grid Ref Y": "north", "Radar Key": "yes"},
        {"address": "Location", "postcode": "Postcode", "radar_key_needed": "Radar Key"},
        ("Grid Ref X", "Grid Ref Y"),
    ),
    "stations of Islington": (
        "polling-stations",
        {"PD_NAME": "code", "REC_PD": "code", "WARD": "ward", "STAT_TITLE": "name", "STAT_ADDR1": "road",
         "POSTCODE": "postcode", "UPRN": "uprn", "EASTING": "east", "NORTHING": "north"},
        {"name": "STAT_TITLE", "address": "STAT_ADDR1", "postcode": "POSTCODE", "uprn": "UPRN", "ward": "WARD",
         "districts": "REC_PD"},
        ("EASTING", "NORTHING"),
    ),
    "stations of Greenwich": (
        "polling-stations",
        {"StationCode": "ref", "PollingStation": "name", "lat": "lat", "lng": "lon"},
        {"reference": "StationCode", "name": "PollingStation"},
        ("lng", "lat"),
    ),
    "stations of Warrington": (
        "polling-stations",
        {"Polling_Name": "name", "Address1": "road", "Address2": "town", "Address3": "none", "Postcode": "postcode",
         "Polling_District": "code", "Eastings": "east", "Northings": "north"},
        {"name": "Polling_Name", "address": ("Address1", "Address2"), "postcode": "Postcode",
         "districts": "Polling_District"},
        ("Eastings", "Northings"),
    ),
    "stations of Preston": (
        "polling-stations",
        {"ps_polling_area": "code", "postaladdressline1": "name", "postaladdressline2": "road",
         "postaladdressline3": "town", "postcode": "postcode", "uprn": "uprn", "easting": "east", "northing": "north"},
        {"districts": "ps_polling_area", "postcode": "postcode", "uprn": "uprn",
         "address": ("postaladdressline1", "postaladdressline2", "postaladdressline3")},
        ("easting", "northing"),
    ),
    "stations of Hull": (
        "polling-stations",
        {"Reference": "ref", "District(s)": "code", "Polling Place": "name", "Easting or X co-ord.": "east",
         "Northing or Y co-ord.": "north"},
        {"reference": "Reference", "districts": "District(s)", "name": "Polling Place"},
        ("Easting or X co-ord.", "Northing or Y co-ord."),
    ),
    "areas of York": (
        "conservation-areas",
        {"DesigUID": "ref", "Name": "name", "StatusDate": "date", "AmendDate": "date", "MI_PRINX": "number",
         "X": "east", "Y": "north"},
        {"reference": "DesigUID", "name": "Name", "designation_date": "StatusDate", "amended_date": "AmendDate"},
        ("X", "Y"),
    ),
    "areas with names cut short": (
        "conservation-areas",
        {"CA_ref": "ref", "conservati": "name", "designatio": "date", "POINT_X": "east", "POINT_Y": "north"},
        {"designation_date": "designatio"},
        ("POINT_X", "POINT_Y"),
    ),
    "core libraries": (
        "libraries",
        {"Local authority": "town", "Library name": "name", "Address 1": "road", "Address 2": "town",
         "Postcode": "postcode", "Statutory": "yes", "Year opened": "year", "GeoX": "east", "GeoY": "north"},
        {"name": "Library name", "address": ("Address 1", "Address 2"), "postcode": "Postcode",
         "statutory": "Statutory", "year_opened": "Year opened"},
        ("GeoX", "GeoY"),
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", REAL_COLUMNS)
def test_the_columns_of_real_files_find_their_fields(case: str) -> None:
    layer, columns, wanted, place = REAL_COLUMNS[case]
    mapping = mapped(layer, columns)
    found = sure(mapping)
    assert {field: found.get(field) for field in wanted} == wanted
    assert location(mapping) == place
    check_is_sure(mapping, find_layer(layer), table({name: MADE_UP[kind] for name, kind in columns.items()}))


def test_every_proposal_has_a_confidence_and_says_why() -> None:
    mapping = mapped("polling-stations", {"Station": "name", "PS_ADDRESS": "road", "X": "east", "Y": "north"})
    assert all(SURE <= one.confidence <= 1 and one.evidence for one in mapping.fields)
    assert mapping.location is not None and mapping.location.confidence > SURE
    assert {"field", "columns", "confidence", "evidence"} <= set(mapping.document()["fields"][0])


def test_an_exact_name_is_surer_than_one_that_is_only_close() -> None:
    names = {"Opening hours": "hours", "Name": "name"}
    exact = mapped("public-toilets", names).find("opening_hours")
    close = mapped("public-toilets", {"Openning hour": "hours", "Name": "name"}).find("opening_hours")
    assert exact and close and exact.confidence > close.confidence


def test_a_name_that_its_values_contradict_is_not_used() -> None:
    mapping = mapped("public-toilets", {"Name": "name", "Postcode": "road", "X": "east", "Y": "north"})
    assert "postcode" not in sure(mapping)


def test_a_column_of_postcodes_is_found_without_its_name() -> None:
    assert sure(mapped("public-toilets", {"Name": "name", "PCD_TXT": "postcode"}))["postcode"] == "PCD_TXT"


@pytest.mark.parametrize("name", ["OBJECTID", "FID", "gml_id", "MI_PRINX", "ogc_fid", "ID"])
def test_a_column_that_counts_the_rows_is_never_a_reference(name: str) -> None:
    assert "reference" not in sure(mapped("conservation-areas", {name: "number", "Name": "name"}))


def test_references_that_a_council_numbers_from_one_are_references() -> None:
    assert sure(mapped("conservation-areas", {"Ref": "number", "Name": "name"}))["reference"] == "Ref"


@pytest.mark.parametrize("name", ["OBJECTID", "FID", "gml_id", "MI_PRINX"])
def test_the_publishers_software_ids_are_no_references_whatever_they_hold(name: str) -> None:
    assert "reference" not in sure(mapped("conservation-areas", {name: "uprn", "Name": "name"}))


def test_a_reference_column_with_one_value_throughout_is_not_surely_one() -> None:
    assert "reference" not in sure(mapped("conservation-areas", {"Ref": "town", "Name": "name"}))


def test_empty_columns_and_those_of_the_location_are_left_alone() -> None:
    mapping = mapped("polling-stations", {"Name": "name", "Notes": "none", "Easting": "east", "Northing": "north"})
    assert set(sure(mapping)) == {"name"} and mapping.unmapped == ("Notes",)


def test_each_column_serves_one_field_only() -> None:
    mapping = mapped("polling-stations", {"Polling Station": "name", "Station": "road", "Address": "road"})
    used = [column for one in mapping.fields for column in one.rule.sources]
    assert len(used) == len(set(used))


def test_a_prefix_that_all_columns_share_does_not_hide_their_names() -> None:
    columns = {"tbl_station_Name": "name", "tbl_station_Address": "road", "tbl_station_Postcode": "postcode"}
    assert set(sure(mapped("polling-stations", columns))) >= {"name", "address", "postcode"}


def test_unsure_guesses_are_kept_apart_and_held_for_a_person() -> None:
    columns = {"Sttion nme": "name", "X": "east", "Y": "north"}
    opened = table({name: MADE_UP[kind] for name, kind in columns.items()})
    mapping = mapped("polling-stations", columns)
    assert mapping.unsure and all(one.confidence < SURE for one in mapping.unsure)
    with pytest.raises(RunHeld, match="may be the name or address, but that is only") as held:
        check_is_sure(mapping, find_layer("polling-stations"), opened)
    assert held.value.code == "E-MAPPING-UNSURE"


def test_a_file_without_what_the_layer_needs_is_held_and_told_its_columns() -> None:
    opened = table({"Colour": MADE_UP["ward"], "Easting": MADE_UP["east"], "Northing": MADE_UP["north"]})
    mapping = propose(feed_of(), find_layer("public-toilets"), opened, AROUND)
    with pytest.raises(RunHeld, match=r"No column gives the name or address\. .*Colour") as held:
        check_is_sure(mapping, find_layer("public-toilets"), opened)
    assert held.value.code == "E-FIELD-MISSING"


def test_a_file_without_coordinates_and_postcodes_is_held() -> None:
    opened = table({"Name": PLACES})
    mapping = propose(feed_of(), find_layer("public-toilets"), opened, AROUND)
    with pytest.raises(RunHeld, match="no coordinates, and no postcodes") as held:
        check_is_sure(mapping, find_layer("public-toilets"), opened)
    assert held.value.code == "no location"


@pytest.mark.parametrize("name", ["aonb", "Chichester:Tree_Preservation_Orders", "Flood Zones", "article-4"])
def test_a_file_whose_own_layer_name_is_another_layers_is_doubted(name: str) -> None:
    told = other_layer(find_layer("conservation-areas"), table({"Name": PLACES}, layer_name=name))
    assert told == f"The file's own layer is called {name!r}, which is not conservation areas."


@pytest.mark.parametrize("name", ["Conservation_Areas", "KBC:Conservation_Areas", "Conservation areas by ward", "a1"])
def test_a_layer_name_that_is_the_layers_own_or_says_nothing_is_not_doubted(name: str) -> None:
    assert other_layer(find_layer("conservation-areas"), table({"Name": PLACES}, layer_name=name)) is None


def test_a_stated_mapping_is_used_and_the_rest_is_still_proposed() -> None:
    stated = {"name": {"column": "Title of thing"}}
    mapping = mapped(
        "public-toilets", {"Title of thing": "name", "Name": "road", "Postcode": "postcode", "X": "east", "Y": "north"},
        mapping=stated,
    )  # fmt: skip
    name = mapping.find("name")
    assert name and (name.rule.column, name.confidence, name.evidence) == ("Title of thing", 1.0, "stated in the feed")
    assert sure(mapping)["postcode"] == "Postcode" and mapping.stated


def test_a_stated_location_is_used() -> None:
    stated = {"kind": "xy", "columns": ["A", "B"], "crs": 27700}
    mapping = mapped("public-toilets", {"Name": "name", "A": "east", "B": "north"}, location=stated)
    assert location(mapping) == ("A", "B") and mapping.location and mapping.location.confidence == 1.0


def test_a_stated_mapping_that_names_a_missing_column_is_held_as_drift() -> None:
    with pytest.raises(RunHeld, match="'Title', which the file does not have; its columns are: Name") as held:
        mapped("public-toilets", {"Name": "name"}, mapping={"name": {"column": "Title"}})
    assert held.value.code == "W-SCHEMA-DRIFT"


@pytest.mark.parametrize(
    ("rule", "values"),
    [
        ({"column": "A"}, ["ladies", None, "20"]),
        ({"constant": "same"}, ["same", "same", "same"]),
        ({"columns": ["A", "B"], "converter": "join"}, ["ladies, x", "y", "20"]),
        ({"columns": ["A", "B"], "converter": "join", "separator": " / "}, ["ladies / x", "y", "20"]),
        ({"columns": ["B", "A"], "converter": "first-of"}, ["x", "y", "20"]),
        ({"column": "A", "converter": "lookup", "values": {"ladies": "Female"}}, ["Female", None, "20"]),
        ({"column": "A", "converter": "pence"}, ["ladies", None, "20p"]),
        ({"column": "A", "converter": "present"}, ["true", "false", "true"]),
        ({"column": "A", "converter": "contains", "words": ["LAD", "gent"]}, ["true", None, "false"]),
    ],
)
def test_each_converter_does_what_it_says(rule: dict[str, object], values: list[str | None]) -> None:
    assert converted(rule, {"A": ["ladies", None, "20"], "B": ["x", "y", None]}) == values


def test_markup_is_stripped_and_its_entities_are_read() -> None:
    rule = {"column": "A", "converter": "html-text"}
    [text] = converted(rule, {"A": ["<p>Bath&nbsp;&amp; <b>Well</b></p>"]})
    assert text is not None and text.split() == ["Bath", "&", "Well"]


def test_joining_leaves_out_empty_parts_and_their_commas() -> None:
    rule = {"columns": ["A", "B", "C"], "converter": "join"}
    assert converted(rule, {"A": ["1 Mere Lane, ", " "], "B": [" ,", None], "C": ["Ashmere", ""]}) == [
        "1 Mere Lane, Ashmere",
        None,
    ]


def converted(rule: dict[str, object], columns: Mapping[str, Sequence[object]]) -> list[str | None]:
    """What a rule for the notes makes of these columns."""
    feed = Feed.model_validate({**feed_of().document(), "mapping": {"notes": rule}})
    opened = table(columns)
    batch, _ = apply(propose(feed, find_layer("public-toilets"), opened, AROUND), opened)
    return batch.frame["notes"].to_list()


@pytest.mark.parametrize(
    "rule",
    [{}, {"column": "A", "constant": "b"}, {"columns": ["A", "B"]}, {"columns": ["A"], "converter": "lookup"}],
)
def test_a_rule_with_no_source_or_two_is_refused(rule: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"give exactly one of column|columns need the converter"):
        FieldRule.model_validate(rule)


def test_a_column_that_is_not_used_is_an_issue() -> None:
    opened = table({"Name": PLACES, "Colour": MADE_UP["ward"]})
    _, issues = apply(propose(feed_of(), find_layer("public-toilets"), opened, AROUND), opened)
    found = all_issues(issues).select("code", "field", "row_no").rows()
    assert found == [("W-COLUMN-UNMAPPED", "Colour", None)]


def test_fields_that_may_name_people_are_never_proposed() -> None:
    layer = find_layer("public-toilets")
    private = layer.fields["managed_by"].model_copy(update={"personal": True})
    layer = layer.model_copy(update={"fields": {**layer.fields, "managed_by": private}})
    assert propose_fields(layer, table({"Managed by": PLACES}), set()) == []


def test_a_new_column_is_no_drift(desk: Desk) -> None:
    desk.harvest(toilets(5))
    assert desk.harvest([toilet(number, Colour="red") for number in range(1, 6)]).outcome == "unchanged"
