"""Whatever slices are published, in whatever order, with programs killed between, publishes rolled back, feeds
withdrawn, features keyed in another way and pairs decided: ids are never used twice, history has no gap, counts are
right, and what is unchanged is never written."""

import multiprocessing
import random
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from multiprocessing.connection import Connection as Pipe
from typing import Any
from unittest.mock import patch

import polars as pl
import psycopg
import pytest
import shapely
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import Engine, select
from sqlalchemy.exc import SQLAlchemyError

from datasets.errors import CitywideError
from datasets.store.engine import connect, libpq_url
from datasets.store.feeds import save_feed
from datasets.store.matching.decisions import decide, list_pairs
from datasets.store.publishing.publish import Publisher, Slice, publish
from datasets.store.versions.as_of import as_of
from datasets.store.versions.change_feed import changes_since
from datasets.store.versions.history import versions
from datasets.store.versions.roll_back import roll_back
from datasets.store.versions.withdraw import withdraw
from datasets.vocabulary import MatchDecision, Rung
from tests.builders import ASHMERE, BRACKHOLME, LAT, LON, feed_of, query
from tests.test_history import all_changes, snapshot
from tests.test_publish import LAYER, MONDAY, Shelf, slice_of

FEEDS = {"ashmere-toilets": ASHMERE, "ashmere-parks-toilets": ASHMERE, "brackholme-toilets": BRACKHOLME}
PRESENT = "SELECT * FROM layers.public_toilets"
EMPTY = """
    TRUNCATE layers.public_toilets, layers.change, citywide.revision, citywide.match_pair, citywide.redirect,
             citywide.rejection, citywide.task, citywide.feed_figures, citywide.run CASCADE;
    UPDATE citywide.layer SET revision = 0, features = 0, extent = NULL
    """
CHAINS = """
    WITH versions AS (
        SELECT feature_id, since, revision AS until, op FROM layers.change WHERE since IS NOT NULL
        UNION ALL SELECT feature_id, revision, NULL, NULL FROM layers.public_toilets
    ), chained AS (
        SELECT *, lag(until) OVER one AS before, lag(op) OVER one AS last
        FROM versions WINDOW one AS (PARTITION BY feature_id ORDER BY since, until NULLS LAST)
    )
    SELECT * FROM chained WHERE until <= since OR (last IS NOT NULL AND last <> 'end' AND before <> since)
                             OR (last = 'end' AND before >= since) OR (before IS NOT NULL AND last IS NULL)
    """
USED_TWICE = """
    WITH used AS (SELECT fid, feature_id, council FROM layers.public_toilets
                  UNION SELECT fid, feature_id, council FROM layers.change WHERE fid IS NOT NULL)
    SELECT fid::text FROM used GROUP BY fid HAVING count(*) > 1
    UNION ALL SELECT feature_id FROM used GROUP BY feature_id HAVING count(DISTINCT council) > 1
    """
RECORD = """
    SELECT l.revision, l.features, l.extent, (SELECT count(*) FROM layers.public_toilets) AS counted,
           (SELECT ARRAY[ST_XMin(b), ST_YMin(b), ST_XMax(b), ST_YMax(b)]
            FROM (SELECT ST_Extent(geom) AS b FROM layers.public_toilets) e WHERE b IS NOT NULL) AS box,
           (SELECT count(*) FROM citywide.revision r WHERE r.layer = l.id) AS logged
    FROM citywide.layer l WHERE l.id = 'public-toilets'
    """
LAST_PUBLISH = """
    SELECT max(revision) AS r FROM citywide.revision
    WHERE feed = :feed AND cause = 'harvest'
          AND run NOT IN (SELECT undoes FROM citywide.revision WHERE undoes IS NOT NULL)
    """
KEYS = "SELECT key FROM layers.public_toilets WHERE feed_id = :feed"
WRITTEN = "SELECT feature_id, xmin::text, ctid::text FROM layers.public_toilets ORDER BY 1"

feeds = st.sampled_from(list(FEEDS))
names = st.sampled_from(["Ash Lane", "Birch Road", "Cherry Way", "Elm\tStreet", "Été \\ Row"])
rungs = st.sampled_from([Rung.REFERENCE, Rung.REFERENCE, Rung.REFERENCE, Rung.NATURAL])
features = st.dictionaries(st.sampled_from("abcdefgh"), st.tuples(names, st.integers(0, 5)), min_size=1, max_size=8)
kills = st.one_of(st.none(), st.tuples(st.sampled_from(["exception", "terminated"]), st.integers(0, 9)))


QUICK = (Phase.explicit, Phase.generate)


class Killed(Exception):
    """The program ended here, as far as the database knows."""


@contextmanager
def killed(engine: Engine, kill: tuple[str, int] | None) -> Iterator[None]:
    """While the context lasts, a publish ends at its so many-th statement: by an exception, or because its connection
    is terminated."""
    execute, left = Publisher._execute, iter(range(kill[1] + 1)) if kill else iter(int, 1)

    def counting(self: Publisher, statement: str, **given: Any) -> int:
        if next(left, None) is None and kill is not None:
            if kill[0] == "exception":
                raise Killed
            query(engine, "SELECT pg_terminate_backend(:pid, 5000)", pid=self.cursor.connection.info.backend_pid)
        return execute(self, statement, **given)

    with patch.object(Publisher, "_execute", counting):
        yield


@dataclass
class Given:
    """A slice that may be published again as it was."""

    features: dict[str, tuple[str, int]]
    complete: bool
    rung: Rung = Rung.REFERENCE


class Publishing(RuleBasedStateMachine):
    """One layer of three feeds and two councils."""

    engine: Engine

    @initialize()
    def start(self) -> None:
        query(self.engine, EMPTY)
        self.now = MONDAY
        self.last: dict[str, Given] = {}
        self.snapshots: dict[int, list[dict[str, Any]]] = {0: []}

    @rule(feed=feeds, given=st.builds(Given, features, st.booleans(), rungs), days=st.integers(0, 9), kill=kills)
    def publish(self, feed: str, given: Given, days: int, kill: Any) -> None:
        self.now += timedelta(days=days, seconds=1)
        before, present = self._revision(), snapshot(self.engine, PRESENT)
        with killed(self.engine, kill):
            try:
                diff = self._put(feed, given)
            except (Killed, psycopg.Error, SQLAlchemyError):
                assert kill is not None
                assert snapshot(self.engine, PRESENT) == present and self._revision() == before
                return
        assert self._revision() == diff.revision == before + bool(diff.total)
        self.last[feed] = given
        self._keep()

    @precondition(lambda self: self.last)
    @rule(chosen=st.randoms(use_true_random=False))
    def publish_the_same_again(self, chosen: random.Random) -> None:
        feed = chosen.choice(sorted(self.last))
        given = self.last[feed]
        keys = list(given.features)
        chosen.shuffle(keys)
        standing = {row["key"] for row in query(self.engine, KEYS, feed=feed)}
        # What is missing would end when a second complete slice lacks it too: that is a change.
        again = Given({key: given.features[key] for key in keys}, standing == set(keys), given.rung)
        before = (query(self.engine, WRITTEN), self._revision(), self._changes())
        assert self._put(feed, again).total == 0
        assert (query(self.engine, WRITTEN), self._revision(), self._changes()) == before

    @precondition(lambda self: self.last)
    @rule(chosen=st.randoms(use_true_random=False), kill=kills)
    def roll_back(self, chosen: random.Random, kill: Any) -> None:
        feed, before = chosen.choice(sorted(self.last)), self._revision()
        wanted = self._touched(feed)
        with killed(self.engine, kill):
            try:
                roll_back(self.engine, LAYER, feed, "A mistake", by="a test", worker="a test")
            except (Killed, psycopg.Error, SQLAlchemyError):
                assert kill is not None and self._revision() == before
                return
            except Exception as error:
                assert "no publish that could be rolled back" in str(error)
                return
        assert self._revision() in (before, before + 1)
        self._check_as_before(feed, wanted)
        del self.last[feed]
        self._keep()

    @precondition(lambda self: self.last)
    @rule(chosen=st.randoms(use_true_random=False), kill=kills)
    def withdraw(self, chosen: random.Random, kill: Any) -> None:
        feed, before, present = chosen.choice(sorted(self.last)), self._revision(), snapshot(self.engine, PRESENT)
        with killed(self.engine, kill):
            try:
                diff = withdraw(self.engine, LAYER, feed, "It moved", by="a test", worker="a test")
            except (Killed, psycopg.Error, SQLAlchemyError):
                assert kill is not None
                assert snapshot(self.engine, PRESENT) == present and self._revision() == before
                return
        assert query(self.engine, KEYS, feed=feed) == [] and self._revision() == before + bool(diff.total)
        del self.last[feed]
        self._keep()

    @precondition(lambda self: bool(list_pairs(self.engine)))
    @rule(
        chosen=st.randoms(use_true_random=False),
        decision=st.sampled_from([MatchDecision.SAME, MatchDecision.DIFFERENT]),
    )
    def decide(self, chosen: random.Random, decision: MatchDecision) -> None:
        """It writes what follows from it in one revision, or it contradicts another and writes nothing."""
        pair, before = chosen.choice(list_pairs(self.engine)).id, self._revision()
        present = snapshot(self.engine, PRESENT)
        try:
            decide(self.engine, pair, decision, "We looked", "a test")
        except CitywideError as error:
            assert "contradict each other" in str(error) and snapshot(self.engine, PRESENT) == present
        assert self._revision() in (before, before + 1)
        assert (snapshot(self.engine, PRESENT) == present) == (self._revision() == before)
        self._keep()

    @invariant()
    def ids_are_never_used_twice_and_history_has_no_gap(self) -> None:
        assert query(self.engine, USED_TWICE) == []
        assert query(self.engine, CHAINS) == []

    @invariant()
    def the_layers_record_is_right(self) -> None:
        [record] = query(self.engine, RECORD)
        assert record["features"] == record["counted"] and record["logged"] == record["revision"]
        assert record["extent"] == (pytest.approx(record["box"]) if record["box"] else None)

    @precondition(lambda self: self._revision() > 0)
    @rule(chosen=st.randoms(use_true_random=False))
    def look_back(self, chosen: random.Random) -> None:
        """A revision that was current once reads as it did, and its followers come to what stands."""
        revision = chosen.choice(sorted(self.snapshots))
        self._stood(revision)
        self._followed(revision)
        for row in self.snapshots[revision][:1]:
            told = versions(self.engine, LAYER, row["said"]["feature_id"])
            assert [one.until for one in told[:-1]] == [one.revision for one in told[1:]]

    def teardown(self) -> None:
        for revision in getattr(self, "snapshots", ()):
            self._stood(revision)
        if hasattr(self, "snapshots"):
            self._followed(0)

    def _stood(self, revision: int) -> None:
        then = str(select(as_of(LAYER, revision)).compile(self.engine, compile_kwargs={"literal_binds": True}))
        assert snapshot(self.engine, then) == self.snapshots[revision]

    def _followed(self, revision: int) -> None:
        copy = {row["said"]["feature_id"]: row["said"] for row in self.snapshots[revision]}
        for change in all_changes(self.engine, revision, limit=3):
            assert (change.feature_id in copy) == (change.op not in ("insert", "restore") or change.feature_id in copy)
            copy.pop(change.feature_id, None)
            if change.stands is not None:
                copy[change.feature_id] = change.stands
        assert copy == {row["said"]["feature_id"]: row["said"] for row in snapshot(self.engine, PRESENT)}
        assert changes_since(self.engine, LAYER, self._revision()).changes == []

    def _put(self, feed: str, given: Given) -> Any:
        keys = list(given.features)
        places = [shapely.Point(LON + given.features[key][1] / 20_000, LAT + ord(key) / 20_000) for key in keys]
        new = slice_of(keys, [given.features[key][0] for key in keys], places, feed, given.complete)
        new = Slice(**{**vars(new), "run": _run(self.engine, feed), "council": FEEDS[feed]})
        new = replace(new, frame=new.frame.with_columns(rung=pl.lit(given.rung.value)))
        return publish(self.engine, LAYER, new, self.now)

    def _touched(self, feed: str) -> dict[str, tuple[Any, ...]]:
        """What the features that the feed's last publish touched said before it; those it brought are not among
        them."""
        log = query(self.engine, LAST_PUBLISH, feed=feed)
        if log[0]["r"] is None:
            return {}
        before = {row["said"]["feature_id"]: row for row in self.snapshots[log[0]["r"] - 1]}
        touched = query(
            self.engine,
            "SELECT feature_id FROM layers.change WHERE revision = :r AND feed_id = :feed AND since IS NOT NULL",
            r=log[0]["r"],
            feed=feed,
        )
        return {row["feature_id"]: _content(before[row["feature_id"]]) for row in touched}

    def _check_as_before(self, feed: str, wanted: dict[str, tuple[Any, ...]]) -> None:
        """What was touched says what it said. Another feed may hold the id of what had ended."""
        rows = {row["said"]["feature_id"]: row for row in snapshot(self.engine, PRESENT)}
        for feature_id, said in wanted.items():
            assert rows[feature_id]["said"]["feed_id"] != feed or _content(rows[feature_id]) == said

    def _keep(self) -> None:
        self.snapshots[self._revision()] = snapshot(self.engine, PRESENT)

    def _revision(self) -> int:
        return int(query(self.engine, RECORD)[0]["revision"])

    def _changes(self) -> int:
        return int(query(self.engine, "SELECT count(*) AS n FROM layers.change")[0]["n"])


def _content(row: dict[str, Any]) -> tuple[Any, ...]:
    said = row["said"]
    return (said["key"], said["name"], said["content_hash"], said["missing_since"], row["place"])


def _run(engine: Engine, feed: str) -> int:
    """A run that is begun, its program gone before the next one is."""
    shelf = Shelf.__new__(Shelf)
    shelf.engine, shelf.feed_id = engine, feed
    return shelf.run()


def test_any_sequence_of_publishes_kills_and_roll_backs_keeps_what_we_promise(engine: Engine) -> None:
    for feed, council in FEEDS.items():
        save_feed(engine, feed_of(feed, council=council))
    kept = connect(libpq_url(engine), keep=True)
    machine = type("Machine", (Publishing,), {"engine": kept})
    is_deep = settings.get_current_profile_name() == "fuzz"
    depth = settings() if is_deep else settings(max_examples=10, stateful_step_count=12, derandomize=True, phases=QUICK)
    try:
        run_state_machine_as_test(
            machine, settings=settings(depth, deadline=None, suppress_health_check=list(HealthCheck))
        )
    finally:
        kept.dispose()


def _publish_until(url: str, statement: int, told: Pipe) -> None:
    """A publish that stops at one of its statements and waits there to be killed."""
    execute, left = Publisher._execute, iter(range(statement))

    def waiting(self: Publisher, written: str, **given: Any) -> int:
        done = execute(self, written, **given)
        if next(left, None) is None:
            told.send("here")
            told.poll(60)
        return done

    with patch.object(Publisher, "_execute", waiting):
        Shelf(connect(url)).publish({"a": "Alder Lane", "c": "Cherry Way"})
    told.send("done")


@pytest.mark.parametrize("statement", [2, 6])
def test_a_program_that_is_killed_while_it_publishes_leaves_everything_as_it_was(
    engine: Engine, statement: int
) -> None:
    shelf = Shelf(engine)
    shelf.publish({"a": "Ash Lane", "b": "Birch Road"})
    before = shelf.rows("*, ctid::text, xmin::text")
    ours, theirs = multiprocessing.Pipe()
    spawned = multiprocessing.get_context("spawn")
    program = spawned.Process(target=_publish_until, args=(libpq_url(engine), statement, theirs))
    program.start()
    assert ours.poll(60) and ours.recv() == "here"
    program.kill()
    program.join()
    with suppress(EOFError):
        assert not ours.poll(0)
    assert shelf.rows("*, ctid::text, xmin::text") == before and shelf.revision() == 1
    assert shelf.publish({"a": "Alder Lane", "c": "Cherry Way"}).revision == 2
