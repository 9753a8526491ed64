"""What people decide about pairs: the pairs as they are listed, and a decision with all that follows from it in one
revision of the layer."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import polars as pl
import psycopg
from psycopg import sql
from psycopg.rows import dict_row
from sqlalchemy import Connection, Engine, select

from datasets.errors import CitywideError
from datasets.layer import Layer, find_layer
from datasets.store import tables
from datasets.store.layer_tables import SCHEMA
from datasets.store.matching.duplicates import Occasion
from datasets.store.matching.matches import match_again, match_all
from datasets.store.publishing.publish import CHANNEL
from datasets.store.quality import measure_gaps
from datasets.vocabulary import Cause, MatchDecision

Follow = Callable[[Occasion, psycopg.ClientCursor[Any]], pl.DataFrame]


@dataclass(frozen=True)
class Side:
    """One feature of a pair; without name and council where it has ended."""

    feature_id: str
    name: str | None
    council: str | None
    feed: str | None


@dataclass(frozen=True)
class Pair:
    """Two features that may be one thing. `by` is `automatic` where no person decided; `earlier` are the decisions
    before this one, oldest first, each with decision, by, reason and at."""

    id: int
    layer: str
    a: Side
    b: Side
    score: float
    distance_m: float | None
    overlap: float | None
    evidence: str
    decision: MatchDecision
    by: str
    reason: str | None
    at: datetime
    earlier: Sequence[Mapping[str, Any]]


def list_pairs(engine: Engine, layer: Layer | None = None, *, only_open: bool = False) -> list[Pair]:
    """The pairs of a layer, or of all: those for a person to decide first, then the best."""
    with engine.connect() as connection:
        held = connection.scalars(select(tables.match_pair.c.layer).distinct()).all()
        wanted = [find_layer(layer_id) for layer_id in sorted(held) if layer is None or layer.id == layer_id]
        where = f"p.decision = '{MatchDecision.OPEN}'" if only_open else "true"
        return [pair for each in wanted for pair in _pairs(connection, each, where)]


def decide(engine: Engine, pair_id: int, decision: MatchDecision, reason: str, by: str) -> Pair:
    """Settles a pair, or settles it anew, and writes what follows. CitywideError when there is no such pair, when no
    reason is given, or when it contradicts what people decided about other pairs."""
    if not reason.strip():
        raise CitywideError("Say why with --reason: whoever looks at the pair again will want to know.")
    with engine.begin() as connection:
        found = select(tables.match_pair.c.layer).where(tables.match_pair.c.id == pair_id)
        layer_id = connection.execute(found).scalar_one_or_none()
        if layer_id is None:
            raise _no_pair(pair_id)
        layer = find_layer(layer_id)
        given = {"id": pair_id, "decision": decision, "reason": reason.strip(), "by": by}

        def follow(occasion: Occasion, cursor: psycopg.ClientCursor[Any]) -> pl.DataFrame:
            cursor.execute(_DECIDE, {**given, "now": occasion["now"]})
            row = cursor.fetchone()
            if row is None:  # A publish or a take-down that held the layer until now has left it out.
                raise _no_pair(pair_id)
            return match_again(cursor, layer, occasion, pl.Series("a", row[0], pl.String))

        _in_one_revision(connection, layer, follow, reason.strip(), by)
        return _pairs(connection, layer, "p.id = %(id)s", id=pair_id)[0]


def _no_pair(pair_id: int) -> CitywideError:
    return CitywideError(f"There is no pair {pair_id}; `citywide matches list` shows those there are.")


def find_pairs(engine: Engine, layer: Layer, by: str) -> int:
    """Works out all pairs of the layer that no person decided; how many pairs there are then."""
    with engine.begin() as connection:
        reason = "All pairs were worked out again."
        _in_one_revision(connection, layer, lambda occasion, cursor: match_all(cursor, layer, occasion), reason, by)
        return len(_pairs(connection, layer, "true"))


def _in_one_revision(connection: Connection, layer: Layer, follow: Follow, reason: str, by: str) -> None:
    """Does it and all that follows, as a revision of the layer where a feature says something else after it."""
    driver = connection.connection.driver_connection
    assert isinstance(driver, psycopg.Connection)
    cursor = psycopg.ClientCursor(driver)
    cursor.execute("SELECT revision + 1 FROM citywide.layer WHERE id = %s FOR UPDATE", [layer.id])
    [(revision,)] = cursor.fetchall()
    occasion = {"layer": layer.id, "revision": revision, "now": datetime.now(UTC), "run": None}
    contradicting = follow(occasion, cursor)
    if len(contradicting):
        numbers = ", ".join(map(str, sorted(contradicting["id"])))
        raise CitywideError(
            f"People's decisions about pairs {numbers} contradict each other; change another one first."
        )
    cursor.execute(_CONCLUDE, {**occasion, "cause": Cause.MATCH, "reason": reason, "by": by})
    if cursor.rowcount:
        cursor.execute("SELECT pg_notify(%s, %s)", [CHANNEL, layer.id])
        measure_gaps(connection, [layer])


def _pairs(connection: Connection, layer: Layer, where: str, **values: object) -> list[Pair]:
    query = sql.SQL(f"{_LIST} WHERE p.layer = %(layer)s AND {where} {_ORDER}").format(
        table=sql.Identifier(SCHEMA, layer.table)
    )
    driver = connection.connection.driver_connection
    assert isinstance(driver, psycopg.Connection)
    with driver.cursor(row_factory=dict_row) as cursor:
        return [_pair(row) for row in cursor.execute(query, {"layer": layer.id, **values})]


def _pair(row: dict[str, Any]) -> Pair:
    sides = {
        side: Side(row[side], *(row.pop(f"{side}_{part}") for part in ("name", "council", "feed"))) for side in "ab"
    }
    return Pair(**{**row, **sides, "decision": MatchDecision(row["decision"])})


_LIST = """
    SELECT p.id, p.layer, p.a, p.b, p.score, p.distance_m, p.overlap, p.evidence, p.decision, p.by, p.reason, p.at,
           p.earlier, a.name AS a_name, coalesce(ca.name, a.council) AS a_council, a.feed_id AS a_feed,
           b.name AS b_name, coalesce(cb.name, b.council) AS b_council, b.feed_id AS b_feed
    FROM citywide.match_pair p
         LEFT JOIN {table} a ON a.feature_id = p.a LEFT JOIN citywide.council ca ON ca.gss = a.council
         LEFT JOIN {table} b ON b.feature_id = p.b LEFT JOIN citywide.council cb ON cb.gss = b.council
"""
_ORDER = f"ORDER BY p.decision <> '{MatchDecision.OPEN}', p.score DESC, p.id"
_DECIDE = """
    UPDATE citywide.match_pair
    SET earlier = earlier || jsonb_build_object('decision', decision, 'by', by, 'reason', reason, 'at', at),
        decision = %(decision)s, by = %(by)s, reason = %(reason)s, at = %(now)s
    WHERE id = %(id)s RETURNING ARRAY[a, b]
"""
_CONCLUDE = """
    WITH concluded AS (
        UPDATE citywide.layer SET revision = %(revision)s, published_at = %(now)s
        WHERE id = %(layer)s
              AND EXISTS (SELECT FROM layers.change c WHERE c.layer = %(layer)s AND c.revision = %(revision)s)
        RETURNING id
    )
    INSERT INTO citywide.revision (layer, revision, at, cause, reason, by, fid)
    SELECT concluded.id, %(revision)s, %(now)s, %(cause)s, %(reason)s, %(by)s, f.last_value
    FROM concluded, layers.fid f
"""
