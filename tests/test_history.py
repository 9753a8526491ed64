"""Every version of a feature can be read, a layer can be read as it stood, and who follows its changes has it as it
stands."""

import json
from datetime import timedelta
from typing import Any

import pytest
import shapely
from sqlalchemy import Engine, select, text

from datasets.errors import CitywideError
from datasets.store.versions.as_of import as_of, check_revision, revision_at
from datasets.store.versions.change_feed import Change, Position, changes_since
from datasets.store.versions.history import layer_of_feature, versions
from tests.builders import LAT, LON, query
from tests.test_publish import LAYER, MONDAY, WEEK, Shelf

PRESENT = """
    SELECT feature_id AS id, to_jsonb(t) - 'geom' AS said, ST_AsGeoJSON(geom, 15)::json AS shape
    FROM layers.public_toilets t
    """


@pytest.fixture
def shelf(engine: Engine) -> Shelf:
    return Shelf(engine)


def stood(engine: Engine, revision: int) -> dict[str, str]:
    """The names by key as the layer stood at the revision."""
    then = as_of(LAYER, revision)
    with engine.connect() as connection:
        return dict(connection.execute(select(then.c.key, then.c.name).order_by(then.c.key)).all())


def replayed(changes: list[Change]) -> dict[str, tuple[Any, Any]]:
    """What a copy of the layer holds that follows the changes."""
    copy: dict[str, tuple[Any, Any]] = {}
    for change in changes:
        assert (change.feature_id in copy) == (change.op not in ("insert", "restore") or change.feature_id in copy)
        if change.op == "end":
            del copy[change.feature_id]
        else:
            copy[change.feature_id] = (change.stands, change.geometry)
    return copy


def all_changes(engine: Engine, since: int = 0, limit: int = 1000) -> list[Change]:
    found: list[Change] = []
    page = changes_since(engine, LAYER, since, limit=limit)
    found += page.changes
    while page.after:
        page = changes_since(engine, LAYER, since, limit=limit, after=Position.read(str(page.after)))
        found += page.changes
    return found


def busy_life(shelf: Shelf) -> None:
    """Six revisions: two come, one changes and one comes, one goes missing, ends, and comes back; all in all."""
    shelf.publish({"a": "Ash Lane", "b": "Birch Road"})
    shelf.publish({"a": "Alder Lane", "b": "Birch Road", "c": "Cherry Way"})
    shelf.publish({"a": "Alder Lane", "c": "Cherry Way"}, MONDAY)
    shelf.publish({"a": "Alder Lane", "c": "Cherry Way"}, MONDAY + WEEK)
    shelf.publish({"a": "Alder Lane", "b": "Beech Road", "c": "Cherry Way"}, MONDAY + 2 * WEEK)


def test_a_layer_is_read_as_it_stood_at_each_revision(shelf: Shelf) -> None:
    busy_life(shelf)
    first, second = {"a": "Ash Lane", "b": "Birch Road"}, {"a": "Alder Lane", "b": "Birch Road", "c": "Cherry Way"}
    assert stood(shelf.engine, 0) == {}
    assert stood(shelf.engine, 1) == first
    assert stood(shelf.engine, 2) == stood(shelf.engine, 3) == second
    assert stood(shelf.engine, 4) == {"a": "Alder Lane", "c": "Cherry Way"}
    assert stood(shelf.engine, 5) == {**second, "b": "Beech Road"}


def test_what_stood_is_exactly_what_was_there_to_the_last_digit_of_its_place(shelf: Shelf) -> None:
    shelf.publish({"a": "Ash Lane", "b": "Birch Road"})
    whole = snapshot(shelf.engine, "SELECT * FROM layers.public_toilets")
    shelf.publish({"b": "Beech Road", "c": "Cherry Way"}, geometry=[shapely.Point(LON, LAT)] * 2)
    then = str(select(as_of(LAYER, 1)).compile(shelf.engine, compile_kwargs={"literal_binds": True}))
    assert snapshot(shelf.engine, then) == whole and len(whole) == 2


def snapshot(engine: Engine, features: str) -> list[dict[str, Any]]:
    """Every column of the features of a query, and their places to the last digit."""
    said = "SELECT to_jsonb(t) - 'geom' AS said, encode(ST_AsEWKB(t.geom), 'hex') AS place"
    return query(engine, f"{said} FROM ({features.replace(':', chr(92) + ':')}) t ORDER BY feature_id")


def test_a_time_leads_to_the_revision_that_stood_then(shelf: Shelf) -> None:
    busy_life(shelf)
    moments = (MONDAY - WEEK, MONDAY, MONDAY + timedelta(days=8), MONDAY + 3 * WEEK)
    assert [revision_at(shelf.engine, LAYER, moment) for moment in moments] == [0, 3, 4, 5]


def test_a_revision_that_has_not_come_is_refused(shelf: Shelf) -> None:
    shelf.publish({"a": "Ash Lane"})
    check_revision(shelf.engine, LAYER, 1)
    with pytest.raises(CitywideError, match="stands at revision 1; there is no revision 2"):
        check_revision(shelf.engine, LAYER, 2)
    with pytest.raises(CitywideError, match="there is no revision 2"):
        changes_since(shelf.engine, LAYER, 2)


def test_every_version_says_what_changed_and_why(shelf: Shelf) -> None:
    busy_life(shelf)
    feature_id = shelf.rows("feature_id")[1]["feature_id"]
    told = versions(shelf.engine, LAYER, feature_id)
    assert [(one.revision, one.until, one.op.value) for one in told] == [
        (1, 3, "insert"),
        (3, 4, "missing"),
        (4, 5, "end"),
        (5, None, "restore"),
    ]
    assert [one.cause.value for one in told] == ["harvest"] * 4
    assert told[2].stands is None and told[3].stands is not None and told[3].stands["name"] == "Beech Road"


def test_a_change_is_told_by_old_and_new_value_and_by_how_far_the_place_moved(shelf: Shelf) -> None:
    shelf.publish({"a": "Ash Lane"})
    moved = [shapely_point(shelf, 0.001)]
    shelf.publish({"a": "Alder Lane"}, geometry=moved)
    shelf.publish({"a": "Acer Lane"}, geometry=moved)
    _, second, third = versions(shelf.engine, LAYER, shelf.rows("feature_id")[0]["feature_id"])
    assert second.changed == {"name": ("Ash Lane", "Alder Lane")} and second.moved_m == pytest.approx(66.2, abs=0.5)
    assert third.changed == {"name": ("Alder Lane", "Acer Lane")} and third.moved_m is None


def shapely_point(shelf: Shelf, east: float) -> shapely.Point:
    [row] = query(shelf.engine, "SELECT ST_X(geom) AS x, ST_Y(geom) AS y FROM layers.public_toilets")
    return shapely.Point(row["x"] + east, row["y"])


def test_a_feature_is_found_in_its_layer_even_when_it_has_ended(shelf: Shelf) -> None:
    shelf.publish({"a": "Ash Lane", "b": "Birch Road"})
    feature_id = shelf.rows("feature_id")[1]["feature_id"]
    for days in (0, 7):
        shelf.publish({"a": "Ash Lane"}, MONDAY + timedelta(days=days))
    assert layer_of_feature(shelf.engine, feature_id) == LAYER
    with pytest.raises(CitywideError, match="there never was"):
        layer_of_feature(shelf.engine, "nothing")


@pytest.mark.parametrize("limit", [1, 2, 1000])
def test_who_follows_the_changes_has_the_layer_as_it_stands(shelf: Shelf, limit: int) -> None:
    busy_life(shelf)
    stands = query(shelf.engine, PRESENT)
    for since in range(6):
        told = all_changes(shelf.engine, since, limit)
        assert [change.revision for change in told] == sorted(change.revision for change in told)
        assert all(change.revision > since for change in told)
    assert replayed(all_changes(shelf.engine, 0, limit)) == {row["id"]: (row["said"], row["shape"]) for row in stands}


def test_a_feature_that_came_changed_and_ended_meanwhile_is_told_each_time_as_it_was(shelf: Shelf) -> None:
    shelf.publish({"a": "Ash Lane"})
    shelf.publish({"a": "Ash Lane", "b": "Birch Road"})
    shelf.publish({"a": "Ash Lane", "b": "Beech Road"})
    for days in (0, 7):
        shelf.publish({"a": "Ash Lane"}, MONDAY + timedelta(days=days))
    told = [(change.op.value, change.stands and change.stands["name"]) for change in all_changes(shelf.engine, 1)]
    assert told == [("insert", "Birch Road"), ("update", "Beech Road"), ("missing", "Beech Road"), ("end", None)]


def test_a_position_that_no_page_gave_is_refused() -> None:
    for written in ("", "1.2", "a.b.c", "1.2.-3"):
        with pytest.raises(CitywideError, match="no position"):
            Position.read(written)


@pytest.mark.parametrize("condition", ["feature_id = 'x'", "geom && ST_MakeEnvelope(0, 0, 1, 1, 4326)"])
def test_what_is_asked_of_an_earlier_revision_reaches_the_tables_themselves(shelf: Shelf, condition: str) -> None:
    busy_life(shelf)
    then = as_of(LAYER, 1)
    asked = select(then.c.name).where(text(condition))
    plan = query(shelf.engine, f"EXPLAIN {asked.compile(shelf.engine, compile_kwargs={'literal_binds': True})}")
    lines = [row["QUERY PLAN"] for row in plan]
    live, before = (next(n for n, line in enumerate(lines) if f" on {t}" in line) for t in ("public_toilets", "change"))
    column = condition.split()[0]
    assert any(column in line for line in lines[live + 1 : before]), lines
    assert any(column in line for line in lines[before + 1 :]) and "Filter" not in lines[1], lines


def test_history_keeps_only_what_json_can_say(shelf: Shelf) -> None:
    busy_life(shelf)
    for change in all_changes(shelf.engine):
        json.dumps([change.stands, change.geometry])
