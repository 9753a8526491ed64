"""A feed's last publish can be taken back: what stood before stands again, as a new revision, and the same bytes are
not published again before somebody accepts them."""

from typing import Any

import pytest

from datasets.errors import CitywideError
from datasets.store import runs
from datasets.store.confirmed import settled
from datasets.store.feeds import save_feed
from datasets.store.runs import FeedBusy
from datasets.store.versions.change_feed import changes_since
from datasets.store.versions.roll_back import RolledBack, roll_back
from datasets.store.versions.withdraw import withdraw
from datasets.vocabulary import Outcome
from harvesters.run import Acceptance
from tests.builders import Desk, csv_bytes, feed_of, query, toilet, toilets
from tests.changing_layer import Layer as ChangingLayer
from tests.test_publish import LAYER

ACCEPTED = Acceptance(frozenset({"rolled-back"}), "They are right after all")
STANDS = """
    SELECT key, feature_id, name, content_hash, missing_since, resource_sha256, row_no, geom::text, first_seen
    FROM layers.public_toilets ORDER BY feature_id
    """


def back(desk: Desk, reason: str = "Wrong file") -> RolledBack:
    return roll_back(desk.tools.engine, LAYER, desk.feed.id, reason, by="operator", worker="a test")


def stands(desk: Desk) -> list[dict[str, Any]]:
    return query(desk.tools.engine, STANDS)


def days_pass(desk: Desk, days: int = 8) -> None:
    """What is missing has been so for longer."""
    query(
        desk.tools.engine,
        "UPDATE layers.public_toilets SET missing_since = missing_since - make_interval(days => :d)",
        d=days,
    )


def test_what_changed_came_and_went_missing_is_as_it_was(desk: Desk) -> None:
    desk.harvest(toilets(5))
    before = stands(desk)
    desk.harvest([toilet(1, Name="Renamed"), *toilets(3, 2), toilet(9)])
    diff = back(desk).diff
    assert (diff.updated, diff.restored, diff.ended, diff.revision) == (1, 1, 1, 3)
    assert stands(desk) == before


def test_what_ended_comes_back_under_its_id_and_is_missing_as_it_was(desk: Desk) -> None:
    desk.harvest(toilets(5))
    desk.harvest(toilets(4))
    days_pass(desk)
    before = stands(desk)
    desk.harvest([toilet(1, Name="Renamed"), *toilets(3, 2)])
    assert len(stands(desk)) == 4
    assert back(desk).diff.restored == 1
    assert stands(desk) == before


def test_history_keeps_what_was_taken_back_and_says_why(desk: Desk) -> None:
    desk.harvest(toilets(2))
    desk.harvest([toilet(1, Name="Renamed"), toilet(2)])
    back(desk, "Somebody renamed the wrong one.")
    told = [(c.revision, c.op.value, c.cause.value) for c in changes_since(desk.tools.engine, LAYER, 1).changes]
    assert told == [(2, "update", "harvest"), (3, "update", "roll-back")]
    [entry] = query(desk.tools.engine, "SELECT reason, undoes, by FROM citywide.revision WHERE revision = 3")
    assert entry == {"reason": "Somebody renamed the wrong one.", "undoes": 2, "by": "operator"}


def test_the_same_bytes_are_held_until_somebody_accepts_them(desk: Desk) -> None:
    desk.harvest(toilets(3))
    renamed = [toilet(1, Name="Renamed"), *toilets(2, 2)]
    desk.harvest(renamed)
    back(desk, "Wrong names")
    again = desk.harvest(renamed)
    assert (again.outcome, again.code) == (Outcome.HELD, "rolled-back") and "Wrong names." in again.message
    assert desk.harvest(renamed, accept=ACCEPTED).outcome is Outcome.PUBLISHED
    assert desk.rows("name")[0]["name"] == "Renamed"


def test_the_same_records_in_other_bytes_are_held_as_well(desk: Desk) -> None:
    desk.harvest(toilets(3))
    renamed = [toilet(1, Name="Renamed"), *toilets(2, 2)]
    desk.harvest(renamed)
    back(desk)
    assert desk.harvest(csv_bytes(renamed).replace(b"\n", b"\r\n")).code == "rolled-back"


def test_an_approval_from_before_does_not_open_the_gate_again(desk: Desk) -> None:
    desk.harvest(toilets(3))
    renamed = [toilet(1, Name="Renamed"), *toilets(2, 2)]
    desk.harvest(renamed)
    back(desk)
    desk.harvest(renamed, accept=ACCEPTED)
    back(desk, "They are wrong")
    assert desk.harvest(renamed).code == "rolled-back"


def test_the_bytes_that_stand_again_and_new_ones_are_published_as_ever(desk: Desk) -> None:
    desk.harvest(toilets(3))
    desk.harvest([toilet(1, Name="Renamed"), *toilets(2, 2)])
    back(desk)
    same = desk.harvest(toilets(3))
    assert same.outcome is Outcome.UNCHANGED and same.values["decided_by"] == "rows compared"
    assert desk.harvest(toilets(4)).outcome is Outcome.PUBLISHED


def test_gates_compare_with_what_stands_again(desk: Desk) -> None:
    desk.harvest(toilets(100))
    desk.harvest(toilets(150))
    back(desk)
    assert desk.harvest(toilets(101)).outcome is Outcome.PUBLISHED
    assert desk.harvest(toilets(60)).code == "E-SHRUNK"


def test_a_second_roll_back_goes_one_publish_further_back_and_the_third_to_nothing(desk: Desk) -> None:
    desk.harvest(toilets(2))
    first = stands(desk)
    desk.harvest(toilets(3))
    desk.harvest(toilets(4))
    assert [back(desk).undone, back(desk).undone] == [3, 2]
    assert stands(desk) == first
    assert back(desk).diff.ended == 2 and stands(desk) == []
    with pytest.raises(CitywideError, match="no publish that could be rolled back"):
        back(desk)


def test_a_feed_rolled_back_to_nothing_is_harvested_like_a_new_one(desk: Desk) -> None:
    desk.harvest(toilets(100))
    ids = [row["feature_id"] for row in stands(desk)]
    back(desk)
    assert desk.harvest(toilets(100)).code == "rolled-back"
    report = desk.harvest(toilets(40))
    assert report.outcome is Outcome.PUBLISHED
    assert {row["feature_id"] for row in stands(desk)} < set(ids)


def test_a_publish_after_a_roll_back_is_the_next_to_be_rolled_back(desk: Desk) -> None:
    desk.harvest(toilets(2))
    before = stands(desk)
    desk.harvest(toilets(3))
    back(desk)
    last = desk.harvest(toilets(5))
    assert back(desk).undone == last.run_id
    assert stands(desk) == before


def test_a_roll_back_while_a_run_is_under_way_is_refused_and_changes_nothing(desk: Desk) -> None:
    desk.harvest(toilets(2))
    runs.begin_run(desk.tools.engine, desk.feed.id, "another program")
    with pytest.raises(FeedBusy, match="another program"):
        back(desk)
    assert len(stands(desk)) == 2


def test_a_roll_back_that_breaks_leaves_everything_and_frees_the_feed(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.harvest(toilets(2))
    desk.harvest(toilets(3))
    before = stands(desk)
    monkeypatch.setattr("datasets.store.versions.roll_back._reject", lambda *given: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        back(desk)
    assert stands(desk) == before
    assert desk.harvest(toilets(4)).outcome is Outcome.PUBLISHED


def test_one_feeds_roll_back_leaves_the_other_feeds_features_alone(desk: Desk) -> None:
    other = Desk(desk.tools, desk.path.parent, feed_of("ashmere-parks-toilets"))
    save_feed(desk.tools.engine, other.feed)
    desk.harvest(toilets(2))
    other.harvest(toilets(2))
    said = "key, feature_id, fid, name, content_hash, missing_since, geom::text"
    before = other.rows(said)
    back(desk)
    assert other.rows(said) == before and len(before) == 2 and desk.rows() == []


def test_what_another_feed_of_the_council_has_taken_on_meanwhile_stays_with_it(desk: Desk) -> None:
    other = Desk(desk.tools, desk.path.parent, feed_of("ashmere-parks-toilets"))
    save_feed(desk.tools.engine, other.feed)
    desk.harvest(toilets(3))
    desk.harvest(toilets(2))
    days_pass(desk)
    desk.harvest([toilet(1, Name="Renamed"), toilet(2)])
    other.harvest([toilet(3)])
    taken_on = other.rows()
    assert back(desk).diff.restored == 0
    assert other.rows() == taken_on and [row["name"] for row in desk.rows()] == ["Convenience 1", "Convenience 2"]


def test_a_read_of_changes_alone_that_was_rolled_back_is_held_when_it_comes_in_a_whole_read(
    layer: ChangingLayer,
) -> None:
    layer.harvest()
    layer.edit(30, edited=(7,), renamed=(7,))
    assert layer.harvest().values["reach"] == "changes"
    roll_back(layer.tools.engine, LAYER, layer.feed.id, "Wrong name", by="operator", worker="a test")
    assert layer.harvest().code == "rolled-back"


def test_features_that_exchanged_their_keys_have_them_again(desk: Desk) -> None:
    desk.harvest(toilets(2))
    before = stands(desk)
    engine = desk.tools.engine
    desk.harvest([toilet(1, Name="Renamed"), toilet(2, Name="Renamed")])
    query(engine, "UPDATE layers.public_toilets SET key = 'x' WHERE key = 't001'")
    query(engine, "UPDATE layers.public_toilets SET key = 't001' WHERE key = 't002'")
    query(engine, "UPDATE layers.public_toilets SET key = 't002' WHERE key = 'x'")
    back(desk)
    assert stands(desk) == before


def test_a_withdrawn_feed_ends_every_feature_with_a_tombstone(desk: Desk) -> None:
    desk.harvest(toilets(3))
    diff = withdraw(desk.tools.engine, LAYER, desk.feed.id, "The council asked for it", by="operator", worker="a test")
    told = changes_since(desk.tools.engine, LAYER, 1).changes
    assert diff.ended == 3 and stands(desk) == []
    assert {(change.op.value, change.cause.value) for change in told} == {("end", "withdrawal")}


def test_the_columns_are_settled_as_they_were(desk: Desk) -> None:
    desk.harvest(toilets(3))
    before = settled(desk.tools.engine, desk.feed.id)
    desk.harvest([toilet(number, Postcode="ZZ1 1AA") for number in (1, 2, 3)])
    assert set(settled(desk.tools.engine, desk.feed.id)) > set(before)
    back(desk)
    assert settled(desk.tools.engine, desk.feed.id) == before
    back(desk)
    assert settled(desk.tools.engine, desk.feed.id) == {}


def test_what_another_roll_back_took_back_meanwhile_is_said_plainly(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.harvest(toilets(2))
    back(desk)
    monkeypatch.setattr("datasets.store.versions.roll_back._last_publish", lambda *given: 1)
    with pytest.raises(CitywideError, match="no publish that could be rolled back"):
        back(desk)
