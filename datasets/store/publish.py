"""Publishing one feed's new slice of a layer as a diff, in one transaction.

Only what changed is written; the layer's revision goes up by one; each change is recorded with the feature as it was
before. Readers see the old slice or the new one, never half of each.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import polars as pl
import psycopg
from numpy.typing import NDArray
from psycopg import sql
from sqlalchemy import Engine

from datasets.layer import Layer
from datasets.store.compare import HELD, Changes, compare
from datasets.store.layer_tables import SCHEMA
from datasets.store.rows import (
    along_hilbert_curve,
    as_lines,
    content_hashes,
    copy_into,
    hexadecimal,
    mint_ids,
    read_rows,
)

END_AFTER = timedelta(days=7)
"""A feature ends when it is missing from two complete fetches that lie at least this far apart."""
COPY_ROWS = 50_000
BULK_ROWS = 20_000
CHANNEL = "citywide_layer"
"""Notified with the layer's id after each publish."""


@dataclass(frozen=True)
class Slice:
    """One feed's features, harmonised: `frame` has key, rung, the layer's fields, placed, outside_m and row_no;
    `geometry` is parallel, WGS 84. Without `complete` nothing goes missing or ends."""

    frame: pl.DataFrame
    geometry: NDArray[np.object_]
    feed_id: str
    council: str
    resource_sha256: str
    run: int
    complete: bool = True


@dataclass(frozen=True)
class Diff:
    """What a publish changed, in features; `revision` is the layer's after it."""

    inserted: int = 0
    updated: int = 0
    restored: int = 0
    missing: int = 0
    ended: int = 0
    revision: int = 0

    @property
    def total(self) -> int:
        return self.inserted + self.updated + self.restored + self.missing + self.ended


def publish(engine: Engine, layer: Layer, new: Slice, now: datetime) -> Diff:
    """Merges the slice into the layer's table; the diff says what changed."""
    with engine.begin() as connection:
        driver = connection.connection.driver_connection
        assert isinstance(driver, psycopg.Connection)
        return _Publisher(driver, layer, new, now).run()


def end_missing(engine: Engine, layer: Layer, feed_id: str, run: int, now: datetime) -> Diff:
    """Ends the feed's features that a second complete fetch confirms as gone; for a fetch that changed nothing else."""
    nothing = Slice(pl.DataFrame(), np.empty(0, dtype=object), feed_id, "", "", run)
    with engine.begin() as connection:
        driver = connection.connection.driver_connection
        assert isinstance(driver, psycopg.Connection)
        return _Publisher(driver, layer, nothing, now).end_missing()


class _Publisher:
    """One publish: the cursor, and the names and values that every statement of it uses."""

    def __init__(self, connection: psycopg.Connection, layer: Layer, new: Slice, now: datetime) -> None:
        self.cursor = psycopg.ClientCursor(connection)
        self.layer = layer
        self.new = new
        self.table = sql.Identifier(SCHEMA, layer.table)
        self.content = ["rung", *layer.fields, "placed", "outside_m"]
        self.lines = as_lines(new.frame.select(self.content)) if new.frame.height else pl.Series(dtype=pl.String)
        self.revision = 0
        self.values: dict[str, object] = {
            "layer": layer.id,
            "council": new.council,
            "feed": new.feed_id,
            "sha256": new.resource_sha256,
            "run": new.run,
            "now": now,
            "end_before": now - END_AFTER,
        }

    def run(self) -> Diff:
        revision = self._begin()
        new = self.new
        changes = compare(self._held(), new.frame["key"], self._hashes, complete=new.complete)
        if not changes.total:
            return Diff(revision=revision)
        ended, missing = self._alter(changes)
        again = self._insert(changes.new)
        back = int((changes.changed["op"] == "restore").sum())
        diff = Diff(
            inserted=len(changes.new) - again,
            updated=changes.changed.height - back,
            restored=back + again,
            missing=missing,
            ended=ended,
            revision=self.revision,
        )
        self._finish(diff)
        return diff

    def end_missing(self) -> Diff:
        revision = self._begin()
        due = self._held(" AND missing_since <= %(end_before)s")
        changes = compare(due, pl.Series("key", [], pl.String), self._hashes, complete=True)
        if not changes.total:
            return Diff(revision=revision)
        ended, _ = self._alter(changes)
        diff = Diff(ended=ended, revision=self.revision)
        self._finish(diff)
        return diff

    def _begin(self) -> int:
        """Locks the layer, so that publishes of its feeds queue; its revision as it stands."""
        revision = self._scalar("SELECT revision FROM citywide.layer WHERE id = %(layer)s FOR UPDATE")
        self.values["revision"] = self.revision = revision + 1
        return revision

    def _execute(self, statement: str) -> int:
        """Runs a statement with the names in braces put in; the rows it touched."""
        self.cursor.execute(self._named(statement), self.values)
        return self.cursor.rowcount

    def _named(self, statement: str) -> sql.Composed:
        """The statement with {table}, and with {content} and {s_content}, which are the columns of content."""
        names = [sql.Identifier(name) for name in self.content]
        prefixed = [sql.SQL("s.{}").format(name) for name in names]
        comma = sql.SQL(", ")
        return sql.SQL(statement).format(table=self.table, content=comma.join(names), s_content=comma.join(prefixed))

    def _scalar(self, query: str) -> int:
        """The one number that a query answers with."""
        self._execute(query)
        row = self.cursor.fetchone()
        assert row is not None
        return int(row[0])

    def _read(self, query: str, schema: pl.Schema) -> pl.DataFrame:
        return read_rows(self.cursor, self._named(query), self.values, schema)

    def _held(self, condition: str = "") -> pl.DataFrame:
        """The feed's features as they stand."""
        query = """
            SELECT fid, key, content_hash, (missing_since IS NOT NULL)::int,
                   coalesce(missing_since <= %(end_before)s, false)::int
            FROM {table} WHERE feed_id = %(feed)s
            """
        held = self._read(query + condition, HELD)
        return held.with_columns(pl.col("content_hash").str.replace_all("-", "", literal=True))

    def _hashes(self) -> pl.Series:
        starts = range(0, self.new.frame.height, COPY_ROWS)
        portions = (slice(start, start + COPY_ROWS) for start in starts)
        return pl.concat(content_hashes(self.lines[p], hexadecimal(self.new.geometry[p])) for p in portions)

    def _portions(self, places: NDArray[np.int64]) -> Iterator[pl.DataFrame]:
        """The slice's rows at these places: `line` (content, key and row_no), `key`, `content_hash` and `geom`."""
        identity = as_lines(self.new.frame.select("key", "row_no"))
        for start in range(0, len(places), COPY_ROWS):
            chosen = places[start : start + COPY_ROWS]
            content, shapes = self.lines[chosen], hexadecimal(self.new.geometry[chosen])
            line = pl.concat_str([content, identity[chosen]], separator="\t")
            yield pl.select(line=line).with_columns(
                self.new.frame["key"][chosen], content_hashes(content, shapes), shapes
            )

    def _alter(self, changes: Changes) -> tuple[int, int]:
        """Updates and restores what changed, ends and marks what is gone; how many ended and are missing."""
        if not changes.changed.height + changes.gone.height:
            return 0, 0
        self._stage(changes)
        self._record_before()
        ended = self._execute("DELETE FROM {table} t USING gone g WHERE g.ends AND t.fid = g.fid")
        missing = self._execute(
            """
            UPDATE {table} t SET missing_since = %(now)s, revision = %(revision)s
            FROM gone g WHERE NOT g.ends AND t.fid = g.fid
            """
        )
        self._execute(
            """
            UPDATE {table} t
            SET ({content}, geom) = ROW ({s_content}, s.geom),
                row_no = s.row_no, resource_sha256 = %(sha256)s, content_hash = s.content_hash,
                revision = %(revision)s, changed_at = %(now)s, missing_since = NULL
            FROM staged s WHERE t.fid = s.fid
            """
        )
        return ended, missing

    def _stage(self, changes: Changes) -> None:
        """What changed and what is gone, in temporary tables."""
        self._execute(
            """
            CREATE TEMPORARY TABLE staged ON COMMIT DROP AS
            SELECT {content}, key, row_no, content_hash, geom, fid, NULL::text AS op FROM {table} WITH NO DATA
            """
        )
        changed = changes.changed
        lines = (
            portion.with_columns(changed.slice(start, portion.height).select("fid", "op"))
            .select(pl.concat_str("line", "content_hash", "geom", "fid", "op", separator="\t"))
            .to_series()
            for start, portion in zip(
                range(0, changed.height, COPY_ROWS), self._portions(changed["place"].to_numpy()), strict=True
            )
        )
        columns = [*self.content, "key", "row_no", "content_hash", "geom", "fid", "op"]
        copy_into(self.cursor, sql.Identifier("staged"), columns, lines)
        self._execute("CREATE TEMPORARY TABLE gone (fid bigint, ends boolean) ON COMMIT DROP")
        copy_into(self.cursor, sql.Identifier("gone"), changes.gone.columns, [as_lines(changes.gone)])
        self._execute("ANALYZE staged, gone")

    def _record_before(self) -> None:
        """Features as they are, before they change or end."""
        self._execute(
            """
            INSERT INTO layers.change (layer, revision, op, feature_id, council, feed_id, run, at, before)
            SELECT %(layer)s, %(revision)s, c.op, t.feature_id, t.council, t.feed_id, %(run)s, %(now)s, to_jsonb(t)
            FROM (SELECT fid, op FROM staged
                  UNION ALL SELECT fid, CASE WHEN ends THEN 'end' ELSE 'missing' END FROM gone) c
            JOIN {table} t USING (fid) ORDER BY t.fid
            """
        )

    def _insert(self, places: NDArray[np.int64]) -> int:
        """Adds new features along the Hilbert curve, so that neighbours lie on the same pages; how many of them had
        ended before and are back.

        An id is a digest of council, layer and key: a database built anew gives the same thing the same address. Where
        another feed of the council holds it, the feed's id goes in too.
        """
        if not len(places):
            return 0
        new = self.new
        empty = not self._scalar("SELECT EXISTS (SELECT FROM {table})::int")
        indexes = self._clear() if empty and len(places) >= BULK_ROWS else []
        ids: list[pl.Series] = []
        stamps = {
            "council": new.council,
            "feed_id": new.feed_id,
            "resource_sha256": new.resource_sha256,
            "first_seen": self.values["now"],
            "changed_at": self.values["now"],
            "revision": self.revision,
        }
        columns = [*self.content, "key", "row_no", "content_hash", "geom", "feature_id", *stamps]
        lines = self._new_lines(places[along_hilbert_curve(new.geometry[places])], stamps, ids)
        copy_into(self.cursor, self.table, columns, lines)
        for definition in indexes:
            self.cursor.execute(definition)
        return self._record_new(pl.concat(ids))

    def _new_lines(
        self, places: NDArray[np.int64], stamps: dict[str, object], ids: list[pl.Series]
    ) -> Iterator[pl.Series]:
        """Whole rows of the layer's table; their ids are put into `ids` as well."""
        others = "SELECT feature_id FROM {table} WHERE council = %(council)s AND feed_id <> %(feed)s"
        taken = self._read(others, pl.Schema({"feature_id": pl.String}))["feature_id"]
        begin = f"{self.layer.id}|{self.new.council}|"
        stamp = pl.lit("\t".join(map(str, stamps.values())))
        for portion in self._portions(places):
            minted = mint_ids(begin, portion["key"])
            if not taken.is_empty():
                again = mint_ids("", minted + f"|{self.new.feed_id}")
                minted = minted.zip_with(~minted.is_in(taken.implode()), again)
            ids.append(minted)
            columns = ("line", "content_hash", "geom", minted, stamp)
            yield portion.select(pl.concat_str(*columns, separator="\t")).to_series()

    def _record_new(self, ids: pl.Series) -> int:
        """Records every new feature in the order of the table; how many of them ended before and are back."""
        query = "SELECT DISTINCT feature_id FROM layers.change WHERE op = 'end' AND council = %(council)s"
        ended = self._read(query, pl.Schema({"feature_id": pl.String}))["feature_id"]
        back = ids.is_in(ended.implode())
        op = pl.when(back).then(pl.lit("restore")).otherwise(pl.lit("insert"))
        new = self.new
        stamps = {
            "layer": self.layer.id,
            "revision": self.revision,
            "council": new.council,
            "feed_id": new.feed_id,
            "run": new.run,
            "at": self.values["now"],
        }
        stamp = pl.lit("\t".join(map(str, stamps.values())))
        lines = pl.select(pl.concat_str(op, ids, stamp, separator="\t")).to_series()
        portions = (lines.slice(start, COPY_ROWS) for start in range(0, len(lines), COPY_ROWS))
        copy_into(self.cursor, sql.Identifier(SCHEMA, "change"), ["op", "feature_id", *stamps], portions)
        return int(back.sum())

    def _clear(self) -> list[sql.SQL]:
        """Drops all indexes of an empty table but the primary key's and gives the statements that make them again:
        building an index over many rows is several times faster than growing it, and nobody reads an empty table.
        Rows that go into a table truncated in the same transaction need no log, where the server keeps the least."""
        self._execute("TRUNCATE {table}")
        self.cursor.execute(
            """
            SELECT indexrelid::regclass::text, pg_get_indexdef(indexrelid) FROM pg_index
            WHERE indrelid = %s::regclass AND NOT indisprimary
            """,
            [f"{SCHEMA}.{self.layer.table}"],
        )
        found = self.cursor.fetchall()
        for name, _ in found:
            self.cursor.execute(sql.SQL("DROP INDEX {}").format(sql.SQL(name)))
        return [sql.SQL(definition) for _, definition in found]

    def _finish(self, diff: Diff) -> None:
        """The layer's revision, count and extent; readers are told at commit."""
        if diff.total >= BULK_ROWS:
            self._execute("ANALYZE {table}")
        self._execute(
            """
            UPDATE citywide.layer SET revision = %(revision)s, published_at = %(now)s, features = e.features,
                   extent = CASE WHEN e.box IS NULL THEN NULL ELSE
                            jsonb_build_array(ST_XMin(e.box), ST_YMin(e.box), ST_XMax(e.box), ST_YMax(e.box)) END
            FROM (SELECT count(*) AS features, ST_Extent(geom) AS box FROM {table}) e WHERE id = %(layer)s
            """
        )
        self.cursor.execute("SELECT pg_notify(%s, %s)", [CHANNEL, self.layer.id])
