"""A million points of four councils, of which one in fifty has a twin across a border: how long it takes to find all
pairs at once, how many are right, what finding the candidates takes one by one through the geometry index, and what it
costs to compare again what lies around a change of some twenty thousand features.

The councils are the quarters of a square. Twins are named a little differently and lie up to 15 m apart; what else lies
along the borders has other names.
"""

import json
import subprocess
import sys
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
import polars as pl
import psycopg
from psycopg import sql
from rich.console import Console
from rich.table import Table

from datasets.layer import find_layer
from datasets.settings import read_settings
from datasets.store.engine import connect
from datasets.store.feeds import save_feed
from datasets.store.layer_tables import SCHEMA
from datasets.store.matching.borders import near_pairs
from datasets.store.matching.decisions import find_pairs
from datasets.store.matching.matches import match_again
from datasets.store.publishing.rows import copy_into
from tests.bench.child import peak_mib
from tests.bench.ground import CHECKOUT, Ground, settle
from tests.bench.limits import Limit
from tests.builders import feed_of

SECONDS, MIB = 60, 2048
"""What finding all pairs may take."""
CHANGED, OF_ALL = 20_000, 0.1
"""Features that change together, next to each other where four councils meet, and what working out their pairs again
may take, in times of working out all."""
DATABASE = "bench_borders"
LAYER = find_layer("public-toilets")
COUNCILS = ("X09000001", "X09000002", "X09000003", "X09000004")
SIDE_M, TWINS, TWIN_M = 40_000, 0.02, 15.0
WEST, SOUTH, METRES = 1.5, 53.3, 111_320.0
LOOKED_UP = 100_000
"""Features that are looked up one by one, to compare."""
_FIRST = ("Mere", "Ash", "Station", "Church", "Mill", "Park", "Quay", "Castle", "Bridge", "Tower", "Orchard", "Abbey")
_SECOND = ("field", "ford", "gate", "wick", "ton", "bury", "holme", "dale", "moor", "wold", "cliffe", "brook")
_KINDS = ("Lane", "Road", "Street", "Square", "Gardens", "Avenue")


@dataclass(frozen=True)
class Found:
    """What finding the pairs came to; `truth` are pairs that are one thing."""

    seconds: float
    peak_mib: float
    truth: int
    right: int
    wrong: int
    asked: int
    asked_right: int


def measure(made: Ground, console: Console, *, rows: int) -> list[Limit]:
    """Measures and prints; what was measured that has a limit."""
    url = made.new_database(DATABASE)
    _fill(url, rows)
    settle(url)
    load = made.load_when_quiet()
    ran = subprocess.run(
        [sys.executable, "-m", "tests.bench.borders"],
        env=made.environment(url),
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        check=True,
    )
    figures = json.loads(ran.stdout)
    console.print(_table(rows, _found(url, figures["seconds"], figures["peak_mib"]), load))
    around = _around_a_change(url)
    one_by_one, in_bulk = _candidates(url)
    console.print(
        f"candidates alone: {in_bulk:.1f} s for all of them in a tree; through the index {one_by_one:.1f} s for "
        f"{LOOKED_UP:,}, so about {one_by_one * rows / LOOKED_UP:.0f} s for all"
    )
    made.drop_database(DATABASE)
    return [
        Limit("all pairs across borders", figures["seconds"], SECONDS, "s"),
        Limit("peak memory of finding them", figures["peak_mib"], MIB, "MiB"),
        Limit(f"pairs around {CHANGED:,} changed", around / figures["seconds"], OF_ALL, "of all pairs"),
    ]


def main() -> None:
    """Finds all pairs in a process of its own, so that its peak memory is its own."""
    engine = connect(read_settings().database_url or "")
    began = time.perf_counter()
    find_pairs(engine, LAYER, "bench")
    json.dump({"seconds": time.perf_counter() - began, "peak_mib": peak_mib()}, sys.stdout)


def _fill(url: str, rows: int) -> None:
    """Four feeds with their features, put straight into the layer's table."""
    engine = connect(url)
    for council in COUNCILS:
        save_feed(engine, feed_of(f"bench-{council.lower()}", council=council))
    engine.dispose()
    frame = _features(rows)
    with psycopg.connect(url) as connection:
        cursor = psycopg.ClientCursor(connection)
        lines = frame.select(pl.concat_str(pl.all().cast(pl.String), separator="\t")).to_series()
        copy_into(cursor, sql.Identifier(SCHEMA, LAYER.table), frame.columns, [lines])
        cursor.execute(
            "UPDATE citywide.layer SET revision = 1, features = %s, published_at = now() WHERE id = %s",
            [rows, LAYER.id],
        )
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(sql.SQL("VACUUM ANALYZE {}").format(sql.Identifier(SCHEMA, LAYER.table)))


def _features(rows: int) -> pl.DataFrame:
    """Twins first: the first of each pair, then the second; `key` is the same for the two of a pair."""
    rng, pairs = np.random.default_rng(20261101), round(rows * TWINS / 2)
    x, y = rng.uniform(0, SIDE_M, rows), rng.uniform(0, SIDE_M, rows)
    middle, along = SIDE_M / 2, rng.uniform(0, SIDE_M, pairs)
    apart, aslant = rng.uniform(1, TWIN_M * 0.7, pairs), rng.uniform(-TWIN_M, TWIN_M, pairs) * 0.7
    upright = rng.uniform(0, 1, pairs) < 0.5
    for place, across, more in ((slice(0, pairs), -apart / 2, 0), (slice(pairs, 2 * pairs), apart / 2, aslant)):
        x[place] = np.where(upright, middle + across, along + more)
        y[place] = np.where(upright, along + more, middle + across)
    quarter = (x > middle) + 2 * (y > middle)
    parts = (rng.choice(words, rows) for words in (_FIRST, _SECOND, _KINDS))
    names = pl.DataFrame(dict(zip(("first", "second", "kind"), parts, strict=True)))
    names = pl.concat([names[:pairs], names[:pairs], names[2 * pairs :]])
    key = np.concatenate([np.arange(pairs), np.arange(pairs), np.arange(2 * pairs, rows)])
    degrees = {"x": WEST + x / (METRES * np.cos(np.radians(SOUTH))), "y": SOUTH + y / METRES}
    frame = names.with_columns(quarter=quarter, key=key, **degrees)
    return _as_rows(frame.with_row_index("number"), pairs, rng)


def _as_rows(frame: pl.DataFrame, pairs: int, rng: np.random.Generator) -> pl.DataFrame:
    """As the layer's table has them. The second of a pair is spelt in another way; a few have no name."""
    plain = pl.format("{}{} {} Toilets", "first", "second", "kind")
    short = pl.col("kind").replace({"Lane": "Ln", "Road": "Rd", "Avenue": "Ave", "Square": "Sq", "Gardens": "Gdns"})
    turned, slip = (
        pl.format("Public Toilets, {}{} {}", "first", "second", short),
        pl.format("{}{}e {}", "first", "second", "kind"),
    )
    style = pl.Series("style", rng.integers(0, 20, frame.height))
    is_second = pl.col("number").is_between(pairs, 2 * pairs - 1)
    styled = pl.when(style < 10).then(turned).when(style < 19).then(slip).otherwise(pl.lit("WC"))
    council = pl.col("quarter").replace_strict(dict(enumerate(COUNCILS)), return_dtype=pl.String)
    return frame.select(
        feature_id=pl.format("bench{}", pl.col("number").cast(pl.String).str.zfill(9)),
        council=council,
        feed_id=pl.lit("bench-") + council.str.to_lowercase(),
        key=pl.format("{}", "key"),
        rung=pl.lit("reference"),
        name=pl.when(is_second).then(styled).otherwise(plain),
        placed=pl.lit("coordinates"),
        resource_sha256=pl.lit("00" * 32),
        row_no="number",
        revision=pl.lit(1),
        first_revision=pl.lit(1),
        content_hash=pl.lit("0" * 32),
        geom=pl.format("SRID=4326;POINT({} {})", "x", "y"),
    )


def _found(url: str, seconds: float, peak: float) -> Found:
    query = f"""
        SELECT count(*) FILTER (WHERE decision = 'same' AND a.key = b.key),
               count(*) FILTER (WHERE decision = 'same' AND a.key <> b.key),
               count(*) FILTER (WHERE decision = 'open'),
               count(*) FILTER (WHERE decision = 'open' AND a.key = b.key)
        FROM citywide.match_pair p JOIN {SCHEMA}.{LAYER.table} a ON a.feature_id = p.a
             JOIN {SCHEMA}.{LAYER.table} b ON b.feature_id = p.b
        """  # noqa: S608
    truth = f"SELECT count(*) - count(DISTINCT key) FROM {SCHEMA}.{LAYER.table}"  # noqa: S608
    with psycopg.connect(url) as connection:
        counted = connection.execute(query.encode()).fetchone() or ()
        [(true,)] = connection.execute(truth.encode()).fetchall()
    return Found(seconds, peak, true, *counted)


def _candidates(url: str) -> tuple[float, float]:
    """Seconds that the candidates of some features take one by one, and those of all in bulk."""
    with psycopg.connect(url) as connection:
        cursor = psycopg.ClientCursor(connection)
        some = _some(cursor, "SELECT fid FROM {table} ORDER BY fid DESC LIMIT %s", LOOKED_UP)
        everything = _some(cursor, "SELECT fid FROM {table} LIMIT %s", None)
        began = time.perf_counter()
        for portion in range(0, len(some), 10_000):
            near_pairs(cursor, LAYER, some[portion : portion + 10_000])
        halfway = time.perf_counter()
        near_pairs(cursor, LAYER, everything)
        return halfway - began, time.perf_counter() - halfway


def _around_a_change(url: str) -> float:
    """Seconds until the pairs around features that lie together are worked out again; nothing of it is kept."""
    nearest = """
        SELECT feature_id FROM {table}
        ORDER BY geom <-> (SELECT ST_Centroid(ST_SetSRID(ST_Extent(geom), 4326)) FROM {table}) LIMIT %s
        """
    with psycopg.connect(url) as connection:
        cursor = psycopg.ClientCursor(connection)
        changed = _some(cursor, nearest, CHANGED)
        began = time.perf_counter()
        match_again(cursor, LAYER, {"layer": LAYER.id, "revision": 3, "now": datetime.now(UTC), "run": None}, changed)
        seconds = time.perf_counter() - began
        connection.rollback()
    return seconds


def _some(cursor: psycopg.ClientCursor[tuple[Any, ...]], which: str, most: int | None) -> pl.Series:
    table = sql.Identifier(SCHEMA, LAYER.table)
    cursor.execute(sql.SQL(which).format(table=table), [most])
    return pl.Series([row[0] for row in cursor.fetchall()])


def _table(rows: int, found: Found, load: float) -> Table:
    title = f"Pairs across the borders of {len(COUNCILS)} councils with {rows:,} points"
    table = Table(title=title, box=None, pad_edge=False, header_style="bold")
    headings = ("s", "limit s", "peak MiB", "limit MiB", "pairs there are", "found", "wrong", "asked", "missed", "load")
    for heading in headings:
        table.add_column(heading, justify="right")
    counts = (found.truth, found.right, found.wrong, found.asked, found.truth - found.right - found.asked_right)
    limits = (f"{found.seconds:.1f}", str(SECONDS), f"{found.peak_mib:,.0f}", f"{MIB:,}")
    table.add_row(*limits, *(f"{count:,}" for count in counts), f"{load:.1f}")
    return table


if __name__ == "__main__":
    main()
