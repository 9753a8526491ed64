"""Comparing a feed's new slice with the features its layer holds of it: what is new, changed, back or gone."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

HELD = pl.Schema(
    {"fid": pl.Int64, "key": pl.String, "content_hash": pl.String, "is_missing": pl.Int8, "is_due": pl.Int8}
)
"""A feed's features as they stand; `is_due` marks those that have been missing long enough to end."""


@dataclass(frozen=True)
class Changes:
    """`new` are the places in the slice of features that are not held yet; `changed` has `place`, `fid` and `op`
    (update or restore) of those that are; `gone` has `fid` and `ends` of those the slice lacks."""

    new: NDArray[np.int64]
    changed: pl.DataFrame
    gone: pl.DataFrame

    @property
    def total(self) -> int:
        return len(self.new) + self.changed.height + self.gone.height


def compare(held: pl.DataFrame, keys: pl.Series, hashes: Callable[[], pl.Series], *, complete: bool) -> Changes:
    """What publishing the slice means. `held` is of schema HELD; `hashes` makes the digests of the slice's rows, and
    is asked only where there is something to compare. Only what a `complete` slice lacks is gone."""
    gone = held.join(keys.to_frame("key"), on="key", how="anti") if complete else held.clear()
    gone = gone.filter((pl.col("is_missing") == 0) | (pl.col("is_due") == 1))
    ending = gone.select("fid", ends=pl.col("is_due") == 1).sort("fid")
    if held.is_empty() or keys.is_empty():
        return Changes(
            np.arange(len(keys)), pl.DataFrame(schema={"place": pl.Int64, "fid": pl.Int64, "op": pl.String}), ending
        )
    slice_rows = pl.DataFrame({"key": keys, "new_hash": hashes()}).with_row_index("place")
    both = slice_rows.join(held, on="key", how="left", maintain_order="left")
    is_back = pl.col("is_missing") == 1
    changed = both.filter(pl.col("fid").is_not_null() & (is_back | (pl.col("new_hash") != pl.col("content_hash"))))
    op = pl.when(is_back).then(pl.lit("restore")).otherwise(pl.lit("update"))
    new = both.filter(pl.col("fid").is_null())["place"].cast(pl.Int64).to_numpy()
    return Changes(new, changed.select(pl.col("place").cast(pl.Int64), "fid", op=op), ending)
