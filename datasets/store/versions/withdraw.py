"""Withdrawing a feed: every feature of it ends, as a new revision, and what it said stays in history."""

from datetime import UTC, datetime

from sqlalchemy import Engine

from datasets.layer import Layer
from datasets.store import runs
from datasets.store.publishing.slices import Diff
from datasets.store.versions.restore import Restorer
from datasets.store.versions.roll_back import driver_of, end_run
from datasets.vocabulary import Cause


def withdraw(engine: Engine, layer: Layer, feed_id: str, reason: str, *, by: str, worker: str) -> Diff:
    """Ends every feature of a feed. FeedBusy while a run of it is under way."""
    run_id = runs.begin_run(engine, feed_id, worker)
    try:
        with engine.begin() as connection:
            runs.hold_while_publishing(connection, run_id)
            restorer = Restorer(driver_of(connection), layer, run_id, datetime.now(UTC), Cause.WITHDRAWAL)
            diff = end_all(restorer, feed_id, reason, by)
            end_run(connection, layer, feed_id, run_id, 0, diff, f"Withdrawn: {reason}")
    except BaseException as error:
        runs.abandon_run(engine, run_id, f"The withdrawal broke: {error}")
        raise
    return diff


def end_all(restorer: Restorer, feed_id: str, reason: str, by: str) -> Diff:
    """Ends every feature of the feed."""
    restorer.begin()
    restorer.values |= {"feed": feed_id, "reason": reason, "by": by}
    restorer.fill("INSERT INTO unwanted (fid) SELECT fid FROM {table} WHERE feed_id = %(feed)s")
    return restorer.restore()
