"""What a row costs, from a small file to a very large one: the first harvest of each size into an empty layer, and one
with one in a hundred rows changed."""

import multiprocessing
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.table import Table

from harvesters.demo.server import CouncilServer
from tests.bench.ground import Ground
from tests.bench.harvest import FIRST, Offer, one_harvest, save_feeds, write_files
from tests.bench.limits import Limit

FLAT = 2.0
"""What a row costs is flat while one of the largest file costs at most so many times what one of the second smallest
does. Of the smallest, what every run costs is most."""


def sizes(rows: int) -> tuple[int, ...]:
    """From a hundredth of the rows, of which one in a hundred can change, to five times as many."""
    return max(rows // 100, 100), max(rows // 10, 200), rows, rows * 5


@dataclass(frozen=True)
class Cost:
    """What one size took; each harvest is what its process said of itself."""

    rows: int
    first: dict[str, Any]
    changed: dict[str, Any]

    def per_row(self, harvest: dict[str, Any]) -> float:
        """Microseconds for each row of the file."""
        return float(harvest["harvest"]) / self.rows * 1e6


def measure(made: Ground, console: Console, *, sizes: Sequence[int]) -> list[Limit]:
    """Measures and prints; how flat the cost of a row is."""
    costs = [_cost(made, rows) for rows in sizes]
    table = Table(title="What a row costs", box=None, pad_edge=False, header_style="bold")
    for heading in ("rows", "first s", "µs a row", "peak MiB", "1 % changed s", "µs a row", "peak MiB"):
        table.add_column(heading, justify="right")
    for cost in costs:
        cells = [
            cell
            for harvest in (cost.first, cost.changed)
            for cell in (
                f"{harvest['harvest']:.2f}",
                f"{cost.per_row(harvest):.1f}",
                f"{harvest['peak_mib']:,.0f}",
            )
        ]
        table.add_row(f"{cost.rows:,}", *cells)
    console.print(table)
    few, most = costs[1], costs[-1]
    compared = f"a row of {most.rows:,} beside one of {few.rows:,}"
    return [
        Limit(f"{told}, {compared}", most.per_row(there) / few.per_row(here), FLAT, "times")
        for told, there, here in (
            ("first harvest", most.first, few.first),
            ("1 % changed", most.changed, few.changed),
        )
    ]


def _cost(made: Ground, rows: int) -> Cost:
    folder = made.settings.home / f"files-{rows}"
    writing = multiprocessing.get_context("spawn").Process(target=write_files, args=(rows, folder))
    writing.start()
    writing.join()
    if writing.exitcode:
        raise SystemExit(f"The files of {rows:,} rows could not be written.")
    made.load_when_quiet()
    with CouncilServer(folder) as web:
        url = made.new_database("bench")
        save_feeds(made, url, web.url)
        harvests = []
        for version in ("first", "changed"):
            Offer(web.url, folder).put(version)
            harvests.append(one_harvest(made, url, FIRST))
        made.drop_database("bench")
    for path in folder.iterdir():
        path.unlink()
    for harvest in harvests:
        if harvest["outcome"] != "published":
            raise SystemExit(f"{rows:,} rows: the harvest ended {harvest['outcome']}: {harvest['message']}")
    return Cost(rows, *harvests)
