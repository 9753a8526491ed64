"""GeoParquet, read by Polars: its columns are typed already, its geometry is WKB and its CRS stands in `geo`."""

import json
from typing import Any

import numpy as np
import polars as pl
import shapely

from datasets.errors import RunFailed
from harvesters.batch import DeclaredCrs, Geometries, Opened
from harvesters.formats.crs import declared
from harvesters.formats.features import build_features
from harvesters.formats.source import Source
from harvesters.formats.table import Grid, build_table
from harvesters.formats.values import column_as_text


def read_parquet(source: Source) -> Opened:
    """The features of a GeoParquet file, or the rows of a Parquet file without geometry."""
    try:
        facts = json.loads(pl.read_parquet_metadata(source.path).get("geo") or "{}")
        frame = pl.read_parquet(source.path)
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError, ValueError) as error:
        cut = source.path.read_bytes()[-4:] != b"PAR1"
        raise RunFailed(
            "E-TRUNCATED" if cut else "E-FORMAT", f"{source.name} cannot be read as Parquet: {str(error)[:200]}."
        ) from None
    primary = facts.get("primary_column") or next(iter(facts.get("columns") or {}), None)
    if primary is None or primary not in frame.columns:
        cells = _texts(frame, set())
        return build_table(Grid(cells, frame.columns, first_row=1), format="Parquet", encoding="utf-8")
    about = facts["columns"].get(primary, {})
    geometry, unreadable = _geometries(frame[primary], about.get("encoding", "WKB"), source)
    others = set(facts["columns"]) | ({"bbox"} if "bbox" in (about.get("covering") or {}) else set())
    return build_features(
        _texts(frame, others),
        geometry,
        format="GeoParquet",
        crs=_crs(about),
        issues=[],
        unreadable=unreadable,
        encoding="utf-8",
    )


def _texts(frame: pl.DataFrame, without: set[str]) -> pl.DataFrame:
    return pl.DataFrame([column_as_text(frame[name]) for name in frame.columns if name not in without])


def _crs(about: dict[str, Any]) -> DeclaredCrs | None:
    if "crs" not in about:
        return DeclaredCrs(4326, "GeoParquet default", "OGC:CRS84")
    stated = about["crs"]
    if stated is None:
        return None
    identity = stated.get("id") if isinstance(stated, dict) else None
    if isinstance(identity, dict) and {"authority", "code"} <= set(identity):
        return declared(f"{identity['authority']}:{identity['code']}", "geo metadata")
    return declared(json.dumps(stated), "geo metadata")


def _geometries(column: pl.Series, encoding: str, source: Source) -> tuple[Geometries, list[int]]:
    if encoding.upper() == "WKB" and column.dtype == pl.Binary:
        wkb = column.to_numpy()
        geometry: Geometries = shapely.from_wkb(wkb, on_invalid="ignore")
        written = np.array([value is not None for value in wkb], dtype=bool)
        unreadable = np.flatnonzero(written & shapely.is_missing(geometry)).tolist()
        geometry[shapely.is_empty(geometry)] = None
        return geometry, unreadable
    if encoding == "point" and isinstance(column.dtype, pl.Struct):
        parts = column.struct.unnest()
        geometry = np.full(len(column), None, dtype=object)
        known = (parts["x"].is_not_null() & parts["y"].is_not_null()).to_numpy()
        geometry[known] = shapely.points(parts["x"].to_numpy()[known], parts["y"].to_numpy()[known])
        return geometry, []
    raise RunFailed("E-FORMAT", f"{source.name} keeps its shapes as {encoding}, which is not read; write them as WKB.")
