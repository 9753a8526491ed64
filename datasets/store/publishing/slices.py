"""What a publish is given and what it says it did: one feed's slice of a layer, and the difference that it made."""

from dataclasses import asdict, dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray


@dataclass(frozen=True)
class Slice:
    """One feed's features, harmonised: `frame` has key, rung, the layer's fields, placed, outside_m, precision_m and
    row_no; `geometry` is parallel, WGS 84. Without `complete` nothing goes missing or ends."""

    frame: pl.DataFrame
    geometry: NDArray[np.object_]
    feed_id: str
    council: str
    resource_sha256: str
    run: int
    complete: bool = True


@dataclass(frozen=True)
class Diff:
    """What a publish changed, in features; `revision` is the layer's after it."""

    inserted: int = 0
    updated: int = 0
    restored: int = 0
    missing: int = 0
    ended: int = 0
    revision: int = 0

    @property
    def total(self) -> int:
        return self.inserted + self.updated + self.restored + self.missing + self.ended

    def __add__(self, later: "Diff") -> "Diff":
        """What this and a later publish of the same layer changed together."""
        sums = {name: count + getattr(later, name) for name, count in asdict(self).items() if name != "revision"}
        return Diff(**sums, revision=later.revision)


@dataclass(frozen=True)
class Carried:
    """What a publish would do to the ids of a feed's features: how many would be `kept`, end at once, lead on to
    another or go `missing`, and how many would be `new`."""

    kept: int
    ended: int
    redirected: int
    missing: int
    new: int

    def __str__(self) -> str:
        told = [f"{self.kept:,} would keep their id", f"{self.ended:,} would end", f"{self.new:,} would be new"]
        if self.redirected:
            told.insert(2, f"{self.redirected:,} would lead on to the one they became")
        return f"{', '.join(told[:-1])} and {told[-1]}"
