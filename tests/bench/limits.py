"""What a measure may come to, and whether it does: said beside each limit, and by how the benchmark ends."""

from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table

FULL_ROWS = 1_000_000
"""The limits are those of so many rows: of fewer, what goes over them is told and fails nothing."""


@dataclass(frozen=True)
class Limit:
    """What was measured, and the most that it may be."""

    what: str
    measured: float
    most: float
    unit: str

    @property
    def is_over(self) -> bool:
        return self.measured > self.most


def show(console: Console, limits: Sequence[Limit]) -> None:
    """Prints each beside its limit."""
    table = Table(title="Limits", box=None, pad_edge=False, header_style="bold")
    for heading in ("", "measured", "limit", "", ""):
        table.add_column(heading, justify="right" if heading else "left")
    for one in limits:
        figures = f"{one.measured:,.2f}", f"{one.most:,.2f}", one.unit
        table.add_row(one.what, *figures, "over" if one.is_over else "pass")
    if limits:
        console.print(table)


def check(limits: Sequence[Limit], rows: int) -> None:
    """SystemExit with what went over its limit, where so many rows were measured that the limits are meant."""
    over = [one for one in limits if one.is_over]
    if over and rows >= FULL_ROWS:
        told = (f"{one.what}: {one.measured:,.2f} of {one.most:,.2f} {one.unit}" for one in over)
        raise SystemExit("Over the limit: " + "; ".join(told) + ".")
