"""Publishing one feed's new slice of a layer as a diff, in one transaction.

Only what changed is written; the layer's revision goes up by one; each change is recorded with the feature as it was
before, and a new feature bears the revision it came in. Readers see the old slice or the new one, never half of each.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime, timedelta

import numpy as np
import polars as pl
import psycopg
from numpy.typing import NDArray
from psycopg import sql
from psycopg.types.json import Jsonb
from sqlalchemy import Engine, select

from datasets.layer import Layer
from datasets.store.layer_tables import LIVE, Ground, layer_table
from datasets.store.matching.matches import match_neighbours
from datasets.store.publishing.bulk import clear
from datasets.store.publishing.carry import carry
from datasets.store.publishing.compare import HELD, Changes, compare, differing
from datasets.store.publishing.extent import NOWHERE, Box, grown
from datasets.store.publishing.minting import Minting
from datasets.store.publishing.redirects import forget_redirects, redirect_merged
from datasets.store.publishing.rows import (
    PORTION,
    FeatureLines,
    Portions,
    as_lines,
    copy_into,
    hexadecimal,
    joined,
    read_digests,
    read_rows,
)
from datasets.store.publishing.slices import Diff, Slice
from datasets.store.runs import hold_while_publishing
from datasets.vocabulary import Cause, Operation

__all__ = ["BULK_ROWS", "CHANNEL", "END_AFTER", "Diff", "Slice", "end_missing", "has_missing", "publish"]

END_AFTER = timedelta(days=7)
"""A feature ends when it is missing from two complete fetches that lie at least this far apart."""
BULK_ROWS = 20_000
CHANNEL = "citywide_layer"
"""Notified with the layer's id after each publish."""


def publish(engine: Engine, layer: Layer, new: Slice, now: datetime, ground: Ground = LIVE) -> Diff:
    """Merges the slice into the layer's table; the diff says what changed."""
    with publishing(engine, new.run, ground) as driver:
        return Publisher(driver, layer, new, now, ground).run()


def end_missing(engine: Engine, layer: Layer, feed_id: str, run: int, now: datetime, ground: Ground = LIVE) -> Diff:
    """Ends the feed's features that a second complete fetch confirms as gone; for a fetch that changed nothing else."""
    nothing = Slice(pl.DataFrame(), np.empty(0, dtype=object), feed_id, "", "", run)
    with publishing(engine, run, ground) as driver:
        return Publisher(driver, layer, nothing, now, ground).end_missing()


@contextmanager
def publishing(engine: Engine, run: int, ground: Ground) -> Iterator[psycopg.Connection]:
    """The transaction of a publish. What is live is fenced: LeaseLost when the run is no longer ours."""
    with engine.begin() as connection:
        if ground == LIVE:
            hold_while_publishing(connection, run)
        driver = connection.connection.driver_connection
        assert isinstance(driver, psycopg.Connection)
        yield driver


def has_missing(engine: Engine, layer: Layer, feed_id: str) -> bool:
    """Whether features of the feed were missing from its last complete fetch."""
    table = layer_table(layer)
    missing = select(table.c.fid).where(table.c.feed_id == feed_id, table.c.missing_since.is_not(None))
    with engine.connect() as connection:
        return connection.execute(missing.limit(1)).one_or_none() is not None


class Publisher:
    """One publish: the cursor, and the names and values that every statement of it uses."""

    def __init__(
        self, connection: psycopg.Connection, layer: Layer, new: Slice, now: datetime, ground: Ground = LIVE
    ) -> None:
        self.ground = ground
        self.cursor = psycopg.ClientCursor(connection)
        self.layer = layer
        self.new = new
        self.content = ["rung", *layer.fields, "placed", "outside_m", "precision_m"]
        columns = [sql.Identifier(name) for name in (*self.content, "row_no", "content_hash", "geom")]
        self.names: dict[str, sql.Composable] = {
            "table": sql.Identifier(ground.features, layer.table),
            "columns": sql.SQL(", ").join(columns),
            "staged_columns": sql.SQL(", ").join(sql.SQL("s.{}").format(column) for column in columns),
            "told": sql.SQL(", ").join(
                sql.Identifier("t", column.name) for column in layer_table(layer).columns if column.name != "geom"
            ),
            "change": sql.Identifier(ground.features, "change"),
            "record": sql.Identifier(ground.records, "layer"),
            "revisions": sql.Identifier(ground.records, "revision"),
        }
        self.revision = self.standing = 0
        self.became_one = pl.DataFrame()
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
            "cause": Cause.HARVEST.value,
            "moved": "{}",
            "rung": new.frame["rung"].head(1).to_list()[0] if new.frame.height else None,
            "undoes": None,
            "reason": None,
            "by": None,
        }

    def run(self) -> Diff:
        revision = self._begin()
        lines = FeatureLines(self.new.frame, self.new.geometry, self.content)
        changes = self._changes(lines)
        if not changes.total:
            return Diff(revision=revision)
        if self.ground == LIVE:
            redirect_merged(self.cursor, self.layer, self.became_one, self.new.feed_id)
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
        self._execute("SELECT revision, features, extent FROM {record} WHERE id = %(layer)s FOR UPDATE")
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
        self.standing = standing.result().height
        self.values["fids"] = "{" + fids.cast(pl.String).str.join(",").item() + "}"
        held = self._held("unnest(%(fids)s::bigint[]) AS differing (fid) JOIN {table} USING (fid)")
        hashes = hexadecimal(digests[places])
        found = compare(held, lines.keys.gather(places), hashes, complete=self.new.complete).at(places)
        changes, self.became_one = carry(self._read, self.values, self.layer, self.new, found, self.standing)
        self.values["moved"] = "{" + changes.rekeyed.cast(pl.String).str.join(",").item() + "}"
        return changes

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
                   coalesce(missing_since <= %(end_before)s, false)::int, rung,
                   coalesce(rung <> %(rung)s, false)::int
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
            SET ({columns}) = ROW ({staged_columns}), key = s.key,
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
            WITH before AS MATERIALIZED (
                SELECT a.op, t.feature_id, t.council, t.feed_id, t.geom, t.fid, t.first_revision, t.revision AS since,
                       (SELECT to_jsonb(told) FROM (SELECT {told}) told) AS told
                FROM {altered} a JOIN {table} t USING (fid) ORDER BY t.fid
            ),
            recorded AS (
                INSERT INTO {change} (layer, revision, cause, run, at, op, feature_id, council, feed_id, geom, fid,
                                      first_revision, since, before)
                SELECT %(layer)s, %(revision)s,
                       CASE WHEN fid = ANY (%(moved)s::bigint[]) THEN 'move' ELSE %(cause)s END,
                       %(run)s, %(now)s, before.* FROM before
            )
            SELECT ST_XMin(box), ST_YMin(box), ST_XMax(box), ST_YMax(box)
            FROM (SELECT ST_Extent(geom) AS box FROM before) e
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
        indexes = clear(self.cursor, self.names["table"]) if is_first and len(places) >= BULK_ROWS else []
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
        keys = lines.keys.gather(places)
        minting = Minting(self._read, self.values, self.layer, self.new, keys, holds=self.standing > 0)
        whole = _identified(ordered, minting, "\t".join(map(str, stamps.values())), ids)
        copy_into(self.cursor, self.names["table"], [*lines.columns, "feature_id", *stamps], whole)
        for definition in indexes:
            self.cursor.execute(definition)
        return self._record_restored(pl.concat(ids), minting.ended)

    def _record_restored(self, ids: pl.Series, ended: pl.Series) -> int:
        """Records which of the new features had ended before; how many. That the others are new is told by their
        `first_revision`: a second row for each would cost a sixth of a first load."""
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
        copy_into(self.cursor, self.names["change"], ["feature_id", *stamps], [lines])
        if self.ground == LIVE:
            forget_redirects(self.cursor, back.to_list())
        return len(back)

    def _finish(self, diff: Diff, changes: Changes) -> None:
        """The layer's revision, count and extent; readers are told at commit."""
        if diff.total >= BULK_ROWS:
            self._execute("ANALYZE {table}")
        self._conclude(self.features + len(changes.new) - diff.ended, self._box(changes.written))

    def _conclude(self, features: int, box: Box) -> None:
        """The layer's record as it is now, and what brought it there."""
        if self.ground == LIVE:
            match_neighbours(self.cursor, self.layer, self.values, str(self.values["feed"]) or None)
        self.values["features"] = features
        self.values["extent"] = None if np.isnan(box).any() else Jsonb(box.tolist())
        self._execute(
            """
            UPDATE {record} SET revision = %(revision)s, published_at = %(now)s, features = %(features)s,
                   extent = %(extent)s
            WHERE id = %(layer)s
            """
        )
        self._execute(
            """
            INSERT INTO {revisions} (layer, revision, at, cause, feed, run, undoes, reason, by, fid)
            SELECT %(layer)s, %(revision)s, %(now)s, %(cause)s, nullif(%(feed)s, ''), %(run)s, %(undoes)s, %(reason)s,
                   %(by)s, last_value
            FROM layers.fid
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


def _identified(portions: Portions, minting: Minting, stamp: str, ids: list[pl.Series]) -> Iterator[pl.Series]:
    """Whole rows of the layer's table, while their ids are gathered in `ids`."""
    for keys, parts in portions:
        minted = minting.mint(keys)
        ids.append(minted)
        yield joined(*parts, minted, stamp)
