"""Publishing merges one feed's slice in one transaction: only what changed is written, the revision goes up by one,
every change is recorded with what was before, and readers see the old slice or the new one."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Thread
from typing import Any

import numpy as np
import polars as pl
import psycopg
import pytest
import shapely
from alembic import command
from alembic.config import Config
from sqlalchemy import Engine, text
from sqlalchemy.exc import SQLAlchemyError

from datasets.layer import find_layer
from datasets.store import migrate as migrating
from datasets.store import runs
from datasets.store.engine import connect
from datasets.store.feeds import save_feed
from datasets.store.publishing import publish as publishing
from datasets.store.publishing.publish import CHANNEL, Diff, Slice, end_missing, publish
from datasets.vocabulary import Outcome
from harvesters.batch import ROW_NO, Batch
from harvesters.type import type_values
from tests.builders import ASHMERE, LAT, LON, feed_of, query

LAYER = find_layer("public-toilets")
MONDAY = datetime(2026, 3, 2, 9, tzinfo=UTC)
WEEK = timedelta(days=7)
WAIT_BEFORE_THE_LAST_STATEMENT = """
    CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN PERFORM pg_advisory_xact_lock(7); RETURN new; END $$;
    CREATE TRIGGER wait BEFORE UPDATE ON citywide.layer FOR EACH ROW EXECUTE FUNCTION wait()
"""

BEFORE_0002 = """
    CREATE SCHEMA layers;
    CREATE TABLE layers.change (id serial, layer text, revision bigint, op text, feature_id text, before jsonb);
    CREATE TABLE layers.public_toilets (feature_id text, revision bigint);
    INSERT INTO layers.public_toilets VALUES ('kept', 2), ('back', 5), ('old', 3);
    INSERT INTO layers.change (layer, revision, op, feature_id, before) VALUES
        ('public-toilets', 1, 'insert', 'kept', NULL), ('public-toilets', 1, 'insert', 'back', NULL),
        ('libraries', 9, 'insert', 'kept', NULL), ('public-toilets', 2, 'update', 'kept', '{"revision": 1}'),
        ('public-toilets', 4, 'end', 'back', '{"revision": 2}'), ('public-toilets', 5, 'restore', 'back', NULL),
        ('public-toilets', 6, 'update', 'old', '{"revision": 3}')
"""


class Shelf:
    """One feed whose slices are published straight into the table."""

    def __init__(self, engine: Engine, feed_id: str = "ashmere-toilets") -> None:
        self.engine, self.feed_id = engine, feed_id
        save_feed(engine, feed_of(feed_id))

    def publish(self, names: dict[str, str], now: datetime = MONDAY, complete: bool = True, **given: Any) -> Diff:
        """`names` by key; the place follows from the key."""
        places = [shapely.Point(LON + len(key) / 1000, LAT + ord(key[-1]) / 100_000) for key in names]
        new = slice_of(list(names), list(names.values()), given.get("geometry", places), self.feed_id, complete)
        new = Slice(**{**vars(new), "run": self.run()})
        return publish(self.engine, LAYER, new, now)

    def end_missing(self, now: datetime) -> Diff:
        return end_missing(self.engine, LAYER, self.feed_id, self.run(), now)

    def run(self) -> int:
        """A run that is begun, its program gone before the next one is."""
        begun = runs.begin_run(self.engine, self.feed_id, "a test")
        query(self.engine, "UPDATE citywide.run SET lease_until = now() - interval '1 second' WHERE id = :i", i=begun)
        return begun

    def rows(self, columns: str = "key, name") -> list[dict[str, Any]]:
        statement = f"SELECT {columns} FROM layers.public_toilets WHERE feed_id = :feed ORDER BY key"  # noqa: S608
        return query(self.engine, statement, feed=self.feed_id)

    def changes(self, revision: int) -> list[dict[str, Any]]:
        return query(
            self.engine,
            "SELECT op, feature_id, before, geom, council FROM layers.change WHERE revision = :revision ORDER BY id",
            revision=revision,
        )

    def revision(self) -> int:
        return query(self.engine, "SELECT revision FROM citywide.layer WHERE id = 'public-toilets'")[0]["revision"]


def slice_of(keys: list[str], names: list[str], places: Sequence[object], feed_id: str, complete: bool = True) -> Slice:
    frame = pl.DataFrame({ROW_NO: range(2, len(keys) + 2), "name": names}, schema={ROW_NO: pl.Int64, "name": pl.String})
    typed, _ = type_values(Batch(frame), LAYER)
    frame = typed.frame.with_columns(
        key=pl.Series(keys, dtype=pl.String),
        rung=pl.lit("reference"),
        placed=pl.lit("coordinates"),
        outside_m=pl.lit(None, pl.Float64),
        precision_m=pl.lit(None, pl.Float64),
    )
    return Slice(frame, np.array(places, dtype=object), feed_id, ASHMERE, "00" * 32, 1, complete)


@pytest.fixture
def shelf(engine: Engine) -> Shelf:
    return Shelf(engine)


def test_the_first_publish_inserts_everything_and_makes_revision_one(shelf: Shelf) -> None:
    diff = shelf.publish({"a": "Ash Lane", "b": "Birch Road"})
    assert (diff.inserted, diff.total, diff.revision, shelf.revision()) == (2, 2, 1, 1)
    assert [row["name"] for row in shelf.rows()] == ["Ash Lane", "Birch Road"]
    assert shelf.rows("first_revision") == [{"first_revision": 1}] * 2


def test_an_insert_is_told_by_its_row_alone_which_keeps_its_first_revision(shelf: Shelf) -> None:
    shelf.publish({"a": "Ash Lane"})
    shelf.publish({"a": "Alder Lane", "b": "Birch Road"})
    assert shelf.rows("first_revision, revision") == [
        {"first_revision": 1, "revision": 2},
        {"first_revision": 2, "revision": 2},
    ]
    [change] = shelf.changes(2)
    assert (change["op"], change["before"]["first_revision"]) == ("update", 1)


def test_only_the_changed_feature_is_written_and_its_change_says_what_was_before(shelf: Shelf) -> None:
    shelf.publish({"a": "Ash Lane", "b": "Birch Road"})
    before = shelf.rows("key, ctid::text, xmin::text, feature_id")
    diff = shelf.publish({"a": "Ash Lane", "b": "Beech Road"})
    after = shelf.rows("key, ctid::text, xmin::text, feature_id")
    assert (diff.updated, diff.total, diff.revision) == (1, 1, 2)
    assert after[0] == before[0] and after[1]["xmin"] != before[1]["xmin"]
    [change] = shelf.changes(2)
    assert (change["op"], change["before"]["name"]) == ("update", "Birch Road")
    assert change["feature_id"] == before[1]["feature_id"] == after[1]["feature_id"]


def test_the_same_slice_again_touches_no_row_and_no_revision(shelf: Shelf) -> None:
    shelf.publish({"a": "Ash Lane", "b": "Birch Road"})
    before = shelf.rows("*, ctid::text, xmin::text")
    diff = shelf.publish({"b": "Birch Road", "a": "Ash Lane"}, MONDAY + WEEK)
    assert (diff.total, diff.revision) == (0, 1)
    assert shelf.rows("*, ctid::text, xmin::text") == before and shelf.revision() == 1


def test_a_feature_that_is_gone_is_missing_first_and_stays(shelf: Shelf) -> None:
    shelf.publish({"a": "Ash Lane", "b": "Birch Road"})
    diff = shelf.publish({"a": "Ash Lane"}, MONDAY + timedelta(days=1))
    assert (diff.missing, diff.ended, diff.total) == (1, 0, 1)
    assert shelf.rows("missing_since")[1]["missing_since"] == MONDAY + timedelta(days=1)
    assert [change["op"] for change in shelf.changes(2)] == ["missing"]


def test_a_missing_feature_ends_with_a_second_complete_fetch_after_seven_days(shelf: Shelf) -> None:
    shelf.publish({"a": "Ash Lane", "b": "Birch Road"})
    feature_id = shelf.rows("feature_id")[1]["feature_id"]
    shelf.publish({"a": "Ash Lane"}, MONDAY)
    assert shelf.publish({"a": "Ash Lane"}, MONDAY + WEEK - timedelta(seconds=1)).total == 0
    diff = shelf.publish({"a": "Ash Lane"}, MONDAY + WEEK)
    assert (diff.ended, diff.total, len(shelf.rows())) == (1, 1, 1)
    [tombstone] = shelf.changes(diff.revision)
    assert (tombstone["op"], tombstone["feature_id"], tombstone["council"]) == ("end", feature_id, ASHMERE)
    assert tombstone["before"]["name"] == "Birch Road" and tombstone["geom"]


def test_unchanged_bytes_end_a_missing_feature_as_well(shelf: Shelf) -> None:
    shelf.publish({"a": "Ash Lane", "b": "Birch Road"})
    shelf.publish({"a": "Ash Lane"}, MONDAY)
    assert shelf.end_missing(MONDAY + timedelta(days=6)).total == 0
    diff = shelf.end_missing(MONDAY + WEEK)
    assert (diff.ended, diff.revision, shelf.revision()) == (1, 3, 3)
    assert [change["op"] for change in shelf.changes(3)] == ["end"]


def test_an_incomplete_fetch_neither_misses_nor_ends_anything(shelf: Shelf) -> None:
    shelf.publish({"a": "Ash Lane", "b": "Birch Road", "c": "Cherry Way"})
    shelf.publish({"a": "Ash Lane", "b": "Birch Road"}, MONDAY)
    diff = shelf.publish({"a": "Ash Lane"}, MONDAY + 2 * WEEK, complete=False)
    assert diff.total == 0 and len(shelf.rows()) == 3


def test_a_missing_feature_that_comes_back_is_restored_under_its_id(shelf: Shelf) -> None:
    shelf.publish({"a": "Ash Lane", "b": "Birch Road"})
    first = shelf.rows("feature_id, fid")
    shelf.publish({"a": "Ash Lane"}, MONDAY)
    diff = shelf.publish({"a": "Ash Lane", "b": "Birch Road"}, MONDAY + WEEK)
    assert (diff.restored, diff.total) == (1, 1)
    assert shelf.rows("feature_id, fid") == first
    assert shelf.rows("missing_since")[1]["missing_since"] is None


def test_a_feature_that_ended_and_comes_back_has_its_old_id_and_is_told_as_restored(shelf: Shelf) -> None:
    shelf.publish({"a": "Ash Lane", "b": "Birch Road"})
    feature_id = shelf.rows("feature_id")[1]["feature_id"]
    for days in (0, 7):
        shelf.publish({"a": "Ash Lane"}, MONDAY + timedelta(days=days))
    diff = shelf.publish({"a": "Ash Lane", "b": "Birch Road"}, MONDAY + 2 * WEEK)
    assert (diff.restored, diff.inserted) == (1, 0)
    assert shelf.rows("feature_id, first_revision")[1] == {"feature_id": feature_id, "first_revision": diff.revision}
    assert [(change["op"], change["feature_id"]) for change in shelf.changes(diff.revision)] == [
        ("restore", feature_id)
    ]


def test_a_feature_missing_longer_than_a_week_that_comes_back_changed_is_not_ended(shelf: Shelf) -> None:
    shelf.publish({"a": "Ash Lane", "b": "Birch Road"})
    shelf.publish({"a": "Ash Lane"}, MONDAY)
    diff = shelf.publish({"a": "Ash Lane", "b": "Beech Road"}, MONDAY + 2 * WEEK)
    assert (diff.restored, diff.ended) == (1, 0)
    assert shelf.rows()[1]["name"] == "Beech Road"


def test_two_feeds_of_one_council_with_the_same_references_get_different_ids(engine: Engine) -> None:
    first, second = Shelf(engine, "ashmere-toilets"), Shelf(engine, "ashmere-parks-toilets")
    first.publish({"a": "Ash Lane", "b": "Birch Road"})
    second.publish({"a": "Ash Lane", "b": "Birch Road"})
    ids = {row["feature_id"] for shelf in (first, second) for row in shelf.rows("feature_id")}
    assert len(ids) == 4


def test_one_feeds_publish_leaves_the_other_feeds_features_alone(engine: Engine) -> None:
    first, second = Shelf(engine, "ashmere-toilets"), Shelf(engine, "ashmere-parks-toilets")
    first.publish({"a": "Ash Lane"})
    before = first.rows("*, ctid::text, xmin::text")
    second.publish({"b": "Birch Road"})
    second.publish({"c": "Cherry Way"}, MONDAY + WEEK)
    assert first.rows("*, ctid::text, xmin::text") == before


def test_an_id_is_the_same_in_a_database_built_anew(shelf: Shelf) -> None:
    shelf.publish({"a": "Ash Lane"})
    first = shelf.rows("feature_id")
    query(shelf.engine, "TRUNCATE layers.public_toilets, layers.change")
    shelf.publish({"b": "Birch Road", "a": "Ash Lane"})
    assert shelf.rows("feature_id")[:1] == first


def test_a_failure_half_way_leaves_everything_as_it_was(shelf: Shelf) -> None:
    shelf.publish({"a": "Ash Lane", "b": "Birch Road"})
    before = shelf.rows("*, ctid::text, xmin::text")
    nowhere = [shapely.Point(LON, LAT), shapely.Point(LON, LAT), None]
    with pytest.raises((psycopg.Error, SQLAlchemyError)):
        shelf.publish({"a": "Alder Lane", "b": "Birch Road", "c": "Cherry Way"}, geometry=nowhere)
    assert shelf.rows("*, ctid::text, xmin::text") == before
    assert (shelf.revision(), shelf.changes(2)) == (1, [])


def test_a_reader_sees_the_old_slice_until_the_new_one_is_whole(shelf: Shelf) -> None:
    shelf.publish({"a": "Ash Lane"})
    query(shelf.engine, WAIT_BEFORE_THE_LAST_STATEMENT)
    with shelf.engine.begin() as gatekeeper:
        gatekeeper.execute(text("SELECT pg_advisory_lock(7)"))
        writer = Thread(target=shelf.publish, args=({"a": "Alder Lane", "b": "Birch Road"},))
        writer.start()
        while not query(shelf.engine, "SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"):
            assert writer.is_alive()
        old = [row["name"] for row in shelf.rows()]
    writer.join(10)
    assert (old, [row["name"] for row in shelf.rows()]) == (["Ash Lane"], ["Alder Lane", "Birch Road"])


def test_publishes_of_two_feeds_at_once_queue_and_each_has_its_revision(engine: Engine) -> None:
    shelves = [Shelf(engine, f"ashmere-toilets-{number}") for number in range(4)]
    diffs: list[Diff] = []
    writers = [Thread(target=lambda s=s: diffs.append(s.publish({"a": "Ash Lane"}))) for s in shelves]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(30)
    assert sorted(diff.revision for diff in diffs) == [1, 2, 3, 4]
    ids = query(engine, "SELECT count(DISTINCT feature_id) AS n FROM layers.public_toilets")
    assert ids[0]["n"] == 4


def test_readers_are_notified_once_for_each_publish_that_changed_something(shelf: Shelf) -> None:
    url = shelf.engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(url, autocommit=True) as listener:
        listener.execute(f"LISTEN {CHANNEL}".encode())
        for _ in range(2):
            shelf.publish({"a": "Ash Lane"})
        told = [(notice.channel, notice.payload) for notice in listener.notifies(timeout=0.5)]
    assert told == [(CHANNEL, "public-toilets")]


def test_the_layers_record_has_its_count_extent_and_time(shelf: Shelf) -> None:
    shelf.publish({"a": "Ash Lane", "bb": "Birch Road"}, MONDAY)
    [layer] = query(shelf.engine, "SELECT features, extent, published_at FROM citywide.layer WHERE revision > 0")
    assert (layer["features"], layer["published_at"]) == (2, MONDAY)
    west, south, east, north = layer["extent"]
    assert (west, east) == pytest.approx((LON + 0.001, LON + 0.002)) and south < north
    shelf.publish({"ccc": "Cherry Way"}, MONDAY + WEEK, complete=False)
    [layer] = query(shelf.engine, "SELECT features, extent FROM citywide.layer WHERE revision > 0")
    assert (layer["features"], layer["extent"][2]) == (3, pytest.approx(LON + 0.003))


def test_a_large_first_publish_has_every_index_afterwards(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    listed = "SELECT indexdef FROM pg_indexes WHERE schemaname = 'layers' AND tablename = 'public_toilets' ORDER BY 1"
    before = query(shelf.engine, listed)
    monkeypatch.setattr(publishing, "BULK_ROWS", 3)
    shelf.publish({"a": "Ash Lane", "b": "Birch Road", "c": "Cherry Way"})
    assert query(shelf.engine, listed) == before and len(shelf.rows()) == 3


def test_a_run_left_running_by_a_killed_program_is_ended_at_the_next_begin(shelf: Shelf) -> None:
    left = shelf.run()
    shelf.run()
    [run] = query(
        shelf.engine, "SELECT state, outcome, code, message, ended_at FROM citywide.run WHERE id = :i", i=left
    )
    assert (run["state"], run["outcome"], run["code"]) == ("ended", Outcome.FAILED.value, "E-FAULT")
    assert "stopped" in run["message"] and run["ended_at"] is not None


def test_a_database_from_before_first_revisions_gets_them_from_its_changes(fresh_database_url: str) -> None:
    engine = connect(fresh_database_url)
    query(engine, "CREATE SCHEMA citywide")
    migrate_to(engine, "0001")
    query(engine, BEFORE_0002)
    migrate_to(engine, "0002")
    rows = query(engine, "SELECT feature_id, first_revision FROM layers.public_toilets ORDER BY 1")
    told = query(engine, "SELECT op, before ->> 'first_revision' AS came FROM layers.change ORDER BY id")
    engine.dispose()
    assert {row["feature_id"]: row["first_revision"] for row in rows} == {"back": 5, "kept": 1, "old": 3}
    assert [(row["op"], row["came"]) for row in told] == [
        ("update", "1"),
        ("end", "1"),
        ("restore", None),
        ("update", "3"),
    ]


def migrate_to(engine: Engine, revision: str) -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(migrating.__file__).parent / "migrations"))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
