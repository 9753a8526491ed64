"""Postcodes in text, and their places in the gazetteer."""

import numpy as np
import polars as pl

from datasets.crs import Floats
from harvesters.location.numbers import Mask
from harvesters.surroundings import Surroundings

POSTCODE = r"\b([A-Z]{1,2}[0-9][0-9A-Z]?)\s*([0-9][ABD-HJLNP-UW-Z]{2})\b"


def extract_postcodes(text: pl.Series) -> pl.Series:
    """The last postcode in each text, in upper case without the space: an address ends with its own."""
    last = text.str.to_uppercase().str.extract_all(POSTCODE).list.last()
    return last.str.replace_all(r"\s", "").alias("code")


def read_postcodes(text: pl.Series, surroundings: Surroundings) -> tuple[Floats, Floats, Mask]:
    """Longitude and latitude of the postcode in each text, NaN where there is none or the gazetteer has it not; the
    mask says where there was one to look for."""
    codes = extract_postcodes(text)
    if codes.is_null().all():
        nowhere = np.full(len(codes), np.nan)
        return nowhere, nowhere.copy(), np.zeros(len(codes), dtype=np.bool_)
    known = surroundings.find_postcodes(codes.drop_nulls().unique()).select("code", "lon", "lat").unique("code")
    found = codes.to_frame().join(known, on="code", how="left", maintain_order="left")
    lon, lat = (found[name].cast(pl.Float64).to_numpy(writable=True) for name in ("lon", "lat"))
    return lon, lat, codes.is_not_null().to_numpy()
