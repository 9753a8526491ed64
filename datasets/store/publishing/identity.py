"""Knowing features again whose keys changed: a council renumbered them, moved them a little, or they are recognised by
another rung of the ladder. Apart from publishing, so that the rules can be read and tried without a database.

One to one and mutual: a pair is taken only where each is the other's best and no second one is nearly as good. What
is left over is new, or gone.
"""

from dataclasses import dataclass
from functools import reduce

import numpy as np
import polars as pl
import shapely

from datasets.layer import Layer
from datasets.store.publishing.nearby import NAMED_M, near_pairs, same_name_areas, same_name_pairs
from datasets.store.publishing.rows import Shapes, well_known
from datasets.vocabulary import FieldType

NUMBERED_M = 250.0
"""So far a thing with the same national number may have moved."""

CLOSE_M, WIDE_M = 5.0, 15.0
"""How far a feature may have moved without a name or number to tell: where other keys still stand, so that a new one
means something, and where most keys changed or the keys say what the features look like."""

JITTER_M = 3.0
"""At so much, the place alone will do where nothing else is told."""

AGREEMENT = 0.5
"""The least share of filled fields that must say the same where neither name nor number does."""

DRAWN_ALIKE = 0.1
"""Areas of which both cover 99 in 100 parts, as `near_pairs` tells it, are one whatever they are called: an area that
is renamed keeps its boundary, and two areas are not drawn alike by chance."""

_AMBIGUOUS_M = 1.0
PAIRS = pl.Schema({"place": pl.Int64, "fid": pl.Int64})


@dataclass(frozen=True)
class Side:
    """Features to be known again, or to know again by: `frame` has `id` (a place in the slice, or a fid), `key` and
    the fields of `telling_fields` as `as_told` writes them; `shapes` is parallel, WGS 84."""

    frame: pl.DataFrame
    shapes: Shapes

    def without(self, ids: pl.Series) -> "Side":
        """The same but for these."""
        keep = ~self.frame["id"].is_in(ids.implode())
        return Side(self.frame.filter(keep), self.shapes[keep.to_numpy()])

    def only(self, ids: pl.Series) -> "Side":
        """These of them."""
        keep = self.frame["id"].is_in(ids.implode())
        return Side(self.frame.filter(keep), self.shapes[keep.to_numpy()])


@dataclass(frozen=True)
class Manner:
    """How freely features are known again: within `near_m` without name or number; by their place alone where both
    have only a `fingerprint`; where several old ones are one new one, as the oldest of them where `merging`."""

    near_m: float = CLOSE_M
    fingerprint: bool = False
    merging: bool = False


def telling_fields(layer: Layer) -> list[str]:
    """The fields that tell what a feature is: not its reference, which changed, nor addresses that may hold it."""
    return [
        name
        for name, field in layer.fields.items()
        if name not in ("reference", "entry_date") and field.type is not FieldType.URL and field.derived_from is None
    ]


def as_told(frame: pl.DataFrame, layer: Layer) -> list[pl.Expr]:
    """The telling fields of a slice's frame in the form in which features are compared: text without regard to case
    and outer space, numbers as numbers, codes in one text."""
    return [_as_told(frame, name).alias(name) for name in telling_fields(layer)]


def recognise(layer: Layer, new: Side, held: Side, manner: Manner) -> pl.DataFrame:
    """Pairs of `place` and `fid` of those that are the same feature."""
    new, held = _compared(new, held)
    pairs = [_exact(new, held)]
    numbers = [name for name, field in layer.fields.items() if field.national or field.type is FieldType.UPRN]
    numbers = [name for name in numbers if name in new.frame.columns]
    rounds = (
        lambda a, b: _numbered(a, b, numbers),
        lambda a, b: _alike(a, b, near_pairs(a, b, manner.near_m)),
        same_name_pairs,
        same_name_areas,
        lambda a, b: _agreeing(a, b, near_pairs(a, b, manner.near_m), manner),
    )
    for candidates in rounds:
        new, held = new.without(pairs[-1]["place"]), held.without(pairs[-1]["fid"])
        if new.frame.is_empty() or held.frame.is_empty():
            break
        pairs.append(_settled(_not_contradicted(new, held, candidates(new, held), numbers), manner))
    return pl.concat(pairs)


def merged(new: Side, held: Side) -> pl.DataFrame:
    """For each of `held` the `place` in `new` that it became one with, where it has that one's name and lies near or
    says exactly what it says: `fid` and `place`. None may be in more than one."""
    new, held = _compared(new, held)
    if new.frame.is_empty() or held.frame.is_empty():
        return pl.DataFrame(schema=PAIRS)
    alike = _alike(new, held, near_pairs(new, held, WIDE_M))
    found = pl.concat([alike, same_name_pairs(new, held)]).sort("metres", "place")
    return found.unique("fid", keep="first", maintain_order=True).select("place", "fid")


def _as_told(frame: pl.DataFrame, name: str) -> pl.Expr:
    kind = frame.schema[name]
    column = pl.col(name)
    if isinstance(kind, pl.List):
        return column.list.join("\x1f").str.to_lowercase()
    if kind == pl.String:
        return column.str.strip_chars().str.to_lowercase()
    if kind == pl.Null:
        return column.cast(pl.String)
    return column.cast(pl.Float64).round(6)


def _compared(new: Side, held: Side) -> tuple[Side, Side]:
    """Both sides with the fields that both have filled, and `said`, a digest of those."""
    fields = [name for name in new.frame.columns if name not in ("id", "key")]
    fields = [n for n in fields if all(_is_filled(side.frame[n]) for side in (new, held))]
    stamps = [n for n in fields if n.endswith("_date") and all(side.frame[n].n_unique() == 1 for side in (new, held))]
    fields = [name for name in fields if name not in stamps or len(new.frame) == 1]
    return _digested(new, fields), _digested(held, fields)


def _is_filled(values: pl.Series) -> bool:
    return values.null_count() < len(values)


def _digested(side: Side, fields: list[str]) -> Side:
    told = side.frame.select(fields)
    said = told.hash_rows(seed=0) if fields else pl.Series([0] * side.frame.height, dtype=pl.UInt64)
    filled = pl.any_horizontal(pl.col(fields).is_not_null()) if fields else pl.lit(False)
    return Side(side.frame.select("id", "key", *fields, filled.alias("is_told"), said=said), side.shapes)


def _exact(new: Side, held: Side) -> pl.DataFrame:
    """What says the same at exactly the same place. Several that do cannot be told apart, and are taken in the order of
    their keys."""
    ours, theirs = (
        side.frame.select("id", "key", "said", shape=well_known(side.shapes).hash(seed=0))
        .sort("key")
        .with_columns(number=pl.int_range(pl.len()).over("said", "shape"))
        for side in (new, held)
    )
    both = ours.join(theirs, on=["said", "shape", "number"])
    return both.select(place="id", fid="id_right")


def _numbered(new: Side, held: Side, numbers: list[str]) -> pl.DataFrame:
    """Candidates that have the same national number, which no other one has on either side."""
    found = []
    for name in numbers:
        ours, theirs = (
            side.frame.select("id", name, *_middle(side)).filter(
                pl.col(name).is_not_null() & ~pl.col(name).is_duplicated()
            )
            for side in (new, held)
        )
        both = ours.join(theirs, on=name)
        metres = ((pl.col("x") - pl.col("x_right")) ** 2 + (pl.col("y") - pl.col("y_right")) ** 2).sqrt()
        found.append(both.select(place="id", fid="id_right", metres=metres).filter(pl.col("metres") <= NUMBERED_M))
    empty = pl.DataFrame(schema={**PAIRS, "metres": pl.Float64})
    return pl.concat([empty, *found]).unique(["place", "fid"], maintain_order=True)


def _middle(side: Side) -> list[pl.Series]:
    """Metres east and north, near enough for a comparison."""
    middle = shapely.get_coordinates(shapely.centroid(side.shapes))
    along = np.cos(np.radians(middle[:, 1])) * 111_320
    return [pl.Series("x", middle[:, 0] * along), pl.Series("y", middle[:, 1] * 111_320)]


def _alike(new: Side, held: Side, pairs: pl.DataFrame) -> pl.DataFrame:
    """Of the pairs those that say the same; where nothing is said, those that are as good as at the same place."""
    both = _beside(new, held, pairs, ["said", "is_told"])
    same = (pl.col("said") == pl.col("said_right")) & (pl.col("is_told") | (pl.col("metres") <= JITTER_M))
    return both.filter(same).select(pairs.columns)


def _agreeing(new: Side, held: Side, pairs: pl.DataFrame, manner: Manner) -> pl.DataFrame:
    """Of the pairs those of which enough fields say the same, and areas that are drawn alike."""
    if manner.fingerprint:
        return pairs
    areas = held.frame["id"].filter(pl.Series(shapely.get_dimensions(held.shapes) == 2))
    drawn = pairs.filter((pl.col("metres") <= DRAWN_ALIKE) & pl.col("fid").is_in(areas.implode()))
    return pl.concat([drawn, _saying_the_same(new, held, pairs.join(drawn, on=["place", "fid"], how="anti"))])


def _saying_the_same(new: Side, held: Side, pairs: pl.DataFrame) -> pl.DataFrame:
    """Of the pairs those of which enough of the fields that both have say the same."""
    fields = [name for name in new.frame.columns if name not in ("id", "key", "said", "is_told")]
    if not fields:
        return pairs.filter(pl.col("metres") <= JITTER_M)
    both = _beside(new, held, pairs, fields)
    same = reduce(lambda a, b: a + b, ((pl.col(n) == pl.col(f"{n}_right")).fill_null(False).cast(int) for n in fields))
    filled = reduce(
        lambda a, b: a + b, ((pl.col(n).is_not_null() & pl.col(f"{n}_right").is_not_null()).cast(int) for n in fields)
    )
    enough = (filled > 0) & (same >= filled * AGREEMENT)
    return both.filter(enough).select(pairs.columns)


def _not_contradicted(new: Side, held: Side, pairs: pl.DataFrame, numbers: list[str]) -> pl.DataFrame:
    """The pairs of which no national number differs."""
    numbers = [name for name in numbers if name in new.frame.columns]
    if not numbers or pairs.is_empty():
        return pairs
    both = _beside(new, held, pairs, numbers)
    differ = pl.any_horizontal((pl.col(name) != pl.col(f"{name}_right")).fill_null(False) for name in numbers)
    return both.filter(~differ).select(pairs.columns)


def _beside(new: Side, held: Side, pairs: pl.DataFrame, columns: list[str]) -> pl.DataFrame:
    """The pairs with these columns of both, those of the held one named with `_right`."""
    ours = new.frame.select(pl.col("id").alias("place"), *columns)
    theirs = held.frame.select(pl.col("id").alias("fid"), *(pl.col(name).alias(f"{name}_right") for name in columns))
    return pairs.join(ours, on="place").join(theirs, on="fid")


def _settled(pairs: pl.DataFrame, manner: Manner) -> pl.DataFrame:
    """The pairs in which each is the other's best, and no second one nearly so good."""
    if pairs.is_empty():
        return pl.DataFrame(schema=PAIRS)
    metres = pl.col("metres")
    seen = pairs.with_columns(
        *(metres.min().over(side).alias(f"best_{side}") for side in ("place", "fid")),
    ).with_columns(
        *((metres <= pl.col(f"best_{side}") + _AMBIGUOUS_M).sum().over(side).alias(f"near_{side}") for side in PAIRS)
    )
    one_new = pl.col("near_fid") == 1
    if manner.merging:
        # Several old ones that have but this new one became one: it keeps the id of the oldest.
        contenders = seen.filter(one_new & (metres == pl.col("best_fid")))
        oldest = contenders.sort("metres", "fid").unique("place", keep="first", maintain_order=True)
        return oldest.select("place", "fid")
    best = (metres == pl.col("best_place")) & (metres == pl.col("best_fid"))
    return seen.filter(best & one_new & (pl.col("near_place") == 1)).select("place", "fid")


__all__ = ["NAMED_M", "Manner", "Side", "as_told", "merged", "recognise", "telling_fields"]
