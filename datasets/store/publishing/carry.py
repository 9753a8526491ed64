"""Carrying ids over to features whose keys changed, while a slice is published: what of the layer is read for that, and
what it makes of the changes. Who is who is `identity`'s to say."""

from dataclasses import replace

import numpy as np
import polars as pl
import shapely
from numpy.typing import NDArray

from datasets.layer import Layer
from datasets.store.publishing.compare import Changes
from datasets.store.publishing.identity import CLOSE_M, WIDE_M, Manner, Side, as_told, merged, recognise
from datasets.store.publishing.minting import Read
from datasets.store.publishing.slices import Slice
from datasets.vocabulary import FieldType, Operation, Rung

_LOOKS = (Rung.NATURAL.value, Rung.NATURAL_WITH_PLACE.value, Rung.FINGERPRINT.value)
"""Rungs whose keys change when what they are made of is mended."""

_NUMBERS = (FieldType.INTEGER, FieldType.DECIMAL, FieldType.MONEY)
_NONE = pl.DataFrame(schema={"place": pl.Int64, "fid": pl.Int64})


def carry(
    read: Read, values: dict[str, object], layer: Layer, new: Slice, changes: Changes, standing: int
) -> tuple[Changes, pl.DataFrame]:
    """The changes where features are known again whose keys changed, of `standing` that the feed holds; and, where the
    rung changed, `fid` and `into`: old features that became one with another."""
    if not len(changes.new) or changes.lacking.is_empty():
        return changes, _NONE.rename({"place": "into"})
    migrates = bool((changes.lacking["is_other_rung"] == 1).any())
    arrived = _arrived(layer, new, changes.new)
    fields = [name for name in arrived.frame.columns if name not in ("id", "key")]
    held = _held(read, values, layer, changes.lacking["fid"], fields)
    rungs = set(new.frame["rung"].head(1)) | set(changes.lacking["rung"].unique())
    most = changes.lacking.height * 2 > standing
    manner = Manner(
        near_m=WIDE_M if migrates or most or rungs & set(_LOOKS) else CLOSE_M,
        fingerprint=rungs == {Rung.FINGERPRINT.value},
        merging=migrates,
    )
    pairs = recognise(layer, arrived, held, manner)
    became_one = _NONE.rename({"place": "into"})
    if migrates and new.complete:
        left = held.without(pairs["fid"])
        found = merged(arrived.only(pairs["place"]), left)
        became_one = found.join(pairs.select("place", into="fid"), on="place").select("fid", "into")
    return _carried(changes, pairs), became_one


def _carried(changes: Changes, pairs: pl.DataFrame) -> Changes:
    """The changes in which each pair is one feature that changed."""
    missing = changes.lacking.filter(pl.col("is_missing") == 1)["fid"]
    is_back = pl.col("fid").is_in(missing.implode())
    op = pl.when(is_back).then(pl.lit(Operation.RESTORE.value)).otherwise(pl.lit(Operation.UPDATE.value))
    moved = pairs.select("place", "fid", op=op)
    known = np.isin(changes.new, pairs["place"].to_numpy())
    return replace(
        changes,
        new=changes.new[~known],
        changed=pl.concat([changes.changed, moved]),
        gone=changes.gone.join(pairs, on="fid", how="anti"),
        lacking=changes.lacking.join(pairs, on="fid", how="anti"),
        moved=pairs["fid"],
    )


def _arrived(layer: Layer, new: Slice, places: NDArray[np.int64]) -> Side:
    """The new features of the slice, with the telling fields of which at least one has a value."""
    rows = new.frame[places]
    told = rows.select(pl.Series("id", places), "key", *as_told(rows, layer))
    filled = [name for name in told.columns if name in ("id", "key") or told[name].null_count() < told.height]
    return Side(told.select(filled), new.geometry[places])


def _held(read: Read, values: dict[str, object], layer: Layer, fids: pl.Series, fields: list[str]) -> Side:
    """The held features that the slice lacks, as the slice's are told."""
    kinds = {name: _in_sql(name, layer.fields[name].type) for name in fields}
    schema = {"id": pl.Int64(), "key": pl.String(), **{name: kind for name, (kind, _) in kinds.items()}}
    columns = ["fid", "key", *(expression for _, expression in kinds.values()), "encode(ST_AsBinary(geom), 'hex')"]
    values["lacking"] = "{" + fids.cast(pl.String).str.join(",").item() + "}"
    query = (
        f"SELECT {', '.join(columns)} FROM unnest(%(lacking)s::bigint[]) AS lacking (fid) JOIN {{table}} USING (fid)"  # noqa: S608
    )
    frame = read(query, pl.Schema({**schema, "geom": pl.String()}))
    shapes = shapely.from_wkb(frame["geom"].str.decode("hex").to_numpy())
    texts = [name for name, (kind, _) in kinds.items() if kind == pl.String]
    plain = frame.drop("geom").with_columns(
        *(pl.col(name).str.strip_chars().str.to_lowercase() for name in texts),
        *(pl.col(name).round(6) for name, (kind, _) in kinds.items() if kind == pl.Float64),
    )
    return Side(plain, np.asarray(shapes, dtype=np.object_))


def _in_sql(name: str, kind: FieldType) -> tuple[pl.DataType, str]:
    if kind is FieldType.CODES:
        return pl.String(), f"array_to_string(\"{name}\", E'\\x1f')"
    if kind is FieldType.FLAG:
        return pl.Float64(), f'"{name}"::int::float8'
    return (pl.Float64(), f'"{name}"::float8') if kind in _NUMBERS else (pl.String(), f'"{name}"')
