"""When each feed is looked at next: as often as its council says it changes, corrected by how often it really did."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median

from sqlalchemy import ColumnElement, Engine, and_, func, not_, select, update

from datasets.feed import Feed
from datasets.store import tables
from datasets.vocabulary import Outcome, RunState

SOONEST, LATEST = timedelta(hours=12), timedelta(days=30)
AFTER_FAILURES = (timedelta(hours=1), timedelta(hours=4), timedelta(hours=12), timedelta(days=1))
"""After the first failure in a row, the second, and so on."""
QUIET_TIMES = 3
"""A feed that has not changed for so many of its periods is looked at half as often."""
MOST_TRIES = 5
"""A feed that has cost so many programs their life one after the other is not tried again for LATEST."""
STOPPED = "E-STOPPED"
"""The code of a run that was broken off because its program was asked to end; it says nothing of the feed."""
_JITTER = 0.1
_CHANGES = 6


@dataclass(frozen=True)
class Rhythm:
    """What the runs of a feed show: when the last ones that changed something ended, newest first, how many runs have
    failed one after the other since the last good one, how many of the last ones were lost with their program, and
    whether the last one was broken off."""

    changes: Sequence[datetime] = ()
    failures: int = 0
    losses: int = 0
    stopped: bool = False


def next_look(feed: Feed, rhythm: Rhythm, now: datetime) -> timedelta:
    """How long to wait before the feed is looked at again, without jitter. What was lost is gone on with at once, but
    not time and again: it may be the feed that kills its programs."""
    if rhythm.stopped or rhythm.losses == 1:
        return timedelta()
    if rhythm.losses >= MOST_TRIES:
        return LATEST
    if rhythm.failures:
        return AFTER_FAILURES[min(rhythm.failures, len(AFTER_FAILURES)) - 1]
    gaps = [
        (later - earlier).total_seconds() for later, earlier in zip(rhythm.changes, rhythm.changes[1:], strict=False)
    ]
    declared = timedelta(days=feed.cadence.days)
    period = min(declared, timedelta(seconds=median(gaps))) if gaps else declared
    if rhythm.changes and now - rhythm.changes[0] > QUIET_TIMES * period:
        period = 2 * period
    return min(max(period, SOONEST), LATEST)


def plan_next(engine: Engine, feed: Feed) -> datetime:
    """Writes down when the feed is due next, a little earlier or later than others of its kind; that moment."""
    table = tables.feed
    with engine.begin() as connection:
        now = connection.execute(select(func.now())).scalar_one()
        wait = next_look(feed, _rhythm(engine, feed.id), now) * random.uniform(1 - _JITTER, 1 + _JITTER)
        due: datetime = now + wait
        connection.execute(update(table).where(table.c.id == feed.id).values(due_at=due))
    return due


def wait_planned(engine: Engine, feed: Feed) -> timedelta:
    """How long from now the feed would be looked at next."""
    with engine.connect() as connection:
        now = connection.execute(select(func.now())).scalar_one()
    return next_look(feed, _rhythm(engine, feed.id), now)


def due_feeds(engine: Engine) -> list[Feed]:
    """The feeds that are due, the longest overdue first."""
    table = tables.feed
    query = select(table.c.document).where(table.c.removed_at.is_(None), table.c.due_at <= func.now())
    with engine.connect() as connection:
        return [
            Feed.model_validate(document) for document in connection.execute(query.order_by(table.c.due_at)).scalars()
        ]


def losses_in_a_row(engine: Engine, feed_id: str) -> int:
    """How many of the feed's last runs were lost with their program."""
    run = tables.run
    mine = run.c.feed == feed_id
    other = select(func.max(run.c.id)).where(mine, run.c.outcome.is_not(None), not_(_lost()), not_(_stopped()))
    since = run.c.id > func.coalesce(other.scalar_subquery(), 0)
    with engine.connect() as connection:
        return connection.execute(select(func.count()).where(mine, _lost(), since)).scalar_one()


def being_harvested(engine: Engine) -> set[str]:
    """The ids of the feeds that have a run under way, as far as anybody knows."""
    run = tables.run
    with engine.connect() as connection:
        return set(connection.execute(select(run.c.feed).where(run.c.state == RunState.RUNNING.value)).scalars())


def _lost() -> ColumnElement[bool]:
    """Runs that others ended, after their program had been silent for too long."""
    run = tables.run
    silent = func.coalesce(run.c.lease_until < run.c.ended_at, True)
    return and_(run.c.outcome == Outcome.FAILED.value, run.c.code.is_not_distinct_from("E-FAULT"), silent)


def _stopped() -> ColumnElement[bool]:
    return tables.run.c.code.is_not_distinct_from(STOPPED)


def _rhythm(engine: Engine, feed_id: str) -> Rhythm:
    run = tables.run
    mine = run.c.feed == feed_id
    changed = (run.c.outcome == Outcome.PUBLISHED.value) & (run.c.revision > 0)
    changes = select(run.c.ended_at).where(mine, changed).order_by(run.c.id.desc()).limit(_CHANGES)
    good = select(func.max(run.c.id)).where(mine, run.c.outcome != Outcome.FAILED.value).scalar_subquery()
    since = run.c.id > func.coalesce(good, 0)
    failed = select(func.count()).where(mine, run.c.outcome == Outcome.FAILED.value, not_(_stopped()), since)
    newest = select(_stopped()).where(mine, run.c.outcome.is_not(None)).order_by(run.c.id.desc()).limit(1)
    with engine.connect() as connection:
        return Rhythm(
            changes=connection.execute(changes).scalars().all(),
            failures=connection.execute(failed).scalar_one(),
            losses=losses_in_a_row(engine, feed_id),
            stopped=bool(connection.scalar(newest)),
        )
