"""From columns beside geometries to an opened resource; what all feature formats have in common."""

import numpy as np
import polars as pl

from datasets.errors import RunFailed
from datasets.issues import Issues, row_issues
from datasets.vocabulary import Action
from harvesters.batch import ROW_NO, DeclaredCrs, Geometries, Opened
from harvesters.formats.table import fold, name_columns


def build_features(
    columns: pl.DataFrame,
    geometry: Geometries,
    *,
    format: str,
    crs: DeclaredCrs | None,
    issues: Issues,
    unreadable: list[int] | None = None,
    layer_name: str | None = None,
    encoding: str | None = None,
) -> Opened:
    """Text columns and parallel geometries as an opened resource, numbered from 1. `unreadable` are the places
    (from 0) of geometries that were written but make no sense."""
    if not len(geometry):
        raise RunFailed("E-EMPTY", "The file is sound, but there is not one feature in it.")
    names, naming = name_columns([fold(name) for name in columns.columns], range(1, columns.width + 1))
    records = pl.DataFrame({ROW_NO: np.arange(1, len(geometry) + 1, dtype=np.int64)}).hstack(
        [columns[old].alias(new) for old, new in zip(columns.columns, names, strict=True)]
    )
    issues = [*issues, *naming]
    if unreadable:
        rows = [place + 1 for place in unreadable]
        message = "The shape makes no sense and was left out."
        issues.append(
            row_issues("invalid geometry - not fixable", rows, action=Action.BLANKED, field="geometry", message=message)
        )
    return Opened(
        format=format,
        records=records,
        rows_read=len(geometry),
        issues=issues,
        encoding=encoding,
        layer_name=layer_name,
        geometry=geometry,
        crs=crs,
    )
