"""Recognising features in another way is a migration: a person is told what becomes of the ids and accepts it; what is
known again keeps its id, what became one with another leads on to it, and the rest ends at once."""

from collections.abc import Mapping, Sequence

import pytest

from datasets.issues import issue_codes
from datasets.vocabulary import Outcome
from harvesters.run import Acceptance
from tests.builders import Desk, query, toilet, toilets

Row = Mapping[str, object]
YES = Acceptance(frozenset(issue_codes()), "They have references now.")


def unreferenced(rows: Sequence[Row]) -> list[dict[str, object]]:
    return [{name: value for name, value in row.items() if name != "Ref"} for row in rows]


def ids(desk: Desk) -> dict[str, str]:
    return {row["name"]: row["feature_id"] for row in desk.rows("name, feature_id")}


def redirects(desk: Desk) -> dict[str, str]:
    rows = query(desk.tools.engine, "SELECT old_id, new_id FROM citywide.redirect")
    return {row["old_id"]: row["new_id"] for row in rows}


def test_a_lost_reference_column_is_held_and_says_how_many_keep_their_id(desk: Desk) -> None:
    desk.harvest(toilets(20))
    before = ids(desk)
    report = desk.harvest(unreferenced([*toilets(18), toilet(40)]))
    assert report.outcome is Outcome.HELD and "by their natural key" in report.message
    assert "18 would keep their id, 2 would end and 1 would be new" in report.message
    assert ids(desk) == before and redirects(desk) == {}


def test_once_accepted_what_is_known_again_keeps_its_id_and_the_rest_ends_at_once(desk: Desk) -> None:
    desk.harvest(toilets(20))
    before = ids(desk)
    report = desk.harvest(unreferenced([*toilets(18), toilet(40)]), accept=YES)
    assert report.diff is not None
    assert (report.diff.updated, report.diff.ended, report.diff.inserted, report.diff.missing) == (18, 2, 1, 0)
    after, gone = ids(desk), {"Convenience 19", "Convenience 20"}
    assert {name: after[name] for name in after if name in before} == {n: before[n] for n in set(before) - gone}
    ended = query(desk.tools.engine, "SELECT feature_id, cause, before FROM layers.change WHERE op = 'end'")
    assert {row["feature_id"] for row in ended} == {before[name] for name in gone}
    assert {row["cause"] for row in ended} == {"move"} and all(row["before"] for row in ended)


def test_two_old_ones_that_became_one_lead_to_it(desk: Desk) -> None:
    desk.harvest([*toilets(20), toilet(20, Ref="T020b", **{"Opening Hours": "9 to 5"})])
    old = {row["reference"]: row["feature_id"] for row in desk.rows("reference, feature_id")}
    report = desk.harvest(unreferenced(toilets(20)), accept=YES)
    assert report.diff is not None and (report.diff.updated, report.diff.ended, report.diff.inserted) == (20, 1, 0)
    assert redirects(desk) == {old["T020b"]: old["T020"]}
    assert ids(desk)["Convenience 20"] == old["T020"]


def test_losing_the_references_again_brings_the_same_ids(desk: Desk) -> None:
    desk.harvest(toilets(20))
    before = ids(desk)
    desk.harvest(unreferenced(toilets(20)), accept=YES)
    assert ids(desk) == before
    desk.harvest(toilets(20)[::-1], accept=YES)
    assert ids(desk) == before


@pytest.mark.parametrize("written", ["{{{}}}", "{}"])
def test_a_global_id_is_a_rung_of_its_own(desk: Desk, written: str) -> None:
    made = [f"0A1B2C3D-0000-4000-8000-{number:012X}" for number in range(20)]
    rows = [
        {**row, "GlobalID": written.format(uuid)} for row, uuid in zip(unreferenced(toilets(20)), made, strict=True)
    ]
    desk.harvest(rows)
    assert {row["rung"] for row in desk.rows("rung")} == {"platform"}
    before = desk.rows("key, feature_id")
    desk.harvest([{**row, "Name": f"Renamed {n}", "Northing": row["Northing"] + 90} for n, row in enumerate(rows)])  # type: ignore[operator]
    assert desk.rows("key, feature_id") == before and before[0]["key"] == made[0].lower()
