"""Each detector finds its kind and lets pass what only looks like it."""

import polars as pl
import pytest

from datasets.issues import row_issues
from datasets.layer import find_layer
from datasets.vocabulary import Action
from harvesters.batch import ROW_NO, Batch
from harvesters.personal import email, named_person, nhs, phone
from harvesters.personal.conceal import concealed, concealed_issues, concealed_name
from harvesters.personal.scan import LISTED_ROWS, detectors, suspects
from harvesters.personal.small_numbers import without_small_numbers


@pytest.mark.parametrize(
    ("address", "personal"),
    [
        ("jane.example@example.org", True),
        ("j.quill@example.org", True),
        ("jane@example.org", True),
        ("zquill@gmail.com", True),
        ("jane.quill-parks@example.org", False),
        ("info@example.org", False),
        ("parks.team@example.org", False),
        ("mereside@example.org", False),
        ("villagehall.mere@gmail.com", False),
        ("chelsea.library@gmail.com", False),
        ("david.hall@gmail.com", True),
        ("john.parker@btinternet.com", True),
        ("sarah.church@hotmail.com", True),
        ("d.hall@gmail.com", True),
    ],
)
def test_mailboxes_of_people_and_of_roles_are_told_apart(address: str, personal: bool) -> None:
    box, _, domain = address.partition("@")
    assert email.is_personal(box, domain) is personal


@pytest.mark.parametrize("text", ["53.447842659399", "SJ5307700900456", "0207 946 0456", "T07700900456789"])
def test_digits_within_other_numbers_are_no_mobile(text: str) -> None:
    assert list(phone.find(text)) == []


def test_a_column_of_nhs_numbers_is_one_and_a_column_with_one_other_is_not() -> None:
    numbers = ["9991235930", "9991237305", "9991238670", "9991240047", "9991241418"]
    assert nhs.fills(pl.Series(numbers)) and not nhs.fills(pl.Series([*numbers, "9991235931"]))
    assert not nhs.fills(pl.Series(numbers[:4]))


def test_a_name_alone_is_a_person_only_where_people_are_named() -> None:
    assert named_person.is_a_name("Sarah Bennett") and not named_person.is_a_name("Victoria Park")
    frame = pl.DataFrame({ROW_NO: [2], "managed_by": ["Sarah Bennett"], "address": ["Sarah Bennett"]})
    [found] = suspects(frame, find_layer("public-toilets"))
    assert found.select("field", "row_no", "value").row(0) == ("managed_by", 2, None)


def test_the_dead_who_are_remembered_are_no_personal_data() -> None:
    assert list(named_person.find("Tomb of Mrs Zebedee Quillfeather")) == []


def test_what_is_shown_has_the_place_of_it_blotted_out() -> None:
    assert concealed("Ring 07700 900456, Jane.Example@example.org") == "Ring ▒▒▒, ▒▒▒"
    assert concealed_name("FoI - Jane Quill.xlsx") == "FoI - ▒▒▒.xlsx"
    assert concealed_name("Victoria Park toilets.csv") == "Victoria Park toilets.csv"


def test_every_kind_has_a_hint_that_polars_reads() -> None:
    for detector in detectors():
        pl.Series(["text"]).str.contains(detector.hint)


def test_small_numbers_of_people_are_left_out_where_a_layer_counts_people() -> None:
    layer = find_layer("brownfield-land")
    field = next(name for name, each in layer.fields.items() if each.type == "integer")
    batch = Batch(pl.DataFrame({ROW_NO: [2, 3, 4, 5], field: [0, 4, 5, None]}))
    kept, issues = without_small_numbers(batch, layer.model_copy(update={"counts_people": True}))
    assert kept.frame[field].to_list() == [0, None, 5, None]
    assert [issue.select("code", "row_no", "value").row(0) for issue in issues] == [
        ("small-number-suppressed", 3, None)
    ]
    assert without_small_numbers(batch, layer) == (batch, [])


def test_beyond_the_rows_that_are_listed_no_value_of_a_suspected_field_is_told_either() -> None:
    rows = pl.Series("row_no", range(2, LISTED_ROWS + 4))
    frame = pl.DataFrame({ROW_NO: rows, "notes": ["Keyholder: Jane Quillfeather"] * len(rows)})
    secret = ["Quillfeather"] * len(rows)
    other = row_issues("invalid date", rows, action=Action.BLANKED, field="notes", values=secret)
    plain = row_issues("invalid date", rows, action=Action.BLANKED, field="name", values=["Hut"] * len(rows))
    told = concealed_issues([*suspects(frame, find_layer("public-toilets")), other, plain])
    assert told["value"].drop_nulls().unique().to_list() == ["Hut"]
