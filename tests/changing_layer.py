"""A feed of an ArcGIS layer that changes between its harvests, for the tests of what a run reads and what it ends."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from datasets.feed import Feed
from datasets.vocabulary import Outcome
from harvesters.run import RunReport, Tools, harvest
from tests.builders import query, quiet
from tests.peers.arcgis import EDITED, ArcgisServer


class RenamingServer(ArcgisServer):
    """The same server, whose toilets may get another name."""

    renamed: tuple[int, ...] = ()
    away: bool = False
    """Whether the first row of every page lies in the sea."""

    def _rendered(self, places: Sequence[int], more: bool, shapes: bool) -> bytes:
        body = super()._rendered(places, more, shapes)
        for number in self.renamed:
            body = body.replace(b'"Convenience %d"' % number, b'"Renamed %d"' % number)
        return re.sub(rb'"x":[0-9.]+', b'"x":100000.00', body, count=1) if self.away else body


@dataclass
class Layer:
    """A feed of an ArcGIS layer."""

    tools: Tools
    feed: Feed
    server: RenamingServer

    def harvest(self) -> RunReport:
        self.server.pages = 0
        return harvest(self.feed, self.tools, quiet)

    def edit(self, minutes: int, **changes: Any) -> None:
        """The layer changes so long after the last edit that the simulator knows."""
        for name, value in {"last_edit": EDITED + minutes * 60_000, **changes}.items():
            setattr(self.server, name, value)

    def rows(self, columns: str = "*") -> list[dict[str, Any]]:
        return query(self.tools.engine, f"SELECT {columns} FROM layers.public_toilets ORDER BY key")  # noqa: S608

    def missing(self) -> list[str]:
        return [row["name"] for row in self.rows() if row["missing_since"]]


def days_pass(tools: Tools, days: float) -> None:
    """Every run so far lies so many days further back."""
    moved = ", ".join(f"{name} = {name} - make_interval(hours => :hours)" for name in ("started_at", "ended_at"))
    query(tools.engine, f"UPDATE citywide.run SET {moved}", hours=round(days * 24))  # noqa: S608


def ending(report: RunReport) -> tuple[Outcome, str | None]:
    return report.outcome, report.values.get("decided_by")
