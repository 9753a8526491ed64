"""Publishing one feed's new slice of a layer as a diff, in one transaction.

Only what changed is written; the layer's revision goes up by one; each change is recorded with the feature as it was
before. Readers see the old slice or the new one, never half of each.
"""

import io
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import polars as pl
import psycopg
import shapely
from numpy.typing import NDArray
from psycopg import sql
from sqlalchemy import Engine
from sqlalchemy.dialects import postgresql

from datasets.layer import Layer
from datasets.store.layer_tables import SCHEMA, layer_table

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
        self.fields = [sql.Identifier(name) for name in layer.fields]
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
        self._stage()
        self._find_changes()
        if not self._counts():
            return Diff(revision=revision)
        self._record_before()
        ended = self._end()
        missing = self._mark_missing()
        self._update()
        self._insert()
        diff = self._diff(missing, ended)
        self._finish(diff)
        return diff

    def end_missing(self) -> Diff:
        revision = self._begin()
        self._execute("CREATE TEMPORARY TABLE changed (fid bigint, op text) ON COMMIT DROP")
        self._execute(
            """
            CREATE TEMPORARY TABLE gone ON COMMIT DROP AS
            SELECT fid, true AS ends FROM {table} WHERE feed_id = %(feed)s AND missing_since <= %(end_before)s
            """
        )
        if not self._counts():
            return Diff(revision=revision)
        self._record_before()
        diff = self._diff(0, self._end())
        self._finish(diff)
        return diff

    def _begin(self) -> int:
        """Locks the layer, so that publishes of its feeds queue; its revision as it stands."""
        revision = self._scalar("SELECT revision FROM citywide.layer WHERE id = %(layer)s FOR UPDATE")
        self.values["revision"] = self.revision = revision + 1
        return revision

    def _execute(self, statement: str) -> int:
        """Runs a statement with the names {table} and {fields} put in; the rows it touched."""
        fields = sql.SQL(", ").join(self.fields)
        prefixed = sql.SQL(", ").join(sql.SQL("s.{}").format(field) for field in self.fields)
        text = sql.SQL(statement).format(table=self.table, fields=fields, s_fields=prefixed)
        self.cursor.execute(text, self.values)
        return self.cursor.rowcount

    def _scalar(self, query: str) -> int:
        """The one number that a query answers with."""
        self._execute(query)
        row = self.cursor.fetchone()
        assert row is not None
        return int(row[0])

    def _stage(self) -> None:
        """The slice in a temporary table, with a digest of each feature's content."""
        table = layer_table(self.layer)
        kinds = {
            name: table.c[name].type.compile(postgresql.dialect())
            for name in ("rung", *self.layer.fields, "placed", "outside_m")
        }
        kinds = {"key": "text", "row_no": "bigint", **kinds, "geom": "geometry(Geometry,4326)"}
        columns = sql.SQL(", ").join(sql.SQL("{} " + kind).format(sql.Identifier(n)) for n, kind in kinds.items())
        self.cursor.execute(sql.SQL("CREATE TEMPORARY TABLE staged ({}) ON COMMIT DROP").format(columns))
        names = sql.SQL(", ").join(map(sql.Identifier, kinds))
        statement = sql.SQL("COPY staged ({}) FROM STDIN (FORMAT csv)").format(names)
        frame = self.new.frame.select([name for name in kinds if name != "geom"])
        with self.cursor.copy(statement) as copy:
            for start in range(0, frame.height, COPY_ROWS):
                shapes = shapely.to_wkb(self.new.geometry[start : start + COPY_ROWS], hex=True)
                part = frame.slice(start, COPY_ROWS).with_columns(geom=pl.Series(shapes, dtype=pl.String))
                buffer = io.BytesIO()
                part.with_columns(_array_text(part)).write_csv(buffer, include_header=False)
                copy.write(buffer.getbuffer())
        self._execute("ANALYZE staged")

    def _find_changes(self) -> None:
        """Which staged rows are new, changed or back, by key; the unchanged ones are not mentioned."""
        self._execute(
            """
            CREATE TEMPORARY TABLE changed ON COMMIT DROP AS
            SELECT s.key, s.content_hash, t.fid,
                   CASE WHEN t.fid IS NULL THEN 'insert'
                        WHEN t.missing_since IS NOT NULL THEN 'restore'
                        ELSE 'update' END AS op
            FROM (SELECT key, md5(row(rung, {fields}, placed, outside_m, geom)::text)::uuid AS content_hash
                  FROM staged) s
            LEFT JOIN {table} t ON t.feed_id = %(feed)s AND t.key = s.key
            WHERE t.fid IS NULL OR t.content_hash <> s.content_hash OR t.missing_since IS NOT NULL
            """
        )
        gone = """
            CREATE TEMPORARY TABLE gone ON COMMIT DROP AS
            SELECT t.fid, t.missing_since <= %(end_before)s AS ends
            FROM {table} t
            WHERE t.feed_id = %(feed)s AND (t.missing_since IS NULL OR t.missing_since <= %(end_before)s)
              AND NOT EXISTS (SELECT FROM staged s WHERE s.key = t.key)
            """
        self._execute(gone if self.new.complete else gone + " AND false")

    def _counts(self) -> int:
        return self._scalar("SELECT (SELECT count(*) FROM changed) + (SELECT count(*) FROM gone)")

    def _record_before(self) -> None:
        """Features as they are, before they change or end."""
        self._execute(
            """
            INSERT INTO layers.change (layer, revision, op, feature_id, council, feed_id, run, at, before)
            SELECT %(layer)s, %(revision)s, c.op, t.feature_id, t.council, t.feed_id, %(run)s, %(now)s, to_jsonb(t)
            FROM (SELECT fid, op FROM changed WHERE op <> 'insert'
                  UNION ALL SELECT fid, CASE WHEN ends THEN 'end' ELSE 'missing' END FROM gone) c
            JOIN {table} t USING (fid) ORDER BY t.fid
            """
        )

    def _end(self) -> int:
        return self._execute("DELETE FROM {table} t USING gone g WHERE g.ends AND t.fid = g.fid")

    def _mark_missing(self) -> int:
        return self._execute(
            """
            UPDATE {table} t SET missing_since = %(now)s, revision = %(revision)s
            FROM gone g WHERE g.ends IS NOT TRUE AND t.fid = g.fid
            """
        )

    def _update(self) -> None:
        self._execute(
            """
            UPDATE {table} t
            SET (rung, {fields}, placed, outside_m, geom)
              = ROW (s.rung, {s_fields}, s.placed, s.outside_m, s.geom),
                row_no = s.row_no, resource_sha256 = %(sha256)s, content_hash = c.content_hash,
                revision = %(revision)s, changed_at = %(now)s, missing_since = NULL
            FROM changed c JOIN staged s USING (key) WHERE c.op <> 'insert' AND t.fid = c.fid
            """
        )

    def _insert(self) -> None:
        """New features, along the Hilbert curve, so that neighbours lie on the same pages.

        An id is a digest of council, layer and key: a database built anew gives the same thing the same address. Where
        another feed of the council holds it, the feed's id goes in too. A feature that ended and comes back is recorded as
        restored.
        """
        if not (count := self._scalar("SELECT count(*) FROM changed WHERE op = 'insert'")):
            return
        empty = not self._scalar("SELECT EXISTS (SELECT FROM {table})::int")
        indexes = self._drop_indexes() if empty and count >= BULK_ROWS else []
        taken = "false" if empty else "EXISTS (SELECT FROM {table} x WHERE x.feature_id = m.minted)"
        self._execute(
            """
            WITH added AS (
              INSERT INTO {table} (feature_id, council, feed_id, key, rung, {fields}, placed, outside_m, resource_sha256,
                                   row_no, first_seen, changed_at, revision, content_hash, geom)
              SELECT CASE WHEN s.taken THEN left(md5(s.minted || '|' || %(feed)s), 20) ELSE s.minted END,
                     %(council)s, %(feed)s, s.key, s.rung, {s_fields}, s.placed, s.outside_m, %(sha256)s,
                     s.row_no, %(now)s, %(now)s, %(revision)s, s.content_hash, s.geom
              FROM (SELECT m.*, """
            + taken
            + """ AS taken
                    FROM (SELECT s.*, c.content_hash,
                                 left(md5(concat_ws('|', %(layer)s, %(council)s, s.key)), 20) AS minted
                          FROM staged s JOIN changed c USING (key) WHERE c.op = 'insert') m
                    ORDER BY m.geom) s
              RETURNING fid, feature_id)
            INSERT INTO layers.change (layer, revision, op, feature_id, council, feed_id, run, at)
            SELECT %(layer)s, %(revision)s, CASE WHEN e.feature_id IS NULL THEN 'insert' ELSE 'restore' END,
                   a.feature_id, %(council)s, %(feed)s, %(run)s, %(now)s
            FROM added a
            LEFT JOIN (SELECT DISTINCT feature_id FROM layers.change WHERE op = 'end') e USING (feature_id)
            ORDER BY a.fid
            """
        )
        for definition in indexes:
            self.cursor.execute(definition)

    def _drop_indexes(self) -> list[sql.SQL]:
        """Drops all indexes but the primary key's and gives the statements that make them again: building an index
        over many rows is several times faster than growing it, and nobody reads an empty table."""
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

    def _diff(self, missing: int, ended: int) -> Diff:
        self._execute(
            """
            SELECT op, count(*) FROM layers.change WHERE layer = %(layer)s AND revision = %(revision)s GROUP BY op
            """
        )
        counts: dict[str, int] = dict(self.cursor.fetchall())
        return Diff(
            inserted=counts.get("insert", 0),
            updated=counts.get("update", 0),
            restored=counts.get("restore", 0),
            missing=missing,
            ended=ended,
            revision=self.revision,
        )

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


def _array_text(frame: pl.DataFrame) -> list[pl.Expr]:
    """Lists as PostgreSQL writes arrays; values of codelists hold no quotes or backslashes."""
    lists = [name for name, kind in frame.schema.items() if isinstance(kind, pl.List)]
    return [
        pl.when(pl.col(name).is_not_null())
        .then(pl.lit('{"') + pl.col(name).list.join('","') + pl.lit('"}'))
        .alias(name)
        for name in lists
    ]
