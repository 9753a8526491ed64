"""Rolling back a feed's last publish as a new revision. What was taken back stays in history.

The run that says so is the feed's last good one: what it left is what stands, so that gates and later runs compare with
that. It knows no rules, bytes or stamps, and so the next run reads and compares everything.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import psycopg
from sqlalchemy import Connection, Engine, func, select, update
from sqlalchemy.dialects.postgresql import insert

from datasets.errors import CitywideError
from datasets.layer import Layer
from datasets.store import runs, tables
from datasets.store.confirmed import rules_in, settle
from datasets.store.publishing.slices import Diff
from datasets.store.quality import measure_run
from datasets.store.runs import READING
from datasets.store.versions.restore import Restorer
from datasets.vocabulary import Cause, Outcome, Reach, RunState

GATE = "rolled-back"
"""Issue code of the gate that holds what was rolled back when it comes again."""
ANYTHING = "*"
"""The bytes of a rejection where what was taken back came as changes alone: in a whole read they are others."""
NO_RULES = "rolled back"
"""Stands in place of the rules that a run read by: what it left was not read by it."""


@dataclass(frozen=True)
class RolledBack:
    """What a roll-back did: the run whose publish it took back, the run that did it, and the difference."""

    undone: int
    run: int
    diff: Diff


def roll_back(engine: Engine, layer: Layer, feed_id: str, reason: str, *, by: str, worker: str) -> RolledBack:
    """Takes back the feed's last publish that stands. FeedBusy while a run of the feed is under way; CitywideError when
    there is nothing to take back."""
    reason = reason.rstrip(". ") + "."
    target = _last_publish(engine, layer, feed_id)
    if target is None:
        raise _nothing_left(feed_id)
    run_id = runs.begin_run(engine, feed_id, worker)
    try:
        with engine.begin() as connection:
            runs.hold_while_publishing(connection, run_id)
            # Between the first look and the fence another run may have published.
            target = _standing_publish(connection, layer, feed_id)
            if target is None:
                raise _nothing_left(feed_id)
            restorer = Restorer(driver_of(connection), layer, run_id, datetime.now(UTC), Cause.ROLL_BACK)
            diff = undo(restorer, feed_id, target, reason, by)
            _reject(connection, feed_id, target, reason, by)
            stands = end_run(connection, layer, feed_id, run_id, target, diff, f"Rolled back run {target}: {reason}")
            settle(connection, feed_id, rules_in(stands["mapping"]))
    except BaseException as error:
        runs.abandon_run(engine, run_id, f"The roll-back broke: {error}")
        raise
    return RolledBack(target, run_id, diff)


def undo(restorer: Restorer, feed_id: str, run: int, reason: str, by: str) -> Diff:
    """Puts every feature of the feed that the run touched to where it was before it."""
    restorer.begin()
    revisions = "SELECT revision FROM {revisions} WHERE layer = %(layer)s AND feed = %(feed)s AND run = %(undoes)s"
    restorer.values |= {"feed": feed_id, "undoes": run, "reason": reason, "by": by}
    restorer.fill(
        f"""
        WITH undone AS ({revisions}), touched AS (
            SELECT DISTINCT feature_id FROM {{change}} WHERE layer = %(layer)s AND feed_id = %(feed)s
                   AND revision IN (SELECT revision FROM undone))
        INSERT INTO wanted ({{carried}}, fid)
        SELECT {{before_carried}}, c.fid
        FROM {{change}} c CROSS JOIN LATERAL jsonb_populate_record(NULL::{{table}}, c.before) p
        WHERE c.layer = %(layer)s AND c.feed_id = %(feed)s AND c.feature_id IN (SELECT feature_id FROM touched)
              AND c.since < (SELECT min(revision) FROM undone) AND c.revision >= (SELECT min(revision) FROM undone)
              AND c.before IS NOT NULL
        """  # noqa: S608
    )
    # Once a feature has ended, another feed of its council that has it may hold its id by now.
    restorer.fill("DELETE FROM wanted w USING {table} t WHERE t.feature_id = w.feature_id AND t.feed_id <> w.feed_id")
    restorer.fill(
        f"""
        INSERT INTO unwanted (fid)
        SELECT t.fid FROM {{table}} t WHERE t.feed_id = %(feed)s AND t.first_revision IN ({revisions})
               AND NOT EXISTS (SELECT FROM wanted w WHERE w.feature_id = t.feature_id)
        """  # noqa: S608
    )
    return restorer.restore()


def rejection(engine: Engine, feed_id: str, sha256: str, content_hash: str | None) -> str | None:
    """Why these bytes, or the same records in others, were rolled back; None where they were not, or where a person
    has accepted them since."""
    found, gate = tables.rejection.c, tables.approval.c
    same = found.resource_sha256.in_([sha256, ANYTHING]) | (found.content_hash == content_hash)
    accepted = select(gate.id).where(gate.feed == feed_id, gate.gate == GATE, gate.at > found.at)
    accepted = accepted.where((gate.resource_sha256 == sha256) | (found.resource_sha256 == ANYTHING))
    query = select(found.reason).where(found.feed == feed_id, same, ~accepted.exists()).order_by(found.at.desc())
    with engine.connect() as connection:
        return connection.execute(query.limit(1)).scalar_one_or_none()


def driver_of(connection: Connection) -> psycopg.Connection:
    driver = connection.connection.driver_connection
    assert isinstance(driver, psycopg.Connection)
    return driver


def _nothing_left(feed_id: str) -> CitywideError:
    return CitywideError(f"Feed {feed_id} has no publish that could be rolled back.")


def _last_publish(engine: Engine, layer: Layer, feed_id: str) -> int | None:
    with engine.connect() as connection:
        return _standing_publish(connection, layer, feed_id)


def _standing_publish(connection: Connection, layer: Layer, feed_id: str) -> int | None:
    """The run of the feed's last publish that no roll-back has taken back."""
    log, undone = tables.revision.c, tables.revision.alias("undone").c
    mine = (log.layer == layer.id, log.feed == feed_id, log.cause == Cause.HARVEST.value)
    taken_back = select(undone.undoes).where(undone.layer == layer.id, undone.undoes == log.run).exists()
    query = select(log.run).where(*mine, ~taken_back).order_by(log.revision.desc()).limit(1)
    return connection.execute(query).scalar_one_or_none()


def _reject(connection: Connection, feed_id: str, undone: int, reason: str, by: str) -> None:
    """Has the bytes of the run held when they come again."""
    run = tables.run.c
    row = connection.execute(select(run.resource_sha256, run.content_hash, run.reach).where(run.id == undone)).one()
    part = row.reach == Reach.CHANGES.value or row.resource_sha256 is None
    values = {
        "feed": feed_id,
        "resource_sha256": ANYTHING if part else row.resource_sha256,
        "content_hash": row.content_hash,
        "reason": reason,
        "by": by,
        "at": func.now(),
    }
    statement = insert(tables.rejection).values(**values)
    connection.execute(statement.on_conflict_do_update(index_elements=["feed", "resource_sha256"], set_=values))


def end_run(
    connection: Connection, layer: Layer, feed_id: str, run_id: int, undone: int, diff: Diff, message: str
) -> Mapping[str, Any]:
    """Ends the run that took back `undone`, in the same transaction: its record and what stands are never apart. How
    what stands was read."""
    stands = reading_before(connection, feed_id, undone)
    query = f"SELECT count(*) FROM layers.{layer.table} WHERE feed_id = %s AND missing_since IS NULL"  # noqa: S608
    [(features,)] = driver_of(connection).execute(query.encode(), [feed_id]).fetchall()
    counts = {name: getattr(diff, name) for name in ("inserted", "updated", "restored", "missing", "ended", "revision")}
    values = {
        **stands,
        **counts,
        "features": features,
        "state": RunState.ENDED.value,
        "outcome": Outcome.PUBLISHED.value,
        "message": message,
        "ended_at": func.now(),
        "rules_hash": NO_RULES,
        "reach": Reach.FULL.value,
    }
    connection.execute(update(tables.run).where(tables.run.c.id == run_id).values(**values))
    measure_run(connection, run_id)
    return stands


def reading_before(connection: Connection, feed_id: str, undone: int) -> Mapping[str, Any]:
    """How what stands now was read: as the last good full read before the undone run, or, where there was none, as
    nothing by the same rung."""
    run = tables.run
    full = (run.c.reach.is_(None)) | (run.c.reach == Reach.FULL.value)
    good = (run.c.feed == feed_id, run.c.outcome.in_(runs.GOOD), full)
    earlier = select(run).where(*good, run.c.id < undone).order_by(run.c.id.desc()).limit(1)
    row = connection.execute(earlier).mappings().one_or_none()
    if row is not None:
        return {name: row[name] for name in (*READING, "resource_sha256")}
    newest = select(run.c.rung).where(run.c.feed == feed_id, run.c.rung.is_not(None)).order_by(run.c.id.desc())
    nothing: dict[str, Any] = {"fields": [], "location": None, "unmapped": [], "unsure": [], "stated": False}
    rung = connection.execute(newest.limit(1)).scalar_one_or_none()
    return {"rung": rung, "mapping": nothing, "complete": True, "columns": [], "rows_read": 0}
