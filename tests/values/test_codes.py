"""Codelists: found by any spelling of the same words, refused where a value is merely near an official one."""

import pytest
from columns import codes, field_of, read, told

from datasets.vocabulary import FieldType

KIND = field_of(
    FieldType.CODE,
    codes={"Female and Male": ("ladies & gents", "m/f"), "Male urinal": ("urinal",), "LAL": (), "LAL-": ("council",)},
)
KINDS = field_of(FieldType.CODES, codes={"Glass": (), "Paper": ("card",), "Cans": ("tins",)})


@pytest.mark.parametrize(
    ("written", "official"),
    [("female and male", "Female and Male"), ("FEMALE & MALE", "Female and Male"), ("Urinals", "Male urinal"),
     ("Ladies and Gents.", "Female and Male"), ("male-urinal", "Male urinal"), ("lal-", "LAL-"), ("lal", "LAL"),
     ("councils", "LAL-")],
)  # fmt: skip
def test_case_blanks_punctuation_plural_and_synonyms_do_not_matter(written: str, official: str) -> None:
    assert read(KIND, written) == [official]
    assert told(KIND, written) == [("value-tidied", written, f"Taken as {official}.")]


def test_official_values_are_taken_without_an_issue() -> None:
    assert read(KIND, "Female and Male", "LAL") == ["Female and Male", "LAL"]
    assert codes(KIND, "Female and Male", "LAL") == []


def test_a_near_match_is_refused_and_the_nearest_official_value_named() -> None:
    assert read(KIND, "Femal and Male") == [None]
    nearest = "The nearest official value is 'Female and Male'."
    assert told(KIND, "Femal and Male") == [("invalid category value", "Femal and Male", nearest)]


def test_what_is_like_no_official_value_is_refused_without_a_name() -> None:
    assert told(KIND, "zzz") == [("invalid category value", "zzz", None)]


def test_a_spelling_that_two_values_share_tells_nothing() -> None:
    assert read(KIND, "l.a.l") == [None]


def test_several_codes_in_one_value_are_a_list_and_an_unknown_one_is_told() -> None:
    assert read(KINDS, "Glass; paper", "tins|card;robots", "Glass,Cans", None) == [
        ["Glass", "Paper"], ["Cans", "Paper"], ["Glass", "Cans"], None,
    ]  # fmt: skip
    assert ("invalid category value", "tins|card;robots", "Not known: robots.") in told(KINDS, "tins|card;robots")


def test_a_list_in_its_official_form_is_no_issue() -> None:
    assert codes(KINDS, "Glass; Paper; Cans", "Glass;Paper") == []
