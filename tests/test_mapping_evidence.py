"""Proposals are scored by names, values and code lists together: what the values contradict is not believed, what is
equally likely twice is not sure, and what nothing but its values gives away is found by them."""

from collections.abc import Sequence

import pytest

from datasets.layer import Layer, find_layer
from harvesters.columns.mapping import SURE, MappedField
from harvesters.columns.naming import words_of
from harvesters.columns.propose import propose_fields
from tests.builders import table
from tests.test_mapping import MADE_UP

TOILETS, LIBRARIES = find_layer("public-toilets"), find_layer("libraries")
MAILS = tuple(f"desk{n}@example.org" for n in range(6))
PHONES = tuple(f"01632 96000{n}" for n in range(6))
LINKS = tuple(f"https://example.org/{n}" for n in range(6))
DAYS = tuple(f"2015-05-0{n}" for n in range(1, 7))
KINDS = ("Commissioned library", "Community library", "Independent library") * 2
OTHERS = tuple(f"{word} End" for word in ("North", "South", "East", "West", "Upper", "Nether"))


def proposed(layer: Layer = TOILETS, /, **columns: Sequence[object]) -> dict[str, MappedField]:
    """What is proposed for a file of these columns, by field."""
    return {one.field: one for one in propose_fields(layer, table(columns), ())}


def sure(layer: Layer = TOILETS, /, **columns: Sequence[object]) -> dict[str, str]:
    found = proposed(layer, **columns)
    return {field: one.rule.sources[0] for field, one in found.items() if one.confidence >= SURE}


def test_a_better_known_name_comes_first() -> None:
    assert sure(Toilet=MADE_UP["name"], Name=OTHERS)["name"] == "Name"


def test_two_columns_that_are_equally_good_are_unsure_unless_they_say_the_same() -> None:
    columns = {"Name_1": MADE_UP["name"], "Name_2": OTHERS}
    found = proposed(TOILETS, **columns)["name"]
    assert found.confidence < SURE and "is as likely" in found.evidence
    assert proposed(TOILETS, **{**columns, "Name_2": MADE_UP["name"]})["name"].confidence >= SURE


@pytest.mark.parametrize("values", [MAILS, PHONES, LINKS, DAYS, MADE_UP["postcode"], ("Yes", "No") * 3])
def test_a_column_called_name_is_none_when_its_values_are_of_another_kind(values: Sequence[str]) -> None:
    assert "name" not in sure(Name=values)
    assert sure(Name=MADE_UP["name"]) == {"name": "Name"}


@pytest.mark.parametrize("values", [MAILS, PHONES, LINKS])
def test_notes_that_are_only_addresses_to_reach_people_are_not_surely_notes(values: Sequence[str]) -> None:
    assert "notes" not in sure(Name=MADE_UP["name"], Notes=values)


def test_a_code_list_makes_a_column_its_field_whatever_its_name() -> None:
    found = proposed(LIBRARIES, Name=MADE_UP["name"], Sort=KINDS)["library_type"]
    assert found.confidence >= SURE and "100% of its values are values of its list" in found.evidence


@pytest.mark.parametrize("values", [OTHERS, ("Yes", "No") * 3, ("Commissioned library",) * 6])
def test_other_values_or_one_alone_do_not(values: Sequence[str]) -> None:
    assert "library_type" not in sure(LIBRARIES, Name=MADE_UP["name"], Sort=values)


def test_a_codes_name_without_its_values_is_not_believed() -> None:
    assert "category" not in sure(Name=MADE_UP["name"], Category=OTHERS)
    assert sure(Name=MADE_UP["name"], Category=("Unisex", "Male") * 3)["category"] == "Category"


def test_a_number_out_of_its_range_is_not_the_field() -> None:
    assert "year_opened" not in sure(LIBRARIES, Name=MADE_UP["name"], Opened=("12", "14", "9", "7", "3", "1"))
    assert sure(LIBRARIES, Name=MADE_UP["name"], Opened=MADE_UP["year"])["year_opened"] == "Opened"


@pytest.mark.parametrize(
    ("column", "values", "field"),
    [
        ("Library E-mail Address", MAILS, "email"),
        ("Library telephone", PHONES, "telephone"),
        ("Website of the library", LINKS, "documentation_url"),
        ("Full postcode", MADE_UP["postcode"], "postcode"),
        ("xyz", MADE_UP["postcode"], "postcode"),
    ],
)
def test_a_name_with_the_layers_words_around_it_or_values_of_one_kind_is_sure(
    column: str, values: Sequence[str], field: str
) -> None:
    assert sure(LIBRARIES, Name=MADE_UP["name"], **{column: values})[field] == column


@pytest.mark.parametrize("values", [[f"kml_{n}" for n in range(6)], [f"toilets.fid--3a_{n}" for n in range(6)]])
def test_what_software_made_up_is_neither_name_nor_reference(values: list[str]) -> None:
    assert not {"name", "reference"} & set(proposed(Name=values, Reference=values))


def test_derived_and_personal_fields_are_never_proposed() -> None:
    columns = {name: MADE_UP["hours"] for name in ("opening_hours_osm", "Opening hours (OSM)")}
    assert TOILETS.fields["opening_hours_osm"].derived_from and "opening_hours_osm" not in proposed(TOILETS, **columns)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("PollingPlaceAddress1", ("polling", "place", "address")),
        ("POST_CODE", ("postcode",)),
        ("OSGridRef", ("os", "grid", "ref")),
        ("_24hrsAccess", ("hrs", "access")),
    ],
)
def test_names_fall_into_words(name: str, words: tuple[str, ...]) -> None:
    assert words_of(name) == words
