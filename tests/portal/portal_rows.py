"""Rows as harvests leave them, for the pages to show: an invented city, its feeds, runs and issues."""

from datetime import UTC, datetime, timedelta
from hashlib import md5, sha256
from typing import Any

from sqlalchemy import Engine, insert, update

from datasets.layer import layers
from datasets.store import tables
from datasets.store.layer_tables import layer_table

CITY = """
title = "Mereshire"
description = "Three invented boroughs beside a lake."
extent = [-1.2, 52.0, -0.8, 52.2]
boundary_source = "made up"
council = [
    { gss = "E99000001", name = "Northmere" },
    { gss = "E99000002", name = "Southmere" },
    { gss = "E99000003", name = "Saint Osyth's" },
]
"""

NORTHMERE, SOUTHMERE = "E99000001", "E99000002"
TOILETS = "northmere-toilets"
NOW = datetime.now(UTC).replace(microsecond=0)

MAPPING = {
    "fields": [
        {
            "field": "name",
            "columns": ["Site Name"],
            "converter": None,
            "constant": None,
            "confidence": 0.98,
            "evidence": "an alias of the layer",
        }
    ],
    "location": {"kind": "xy", "columns": ["GeoX", "GeoY"], "crs": 27700, "confidence": 0.9, "evidence": "by values"},
    "unmapped": ["Comments"],
    "stated": False,
}


class Rows:
    """Writes rows the way the pipeline does, with defaults that a test names only where they matter."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    def feed(
        self, feed: str = TOILETS, *, council: str = NORTHMERE, layer: str = "public-toilets", **given: Any
    ) -> str:
        values = {
            "platform": "file",
            "url": f"https://data.example.org/{feed}.csv",
            "licence": "OGL-UK-3.0",
            "attribution": "",
            "cadence": "monthly",
            "document": {"id": feed},
        }
        self._add(tables.feed, {"id": feed, "council": council, "layer": layer, **values, **given})
        return feed

    def run(self, outcome: str | None = "published", *, feed: str = TOILETS, days_ago: float = 1, **given: Any) -> int:
        started = NOW - timedelta(days=days_ago)
        ended = {"state": "running"} if outcome is None else {"state": "ended", "ended_at": started, "outcome": outcome}
        return int(self._add(tables.run, {"feed": feed, "started_at": started, **ended, **given}, tables.run.c.id))

    def resource(self, name: str = "toilets.csv") -> str:
        sha = sha256(name.encode()).hexdigest()
        self._add(tables.resource, {"sha256": sha, "bytes": 12_345, "name": name, "media_type": "text/csv"})
        return sha

    def issue(self, run: int, code: str, *, row_no: int | None = None, action: str = "kept", **given: Any) -> None:
        values = {"severity": "warning", "responsibility": "publisher", "count": 1}
        self._add(tables.issue, {"run": run, "code": code, "row_no": row_no, "action": action, **values, **given})

    def task(self, code: str, *, run: int, feed: str = TOILETS, **given: Any) -> None:
        values = {"id": f"{code}-{feed}", "council": NORTHMERE, "layer": "public-toilets", "feed": feed, "run": run}
        values |= {"kind": "issue", "code": code, "count": 1, "state": "open"}
        self._add(tables.task, {**values, **given})

    def features(self, count: int, *, council: str = NORTHMERE, layer: str = "public-toilets") -> None:
        for number in range(count):
            key = f"{council}/{number}"
            values = {"feature_id": key, "council": council, "feed_id": TOILETS, "key": key, "rung": "reference"}
            values |= {
                "placed": "xy",
                "resource_sha256": "0" * 64,
                "row_no": number,
                "revision": 1,
                "first_revision": 1,
            }
            values |= {"content_hash": md5(key.encode()).hexdigest(), "geom": "SRID=4326;POINT(-1 52.1)"}
            self._add(layer_table(layers()[layer]), values)
        with self.engine.begin() as connection:
            wanted = update(tables.layer).where(tables.layer.c.id == layer)
            connection.execute(wanted.values(features=tables.layer.c.features + count, revision=1, published_at=NOW))

    def _add(self, table: Any, values: dict[str, Any], returned: Any = None) -> Any:
        with self.engine.begin() as connection:
            statement = insert(table).values(values)
            if returned is None:
                return connection.execute(statement)
            return connection.execute(statement.returning(returned)).scalar_one()
