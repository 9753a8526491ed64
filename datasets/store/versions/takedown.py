"""Taking a resource down: it is purged with all that came of it, and a receipt without content says what was done.

Tombstones stay: the addresses of its features answer that they are gone, and history shows that something stood there.
The same bytes, or the same records in others, are never taken again. What the feed read before and held some of the
same goes too, since nobody can tell which of the records was meant. The files are deleted once the database has
forgotten them; where a program is killed between the two, the next call, or a worker, deletes them.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime
from typing import Any

import psycopg
from psycopg.types.json import Jsonb
from sqlalchemy import Connection, Engine, Row, RowMapping, select, text

from datasets.errors import CitywideError
from datasets.layer import layers
from datasets.store import runs, tables
from datasets.store.feeds import read_feed
from datasets.store.quality import measure_run
from datasets.store.versions.purge import CODE, NAME, Purge
from datasets.store.versions.roll_back import reading_before
from datasets.vocabulary import Outcome, Reach, RunState

Erase = Callable[[str], bool]
"""Deletes the bytes of a sha256 for good; whether they are gone now."""

BEYOND = "Backups made before, and what others have downloaded, still hold it."

_UNFINISHED = (
    "NOT receipt ? 'part_of' AND NOT coalesce((receipt ->> 'file_deleted')::boolean, false)"
    " AND coalesce(receipt -> 'kept_for', '[]') = '[]'"
)


@dataclass(frozen=True)
class Receipt:
    """What a take-down did for one feed, in counts. `resources` are all that went, the one that was asked for first;
    `purged` is by kind, `left` what the proofs still find. `shared_with` are resources read later that held some of
    the same and stand; `other_features` of the feed stand from other bytes; `kept_for` are feeds that have the same
    bytes, for which a file stays; `file_deleted` says whether all files are gone."""

    id: int
    feed: str
    resource_sha256: str
    reason: str
    by: str
    at: datetime
    resources: tuple[str, ...]
    purged: Mapping[str, int]
    left: Mapping[str, int]
    other_features: int
    shared_with: tuple[str, ...]
    kept_for: tuple[str, ...] = ()
    file_deleted: bool = False

    @property
    def proven(self) -> bool:
        """Whether nothing is left of it to this feed."""
        return not any(self.left.values()) and not self.shared_with and (self.file_deleted or bool(self.kept_for))


def last_resource(engine: Engine, feed_id: str) -> str:
    """The resource of a take-down of the feed that is not finished; else the bytes that the feed's last run read.
    CitywideError when it never read any."""
    kept = f"SELECT resource_sha256 FROM citywide.takedown WHERE feed = :feed AND {_UNFINISHED} ORDER BY id"  # noqa: S608
    query = text("SELECT resource_sha256 FROM citywide.run WHERE feed = :feed AND resource_sha256 IS NOT NULL"
                 " AND code IS DISTINCT FROM :code ORDER BY id DESC LIMIT 1")  # fmt: skip
    with engine.connect() as connection:
        sha256 = connection.scalar(text(kept), {"feed": feed_id})
        sha256 = sha256 or connection.scalar(query, {"feed": feed_id, "code": CODE})
    if sha256 is None:
        raise CitywideError(f"Feed {feed_id} has read nothing that could be taken down.")
    return str(sha256)


def resources_read(engine: Engine, feed_id: str) -> list[Row[Any]]:
    """What the feed has read and is not taken down, the newest first: `sha256`, `read_at` and the `outcome` then."""
    query = text("""
        SELECT DISTINCT ON (resource_sha256) resource_sha256 AS sha256, started_at AS read_at, outcome
        FROM citywide.run WHERE feed = :feed AND resource_sha256 IS NOT NULL AND code IS DISTINCT FROM :code
        AND NOT EXISTS (SELECT FROM citywide.takedown t WHERE t.feed = run.feed
                        AND t.resource_sha256 = run.resource_sha256)
        ORDER BY resource_sha256, id DESC
        """)
    with engine.connect() as connection:
        found = connection.execute(query, {"feed": feed_id, "code": CODE}).all()
    return sorted(found, key=lambda row: row.read_at, reverse=True)


def is_taken_down(engine: Engine, feed_id: str, sha256: str, content_hash: str | None = None) -> bool:
    """Whether these bytes of the feed, or the same records in others, were taken down."""
    query = text("SELECT FROM citywide.takedown WHERE feed = :feed"
                 " AND (resource_sha256 = :sha256 OR content_hashes ? :content)")  # fmt: skip
    values = {"feed": feed_id, "sha256": sha256, "content": content_hash or ""}
    with engine.connect() as connection:
        return connection.execute(query, values).first() is not None


def feeds_with(engine: Engine, sha256: str) -> list[str]:
    """The feeds that have read these bytes and not taken them down."""
    query = text("SELECT DISTINCT feed FROM citywide.run WHERE resource_sha256 = :sha256"
                 " AND code IS DISTINCT FROM :code ORDER BY feed")  # fmt: skip
    with engine.connect() as connection:
        return list(connection.execute(query, {"sha256": sha256, "code": CODE}).scalars())


def take_down(engine: Engine, feed_id: str, sha256: str, reason: str, *, by: str, worker: str, erase: Erase) -> Receipt:
    """Purges what came of the bytes to this feed, and has `erase` delete them unless another feed has them too. Called
    again after a take-down whose files could not be deleted it finishes that one. FeedBusy while the feed is being
    harvested; CitywideError when it never read these bytes."""
    if feed_id in feeds_with(engine, sha256):
        receipt = _purge(engine, feed_id, sha256, reason, by, worker)
    else:
        where = f"feed = :feed AND receipt -> 'resources' ? :sha256 AND {_UNFINISHED}"
        found = _receipts(engine, where, feed=feed_id, sha256=sha256)
        if not found:
            raise CitywideError(f"Feed {feed_id} has read no resource {sha256}, or it is taken down already.")
        receipt = found[0]
    return _finish(engine, receipt, erase)


def finish_takedowns(engine: Engine, erase: Erase) -> int:
    """Deletes the files of take-downs whose programs were killed before they did, and of those for which another feed
    kept them and has them no more; how many are finished now."""
    done = 0
    for receipt in _receipts(engine, "NOT receipt ? 'part_of' AND receipt ->> 'file_deleted' IS DISTINCT FROM 'true'"):
        done += _finish(engine, receipt, erase).file_deleted
    return done


def _purge(engine: Engine, feed_id: str, sha256: str, reason: str, by: str, worker: str) -> Receipt:
    """Everything but the bytes, in one transaction, with the proofs."""
    feed = read_feed(engine, feed_id)
    run_id = runs.begin_run(engine, feed_id, worker)
    try:
        with engine.begin() as connection:
            runs.hold_while_publishing(connection, run_id)
            driver = connection.connection.driver_connection
            assert isinstance(driver, psycopg.Connection)
            purge = Purge(driver, feed, sha256, run_id, reason, by)
            purged = purge.run()
            others = purge.count("SELECT count(*) FROM layers.{table} WHERE feed_id = %(feed)s")
            stands = reading_before(connection, feed_id, run_id)
            values = {**_ended(stands, purge, others), "message": f"A resource was taken down: {reason}"}
            connection.execute(tables.run.update().where(tables.run.c.id == run_id).values(**values))
            measure_run(connection, run_id)
            receipt = Receipt(
                0, feed_id, sha256, reason, by, purge.now, tuple(purge.resources), purged, purge.prove(), others,
                tuple(purge.shared_with),
            )  # fmt: skip
            return _record(connection, receipt, purge.content_hashes())
    except BaseException as error:
        runs.abandon_run(engine, run_id, f"The take-down broke: {type(error).__name__}.")
        raise


def _ended(stands: Mapping[str, Any], purge: Purge, features: int) -> dict[str, Any]:
    """How the run of the take-down ends: as the feed's last good one, which knows no bytes, so that the next reads and
    compares everything."""
    counts = ("inserted", "updated", "restored", "missing", "ended", "revision")
    return {
        **stands,
        **{name: getattr(purge.diff, name) for name in counts},
        "state": RunState.ENDED.value,
        "outcome": Outcome.PUBLISHED.value,
        "features": features,
        "rules_hash": NAME,
        "reach": Reach.FULL.value,
        "ended_at": datetime.now(UTC),
    }


def _record(connection: Connection, receipt: Receipt, content_hashes: Jsonb) -> Receipt:
    """Writes the take-down into the register, a row for each resource; the receipt with its number."""
    number = 0
    for sha256 in receipt.resources:
        row = {
            "feed": receipt.feed, "resource_sha256": sha256, "content_hashes": content_hashes.obj,
            "reason": receipt.reason, "by": receipt.by, "at": receipt.at,
            "receipt": {"part_of": number} if number else _told(receipt),
        }  # fmt: skip
        written = connection.execute(tables.takedown.insert().values(**row).returning(tables.takedown.c.id))
        number = number or int(written.scalar_one())
    return replace(receipt, id=number)


def _finish(engine: Engine, receipt: Receipt, erase: Erase) -> Receipt:
    """Deletes what no other feed has, and keeps the receipt that says so."""
    others = {sha256: feeds_with(engine, sha256) for sha256 in receipt.resources}
    refused = [sha256 for sha256, feeds in others.items() if not feeds and not _is_erased(sha256, erase)]
    if not receipt.kept_for:
        _vacuum(engine, receipt.feed)
    kept_for = tuple(sorted({feed for feeds in others.values() for feed in feeds}))
    # As long as a file is to be deleted the take-down is not finished, whoever has the others.
    receipt = replace(receipt, kept_for=() if refused else kept_for, file_deleted=not refused and not kept_for)
    with engine.begin() as connection:
        mine = tables.takedown.c.id == receipt.id
        connection.execute(tables.takedown.update().where(mine).values(receipt=_told(receipt)))
    return receipt


def _is_erased(sha256: str, erase: Erase) -> bool:
    """What the file system refuses now is tried again later; the receipt says so."""
    try:
        return erase(sha256)
    except OSError:
        return False


def _vacuum(engine: Engine, feed_id: str) -> None:
    """Gives up the rows that were deleted or overwritten: until then they lie unseen in the files of the tables."""
    of_city = ("issue", "run", "match_pair", "rule", "task", "fetch", "resource", "reading", "confirmed_column")
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        feed = tables.feed.c
        layer = layers().get(str(connection.scalar(select(feed.layer).where(feed.id == feed_id))))
        of_layers = ("change", *([layer.table] if layer else []))
        for table in (*(f"layers.{name}" for name in of_layers), *(f"citywide.{name}" for name in of_city)):
            connection.execute(text(f"VACUUM {table}"))


def _receipts(engine: Engine, where: str, **values: str) -> list[Receipt]:
    """The receipts that the register keeps, the oldest first."""
    query = text(f"SELECT * FROM citywide.takedown WHERE {where} ORDER BY id")  # noqa: S608
    with engine.connect() as connection:
        return [_read(row) for row in connection.execute(query, values).mappings()]


_COUNTED = ("resources", "purged", "left", "other_features", "shared_with", "kept_for", "file_deleted")
"""What the register keeps of a receipt as JSON; the rest are columns."""


def _told(receipt: Receipt) -> dict[str, Any]:
    told = {name: getattr(receipt, name) for name in _COUNTED}
    return {name: list(value) if isinstance(value, tuple) else value for name, value in told.items()}


def _read(row: RowMapping) -> Receipt:
    told: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in row["receipt"].items()
    }
    columns: dict[str, Any] = {field.name: row[field.name] for field in fields(Receipt) if field.name not in _COUNTED}
    return Receipt(**columns, **told)
