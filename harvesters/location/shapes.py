"""Shapes written as text in a column: WKT, EWKT, hexadecimal WKB, GeoJSON."""

import warnings
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import polars as pl
import pyogrio.raw
import shapely

from harvesters.batch import Geometries
from harvesters.location.numbers import Mask

_KIND = r'"type"\s*:\s*"(?:Multi)?(?:Point|LineString|Polygon)"'
_WKT = (
    r"(?i)^(?:SRID=\d+;)?\s*(?:MULTI|CURVE|COMPOUND|CIRCULAR|GEOMETRY)?"
    r"(?:POINT|LINESTRING|POLYGON|CURVE|SURFACE|STRING|COLLECTION)\s*(?:Z|M|ZM)?\s*\("
)
_GEOJSON = rf'^\{{.*{_KIND}.*"coordinates"|^\{{.*"coordinates".*{_KIND}'
_HEX = r"^(?i:0[01](?:0[0-9A-F]{7}|[0-9A-F]{6}[02468ACE]0)[0-9A-F]{16,})$"
_CURVED = r"(?i)CURVE|CIRCULAR|SURFACE"

SHAPE_TEXT = f"(?:{_WKT})|(?:{_GEOJSON})|(?:{_HEX})"
"""What a cell with a shape looks like."""


def read_shapes(text: pl.Series) -> tuple[Geometries, int | None, Mask, int]:
    """The shape in each text (None where there is none), the SRID that most of them state, which texts have
    something that is no shape, and how many shapes had curves, which become short lines."""
    bare = text.str.strip_chars()
    srids = bare.str.extract(r"(?i)^SRID=(\d+);", 1).cast(pl.Int64)
    bare = bare.str.replace(r"(?i)^SRID=\d+;\s*", "")
    shapes = np.full(len(text), None, dtype=np.object_)
    curved = bare.str.contains(_CURVED).fill_null(False).to_numpy()
    json = bare.str.starts_with("{").fill_null(False).to_numpy()
    hexadecimal = bare.str.contains(_HEX).fill_null(False).to_numpy()
    plain = ~(json | hexadecimal | curved) & bare.is_not_null().to_numpy()
    words = bare.to_numpy()
    shapes[plain] = shapely.from_wkt(words[plain], on_invalid="fix")
    shapes[json] = shapely.from_geojson(words[json], on_invalid="ignore")
    shapes[hexadecimal] = shapely.from_wkb(words[hexadecimal], on_invalid="fix")
    shapes[curved] = _without_curves(words[curved])
    refused = (bare.str.len_chars() > 0).fill_null(False).to_numpy() & shapely.is_missing(shapes)
    return shapes, _commonest_srid(srids, shapes[hexadecimal]), refused, int(curved.sum())


def _commonest_srid(stated: pl.Series, from_wkb: Geometries) -> int | None:
    inside = shapely.get_srid(from_wkb[~shapely.is_missing(from_wkb)])
    every = [*stated.drop_nulls().to_list(), *(int(srid) for srid in inside if srid > 0)]
    return max(set(every), key=every.count) if every else None


def _without_curves(words: Geometries) -> Geometries:
    """Curved WKT through GDAL, which draws curves as short lines; GEOS has no curves. GDAL knows a CSV by its name."""
    if not len(words):
        return words
    with TemporaryDirectory() as folder:
        sheet = Path(folder) / "curves.csv"
        pl.DataFrame({"id": range(len(words)), "WKT": pl.Series(words, dtype=pl.String)}).write_csv(sheet)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)
            _, _, wkb, _ = pyogrio.raw.read(sheet)
    return np.asarray(shapely.from_wkb(wkb, on_invalid="fix"), dtype=np.object_)
