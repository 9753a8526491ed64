"""One large CSV of points for measuring a harvest: twelve columns of public toilets inside the first borough."""

from pathlib import Path

import numpy as np
import polars as pl

from harvesters.demo import words
from harvesters.demo.ashmere import yes_no
from harvesters.demo.points import make_toilets

SEED = 20261101


def write_benchmark_csv(path: Path, rows: int = 1_000_000, seed: int = SEED, changed_share: float = 0.0) -> None:
    """Writes `rows` rows; with `changed_share` that share of them, spread over the file, has other opening hours,
    another charge and another note, and every other byte is the same."""
    toilets = make_toilets(np.random.default_rng([seed, 0]), np.zeros(rows, dtype=np.uint8))
    changed = np.zeros(rows, dtype=bool)
    picked = np.random.default_rng([seed, 1]).choice(rows, round(rows * changed_share), replace=False)
    changed[picked] = True
    frame = toilets.with_columns(changed=pl.Series(changed)).select(
        pl.col("reference").alias("Reference"),
        pl.col("name").alias("Name"),
        pl.col("address").alias("Address"),
        pl.col("postcode").alias("Postcode"),
        pl.col("easting").alias("Easting"),
        pl.col("northing").alias("Northing"),
        pl.col("category").alias("Category"),
        pl.when("changed").then(pl.lit("Mon-Sun 10:00-16:00")).otherwise("opening_hours").alias("Opening Hours"),
        (pl.when("changed").then(30).otherwise("pence") / 100).alias("Charge"),
        yes_no("accessible").alias("Accessible"),
        pl.when("changed").then(pl.lit("Hours and charge changed")).otherwise(_note(rows)).alias("Notes"),
        pl.lit("2026-10-01").alias("Start Date"),
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    frame.write_csv(path)


def _note(rows: int) -> pl.Series:
    return pl.Series([f"Next to the {noun.lower()} shop" for noun in words.CAFES_SECOND])[np.arange(rows) % 10]
