"""A worker is killed (`kill -9`) amid a large read, and another goes on: how many pages are asked for again.

In life the second worker waits until the first has been silent for a minute; here the first's last signs of life are
set back by as much, because waiting measures nothing.
"""

import re
import time
from collections import Counter
from subprocess import Popen

import psycopg
from rich.console import Console
from rich.table import Table

from tests.bench.ground import Ground, settle
from tests.bench.paging import save_paged_feed
from tests.bench.sites import Sites, apart, arcgis
from tests.bench.workers import wait_until, working

SHARE = 0.4
"""How much of the rows has been asked for when the worker is killed."""
MOST_SECONDS = 1200
DATABASE = "bench_killed"
SILENT = (
    "UPDATE citywide.run SET lease_until = now() - interval '1 second' WHERE state = 'running'",
    "UPDATE procrastinate.procrastinate_workers SET last_heartbeat = now() - interval '2 minutes'",
)
KEPT = "SELECT count(*) FROM citywide.fetch WHERE rows > 0"
ENDED = "SELECT count(*) FROM citywide.run WHERE state = 'ended'"


def measure(made: Ground, console: Console, *, rows: int) -> None:
    """Measures and prints."""
    with apart(arcgis, rows) as sites:
        made.load_when_quiet()
        url = made.new_database(DATABASE)
        save_paged_feed(made, url, "arcgis", sites.urls[0], {})
        settle(url)
        with working(made, url) as [first]:
            _wait_for_share(sites, rows, first)
            first.kill()
            first.wait()
        before, kept = _pages(sites), _number(url, KEPT)
        _forget_the_first(url)
        began = time.perf_counter()
        with working(made, url) as [second]:
            wait_until(url, ENDED, 2, MOST_SECONDS, lambda: second.poll() is None)
            seconds = time.perf_counter() - began
        console.print(_table(url, rows, before, _pages(sites), kept, seconds))
        made.drop_database(DATABASE)


def _wait_for_share(sites: Sites, rows: int, worker: Popen[bytes]) -> None:
    """Until the share of the pages was asked for. The size of a page is known from the first question for one."""
    deadline = time.monotonic() + MOST_SECONDS
    while time.monotonic() < deadline and worker.poll() is None:
        if _reached(sites) >= SHARE * rows:
            return
        time.sleep(0.005)
    raise SystemExit("The worker did not come as far as it was to be killed.")


def _reached(sites: Sites) -> int:
    return max((int(offset) for offset in _pages(sites)), default=0)


def _pages(sites: Sites) -> Counter[str]:
    """How often each page was asked for, by the number of rows before it."""
    found = (re.search(r"resultOffset=(\d+)", question) for question in sites.asked())
    return Counter(match[1] for match in found if match)


def _forget_the_first(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        for statement in SILENT:
            connection.execute(statement.encode())


def _number(url: str, statement: str) -> int:
    with psycopg.connect(url) as connection:
        return int((connection.execute(statement.encode()).fetchone() or (0,))[0])


def _table(url: str, rows: int, before: Counter[str], after: Counter[str], kept: int, seconds: float) -> Table:
    again = sum(times - 1 for times in after.values())
    with psycopg.connect(url) as connection:
        query = "SELECT outcome, message, features FROM citywide.run ORDER BY id"
        first, second = connection.execute(query.encode()).fetchall()
    if (first[0], second[0], second[2]) != ("failed", "published", rows) or again > 1:
        raise SystemExit(f"{again} pages were asked for again; the runs ended {first} and {second}.")
    table = Table(title=f"A worker killed in {rows:,} rows", box=None, pad_edge=False, header_style="bold", width=100)
    table.add_column("")
    table.add_column("")
    table.add_row("pages asked for by the first worker", f"{sum(before.values()):,}")
    table.add_row("  of them kept", f"{kept:,}")
    table.add_row("pages asked for by the second worker", f"{sum(after.values()) - sum(before.values()):,}")
    table.add_row("pages in all", f"{len(after):,}")
    table.add_row("  asked for more than once (limit 1)", f"{again:,}")
    table.add_row("the second worker's run", f"{second[0]}: {second[1]}")
    table.add_row("  seconds from its start to the end of the run", f"{seconds:.1f}")
    return table
