"""Values exactly as they were written, where a rule undoes what was mended: only what the field's type takes so."""

import polars as pl

from datasets.forms import FORMS
from datasets.layer import LayerField
from datasets.vocabulary import FieldType


def as_written(field: LayerField, text: pl.Series, dtype: pl.DataType) -> pl.Series:
    """Each text as a value of `dtype`, the type that the field's values have; null where it has another form."""
    if field.type in (FieldType.CODE, FieldType.CODES):
        sound = text.is_in(list(field.codes))
    else:
        sound = text.str.contains(FORMS[field.type])
    kept = pl.select(pl.when(sound).then(text)).to_series()
    if field.type is FieldType.CODES:
        return pl.select(pl.when(sound).then(pl.concat_list(pl.lit(kept)))).to_series()
    if field.type is FieldType.FLAG:
        return kept.str.to_lowercase().is_in(["yes", "true"])
    return kept.cast(dtype, strict=False)
