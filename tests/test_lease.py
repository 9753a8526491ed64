"""A run is of one program: what another has taken over, the first can neither publish nor record, and what was
published is recorded whatever comes after."""

import pytest
from sqlalchemy import Engine

from datasets.issues import all_issues
from datasets.store import runs
from datasets.store.feeds import save_feed
from datasets.store.readings import Reading, Readings
from datasets.store.runs import LeaseLost
from datasets.vocabulary import Outcome
from harvesters.context import Tell
from harvesters.run import Tools, harvest
from tests.builders import Desk, csv_bytes, feed_of, query, toilets

GONE = "UPDATE citywide.run SET lease_until = now() - interval '1 second'"


def begun(engine: Engine) -> int:
    save_feed(engine, feed_of())
    return runs.begin_run(engine, feed_of().id, "this program")


def taken_over(engine: Engine) -> None:
    query(engine, GONE)
    runs.begin_run(engine, feed_of().id, "another program")


def test_a_run_that_was_taken_over_publishes_nothing(desk: Desk) -> None:
    desk.path.write_bytes(csv_bytes(toilets(3)))

    def tell(stage: str, done: int, total: int | None) -> None:
        if stage == "publish":
            taken_over(desk.tools.engine)

    report = harvest(desk.feed, desk.tools, tell, path=desk.path)
    assert report.outcome is Outcome.FAILED and "has taken its feed over" in report.message
    assert desk.rows() == []
    assert [run["state"] for run in query(desk.tools.engine, "SELECT state FROM citywide.run ORDER BY id")] == [
        "ended", "running",
    ]  # fmt: skip


def test_a_run_that_is_being_published_is_not_taken_over(tools: Tools) -> None:
    run = begun(tools.engine)
    query(tools.engine, GONE)
    with tools.engine.begin() as connection:
        runs.hold_while_publishing(connection, run)
        assert runs.free_lost_runs(tools.engine) == []
    assert runs.free_lost_runs(tools.engine) == [feed_of().id]


def test_an_unfinished_read_is_written_down_by_its_own_run_alone(tools: Tools) -> None:
    kept = Readings(tools.engine, feed_of().id, begun(tools.engine))
    reading = Reading({}, None, "ashmere-toilets.pages.tar", 100, {"start": 0})
    kept.save(reading)
    taken_over(tools.engine)
    with pytest.raises(LeaseLost):
        kept.save(reading)


def test_the_end_of_a_run_is_recorded_once(tools: Tools) -> None:
    run = begun(tools.engine)
    taken_over(tools.engine)
    with pytest.raises(LeaseLost):
        runs.end_run(tools.engine, run, Outcome.PUBLISHED, {}, [], all_issues([]))


def test_what_was_published_is_recorded_as_published_though_the_program_is_stopped_then(desk: Desk) -> None:
    desk.path.write_bytes(csv_bytes(toilets(3)))
    report = harvest(desk.feed, desk.tools, stopping_after("publish"), path=desk.path)
    assert (report.outcome, len(desk.rows())) == (Outcome.PUBLISHED, 3)


def stopping_after(last: str) -> Tell:
    """A teller that stops the run at whatever is told after this stage has begun."""
    seen: list[str] = []

    def tell(stage: str, done: int, total: int | None) -> None:
        if last in seen:
            raise KeyboardInterrupt
        seen.append(stage)

    return tell
