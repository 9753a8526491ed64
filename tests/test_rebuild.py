"""A layer can be rebuilt from the archive: what comes out equals what stands, or the difference is shown and, when
asked, published as one revision."""

from typing import Any

import pytest

from datasets.errors import CitywideError
from datasets.layer import find_layer
from datasets.store.feeds import remove_feed, save_feed
from datasets.store.migrate import migrate
from datasets.store.versions.as_of import present_revision
from datasets.store.versions.change_feed import changes_since
from datasets.store.versions.replay import replay_ground
from datasets.store.versions.roll_back import roll_back
from datasets.store.versions.withdraw import withdraw
from datasets.vocabulary import Outcome
from harvesters.gates.approvals import HIDDEN
from harvesters.personal.scan import SUSPECTED
from harvesters.rebuild import Rebuilt, rebuild
from harvesters.run import Acceptance
from tests.builders import Desk, feed_of, query, quiet, saying, toilet, toilets
from tests.changing_layer import Layer as ChangingLayer
from tests.formats.workbooks import write_xlsx
from tests.test_takedown import down, leaking

LAYER = find_layer("public-toilets")
SCHEMAS = "SELECT nspname FROM pg_namespace WHERE nspname = 'rebuild'"
STANDS = """
    SELECT feature_id, key, name, content_hash, missing_since IS NULL AS there, geom::text
    FROM layers.public_toilets ORDER BY 1
    """


def rebuilt(desk: Desk, **given: Any) -> Rebuilt:
    return rebuild("public-toilets", desk.tools, quiet, **given)


def stands(desk: Desk) -> list[dict[str, Any]]:
    return query(desk.tools.engine, STANDS)


def week_passes(desk: Desk, days: int = 8) -> None:
    """Everything so far was so much earlier."""
    for table, columns in (
        ("citywide.run", ("started_at", "ended_at")),
        ("citywide.revision", ("at",)),
        ("layers.public_toilets", ("missing_since",)),
    ):
        moved = ", ".join(f"{name} = {name} - make_interval(days => :d)" for name in columns)
        query(desk.tools.engine, f"UPDATE {table} SET {moved}", d=days)  # noqa: S608


def spoil(desk: Desk, statement: str) -> None:
    """What stands is no longer what the archive gives."""
    query(desk.tools.engine, f"UPDATE layers.public_toilets SET {statement} WHERE key = 't002'")  # noqa: S608


def test_a_layer_that_was_inserted_changed_missing_and_ended_is_rebuilt_equal(desk: Desk) -> None:
    desk.harvest(toilets(6))
    desk.harvest([toilet(1, Name="Renamed"), *toilets(4, 2)])
    week_passes(desk)
    desk.harvest([toilet(1, Name="Renamed"), *toilets(3, 2), toilet(9)])
    found = rebuilt(desk)
    assert found.equal and found.problems == () and found.replayed == 3
    assert [(one.stands, one.replayed) for one in found.comparison.feeds] == [(6, 6)]


def test_two_feeds_of_a_council_with_the_same_references_get_the_same_ids_again(desk: Desk) -> None:
    other = Desk(desk.tools, desk.path.parent, feed_of("ashmere-parks-toilets"))
    save_feed(desk.tools.engine, other.feed)
    desk.harvest(toilets(3))
    other.harvest(toilets(4))
    desk.harvest(toilets(5))
    assert rebuilt(desk).equal


def test_what_the_code_would_make_otherwise_is_shown_by_column_with_an_example(desk: Desk) -> None:
    desk.harvest(toilets(3))
    spoil(desk, "name = 'Spoilt'")
    [difference] = rebuilt(desk).comparison.differences
    assert (difference.column, difference.features) == ("name", 1)
    assert (difference.stands, difference.replayed) == ("Spoilt", "Convenience 2")


def test_features_on_one_side_only_are_counted_and_named(desk: Desk) -> None:
    desk.harvest(toilets(3))
    [row] = query(desk.tools.engine, "SELECT feature_id FROM layers.public_toilets WHERE key = 't002'")
    spoil(desk, "feature_id = 'another'")
    found = rebuilt(desk).comparison
    assert (found.lacking, found.lacking_ids, found.more, found.more_ids) == (1, ("another",), 1, (row["feature_id"],))


def test_the_difference_is_published_as_one_revision_when_asked(desk: Desk) -> None:
    desk.harvest(toilets(3))
    before = stands(desk)
    spoil(desk, "name = 'Spoilt', content_hash = '00000000-0000-0000-0000-000000000000'")
    found = rebuilt(desk, apply=True)
    assert found.diff is not None and (found.diff.updated, found.diff.total, found.diff.revision) == (1, 1, 2)
    assert stands(desk) == before
    [change] = changes_since(desk.tools.engine, LAYER, 1).changes
    assert (change.cause.value, change.op.value) == ("rebuild", "update")
    assert rebuilt(desk).equal


def test_what_says_something_else_under_the_same_hash_is_mended_as_well(desk: Desk) -> None:
    desk.harvest(toilets(3))
    before = stands(desk)
    spoil(desk, "name = 'Spoilt'")
    found = rebuilt(desk, apply=True)
    assert found.diff is not None and found.diff.updated == 1
    assert stands(desk) == before and rebuilt(desk).equal


def test_nothing_is_published_when_what_stands_would_still_differ(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.harvest(toilets(3))
    spoil(desk, "name = 'Spoilt'")
    monkeypatch.setattr("datasets.store.versions.restore.Restorer._update_altered", lambda restorer: None)
    with pytest.raises(CitywideError, match="1 features of Public toilets would still differ"):
        rebuilt(desk, apply=True)
    assert present_revision(desk.tools.engine, LAYER) == 1


def test_the_figures_of_quality_are_those_of_what_a_rebuild_published(desk: Desk) -> None:
    desk.harvest(toilets(3))
    spoil(desk, "feature_id = 'another', name = NULL, reference = NULL")
    rebuilt(desk, apply=True)
    [kept] = query(
        desk.tools.engine, "SELECT revision, features, filled ->> 'name' AS named FROM citywide.feed_figures"
    )
    assert kept == {"revision": 2, "features": 3, "named": "3"}


def test_what_was_taken_down_is_replayed_as_gone_and_never_comes_back(desk: Desk) -> None:
    desk.harvest([*toilets(3), toilet(90)])
    desk.harvest([toilet(1, Name="Renamed"), *leaking(2)[1:]])
    down(desk)
    assert rebuilt(desk).equal
    desk.harvest(toilets(2))
    before = stands(desk)
    found = rebuilt(desk, apply=True)
    assert found.problems == () and stands(desk) == before


def test_a_layer_whose_feed_lost_everything_to_a_take_down_is_rebuilt_as_empty(desk: Desk) -> None:
    desk.harvest(leaking())
    down(desk)
    found = rebuilt(desk, apply=True)
    assert found.equal and found.problems == () and stands(desk) == []


def test_a_publish_that_was_rolled_back_and_then_taken_down_is_replayed(desk: Desk) -> None:
    desk.harvest(toilets(3))
    wrong = desk.harvest(leaking()).values["resource_sha256"]
    roll_back(desk.tools.engine, LAYER, desk.feed.id, "Wrong", by="operator", worker="a test")
    down(desk, wrong)
    desk.harvest(toilets(4))
    found = rebuilt(desk)
    assert found.problems == () and found.equal


def test_an_equal_layer_is_left_alone_even_when_asked_to_apply(desk: Desk) -> None:
    desk.harvest(toilets(3))
    before = query(desk.tools.engine, "SELECT *, xmin::text FROM layers.public_toilets ORDER BY fid")
    assert rebuilt(desk, apply=True).diff is None
    assert query(desk.tools.engine, "SELECT *, xmin::text FROM layers.public_toilets ORDER BY fid") == before


def test_what_was_rolled_back_is_replayed_as_rolled_back(desk: Desk) -> None:
    desk.harvest(toilets(4))
    desk.harvest([toilet(1, Name="Wrong"), *toilets(3, 2), toilet(8)])
    roll_back(desk.tools.engine, LAYER, desk.feed.id, "Wrong", by="operator", worker="a test")
    desk.harvest(toilets(5))
    assert rebuilt(desk).equal


def test_what_was_withdrawn_and_the_features_of_a_removed_feed_are_replayed_as_they_were(desk: Desk) -> None:
    other = Desk(desk.tools, desk.path.parent, feed_of("ashmere-parks-toilets"))
    save_feed(desk.tools.engine, other.feed)
    other.harvest(toilets(3))
    remove_feed(desk.tools.engine, other.feed.id)
    desk.harvest(toilets(4))
    withdraw(desk.tools.engine, LAYER, desk.feed.id, "Asked for", by="operator", worker="a test")
    found = rebuilt(desk)
    assert found.equal and [(one.feed, one.stands) for one in found.comparison.feeds] == [("ashmere-parks-toilets", 3)]


def test_reads_of_changes_alone_are_replayed_as_such(layer: ChangingLayer, desk: Desk) -> None:
    layer.harvest()
    layer.edit(30, edited=(7,), renamed=(7,))
    assert layer.harvest().values["reach"] == "changes"
    assert rebuild("public-toilets", layer.tools, quiet).equal


def test_bytes_that_are_gone_are_a_problem_and_nothing_is_published(desk: Desk) -> None:
    desk.harvest(toilets(3))
    spoil(desk, "name = 'Spoilt'")
    for path in desk.tools.settings.archive.rglob("*"):
        if path.is_file():
            path.unlink()
    [problem] = rebuilt(desk).problems
    assert "not in the archive" in problem and desk.feed.id in problem
    with pytest.raises(CitywideError, match="not every run could be replayed"):
        rebuilt(desk, apply=True)


def test_gates_stand_before_what_a_rebuild_would_publish(desk: Desk) -> None:
    desk.harvest(toilets(3))
    spoil(desk, "name = 'Spoilt', content_hash = '00000000-0000-0000-0000-000000000000'")
    query(desk.tools.engine, "UPDATE citywide.run SET features = 300, rows_read = 300")
    with pytest.raises(CitywideError, match="had 300 features and now has 3"):
        rebuilt(desk, apply=True)
    assert rebuilt(desk, apply=True, accept=saying("It was never so many", "E-SHRUNK")).diff is not None
    approved = query(desk.tools.engine, "SELECT feed, gate, reason FROM citywide.approval")
    assert approved == [{"feed": desk.feed.id, "gate": "E-SHRUNK", "reason": "It was never so many"}]
    assert rebuilt(desk).shut == ()


def test_a_gate_is_opened_by_its_own_code_alone_and_some_by_none(desk: Desk) -> None:
    desk.harvest(toilets(3))
    spoil(desk, "name = 'Spoilt'")
    query(desk.tools.engine, "UPDATE citywide.run SET features = 300, rows_read = 300")
    with pytest.raises(CitywideError, match="--accept E-SHRUNK"):
        rebuilt(desk, apply=True, accept=saying("Wrong gate", "E-WRONG-LAYER"))
    save_feed(desk.tools.engine, desk.feed.model_copy(update={"licence": "ODbL-1.0"}))
    with pytest.raises(CitywideError, match="has to be mended"):
        rebuilt(desk, apply=True, accept=saying("All of them", "E-SHRUNK", "licence-share-alike"))
    assert query(desk.tools.engine, "SELECT FROM citywide.approval") == []


def test_a_workbook_that_holds_more_than_it_shows_shuts_a_gate_of_a_rebuild(desk: Desk) -> None:
    rows = [list(toilet(1)), *([str(value) for value in toilet(number).values()] for number in (1, 2))]
    book = write_xlsx(desk.path, {"Toilets": rows, "Staff": [["Note"], ["Old"]]}, hidden=["Staff"]).read_bytes()
    assert desk.harvest(book, accept=saying("Nobody is in it", HIDDEN)).outcome is Outcome.PUBLISHED
    assert rebuilt(desk).shut == ()
    query(desk.tools.engine, "DELETE FROM citywide.approval")
    assert [gate.code for gate in rebuilt(desk).shut] == [HIDDEN]


def test_people_in_a_read_of_changes_alone_shut_a_gate_of_a_rebuild(
    layer: ChangingLayer, monkeypatch: pytest.MonkeyPatch
) -> None:
    layer.harvest()
    layer.edit(30, edited=(7,), renamed=(7,))
    run = layer.harvest().run_id
    monkeypatch.setattr("harvesters.harmonise.doubt", lambda issues: "People are in it.")
    shut = rebuild("public-toilets", layer.tools, quiet).shut
    assert {gate.code for gate in shut} == {SUSPECTED} and run in {gate.run for gate in shut}


def test_a_rebuild_leaves_no_schema_and_two_do_not_run_at_once(desk: Desk) -> None:
    desk.harvest(toilets(2))
    rebuilt(desk)
    assert query(desk.tools.engine, SCHEMAS) == []
    with replay_ground(desk.tools.engine, LAYER):
        with pytest.raises(CitywideError, match="Another rebuild"):
            rebuilt(desk)
        migrate(desk.tools.engine, desk.tools.city)
        assert query(desk.tools.engine, SCHEMAS) != []


def test_what_a_killed_rebuild_left_is_cleared_away_at_the_next_start(desk: Desk) -> None:
    query(desk.tools.engine, "CREATE SCHEMA rebuild")
    query(desk.tools.engine, "CREATE TABLE rebuild.left_over (id int)")
    migrate(desk.tools.engine, desk.tools.city)
    assert query(desk.tools.engine, SCHEMAS) == []


def test_a_feed_that_was_empty_is_replayed_as_empty(desk: Desk) -> None:
    desk.harvest(toilets(3))
    head = b"Ref,Name,Address,Opening Hours,Easting,Northing\n"
    assert desk.harvest(head, accept=Acceptance(frozenset({"E-SHRUNK"}), "It was meant")).outcome is Outcome.PUBLISHED
    found = rebuilt(desk)
    assert found.equal and [row["there"] for row in stands(desk)] == [False] * 3
