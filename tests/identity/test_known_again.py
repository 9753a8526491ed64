"""A feature keeps its id when a council republishes, renumbers, reorders or moves it a little; what is another thing
gets another id, and an id is never given twice."""

from collections.abc import Mapping, Sequence

import pytest

from datasets.vocabulary import Rung
from tests.builders import EAST, NORTH, Desk, query, toilet, toilets
from tests.test_publish import Shelf

Row = Mapping[str, object]


def ids(desk: Desk, by: str = "name") -> dict[str, tuple[str, int]]:
    """Feature id and fid of what stands and is not missing."""
    rows = desk.rows(f"{by}, feature_id, fid, missing_since")
    return {row[by]: (row["feature_id"], row["fid"]) for row in rows if row["missing_since"] is None}


def renumbered(rows: Sequence[Row], by: int = 500) -> list[dict[str, object]]:
    return [{**row, "Ref": f"N{number + by}"} for number, row in enumerate(rows)]


def moved(row: Row, east: float, north: float = 0.0) -> dict[str, object]:
    return {**row, "Easting": row["Easting"] + east, "Northing": row["Northing"] + north}  # type: ignore[operator]


def test_new_references_for_all_keep_every_id(desk: Desk) -> None:
    desk.harvest(toilets(30))
    before = ids(desk)
    report = desk.harvest(renumbered(toilets(30))[::-1])
    assert ids(desk) == before
    assert report.diff is not None and (report.diff.updated, report.diff.total) == (30, 30)
    assert {row["reference"] for row in desk.rows("reference")} == {f"N{number}" for number in range(500, 530)}


def test_the_change_says_that_it_moved_and_what_was_before(desk: Desk) -> None:
    desk.harvest(toilets(3))
    desk.harvest([*toilets(2), toilet(3, Ref="NEW")])
    [change] = query(desk.tools.engine, "SELECT op, cause, feature_id, before FROM layers.change")
    [row] = [row for row in desk.rows("reference, feature_id") if row["reference"] == "NEW"]
    assert (change["op"], change["cause"], change["feature_id"]) == ("update", "move", row["feature_id"])
    assert change["before"]["reference"] == "T003" and change["before"]["key"] == "t003"


def test_a_plain_change_is_a_harvests(desk: Desk) -> None:
    desk.harvest(toilets(3))
    desk.harvest([*toilets(2), toilet(3, Address="9 New Lane")])
    assert query(desk.tools.engine, "SELECT op, cause FROM layers.change") == [{"op": "update", "cause": "harvest"}]


@pytest.mark.parametrize(
    "then",
    [
        moved(toilet(3, Ref="NEW"), 1.5, -1.5),
        moved(toilet(3, Ref="NEW", Address="The Mere", **{"Opening Hours": "9 to 5"}), 30),
        toilet(3, Ref="NEW", Name="Renamed"),
    ],
    ids=["moved a little", "moved and mended under its name", "renamed where it stands"],
)
def test_a_new_reference_with_another_change_keeps_the_id(desk: Desk, then: Row) -> None:
    desk.harvest(toilets(10))
    before = set(ids(desk).values())
    desk.harvest([*toilets(2), *toilets(7, first=4), then])
    assert set(ids(desk).values()) == before


@pytest.mark.parametrize(
    "then",
    [
        toilet(3, Ref="NEW", Name="Other", Address="Elsewhere", **{"Opening Hours": "9 to 5"}),
        moved(toilet(3, Ref="NEW", Name="Other"), 12),
        moved(toilet(3, Ref="NEW"), 70),
        toilet(300, Ref="NEW"),
    ],
    ids=["something else at its place", "a neighbour", "of its name but far off", "elsewhere"],
)
def test_another_thing_gets_another_id(desk: Desk, then: Row) -> None:
    desk.harvest(toilets(10))
    before = ids(desk, "reference")
    report = desk.harvest([*toilets(2), *toilets(7, first=4), then])
    assert ids(desk, "reference")["NEW"] not in before.values()
    assert report.diff is not None and (report.diff.inserted, report.diff.missing) == (1, 1)


def test_two_that_swapped_their_names_keep_their_ids_by_their_references(desk: Desk) -> None:
    desk.harvest(toilets(10))
    before = ids(desk, "reference")
    rows = [*toilets(8), toilet(9, Name="Convenience 10"), toilet(10, Name="Convenience 9")]
    desk.harvest(rows)
    assert ids(desk, "reference") == before


def test_what_could_be_either_of_two_is_left_alone(desk: Desk) -> None:
    twins = [{**toilet(3, Ref=ref), "Name": "Twins", "Easting": EAST + 7 + n * 0.6} for n, ref in enumerate("AB")]
    desk.harvest([*toilets(8, first=10), *twins])
    before = ids(desk, "reference")
    one = {**twins[0], "Ref": "C", "Easting": EAST + 7.3}
    desk.harvest([*toilets(8, first=10), one])
    assert ids(desk, "reference")["C"] not in before.values()


def test_an_incomplete_slice_makes_nothing_known_again(desk: Desk) -> None:
    shelf = Shelf(desk.tools.engine)
    shelf.publish({"a": "Ash Lane", "b": "Birch Road"})
    diff = shelf.publish({"a": "Ash Lane", "k": "Birch Road"}, complete=False)
    assert (diff.inserted, diff.total) == (1, 1)
    assert shelf.publish({"a": "Ash Lane", "j": "Birch Road"}).updated == 1


def test_a_key_that_comes_back_for_another_thing_mints_another_id(desk: Desk) -> None:
    desk.harvest(toilets(10))
    third = ids(desk)["Convenience 3"]
    desk.harvest([*toilets(2), *toilets(7, first=4), toilet(3, Ref="NEW")])
    assert ids(desk)["Convenience 3"] == third
    desk.harvest([*toilets(2), *toilets(7, first=4), toilet(3, Ref="NEW"), toilet(30, Ref="T003")])
    found = ids(desk)
    assert found["Convenience 3"] == third and found["Convenience 30"][0] != third[0] and len(found) == 11


def test_a_feature_that_was_missing_is_known_again_and_restored(desk: Desk) -> None:
    desk.harvest(toilets(10))
    third = ids(desk)["Convenience 3"]
    desk.harvest([*toilets(2), *toilets(7, first=4)])
    report = desk.harvest([*toilets(2), *toilets(7, first=4), toilet(3, Ref="NEW")])
    assert ids(desk)["Convenience 3"] == third
    assert report.diff is not None and (report.diff.restored, report.diff.total) == (1, 1)


def test_features_without_a_reference_are_known_by_the_nearest(desk: Desk) -> None:
    rows = [{**toilet(n), "Name": f"Public toilet {n // 2}", "Address": "High Street"} for n in range(20)]
    bare = [{key: value for key, value in row.items() if key != "Ref"} for row in rows]
    same = [{**row, "Easting": EAST, "Northing": NORTH + 30 * (n // 2), "Notes": f"{n}"} for n, row in enumerate(bare)]
    desk.harvest(same)
    assert desk.rows("rung")[0]["rung"] == Rung.FINGERPRINT
    before = ids(desk, "notes")
    one = [*same[:7], {**same[7], "Easting": EAST + 4}, *same[8:]]
    desk.harvest(one)
    assert ids(desk, "notes") == before
