"""Comparing a feed's new slice with the features its layer holds of it: what is new, changed, back or gone.

Most features stand as they are. Their digests alone tell it, so that of the others only is more read and compared.
"""

from dataclasses import dataclass, field, replace

import numpy as np
import polars as pl
from numpy.typing import NDArray

HELD = pl.Schema(
    {
        "fid": pl.Int64,
        "key": pl.String,
        "content_hash": pl.String,
        "is_missing": pl.Int8,
        "is_due": pl.Int8,
        "rung": pl.String,
        "is_other_rung": pl.Int8,
    }
)
"""A feed's features as they stand; `is_due` marks those that have been missing long enough to end, `is_other_rung`
those that were keyed by another rung of the ladder than the slice is."""

_CHANGED = pl.Schema({"place": pl.Int64, "fid": pl.Int64, "op": pl.String})
_NO_FIDS = pl.Series("fid", [], dtype=pl.Int64)


@dataclass(frozen=True)
class Changes:
    """`new` are the places in the slice of features that are not held yet; `changed` has `place`, `fid` and `op`
    (update or restore) of those that are; `gone` has `fid` and `op` (end or missing) of those the slice lacks.
    `lacking` are all whose keys the slice does not have, as far as that says anything: of an incomplete one only those
    that were keyed otherwise. `moved` are the fids of `changed` features that were known again by something else."""

    new: NDArray[np.int64]
    changed: pl.DataFrame
    gone: pl.DataFrame
    lacking: pl.DataFrame = field(default_factory=lambda: HELD.to_frame(eager=True))
    moved: pl.Series = field(default_factory=lambda: _NO_FIDS)

    @property
    def total(self) -> int:
        return len(self.new) + self.changed.height + self.gone.height

    @property
    def written(self) -> NDArray[np.int64]:
        """The places of all features that are to be written."""
        return np.concatenate([self.new, self.changed["place"].to_numpy()])

    @property
    def rekeyed(self) -> pl.Series:
        """The fids of all that changes because of its key: known again under another one, or given up with the rung."""
        return pl.concat([self.moved, self.lacking.filter(pl.col("is_other_rung") == 1)["fid"]])

    def at(self, places: NDArray[np.int64]) -> "Changes":
        """The same of a slice of which these were the places that were compared."""
        changed = self.changed.with_columns(place=pl.Series(places[self.changed["place"].to_numpy()]))
        return replace(self, new=places[self.new], changed=changed)


def differing(digests: pl.DataFrame, held: pl.DataFrame) -> tuple[NDArray[np.int64], pl.Series]:
    """The places in the slice of features that are not held as they are, by their `digests`, and the fids of held ones
    that the slice does not have as they are. Both frames have `high` and `low`."""
    places = np.flatnonzero(~_known(digests, held).to_numpy())
    return places, held["fid"].filter(~_known(held, digests))


def _known(ours: pl.DataFrame, theirs: pl.DataFrame) -> pl.Series:
    """Whether both halves of each digest are among theirs, which takes a fifth of a join. Among a million features a
    change would be overlooked once in 10 ** 26 times."""
    return ours["high"].is_in(theirs["high"].implode()) & ours["low"].is_in(theirs["low"].implode())


def compare(held: pl.DataFrame, keys: pl.Series, hashes: pl.Series, *, complete: bool) -> Changes:
    """What publishing the slice means. `held` is of schema HELD; `hashes` are the digests of the slice's
    features, not looked at where none is held. Only what a `complete` slice lacks is gone."""
    lacking = held.join(keys.to_frame("key"), on="key", how="anti")
    gone = leaving(lacking if complete else held.clear())
    lacking = lacking if complete else lacking.filter(pl.col("is_other_rung") == 1)
    if held.is_empty() or keys.is_empty():
        return Changes(np.arange(len(keys)), pl.DataFrame(schema=_CHANGED), gone, lacking)
    now = pl.DataFrame({"key": keys, "now": hashes}).with_row_index("place").cast({"place": pl.Int64})
    both = now.join(held, on="key", how="left", maintain_order="left")
    is_back = pl.col("is_missing") == 1
    changed = both.filter(pl.col("fid").is_not_null() & (is_back | (pl.col("now") != pl.col("content_hash"))))
    op = pl.when(is_back).then(pl.lit("restore")).otherwise(pl.lit("update"))
    new = both.filter(pl.col("fid").is_null())["place"].to_numpy()
    return Changes(new, changed.select("place", "fid", op=op), gone, lacking)


def leaving(lacking: pl.DataFrame) -> pl.DataFrame:
    """`fid` and `op` of what goes missing or ends, out of what a complete fetch lacks. What was keyed otherwise ends at
    once: a person has said that the keys changed."""
    op = (
        pl.when((pl.col("is_due") == 1) | (pl.col("is_other_rung") == 1))
        .then(pl.lit("end"))
        .when(pl.col("is_missing") == 0)
        .then(pl.lit("missing"))
    )
    return lacking.select("fid", op=op).drop_nulls()
