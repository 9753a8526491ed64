"""Everything that goes through GDAL: local files only, one expected driver, columns as text and geometry beside.

Separate so that what GDAL may do is said in one place.
"""

import ctypes
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pyogrio
import shapely
from numpy.typing import NDArray
from pyogrio import _ogr
from pyogrio.raw import open_arrow, read

from datasets.errors import RunFailed
from harvesters.batch import Geometries
from harvesters.formats.source import HEAD_BYTES, Source
from harvesters.formats.values import column_as_text

NO_NETWORK = {
    "CPL_VSIL_CURL_ALLOWED_EXTENSIONS": ".none",
    "CPL_VSIL_CURL_ALLOWED_FILENAME": "none",
    "GDAL_HTTP_PROXY": "127.0.0.1:1",
    "GDAL_HTTP_CONNECTTIMEOUT": "1",
    "GDAL_HTTP_TIMEOUT": "1",
    "GDAL_HTTP_MAX_RETRY": "0",
    "GML_SKIP_RESOLVE_ELEMS": "ALL",
    "GML_FIELDTYPES": "ALWAYS_STRING",
    "OGR_SQLITE_LOAD_EXTENSIONS": "NONE",
    "SHAPE_RESTORE_SHX": "YES",
}
DRIVERS = ("ESRI Shapefile", "MapInfo File", "GPKG", "FlatGeobuf", "GML", "LIBKML")
OTHER_DRIVERS = re.compile(
    rb"<(OGRVRT|VRTDataset|OGRWFS|GDALTileIndex|GDAL_WMS|WFS_Capabilities|wfs:WFS_Capabilities|OGRVRTLayer)|gdalg", re.I
)


@dataclass(frozen=True)
class LayerName:
    """A layer of a file; `is_spatial` when it has geometry. `columns` as GDAL names them."""

    name: str
    is_spatial: bool
    columns: tuple[str, ...]


@dataclass(frozen=True)
class LayerRead:
    """One layer as text columns, geometries (None where there is none or it cannot be read) and the CRS as GDAL
    words it. `curves` counts shapes with curves, which are short lines now."""

    name: str
    columns: pl.DataFrame
    geometry: Geometries
    unreadable: list[int]
    crs: str | None
    curves: int = 0


def forget_other_drivers() -> None:
    """From now on GDAL knows only the drivers of `DRIVERS`, in the whole program and its forks. For processes that read
    strangers' files; pyogrio has no word for it, but what it is built on has."""
    library = ctypes.CDLL(_ogr.__file__)
    library.GDALGetDriver.restype = library.GDALGetDriverByName.restype = ctypes.c_void_p
    wanted = {library.GDALGetDriverByName(name.encode()) for name in DRIVERS}
    known = [library.GDALGetDriver(number) for number in range(library.GDALGetDriverCount())]
    for driver in known:
        if driver not in wanted:
            library.GDALDeregisterDriver(ctypes.c_void_p(driver))


def list_layers(path: Path, source: Source, driver: str, **options: str) -> list[LayerName]:
    """The layers of the file at `path`, once it is sure that only `driver` will read it."""
    with path.open("rb") as file:
        if OTHER_DRIVERS.search(file.read(HEAD_BYTES)):
            raise RunFailed("E-FORMAT", f"{source.name} refers to data elsewhere, which is not accepted.")
    with _quiet(source):
        names = [(str(name), kind is not None) for name, kind in pyogrio.list_layers(path)]
        found = []
        for name, is_spatial in names:
            facts = pyogrio.read_info(path, layer=name, **options)
            if facts["driver"] != driver:
                raise RunFailed("E-FORMAT", f"{source.name} is not the {driver} file that it looks like.")
            found.append(LayerName(name, is_spatial, tuple(str(column) for column in facts["fields"])))
    return found


def read_layer(
    path: Path, source: Source, layer: LayerName, *, encoding: str | None = None, **options: str
) -> LayerRead:
    """All features of one layer, in the order of the file."""
    with _quiet(source):
        recoded = encoding not in (None, "UTF-8") and path.suffix != ".shp"
        if recoded or len(set(layer.columns)) < len(layer.columns):
            return _read_plainly(path, layer, encoding, options)
        with open_arrow(path, layer=layer.name, encoding=encoding, datetime_as_string=True, **options) as (
            facts,
            stream,
        ):
            frame = pl.DataFrame(stream)
    shapes = facts["geometry_name"] or "wkb_geometry"
    dated = [str(n) for n, kind in zip(facts["fields"], facts["dtypes"], strict=True) if "datetime" in str(kind)]
    columns = [_without_midnight(frame[name], name in dated) for name in layer.columns]
    if shapes in frame.columns and (curves := _count_curves(frame[shapes])):
        # Read in this way GDAL draws curves as short lines; GEOS has none.
        return replace(_read_plainly(path, layer, encoding, options), curves=curves)
    wkb = frame[shapes].to_numpy() if shapes in frame.columns else np.full(frame.height, None, dtype=object)
    geometry, unreadable = _geometries(wkb)
    return LayerRead(layer.name, pl.DataFrame(columns), geometry, unreadable, facts["crs"])


def _read_plainly(path: Path, layer: LayerName, encoding: str | None, options: dict[str, str]) -> LayerRead:
    """For layers whose columns share a name, which a data frame cannot hold, and for text that GDAL recodes only on
    this way."""
    facts, _, wkb, values = read(path, layer=layer.name, encoding=encoding, datetime_as_string=True, **options)
    columns = []
    for place, (column, kind) in enumerate(zip(values, facts["dtypes"], strict=True)):
        series = pl.Series(f"{place}", column.tolist(), strict=False)
        columns.append(_without_midnight(series, "datetime" in str(kind)))
    frame = pl.DataFrame(columns)
    seen: dict[str, int] = {}
    names = []
    for name in layer.columns:
        seen[name] = seen.get(name, 0) + 1
        names.append(name if seen[name] == 1 else f"{name}_{seen[name]}")
    frame.columns = names
    geometry, unreadable = _geometries(wkb if wkb is not None else np.full(frame.height, None, dtype=object))
    return LayerRead(layer.name, frame, geometry, unreadable, facts["crs"])


def _without_midnight(column: pl.Series, dated: bool) -> pl.Series:
    text = column_as_text(column)
    return text.str.replace(r"^(\d{4}-\d\d-\d\d)T00:00:00(\.0+)?(Z|\+00:00)?$", "$1") if dated else text


def _count_curves(wkb: pl.Series) -> int:
    """How many shapes have curves, by the kind that their second to fifth byte names."""
    plain = wkb if wkb.dtype == pl.Binary else wkb.ext.storage()
    kinds = plain.bin.slice(1, 4).bin.reinterpret(dtype=pl.UInt32, endianness="little")
    return int((kinds % 1000).is_between(8, 14).sum())


def _geometries(wkb: NDArray[Any]) -> tuple[Geometries, list[int]]:
    written = np.array([value is not None and len(value) > 0 for value in wkb], dtype=bool)
    geometry: Geometries = shapely.from_wkb(np.asarray(wkb, dtype=object), on_invalid="ignore")
    unreadable = np.flatnonzero(written & shapely.is_missing(geometry))
    curved = np.flatnonzero(~shapely.is_missing(geometry) & (shapely.get_type_id(geometry) > 7))
    geometry[curved] = None
    geometry[shapely.is_empty(geometry)] = None
    return geometry, sorted({*unreadable.tolist(), *curved.tolist()})


@contextmanager
def _quiet(source: Source) -> Iterator[None]:
    """GDAL without a network, its warnings put aside and its errors in our words."""
    pyogrio.set_gdal_config_options(NO_NETWORK)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except (RuntimeError, ValueError, OSError, pl.exceptions.PolarsError) as error:
        said = re.sub(r"\S*/(resource\.\w+)", r"\1", " ".join(str(error).split()))[:300]
        raise RunFailed("E-FORMAT", f"{source.name} cannot be read: {said.rstrip('.')}.") from None
    finally:
        # GDAL's options are the whole program's; this one would keep others from reading inside a zip.
        pyogrio.set_gdal_config_options({"SHAPE_RESTORE_SHX": None})
