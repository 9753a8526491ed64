"""The ground that an archive is replayed on, and what a replay shows: schema `rebuild`, which lasts only as long as the
rebuild and is cleared away by the next one or by `migrate` where its program was killed."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import psycopg
from sqlalchemy import Connection, Engine, insert, text

from datasets.errors import CitywideError
from datasets.layer import Layer
from datasets.store import tables
from datasets.store.layer_tables import REHEARSAL, SCHEMA, layer_table
from datasets.store.publishing.publish import Publisher, publishing
from datasets.store.publishing.slices import Diff, Slice
from datasets.store.quality import measure_gaps
from datasets.store.versions.as_of import present_revision
from datasets.store.versions.restore import Restorer
from datasets.vocabulary import Cause

_LOCK = 0x52454255
"""Advisory lock number: one rebuild at a time."""
EXAMPLES = 5
_STAMPS = frozenset(
    {"fid", "first_revision", "feature_id", "resource_sha256", "row_no", "first_seen", "changed_at", "revision"}
    | {"content_hash", "missing_since", "duplicate_of", "also_published_by"}
)
"""Columns that are not compared: when and out of which of several reads of the same a feature was last written."""


@dataclass(frozen=True)
class FeedCounts:
    """How many features of a feed stand, and how many the replay gives."""

    feed: str
    stands: int
    replayed: int


@dataclass(frozen=True)
class Difference:
    """Features that differ in one column, and one of them: its id, what stands and what the replay gives."""

    column: str
    features: int
    example: str
    stands: Any
    replayed: Any


@dataclass(frozen=True)
class Comparison:
    """What a replay shows beside what stands at `revision`. `lacking` stand and are not in the replay, `more` the other
    way round; both with a few ids."""

    revision: int
    feeds: tuple[FeedCounts, ...]
    differing: int
    differences: tuple[Difference, ...]
    lacking: int
    lacking_ids: tuple[str, ...]
    more: int
    more_ids: tuple[str, ...]

    @property
    def total(self) -> int:
        return self.differing + self.lacking + self.more


@contextmanager
def replay_ground(engine: Engine, layer: Layer) -> Iterator[None]:
    """The empty ground while the context lasts. CitywideError when another rebuild is under way."""
    with engine.connect() as guard:
        if not guard.scalar(text("SELECT pg_try_advisory_lock(:lock)"), {"lock": _LOCK}):
            raise CitywideError("Another rebuild is under way; wait until it has ended.")
        guard.commit()
        try:
            with engine.begin() as connection:
                _make(connection, layer)
            yield
        finally:
            with engine.begin() as connection:
                connection.execute(text(f"DROP SCHEMA IF EXISTS {REHEARSAL.features} CASCADE"))
            guard.scalar(text("SELECT pg_advisory_unlock(:lock)"), {"lock": _LOCK})
            guard.commit()


def clear_left_ground(connection: Connection) -> None:
    """Drops the ground that a killed program left; one that is in use stays."""
    if connection.scalar(text("SELECT pg_try_advisory_xact_lock(:lock)"), {"lock": _LOCK}):
        connection.execute(text(f"DROP SCHEMA IF EXISTS {REHEARSAL.features} CASCADE"))


def _make(connection: Connection, layer: Layer) -> None:
    ground = REHEARSAL.features
    for statement in (
        f"DROP SCHEMA IF EXISTS {ground} CASCADE",
        f"CREATE SCHEMA {ground}",
        f"CREATE UNLOGGED TABLE {ground}.{layer.table} (LIKE {SCHEMA}.{layer.table} INCLUDING ALL)",
        f"CREATE UNLOGGED TABLE {ground}.change (LIKE {SCHEMA}.change INCLUDING ALL)",
        f"CREATE UNLOGGED TABLE {ground}.revision (LIKE citywide.revision INCLUDING ALL)",
        f"CREATE UNLOGGED TABLE {ground}.layer (LIKE citywide.layer INCLUDING ALL)",
    ):
        connection.execute(text(statement))
    kept = f"INSERT INTO {ground}.layer (id, title, definition_hash, definition)"
    copied = "SELECT id, title, definition_hash, definition FROM citywide.layer WHERE id = :layer"
    connection.execute(text(f"{kept} {copied}"), {"layer": layer.id})


def replay_publish(engine: Engine, layer: Layer, new: Slice, at: datetime) -> Diff:
    """Publishes a slice on the ground of the replay, as of when it was published."""
    with publishing(engine, new.run, REHEARSAL) as driver:
        return Publisher(driver, layer, new, at, REHEARSAL).run()


def retrace(restorer: Restorer, feed_id: str, run: int) -> Diff:
    """Does on the ground of the replay what the record says of a run whose bytes are gone: what it ended ends, what it
    missed is missing. What it said of features went with its bytes."""
    restorer.begin()
    restorer.values |= {"feed": feed_id, "retraced": run}
    did = f"""
        SELECT DISTINCT ON (feature_id) feature_id, op FROM {SCHEMA}.change
        WHERE layer = %(layer)s AND feed_id = %(feed)s AND run = %(retraced)s
        ORDER BY feature_id, revision DESC, id DESC
        """  # noqa: S608
    mine = f"FROM {{table}} t JOIN ({did}) did USING (feature_id) WHERE t.feed_id = %(feed)s AND did.op"
    restorer.fill(f"INSERT INTO unwanted (fid) SELECT t.fid {mine} = 'end'")
    restorer.fill(f"INSERT INTO wanted SELECT t.* {mine} IN ('missing', 'restore')")
    restorer.fill(
        f"""
        UPDATE wanted w SET missing_since = CASE did.op WHEN 'missing' THEN coalesce(w.missing_since, %(now)s) END
        FROM ({did}) did WHERE did.feature_id = w.feature_id
        """  # noqa: S608
    )
    return restorer.restore()


def compare_replay(engine: Engine, layer: Layer) -> Comparison:
    """The replay beside what stands."""
    with engine.connect() as connection:
        connection.execute(text(f"ANALYZE {REHEARSAL.features}.{layer.table}"))
        _find_differing(connection, layer)
        counted = _columns(connection, layer)
        sides = {
            side: connection.execute(text(_ONE_SIDED.format(table=layer.table, ours=ours, theirs=theirs))).one()
            for side, ours, theirs in (("lacking", SCHEMA, REHEARSAL.features), ("more", REHEARSAL.features, SCHEMA))
        }
        feeds = connection.execute(text(_FEEDS.format(table=layer.table))).all()
        return Comparison(
            revision=present_revision(engine, layer),
            feeds=tuple(FeedCounts(*row) for row in feeds),
            differing=connection.execute(text("SELECT count(*) FROM differing")).scalar_one(),
            differences=counted,
            lacking=sides["lacking"].number,
            lacking_ids=tuple(sides["lacking"].ids or ()),
            more=sides["more"].number,
            more_ids=tuple(sides["more"].ids or ()),
        )


def apply_replay(
    engine: Engine, layer: Layer, revision: int, reason: str, by: str, approvals: Sequence[Mapping[str, Any]] = ()
) -> Diff:
    """Puts what the replay gives in the place of what stands, as one revision, and records with it which gates a person
    opened for that. CitywideError when the layer has moved on from the revision that was compared, or when what stands
    then would still differ."""
    with engine.begin() as connection:
        driver = connection.connection.driver_connection
        assert isinstance(driver, psycopg.Connection)
        restorer = Restorer(driver, layer, 0, datetime.now(UTC), Cause.REBUILD)
        if restorer.begin() != revision:
            raise CitywideError(f"{layer.title} has changed while it was rebuilt; rebuild it again.")
        _find_differing(connection, layer)
        restorer.values |= {"reason": reason, "by": by}
        replayed = f"{REHEARSAL.features}.{layer.table}"
        restorer.fill(
            f"""
            INSERT INTO wanted ({{carried}}, fid) SELECT {{wanted_carried}}, w.fid FROM {replayed} w
            WHERE w.feature_id IN (SELECT feature_id FROM differing)
               OR NOT EXISTS (SELECT FROM {{table}} t WHERE t.feature_id = w.feature_id)
            """  # noqa: S608
        )
        restorer.fill(
            f"""
            INSERT INTO unwanted (fid) SELECT t.fid FROM {{table}} t
            WHERE NOT EXISTS (SELECT FROM {replayed} w WHERE w.feature_id = t.feature_id)
            """  # noqa: S608
        )
        diff = restorer.restore()
        _check_equal(connection, layer)
        if approvals:
            connection.execute(insert(tables.approval), approvals)
        measure_gaps(connection, [layer])
        return diff


def _find_differing(connection: Connection, layer: Layer) -> None:
    """Makes the table of features that stand and are in the replay, and are not the same."""
    connection.execute(text(_DIFFERING.format(table=layer.table, same=_same(layer))))


def _check_equal(connection: Connection, layer: Layer) -> None:
    """CitywideError, and so nothing is published, unless what stands now is what the replay gave."""
    connection.execute(text("DROP TABLE differing"))
    _find_differing(connection, layer)
    left = connection.execute(text("SELECT count(*) FROM differing")).scalar_one()
    for ours, theirs in ((SCHEMA, REHEARSAL.features), (REHEARSAL.features, SCHEMA)):
        left += connection.execute(text(_ONE_SIDED.format(table=layer.table, ours=ours, theirs=theirs))).one().number
    if left:
        raise CitywideError(f"Nothing is published: {left:,} features of {layer.title} would still differ afterwards.")


def _compared(layer: Layer) -> list[str]:
    """The columns that say what a feature is; whether it is missing is compared too, since when is not."""
    return [column.name for column in layer_table(layer).columns if column.name not in _STAMPS]


def _same(layer: Layer) -> str:
    ours = ", ".join(f'a."{name}"' if name != "geom" else "ST_AsBinary(a.geom)" for name in _compared(layer))
    theirs = ours.replace("a.", "b.")
    return f"({ours}, a.missing_since IS NULL) IS NOT DISTINCT FROM ({theirs}, b.missing_since IS NULL)"


def _columns(connection: Connection, layer: Layer) -> tuple[Difference, ...]:
    """In which columns the features differ, most of them first."""
    found = []
    for name in [*_compared(layer), "missing_since"]:
        row = connection.execute(text(_COLUMN.format(table=layer.table, **_told(name)))).one_or_none()
        if row is not None:
            found.append(Difference(name if name != "geom" else "place", *row))
    return tuple(sorted(found, key=lambda one: -one.features))


def _told(name: str) -> Mapping[str, str]:
    """How a column of `a` and `b` is compared and shown."""
    if name == "geom":
        return {"a": "ST_AsBinary(a.geom)", "b": "ST_AsBinary(b.geom)", "here": "left(ST_AsText(a.geom, 6), 100)",
                "there": "left(ST_AsText(b.geom, 6), 100)"}  # fmt: skip
    if name == "missing_since":
        return {"a": "(a.missing_since IS NULL)", "b": "(b.missing_since IS NULL)", "here": "a.missing_since::text",
                "there": "b.missing_since::text"}  # fmt: skip
    return {"a": f'a."{name}"', "b": f'b."{name}"', "here": f'a."{name}"', "there": f'b."{name}"'}


_DIFFERING = f"""
    CREATE TEMPORARY TABLE differing ON COMMIT DROP AS
    SELECT feature_id FROM {SCHEMA}.{{table}} a JOIN {REHEARSAL.features}.{{table}} b USING (feature_id)
    WHERE NOT ({{same}})
"""  # noqa: S608
_COLUMN = f"""
    SELECT count(*) OVER (), feature_id, {{here}}, {{there}}
    FROM differing JOIN {SCHEMA}.{{table}} a USING (feature_id) JOIN {REHEARSAL.features}.{{table}} b USING (feature_id)
    WHERE {{a}} IS DISTINCT FROM {{b}} ORDER BY feature_id LIMIT 1
"""  # noqa: S608
_ONE_SIDED = f"""
    SELECT count(*) AS number, (array_agg(feature_id ORDER BY feature_id))[1:{EXAMPLES}] AS ids
    FROM {{ours}}.{{table}} a WHERE NOT EXISTS (SELECT FROM {{theirs}}.{{table}} b WHERE b.feature_id = a.feature_id)
"""  # noqa: S608
_FEEDS = f"""
    SELECT coalesce(a.feed_id, b.feed_id), coalesce(a.number, 0), coalesce(b.number, 0)
    FROM (SELECT feed_id, count(*) AS number FROM {SCHEMA}.{{table}} GROUP BY 1) a
    FULL JOIN (SELECT feed_id, count(*) AS number FROM {REHEARSAL.features}.{{table}} GROUP BY 1) b USING (feed_id)
    ORDER BY 1
"""  # noqa: S608
