"""Writes the formats of geographic information systems through GDAL, always the same bytes for the same features."""

import zipfile
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import polars as pl
import pyogrio
import shapely
from numpy.typing import NDArray

GRID = "EPSG:27700"
DEGREES = "EPSG:4326"
_WRITTEN = "2026-10-01"
_MOMENT = (2026, 10, 1, 9, 0, 0)


def write_vector(
    path: Path,
    frame: pl.DataFrame,
    shapes: NDArray[np.object_],
    *,
    driver: str,
    crs: str,
    layer: str,
    append: bool = False,
    **options: Any,
) -> None:
    """One layer of a file; `options` are GDAL's creation options."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if not append:
        path.unlink(missing_ok=True)
    kinds = sorted(set(shapely.get_type_id(shapes).tolist()))
    kind = {(0,): "Point", (3,): "Polygon"}.get(tuple(kinds), "MultiPolygon")
    if kind == "MultiPolygon":
        shapes = np.array([shapely.MultiPolygon(list(shapely.get_parts(shape))) for shape in shapes], dtype=object)
    pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": f"{_WRITTEN}T09:00:00.000Z"})
    try:
        pyogrio.raw.write(
            path,
            geometry=shapely.to_wkb(shapes),
            field_data=[_values(frame[name]) for name in frame.columns],
            fields=frame.columns,
            crs=crs,
            geometry_type=kind,
            driver=driver,
            layer=layer,
            append=append,
            encoding="UTF-8",
            **options,
        )
    finally:
        pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": None})


def write_zipped_shapefile(path: Path, frame: pl.DataFrame, shapes: NDArray[np.object_], *, crs: str) -> None:
    """A Shapefile with its siblings in one zip."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory() as folder:
        loose = Path(folder) / f"{path.stem}.shp"
        write_vector(
            loose, frame, shapes, driver="ESRI Shapefile", crs=crs, layer=path.stem, DBF_DATE_LAST_UPDATE=_WRITTEN
        )
        with zipfile.ZipFile(path, "w") as archive:
            for part in sorted(Path(folder).iterdir()):
                entry = zipfile.ZipInfo(part.name, date_time=_MOMENT)
                entry.compress_type = zipfile.ZIP_DEFLATED
                archive.writestr(entry, part.read_bytes())


def _values(column: pl.Series) -> NDArray[Any]:
    """Text, and what may be missing, as objects; numbers and days as they are."""
    if column.dtype == pl.String:
        return np.array(column.to_list(), dtype=object)
    return column.to_numpy()
