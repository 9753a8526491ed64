"""Schema drift: a column that was used last time and is renamed, gone, emptied or of another kind never becomes silent
nulls. What its values prove goes on with an issue; the rest is held with a mending that a person can act on."""

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl
import pytest

from datasets.layer import find_layer
from datasets.vocabulary import Outcome
from harvesters.columns.drift import Drift, find_drift
from harvesters.columns.memory import Memory, last_read
from harvesters.columns.profile import profile, read_profile, same_shape, shared_values
from harvesters.gates.approvals import Acceptance
from harvesters.map import propose
from harvesters.run import RunReport
from tests.builders import Desk, csv_bytes, feed_of, table, toilet, toilets
from tests.test_mapping import AROUND

LAYER = find_layer("public-toilets")
Columns = Mapping[str, Sequence[object]]


def many(kind: str, count: int = 30) -> list[str]:
    """So many made-up values of a kind, all different."""
    made = {
        "name": lambda n: f"Convenience {n} of the Green",
        "address": lambda n: f"{n} Mere Lane, Ashmere",
        "postcode": lambda n: f"ZZ{n} 1AB",
        "other postcode": lambda n: f"ZY{n} 9XY",
        "date": lambda n: f"{n % 28 + 1:02}/05/2015",
        "mail": lambda n: f"desk{n}@example.org",
        "code": lambda n: f"ASH{n}",
    }
    return [made[kind](n) for n in range(1, count + 1)]


FIRST = {"Name": many("name"), "PCODE": many("postcode"), "Comments": many("address")}


def drifted(now: Columns, before: Columns = FIRST, **given: Any) -> Drift:
    """What is said of a file of these columns when the last one had those."""
    feed, read = feed_of(**given), table(before)
    mapping = propose(feed_of(), LAYER, read, AROUND)
    last = last_read(mapping.document(), read.columns)
    opened = table(now)
    found = propose(feed, LAYER, opened, AROUND, Memory(last=last))
    return find_drift(feed, LAYER, opened, found, last)


def held(found: Drift) -> str:
    return " ".join(sentence for _, sentence in found.doubts)


def noted(found: Drift) -> list[str]:
    return [message for issue in found.issues for message in issue["message"]]


def without(*columns: str) -> dict[str, list[str]]:
    return {name: values for name, values in FIRST.items() if name not in columns}


def test_the_same_columns_are_no_drift_and_neither_are_others_that_say_nothing() -> None:
    assert drifted(FIRST) == Drift() and drifted({**FIRST, "Colour": ["red"] * 30}) == Drift()


def test_a_file_that_nobody_has_seen_has_not_drifted() -> None:
    opened = table(FIRST)
    assert find_drift(feed_of(), LAYER, opened, propose(feed_of(), LAYER, opened, AROUND), None) == Drift()


def test_a_renamed_column_with_the_same_values_goes_on_and_is_noted() -> None:
    found = drifted({**without("PCODE"), "Postal": FIRST["PCODE"]})
    assert found.doubts == ()
    [told] = noted(found)
    assert told.startswith("'PCODE' is called 'Postal' now: about 100% of the values are the same")
    assert "the postcode" in told


def test_a_renamed_column_with_other_values_of_its_kind_is_held_with_the_mending() -> None:
    told = held(drifted({**without("PCODE"), "Postal": many("other postcode")}))
    assert "'PCODE' gave the postcode and is gone; 'Postal' is new" in told
    assert "100% of its values are postcodes as those of 'PCODE' were" in told
    assert "citywide feeds confirm ashmere-toilets --map postcode=Postal" in told


def test_a_dropped_column_is_held_and_told_that_nothing_looks_like_it() -> None:
    told = held(drifted(without("PCODE")))
    assert "'PCODE' gave the postcode and is gone; no new column looks like it" in told
    assert "--map postcode=COLUMN" in told


def test_a_column_that_only_the_name_would_replace_is_held() -> None:
    """An exact name is no proof: its values are not those of last time."""
    told = held(drifted({**without("Name"), "Site Name": many("address")}))
    assert "'Name' gave the name and is gone; 'Site Name' is new" in told and "--map 'name=Site Name'" in told


def test_a_dropped_column_that_the_feed_states_anew_is_decided() -> None:
    now = {**without("PCODE"), "Postal": many("other postcode")}
    assert drifted(now, mapping={"postcode": {"column": "Postal"}}) == Drift()


def test_two_new_columns_with_the_same_values_are_not_guessed_between() -> None:
    told = held(drifted({**without("PCODE"), "Postal": FIRST["PCODE"], "Postal 2": FIRST["PCODE"]}))
    assert "'PCODE' gave the postcode and is gone" in told


def test_columns_of_yes_and_no_are_known_by_their_names_alone() -> None:
    flags = ["Yes", "No"] * 15
    before = {**FIRST, "Radar Key": flags}
    told = held(drifted({**FIRST, "Baby Change": flags}, before))
    assert "'Radar Key' gave the RADAR key needed and is gone" in told
    assert drifted({**FIRST, "RADARkeys": flags}, before).doubts == ()


def test_a_column_of_another_kind_is_held_where_the_layer_needs_it() -> None:
    told = held(drifted({**FIRST, "Name": many("mail")}))
    assert "'Name' gives the name: 0% of its values were e-mail addresses, and 100% are now" in told


def test_a_column_of_another_kind_is_noted_where_the_layer_can_do_without() -> None:
    found = drifted({**FIRST, "PCODE": many("name")})
    assert found.doubts == ()
    assert "100% of its values could be read as postcode, and 0% can now" in noted(found)[0]


@pytest.mark.parametrize(("wrong", "told"), [(20, True), (10, False)])
def test_a_kind_collapses_when_less_than_half_as_many_values_fit(wrong: int, told: bool) -> None:
    values = [*many("name", wrong), *many("postcode", 30 - wrong)]
    assert bool(noted(drifted({**FIRST, "PCODE": values}))) is told


def test_an_emptied_column_is_told() -> None:
    found = drifted({**FIRST, "PCODE": [*many("postcode", 1), *[None] * 29]})
    assert "100% of its rows had a value, and 3% have one now" in noted(found)[0]
    assert "100% of its rows had a value" in held(drifted({**FIRST, "Name": [None] * 30}))


def test_a_new_column_that_is_surely_a_field_is_read_and_noted() -> None:
    assert noted(drifted({**FIRST, "Opening Hours": ["24 hours"] * 30})) == [
        "'Opening Hours' is new and is read as the opening hours (a name seen before)."
    ]


def test_a_new_column_that_may_be_a_field_is_proposed() -> None:
    [told] = noted(drifted({**FIRST, "Oppening hour": ["24 hours"] * 30}))
    assert "'Oppening hour' is new and may be the opening hours, which nothing gives" in told
    assert "--map 'opening_hours=Oppening hour'" in told


PLACED = {**FIRST, "Easting": [str(645_700 + n) for n in range(30)], "Northing": [str(407_800 + n) for n in range(30)]}


def test_coordinates_under_new_names_go_on_when_they_are_the_same() -> None:
    now = {("X" if name == "Easting" else "Y" if name == "Northing" else name): v for name, v in PLACED.items()}
    found = drifted(now, PLACED)
    assert found.doubts == () and len(noted(found)) == 2 and "giving the coordinates" in noted(found)[0]


def test_coordinates_that_are_others_under_other_names_are_held() -> None:
    other = {"X": [str(645_900 + n) for n in range(30)], "Y": [str(408_900 + n) for n in range(30)]}
    told = held(drifted({**FIRST, **other}, PLACED))
    assert "'Easting' and 'Northing' said where things are and are gone; 'X' and 'Y' would be read" in told
    assert "--location xy:X,Y" in told


def test_a_profile_survives_being_kept_and_holds_no_value() -> None:
    seen = profile(pl.Series(many("name")))
    assert read_profile(seen.document()) == read_profile(read_profile(seen.document()).document())
    assert shared_values(seen, read_profile(seen.document())) == 1.0
    assert "Convenience" not in str(seen.document())


def test_nothing_is_kept_of_the_values_that_reach_people() -> None:
    assert profile(pl.Series(many("mail"))).digests == ()
    assert profile(pl.Series([f"01632 960{n:03}" for n in range(30)])).digests == ()


def test_columns_share_as_many_digests_as_values() -> None:
    whole, half = profile(pl.Series(many("name", 200))), profile(pl.Series(many("name", 400)))
    assert 0.25 < shared_values(whole, half) < 0.75
    assert shared_values(whole, profile(pl.Series(many("code", 200)))) == 0.0
    assert same_shape(whole, half) and not same_shape(whole, profile(pl.Series(many("code"))))


def renamed(rows: Sequence[Mapping[str, object]], old: str, new: str) -> list[dict[str, object]]:
    return [{new if name == old else name: value for name, value in row.items()} for row in rows]


def messages(report: RunReport, code: str) -> list[str]:
    return report.issues.filter(pl.col("code") == code)["message"].to_list()


def test_a_harvest_follows_a_renamed_column_and_publishes_nothing_new(desk: Desk) -> None:
    desk.harvest(toilets(40))
    report = desk.harvest(renamed(toilets(40), "Address", "Wo"))
    assert report.outcome is Outcome.UNCHANGED
    assert "'Address' is called 'Wo' now" in messages(report, "W-COLUMNS-CHANGED")[0]
    assert desk.harvest(renamed(toilets(41), "Address", "Wo")).diff.inserted == 1  # type: ignore[union-attr]
    assert {row["address"] for row in desk.rows("address")} == {f"{n} Mere Lane" for n in range(1, 42)}


def test_a_harvest_without_a_needed_column_is_held_as_drift_and_the_good_rows_stay(desk: Desk) -> None:
    desk.harvest(toilets(40))
    before = desk.rows()
    rows = [{name: value for name, value in row.items() if name not in ("Name", "Address")} for row in toilets(40)]
    report = desk.harvest(rows)
    assert (report.outcome, report.code) == (Outcome.HELD, "W-SCHEMA-DRIFT")
    assert "'Name' gave the name and is gone" in report.message and desk.rows() == before


def test_drift_that_a_person_accepted_is_not_asked_about_again(desk: Desk) -> None:
    desk.harvest(toilets(40))
    rows = [{name: value for name, value in row.items() if name != "Opening Hours"} for row in toilets(40)]
    assert desk.harvest(rows).code == "W-SCHEMA-DRIFT"
    assert (
        desk.harvest(rows, Acceptance(frozenset({"W-SCHEMA-DRIFT"}), "No hours any more.")).outcome is Outcome.PUBLISHED
    )
    assert desk.harvest([*rows, {**rows[0], "Ref": "T900", "Name": "Another"}]).outcome is Outcome.PUBLISHED


def test_a_renamed_column_of_few_rows_is_held_and_the_good_data_stays(desk: Desk) -> None:
    desk.harvest(toilets(5))
    before = desk.rows()
    report = desk.harvest(renamed(toilets(6), "Name", "Site Name"))
    assert (report.outcome, report.code) == (Outcome.HELD, "W-SCHEMA-DRIFT")
    assert "'Name' gave the name and is gone; 'Site Name' is new" in report.message
    assert desk.rows() == before


def test_bytes_that_say_the_same_are_not_drift(desk: Desk) -> None:
    desk.harvest(toilets(10))
    assert desk.harvest(csv_bytes([toilet(n) for n in range(1, 11)])).outcome is Outcome.UNCHANGED
