"""`make bench`: the harvest of 1,000,000 rows beside a bare load of the same rows, in the same run.

Every harvest is a process of its own. Each round has a new database; the figures are medians over the rounds, and
beside them the best, which is what a machine that others use as well can show.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from rich.console import Console
from rich.table import Table

from tests.bench.bare import WHAT, bare_load, export_rows
from tests.bench.ground import FIRST, SECOND, Ground, ground, settle
from tests.bench.statements import log_statements, slow_statements

CHECKOUT = Path(__file__).parents[2]
STEPS = {
    "first harvest": (FIRST, "first", "published"),
    "unchanged harvest": (FIRST, "first", "unchanged"),
    "harvest with 1 % changed": (FIRST, "changed", "published"),
    "another feed into the full layer": (SECOND, "changed", "published"),
}
"""What a round does: the feed, the version of the first feed's file that is on offer, and how the run must end."""
BARE_LOADS = 2
QUIET_LOAD, QUIET_SECONDS = 1.5, 120
"""A round waits until the machine is as idle as this, but not for longer."""
STARTS = (["citywide", "--help"], ["citywide", "layers", "list"])


@dataclass
class Figures:
    """What was measured, round by round."""

    bare: list[float] = field(default_factory=list)
    bare_copy: list[float] = field(default_factory=list)
    harvests: dict[str, list[dict[str, Any]]] = field(default_factory=lambda: {step: [] for step in STEPS})
    loads: list[float] = field(default_factory=list)

    def of(self, step: str, name: str) -> float:
        return median(harvest[name] for harvest in self.harvests[step])


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--profile", action="store_true", help="print the time of each stage and SQL statement")
    parser.add_argument("--steps", type=int, default=len(STEPS), help="only the first so many harvests of a round")
    chosen = parser.parse_args()
    console = Console(highlight=False, width=130)
    figures = Figures()
    with ground(chosen.rows) as made:
        for number in range(chosen.rounds):
            _round(made, figures, list(STEPS)[: chosen.steps], console, profile=chosen.profile)
            console.print(_round_line(number, figures))
    console.print(_table(figures, chosen.rows))
    console.print(f"Bare load: {WHAT}.")
    console.print(f"Load average before each round: {', '.join(f'{load:.1f}' for load in figures.loads)}.")
    for command in STARTS:
        console.print(f"{' '.join(command)}: {_start_seconds(command):.2f} s")


def _round(made: Ground, figures: Figures, steps: list[str], console: Console, *, profile: bool) -> None:
    figures.loads.append(_load_when_quiet())
    url = made.new_database("bench")
    rows = made.settings.home / "rows.csv"
    if profile:
        log_statements(url)
    for step in steps:
        feed_id, version, outcome = STEPS[step]
        made.offer(version)
        harvest = _harvest(made, url, feed_id)
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


def _load_when_quiet() -> float:
    """The load average of the last minute, once others leave the machine alone."""
    deadline = time.monotonic() + QUIET_SECONDS
    while os.getloadavg()[0] > QUIET_LOAD and time.monotonic() < deadline:
        time.sleep(5)
    return os.getloadavg()[0]


def _harvest(made: Ground, url: str, feed_id: str) -> dict[str, Any]:
    """One harvest in a child process; `process` is the wall time of all of it."""
    settle(url)
    given = {"CITYWIDE_DATABASE_URL": url, "CITYWIDE_HOME": str(made.settings.home), "CITYWIDE_ALLOW_LOOPBACK": "1"}
    began = time.perf_counter()
    command = [sys.executable, "-m", "tests.bench.child", feed_id]
    ran = subprocess.run(command, cwd=CHECKOUT, env={**os.environ, **given}, stdout=subprocess.PIPE, check=True)
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


def _start_seconds(command: list[str]) -> float:
    """The median of five starts of a command that needs no database."""
    program = [str(Path(sys.executable).parent / command[0]), *command[1:]]
    seconds = []
    for _ in range(5):
        began = time.perf_counter()
        subprocess.run(program, cwd=CHECKOUT, stdout=subprocess.DEVNULL, check=True)
        seconds.append(time.perf_counter() - began)
    return median(seconds)


if __name__ == "__main__":
    main()
