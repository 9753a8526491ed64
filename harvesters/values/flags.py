"""Yes and no in all their forms."""

import polars as pl

from datasets.layer import LayerField
from harvesters.values.parsed import Parsed

YES = ("yes", "y", "true", "t", "1", "1.0", "-1", "x", "✓", "✔", "☑", "on", "available", "present")
NO = ("no", "n", "false", "f", "0", "0.0", "off", "none", "✗", "✘", "☒", "not available", "unavailable", "without")
_NOT_SAID = ("n/k", "no information", "not stated", "don't know", "not specified", "none known")


def parse_flag(field: LayerField, text: pl.Series) -> Parsed:
    """`Yes (RADAR)` and `No - see notes` count by their first word, tidied; `Yes/No` and `no information` say
    neither."""
    lower = text.str.to_lowercase().str.strip_chars_end(".")
    text = pl.select(pl.when(lower.is_in(_NOT_SAID)).then(None).otherwise(text)).to_series()
    first = lower.str.extract(r"^(yes|no|none)\b", 1)
    both = lower.str.contains(r"\byes\b.*\bno\b|\bno\b.*\byes\b")
    word = pl.select(
        pl.when(lower.is_in(_NOT_SAID) | both).then(None).when(lower.is_in([*YES, *NO])).then(lower).otherwise(first)
    ).to_series()
    values = pl.select(pl.when(word.is_in(YES)).then(True).when(word.is_in(NO)).then(False).otherwise(None)).to_series()
    tidied = values.is_not_null() & (word != lower)
    return Parsed(values, {"invalid flag": text.is_not_null() & values.is_null()}, tidied)
