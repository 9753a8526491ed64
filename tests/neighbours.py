"""What the tests of pairs are arranged from: councils side by side, each with a feed whose features are published
straight into the layer's table, and what is kept of the pairs."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import polars as pl
import shapely
from sqlalchemy import Engine

from datasets.layer import Layer, find_layer
from datasets.store import runs
from datasets.store.feeds import save_feed
from datasets.store.publishing.publish import Diff, Slice, publish
from tests.builders import LAT, LON, feed_of, query

TOILETS = find_layer("public-toilets")
MONDAY = datetime(2026, 3, 2, 9, tzinfo=UTC)
WEEK = timedelta(days=7)
ASHMERE, BRACKHOLME, COPPERGATE = "X09000001", "X09000002", "X09000003"

Row = dict[str, Any]


def at(east: float = 0, north: float = 0, **given: object) -> Row:
    """A feature so many metres from a place in the city."""
    x, y = LON + east / (111_320 * float(np.cos(np.radians(LAT)))), LAT + north / 111_320
    return {"shape": shapely.Point(x, y), **given}


def square(east: float, north: float, side: float, **given: object) -> Row:
    """A square area; the place is its south-west corner."""
    south_west, north_east = (at(east + more, north + more)["shape"] for more in (0, side))
    return {"shape": shapely.box(south_west.x, south_west.y, north_east.x, north_east.y), **given}


class Feed:
    """One feed of a layer; its features by key."""

    def __init__(self, engine: Engine, council: str, name: str = "", layer: Layer = TOILETS) -> None:
        self.engine, self.layer, self.council = engine, layer, council
        self.id = name or f"{council.lower()}-{layer.id}"
        save_feed(engine, feed_of(self.id, council=council, layer=layer.id))

    def publish(self, rows: Mapping[str, Row], now: datetime = MONDAY) -> Diff:
        new = Slice(_frame(self.layer, rows), _shapes(rows), self.id, self.council, "00" * 32, self._run())
        return publish(self.engine, self.layer, new, now)

    def rows(self, columns: str = "key, duplicate_of") -> list[Row]:
        statement = f"SELECT {columns} FROM layers.{self.layer.table} WHERE feed_id = :feed ORDER BY key"  # noqa: S608
        return query(self.engine, statement, feed=self.id)

    def id_of(self, key: str) -> str:
        [found] = [row["feature_id"] for row in self.rows("key, feature_id") if row["key"] == key]
        return str(found)

    def _run(self) -> int:
        begun = runs.begin_run(self.engine, self.id, "a test")
        query(self.engine, "UPDATE citywide.run SET lease_until = now() - interval '1 second' WHERE id = :i", i=begun)
        return begun


def pairs(engine: Engine, columns: str = "decision, by") -> list[Row]:
    """The pairs that are kept, best first."""
    return query(engine, f"SELECT {columns} FROM citywide.match_pair ORDER BY score DESC, a, b")  # noqa: S608


def decisions(engine: Engine) -> list[str]:
    return [row["decision"] for row in pairs(engine)]


def revision(engine: Engine, layer: Layer = TOILETS) -> int:
    return int(query(engine, "SELECT revision FROM citywide.layer WHERE id = :l", l=layer.id)[0]["revision"])


def duplicates(engine: Engine, layer: Layer = TOILETS) -> int:
    """As the layer's record counts them."""
    return int(query(engine, "SELECT duplicates FROM citywide.layer WHERE id = :l", l=layer.id)[0]["duplicates"])


def _frame(layer: Layer, rows: Mapping[str, Row]) -> pl.DataFrame:
    count = len(rows)
    named = {name: _column(name, list(rows.values())) for name in layer.fields}
    own = {"key": list(rows), "rung": ["reference"] * count, "placed": ["coordinates"] * count}
    measured = {name: [row.get(name) for row in rows.values()] for name in ("outside_m", "precision_m")}
    metres = {name: pl.Series(name, values, dtype=pl.Float64) for name, values in measured.items()}
    return pl.DataFrame({**own, **named, **metres, "row_no": range(2, count + 2)})


def _column(name: str, rows: Sequence[Row]) -> pl.Series:
    values = [row.get(name) for row in rows]
    is_list = any(isinstance(value, list) for value in values)
    return pl.Series(name, values, dtype=pl.List(pl.String) if is_list else pl.String)


def _shapes(rows: Mapping[str, Row]) -> Any:
    shapes = np.empty(len(rows), dtype=object)
    shapes[:] = [row["shape"] for row in rows.values()]
    return shapes
