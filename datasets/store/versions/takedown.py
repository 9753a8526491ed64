"""Taking a resource down: it is purged with all that came of it, and a receipt without content says what was done.

Tombstones stay: the addresses of its features answer that they are gone, and history shows that something stood there.
The same bytes, or the same records in others, are never taken again.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import psycopg
from psycopg.types.json import Jsonb
from sqlalchemy import Engine, text

from datasets.errors import CitywideError
from datasets.feed import Feed
from datasets.layer import Layer, find_layer
from datasets.store import runs, tables
from datasets.store.feeds import read_feed
from datasets.store.versions.restore import Restorer
from datasets.store.versions.roll_back import reading_before
from datasets.vocabulary import Cause, Outcome, Reach, RunState

CODE = "taken-down"
NAME = "taken down"
"""Stands where the name of the resource stood."""
BEYOND = (
    "Backups made before, and what others have downloaded, still hold it. Where the same was published in other bytes, "
    "as an earlier version of the file may be, take that down too."
)

PURGES = {
    "changes": "UPDATE layers.change SET before = NULL, geom = NULL"
    " WHERE layer = %(layer)s AND feed_id = %(feed)s AND before ->> 'resource_sha256' = %(sha256)s",
    "issues": "UPDATE citywide.issue SET value = NULL, message = NULL"
    " WHERE run = ANY (%(runs)s) AND (value IS NOT NULL OR message IS NOT NULL)",
    "tasks": "UPDATE citywide.task SET message = NULL WHERE feed = %(feed)s AND run = ANY (%(runs)s) AND message <> ''",
    "fetches": "UPDATE citywide.fetch SET first_key = NULL, last_key = NULL, error = NULL, etag = NULL,"
    " last_modified = NULL WHERE run = ANY (%(runs)s)",
    "runs": "UPDATE citywide.run SET outcome = 'failed', code = %(code)s, message = %(told)s, columns = NULL,"
    " mapping = NULL, gates = NULL, watermark = NULL, incomplete_because = NULL WHERE id = ANY (%(runs)s)",
    "unfinished_reads": "DELETE FROM citywide.reading WHERE feed = %(feed)s",
    "pairs": "DELETE FROM citywide.match_pair WHERE layer = %(layer)s AND (a = ANY (%(ids)s) OR b = ANY (%(ids)s))",
    "confirmed_columns": "DELETE FROM citywide.confirmed_column WHERE feed = %(feed)s",
}
"""What is purged besides the features and the bytes; each statement counts what it touched."""

PROOFS = {
    "features": "SELECT count(*) FROM layers.{table} WHERE feed_id = %(feed)s AND resource_sha256 = %(sha256)s",
    "changes": "SELECT count(*) FROM layers.change WHERE feed_id = %(feed)s"
    " AND before ->> 'resource_sha256' = %(sha256)s",
    "issues": "SELECT count(*) FROM citywide.issue WHERE run = ANY (%(runs)s)"
    " AND (value IS NOT NULL OR message IS NOT NULL)",
    "runs": "SELECT count(*) FROM citywide.run WHERE id = ANY (%(runs)s)"
    " AND (columns IS NOT NULL OR mapping IS NOT NULL OR message <> %(told)s)",
    "pairs": "SELECT count(*) FROM citywide.match_pair WHERE a = ANY (%(ids)s) OR b = ANY (%(ids)s)",
}
"""Queries that must find nothing afterwards; they are what the receipt proves."""


@dataclass(frozen=True)
class Receipt:
    """What a take-down did for one feed, in counts. `purged` is by kind, `left` what the proofs still find;
    `other_features` of the feed stand from other bytes; `kept_for` are feeds that have the same bytes, for which the
    file stays; `file_deleted` says whether it is gone."""

    id: int
    feed: str
    resource_sha256: str
    reason: str
    by: str
    at: datetime
    purged: Mapping[str, int]
    left: Mapping[str, int]
    other_features: int
    kept_for: tuple[str, ...]
    file_deleted: bool

    @property
    def proven(self) -> bool:
        """Whether nothing is left."""
        return not any(self.left.values()) and (self.file_deleted or bool(self.kept_for))


def last_resource(engine: Engine, feed_id: str) -> str:
    """The bytes that the feed's last run read; CitywideError when it never read any."""
    query = text("SELECT resource_sha256 FROM citywide.run WHERE feed = :feed AND resource_sha256 IS NOT NULL"
                 " AND code IS DISTINCT FROM :code ORDER BY id DESC LIMIT 1")  # fmt: skip
    with engine.connect() as connection:
        sha256 = connection.scalar(query, {"feed": feed_id, "code": CODE})
    if sha256 is None:
        raise CitywideError(f"Feed {feed_id} has read nothing that could be taken down.")
    return str(sha256)


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


def take_down(
    engine: Engine, feed_id: str, sha256: str, reason: str, *, by: str, worker: str, erase: Callable[[str], bool]
) -> Receipt:
    """Purges what came of the bytes to this feed, and has `erase` delete them unless another feed has them too; it
    says whether they are gone. FeedBusy while the feed is being harvested."""
    feed = read_feed(engine, feed_id)
    if feed_id not in feeds_with(engine, sha256):
        raise CitywideError(f"Feed {feed_id} has read no resource {sha256}, or it is taken down already.")
    run_id = runs.begin_run(engine, feed_id, worker)
    try:
        with engine.begin() as connection:
            runs.hold_while_publishing(connection, run_id)
            driver = connection.connection.driver_connection
            assert isinstance(driver, psycopg.Connection)
            purge = _Purge(driver, feed, sha256, run_id, reason, by)
            purged = purge.run()
            stands = reading_before(connection, feed_id, run_id)
            others = purge.count("SELECT count(*) FROM layers.{table} WHERE feed_id = %(feed)s")
            values = {**_ended(stands, others), "message": f"A resource was taken down: {reason}"}
            connection.execute(tables.run.update().where(tables.run.c.id == run_id).values(**values))
            number, at = purge.record(purged)
    except BaseException as error:
        runs.abandon_run(engine, run_id, f"The take-down broke: {type(error).__name__}.")
        raise
    kept_for = tuple(feeds_with(engine, sha256))
    gone = False if kept_for else erase(sha256)
    _vacuum(engine, find_layer(feed.layer))
    left = purge.proofs(engine)
    receipt = Receipt(number, feed_id, sha256, reason, by, at, purged, left, others, kept_for, gone)
    _keep(engine, receipt)
    return receipt


class _Purge:
    """One take-down's statements, with the values that all of them use."""

    def __init__(self, driver: psycopg.Connection, feed: Feed, sha256: str, run_id: int, reason: str, by: str) -> None:
        self.layer = find_layer(feed.layer)
        self.cursor = driver.cursor()
        self.now = datetime.now(UTC)
        self.restorer = Restorer(driver, self.layer, run_id, self.now, Cause.TAKE_DOWN)
        self.values: dict[str, Any] = {
            "feed": feed.id, "layer": self.layer.id, "sha256": sha256, "reason": reason, "by": by, "code": CODE,
            "told": "What was read was taken down.", "name": NAME,
        }  # fmt: skip
        mine = "SELECT id FROM citywide.run WHERE feed = %(feed)s AND resource_sha256 = %(sha256)s"
        self.values["runs"] = self._column(mine)
        hashes = "SELECT DISTINCT content_hash FROM citywide.run WHERE id = ANY (%(runs)s) AND content_hash IS NOT NULL"
        self.values["hashes"] = Jsonb(self._column(hashes))

    def run(self) -> dict[str, int]:
        """Purges everything but the bytes; how much of each kind."""
        self.restorer.begin()
        standing = "FROM layers.{table} WHERE feed_id = %(feed)s AND resource_sha256 = %(sha256)s"
        gone = "SELECT DISTINCT feature_id FROM layers.change WHERE layer = %(layer)s AND feed_id = %(feed)s"
        self.values["ids"] = self._column(
            f"SELECT feature_id {standing} UNION {gone} AND before ->> 'resource_sha256' = %(sha256)s"
        )
        fids = self._column(f"SELECT fid {standing}")
        self.restorer.values |= {"feed": self.values["feed"], "reason": self.values["reason"], "by": self.values["by"]}
        self.restorer.fill("INSERT INTO unwanted (fid) SELECT unnest(%(unwanted)s::bigint[])", unwanted=fids)
        purged = {"features": self.restorer.restore().ended}
        for kind, statement in PURGES.items():
            self.cursor.execute(statement.encode(), self.values)
            purged[kind] = self.cursor.rowcount
        self.cursor.execute(
            "UPDATE citywide.resource SET name = %(name)s, media_type = NULL WHERE sha256 = %(sha256)s AND NOT EXISTS"
            " (SELECT FROM citywide.run WHERE resource_sha256 = %(sha256)s AND code IS DISTINCT FROM %(code)s)",
            self.values,
        )
        return purged

    def record(self, purged: Mapping[str, int]) -> tuple[int, datetime]:
        """Writes the take-down into the register; its number and moment."""
        values = {**self.values, "receipt": Jsonb({"purged": purged}), "at": self.now}
        self.cursor.execute(
            "INSERT INTO citywide.takedown (feed, resource_sha256, content_hashes, reason, by, at, receipt)"
            " VALUES (%(feed)s, %(sha256)s, %(hashes)s, %(reason)s, %(by)s, %(at)s, %(receipt)s) RETURNING id",
            values,
        )
        row = self.cursor.fetchone()
        assert row is not None
        return int(row[0]), self.now

    def count(self, query: str) -> int:
        return int(self._column(query)[0])

    def proofs(self, engine: Engine) -> dict[str, int]:
        """What each proof finds now, read anew from the database."""
        with engine.connect() as connection:
            driver = connection.connection.driver_connection
            assert isinstance(driver, psycopg.Connection)
            self.cursor = driver.cursor()
            return {kind: self.count(query) for kind, query in PROOFS.items()}

    def _column(self, query: str) -> list[Any]:
        self.cursor.execute(query.replace("{table}", self.layer.table).encode(), self.values)
        return [row[0] for row in self.cursor.fetchall()]


def _ended(stands: Mapping[str, Any], features: int) -> dict[str, Any]:
    """How the run of the take-down ends: as the feed's last good one, which knows no bytes, so that the next reads and
    compares everything."""
    return {
        **stands,
        "state": RunState.ENDED.value,
        "outcome": Outcome.PUBLISHED.value,
        "features": features,
        "rules_hash": NAME,
        "reach": Reach.FULL.value,
        "ended_at": datetime.now(UTC),
    }


def _vacuum(engine: Engine, layer: Layer) -> None:
    """Gives up the rows that were deleted or overwritten: until then they lie unseen in the files of the tables."""
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        for table in (
            f"layers.{layer.table}",
            "layers.change",
            "citywide.issue",
            "citywide.run",
            "citywide.match_pair",
        ):
            connection.execute(text(f"VACUUM {table}"))


def _keep(engine: Engine, receipt: Receipt) -> None:
    """The receipt as the register keeps it."""
    told = {
        "purged": dict(receipt.purged), "left": dict(receipt.left), "other_features": receipt.other_features,
        "kept_for": list(receipt.kept_for), "file_deleted": receipt.file_deleted,
    }  # fmt: skip
    with engine.begin() as connection:
        connection.execute(tables.takedown.update().where(tables.takedown.c.id == receipt.id).values(receipt=told))
