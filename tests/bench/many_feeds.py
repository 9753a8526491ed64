"""Nine small feeds of each of many councils, harvested end to end by two workers: everything for the first time, and
then everything again while nothing has changed. The councils' servers are one process, each council a host of its own.

A pass begins when the workers are asked for it and ends with the last feed's run. The first is begun by starting the
workers, who find every feed due; the second by putting every feed into the queue of the same workers, as
`citywide harvest --all` does.
"""

import json
import time
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import psycopg
import shapely
from rich.console import Console
from rich.table import Table

from datasets.feed import Feed
from datasets.store.boundaries import load_boundaries
from datasets.store.engine import connect
from datasets.store.feeds import list_feeds, save_feed
from datasets.store.migrate import migrate
from datasets.store.queue import enqueue
from harvesters.demo.land import to_degrees
from tests.bench.council import DATASETS, ROWS, CouncilSite, address, params
from tests.bench.ground import Ground, settle
from tests.bench.sites import Sites, apart, councils
from tests.bench.workers import wait_until, working

FIRST_SECONDS, SECOND_SECONDS = 300, 60
"""What the two passes may take."""
PATIENCE = 4
"""A pass that takes so many times as long is given up."""
WORKERS = 2
DATABASE, CITY = "bench_feeds", "bench"
RUNS = "SELECT count(DISTINCT feed) FROM citywide.run WHERE state = 'ended' AND id > {newest}"
NOTHING_WAITS = "SELECT (count(*) = 0)::int FROM procrastinate.procrastinate_jobs WHERE status IN ('todo', 'doing')"


@dataclass(frozen=True)
class Pass:
    """What one pass came to."""

    seconds: float
    limit: int
    ended: Counter[str]
    decided_by: Counter[str]
    questions: int
    load: float


def measure(made: Ground, console: Console, *, count: int) -> None:
    """Measures and prints."""
    with apart(councils, count) as sites:
        load = made.load_when_quiet()
        made, url = _make_city(made, sites)
        settle(url)
        began = time.perf_counter()
        with working(made, url, WORKERS) as programs:

            def alive() -> bool:
                return all(program.poll() is None for program in programs)

            wanted = count * len(DATASETS)
            wait_until(url, RUNS.format(newest=0), wanted, PATIENCE * FIRST_SECONDS, alive)
            first = _pass(url, sites, 0, time.perf_counter() - began, FIRST_SECONDS, load)
            wait_until(url, NOTHING_WAITS, 1, SECOND_SECONDS, alive)
            newest = _newest(url)
            engine = connect(url)
            began = time.perf_counter()
            enqueue(engine, list_feeds(engine))
            wait_until(url, RUNS.format(newest=newest), wanted, PATIENCE * SECOND_SECONDS, alive)
            second = _pass(url, sites, newest, time.perf_counter() - began, SECOND_SECONDS, load)
            engine.dispose()
        second = replace(second, questions=second.questions - first.questions)
        console.print(_table(count, first, second))
        _check(url, first, second, wanted)
        made.drop_database(DATABASE)


def _make_city(made: Ground, sites: Sites) -> tuple[Ground, str]:
    """A city of these councils with all their feeds, in a database of its own."""
    known = [CouncilSite(number, url) for number, url in enumerate(sites.urls)]
    home = made.settings.home
    (home / "cities").mkdir(exist_ok=True)
    (home / "cities" / f"{CITY}.toml").write_text(_city_document(known))
    made = replace(made, settings=replace(made.settings, city=CITY))
    url = made.new_database(DATABASE, "template1")
    engine = connect(url)
    migrate(engine, made.city)
    load_boundaries(engine, made.city, _boundaries(known, home / "squares.geojson"), made.city.boundary_source)
    for site in known:
        for one in DATASETS:
            save_feed(engine, Feed(
                id=f"{one.name}-{site.number}", council=site.gss, layer=one.layer, platform=one.platform,
                url=f"{site.url}{address(one)}", params=params(one), licence="OGL-UK-3.0",
            ))  # fmt: skip
    engine.dispose()
    return made, url


def _city_document(sites: list[CouncilSite]) -> str:
    bounds = shapely.total_bounds(to_degrees(np.array([site.square for site in sites], dtype=object)))
    extent = ", ".join(f"{float(bound):.4f}" for bound in bounds)
    head = f'title = "Bench"\ndescription = "Squares."\nextent = [{extent}]\nboundary_source = "made up"\n'
    return head + "".join(f'[[council]]\ngss = "{site.gss}"\nname = "{site.name}"\n' for site in sites)


def _boundaries(sites: list[CouncilSite], path: Path) -> Path:
    shapes = shapely.to_geojson(to_degrees(np.array([site.square for site in sites], dtype=object)))
    features = [
        {"type": "Feature", "properties": {"GSS_CODE": site.gss}, "geometry": json.loads(shape)}
        for site, shape in zip(sites, shapes, strict=True)
    ]
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    return path


def _newest(url: str) -> int:
    with psycopg.connect(url) as connection:
        return int((connection.execute("SELECT max(id) FROM citywide.run").fetchone() or (0,))[0])


def _pass(url: str, sites: Sites, newest: int, seconds: float, limit: int, load: float) -> Pass:
    with psycopg.connect(url) as connection:
        rows = connection.execute("SELECT outcome, decided_by FROM citywide.run WHERE id > %s", [newest]).fetchall()
    ended, decided_by = Counter(row[0] for row in rows), Counter(row[1] for row in rows if row[1])
    return Pass(seconds, limit, ended, decided_by, len(sites.asked()), load)


def _check(url: str, first: Pass, second: Pass, wanted: int) -> None:
    """SystemExit with the first things that went wrong, unless every feed was published once and then unchanged."""
    if first.ended["published"] == wanted and {**first.ended, **second.ended}.keys() == {"published", "unchanged"}:
        return
    query = "SELECT feed, outcome, message FROM citywide.run WHERE outcome NOT IN ('published', 'unchanged') LIMIT 3"
    with psycopg.connect(url) as connection:
        told = connection.execute(query.encode()).fetchall()
    raise SystemExit(f"Of {wanted} feeds ended first {dict(first.ended)}, then {dict(second.ended)}. {told}")


def _table(count: int, *passes: Pass) -> Table:
    layers, feeds = len({one.layer for one in DATASETS}), count * len(DATASETS)
    what = f"{count} councils with {len(DATASETS)} feeds each in {layers} layers, {ROWS} rows a feed"
    table = Table(title=f"{feeds} feeds ({what}), {WORKERS} workers", box=None, pad_edge=False, header_style="bold")
    table.add_column("")
    for heading in ("s", "limit s", "of limit", "feeds/s", "requests", "ended", "told by", "load"):
        table.add_column(heading, justify="right")
    for name, one in zip(("first pass", "unchanged pass"), passes, strict=True):
        ended, told = (", ".join(f"{n} {word}" for word, n in counts.items()) for counts in (one.ended, one.decided_by))
        figures = (f"{one.seconds:.1f}", str(one.limit), f"{one.seconds / one.limit:.2f}", f"{feeds / one.seconds:.1f}")
        table.add_row(name, *figures, f"{one.questions:,}", ended, told, f"{one.load:.1f}")
    return table
