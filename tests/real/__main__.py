"""`make real`: harvests every real file of our layers in three cities and prints one line for each."""

import argparse
import logging
import sys
import tempfile
from collections import Counter
from dataclasses import replace
from pathlib import Path

import polars as pl
from rich.console import Console
from sqlalchemy import text

from datasets.layer import find_layer
from datasets.settings import read_settings
from datasets.store.embedded import database
from datasets.vocabulary import Action, Outcome
from harvesters.run import RunReport, Tools
from tests.real.trial import BOUNDARIES, FOLDER, RealFile, mappings, new_database, run_trial, trial

UNPLACED = {"no location", "null-island", "invalid coordinates", "unknown postcode", "not a record", "duplicate row"}
"""Rows left out for these carried no usable location, or were no row of their own."""
NEAR_M = 500
WANTED = 0.97
"""The share of rows with a usable location that must become features near their council."""


def main() -> int:
    """Runs the trial; 0 unless a run broke on our side or too few rows became features."""
    parser = argparse.ArgumentParser(prog="python -m tests.real", description=__doc__)
    parser.add_argument("cities", nargs="*", default=list(BOUNDARIES), help="some of the cities")
    parser.add_argument("--only", default="", help="only files whose path has this in it")
    chosen = parser.parse_args()
    if not FOLDER.is_dir():
        print("There is no folder ../shared/data with real council files, so there is nothing to try.", file=sys.stderr)  # noqa: T201
        return 0
    logging.basicConfig(level=logging.ERROR)
    console = Console(width=220, highlight=False)
    broken = 0
    with tempfile.TemporaryDirectory(prefix="citywide-real-") as home:
        Path(home).chmod(0o755)
        settings = replace(read_settings({}), home=Path(home))
        with database(settings) as server:
            for city in chosen.cities:
                url = new_database(server, f"real_{city}")
                with trial(city, settings, url) as (tools, files):
                    ran = [(f, run_trial(tools, f, feed)) for f, feed in files if chosen.only in f.path]
                    broken += _print_city(console, city, tools, ran)
    console.print(f"Mappings written by hand: {', '.join(mappings()) or 'none'}.")
    return 1 if broken else 0


def _print_city(console: Console, city: str, tools: Tools, ran: list[tuple[RealFile, RunReport]]) -> int:
    console.print(f"{city}\n{'=' * len(city)}")
    usable = near = 0
    for file, report in ran:
        values = report.values
        told = f"{report.outcome}" + (f" {report.code}: {report.message}" if report.code else "")
        cells = [values.get(name) for name in ("format", "crs", "rows_read", "features")]
        line = [file.path, *("–" if cell is None else str(cell) for cell in cells), told, _codes(report)]
        console.print(" | ".join(line), markup=False, soft_wrap=True)
        found = _located(tools, report)
        usable, near = usable + found[0], near + found[1]
    outcomes = Counter(report.outcome.value for _, report in ran)
    share = near / usable if usable else 1.0
    held = sum(report.values.get("features") or 0 for _, report in ran if report.outcome is Outcome.HELD)
    console.print(
        f"{city}: {len(ran)} files: {dict(outcomes)}. {near:,} of {usable:,} rows with a usable location are features "
        f"within {NEAR_M} m of their council ({share:.2%}); {held:,} more that have a place stand in held files.\n"
    )
    return sum(report.code == "E-FAULT" for _, report in ran) + (share < WANTED)


def _codes(report: RunReport) -> str:
    counts = report.issues.group_by("code", maintain_order=True).agg(pl.sum("count"))
    return ", ".join(f"{code} {count}" for code, count in counts.iter_rows())


def _located(tools: Tools, report: RunReport) -> tuple[int, int]:
    """Of a published feed whose council has a boundary: rows with a usable location, and features near the council."""
    if report.outcome is not Outcome.PUBLISHED or report.values.get("outside_boundary") is None:
        return 0, 0
    dropped = report.issues.filter((pl.col("action") == Action.DROPPED.value) & pl.col("row_no").is_not_null())
    lost = dropped.filter(~pl.col("code").is_in(UNPLACED))["row_no"].n_unique()
    table = find_layer(report.feed.layer).table
    query = text(f"SELECT count(*) FROM layers.{table} WHERE feed_id = :feed AND coalesce(outside_m, 0) <= :near")  # noqa: S608
    with tools.engine.connect() as connection:
        near = connection.execute(query, {"feed": report.feed.id, "near": NEAR_M}).scalar_one()
    return int(report.values["features"]) + lost, int(near)


if __name__ == "__main__":
    sys.exit(main())
