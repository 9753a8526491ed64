"""Publishing one feed's new slice of a layer as a diff, in one transaction.

Only what changed is written; the layer's revision goes up by one; each change is recorded with the feature as it was
before, and a new feature bears the revision it came in. Readers see the old slice or the new one, never half of each.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

import numpy as np
import polars as pl
import psycopg
from numpy.typing import NDArray
from psycopg import sql
from psycopg.types.json import Jsonb
from sqlalchemy import Engine, select

from datasets.layer import Layer
from datasets.store.compare import HELD, Changes, compare, differing
from datasets.store.extent import NOWHERE, Box, grown
from datasets.store.layer_tables import SCHEMA, layer_table
from datasets.store.rows import (
    PORTION,
    FeatureLines,
    Portions,
    as_lines,
    copy_into,
    hexadecimal,
    joined,
    mint_ids,
    read_digests,
    read_rows,
)
from datasets.store.runs import hold_while_publishing
from datasets.vocabulary import Operation

END_AFTER = timedelta(days=7)
"""A feature ends when it is missing from two complete fetches that lie at least this far apart."""
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

    def __add__(self, later: "Diff") -> "Diff":
        """What this and a later publish of the same layer changed together."""
        sums = {name: count + getattr(later, name) for name, count in asdict(self).items() if name != "revision"}
        return Diff(**sums, revision=later.revision)


def publish(engine: Engine, layer: Layer, new: Slice, now: datetime) -> Diff:
    """Merges the slice into the layer's table; the diff says what changed."""
    with engine.begin() as connection:
        hold_while_publishing(connection, new.run)
        driver = connection.connection.driver_connection
        assert isinstance(driver, psycopg.Connection)
        return _Publisher(driver, layer, new, now).run()


def end_missing(engine: Engine, layer: Layer, feed_id: str, run: int, now: datetime) -> Diff:
    """Ends the feed's features that a second complete fetch confirms as gone; for a fetch that changed nothing else."""
    nothing = Slice(pl.DataFrame(), np.empty(0, dtype=object), feed_id, "", "", run)
    with engine.begin() as connection:
        hold_while_publishing(connection, run)
        driver = connection.connection.driver_connection
        assert isinstance(driver, psycopg.Connection)
        return _Publisher(driver, layer, nothing, now).end_missing()


def has_missing(engine: Engine, layer: Layer, feed_id: str) -> bool:
    """Whether features of the feed were missing from its last complete fetch."""
    table = layer_table(layer)
    missing = select(table.c.fid).where(table.c.feed_id == feed_id, table.c.missing_since.is_not(None))
    with engine.connect() as connection:
        return connection.execute(missing.limit(1)).one_or_none() is not None


class _Publisher:
    """One publish: the cursor, and the names and values that every statement of it uses."""

    def __init__(self, connection: psycopg.Connection, layer: Layer, new: Slice, now: datetime) -> None:
        self.cursor = psycopg.ClientCursor(connection)
        self.layer = layer
        self.new = new
        self.content = ["rung", *layer.fields, "placed", "outside_m"]
        columns = [sql.Identifier(name) for name in (*self.content, "row_no", "content_hash", "geom")]
        self.names: dict[str, sql.Composable] = {
            "table": sql.Identifier(SCHEMA, layer.table),
            "columns": sql.SQL(", ").join(columns),
            "staged_columns": sql.SQL(", ").join(sql.SQL("s.{}").format(column) for column in columns),
        }
        self.revision = 0
        self.features, self.extent = 0, NOWHERE
        """Of the layer before."""
        self.left: list[Box] = []
        """The extents of shapes before they changed or went."""
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
        lines = FeatureLines(self.new.frame, self.new.geometry, self.content)
        changes = self._changes(lines)
        if not changes.total:
            return Diff(revision=revision)
        ended, missing = self._take_away(changes.gone)
        self._update(changes.changed, lines)
        again = self._insert(changes.new, lines)
        back = int((changes.changed["op"] == "restore").sum())
        diff = Diff(
            inserted=len(changes.new) - again,
            updated=changes.changed.height - back,
            restored=back + again,
            missing=missing,
            ended=ended,
            revision=self.revision,
        )
        self._finish(diff, changes)
        return diff

    def end_missing(self) -> Diff:
        revision = self._begin()
        held = self._held("{table} WHERE feed_id = %(feed)s AND missing_since <= %(end_before)s")
        nothing = pl.Series(dtype=pl.String)
        changes = compare(held, nothing, nothing, complete=True)
        if not changes.total:
            return Diff(revision=revision)
        ended, _ = self._take_away(changes.gone)
        diff = Diff(ended=ended, revision=self.revision)
        self._finish(diff, changes)
        return diff

    def _begin(self) -> int:
        """Locks the layer, so that publishes of its feeds queue; its revision as it stands."""
        self._execute("SELECT revision, features, extent FROM citywide.layer WHERE id = %(layer)s FOR UPDATE")
        [(revision, features, extent)] = self.cursor.fetchall()
        self.features, self.extent = features, np.array(extent) if extent else NOWHERE
        self.values["revision"] = self.revision = revision + 1
        return int(revision)

    def _execute(self, statement: str, **names: sql.Composable) -> int:
        """Runs a statement with the names in braces put in; the rows it touched."""
        self.cursor.execute(sql.SQL(statement).format(**self.names, **names), self.values)
        return self.cursor.rowcount

    def _scalar(self, query: str) -> int:
        """The one number that a query answers with."""
        self._execute(query)
        row = self.cursor.fetchone()
        assert row is not None
        return int(row[0])

    def _read(self, query: str, schema: pl.Schema) -> pl.DataFrame:
        return read_rows(self.cursor, sql.SQL(query).format(**self.names), self.values, schema)

    def _changes(self, lines: FeatureLines) -> Changes:
        """What publishing the slice means."""
        if not self._scalar("SELECT EXISTS (SELECT FROM {table} WHERE feed_id = %(feed)s)::int"):
            return compare(HELD.to_frame(eager=True), lines.keys, lines.keys.clear(), complete=self.new.complete)
        with ThreadPoolExecutor(1) as beside:
            standing = beside.submit(self._digests)
            digests = lines.digests()
            places, fids = differing(digests, standing.result())
        self.values["fids"] = "{" + fids.cast(pl.String).str.join(",").item() + "}"
        held = self._held("unnest(%(fids)s::bigint[]) AS differing (fid) JOIN {table} USING (fid)")
        hashes = hexadecimal(digests[places])
        return compare(held, lines.keys.gather(places), hashes, complete=self.new.complete).at(places)

    def _digests(self) -> pl.DataFrame:
        """The digests of the feed's features; of missing ones none that any feature has."""
        query = """
            SELECT string_agg(int8send(fid) || CASE WHEN missing_since IS NULL THEN uuid_send(content_hash)
                                                    ELSE decode(repeat('00', 16), 'hex') END, '')
            FROM {table} WHERE feed_id = %(feed)s GROUP BY fid / 1000000
            """
        return read_digests(self.cursor, sql.SQL(query).format(**self.names), self.values)

    def _held(self, features: str) -> pl.DataFrame:
        """Those of the feed's features as they stand."""
        query = f"""
            SELECT fid, key, content_hash, (missing_since IS NOT NULL)::int,
                   coalesce(missing_since <= %(end_before)s, false)::int
            FROM {features}
            """  # noqa: S608
        held = self._read(query, HELD)
        return held.with_columns(pl.col("content_hash").str.replace_all("-", "", literal=True))

    def _take_away(self, gone: pl.DataFrame) -> tuple[int, int]:
        """Ends features or marks them as missing; how many of each."""
        if gone.is_empty():
            return 0, 0
        self._execute("CREATE TEMPORARY TABLE gone (fid bigint, op text) ON COMMIT DROP")
        copy_into(self.cursor, sql.Identifier("gone"), gone.columns, [as_lines(gone)])
        self._record_before("gone")
        ended = self._execute("DELETE FROM {table} t USING gone g WHERE g.op = 'end' AND t.fid = g.fid")
        missing = self._execute(
            """
            UPDATE {table} t SET missing_since = %(now)s, revision = %(revision)s
            FROM gone g WHERE g.op = 'missing' AND t.fid = g.fid
            """
        )
        return ended, missing

    def _update(self, changed: pl.DataFrame, lines: FeatureLines) -> None:
        """Writes features that say something else now, or are back after they were missing."""
        if changed.is_empty():
            return
        self._execute(
            """
            CREATE TEMPORARY TABLE staged ON COMMIT DROP AS
            SELECT {columns}, key, fid, NULL::text AS op FROM {table} WITH NO DATA
            """
        )
        portions = zip(changed.iter_slices(PORTION), lines.portions(changed["place"].to_numpy()), strict=True)
        whole = (joined(*parts, rows["fid"], rows["op"]) for rows, (_, parts) in portions)
        copy_into(self.cursor, sql.Identifier("staged"), [*lines.columns, "fid", "op"], whole)
        self._record_before("staged")
        self._execute(
            """
            UPDATE {table} t
            SET ({columns}) = ROW ({staged_columns}),
                resource_sha256 = %(sha256)s, revision = %(revision)s, changed_at = %(now)s, missing_since = NULL
            FROM staged s WHERE t.fid = s.fid
            """
        )

    def _record_before(self, altered: str) -> None:
        """Records features as they are, before they change or end: those of a temporary table, each with its `op`."""
        names = {"altered": sql.Identifier(altered)}
        self._execute("ANALYZE {altered}", **names)
        self._execute(
            """
            WITH before AS MATERIALIZED (SELECT a.op, t FROM {altered} a JOIN {table} t USING (fid) ORDER BY t.fid),
            recorded AS (
                INSERT INTO layers.change (layer, revision, op, feature_id, council, feed_id, run, at, before)
                SELECT %(layer)s, %(revision)s, op, (t).feature_id, (t).council, (t).feed_id, %(run)s, %(now)s,
                       to_jsonb(t)
                FROM before
            )
            SELECT ST_XMin(box), ST_YMin(box), ST_XMax(box), ST_YMax(box)
            FROM (SELECT ST_Extent((t).geom) AS box FROM before) e
            """,
            **names,
        )
        self.left += (np.array(box, dtype=np.float64) for box in self.cursor.fetchall())

    def _insert(self, places: NDArray[np.int64], lines: FeatureLines) -> int:
        """Adds new features along the Hilbert curve, so that neighbours lie on the same pages. How many of them had
        ended before: those are restored, not new."""
        if not len(places):
            return 0
        is_first = not self._scalar("SELECT EXISTS (SELECT FROM {table})::int")
        indexes = self._clear() if is_first and len(places) >= BULK_ROWS else []
        stamps = {
            "council": self.new.council,
            "feed_id": self.new.feed_id,
            "resource_sha256": self.new.resource_sha256,
            "first_seen": self.values["now"],
            "changed_at": self.values["now"],
            "revision": self.revision,
            "first_revision": self.revision,
        }
        ids: list[pl.Series] = []
        ordered = lines.portions(lines.along_hilbert_curve(places))
        whole = self._identified(ordered, self._taken_ids(), "\t".join(map(str, stamps.values())), ids)
        copy_into(self.cursor, self.names["table"], [*lines.columns, "feature_id", *stamps], whole)
        for definition in indexes:
            self.cursor.execute(definition)
        return self._record_restored(pl.concat(ids))

    def _identified(
        self, portions: Portions, taken: pl.Series, stamp: str, ids: list[pl.Series]
    ) -> Iterator[pl.Series]:
        """Whole rows of the layer's table, while their ids are gathered in `ids`.

        An id is a digest of council, layer and key: a database built anew gives the same thing the same address. Where
        another feed of the council holds it, the feed's id goes in too.
        """
        for keys, parts in portions:
            minted = mint_ids(f"{self.layer.id}|{self.new.council}|", keys)
            if not taken.is_empty():
                others = mint_ids("", minted + f"|{self.new.feed_id}")
                minted = others.zip_with(minted.is_in(taken.implode()), minted)
            ids.append(minted)
            yield joined(*parts, minted, stamp)

    def _taken_ids(self) -> pl.Series:
        """The ids that other feeds of the council hold in this layer."""
        query = "SELECT feature_id FROM {table} WHERE council = %(council)s AND feed_id <> %(feed)s"
        return self._read(query, pl.Schema({"feature_id": pl.String}))["feature_id"]

    def _record_restored(self, ids: pl.Series) -> int:
        """Records which of the new features had ended before; how many. That the others are new is told by their
        `first_revision`: a second row for each would cost a sixth of a first load."""
        query = "SELECT DISTINCT feature_id FROM layers.change WHERE op = 'end' AND council = %(council)s"
        ended = self._read(query, pl.Schema({"feature_id": pl.String}))["feature_id"]
        back = ids.filter(ids.is_in(ended.implode()))
        if back.is_empty():
            return 0
        stamps = {
            "op": Operation.RESTORE,
            "layer": self.layer.id,
            "revision": self.revision,
            "council": self.new.council,
            "feed_id": self.new.feed_id,
            "run": self.new.run,
            "at": self.values["now"],
        }
        lines = joined(back, "\t".join(map(str, stamps.values())))
        copy_into(self.cursor, sql.Identifier(SCHEMA, "change"), ["feature_id", *stamps], [lines])
        return len(back)

    def _clear(self) -> list[sql.SQL]:
        """Drops all indexes of an empty table but the primary key's and gives the statements that make them again:
        building an index over many rows is several times faster than growing it, and nobody reads an empty table. Rows
        put into a table that was truncated in the same transaction need no log where the server keeps the least."""
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

    def _finish(self, diff: Diff, changes: Changes) -> None:
        """The layer's revision, count and extent; readers are told at commit."""
        if diff.total >= BULK_ROWS:
            self._execute("ANALYZE {table}")
        box = self._box(changes.written)
        self.values["features"] = self.features + len(changes.new) - diff.ended
        self.values["extent"] = None if np.isnan(box).any() else Jsonb(box.tolist())
        self._execute(
            """
            UPDATE citywide.layer SET revision = %(revision)s, published_at = %(now)s, features = %(features)s,
                   extent = %(extent)s
            WHERE id = %(layer)s
            """
        )
        self.cursor.execute("SELECT pg_notify(%s, %s)", [CHANNEL, self.layer.id])

    def _box(self, written: NDArray[np.int64]) -> Box:
        """The layer's extent now."""
        box = grown(self.extent, self.left, self.new.geometry[written])
        if box is None:
            self._execute(
                """
                SELECT ST_XMin(box), ST_YMin(box), ST_XMax(box), ST_YMax(box)
                FROM (SELECT ST_Extent(geom) AS box FROM {table}) e
                """
            )
            box = np.array(self.cursor.fetchone(), dtype=np.float64)
        return box
