"""`python -m tests.personal`: how many real files would be held for personal data or hidden content, by kind.

Stricter than a harvest: every column is looked at as if a layer asked for it as free text.
"""

import csv
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import polars as pl

from datasets.errors import CitywideError
from datasets.layer import LayerField
from datasets.settings import read_settings
from datasets.vocabulary import FieldType
from harvesters.batch import Opened
from harvesters.open import open_resource
from harvesters.personal.scan import SUSPECTED, kinds
from harvesters.screen import screen
from tests.real.trial import FOLDER

MOST_BYTES = 60 << 20
TEXT = LayerField(title="Any column", description="As free text.", type=FieldType.TEXT)
GATES = [SUSPECTED, "E-HIDDEN-CONTENT"]


def main() -> int:
    """Prints the table; 0 when fewer than three of a hundred files would be held."""
    files = held = 0
    by_kind: Counter[str] = Counter()
    for path, opened in real_tables():
        found = alarms(opened)
        files, held = files + 1, held + bool(found)
        by_kind.update({kind for _, kind, _ in found})
        for column, kind, count in found:
            print(f"{path} | {column} | {kind} | {count:,} values")  # noqa: T201
    print(f"{held} of {files} files would be held ({held / max(files, 1):.1%}): {dict(by_kind)}")  # noqa: T201
    return int(held >= 0.03 * files)


def real_tables() -> Iterator[tuple[str, Opened]]:
    """Every file of the folder that can be read alone, screened."""
    with (FOLDER / "MANIFEST.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = [row for row in csv.DictReader(file) if "sidecar" not in row["format"] and row["layer"] != "boundary"]
    for row in rows:
        path = FOLDER / row["path"]
        if path.stat().st_size > MOST_BYTES:
            continue
        with tempfile.TemporaryDirectory() as work:
            try:
                opened = open_resource(path, name=path.name, settings=read_settings({}), work=Path(work))
            except CitywideError:
                continue
        yield row["path"], screen(opened)


def alarms(opened: Opened) -> list[tuple[str, str, int]]:
    """Column, kind and number of values of all that would hold the file."""
    found = [
        (column, kind, len(values))
        for column in opened.columns
        for kind, values in kinds(column, TEXT, opened.records[column]).items()
    ]
    for issues in opened.issues:
        found += [("the file", code, 1) for code in issues.filter(pl.col("code").is_in(GATES))["code"]]
    return found


if __name__ == "__main__":
    sys.exit(main())
