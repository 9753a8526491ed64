"""UPRNs in text, and the points of their properties in the gazetteer."""

import numpy as np
import polars as pl

from datasets.crs import Floats
from harvesters.location.numbers import Mask
from harvesters.surroundings import Surroundings

UPRN = r"^\s*0*([1-9]\d{0,11})(?:\.0*)?\s*$"
"""One to twelve digits; noughts in front say nothing, and a spreadsheet may have put a decimal point behind."""


def extract_uprns(text: pl.Series) -> pl.Series:
    """The number in each text as the gazetteer has it; null where there is none."""
    return text.str.extract(UPRN, 1).alias("code")


def read_uprns(text: pl.Series, surroundings: Surroundings) -> tuple[Floats, Floats, Mask]:
    """Longitude and latitude of the property in each text, NaN where there is none or the gazetteer has it not; the
    mask says where there was one to look for. The gazetteer is asked once."""
    codes = extract_uprns(text)
    if codes.is_null().all():
        nowhere = np.full(len(codes), np.nan)
        return nowhere, nowhere.copy(), np.zeros(len(codes), dtype=np.bool_)
    known = surroundings.find_uprns(codes.drop_nulls().unique()).select("code", "lon", "lat").unique("code")
    found = codes.to_frame().join(known, on="code", how="left", maintain_order="left")
    lon, lat = (found[name].cast(pl.Float64).to_numpy(writable=True) for name in ("lon", "lat"))
    return lon, lat, codes.is_not_null().to_numpy()
