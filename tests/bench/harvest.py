"""The harvest of a file of many rows beside a bare load of the same rows, in the same run.

Every harvest is a process of its own. Each round has a new database; the figures are medians over the rounds, and
beside them the best, which is what a machine that others use as well can show.
"""

import json
import multiprocessing
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

import polars as pl
from rich.console import Console
from rich.table import Table

from datasets.feed import Feed
from datasets.store.engine import connect
from datasets.store.feeds import save_feed
from harvesters.demo.benchmark import write_benchmark_csv
from harvesters.demo.server import CouncilServer
from tests.bench.bare import LAYER, WHAT, bare_load, export_rows
from tests.bench.ground import CHECKOUT, Ground, settle
from tests.bench.limits import Limit
from tests.bench.statements import log_statements, slow_statements

FIRST, SECOND = "bench-toilets", "bench-more-toilets"
"""The feeds: one that is harvested three times, and one that comes into a layer already full."""

STEPS = {
    "first harvest": (FIRST, "first", "published"),
    "unchanged harvest": (FIRST, "first", "unchanged"),
    "harvest with 1 % changed": (FIRST, "changed", "published"),
    "another feed into the full layer": (SECOND, "changed", "published"),
}
"""What a round does: the feed, the version of the first feed's file that is on offer, and how the run must end."""
BARE_LOADS = 2
OF_BARE, OF_FIRST, UNCHANGED_SECONDS, MIB = 3.0, 0.5, 3.0, 2048
"""What a first harvest may take, in bare loads; one with 1 % changed, in first harvests; one that finds nothing new;
and the most memory that any may hold."""


@dataclass
class Figures:
    """What was measured, round by round."""

    bare: list[float] = field(default_factory=list)
    bare_copy: list[float] = field(default_factory=list)
    harvests: dict[str, list[dict[str, Any]]] = field(default_factory=lambda: {step: [] for step in STEPS})
    loads: list[float] = field(default_factory=list)

    def of(self, step: str, name: str) -> float:
        return median(float(harvest[name]) for harvest in self.harvests[step])


@dataclass(frozen=True)
class Offer:
    """The web server that publishes a folder."""

    base: str
    folder: Path

    def put(self, version: str) -> None:
        """Puts this version of the first feed's file where its address leads."""
        published = self.folder / "toilets.csv"
        published.unlink(missing_ok=True)
        published.hardlink_to(self.folder / f"{version}.csv")


def measure(made: Ground, console: Console, *, rows: int, rounds: int, steps: int, profile: bool) -> list[Limit]:
    """Measures and prints; what was measured that has a limit."""
    figures = Figures()
    with offered(made, rows) as offer:
        for number in range(rounds):
            _round(made, offer, figures, list(STEPS)[:steps], console, profile=profile)
            console.print(_round_line(number, figures))
    console.print(_table(figures, rows))
    console.print(f"Bare load: {WHAT}.")
    console.print(f"Load average before each round: {', '.join(f'{load:.1f}' for load in figures.loads)}.")
    return _limits(figures)


@contextmanager
def offered(made: Ground, rows: int) -> Iterator[Offer]:
    folder = made.settings.home / "files"
    # A million rows being made would leave this process large.
    writing = multiprocessing.get_context("spawn").Process(target=write_files, args=(rows, folder))
    writing.start()
    writing.join()
    if writing.exitcode:
        raise SystemExit("The benchmark's files could not be written.")
    with CouncilServer(folder) as web:
        yield Offer(web.url, folder)


def write_files(rows: int, folder: Path) -> None:
    """The three files: as they are first, with 1 % changed, and another feed's with references of its own."""
    write_benchmark_csv(folder / "first.csv", rows)
    write_benchmark_csv(folder / "changed.csv", rows, changed_share=0.01)
    # Small files are written within one second, in which a server that tells times would take them for the same.
    later = (folder / "first.csv").stat().st_mtime + 60
    os.utime(folder / "changed.csv", (later, later))
    write_benchmark_csv(folder / "more.csv", rows, seed=1)
    more = pl.read_csv(folder / "more.csv", infer_schema=False)
    more.with_columns("M-" + pl.col("Reference")).write_csv(folder / "more.csv")


def _round(made: Ground, offer: Offer, figures: Figures, steps: list[str], console: Console, *, profile: bool) -> None:
    figures.loads.append(made.load_when_quiet())
    url = made.new_database("bench")
    save_feeds(made, url, offer.base)
    rows = made.settings.home / "rows.csv"
    if profile:
        log_statements(url)
    for step in steps:
        feed_id, version, outcome = STEPS[step]
        offer.put(version)
        harvest = one_harvest(made, url, feed_id)
        if harvest["outcome"] != outcome:
            raise SystemExit(f"The {step} ended {harvest['outcome']}, not {outcome}: {harvest['message']}")
        figures.harvests[step].append(harvest)
        if profile:
            _print_profile(console, step, harvest, made.settings.home / "postgres.log")
        if step == "first harvest":
            export_rows(url, rows)
            for _ in range(BARE_LOADS):
                copied, whole = bare_load(url, rows)
                figures.bare_copy.append(copied)
                figures.bare.append(whole)
    made.drop_database("bench")


def save_feeds(made: Ground, url: str, base: str) -> None:
    engine = connect(url)
    for feed_id, name in ((FIRST, "toilets.csv"), (SECOND, "more.csv")):
        gss = made.city.council[0].gss
        save_feed(engine, Feed(id=feed_id, council=gss, layer=LAYER, url=f"{base}/{name}", licence="OGL-UK-3.0"))
    engine.dispose()


def one_harvest(made: Ground, url: str, feed_id: str) -> dict[str, Any]:
    """One harvest in a child process; `process` is the wall time of all of it."""
    settle(url)
    began = time.perf_counter()
    command = [sys.executable, "-m", "tests.bench.child", feed_id]
    ran = subprocess.run(command, cwd=CHECKOUT, env=made.environment(url), stdout=subprocess.PIPE, check=True)
    figures: dict[str, Any] = json.loads(ran.stdout)
    return {**figures, "process": time.perf_counter() - began}


def _print_profile(console: Console, step: str, harvest: dict[str, Any], log: Path) -> None:
    console.print(f"\n{step}: {harvest['message']} {harvest['peak_mib']:.0f} MiB")
    console.print("  " + ", ".join(f"{name} {seconds:.2f}" for name, seconds in harvest["stages"].items()))
    for seconds, statement in slow_statements(log):
        console.print(f"  {seconds:8.2f} s  {statement}", markup=False)


def _round_line(number: int, figures: Figures) -> str:
    harvests = (f"{step} {runs[-1]['harvest']:.1f} s" for step, runs in figures.harvests.items() if runs)
    return f"round {number + 1}: bare load {min(figures.bare[-BARE_LOADS:]):.1f} s, {', '.join(harvests)}"


def _limits(figures: Figures) -> list[Limit]:
    """Of the steps that were measured, by their medians; memory by the most of any harvest."""
    first, ran = figures.of("first harvest", "harvest"), [step for step, runs in figures.harvests.items() if runs]
    peak = max(float(harvest["peak_mib"]) for step in ran for harvest in figures.harvests[step])
    limits = {
        "first harvest": lambda seconds: Limit("first harvest", seconds / median(figures.bare), OF_BARE, "bare loads"),
        "unchanged harvest": lambda seconds: Limit("unchanged harvest", seconds, UNCHANGED_SECONDS, "s"),
        "harvest with 1 % changed": lambda seconds: Limit(
            "harvest with 1 % changed", seconds / first, OF_FIRST, "first harvests"
        ),
    }
    told = [limits[step](figures.of(step, "harvest")) for step in ran if step in limits]
    return [*told, Limit("peak memory of a harvest", peak, MIB, "MiB")]


def _table(figures: Figures, rows: int) -> Table:
    table = Table(title=f"{rows:,} rows, medians", box=None, pad_edge=False, header_style="bold")
    for heading in ("", "harvest s", "of bare load", "of first", "process s", "peak MiB", "best s", "of best bare"):
        table.add_column(heading, justify="right" if heading else "left")
    bare, best_bare = median(figures.bare), min(figures.bare)
    table.add_row("bare load", f"{bare:.2f}", "1.00", "", "", "", f"{best_bare:.2f}", "1.00")
    table.add_row("  its COPY alone", f"{median(figures.bare_copy):.2f}", *[""] * 6)
    first = figures.of("first harvest", "harvest")
    for step, runs in figures.harvests.items():
        if runs:
            seconds = figures.of(step, "harvest")
            process, peak = figures.of(step, "process"), figures.of(step, "peak_mib")
            best = min(run["harvest"] for run in runs)
            ratios = f"{seconds / bare:.2f}", f"{seconds / first:.2f}"
            bests = f"{best:.2f}", f"{best / best_bare:.2f}"
            table.add_row(step, f"{seconds:.2f}", *ratios, f"{process:.2f}", f"{peak:,.0f}", *bests)
    return table
