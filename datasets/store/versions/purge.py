"""Purging what came of a resource: which versions it held, what is purged for them, and the proofs that nothing is.

A publish writes what changed, and so a feature says which bytes it was last written from, not which held it since. What
a read held is told by when: whatever of the feed stood from its publish until the next one of the feed.
"""

from datetime import UTC, datetime
from typing import Any

import psycopg
from psycopg.types.json import Jsonb

from datasets.feed import Feed
from datasets.layer import find_layer
from datasets.store.confirmed import PUBLISHED_RUN
from datasets.store.publishing.slices import Diff
from datasets.store.versions.restore import Restorer
from datasets.vocabulary import Cause, Decider

CODE = "taken-down"
NAME = "taken down"
"""Stands where the name of the resource stood."""

_READS = """
    CREATE TEMPORARY TABLE good_read ON COMMIT DROP AS
    SELECT r.id, r.resource_sha256 AS sha256,
           r.reach IS DISTINCT FROM 'changes'
               OR coalesce(r.rows_read > r.inserted + r.updated + r.restored, true) AS is_whole,
           coalesce((SELECT max(v.revision) FROM citywide.revision v
                     WHERE v.layer = %(layer)s AND v.feed = r.feed AND v.run <= r.id), 0) AS low,
           coalesce((SELECT min(v.revision) - 1 FROM citywide.revision v
                     WHERE v.layer = %(layer)s AND v.feed = r.feed AND v.run > r.id), 9223372036854775807) AS high
    FROM citywide.run r
    WHERE r.feed = %(feed)s AND r.id < %(run)s AND r.outcome IN ('published', 'unchanged')
          AND r.resource_sha256 IS NOT NULL AND coalesce(r.decided_by, '') <> ALL (%(stamped)s)
    """
"""Every good read, and from which revision to which what it read stood. A read of changes tells it too when some of its
rows changed nothing, since those bear older bytes."""

_VERSIONS = """
    CREATE TEMPORARY TABLE version ON COMMIT DROP AS
    SELECT feature_id, fid, NULL::bigint AS change, resource_sha256 AS sha256, revision AS since,
           9223372036854775807 AS until, missing_since IS NOT NULL AS is_missing
    FROM layers.{table} WHERE feed_id = %(feed)s
    UNION ALL
    SELECT feature_id, NULL, id, before ->> 'resource_sha256', since, revision, before ->> 'missing_since' IS NOT NULL
    FROM layers.change WHERE layer = %(layer)s AND feed_id = %(feed)s AND before IS NOT NULL
    """
"""Every version of the feed's features; what was missing then no read held."""

_HELD = (
    "EXISTS (SELECT FROM good_read r WHERE r.sha256 = %(sha256)s AND r.is_whole"
    " AND {since} <= r.high AND {until} > r.low)"
)
_SHARING = """
    SELECT DISTINCT r.sha256 FROM good_read r
    JOIN (SELECT DISTINCT since, until FROM version v
          WHERE NOT is_missing AND (sha256 = %(sha256)s OR {held})) v ON v.since <= r.high AND v.until > r.low
    WHERE r.id {side} (SELECT min(id) FROM good_read WHERE sha256 = %(sha256)s) AND r.sha256 <> %(sha256)s
    ORDER BY 1
    """
"""The other resources of the feed that held some of the same versions, read before it or after it."""

_PURGED = "sha256 = ANY (%(resources)s) OR (NOT is_missing AND {held})"
_QUOTING = """
    WITH said AS (
        SELECT field, lower(regexp_replace(btrim(value), '\\s+', ' ', 'g')) AS value FROM citywide.issue
        WHERE run = ANY (%(runs)s) AND value IS NOT NULL
        UNION
        SELECT e.key, lower(regexp_replace(btrim(e.value), '\\s+', ' ', 'g'))
        FROM version v JOIN layers.{table} t USING (fid) CROSS JOIN LATERAL jsonb_each_text(to_jsonb(t) - 'geom') e
        WHERE v.fid = ANY (%(fids)s) AND e.key = ANY (%(ruled)s)
        UNION
        SELECT e.key, lower(regexp_replace(btrim(e.value), '\\s+', ' ', 'g'))
        FROM layers.change c CROSS JOIN LATERAL jsonb_each_text(c.before) e
        WHERE c.id = ANY (%(changes)s) AND e.key = ANY (%(ruled)s))
    SELECT DISTINCT r.id FROM citywide.rule r CROSS JOIN LATERAL unnest(ARRAY[r.pattern, r.value]) AS quoted
    JOIN said ON said.field = r.field AND said.value = lower(regexp_replace(btrim(quoted), '\\s+', ' ', 'g'))
    WHERE r.layer = %(layer)s AND coalesce(r.feed, %(feed)s) = %(feed)s
          AND coalesce(r.council, %(council)s) = %(council)s
    """
"""Rules for the feed that quote a value of what is purged, as it was published or as it was written."""

PURGES = {
    "rules": "DELETE FROM citywide.rule WHERE id = ANY (%(rules)s)",
    "changes": "UPDATE layers.change SET before = NULL, geom = NULL WHERE before IS NOT NULL"
    " AND (id = ANY (%(changes)s) OR (run = %(run)s AND feed_id = %(feed)s))",
    "issues": "UPDATE citywide.issue SET value = NULL, message = NULL"
    " WHERE run = ANY (%(runs)s) AND (value IS NOT NULL OR message IS NOT NULL)",
    "tasks": "UPDATE citywide.task SET message = NULL WHERE run = ANY (%(runs)s) AND message IS NOT NULL",
    "fetches": "UPDATE citywide.fetch SET first_key = NULL, last_key = NULL, error = NULL, etag = NULL,"
    " last_modified = NULL WHERE run = ANY (%(runs)s)",
    "runs": "UPDATE citywide.run SET outcome = 'failed', code = %(code)s, message = %(told)s, columns = NULL,"
    " mapping = NULL, gates = NULL, watermark = NULL, incomplete_because = NULL WHERE id = ANY (%(runs)s)",
    "resources": "UPDATE citywide.resource r SET name = %(name)s, media_type = NULL"
    " WHERE sha256 = ANY (%(resources)s) AND {unread}",
    "unfinished_reads": "DELETE FROM citywide.reading WHERE feed = %(feed)s",
    "pairs": "DELETE FROM citywide.match_pair WHERE a = ANY (%(ids)s) OR b = ANY (%(ids)s)",
    "confirmed_columns": "DELETE FROM citywide.confirmed_column WHERE feed = %(feed)s AND by = %(settler)s",
}
"""What is purged besides the features and the bytes; each statement counts what it touched."""

PROOFS = {
    "features": "SELECT count(*) FROM layers.{table} WHERE feed_id = %(feed)s"
    " AND (resource_sha256 = ANY (%(resources)s) OR (missing_since IS NULL AND {stands}))",
    "rules": "SELECT count(*) FROM citywide.rule WHERE id = ANY (%(rules)s)",
    "changes": "SELECT count(*) FROM layers.change WHERE layer = %(layer)s AND feed_id = %(feed)s"
    " AND before IS NOT NULL AND (before ->> 'resource_sha256' = ANY (%(resources)s)"
    " OR (before ->> 'missing_since' IS NULL AND {stood}))",
    "issues": "SELECT count(*) FROM citywide.issue WHERE run = ANY (%(runs)s)"
    " AND (value IS NOT NULL OR message IS NOT NULL)",
    "tasks": "SELECT count(*) FROM citywide.task WHERE run = ANY (%(runs)s) AND message IS NOT NULL",
    "fetches": "SELECT count(*) FROM citywide.fetch WHERE run = ANY (%(runs)s)"
    " AND num_nonnulls(first_key, last_key, error, etag, last_modified) > 0",
    "runs": "SELECT count(*) FROM citywide.run WHERE id = ANY (%(runs)s) AND (message IS DISTINCT FROM %(told)s"
    " OR num_nonnulls(columns, mapping, gates, watermark, incomplete_because) > 0)",
    "resources": "SELECT count(*) FROM citywide.resource r WHERE sha256 = ANY (%(resources)s)"
    " AND (name <> %(name)s OR media_type IS NOT NULL) AND {unread}",
    "unfinished_reads": "SELECT count(*) FROM citywide.reading WHERE feed = %(feed)s",
    "pairs": "SELECT count(*) FROM citywide.match_pair WHERE a = ANY (%(ids)s) OR b = ANY (%(ids)s)",
    "confirmed_columns": "SELECT count(*) FROM citywide.confirmed_column WHERE feed = %(feed)s AND by = %(settler)s",
}
"""Queries that must find nothing afterwards, one for each purge; they are what the receipt proves."""


class Purge:
    """One take-down's statements, with the values that all of them use; all in the transaction of `driver`."""

    def __init__(self, driver: psycopg.Connection, feed: Feed, sha256: str, run_id: int, reason: str, by: str) -> None:
        self.layer = find_layer(feed.layer)
        self.cursor = driver.cursor()
        self.now = datetime.now(UTC)
        self.restorer = Restorer(driver, self.layer, run_id, self.now, Cause.TAKE_DOWN)
        self.diff = Diff()
        self.resources: list[str] = [sha256]
        """What is taken down: the resource, and those before it that held some of the same."""
        self.shared_with: list[str] = []
        """Resources read later that held some of the same, and stand."""
        self.values: dict[str, Any] = {
            "feed": feed.id, "council": feed.council, "layer": self.layer.id, "sha256": sha256, "run": run_id,
            "reason": reason, "by": by, "code": CODE, "told": "What was read was taken down.", "name": NAME,
            "settler": PUBLISHED_RUN, "stamped": [Decider.WATERMARK.value, Decider.CONDITIONAL.value],
        }  # fmt: skip

    def run(self) -> dict[str, int]:
        """Purges everything but the bytes; how much of each kind."""
        self.restorer.begin()
        self._find()
        self.restorer.values |= {name: self.values[name] for name in ("feed", "reason", "by")}
        fids = self.values["fids"]
        self.restorer.fill("INSERT INTO unwanted (fid) SELECT unnest(%(unwanted)s::bigint[])", unwanted=fids)
        self.diff = self.restorer.restore()
        purged = {"features": self.diff.ended}
        for kind, statement in PURGES.items():
            self._execute(statement)
            purged[kind] = self.cursor.rowcount
        return purged

    def prove(self) -> dict[str, int]:
        """What each proof finds now."""
        return {kind: self.count(query) for kind, query in PROOFS.items()}

    def count(self, query: str) -> int:
        return int(self._column(query)[0])

    def content_hashes(self) -> Jsonb:
        """Of all records that are taken down."""
        return Jsonb(self._column(
            "SELECT DISTINCT content_hash FROM citywide.run WHERE id = ANY (%(runs)s) AND content_hash IS NOT NULL"
        ))  # fmt: skip

    def _find(self) -> None:
        """What the resource held, where else it is, and who quotes it."""
        self._execute(_READS)
        self._execute(_VERSIONS)
        for table in ("good_read", "version"):
            self._execute(f"ANALYZE {table}")
        self.resources += self._column(_SHARING.replace("{side}", "<"))
        self.values["resources"] = self.resources
        after = self._column(_SHARING.replace("{side}", ">"))
        self.shared_with = [sha256 for sha256 in after if sha256 not in self.resources]
        for name, column in (("fids", "fid"), ("changes", "change")):
            query = f"SELECT {column} FROM version v WHERE {column} IS NOT NULL AND ({_PURGED})"  # noqa: S608
            self.values[name] = self._column(query)
        self.values["ids"] = self._column(f"SELECT DISTINCT feature_id FROM version v WHERE {_PURGED}")  # noqa: S608
        mine = "SELECT id FROM citywide.run WHERE feed = %(feed)s AND resource_sha256 = ANY (%(resources)s)"
        self.values["runs"] = self._column(mine)
        self.values["ruled"] = self._column("SELECT DISTINCT field FROM citywide.rule WHERE layer = %(layer)s")
        self.values["rules"] = self._column(_QUOTING) if self.values["ruled"] else []

    def _column(self, query: str) -> list[Any]:
        self._execute(query)
        return [row[0] for row in self.cursor.fetchall()]

    def _execute(self, statement: str) -> None:
        """Not `str.format`, since patterns have braces of their own."""
        unread = (
            "NOT EXISTS (SELECT FROM citywide.run o WHERE o.resource_sha256 = r.sha256"
            " AND o.code IS DISTINCT FROM %(code)s AND o.id <> ALL (%(runs)s))"
        )
        names = {
            "{held}": _HELD.replace("{since}", "v.since").replace("{until}", "v.until"),
            "{stands}": _HELD.replace("{since}", "revision").replace("{until}", "9223372036854775807"),
            "{stood}": _HELD.replace("{since}", "since").replace("{until}", "revision"),
            "{unread}": unread,
            "{table}": self.layer.table,
        }
        for name, text in names.items():
            statement = statement.replace(name, text)
        self.cursor.execute(statement.encode(), self.values)
