"""Reading a large layer as it stood, and following its changes, beside the same questions put to it as it stands.

The layer is harvested first and changed three times, one feature in a hundred each time.
"""

import time
from collections.abc import Callable, Mapping
from statistics import median
from typing import Any

from rich.console import Console
from rich.table import Table
from sqlalchemy import Engine, func, select, text

from datasets.layer import find_layer
from datasets.store.engine import connect
from datasets.store.layer_tables import layer_table
from datasets.store.versions.as_of import as_of
from datasets.store.versions.change_feed import changes_since
from datasets.store.versions.history import versions
from tests.bench.ground import Ground, settle
from tests.bench.harvest import FIRST, offered, one_harvest, save_feeds
from tests.bench.limits import Limit

DATABASE = "bench_history"
LAYER = find_layer("public-toilets")
TIMES = 30
NEAR = 1_000
"""Features in the box that is asked for."""
MILLISECONDS = 200
"""What the median of each answer may take: a page that waits for it still answers at once."""


def measure(made: Ground, console: Console, *, rows: int) -> list[Limit]:
    """Measures and prints; what each question took."""
    made.load_when_quiet()
    url = made.new_database(DATABASE)
    with offered(made, rows) as offer:
        save_feeds(made, url, offer.base)
        for version in ("first", "changed", "first", "changed"):
            offer.put(version)
            one_harvest(made, url, FIRST)
    settle(url)
    engine = connect(url, keep=True)
    answers = {told: _asked(ask) for told, ask in _questions(engine).items()}
    console.print(_table(engine, rows, answers))
    engine.dispose()
    made.drop_database(DATABASE)
    return [Limit(told, median(times), MILLISECONDS, "ms") for told, (_, times) in answers.items()]


def _asked(ask: Callable[[], int]) -> tuple[int, list[float]]:
    """How many features the answer has, and the milliseconds that it took each time."""
    found, milliseconds = 0, []
    for _ in range(TIMES):
        began = time.perf_counter()
        found = ask()
        milliseconds.append((time.perf_counter() - began) * 1000)
    return found, milliseconds


def _table(engine: Engine, rows: int, answers: Mapping[str, tuple[int, list[float]]]) -> Table:
    table = Table(title=f"History of {rows:,} features, {_changes(engine):,} changes", box=None, pad_edge=False)
    for heading in ("", "median ms", "worst ms", "features"):
        table.add_column(heading, justify="right" if heading else "left")
    for told, (found, milliseconds) in answers.items():
        table.add_row(told, f"{median(milliseconds):,.1f}", f"{max(milliseconds):,.1f}", f"{found:,}")
    return table


def _questions(engine: Engine) -> dict[str, Callable[[], int]]:
    """What is asked, and how many features each answer has."""
    changed, west, south, east, north = _sample(engine)
    box = func.ST_MakeEnvelope(west, south, east, north, 4326)
    present, first = layer_table(LAYER), as_of(LAYER, 1)
    return {
        "one feature, as it stands": lambda: _count(engine, select(present).where(present.c.feature_id == changed)),
        "one feature, as of revision 1": lambda: _count(engine, select(first).where(first.c.feature_id == changed)),
        "a box, as it stands": lambda: _count(engine, select(present).where(present.c.geom.op("&&")(box))),
        "a box, as of revision 1": lambda: _count(engine, select(first).where(first.c.geom.op("&&")(box))),
        "a page of changes since revision 1": lambda: len(changes_since(engine, LAYER, 1, limit=NEAR).changes),
        "a page of changes since revision 0": lambda: len(changes_since(engine, LAYER, 0, limit=NEAR).changes),
        "every version of a feature": lambda: len(versions(engine, LAYER, changed)),
    }


def _sample(engine: Engine) -> tuple[Any, ...]:
    """A feature that changed, and the box of its nearest ones."""
    query = f"""
        WITH one AS (SELECT feature_id, geom FROM layers.change WHERE layer = :layer ORDER BY id LIMIT 1),
        near AS (SELECT t.geom FROM layers.{LAYER.table} t ORDER BY t.geom <-> (SELECT geom FROM one) LIMIT :near),
        box AS (SELECT ST_Extent(geom) AS b FROM near)
        SELECT feature_id, ST_XMin(b), ST_YMin(b), ST_XMax(b), ST_YMax(b) FROM one, box
        """  # noqa: S608
    with engine.connect() as connection:
        return tuple(connection.execute(text(query), {"layer": LAYER.id, "near": NEAR}).one())


def _count(engine: Engine, query: Any) -> int:
    with engine.connect() as connection:
        return len(connection.execute(query).all())


def _changes(engine: Engine) -> int:
    with engine.connect() as connection:
        return int(connection.execute(text("SELECT count(*) FROM layers.change")).scalar_one())
