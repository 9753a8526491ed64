"""Every shipped layer is whole: a resident understands it, a council's file finds its fields, and a wrong definition
stops at load with the name of the file and the key."""

import re
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from datasets import layer as layering
from datasets.errors import RegisterError
from datasets.issues import all_issues
from datasets.layer import Layer, find_layer, layers, plain, read_layer
from datasets.vocabulary import FieldType, GeometryKind
from harvesters.batch import ROW_NO, Batch
from harvesters.type import type_values

SHIPPED = {
    *("air-quality-sites", "article-4-areas", "brownfield-land", "conservation-areas", "ev-chargepoints", "grit-bins"),
    *("libraries", "licensed-premises", "listed-building-outlines", "mobile-library-stops", "parks-and-green-spaces"),
    *("polling-districts", "polling-stations", "protected-trees", "public-toilets", "recycling-sites", "schools"),
    *("street-trees", "tree-preservation-orders", "tree-preservation-zones"),
}
ENVELOPE = ["reference", "name", "start_date", "end_date", "documentation_url", "notes", "entry_date"]
LIBRARIES = layering.DEFINITIONS / "libraries.toml"

every_layer = pytest.mark.parametrize("layer", layers().values(), ids=list(layers()))


def test_these_layers_are_shipped() -> None:
    assert {path.stem for path in layering.DEFINITIONS.glob("*.toml")} == SHIPPED


@every_layer
def test_a_layer_has_the_envelope_in_front(layer: Layer) -> None:
    assert list(layer.fields)[: len(ENVELOPE)] == ENVELOPE


@every_layer
def test_a_layer_is_explained_to_a_resident(layer: Layer) -> None:
    assert len(layer.description) >= 40 and layer.description.endswith(".")
    assert layer.theme and layer.standard and layer.standard_url.startswith("https://")
    assert not layer.singular.endswith("s") or layer.singular in ("licensed premises",)


@every_layer
def test_every_field_can_be_found_and_explained(layer: Layer) -> None:
    for name, field in layer.fields.items():
        assert field.title and field.description.endswith("."), name
        assert field.aliases or field.parts or field.personal or field.derived_from, name


@every_layer
def test_every_measure_has_its_unit_and_its_range(layer: Layer) -> None:
    for name, field in layer.fields.items():
        if field.type in (FieldType.DECIMAL, FieldType.MONEY) or field.unit:
            assert field.unit and field.minimum is not None and field.maximum is not None, name


@every_layer
def test_synonyms_are_written_small_and_once(layer: Layer) -> None:
    for name, field in layer.fields.items():
        synonyms = [word for words in field.codes.values() for word in words]
        assert synonyms == [word.lower() for word in synonyms] and len(synonyms) == len(set(synonyms)), name
        assert not {code.lower() for code in field.codes} & set(synonyms), name
        assert bool(field.codes) == (field.type in (FieldType.CODE, FieldType.CODES)), name


@every_layer
def test_no_alias_is_written_twice_and_the_last_is_still_sure(layer: Layer) -> None:
    for name, field in layer.fields.items():
        known = [plain(alias) for alias in field.aliases]
        assert "" not in known and len(known) == len(set(known)) <= 60, name


@every_layer
def test_every_opening_hours_field_has_its_companion(layer: Layer) -> None:
    hours = {name for name, field in layer.fields.items() if field.type is FieldType.TIME_RANGES}
    derived = {field.derived_from for field in layer.fields.values() if field.type is FieldType.OSM_HOURS}
    assert hours == derived


@every_layer
def test_areas_match_by_overlap_and_points_within_a_radius(layer: Layer) -> None:
    assert (layer.match_radius_m == 0) == (layer.geometry is GeometryKind.AREA)


def test_the_radii_are_those_that_were_measured() -> None:
    radii = {"public-toilets": 40, "street-trees": 3, "ev-chargepoints": 30, "grit-bins": 10}
    assert {name: find_layer(name).match_radius_m for name in radii} == radii


@pytest.mark.parametrize(
    ("layer", "field"),
    [("schools", "urn"), ("air-quality-sites", "site_code"), ("ev-chargepoints", "location_id"),
     ("listed-building-outlines", "list_entry"), ("libraries", "uprn"), ("public-toilets", "uprn")],
)  # fmt: skip
def test_national_numbers_are_known_as_such(layer: str, field: str) -> None:
    assert find_layer(layer).fields[field].national


@pytest.mark.parametrize(
    ("layer", "field"),
    [("protected-trees", "uprn"), ("polling-districts", "polling_station_uprn"), ("schools", "uprn")],
)
def test_a_number_that_several_share_tells_none_apart(layer: str, field: str) -> None:
    assert not find_layer(layer).fields[field].national


@pytest.mark.parametrize(
    ("layer", "field", "good", "bad", "code"),
    [
        ("street-trees", "spread", "21.3", "213", "too large"),
        ("street-trees", "height", "50", "500", "too large"),
        ("street-trees", "trunk_diameter", "120", "1200", "too large"),
        ("street-trees", "condition", "Fair", "sort of", "invalid category value"),
        ("brownfield-land", "hectares", "1.4", "-1.4", "too small"),
        ("tree-preservation-zones", "zone_type", "Woodland", "Hedgerow Notice", "invalid category value"),
        ("ev-chargepoints", "power_kw", "350", "50000", "too large"),
        ("schools", "lowest_age", "3", "1987", "too large"),
    ],
)
def test_what_cannot_be_is_refused(layer: str, field: str, good: str, bad: str, code: str) -> None:
    batch = Batch(pl.DataFrame({ROW_NO: [2, 3], field: [good, bad]}))
    typed, issues = type_values(batch, find_layer(layer))
    assert typed.frame[field].null_count() == 1 and typed.frame[field][0] is not None
    assert code in all_issues(issues)["code"].to_list()


@pytest.mark.parametrize(
    ("layer", "field", "values"),
    [
        ("libraries", "library_type", ["Local authority run library", "Commissioned library", "Community run library",
                                       "Independent community library"]),
        ("tree-preservation-zones", "zone_type", ["Group", "Woodland", "Area"]),
        ("brownfield-land", "ownership_status", ["not owned by a public authority", "owned by a public authority"]),
        ("brownfield-land", "planning_status", ["not permissioned", "permissioned"]),
        ("brownfield-land", "permission_type", ["full planning permission", "other", "outline planning permission"]),
        ("listed-building-outlines", "grade", ["II", "II*", "Listed Building Grade II", "Listed Building Grade II*",
                                               "Grade II", "Listed Building Grade I", "Listed Budiling Grade II"]),
        ("ev-chargepoints", "connector_type", ["Type 2 (Socket Only)", "CCS (Type 2)", "CHAdeMO",
                                               "BS1363 3 Pin 13 Amp", "Tesla (Model S/X)"]),
        ("parks-and-green-spaces", "space_type", ["Play Space", "Allotments Or Community Growing Spaces", "Cemetery",
                                                  "Religious Grounds", "Other Sports Facility", "Tennis Court"]),
        ("schools", "school_type", ["Local authority maintained schools", "Academies", "Special schools", "Colleges"]),
        ("schools", "gender", ["Mixed", "Girls", "Boys"]),
        ("mobile-library-stops", "day", ["Monday", "Thursday", "Saturday"]),
        ("public-toilets", "category", ["female and male", "unisex", "Male/Female/Disabled", "Male/Female"]),
        ("article-4-areas", "permitted_development_rights", ["1A;1C;2A;11C", "6A;6B;6C;6E", "3L", "14A;2A ;2C"]),
    ],
)  # fmt: skip
def test_values_of_real_files_are_known(layer: str, field: str, values: list[str]) -> None:
    typed, issues = type_values(Batch(pl.DataFrame({ROW_NO: range(len(values)), field: values})), find_layer(layer))
    assert typed.frame[field].null_count() == 0
    assert "invalid category value" not in (all_issues(issues)["code"].to_list() if issues else [])


@pytest.fixture
def refused(tmp_path: Path) -> Callable[[str, str], str]:
    """What is said of the libraries' definition when one piece of it is written otherwise."""

    def read(before: str, after: str) -> str:
        text = LIBRARIES.read_text(encoding="utf-8")
        assert text.count(before) >= 1
        path = tmp_path / "libraries.toml"
        path.write_text(text.replace(before, after, 1), encoding="utf-8")
        with pytest.raises(RegisterError) as error:
            read_layer(path)
        return str(error.value)

    return read


EXPECTED = "filled = { name = 0.9 }"


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ('theme = "Community"', 'theme = "Community"\ncolour = "red"', "colour: Extra inputs"),
        ("[field.postcode]", '[field.postcode]\ncolour = "red"', "field.postcode.colour: Extra inputs"),
        ("minimum = 1600", "minimum = 2600", "field.year_opened: the minimum 2600 is above the maximum"),
        ('type = "postcode"', 'type = "postcode"\nmaximum = 3', "field.postcode: a field of type postcode"),
        ('"CL" = ["comm', '"CL" = ["council", "comm', "field.library_type: 'council' stands for two codes"),
        ('"CL" = ["comm', '"CL" = ["lal", "comm', "field.library_type: 'lal' stands for two codes"),
        ('aliases = ["statutory",', 'aliases = ["Post-Code", "statutory",',
         "field.statutory.aliases: 'Post-Code' is an alias of 'postcode' too"),
        ('theme = "Community"', 'theme = "Community"\nshare_alike = "OGL-UK-3.0"',
         "share_alike: this is not a share-alike licence we know; use one of ODbL-1.0"),
        ('derived_from = "opening_hours"', 'derived_from = "postcode"',
         "field.opening_hours_osm.derived_from: 'postcode' must be of type opening-hours"),
        ('derived_from = "opening_hours"', 'derived_from = "colour"',
         "field.opening_hours_osm.derived_from: there is no field 'colour'"),
        ('derived_from = "opening_hours"', 'derived_from = "opening_hours"\naliases = ["osm"]',
         "field.opening_hours_osm: a field that is worked out from another has no aliases"),
        ('type = "flag"', 'type = "flag"\nderived_from = "postcode"', "field.statutory: fields of type osm-"),
        (EXPECTED, "filled = { colour = 0.9 }", "expectations.filled: there is no field 'colour'"),
        (EXPECTED, "filled = { name = 1.1 }", "expectations.filled.name: Input should be less than or"),
        (EXPECTED, "outside = -0.1", "expectations.outside: Input should be greater than or equal to 0"),
        (EXPECTED, "features = [9, 1]", "expectations.features: features are the fewest and the most"),
        (EXPECTED, "colour = 0.5", "expectations.colour: Extra inputs"),
        ('natural_key = ["name", "postcode"]', 'natural_key = ["colour"]',
         "natural_key: there is no field 'colour'"),
        ("match_radius_m = 30", "match_radius_m = -1", "match_radius_m: Input should be greater than"),
        ('standard_url = "https', 'standard_url = "file', "standard_url: String should match"),
    ],
)  # fmt: skip
def test_a_wrong_definition_is_refused_by_file_and_key(
    refused: Callable[[str, str], str], before: str, after: str, told: str
) -> None:
    assert refused(before, after).startswith(f"libraries.toml: {told}")


def test_no_layer_takes_the_name_of_the_table_of_changes(tmp_path: Path) -> None:
    path = tmp_path / "change.toml"
    path.write_bytes(LIBRARIES.read_bytes())
    with pytest.raises(RegisterError, match=r"change\.toml: id: the table of changes has this name"):
        read_layer(path)


def test_an_operators_own_definition_goes_beside_the_shipped_ones_and_before_one_of_its_id(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = tmp_path / "layers"
    own.mkdir()
    text = LIBRARIES.read_text(encoding="utf-8")
    (own / "libraries.toml").write_text(text.replace('"Libraries"', '"Our libraries"', 1), encoding="utf-8")
    (own / "book-swaps.toml").write_text(text.replace('"Libraries"', '"Book swaps"', 1), encoding="utf-8")
    monkeypatch.setenv("CITYWIDE_HOME", str(tmp_path))
    assert set(layers()) == SHIPPED | {"book-swaps"}
    assert find_layer("libraries").title == "Our libraries" and find_layer("book-swaps").title == "Book swaps"


def test_a_natural_key_is_no_list_of_codes(tmp_path: Path) -> None:
    path = tmp_path / "air-quality-sites.toml"
    text = (layering.DEFINITIONS / path.name).read_text(encoding="utf-8")
    path.write_text(re.sub(r"natural_key = .*", 'natural_key = ["pollutants"]', text), encoding="utf-8")
    with pytest.raises(RegisterError, match="natural_key: 'pollutants' may hold several codes"):
        read_layer(path)
