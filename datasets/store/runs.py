"""Harvest runs in the database: begun, ended, with their requests, resource and issues."""

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl
from sqlalchemy import Engine, func, select, update
from sqlalchemy import insert as plain_insert
from sqlalchemy.dialects.postgresql import insert

from datasets.issues import ISSUE_SCHEMA
from datasets.store import tables
from datasets.vocabulary import Outcome, Rung, RunState

CODES_WITH_EVERY_ROW = 100_000
"""At most this many issues of one code and field are kept row by row; the rest is one issue with their count."""


READING = (
    "complete",
    "outside_boundary",
    "format",
    "encoding",
    "crs",
    "columns",
    "mapping",
    "rung",
    "rows_read",
    "features",
)
"""Columns of a run that say how its bytes were read; a run that meets the same bytes again takes them over."""


@dataclass(frozen=True)
class EarlierRun:
    """The last run of a feed that was published, with what later runs compare to or take over."""

    id: int
    resource_sha256: str
    rules_hash: str
    reading: Mapping[str, Any]

    @property
    def rung(self) -> Rung:
        return Rung(self.reading["rung"])


def begin_run(engine: Engine, feed_id: str) -> int:
    """A new run; its id. A run of the feed that was left running is ended as failed: its program is gone."""
    run = tables.run
    with engine.begin() as connection:
        left = update(run).where(run.c.feed == feed_id, run.c.state == RunState.RUNNING.value)
        connection.execute(
            left.values(
                state=RunState.ENDED.value,
                outcome=Outcome.FAILED.value,
                code="E-FAULT",
                message="The program stopped during the run.",
                ended_at=func.now(),
            )
        )
        new = plain_insert(run).values(feed=feed_id, state=RunState.RUNNING.value).returning(run.c.id)
        return int(connection.execute(new).scalar_one())


def end_run(
    engine: Engine,
    run_id: int,
    outcome: Outcome,
    values: Mapping[str, Any],
    fetches: Sequence[Mapping[str, Any]],
    issues: pl.DataFrame,
) -> None:
    """Records how the run ended, every request it made and every issue it found, in one transaction."""
    with engine.begin() as connection:
        for receipt in fetches:
            connection.execute(plain_insert(tables.fetch).values(run=run_id, **receipt))
        ending = {"state": RunState.ENDED.value, "outcome": outcome.value, "ended_at": func.now(), **values}
        connection.execute(update(tables.run).where(tables.run.c.id == run_id).values(**ending))
        if not issues.is_empty():
            columns = ", ".join(ISSUE_SCHEMA.names())
            driver = connection.connection.driver_connection
            assert driver is not None
            with driver.cursor().copy(f"COPY citywide.issue (run, {columns}) FROM STDIN (FORMAT csv)") as copy:
                for part in _thinned(issues).iter_slices(50_000):
                    buffer = io.BytesIO()
                    part.select(pl.lit(run_id).alias("run"), *ISSUE_SCHEMA.names()).write_csv(
                        buffer, include_header=False
                    )
                    copy.write(buffer.getvalue())


def keep_resource(engine: Engine, sha256: str, size: int, name: str, media_type: str | None) -> None:
    """Records a resource of the archive; seen again, only its last date moves."""
    row = {"sha256": sha256, "bytes": size, "name": name, "media_type": media_type}
    statement = insert(tables.resource).values(**row)
    again = {"last_fetched_at": func.now()}
    with engine.begin() as connection:
        connection.execute(statement.on_conflict_do_update(index_elements=["sha256"], set_=again))


def last_good_run(engine: Engine, feed_id: str) -> EarlierRun | None:
    """The feed's last run that was published; None before the first."""
    run = tables.run
    columns = (run.c.id, run.c.resource_sha256, run.c.rules_hash, *(run.c[name] for name in READING))
    published = (run.c.feed == feed_id, run.c.outcome == Outcome.PUBLISHED.value)
    query = select(*columns).where(*published).order_by(run.c.id.desc()).limit(1)
    with engine.connect() as connection:
        row = connection.execute(query).mappings().one_or_none()
    if row is None:
        return None
    return EarlierRun(row["id"], row["resource_sha256"], row["rules_hash"], {name: row[name] for name in READING})


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
