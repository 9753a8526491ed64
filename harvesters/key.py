"""The key stage: how a feed's features are told apart from one harvest to the next.

The ladder of identity: the council's own reference, a national number, the layer's natural key, and last a
fingerprint of the whole feature. The first rung that is filled and unique over the whole file is used.
"""

import hashlib

import polars as pl
import shapely

from datasets.issues import Issues, feed_issue, row_issues
from datasets.layer import Layer
from datasets.vocabulary import Action, Rung
from harvesters.batch import ROW_NO, Batch

TOLERATED = 0.005
"""Share of rows that may lack or repeat a key before the next rung is tried."""
TOLERATED_AGAIN = 0.02
"""The same for the rung used last time: a few bad rows must not change every key."""


def key(batch: Batch, layer: Layer, last: Rung | None = None) -> tuple[Batch, Rung, Issues]:
    """The batch with columns `key` (unique) and `rung`; exact repeats of a row are dropped, each with an issue.

    `last` is the rung of the last publish.
    """
    batch, issues = _without_repeats(batch, layer)
    candidates = _candidates(batch, layer)
    rung = next((r for r, keys in candidates.items() if r is last and _fault(keys) <= TOLERATED_AGAIN), None)
    rung = rung or next((r for r, keys in candidates.items() if _fault(keys) <= TOLERATED), Rung.FINGERPRINT)
    issues += _reference_issues(batch, rung)
    keys = candidates.get(rung)
    if keys is None:
        keys = _fingerprint(batch)
        message = "No reference, number or name is unique."
        issues.append(feed_issue("weak-identity", message, action=Action.KEPT, count=len(keys)))
    elif keys.null_count():
        keys = pl.select(pl.coalesce(keys, _fingerprint(batch))).to_series()
    return batch.with_columns(key=_counted(keys, batch, layer), rung=pl.lit(rung.value)), rung, issues


def _candidates(batch: Batch, layer: Layer) -> dict[Rung, pl.Series]:
    frame = batch.frame
    found = {}
    if "reference" in frame.columns:
        found[Rung.REFERENCE] = _plain(frame["reference"])
    if "uprn" in frame.columns:
        found[Rung.NATIONAL] = frame["uprn"]
    named = [_plain(frame[name]) for name in layer.natural_key if name in frame.columns]
    if named:
        joined = pl.concat_str([part.fill_null("") for part in named], separator="|")
        name = pl.select(pl.when(joined.str.strip_chars("|") != "").then(joined)).to_series()
        found[Rung.NATURAL] = name if _fault(name) <= TOLERATED else name + "@" + _cell(batch)
    return found


def _plain(values: pl.Series) -> pl.Series:
    """Case and outer space folded, punctuation kept: TPO/1/2 is not TPO12."""
    return values.str.strip_chars().str.to_lowercase()


def _fault(keys: pl.Series) -> float:
    """The share of rows without a key of their own."""
    filled = keys.drop_nulls()
    return 1.0 if filled.is_empty() else 1 - filled.n_unique() / len(keys)


def _cell(batch: Batch) -> pl.Series:
    """The cell of about 25 m that the feature's middle lies in."""
    middle = shapely.centroid(batch.geometry)
    lon = pl.Series((shapely.get_x(middle) * 2_500).round()).cast(pl.Int64).cast(pl.String)
    lat = pl.Series((shapely.get_y(middle) * 4_000).round()).cast(pl.Int64).cast(pl.String)
    return lon + "," + lat


def _fingerprint(batch: Batch) -> pl.Series:
    """A digest of every field and the shape."""
    fields = [pl.col(name).cast(pl.String).fill_null("") for name in _content(batch)]
    text = batch.frame.select(pl.concat_str(fields, separator="\x1f")).to_series()
    shapes = shapely.to_wkb(batch.geometry)
    digests = (hashlib.sha256(t.encode() + s).hexdigest()[:24] for t, s in zip(text, shapes, strict=True))
    return pl.Series("key", list(digests), dtype=pl.String)


def _content(batch: Batch) -> list[str]:
    """Columns that say what the feature is, not where its row stood."""
    scalar = [n for n, t in batch.frame.schema.items() if n not in (ROW_NO, "placed", "outside_m", "key", "rung")]
    return [name for name in scalar if not isinstance(batch.frame.schema[name], pl.List)]


def _counted(keys: pl.Series, batch: Batch, layer: Layer) -> pl.Series:
    """Repeated keys get a counter, so that each row keeps a key of its own; counted by what the rows say, not by where
    they stand, because files are sorted anew between two harvests."""
    repeated = keys.is_duplicated()
    if not repeated.any():
        return keys
    rows = batch.keep(repeated)
    names = [pl.col(name).fill_null("") for name in layer.natural_key if name in rows.frame.columns]
    order = rows.frame.select(key=keys.filter(repeated), said=pl.concat_str([*names, _fingerprint(rows)]))
    place = order.select(pl.col("said").rank("ordinal").over("key")).to_series()
    counted = pl.col("key") + "#" + place.cast(pl.String)
    told = order.select(pl.when(place > 1).then(counted).otherwise("key")).to_series()
    return keys.scatter(repeated.arg_true(), told)


def _without_repeats(batch: Batch, layer: Layer) -> tuple[Batch, Issues]:
    """Rows that say exactly what an earlier row says are dropped, where the row names what it is about."""
    names = [name for name in layer.natural_key if name in batch.frame.columns]
    if not names or batch.frame.is_empty():
        return batch, []
    likely = batch.frame.select(_content(batch)).is_duplicated()
    if not likely.any():
        return batch, []
    prints = pl.Series([None] * len(likely), dtype=pl.String)
    some = Batch(batch.frame.filter(likely), batch.geometry[likely.to_numpy()])  # type: ignore[index]
    prints = prints.scatter(likely.arg_true(), _fingerprint(some))
    named = batch.frame.select(pl.any_horizontal(pl.col(names).is_not_null())).to_series()
    repeat = prints.is_not_null() & named & ~prints.is_first_distinct()
    if not repeat.any():
        return batch, []
    issue = row_issues("duplicate row", batch.frame[ROW_NO].filter(repeat), action=Action.DROPPED)
    return batch.keep(~repeat), [issue]


def _reference_issues(batch: Batch, rung: Rung) -> Issues:
    """What is wrong with the reference column, where there is one."""
    if "reference" not in batch.frame.columns or batch.frame["reference"].null_count() == batch.frame.height:
        return []
    reference, rows = batch.frame["reference"], batch.frame[ROW_NO]
    issues: Issues = []
    empty = reference.is_null()
    if empty.any():
        issues.append(row_issues("reference missing", rows.filter(empty), action=Action.KEPT, field="reference"))
    repeated = _plain(reference).is_duplicated() & ~empty
    if repeated.any():
        values = reference.filter(repeated)
        issues.append(
            row_issues(
                "reference not unique", rows.filter(repeated), action=Action.KEPT, field="reference", values=values
            )
        )
    return issues
