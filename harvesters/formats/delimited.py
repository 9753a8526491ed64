"""Delimited text: any separator, encoding and shape that councils send.

Two ways to read: Polars for files that keep the rules, proved afterwards by counting separators and line ends;
Python's own reader for the odd ones.
"""

import csv
import io
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path

import numpy as np
import polars as pl

from datasets.errors import RunFailed
from datasets.issues import Issues, feed_issue
from harvesters.batch import Opened
from harvesters.formats.encoding import LONGEST_LINE, SEPARATORS, Survey, as_utf8, survey
from harvesters.formats.header import Found, find_header
from harvesters.formats.source import Source
from harvesters.formats.table import Grid, build_table

SAMPLE_BYTES = 1 << 20
SAMPLE_ROWS = 300
CHUNK_ROWS = 20_000
MOST_COLUMNS = 20_000
MOST_LINES_IN_A_ROW = 2_000

Rows = list[list[str]]


@dataclass(frozen=True)
class Text:
    """A text file in UTF-8 and what is known of it. `lines_before` and `bytes_before` are of the lines above the
    table's first row."""

    path: Path
    name: str
    counts: Survey
    separator: str
    found: Found
    first_row: list[str]
    lines_before: int
    bytes_before: bytes


def read_delimited(source: Source) -> Opened:
    """The table in a text file; RunFailed for a printed report."""
    counts = survey(source.path, source.name)
    path, encoding, issues = source.path, "utf-8-sig" if counts.bom else "utf-8", []
    if not counts.is_utf8 or counts.nul:
        path = source.work / "text.csv"
        source.work.mkdir(parents=True, exist_ok=True)
        encoding, unreadable = as_utf8(source.path, path)
        issues = _encoding_issues(encoding, unreadable)
        counts = survey(path, source.name)
    text = _look(path, source, counts)
    cells, ragged = _read_regular(text) or _read_odd(text)
    header = text.first_row if text.found.index is not None else None
    first = text.found.start + (2 if header is not None else 1)
    if header is not None:
        cells = cells.slice(1)
    grid = Grid(
        cells,
        [cell or None for cell in header] if header is not None else None,
        first_row=first,
        preamble=text.found.start,
        ragged=ragged,
        issues=issues,
    )
    return build_table(grid, format="TSV" if text.separator == "\t" else "CSV", encoding=encoding)


def _encoding_issues(encoding: str, unreadable: int) -> Issues:
    issues = []
    if not encoding.startswith("utf-16"):
        words = "Windows-1252" if encoding == "windows-1252" else "UTF-8 with some Windows-1252 among it"
        issues.append(feed_issue("W-ENCODING-GUESSED", f"The file is not UTF-8; it was read as {words}."))
    if unreadable:
        issues.append(feed_issue("E-ENCODING", f"{unreadable} character(s) could not be read", count=unreadable))
    return issues


def _look(path: Path, source: Source, counts: Survey) -> Text:
    """The separator and the header, from the first rows."""
    size = path.stat().st_size
    with path.open("rb") as file:
        raw = file.read(SAMPLE_BYTES)
        if len(raw) < size and raw.count(b"\n") < 20:
            raw += file.read(LONGEST_LINE)
    whole = len(raw) >= size
    sample = raw.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "ignore")
    separator, rows, lines = _separator(sample, source, whole)
    cells = [[cell.strip() or None for cell in row] for row in rows]
    found = find_header(cells)
    before = raw.split(b"\n", lines[found.start])[:-1] if lines[found.start] else []
    return Text(
        path, source.name, counts, separator, found, rows[found.start], lines[found.start], b"\n".join([*before, b""])
    )


def _separator(sample: str, source: Source, whole: bool) -> tuple[str, Rows, list[int]]:
    """The separator that parts most lines into the same number of cells, with the first rows parted by it."""
    best: tuple[float, str, Rows, list[int]] | None = None
    for separator in SEPARATORS:
        rows, lines = _sample_rows(sample, separator, whole)
        widths = Counter(len(row) for row in rows if any(cell.strip() for cell in row))
        if not widths and whole:
            raise RunFailed("E-EMPTY", f"{source.name} holds not one filled cell.")
        if not widths:
            continue
        width, times = widths.most_common(1)[0]
        agree = times / widths.total()
        score = agree + 0.02 * min(width, 20) if width > 1 else 0.0
        if best is None or score > best[0]:
            best = (score, separator, rows, lines)
    if best is None:
        raise RunFailed("E-EMPTY", f"{source.name} holds no rows.")
    score, separator, rows, lines = best
    if score < 0.8 and _is_printed_report(sample):
        raise RunFailed(
            "E-FORMAT", f"{source.name} is a printed report laid out with spaces, not a table; publish it as CSV."
        )
    if score < 0.5 and source.suffix not in (".csv", ".tsv", ".tab") and "csv" not in (source.media_type or ""):
        raise RunFailed("E-FORMAT", f"{source.name} is text, but not rows parted by commas, tabs or the like.")
    return separator, rows, lines


def _sample_rows(sample: str, separator: str, whole: bool) -> tuple[Rows, list[int]]:
    """The first rows, and for each how many lines stand above it."""
    csv.field_size_limit(LONGEST_LINE)
    reader = csv.reader(io.StringIO(sample, newline=""), delimiter=separator)
    rows: Rows = []
    lines = [0]
    try:
        for row in reader:
            rows.append(row)
            lines.append(reader.line_num)
            if len(rows) >= SAMPLE_ROWS:
                return rows, lines
    except csv.Error:
        return rows, lines
    return (rows if whole or len(rows) < 2 else rows[:-1]), lines


def _is_printed_report(sample: str) -> bool:
    lines = [line for line in sample.splitlines() if line.strip()]
    aligned = sum(bool(re.search(r"\S {3,}\S|^ {5,}\S", line)) for line in lines)
    return len(lines) > 3 and aligned > 0.3 * len(lines)


def _read_regular(text: Text) -> tuple[pl.DataFrame, None] | None:
    """The rows by Polars, or None where the file breaks a rule of CSV or the counts do not prove it whole."""
    counts = text.counts
    if counts.stray or counts.quotes % 2 or counts.returns != counts.pairs or b'"' in text.bytes_before:
        return None
    try:
        frame = pl.read_csv(
            text.path,
            has_header=False,
            infer_schema=False,
            separator=text.separator,
            quote_char='"' if counts.quotes else None,
            skip_lines=text.lines_before,
        )
    except pl.exceptions.PolarsError:
        return None
    return (frame, None) if frame.width == len(text.first_row) and _is_whole(frame, text) else None


def _is_whole(frame: pl.DataFrame, text: Text) -> bool:
    """Every separator and line end of the file is accounted for: between cells, inside them, or on empty lines."""
    ends = text.counts.feeds - text.bytes_before.count(b"\n")
    if ends not in (frame.height, frame.height - 1):
        ends -= _inside(frame, "\n")
    if ends not in (frame.height, frame.height - 1):
        return False
    between = frame.width - 1
    inside = _inside(frame, text.separator) if text.counts.quotes else 0
    found = text.counts.separators[text.separator] - text.bytes_before.count(text.separator.encode())
    short = frame.height * between + inside - found
    empty = frame.select(pl.all_horizontal(pl.all().is_null()).sum()).item() if short else 0
    return bool(short == empty * between)


def _inside(frame: pl.DataFrame, mark: str) -> int:
    counts = frame.select(pl.all().str.count_matches(mark, literal=True).sum()).row(0)
    return sum(count or 0 for count in counts)


def _read_odd(text: Text) -> tuple[pl.DataFrame, pl.Series]:
    """The rows one by one, and the numbers of those that are not as wide as the first."""
    parts, ragged, width = [], [], len(text.first_row)
    number = text.found.start
    for rows in _chunks(text):
        lengths = np.fromiter(map(len, rows), np.int64, len(rows))
        if lengths.max() > MOST_COLUMNS:
            raise RunFailed("E-FORMAT", f"{text.name} has a row of {lengths.max()} cells, so it is not a table.")
        for place in np.flatnonzero(lengths != width):
            row = rows[place]
            if any(row) and (len(row) < width or any(cell.strip() for cell in row[width:])):
                ragged.append(number + int(place) + 1)
        number += len(rows)
        columns = {f"c{i}": column for i, column in enumerate(zip_longest(*rows))}
        parts.append(pl.DataFrame(columns, schema=dict.fromkeys(columns, pl.String)))
    return pl.concat(parts, how="diagonal"), pl.Series(ragged, dtype=pl.Int64)


def _chunks(text: Text) -> Iterator[Rows]:
    csv.field_size_limit(LONGEST_LINE)
    with text.path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.reader(file, delimiter=text.separator)
        for _ in range(text.found.start):
            next(reader)
        rows: Rows = []
        try:
            line = reader.line_num
            for row in reader:
                if reader.line_num - line > MOST_LINES_IN_A_ROW:
                    raise csv.Error("a quotation mark is never closed")
                line = reader.line_num
                rows.append(row)
                if len(rows) == CHUNK_ROWS:
                    yield rows
                    rows = []
        except csv.Error as error:
            raise RunFailed("E-FORMAT", f"{text.name} breaks off near line {reader.line_num}: {error}.") from None
        if rows:
            yield rows
