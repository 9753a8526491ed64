"""Putting features of a layer to a state that is known whole, as one revision: what a roll-back and a rebuild do.

The state is worked out by the server and never crosses to it. What a feature said before is recorded as with any
publish, so that history is never written anew.
"""

from datetime import datetime

import numpy as np
import polars as pl
import psycopg
from psycopg import sql

from datasets.layer import Layer
from datasets.store.layer_tables import LIVE, Ground, layer_table
from datasets.store.publishing.extent import Box
from datasets.store.publishing.publish import Publisher
from datasets.store.publishing.redirects import forget_redirects
from datasets.store.publishing.slices import Diff, Slice
from datasets.store.versions.as_of import KEPT_APART
from datasets.vocabulary import Cause

_MATCHED = ("duplicate_of", "also_published_by")
"""Columns that follow from pairs, which are matched anew whatever state comes back."""
_KEPT = frozenset({"fid", "first_revision", "feature_id", "first_seen", "changed_at", "revision", *_MATCHED})
"""Columns of a feature that stands which no earlier state of it brings back: when it came and changed."""
_STAMPED = ("fid", "first_revision", "revision", "changed_at")
"""Columns that a feature which comes back gets anew."""


class Restorer(Publisher):
    """One restoring: `wanted` are rows of the layer's table as they are to stand, `unwanted` the fids of features that
    are to end. Whoever uses it fills the two between `begin` and `restore`."""

    def __init__(
        self, connection: psycopg.Connection, layer: Layer, run: int, now: datetime, cause: Cause, ground: Ground = LIVE
    ) -> None:
        nothing = Slice(pl.DataFrame(), np.empty(0, dtype=object), "", "", "", run)
        super().__init__(connection, layer, nothing, now, ground)
        self.values["cause"] = cause.value
        columns = [column.name for column in layer_table(layer).columns]
        given = [sql.Identifier(name) for name in columns if name not in _KEPT]
        carried = [name for name in columns if name not in (*_STAMPED, *_MATCHED)]
        self.names |= {
            "given": sql.SQL(", ").join(given),
            "wanted_given": sql.SQL(", ").join(sql.SQL("w.{}").format(name) for name in given),
            "standing_exactly": sql.SQL(", ").join(_exactly("t", name) for name in columns if name not in _KEPT),
            "wanted_exactly": sql.SQL(", ").join(_exactly("w", name) for name in columns if name not in _KEPT),
            "carried": sql.SQL(", ").join(map(sql.Identifier, carried)),
            "wanted_carried": sql.SQL(", ").join(sql.Identifier("w", name) for name in carried),
            "before_carried": sql.SQL(", ").join(
                sql.Identifier("c" if name in KEPT_APART else "p", name) for name in carried
            ),
        }

    def begin(self) -> int:
        """Locks the layer and makes the two empty tables; the layer's revision as it stands."""
        revision = self._begin()
        self._execute("CREATE TEMPORARY TABLE wanted (LIKE {table}) ON COMMIT DROP")
        for name in _STAMPED:
            self._execute("ALTER TABLE wanted ALTER {column} DROP NOT NULL", column=sql.Identifier(name))
        self._execute("CREATE TEMPORARY TABLE unwanted (fid bigint PRIMARY KEY) ON COMMIT DROP")
        return revision

    def fill(self, statement: str, **values: object) -> int:
        """Puts rows into one of the two tables; how many."""
        self.values |= values
        return self._execute(statement)

    def restore(self) -> Diff:
        """Writes what differs; nothing, and no revision, where nothing does."""
        self._find_altered()
        ops = self._count_by_op()
        back = self._scalar(
            "SELECT count(*) FROM wanted w WHERE NOT EXISTS (SELECT FROM {table} t WHERE t.feature_id = w.feature_id)"
        )
        if not ops and not back:
            return Diff(revision=self.revision - 1)
        if ops:
            self._record_before("altered")
        ended = self._execute("DELETE FROM {table} t USING altered a WHERE a.op = 'end' AND t.fid = a.fid")
        self._update_altered()
        came = self._bring_back() if back else 0
        diff = Diff(
            inserted=back - came,
            updated=ops.get("update", 0),
            restored=came + ops.get("restore", 0),
            missing=ops.get("missing", 0),
            ended=ended,
            revision=self.revision,
        )
        self._conclude(self.features + back - ended, self._whole_box())
        return diff

    def _find_altered(self) -> None:
        """Which standing features change, and what that is called. Every column is compared: a hash says what a feature
        was meant to say, and a row may say something else."""
        self._execute("ANALYZE wanted")
        self._execute(
            """
            CREATE TEMPORARY TABLE altered ON COMMIT DROP AS
            SELECT t.fid, CASE WHEN t.missing_since IS NULL AND w.missing_since IS NOT NULL THEN 'missing'
                               WHEN t.missing_since IS NOT NULL AND w.missing_since IS NULL THEN 'restore'
                               ELSE 'update' END AS op
            FROM wanted w JOIN {table} t USING (feature_id)
            WHERE ({standing_exactly}) IS DISTINCT FROM ({wanted_exactly})
            UNION ALL
            SELECT t.fid, 'end' FROM unwanted u JOIN {table} t USING (fid)
            """
        )

    def _count_by_op(self) -> dict[str, int]:
        self._execute("SELECT op, count(*) FROM altered GROUP BY op")
        return {str(op): int(count) for op, count in self.cursor.fetchall()}

    def _update_altered(self) -> None:
        """In two steps, because two features may exchange their keys."""
        self._execute(
            """
            UPDATE {table} t SET key = E'\\x1f' || t.fid
            FROM altered a, wanted w WHERE a.op <> 'end' AND t.fid = a.fid AND w.feature_id = t.feature_id
                                       AND w.key <> t.key
            """
        )
        self._execute(
            """
            UPDATE {table} t SET ({given}) = ROW ({wanted_given}), revision = %(revision)s, changed_at = %(now)s
            FROM altered a, wanted w WHERE a.op <> 'end' AND t.fid = a.fid AND w.feature_id = t.feature_id
            """
        )

    def _bring_back(self) -> int:
        """Adds what is wanted and does not stand, in the order in which it stood; how much of it had ended before."""
        self._execute(
            """
            CREATE TEMPORARY TABLE back ON COMMIT DROP AS
            SELECT w.* FROM wanted w WHERE NOT EXISTS (SELECT FROM {table} t WHERE t.feature_id = w.feature_id)
            """
        )
        self._execute(
            """
            INSERT INTO {table} ({carried}, revision, first_revision, changed_at)
            SELECT {wanted_carried}, %(revision)s, %(revision)s, %(now)s FROM back w ORDER BY w.fid, w.feature_id
            """
        )
        self._execute(
            """
            INSERT INTO {change} (layer, revision, cause, run, at, op, feature_id, council, feed_id)
            SELECT %(layer)s, %(revision)s, %(cause)s, %(run)s, %(now)s, 'restore', feature_id, council, feed_id
            FROM back WHERE EXISTS (
                SELECT FROM {change} c WHERE c.feature_id = back.feature_id AND c.layer = %(layer)s AND c.op = 'end')
            RETURNING feature_id
            """
        )
        ids = [str(feature_id) for (feature_id,) in self.cursor.fetchall()]
        if self.ground == LIVE:
            forget_redirects(self.cursor, ids)
        return len(ids)

    def _whole_box(self) -> Box:
        """The layer's extent now."""
        self._execute(
            """
            SELECT ST_XMin(box), ST_YMin(box), ST_XMax(box), ST_YMax(box)
            FROM (SELECT ST_Extent(geom) AS box FROM {table}) e
            """
        )
        return np.array(self.cursor.fetchone(), dtype=np.float64)


def _exactly(row: str, name: str) -> sql.Composable:
    """A column as it is compared: a place to the last bit."""
    column = sql.Identifier(row, name)
    return sql.SQL("ST_AsBinary({})").format(column) if name == "geom" else column
