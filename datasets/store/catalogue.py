"""What is in, where it comes from, and how fresh it is: the questions that pages and `citywide status` ask.

Separate from the tables because nothing here writes, and every answer is a plain value.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, Select, and_, select, true

from datasets.feed import Cadence
from datasets.store import tables
from datasets.vocabulary import CouncilState, Outcome, Rung, RunState

GOOD = (Outcome.PUBLISHED.value, Outcome.UNCHANGED.value)


@dataclass(frozen=True)
class LayerStanding:
    """A layer as it is served now."""

    id: str
    revision: int
    features: int
    published_at: datetime | None


@dataclass(frozen=True)
class CouncilName:
    gss: str
    name: str
    slug: str


@dataclass(frozen=True)
class FeedStanding:
    """A feed with its last ended run, its last good one (published or unchanged) and its last published one.
    `complete` and `rung` are of the last good one."""

    id: str
    council: CouncilName
    layer: str
    platform: str
    url: str
    licence: str
    attribution: str
    cadence: Cadence
    document: Mapping[str, Any]
    added_at: datetime
    removed_at: datetime | None
    run: int | None
    outcome: Outcome | None
    message: str | None
    checked_at: datetime | None
    good_run: int | None
    good_at: datetime | None
    changed_run: int | None
    changed_at: datetime | None
    complete: bool | None
    rung: Rung | None

    def state(self, now: datetime) -> CouncilState:
        """How the feed stands at `now`. It is stale when twice its cadence has gone by without a good check, and
        when it is no longer harvested, although what it gave is still served."""
        if self.removed_at is not None:
            return CouncilState.STALE
        if self.outcome is None:
            return CouncilState.WAITING
        if self.outcome in (Outcome.HELD, Outcome.FAILED):
            return CouncilState(self.outcome.value)
        if self.good_at is None or now - self.good_at > timedelta(days=2 * self.cadence.days):
            return CouncilState.STALE
        return CouncilState.IN


@dataclass(frozen=True)
class RunLine:
    """One run as lists of runs show it."""

    id: int
    feed: str
    council: CouncilName
    layer: str
    state: RunState
    outcome: Outcome | None
    message: str | None
    started_at: datetime
    ended_at: datetime | None
    rows_read: int | None
    features: int | None
    inserted: int | None
    updated: int | None
    ended: int | None
    restored: int | None
    revision: int | None


def layer_standings(connection: Connection) -> dict[str, LayerStanding]:
    """Every layer the database knows, by id."""
    table = tables.layer
    columns = (table.c.id, table.c.revision, table.c.features, table.c.published_at)
    found = connection.execute(select(*columns).order_by(table.c.title))
    return {row.id: LayerStanding(*row) for row in found}


def council_names(connection: Connection) -> list[CouncilName]:
    """Every council of the city, by name."""
    table = tables.council
    return [
        CouncilName(*row)
        for row in connection.execute(select(table.c.gss, table.c.name, table.c.slug).order_by(table.c.name))
    ]


def feed_standings(
    connection: Connection, *, feed: str | None = None, council: str | None = None, layer: str | None = None
) -> list[FeedStanding]:
    """Feeds by id, removed ones too; narrowed to one feed, one council (GSS code) or one layer where given."""
    wanted = {"id": feed, "council": council, "layer": layer}
    statement = _feeds_with_runs().order_by(tables.feed.c.id)
    for name, value in wanted.items():
        if value is not None:
            statement = statement.where(tables.feed.c[name] == value)
    return [_feed_standing(row) for row in connection.execute(statement)]


def latest_runs(
    connection: Connection, limit: int, *, feed: str | None = None, before: int | None = None
) -> list[RunLine]:
    """The newest runs first; of one feed, and from before the run `before`, where given."""
    statement = _run_lines().order_by(tables.run.c.id.desc()).limit(limit)
    if feed is not None:
        statement = statement.where(tables.run.c.feed == feed)
    if before is not None:
        statement = statement.where(tables.run.c.id < before)
    return [_run_line(row) for row in connection.execute(statement)]


def layer_revisions(connection: Connection, layer: str, limit: int) -> list[RunLine]:
    """The runs that made a layer's latest revisions, newest first."""
    statement = _run_lines().where(tables.feed.c.layer == layer, tables.run.c.outcome == Outcome.PUBLISHED.value)
    statement = statement.where(tables.run.c.revision.is_not(None)).order_by(tables.run.c.revision.desc()).limit(limit)
    return [_run_line(row) for row in connection.execute(statement)]


def _feeds_with_runs() -> Select[Any]:
    """Feeds with their council and the three runs that matter, each found through the index on feed and start."""
    feed, council = tables.feed, tables.council
    last = _last_run("last", tables.run.c.state == RunState.ENDED.value)
    good = _last_run("good", tables.run.c.outcome.in_(GOOD))
    changed = _last_run("changed", tables.run.c.outcome == Outcome.PUBLISHED.value)
    columns = (
        feed,
        council.c.name.label("council_name"),
        council.c.slug.label("council_slug"),
        last.c.id.label("run"),
        last.c.outcome,
        last.c.message,
        last.c.ended_at.label("checked_at"),
        good.c.id.label("good_run"),
        good.c.ended_at.label("good_at"),
        good.c.complete,
        good.c.rung,
        changed.c.id.label("changed_run"),
        changed.c.ended_at.label("changed_at"),
    )
    joined = feed.join(council, feed.c.council == council.c.gss)
    for lateral in (last, good, changed):
        joined = joined.outerjoin(lateral, true())
    return select(*columns).select_from(joined)


def _last_run(name: str, condition: Any) -> Any:
    run = tables.run
    statement = select(run.c.id, run.c.outcome, run.c.message, run.c.ended_at, run.c.complete, run.c.rung)
    statement = statement.where(and_(run.c.feed == tables.feed.c.id, condition)).correlate(tables.feed)
    return statement.order_by(run.c.started_at.desc(), run.c.id.desc()).limit(1).lateral(name)


def _feed_standing(row: Row[Any]) -> FeedStanding:
    return FeedStanding(
        id=row.id,
        council=CouncilName(row.council, row.council_name, row.council_slug),
        layer=row.layer,
        platform=row.platform,
        url=row.url,
        licence=row.licence,
        attribution=row.attribution,
        cadence=Cadence(row.cadence),
        document=row.document,
        added_at=row.added_at,
        removed_at=row.removed_at,
        run=row.run,
        outcome=None if row.outcome is None else Outcome(row.outcome),
        message=row.message,
        checked_at=row.checked_at,
        good_run=row.good_run,
        good_at=row.good_at,
        changed_run=row.changed_run,
        changed_at=row.changed_at,
        complete=row.complete,
        rung=None if row.rung is None else Rung(row.rung),
    )


def _run_lines() -> Select[Any]:
    run, feed, council = tables.run, tables.feed, tables.council
    joined = run.join(feed, run.c.feed == feed.c.id).join(council, feed.c.council == council.c.gss)
    columns = (run, feed.c.layer, council.c.gss, council.c.name.label("council_name"), council.c.slug)
    return select(*columns).select_from(joined)


def _run_line(row: Row[Any]) -> RunLine:
    return RunLine(
        id=row.id,
        feed=row.feed,
        council=CouncilName(row.gss, row.council_name, row.slug),
        layer=row.layer,
        state=RunState(row.state),
        outcome=None if row.outcome is None else Outcome(row.outcome),
        message=row.message,
        started_at=row.started_at,
        ended_at=row.ended_at,
        rows_read=row.rows_read,
        features=row.features,
        inserted=row.inserted,
        updated=row.updated,
        ended=row.ended,
        restored=row.restored,
        revision=row.revision,
    )
