"""The key stage: how a feed's features are told apart from one harvest to the next.

The ladder of identity: the council's own reference, the platform's lasting key, a national number, the layer's natural
key, and last a fingerprint of the whole feature. The first rung that is filled and unique over the whole file is used.
"""

import hashlib

import polars as pl
import shapely

from datasets.issues import Issues, feed_issue, row_issues
from datasets.layer import Layer
from datasets.vocabulary import Action, FieldType, Rung
from harvesters.batch import ROW_NO, Batch, Opened
from harvesters.lasting import is_filled, is_made_up, persistent_key

_OURS = (ROW_NO, "placed", "outside_m", "precision_m", "key", "rung")
"""Columns that say where a row stood or how it was read, not what the feature is."""

TOLERATED = 0.005
"""Share of rows that may lack or repeat a key before the next rung is tried."""
TOLERATED_AGAIN = 0.02
"""The same for the rung used last time: a few bad rows must not change every key."""


def key(
    batch: Batch, layer: Layer, last: Rung | None = None, opened: Opened | None = None
) -> tuple[Batch, Rung, Issues]:
    """The batch with columns `key` (unique) and `rung`; exact repeats of a row are dropped, each with an issue.

    `last` is the rung of the last publish; a key of the platform's own is looked for in the columns of `opened`.
    """
    batch, issues = _without_repeats(batch, layer)
    rung, keys, fault = _choose(batch, layer, last, opened)
    unique = fault == 0
    if not (unique and rung is Rung.REFERENCE):
        issues += _reference_issues(batch)
    if keys is None:
        keys = _fingerprint(batch)
        message = "No reference, number or name is unique."
        issues.append(feed_issue("weak-identity", message, action=Action.KEPT, count=len(keys)))
    elif keys.null_count():
        keys = pl.select(pl.coalesce(keys, _fingerprint(batch))).to_series()
    keys = keys if unique else _counted(keys, batch, layer)
    return batch.with_columns(key=keys, rung=pl.lit(rung.value)), rung, issues


def _choose(
    batch: Batch, layer: Layer, last: Rung | None, opened: Opened | None
) -> tuple[Rung, pl.Series | None, float]:
    """The first rung that tells the rows apart, with its keys and their fault; costly ones are made only if it comes
    to them."""
    ladder = {
        Rung.REFERENCE: _by_reference,
        Rung.PLATFORM: lambda batch, _: persistent_key(batch, opened),
        Rung.NATIONAL: _by_number,
        Rung.NATURAL: _by_natural_key,
        Rung.NATURAL_WITH_PLACE: _by_natural_key_and_place,
    }
    tried = [(last, TOLERATED_AGAIN)] if last in ladder else []
    for rung, tolerated in (*tried, *((rung, TOLERATED) for rung in ladder)):
        keys = ladder[rung](batch, layer)
        if keys is not None and (fault := _fault(keys)) <= tolerated:
            return rung, keys, fault
    return Rung.FINGERPRINT, None, 1.0


def _by_reference(batch: Batch, layer: Layer) -> pl.Series | None:
    if "reference" not in batch.frame.columns or is_made_up(batch.frame["reference"]):
        return None
    return _plain(batch.frame["reference"])


def _by_number(batch: Batch, layer: Layer) -> pl.Series | None:
    """The first national number that tells the rows apart; else the one that fails least."""
    names = [name for name, field in layer.fields.items() if field.national or field.type is FieldType.UPRN]
    filled = [batch.frame[name] for name in names if name in batch.frame.columns and is_filled(batch.frame[name])]
    if not filled:
        return None
    return next((values for values in filled if _fault(values) <= TOLERATED), min(filled, key=_fault))


def _by_natural_key(batch: Batch, layer: Layer) -> pl.Series | None:
    """The layer's natural key."""
    named = [_plain(batch.frame[name]) for name in layer.natural_key if name in batch.frame.columns]
    if not named:
        return None
    joined = pl.concat_str([part.fill_null("") for part in named], separator="|")
    return pl.select(pl.when(joined.str.strip_chars("|") != "").then(joined)).to_series()


def _by_natural_key_and_place(batch: Batch, layer: Layer) -> pl.Series | None:
    """The natural key with the place, for things that share a name; a rung of its own, because every key differs."""
    name = _by_natural_key(batch, layer)
    return None if name is None else name + "@" + _cell(batch)


def _plain(values: pl.Series) -> pl.Series:
    """Case and outer space folded, punctuation kept: TPO/1/2 is not TPO12."""
    return values.cast(pl.String).str.strip_chars().str.to_lowercase()


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
    scalar = [n for n, t in batch.frame.schema.items() if n not in _OURS]
    return [name for name in scalar if not isinstance(batch.frame.schema[name], pl.List)]


def _counted(keys: pl.Series, batch: Batch, layer: Layer) -> pl.Series:
    """Repeated keys get a counter, so that each row keeps a key of its own; counted by what the rows say, not by where
    they stand, because files are sorted anew between two harvests."""
    repeated = keys.is_duplicated()
    if not repeated.any():
        return keys
    rows = batch.keep(repeated)
    names = [pl.col(name).cast(pl.String).fill_null("") for name in layer.natural_key if name in rows.frame.columns]
    order = rows.frame.select(key=keys.filter(repeated), said=pl.concat_str([*names, _fingerprint(rows)]))
    place = order.select(pl.col("said").rank("ordinal").over("key")).to_series()
    # No cell of a file holds this separator, so a counted key is never another row's own.
    counted = pl.col("key") + "\x1f" + place.cast(pl.String)
    told = order.select(pl.when(place > 1).then(counted).otherwise("key")).to_series()
    return keys.scatter(repeated.arg_true(), told)


def _without_repeats(batch: Batch, layer: Layer) -> tuple[Batch, Issues]:
    """Rows that say exactly what an earlier row says are dropped, where the row names what it is about."""
    names = [name for name in layer.natural_key if name in batch.frame.columns]
    if not names or batch.frame.is_empty():
        return batch, []
    likely = _alike(batch)
    if not likely.any():
        return batch, []
    prints = pl.Series([None] * len(likely), dtype=pl.String)
    some = Batch(batch.frame.filter(likely), batch.geometry[likely.to_numpy()])  # type: ignore[index]
    prints = prints.scatter(likely.arg_true(), _fingerprint(some))
    named = batch.frame.select(pl.any_horizontal(pl.col(names).is_not_null())).to_series()
    repeat = prints.is_not_null() & named & ~prints.is_first_distinct()
    if not repeat.any():
        return batch, []
    message = "In every column that is used it says what an earlier row says."
    issue = row_issues("duplicate row", batch.frame[ROW_NO].filter(repeat), action=Action.DROPPED, message=message)
    return batch.keep(~repeat), [issue]


def _alike(batch: Batch) -> pl.Series:
    """Which rows have the same values as another. Rows with different references cannot, and that is quick to see."""
    some = batch.frame[ROW_NO].is_not_null()
    if "reference" in batch.frame.columns:
        some = batch.frame["reference"].is_duplicated()
    if not some.any():
        return some
    return some.scatter(some.arg_true(), batch.frame.filter(some).select(_content(batch)).is_duplicated())


def _reference_issues(batch: Batch) -> Issues:
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
