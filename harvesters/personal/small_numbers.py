"""Small numbers of people: of one to four a neighbour could tell who they are, so they are not published."""

import polars as pl

from datasets.issues import Issues, row_issues
from datasets.layer import Layer
from datasets.vocabulary import Action, FieldType
from harvesters.batch import ROW_NO, Batch

FEWEST = 5


def without_small_numbers(batch: Batch, layer: Layer) -> tuple[Batch, Issues]:
    """The typed batch with numbers from 1 to FEWEST - 1 left out, where the layer counts people. The issues do not say
    which number it was."""
    if not layer.counts_people:
        return batch, []
    issues: Issues = []
    for name, field in layer.fields.items():
        if field.type is not FieldType.INTEGER or name not in batch.frame.columns:
            continue
        values = batch.frame[name]
        small = values.is_between(1, FEWEST - 1).fill_null(False)
        if small.any():
            rows = batch.frame[ROW_NO].filter(small)
            issues.append(row_issues("small-number-suppressed", rows, action=Action.BLANKED, field=name))
            kept = pl.select(pl.when(~small).then(values)).to_series().alias(name)
            batch = batch.with_columns(**{name: kept})
    return batch, issues
