"""Harvest runs in the database: begun, ended, with their requests, resource and issues."""

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
from sqlalchemy import ColumnElement, Connection, Engine, RowMapping, func, or_, select, true, update
from sqlalchemy import insert as plain_insert
from sqlalchemy.dialects.postgresql import insert

from datasets.errors import CitywideError
from datasets.issues import ISSUE_SCHEMA
from datasets.store import tables
from datasets.store.confirmed import rules_in, settle
from datasets.store.quality import measure_run
from datasets.store.tasks import note_run
from datasets.vocabulary import Decider, Outcome, Reach, Rung, RunState

CODES_WITH_EVERY_ROW = 100_000
"""At most this many issues of one code and field are kept row by row; the rest is one issue with their count."""


LEASE = timedelta(seconds=60)
"""A program that has not said for so long that it is at work on a run has lost it."""

_PUBLISHING = 0x52554E << 32
"""Added to the number of a run it is the number of the advisory lock that the run holds while it is published."""

GOOD = (Outcome.PUBLISHED.value, Outcome.UNCHANGED.value)
READING = (
    "complete",
    "incomplete_because",
    "outside_boundary",
    "format",
    "encoding",
    "crs",
    "columns",
    "mapping",
    "rung",
    "rows_read",
    "features",
    "middle",
)
"""Columns of a run that say how its bytes were read; a run that meets the same bytes again takes them over."""


class FeedBusy(CitywideError):
    """Another program is at work on the feed."""


class LeaseLost(CitywideError):
    """Another program has taken the run's feed over, because this one was silent for too long."""

    def __init__(self) -> None:
        super().__init__("The run was silent for too long, and another program has taken its feed over.")


@dataclass(frozen=True)
class EarlierRun:
    """The last good run of a feed that read it in full, with what later runs compare to or take over.

    `whole_features` is how many features the last complete read gave; `followed` by reads of
    changes alone, its bytes are no longer what stands. `watermark` and `declared` are of the last good
    run, which may have read changes alone; `in_full_at` is when the platform's rows were last really read, all of them.
    `etag` and `last_modified` came with the resource.
    """

    id: int
    resource_sha256: str
    rules_hash: str
    content_hash: str | None
    reading: Mapping[str, Any]
    whole_features: int | None
    followed: bool
    watermark: str | None
    declared: int | None
    in_full_at: datetime
    etag: str | None
    last_modified: str | None

    @property
    def rung(self) -> Rung:
        return Rung(self.reading["rung"])


def begin_run(engine: Engine, feed_id: str, worker: str) -> int:
    """A new run, leased to `worker`; its id. FeedBusy when another program has one under way."""
    run, feed = tables.run, tables.feed
    with engine.begin() as connection:
        connection.execute(select(feed.c.id).where(feed.c.id == feed_id).with_for_update())
        _free_lost(connection, run.c.feed == feed_id)
        under_way = select(run.c.worker, run.c.started_at).where(run.c.feed == feed_id, _running())
        other = connection.execute(under_way).one_or_none()
        if other is not None:
            since = other.started_at.astimezone(UTC)
            raise FeedBusy(f"Feed {feed_id} is being harvested since {since:%H:%M} UTC by {other.worker}.")
        values = {"feed": feed_id, "state": RunState.RUNNING.value, "worker": worker, "lease_until": func.now() + LEASE}
        return int(connection.execute(plain_insert(run).values(**values).returning(run.c.id)).scalar_one())


def has_resource(engine: Engine, sha256: str) -> bool:
    """Whether a run has read these bytes."""
    with engine.connect() as connection:
        return connection.scalar(select(tables.resource.c.sha256).where(tables.resource.c.sha256 == sha256)) is not None


def beat(engine: Engine, run_id: int, stage: str, done: int, total: int | None) -> bool:
    """Says that the run goes on and how far it is; whether it is still ours to go on with."""
    run = tables.run
    values = {"stage": stage, "done": done, "total": total, "lease_until": func.now() + LEASE}
    with engine.begin() as connection:
        touched = connection.execute(update(run).where(run.c.id == run_id, _running()).values(**values))
        return touched.rowcount == 1


def free_lost_runs(engine: Engine) -> list[str]:
    """Ends the runs whose program is gone; the ids of their feeds, which are to be harvested again."""
    with engine.begin() as connection:
        return _free_lost(connection, true())


def _free_lost(connection: Connection, which: ColumnElement[bool]) -> list[str]:
    run = tables.run
    lapsed = or_(run.c.lease_until.is_(None), run.c.lease_until < func.now())
    ended = {
        "state": RunState.ENDED.value,
        "outcome": Outcome.FAILED.value,
        "code": "E-FAULT",
        "message": "The program stopped during the run.",
        "ended_at": func.now(),
    }
    # A run that is being published holds its lock until that is done, however long it cannot say that it goes on.
    unlocked = func.pg_try_advisory_xact_lock(_PUBLISHING + run.c.id)
    statement = update(run).where(which, _running(), lapsed, unlocked).values(**ended).returning(run.c.feed)
    return list(connection.execute(statement).scalars())


def hold_while_publishing(connection: Connection, run_id: int) -> None:
    """Makes sure, until the transaction ends, that nobody takes the run over. LeaseLost when somebody has."""
    connection.execute(select(func.pg_advisory_xact_lock(_PUBLISHING + run_id)))
    check_lease(connection, run_id)


def check_lease(connection: Connection, run_id: int) -> None:
    """LeaseLost when the run is no longer ours: when it has ended."""
    if connection.scalar(select(tables.run.c.state).where(tables.run.c.id == run_id)) == RunState.ENDED.value:
        raise LeaseLost()


def _running() -> ColumnElement[bool]:
    return tables.run.c.state == RunState.RUNNING.value


def abandon_run(engine: Engine, run_id: int, message: str) -> None:
    """Ends a run that changed nothing and never will, unless somebody has ended it already."""
    ending = {"state": RunState.ENDED.value, "outcome": Outcome.FAILED.value, "code": "E-FAULT", "message": message}
    with engine.begin() as connection:
        ended = update(tables.run).where(tables.run.c.id == run_id, _running())
        connection.execute(ended.values(**ending, ended_at=func.now()))


def end_run(
    engine: Engine,
    run_id: int,
    outcome: Outcome,
    values: Mapping[str, Any],
    fetches: Sequence[Mapping[str, Any]],
    issues: pl.DataFrame,
) -> None:
    """Records how the run ended, every request it made, every issue it found, the columns that it settled and what its
    council has to mend, in one transaction. LeaseLost when another program has ended it already."""
    with engine.begin() as connection:
        ending = {"state": RunState.ENDED.value, "outcome": outcome.value, "ended_at": func.now(), **values}
        statement = update(tables.run).where(tables.run.c.id == run_id, _running()).values(**ending)
        feed_id = connection.execute(statement.returning(tables.run.c.feed)).scalar_one_or_none()
        if feed_id is None:
            raise LeaseLost()
        for receipt in fetches:
            connection.execute(plain_insert(tables.fetch).values(run=run_id, **receipt))
        _keep_issues(connection, run_id, issues)
        if outcome.value in GOOD and values.get("decided_by") == Decider.ROWS.value:
            settle(connection, feed_id, rules_in(values["mapping"]))
        note_run(connection, run_id, issues)
        if outcome is Outcome.PUBLISHED:
            measure_run(connection, run_id)


def _keep_issues(connection: Connection, run_id: int, issues: pl.DataFrame) -> None:
    if issues.is_empty():
        return
    columns = ", ".join(ISSUE_SCHEMA.names())
    driver = connection.connection.driver_connection
    assert driver is not None
    with driver.cursor().copy(f"COPY citywide.issue (run, {columns}) FROM STDIN (FORMAT csv)") as copy:
        for part in _thinned(issues).iter_slices(50_000):
            buffer = io.BytesIO()
            part.select(pl.lit(run_id).alias("run"), *ISSUE_SCHEMA.names()).write_csv(buffer, include_header=False)
            copy.write(buffer.getvalue())


@dataclass(frozen=True)
class RunLine:
    """A run as a list shows it: where it is while it goes on, what it came to once it ended."""

    id: int
    feed: str
    outcome: Outcome | None
    code: str | None
    message: str | None
    stage: str | None
    done: int | None
    total: int | None
    rows_read: int | None
    features: int | None
    inserted: int | None
    updated: int | None
    missing: int | None
    ended: int | None
    revision: int | None
    gates: list[dict[str, str]] | None


def newest_run(engine: Engine) -> int:
    """The number of the newest run of all feeds, 0 before the first."""
    with engine.connect() as connection:
        return connection.scalar(select(func.max(tables.run.c.id))) or 0


def runs_after(engine: Engine, run_id: int) -> list[RunLine]:
    """Every run with a higher number, in the order in which they began."""
    names = RunLine.__dataclass_fields__
    query = select(*(tables.run.c[name] for name in names)).where(tables.run.c.id > run_id).order_by(tables.run.c.id)
    with engine.connect() as connection:
        rows = connection.execute(query).mappings().all()
    return [RunLine(**{**row, "outcome": Outcome(row["outcome"]) if row["outcome"] else None}) for row in rows]


def keep_resource(engine: Engine, sha256: str, size: int, name: str, media_type: str | None) -> None:
    """Records a resource of the archive; seen again, only its last date moves."""
    row = {"sha256": sha256, "bytes": size, "name": name, "media_type": media_type}
    statement = insert(tables.resource).values(**row)
    again = {"last_fetched_at": func.now()}
    with engine.begin() as connection:
        connection.execute(statement.on_conflict_do_update(index_elements=["sha256"], set_=again))


def last_good_run(engine: Engine, feed_id: str) -> EarlierRun | None:
    """The feed's last run that was published or found nothing changed and read it in full; None before the first."""
    run = tables.run
    good = (run.c.feed == feed_id, run.c.outcome.in_(GOOD))
    full = (*good, or_(run.c.reach.is_(None), run.c.reach == Reach.FULL.value))
    stamped = [Decider.WATERMARK.value, Decider.CONDITIONAL.value]
    really = (*full, or_(run.c.decided_by.is_(None), run.c.decided_by.not_in(stamped)))

    def newest(*where: ColumnElement[bool]) -> RowMapping | None:
        query = select(run).where(*where).order_by(run.c.id.desc()).limit(1)
        return connection.execute(query).mappings().one_or_none()

    with engine.connect() as connection:
        row, latest = newest(*full), newest(*good)
        if row is None or latest is None:
            return None
        in_full, whole = newest(*really) or row, newest(*really, run.c.complete)
        gained = func.sum(run.c.inserted + run.c.restored - run.c.ended)
        changes = select(func.count(), gained).where(*good, run.c.reach == Reach.CHANGES.value)
        followed, more = connection.execute(changes.where(run.c.id > in_full["id"])).one()
        etag, last_modified = _validators(connection, feed_id, row["resource_sha256"])
    return EarlierRun(
        id=row["id"],
        resource_sha256=row["resource_sha256"],
        rules_hash=row["rules_hash"],
        content_hash=row["content_hash"],
        reading={name: row[name] for name in READING},
        whole_features=None if whole is None else whole["features"] + (more or 0),
        followed=followed > 0,
        watermark=latest["watermark"],
        declared=latest["declared"],
        in_full_at=in_full["started_at"],
        etag=etag,
        last_modified=last_modified,
    )


def _validators(connection: Connection, feed_id: str, sha256: str) -> tuple[str | None, str | None]:
    """The entity tag and the date that the server sent with a resource of the feed."""
    run, fetch = tables.run, tables.fetch
    sent = select(fetch.c.etag, fetch.c.last_modified).join(run, run.c.id == fetch.c.run)
    sent = sent.where(run.c.feed == feed_id, fetch.c.resource_sha256 == sha256)
    row = connection.execute(sent.order_by(fetch.c.id.desc()).limit(1)).one_or_none()
    return (row.etag, row.last_modified) if row else (None, None)


def was_held_before(engine: Engine, feed_id: str, gate: str, content_hash: str, ago: timedelta) -> bool:
    """Whether a run at least so long ago was held by this gate for the same content, with nothing else read since."""
    run = tables.run
    ended = select(run.c.code, run.c.content_hash, run.c.ended_at).where(
        run.c.feed == feed_id, run.c.ended_at.is_not(None)
    )
    with engine.connect() as connection:
        now = connection.scalar(select(func.now()))
        for row in connection.execute(ended.where(run.c.content_hash.is_not(None)).order_by(run.c.id.desc())):
            if (row.code, row.content_hash) != (gate, content_hash):
                return False
            if now - row.ended_at >= ago:
                return True
    return False


def is_accepted(engine: Engine, feed_id: str, gate: str, sha256: str) -> bool:
    """Whether a person opened this gate for these very bytes."""
    approval = tables.approval
    query = select(approval.c.id).where(
        approval.c.feed == feed_id, approval.c.gate == gate, approval.c.resource_sha256 == sha256
    )
    with engine.connect() as connection:
        return connection.execute(query.limit(1)).one_or_none() is not None


def accept(engine: Engine, feed_id: str, run_id: int, gate: str, sha256: str, reason: str, by: str) -> None:
    """Records that a person opened a gate for these bytes, and why."""
    row = {"feed": feed_id, "run": run_id, "gate": gate, "resource_sha256": sha256, "reason": reason, "by": by}
    with engine.begin() as connection:
        connection.execute(plain_insert(tables.approval).values(**row))


def _thinned(issues: pl.DataFrame) -> pl.DataFrame:
    """Issues with at most CODES_WITH_EVERY_ROW rows of a kind, and one more row that counts the others."""
    if issues.height <= CODES_WITH_EVERY_ROW:
        return issues
    kind = ["code", "field", "action"]
    ranked = issues.with_columns(rank=pl.int_range(pl.len()).over(kind))
    kept = ranked.filter(pl.col("rank") < CODES_WITH_EVERY_ROW).drop("rank")
    rest = ranked.filter(pl.col("rank") >= CODES_WITH_EVERY_ROW).drop("rank")
    if rest.is_empty():
        return kept
    counted = (
        rest.group_by(kind, maintain_order=True)
        .agg(pl.first("severity", "responsibility"), pl.sum("count"), pl.lit(None, pl.Int64).alias("row_no"))
        .with_columns(value=pl.lit(None, pl.String), message=pl.lit("More rows of the same kind.", pl.String))
    )
    return pl.concat([kept, counted.select(ISSUE_SCHEMA.names())])
