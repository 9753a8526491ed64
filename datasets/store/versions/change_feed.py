"""The change feed of a layer: what became of its features since a revision, in order and page by page.

Who replays it onto a copy of the layer has the layer as it stands. A feature that came, changed and ended meanwhile is
told three times, each time as it was then.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, RowMapping, select, text

from datasets.errors import CitywideError
from datasets.layer import Layer
from datasets.store import tables
from datasets.store.layer_tables import SCHEMA, layer_table
from datasets.vocabulary import Cause, Operation

_ALTERED, _CAME = 0, 1
_LAST = (1 << 63) - 1


@dataclass(frozen=True)
class Position:
    """A place in the feed of a layer. Of a revision what stood before comes first, by the number of its change, then
    what came, by fid."""

    revision: int
    part: int
    number: int

    def __str__(self) -> str:
        return f"{self.revision}.{self.part}.{self.number}"

    @classmethod
    def read(cls, written: str) -> "Position":
        """The position that an earlier page named; CitywideError when it is none."""
        numbers = written.split(".")
        if len(numbers) != 3 or not all(number.isascii() and number.isdigit() for number in numbers):
            raise CitywideError(f"{written!r} is no position in a change feed; use the one that a page gave.")
        return cls(*(min(int(number), _LAST) for number in numbers))


@dataclass(frozen=True)
class Change:
    """What became of one feature at one revision. `stands` are its columns then, all but `geom`, and `geometry` is its
    shape as GeoJSON; both None for what ended, which is a tombstone."""

    revision: int
    at: datetime
    op: Operation
    cause: Cause
    feature_id: str
    council: str
    feed: str
    run: int | None
    stands: dict[str, Any] | None
    geometry: dict[str, Any] | None


@dataclass(frozen=True)
class Page:
    """A page of the feed; `after` is where the next begins, None on the last. `revision` is the layer's."""

    changes: Sequence[Change]
    after: Position | None
    revision: int


def changes_since(
    engine: Engine, layer: Layer, revision: int, *, limit: int = 1000, after: Position | None = None
) -> Page:
    """At most `limit` changes that came after the revision, or after the position where the page before it ended.
    CitywideError when the layer has not come to the revision."""
    with engine.connect() as connection:
        present = connection.execute(select(tables.layer.c.revision).where(tables.layer.c.id == layer.id)).scalar_one()
        if not 0 <= revision <= present:
            raise CitywideError(f"{layer.title} stands at revision {present}; there is no revision {revision}.")
        start = after or Position(revision, _CAME, _last_fid(connection, layer, revision))
        came_after = start.number if start.part == _CAME else _last_fid(connection, layer, start.revision - 1)
        values = {
            "layer": layer.id,
            "revision": start.revision,
            "altered_after": start.number if start.part == _ALTERED else _LAST,
            "came_after": came_after,
            "limit": limit,
        }
        rows = connection.execute(text(_statement(layer)), values).mappings().all()
    end = Position(rows[-1]["revision"], rows[-1]["part"], rows[-1]["number"]) if len(rows) == limit else None
    # Of a version that was taken down nothing is left to tell.
    told = [row for row in rows if row["op"] == Operation.END.value or row["stands"] is not None]
    return Page([_change(row) for row in told], end, present)


def _last_fid(connection: Connection, layer: Layer, revision: int) -> int:
    """The highest fid given out when the layer came to the revision."""
    log = tables.revision.c
    query = select(log.fid).where(log.layer == layer.id, log.revision <= revision).order_by(log.revision.desc())
    return connection.execute(query.limit(1)).scalar_one_or_none() or 0


def _change(row: RowMapping) -> Change:
    given = {name: row[name] for name in ("revision", "at", "feature_id", "council", "feed", "run")}
    return Change(
        **given, op=Operation(row["op"]), cause=Cause(row["cause"]), stands=row["stands"], geometry=row["geometry"]
    )


def _statement(layer: Layer) -> str:
    """A page of what altered and what came, each with how the feature stood after it."""
    table = f"{SCHEMA}.{layer.table}"
    told = ", ".join(f't."{column.name}"' for column in layer_table(layer).columns if column.name != "geom")
    return f"""
        WITH altered AS (
            SELECT revision, {_ALTERED} AS part, id AS number, op, feature_id, council, feed_id, run, cause, at
            FROM {SCHEMA}.change
            WHERE layer = :layer AND (revision, id) > (:revision, :altered_after) AND since < revision
            ORDER BY layer, revision, id LIMIT :limit
        ), {_CAME_STATEMENT.format(table=table)}, page AS (
            SELECT * FROM altered UNION ALL SELECT * FROM came ORDER BY revision, part, number LIMIT :limit
        )
        SELECT p.revision, p.part, p.number, p.op, p.feature_id, p.council, p.feed_id AS feed, p.run, p.cause, p.at,
               s.stands, ST_AsGeoJSON(s.geom, 15)::json AS geometry
        FROM page p
        LEFT JOIN LATERAL (
            SELECT (SELECT to_jsonb(told) FROM (SELECT {told}) told) AS stands, t.geom
            FROM {table} t WHERE t.feature_id = p.feature_id AND t.revision = p.revision
            UNION ALL
            SELECT n.before, n.geom FROM {SCHEMA}.change n
            WHERE n.layer = :layer AND n.feature_id = p.feature_id AND n.since = p.revision AND n.revision > n.since
            LIMIT 1
        ) s ON p.op <> 'end'
        ORDER BY p.revision, p.part, p.number
        """  # noqa: S608


_CAME_STATEMENT = f"""
        first AS (
            (SELECT first_revision AS revision, fid AS number, feature_id, council, feed_id
             FROM {{table}} WHERE fid > :came_after ORDER BY fid LIMIT :limit)
            UNION
            (SELECT since, fid, feature_id, council, feed_id FROM {SCHEMA}.change
             WHERE layer = :layer AND since = first_revision AND (since, fid) > (:revision, :came_after)
             ORDER BY layer, since, fid LIMIT :limit)
        ), came AS (
            SELECT c.revision, {_CAME}, c.number, CASE WHEN EXISTS (
                       SELECT FROM {SCHEMA}.change b
                       WHERE b.feature_id = c.feature_id AND b.revision = c.revision AND b.op = 'restore'
                   ) THEN 'restore' ELSE 'insert' END, c.feature_id, c.council, c.feed_id, r.run, r.cause, r.at
            FROM (SELECT * FROM first ORDER BY revision, number LIMIT :limit) c
            JOIN citywide.revision r ON r.layer = :layer AND r.revision = c.revision
        )"""  # noqa: S608
"""Features get their fids in the order in which they come, so that those that came are paged by fid, live or not; both
sources give the same row for one that changed since and still stands."""
