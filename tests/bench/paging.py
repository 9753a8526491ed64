"""The fetch of many rows page by page to the archive, on one connection, beside a bare client that asks for the very
same pages and throws them away. Simulator, fetch and bare client are a process each."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from statistics import median
from typing import Any

import psycopg
from rich.console import Console
from rich.table import Table

from datasets.feed import Feed
from datasets.store.engine import connect
from datasets.store.feeds import save_feed
from tests.bench.bare import LAYER
from tests.bench.ground import CHECKOUT, Ground, settle
from tests.bench.sites import Serve, Sites, apart, arcgis, wfs

ROWS_PER_SECOND, MOST_MIB = 20_000, 1024
"""What a fetch has to reach, and what it may hold in memory."""

PLATFORMS: Mapping[str, tuple[Serve, dict[str, str]]] = {"arcgis": (arcgis, {}), "wfs": (wfs, {"type": "app:trees"})}
DATABASE = "bench_paging"
SAME_SHARE = 0.8
"""Small pages are a little larger in the archive than on their way."""
PAGES = """
    SELECT asked.url FROM citywide.fetch AS asked JOIN citywide.run ON run.id = asked.run
    WHERE run.feed = %s AND asked.page_no > 0 ORDER BY asked.id
"""


def measure(made: Ground, console: Console, *, rows: int, rounds: int, profile: bool) -> None:
    """Measures and prints."""
    table = _new_table(rows)
    for platform, (serve, params) in PLATFORMS.items():
        with apart(serve, rows) as sites:
            made.load_when_quiet()
            found = [_round(made, sites, platform, params, rows, profile=profile) for _ in range(rounds)]
        table.add_row(platform, *_cells(found))
    console.print(table)


def _round(
    made: Ground, sites: Sites, platform: str, params: dict[str, str], rows: int, *, profile: bool
) -> dict[str, float]:
    url = made.new_database(DATABASE)
    save_paged_feed(made, url, platform, sites.urls[0], params)
    settle(url)
    load = os.getloadavg()[0]
    command = [sys.executable, "-m", "tests.bench.fetching", platform, *(["--profile"] if profile else [])]
    fetched = _run(command, env=made.environment(url))
    if fetched["rows"] != rows:
        raise SystemExit(f"The fetch from {platform} gave {fetched['rows']:,} rows, not {rows:,}.")
    pages = _asked_pages(url, platform)
    made.drop_database(DATABASE)
    shutil.rmtree(made.settings.archive)
    bare = _run([sys.executable, "-m", "tests.bench.downloading"], input=" ".join(pages))
    if bare["bytes"] < SAME_SHARE * fetched["bytes"]:
        raise SystemExit(f"The bare client was given {bare['bytes']:,} bytes, the fetch {fetched['bytes']:,}.")
    return {**fetched, "load": load, "bare": bare["seconds"]}


def save_paged_feed(made: Ground, url: str, platform: str, address: str, params: dict[str, str]) -> None:
    """The feed of a simulator, under the name of its platform."""
    engine, gss = connect(url), made.city.council[0].gss
    feed = Feed(id=platform, council=gss, layer=LAYER, platform=platform, url=address, params=params, licence="OGL")
    save_feed(engine, feed)
    engine.dispose()


def _asked_pages(url: str, feed_id: str) -> list[str]:
    """The addresses of the pages that the fetch recorded."""
    with psycopg.connect(url) as connection:
        return [row[0] for row in connection.execute(PAGES, [feed_id])]


def _run(command: list[str], **given: Any) -> dict[str, float]:
    """What a child process prints."""
    ran = subprocess.run(command, cwd=CHECKOUT, stdout=subprocess.PIPE, check=True, text=True, **given)
    figures: dict[str, float] = json.loads(ran.stdout)
    return figures


def _new_table(rows: int) -> Table:
    table = Table(title=f"{rows:,} rows page by page, medians", box=None, pad_edge=False, header_style="bold")
    table.add_column("")
    headings = ("pages", "MB", "fetch s", "rows/s", f"of {ROWS_PER_SECOND:,}", "bare s", "of bare", "peak MiB")
    for heading in (*headings, f"of {MOST_MIB:,}", "best rows/s", "load"):
        table.add_column(heading, justify="right")
    return table


def _cells(rounds: list[dict[str, float]]) -> list[str]:
    def of(name: str) -> float:
        return median(one[name] for one in rounds)

    speed = median(one["rows"] / one["seconds"] for one in rounds)
    best = max(one["rows"] / one["seconds"] for one in rounds)
    return [
        f"{of('pages'):,.0f}",
        f"{of('bytes') / 1e6:,.0f}",
        f"{of('seconds'):.1f}",
        f"{speed:,.0f}",
        f"{speed / ROWS_PER_SECOND:.2f}",
        f"{of('bare'):.1f}",
        f"{of('seconds') / of('bare'):.2f}",
        f"{of('peak_mib'):,.0f}",
        f"{of('peak_mib') / MOST_MIB:.2f}",
        f"{best:,.0f}",
        ", ".join(f"{one['load']:.1f}" for one in rounds),
    ]
