"""Features are told apart by the first rung of the ladder that is filled and unique over the file: the council's
reference, a national number, the natural key, a fingerprint. No row is lost to a bad key."""

from collections.abc import Sequence

import numpy as np
import polars as pl
import pytest
import shapely

from datasets.issues import all_issues
from datasets.layer import find_layer
from datasets.vocabulary import Rung
from harvesters.batch import ROW_NO, Batch
from harvesters.key import key
from harvesters.type import type_values
from tests.builders import LAT, LON, Desk, counts, table, toilet, toilets

TOILETS = find_layer("public-toilets")


def batch(apart: bool = True, **fields: Sequence[str | None]) -> Batch:
    """Rows with these fields, each at a place of its own, or all at one."""
    count = len(next(iter(fields.values())))
    columns = {name: pl.Series(values, dtype=pl.String) for name, values in fields.items()}
    frame = pl.DataFrame({ROW_NO: pl.Series(range(2, count + 2), dtype=pl.Int64), **columns})
    places = [shapely.Point(LON + apart * number / 1000, LAT) for number in range(count)]
    return Batch(type_values(Batch(frame), TOILETS)[0].frame, np.array(places, dtype=object))


def keyed(rows: Batch, last: Rung | None = None) -> tuple[list[str], Rung, dict[str, list[int | None]]]:
    """The keys, the rung, and the rows of each issue."""
    result, rung, parts = key(rows, TOILETS, last)
    issues = all_issues(parts).group_by("code").agg("row_no")
    return result.frame["key"].to_list(), rung, {code: sorted(rows) for code, rows in issues.rows()}


def test_the_councils_reference_comes_first() -> None:
    rows = batch(reference=["A/1", "A/2"], uprn=["100", "101"], name=["Ash", "Birch"])
    assert keyed(rows) == (["a/1", "a/2"], Rung.REFERENCE, {})


def test_case_and_outer_space_of_a_reference_do_not_matter_but_punctuation_does() -> None:
    assert keyed(batch(reference=["TPO/1/2", " tpo12 "]))[0] == ["tpo/1/2", "tpo12"]


def test_a_national_number_is_next() -> None:
    rows = batch(uprn=["100", "101"], name=["Ash", "Ash"])
    assert keyed(rows)[:2] == (["100", "101"], Rung.NATIONAL)


def test_any_national_number_of_the_layer_will_do_and_the_first_that_tells_rows_apart() -> None:
    fields = {**TOILETS.fields, "urn": TOILETS.fields["reference"].model_copy(update={"national": True})}
    layer = TOILETS.model_copy(update={"fields": fields})
    rows = batch(uprn=["100", "100"], name=["Ash", "Ash"]).with_columns(urn=pl.Series(["7", "8"]))
    result, rung, _ = key(rows, layer)
    assert (rung, result.frame["key"].to_list()) == (Rung.NATIONAL, ["7", "8"])


UUIDS = ["0a1b2c3d-0000-4000-8000-000000000001", "0A1B2C3D-0000-4000-8000-000000000002"]


@pytest.mark.parametrize(
    ("column", "values", "rung"),
    [
        ("GlobalID", UUIDS, Rung.PLATFORM),
        ("asset_uuid", [f"{{{one}}}" for one in UUIDS], Rung.PLATFORM),
        ("GlobalID", [UUIDS[0], UUIDS[0]], Rung.NATURAL),
        ("GlobalID", ["1", "2"], Rung.NATURAL),
        ("OBJECTID", UUIDS, Rung.NATURAL),
    ],
    ids=["a global id", "of the publisher", "repeated", "only numbers", "numbered anew"],
)
def test_a_lasting_key_of_the_platform_comes_after_the_reference(column: str, values: list[str], rung: Rung) -> None:
    rows = batch(name=["Ash", "Birch"])
    opened = table({column: values})
    assert key(rows, TOILETS, None, opened)[1] is rung
    assert key(batch(reference=["A", "B"], name=["Ash", "Birch"]), TOILETS, None, opened)[1] is Rung.REFERENCE


def test_a_lasting_key_follows_its_row_where_others_were_left_out() -> None:
    rows = batch(name=["Ash", "Birch"]).keep(pl.Series([False, True]))
    assert key(rows, TOILETS, None, table({"uuid": UUIDS}))[0].frame["key"].to_list() == [UUIDS[1].lower()]


def test_ids_that_a_server_makes_up_for_each_answer_are_no_references() -> None:
    made_up = ["toilets.fid--1a2b_17c", "toilets.fid--1a2b_17d"]
    assert keyed(batch(reference=made_up, name=["Ash", "Birch"]))[1] is Rung.NATURAL
    assert keyed(batch(reference=["toilets.1", "toilets.2"], name=["Ash", "Birch"]))[1] is Rung.REFERENCE


def test_then_name_and_address_and_where_they_repeat_the_place_as_well() -> None:
    assert keyed(batch(name=["Ash", "Birch"], address=["1 Mere Lane", None]))[:2] == (
        ["ash|1 mere lane", "birch|"],
        Rung.NATURAL,
    )
    keys, rung, _ = keyed(batch(name=["Ash", "Ash"]))
    assert rung is Rung.NATURAL_WITH_PLACE and len(set(keys)) == 2 and all(k.startswith("ash|@") for k in keys)


def test_a_fingerprint_is_last_and_said_to_be_weak() -> None:
    keys, rung, issues = keyed(batch(apart=False, name=["Ash", "Ash"], notes=["upstairs", "downstairs"]))
    assert rung is Rung.FINGERPRINT and len(set(keys)) == 2
    assert issues == {"weak-identity": [None]}


def test_rows_that_share_a_reference_each_keep_a_key_and_are_reported() -> None:
    references = [f"A{number}" for number in range(300)]
    references[7] = "A6"
    keys, rung, issues = keyed(batch(reference=references, name=references))
    assert rung is Rung.REFERENCE and len(set(keys)) == 300 and set(keys[6:8]) == {"a6", "a6\x1f2"}
    assert issues == {"reference not unique": [8, 9]}


def test_a_row_without_a_reference_has_a_key_and_is_reported() -> None:
    references: list[str | None] = [f"A{number}" for number in range(300)]
    references[4] = None
    keys, rung, issues = keyed(batch(reference=references))
    assert rung is Rung.REFERENCE and len(keys[4]) == 24 and len(set(keys)) == 300
    assert issues == {"reference missing": [6]}


def test_a_reference_that_often_repeats_is_no_key_but_its_rows_are_reported() -> None:
    keys, rung, issues = keyed(batch(reference=["A", "A", "B", "C"], name=["Ash", "Beech", "Cherry", "Elm"]))
    assert (rung, keys[0]) == (Rung.NATURAL, "ash|") and issues == {"reference not unique": [2, 3]}


def test_the_rung_of_last_time_is_kept_through_a_few_bad_rows() -> None:
    references = [f"A{number}" for number in range(100)]
    references[50] = "A49"
    rows = batch(reference=references, name=[f"Toilet {number}" for number in range(100)])
    assert keyed(rows)[1] is Rung.NATURAL
    assert keyed(rows, last=Rung.REFERENCE)[1] is Rung.REFERENCE


def test_a_row_repeated_exactly_is_dropped_with_an_issue() -> None:
    rows = batch(apart=False, reference=["A", "A", "B"], name=["Ash", "Ash", "Beech"])
    assert keyed(rows) == (["a", "b"], Rung.REFERENCE, {"duplicate row": [3]})


def test_rows_alike_in_everything_but_one_value_are_all_kept() -> None:
    keys, _, issues = keyed(batch(apart=False, name=["Ash", "Ash"], notes=["A", "B"]))
    assert len(keys) == 2 and "duplicate row" not in issues


def test_keys_do_not_depend_on_the_order_of_rows() -> None:
    names = ["Ash", "Ash", "Beech"]
    rows = batch(name=names)
    assert rows.geometry is not None
    turned = Batch(rows.frame.reverse(), rows.geometry[::-1])
    assert keyed(rows)[0] == keyed(turned)[0][::-1]


def test_a_file_republished_in_another_order_keeps_every_feature_id(desk: Desk) -> None:
    desk.harvest(toilets(30))
    before = desk.rows("key, feature_id, fid")
    report = desk.harvest(toilets(30)[::-1])
    assert desk.rows("key, feature_id, fid") == before
    assert report.diff is not None and report.diff.total == 0


def test_reordered_rows_that_share_a_reference_keep_their_ids_by_what_they_are(desk: Desk) -> None:
    rows = [*toilets(300), toilet(301, Ref="T007")]
    desk.harvest(rows)
    before = {row["name"]: row["feature_id"] for row in desk.rows("name, feature_id")}
    desk.harvest(rows[::-1])
    assert {row["name"]: row["feature_id"] for row in desk.rows("name, feature_id")} == before


def test_a_file_without_references_keeps_its_ids_when_other_values_change(desk: Desk) -> None:
    rows = [{name: value for name, value in row.items() if name != "Ref"} for row in toilets(20)]
    desk.harvest(rows)
    before = desk.rows("key, feature_id")
    report = desk.harvest([{**row, "Opening Hours": "9 to 5"} for row in rows[::-1]])
    assert desk.rows("key, feature_id") == before
    assert report.diff is not None and report.diff.updated == report.diff.total == 20


def test_ids_repeated_throughout_the_file_lose_no_row(desk: Desk) -> None:
    report = desk.harvest([toilet(number, Ref="T1" if number % 2 else "T2") for number in range(1, 21)])
    assert report.values["features"] == 20 == len(desk.rows())
    assert counts(report).get("reference not unique", 20) == 20


def test_names_that_begin_to_repeat_change_the_rung_and_not_the_keys_in_silence() -> None:
    names = [f"Toilet {number}" for number in range(100)]
    assert keyed(batch(name=names))[1] is Rung.NATURAL
    assert keyed(batch(name=[*names, "Toilet 1"]))[1] is Rung.NATURAL_WITH_PLACE


def test_a_few_names_that_repeat_do_not_change_the_rung_of_last_time() -> None:
    names = [f"Toilet {number}" for number in range(100)]
    assert keyed(batch(name=[*names, "Toilet 1"]), Rung.NATURAL)[1] is Rung.NATURAL


def test_a_counted_reference_never_meets_a_real_one() -> None:
    references = [*(f"R{number}" for number in range(400)), "R0", "R0#2"]
    names = [f"Toilet {number}" for number in range(402)]
    keys = keyed(batch(reference=references, name=names))[0]
    assert len(set(keys)) == 402
