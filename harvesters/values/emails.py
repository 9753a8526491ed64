"""E-mail addresses, one to a value."""

import polars as pl

from datasets.forms import EMAIL
from datasets.layer import LayerField
from harvesters.values.parsed import Parsed, or_refused


def parse_email(field: LayerField, text: pl.Series) -> Parsed:
    """The address alone, out of `mailto:` and out of the angle brackets that follow a name."""
    plain = text.str.replace(r"(?i)^mailto:\s*", "").str.replace(r"^[^<>@]*<\s*([^<>]+?)\s*>$", "${1}")
    plain = plain.str.strip_chars_end(".")
    values = pl.select(pl.when(plain.str.contains(EMAIL)).then(plain)).to_series()
    return or_refused("invalid e-mail", text, values)
