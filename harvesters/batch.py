"""What the stages of a harvest hand to each other: columns, never one object per row."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from datasets.issues import Issues

Geometries = NDArray[np.object_]
"""shapely geometries, one for each row, None where a row has none."""

ROW_NO = "row_no"
"""The column every batch carries: the row as a person sees it. In tables the header counts, as a spreadsheet
shows it; in feature files the first feature is 1."""


@dataclass(frozen=True)
class DeclaredCrs:
    """The reference system a file states: an EPSG code (None when it states one we cannot name) and where it
    says so, such as `crs member`, `.prj`, `srsName` or `gpkg_contents`. `definition` is anything pyproj reads."""

    epsg: int | None
    where: str
    definition: str


@dataclass(frozen=True)
class Opened:
    """A resource as columns, before any rule of ours.

    `records` holds every column as text (trimmed of nothing, empty cells null) and ROW_NO. `geometry`, where the
    format has one, is parallel to `records` and in the file's own coordinates, x before y as GDAL gives them.
    `rows_read` counts every data row met, the ones left out with an issue (blank rows, totals) included.
    """

    format: str
    records: pl.DataFrame
    rows_read: int
    issues: Issues
    encoding: str | None = None
    layer_name: str | None = None
    geometry: Geometries | None = None
    crs: DeclaredCrs | None = None

    @property
    def columns(self) -> list[str]:
        """The file's own column names."""
        return [name for name in self.records.columns if name != ROW_NO]


@dataclass(frozen=True)
class Batch:
    """Rows on their way to a layer: `frame` has ROW_NO and, once mapped, the layer's field names."""

    frame: pl.DataFrame
    geometry: Geometries | None = None

    def keep(self, mask: pl.Series) -> "Batch":
        """The rows where `mask` is true."""
        geometry = None if self.geometry is None else self.geometry[mask.to_numpy()]
        return replace(self, frame=self.frame.filter(mask), geometry=geometry)

    def with_columns(self, **columns: Any) -> "Batch":
        """The batch with columns added or replaced."""
        return replace(self, frame=self.frame.with_columns(**columns))
