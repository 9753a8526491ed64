"""One column through a parser, for tests that look at single values."""

from typing import Any

import polars as pl

from datasets.issues import all_issues
from datasets.layer import Layer, LayerField, find_layer
from datasets.vocabulary import FieldType
from harvesters.batch import ROW_NO, Batch
from harvesters.type import type_values

TOILETS = find_layer("public-toilets")


def layer_of(**fields: LayerField) -> Layer:
    """A layer with these fields alone."""
    return TOILETS.model_copy(update={"fields": fields})


def field_of(kind: FieldType, **given: Any) -> LayerField:
    return LayerField(title="Something", description="Something.", type=kind, **given)


def read(field: LayerField, *texts: str | None) -> list[Any]:
    """The texts as values of the field."""
    return typed(field, *texts)[0]


def told(field: LayerField, *texts: str | None) -> list[tuple[str, str | None, str | None]]:
    """The issues as (code, value as written, message)."""
    return typed(field, *texts)[1].select("code", "value", "message").rows()


def codes(field: LayerField, *texts: str | None) -> list[str]:
    return typed(field, *texts)[1]["code"].to_list()


def typed(field: LayerField, *texts: str | None) -> tuple[list[Any], pl.DataFrame]:
    schema = {ROW_NO: pl.Int64, "value": pl.String}
    frame = pl.DataFrame({ROW_NO: range(2, len(texts) + 2), "value": texts}, schema=schema)
    batch, issues = type_values(Batch(frame), layer_of(value=field))
    return batch.frame["value"].to_list(), all_issues(issues)
