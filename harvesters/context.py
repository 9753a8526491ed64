"""What a run carries from stage to stage, and what it leaves when it ends."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import polars as pl
from sqlalchemy import Engine

from datasets.city import City
from datasets.feed import Feed
from datasets.issues import Issues
from datasets.layer import Layer, find_layer
from datasets.settings import Settings
from datasets.store.publishing.publish import Diff
from datasets.store.runs import EarlierRun
from datasets.vocabulary import Outcome
from harvesters.fetching.archive import Archive
from harvesters.fetching.paging import Kept
from harvesters.fetching.receipt import Receipt
from harvesters.rules import rules_hash
from harvesters.web.session import Session

Tell = Callable[[str, int, int | None], None]
"""Called as a run goes on: the stage, how much of it is done, and how much there is where that is known."""


@dataclass(frozen=True)
class Tools:
    """What every run needs and none owns."""

    engine: Engine
    settings: Settings
    city: City
    session: Session

    @property
    def archive(self) -> Archive:
        return Archive(self.settings.archive)


@dataclass
class Record:
    """What is known of a run so far; kept even when the run stops half-way. `values` are columns of the run table;
    `licence` is what the platform calls the feed's licence, in words of its own."""

    values: dict[str, Any] = field(default_factory=dict)
    issues: Issues = field(default_factory=list)
    receipts: list[Receipt] = field(default_factory=list)
    licence: str = ""


@dataclass(frozen=True)
class Context:
    """One run as it goes: what it harvests, with what, and what is known so far. `last` is the last good run."""

    feed: Feed
    tools: Tools
    record: Record
    tell: Tell
    last: EarlierRun | None
    kept: Kept

    @property
    def layer(self) -> Layer:
        return find_layer(self.feed.layer)

    @cached_property
    def rules(self) -> str:
        """The hash of all rules that the feed's bytes are read by."""
        return rules_hash(self.feed, self.layer, self.tools.city, self.tools.engine)


@dataclass(frozen=True)
class RunReport:
    """How a run ended, in words and figures. `values` and `issues` are what the run's page shows."""

    run_id: int | None
    feed: Feed
    outcome: Outcome
    code: str | None
    message: str
    values: dict[str, Any]
    issues: pl.DataFrame
    diff: Diff | None = None
