"""Workbooks: XLS, XLSX, XLSM and ODS. The sheet that looks most like a table is read; guidance is passed over."""

import re
import zipfile
from dataclasses import dataclass

import fastexcel
import polars as pl

from datasets.errors import RunFailed
from datasets.issues import Issues, feed_issue
from datasets.vocabulary import Action
from harvesters.batch import Opened
from harvesters.formats.archives import UNREADABLE, checked_zip, damaged
from harvesters.formats.header import Found, find_header
from harvesters.formats.source import Source
from harvesters.formats.table import Grid, build_table, trimmed
from harvesters.formats.workbook_internals import hidden_content

HEAD_ROWS = 200
ASIDE = re.compile(
    r"guid|note|content|read ?me|about|schema|valid|example|template|lookup|instruct|cover|metadata|\bkey\b|glossary"
    r"|code ?list|drop ?down|summary|version|chart|pivot",
    re.I,
)
FAR_CELL = re.compile(rb'<c r="[A-Z]{3}\d+"[^>/]*>')
LOW_CELL = re.compile(rb'<c r="[A-Z]+\d{6,}"[^>/]*>')


@dataclass(frozen=True)
class Sheet:
    """One sheet as text, with its header. `score` says how much of a table it is."""

    name: str
    cells: pl.DataFrame
    found: Found
    rows: int
    score: float
    visible: bool = True


def read_workbook(source: Source) -> Opened:
    """The records of one sheet: the one the feed names, or the one most like a table."""
    format = _format(source)
    if format != "XLS":
        checked_zip(source)
        _refuse_far_cells(source)
    try:
        workbook = fastexcel.read_excel(str(source.path))
        sheets = [_sheet(workbook, index, name, source) for index, name in enumerate(workbook.sheet_names)]
    except fastexcel.FastExcelError as error:
        reason = str(error).splitlines()[0] if str(error) else "no reason given"
        raise RunFailed("E-FORMAT", f"{source.name} cannot be read as a workbook ({reason}).") from None
    except BaseException as error:
        # The reader is Rust and panics on some damaged XLS files; PyO3's exception can't be imported by name.
        if type(error).__name__ != "PanicException":
            raise
        raise RunFailed("E-FORMAT", f"{source.name} is a damaged workbook; save it again.") from None
    if not sheets:
        raise RunFailed("E-FORMAT", f"{source.name} is a workbook without a sheet that can be read.")
    hidden = _hidden(source, format)
    # A hidden sheet is neither read nor named.
    sheets = [sheet for sheet in sheets if sheet.visible] or sheets
    sheet = _chosen(sheets, source)
    header = list(sheet.cells.row(sheet.found.index)) if sheet.found.index is not None else None
    start = sheet.found.start + (header is not None)
    preamble = sum(any(row) for row in sheet.cells.head(sheet.found.start).rows())
    grid = Grid(
        sheet.cells.slice(start), header, first_row=start + 1, preamble=preamble,
        issues=hidden + _choice(sheet, sheets, source),
    )  # fmt: skip
    return build_table(grid, format=format, layer_name=sheet.name)


def _hidden(source: Source, format: str) -> Issues:
    found = hidden_content(source, format)
    if not found:
        return []
    return [feed_issue("E-HIDDEN-CONTENT", f"The workbook also holds {'; '.join(found)}.", action=Action.HELD)]


def _format(source: Source) -> str:
    if not source.head(4).startswith(b"PK"):
        return "XLS"
    with zipfile.ZipFile(source.path) as archive:
        names = set(archive.namelist())
    if "xl/workbook.bin" in names:
        raise RunFailed("E-FORMAT", f"{source.name} is a binary workbook (XLSB); save it as XLSX.")
    if "xl/vbaProject.bin" in names:
        return "XLSM"
    return "XLSX" if any(name.startswith("xl/") for name in names) else "ODS"


def _refuse_far_cells(source: Source) -> None:
    """The reader lays out the whole rectangle up to the last cell in memory, so one cell in the far corner of a
    sheet would take hundreds of gigabytes."""
    with zipfile.ZipFile(source.path) as archive:
        for member in archive.namelist():
            if re.fullmatch(r"xl/worksheets/[^/]+\.xml", member) and _reaches_far(archive, member, source):
                raise RunFailed("E-TOOLARGE", f"{source.name} has cells in the far corner of a sheet; delete them.")


def _reaches_far(archive: zipfile.ZipFile, member: str, source: Source) -> bool:
    far = low = False
    try:
        with archive.open(member) as file:
            while (piece := file.read(1 << 22)) and not (far and low):
                far = far or FAR_CELL.search(piece) is not None
                low = low or LOW_CELL.search(piece) is not None
    except UNREADABLE:
        raise damaged(source) from None
    return far and low


def _sheet(workbook: fastexcel.ExcelReader, index: int, name: str, source: Source) -> Sheet:
    loaded = workbook.load_sheet(index, header_row=None, skip_rows=0, dtypes="string")
    if loaded.width == 0 or loaded.height == 0:
        return Sheet(name, pl.DataFrame(), Found(None, 0), 0, 0.0)
    cells = trimmed(_tidied(loaded.to_polars()))
    found = find_header(cells.head(HEAD_ROWS).rows())
    body = cells.slice(found.start + (found.index is not None))
    filled = body.select(pl.all().is_not_null().sum()).row(0)
    rows = body.select((~pl.all_horizontal(pl.all().is_null())).sum()).item()
    score = float(sum(filled) - rows) + 0.01 * rows
    score *= (0.05 if ASIDE.search(name) else 1.0) * (1.0 if found.index is not None else 0.3)
    return Sheet(name, cells, found, rows, score, loaded.visible == "visible")


def _tidied(frame: pl.DataFrame) -> pl.DataFrame:
    """Dates without a midnight that nobody wrote, times without the day a workbook counts from."""
    text = pl.all().cast(pl.String)
    return frame.select(
        text.str.replace(r"^(\d{4}-\d\d-\d\d) 00:00:00$", "$1")
        .str.replace(r"^1899-12-3[01] (\d\d:\d\d:\d\d)$", "$1")
        .str.replace(r"^(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d)$", "${1}T${2}")
    )


def _chosen(sheets: list[Sheet], source: Source) -> Sheet:
    wanted = source.sheet or source.layer
    if wanted is not None:
        for sheet in sheets:
            if sheet.name.strip().casefold() == wanted.strip().casefold():
                return sheet
        names = ", ".join(sheet.name for sheet in sheets)
        raise RunFailed("E-NO-LAYER", f"{source.name} has no sheet called {wanted}; it has {names}.")
    best = max(sheets, key=lambda sheet: sheet.score, default=None)
    if best is None or not best.rows:
        raise RunFailed("E-EMPTY", f"{source.name} holds no rows on any sheet.")
    return best


def _choice(sheet: Sheet, sheets: list[Sheet], source: Source) -> Issues:
    others = [other for other in sheets if other.rows and other is not sheet]
    if not others or source.sheet:
        return []
    message = f"Sheet {sheet.name} was read and not {', '.join(f'{o.name} ({o.rows} rows)' for o in others)}."
    rivals = [other.name for other in others if other.score > 0.2 * sheet.score]
    if rivals:
        message += f" Look at {', '.join(rivals)}: it may hold records too."
    return [feed_issue("W-MULTI-SHEET", message)]
