"""From a grid of cells to records: names for the columns, and every row that is not a record left out with an issue.

Separate from the readers because text files and workbooks fail in the same ways.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

import polars as pl

from datasets.errors import RunFailed
from datasets.issues import Issues, feed_issue, row_issues
from datasets.vocabulary import Action
from harvesters.batch import ROW_NO, Opened

LISTED_ROWS = 1000
"""Blank rows beyond this many are counted in one issue: workbooks can hold a hundred thousand of them."""

TOTAL = r"(?i)^\s*(grand |sub-?)?totals?\b[^a-z]*$"
NOTE = r"(?i)^\s*(\*|©|(notes?|source|n\.?b\.?|contains|crown copyright|last updated|data correct|end of)\b)"


@dataclass(frozen=True)
class Grid:
    """Cells as text below the header. `first_row` is the number a spreadsheet shows for the first of them."""

    cells: pl.DataFrame
    header: Sequence[str | None] | None
    first_row: int
    preamble: int = 0
    ragged: pl.Series | None = None
    issues: Issues = field(default_factory=list)


def build_table(grid: Grid, *, format: str, encoding: str | None = None, layer_name: str | None = None) -> Opened:
    """The records of `grid`, with an issue for each row that is left out and each name that was made up."""
    issues = [*grid.issues]
    if grid.preamble:
        issues.append(feed_issue("W-PREAMBLE", f"{grid.preamble} line(s) above the table", count=grid.preamble))
    frame = trimmed(grid.cells)
    empty = {
        name for name, count in zip(frame.columns, frame.null_count().row(0), strict=True) if count == frame.height
    }
    header = [fold(cell) for cell in grid.header] if grid.header is not None else [None] * frame.width
    header += [None] * (frame.width - len(header))
    kept = [i for i, name in enumerate(frame.columns) if header[i] is not None or name not in empty]
    names, naming = name_columns([header[i] for i in kept], [i + 1 for i in kept], has_header=grid.header is not None)
    issues += naming
    if not kept:
        raise RunFailed("E-EMPTY", "There is not one filled cell in the table.")
    frame = frame.select(pl.nth(kept)).rename(dict(zip([frame.columns[i] for i in kept], names, strict=True)))
    frame = frame.with_row_index(ROW_NO, offset=grid.first_row).with_columns(pl.col(ROW_NO).cast(pl.Int64))
    records, left_out = _records(frame, names, [header[i] for i in kept])
    issues += left_out
    if grid.ragged is not None:
        ragged = records.filter(pl.col(ROW_NO).is_in(grid.ragged.implode()))[ROW_NO]
        issues += [row_issues("ragged row", ragged, action=Action.KEPT)] if len(ragged) else []
    return Opened(
        format=format, records=records, rows_read=frame.height, issues=issues, encoding=encoding, layer_name=layer_name
    )


def trimmed(frame: pl.DataFrame) -> pl.DataFrame:
    """Every column without outer white space (no-break spaces too), empty cells null."""
    return frame.select(pl.all().str.strip_chars().replace("", None))


def fold(cell: str | None) -> str | None:
    """A column's name on one line; None where there is nothing in it."""
    return (" ".join(cell.replace("\ufeff", "").split()) or None) if cell else None


def name_columns(
    header: Sequence[str | None], places: Sequence[int], *, has_header: bool = True
) -> tuple[list[str], Issues]:
    """A name of its own for each column, in order; `places` are the columns' numbers in the file."""
    if not has_header:
        message = "There is no header row; the columns are called column_1, column_2 and so on."
        return [f"column_{place}" for place in places], [feed_issue("W-NO-HEADER", message)]
    taken = {ROW_NO}
    names, changed = [], []
    for cell, place in zip(header, places, strict=True):
        wanted = cell or f"column_{place}"
        name, number = wanted, 1
        while name in taken or (number > 1 and name in header):
            number += 1
            name = f"{wanted}_{number}"
        taken.add(name)
        names.append(name)
        changed += [name] if name != cell else []
    if not changed:
        return names, []
    shown = ", ".join(changed[:10]) + (" and more" if len(changed) > 10 else "")
    return names, [feed_issue("W-DUPLICATE-HEADER", f"Columns named by us: {shown}.", count=len(changed))]


def _records(frame: pl.DataFrame, names: list[str], header: list[str | None]) -> tuple[pl.DataFrame, Issues]:
    """The rows that are records, and issues for the blank rows, repeated headers, totals and closing notes."""
    blank = frame.select(pl.all_horizontal(pl.col(names).is_null())).to_series()
    issues = blank_rows(frame.filter(blank)[ROW_NO]) if blank.any() else []
    records = frame.filter(~blank) if blank.any() else frame
    named = [(name, cell) for name, cell in zip(names, header, strict=True) if cell is not None]
    if named:
        again = records[named[0][0]].eq_missing(pl.Series([named[0][1]], dtype=pl.String))
        if again.any():
            alike = pl.all_horizontal(pl.col(name).eq_missing(pl.lit(cell)) for name, cell in named)
            again = records.select(alike).to_series()
        records = _without(records, again, "the header again", issues)
    return _without(records, _closing_rows(records, names), "a total or a note", issues), issues


def blank_rows(rows: pl.Series) -> Issues:
    """Issues for blank rows: the first ones each by its number, the rest as one."""
    issues = [row_issues("blank row", rows.head(LISTED_ROWS), action=Action.DROPPED)]
    rest = len(rows) - LISTED_ROWS
    if rest > 0:
        issues.append(feed_issue("blank row", f"{rest} more empty rows", action=Action.DROPPED, count=rest))
    return issues


def _closing_rows(records: pl.DataFrame, names: list[str]) -> pl.Series:
    """Which rows are totals or notes: only at the very end, with few cells filled, beginning with such words or
    parted from the table."""
    marks = [False] * records.height
    if len(names) >= 2:
        for index in range(records.height - 1, max(-1, records.height - 21), -1):
            cells = [cell for cell in records.select(names).row(index) if cell is not None]
            few = len(cells) <= max(1, len(names) // 2)
            total = re.match(TOTAL, cells[0]) and all(not re.search("[A-Za-z]", cell) for cell in cells[1:])
            alone = len(cells) == 1 and len(names) >= 3
            note = alone and (re.match(NOTE, cells[0]) or _stands_apart(records, index))
            if not (note or (total and (few or len(cells) < len(names)))):
                break
            marks[index] = True
    return pl.Series(marks, dtype=pl.Boolean)


def _stands_apart(records: pl.DataFrame, index: int) -> bool:
    """Whether empty rows part the row from the one above."""
    return index > 0 and records[ROW_NO][index] - records[ROW_NO][index - 1] > 1


def _without(records: pl.DataFrame, marks: pl.Series, what: str, issues: Issues) -> pl.DataFrame:
    if not marks.any():
        return records
    rows = records.filter(marks)
    first = rows.select(pl.coalesce(pl.exclude(ROW_NO))).to_series()
    issues.append(
        row_issues("not a record", rows[ROW_NO], action=Action.DROPPED, values=first, message=f"It is {what}.")
    )
    return records.filter(~marks)
