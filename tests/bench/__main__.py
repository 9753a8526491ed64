"""`make bench`: what a harvest takes, each measure beside a peer or a limit in the same run.

harvest: a file of many rows beside a bare load of the same; paging: many rows page by page from ArcGIS and WFS beside
a bare client; feeds: nine small feeds of each of many councils, by two workers; kill: a worker killed half-way;
scale: what a row costs, from ten thousand rows to five million; borders: the same thing published by two councils found
among many; history: a large layer as it stood, and its changes.

Beside what has a limit it says pass or over, and where anything is over at the full number of rows it ends with 1.
"""

import argparse
import subprocess
import sys
import time
from pathlib import Path
from statistics import median

from rich.console import Console

from tests.bench import borders, harvest, history, killed, many_feeds, paging, scale
from tests.bench.ground import CHECKOUT, Ground, ground
from tests.bench.limits import FULL_ROWS, Limit, check, show

PARTS = ("harvest", "paging", "feeds", "kill", "scale", "borders", "history")
STARTS = (["citywide", "--help"], ["citywide", "layers", "list"])


def main() -> None:
    """Measures and prints; SystemExit where a limit was passed by as many rows as it is meant for."""
    chosen = _parser().parse_args()
    console = Console(highlight=False, width=150)
    limits: list[Limit] = []
    with ground(chosen.wait) as made:
        for part in chosen.only or PARTS:
            found = _measure(part, made, console, chosen)
            show(console, found)
            limits += found
    for command in STARTS if "harvest" in (chosen.only or PARTS) else ():
        console.print(f"{' '.join(command)}: {_start_seconds(command, 2 * chosen.rounds - 1):.2f} s")
    check(limits, chosen.rows)


def _measure(part: str, made: Ground, console: Console, chosen: argparse.Namespace) -> list[Limit]:
    """Measures one part and prints it; what was measured that has a limit."""
    rows, rounds, profile = chosen.rows, chosen.rounds, chosen.profile
    if part == "harvest":
        return harvest.measure(made, console, rows=rows, rounds=rounds, steps=chosen.steps, profile=profile)
    if part == "scale":
        return scale.measure(made, console, sizes=scale.sizes(rows))
    if part == "borders":
        return borders.measure(made, console, rows=rows)
    if part == "history":
        return history.measure(made, console, rows=rows)
    if part == "paging":
        paging.measure(made, console, rows=rows, rounds=rounds, profile=profile)
    elif part == "feeds":
        many_feeds.measure(made, console, count=chosen.councils)
    else:
        killed.measure(made, console, rows=rows)
    return []


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--only", choices=PARTS, action="append", help="only this part; may be said several times")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--rows", type=int, default=FULL_ROWS)
    parser.add_argument("--councils", type=int, default=33, help="each has nine feeds")
    parser.add_argument("--wait", type=float, default=120, help="seconds at most until the machine is idle")
    parser.add_argument("--profile", action="store_true", help="print where the time of a harvest or a fetch goes")
    parser.add_argument("--steps", type=int, default=len(harvest.STEPS), help="only the first so many harvests")
    return parser


def _start_seconds(command: list[str], times: int) -> float:
    """The median of so many starts of a command that needs no database."""
    program = [str(Path(sys.executable).parent / command[0]), *command[1:]]
    seconds = []
    for _ in range(times):
        began = time.perf_counter()
        subprocess.run(program, cwd=CHECKOUT, stdout=subprocess.DEVNULL, check=True)
        seconds.append(time.perf_counter() - began)
    return median(seconds)


if __name__ == "__main__":
    main()
