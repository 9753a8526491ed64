"""From columns beside geometries to an opened resource; what all feature formats have in common."""

import numpy as np
import polars as pl

from datasets.errors import RunFailed
from datasets.issues import Issues, feed_issue, row_issues
from datasets.vocabulary import Action
from harvesters.batch import ROW_NO, DeclaredCrs, Geometries, Opened
from harvesters.formats.table import fold, name_columns


def build_features(
    columns: pl.DataFrame,
    geometry: Geometries | None,
    *,
    format: str,
    crs: DeclaredCrs | None,
    issues: Issues,
    unreadable: list[int] | None = None,
    layer_name: str | None = None,
    encoding: str | None = None,
    strangers: int = 0,
    curves: int = 0,
) -> Opened:
    """Text columns and parallel geometries as an opened resource, numbered from 1. `unreadable` are the places
    (from 0) of geometries that were written but make no sense, `strangers` counts what stood among the features and is
    none, `curves` the shapes whose curves became short lines."""
    count = columns.height if geometry is None else len(geometry)
    if not count:
        raise RunFailed("E-EMPTY", "The file is sound, but there is not one feature in it.")
    names, naming = name_columns([fold(name) for name in columns.columns], range(1, columns.width + 1))
    records = pl.DataFrame({ROW_NO: np.arange(1, count + 1, dtype=np.int64)}).hstack(
        [columns[old].alias(new) for old, new in zip(columns.columns, names, strict=True)]
    )
    issues = [*issues, *naming]
    if unreadable:
        rows = [place + 1 for place in unreadable]
        message = "The shape makes no sense and was left out."
        issues.append(
            row_issues("invalid geometry - not fixable", rows, action=Action.BLANKED, field="geometry", message=message)
        )
    if curves:
        issues.append(feed_issue("curve-linearised", "Curves became short lines.", action=Action.FIXED, count=curves))
    if strangers:
        message = "Members of the list that are no objects."
        issues.append(feed_issue("not a record", message, action=Action.DROPPED, count=strangers))
    return Opened(
        format=format,
        records=records,
        rows_read=count + strangers,
        issues=issues,
        encoding=encoding,
        layer_name=layer_name,
        geometry=geometry,
        crs=crs,
    )
