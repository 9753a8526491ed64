"""Web addresses, whole."""

import polars as pl

from datasets.forms import URL
from datasets.layer import LayerField
from harvesters.values.parsed import Parsed, or_refused

_BARE = r"(?i)^(?:www\.[^\s@]+|[a-z0-9-]+(?:\.[a-z0-9-]+)*\.(?:uk|org|com|net|info|london|scot|wales)(?:/\S*)?)$"


def parse_url(field: LayerField, text: pl.Series) -> Parsed:
    """http or https with a host; the address inside a link is taken out of it, and a bare host gets its scheme. A
    sign-in name in front of the host makes it none."""
    if text.str.contains(URL).fill_null(True).all():
        return or_refused("invalid URI", text, text)
    linked = text.str.extract(r"""(?i)href=["']?([^"'\s>]+)""", 1)
    plain = pl.select(pl.coalesce(linked, text)).to_series()
    bare = plain.str.contains(_BARE)
    whole = pl.select(pl.when(bare).then("https://" + plain).otherwise(plain)).to_series()
    whole = whole.str.replace(r"(?i)^https:/*([^/])", "https://${1}").str.replace(r"(?i)^http:/*([^/])", "http://${1}")
    values = pl.select(pl.when(whole.str.contains(URL)).then(whole)).to_series()
    return or_refused("invalid URI", text, values)
