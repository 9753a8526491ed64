"""The smallest XLSX and ODS files that a spreadsheet program would open, for tests."""

import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from xml.sax.saxutils import escape

Cell = str | float | bool | None | tuple[str, float]
"""A tuple is a style (`date`, `datetime` or `time`) and the number of days behind it; `#N/A` is an error."""
Rows = Sequence[Sequence[Cell]]

MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
PACKAGE = "http://schemas.openxmlformats.org/package/2006"
STYLES = ("general", "date", "datetime", "time")
FORMATS = (0, 14, 22, 20)


def write_xlsx(
    path: Path, sheets: Mapping[str, Rows], *, first_row: int = 1, hidden: Sequence[str] = (), macros: bool = False
) -> Path:
    """A workbook of `sheets`, whose rows begin at `first_row`."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("[Content_Types].xml", f'<Types xmlns="{PACKAGE}/content-types"/>')
        archive.writestr("_rels/.rels", _relations([("officeDocument", "xl/workbook.xml")]))
        names = [f'<sheet name="{escape(name)}" sheetId="{n}" r:id="r{n}"{_state(name, hidden)}/>'
                 for n, name in enumerate(sheets, 1)]  # fmt: skip
        workbook = f'<workbook xmlns="{MAIN}" xmlns:r="{OFFICE}"><sheets>{"".join(names)}</sheets></workbook>'
        archive.writestr("xl/workbook.xml", workbook)
        parts = [("worksheet", f"worksheets/sheet{n}.xml") for n in range(1, len(sheets) + 1)]
        archive.writestr("xl/_rels/workbook.xml.rels", _relations([*parts, ("styles", "styles.xml")]))
        styles = "".join(f'<xf numFmtId="{number}"/>' for number in FORMATS)
        archive.writestr("xl/styles.xml", f'<styleSheet xmlns="{MAIN}"><cellXfs>{styles}</cellXfs></styleSheet>')
        if macros:
            archive.writestr("xl/vbaProject.bin", b"not really")
        for n, rows in enumerate(sheets.values(), 1):
            lines = (_row(number, row) for number, row in enumerate(rows, first_row))
            sheet = f'<worksheet xmlns="{MAIN}"><sheetData>{"".join(lines)}</sheetData></worksheet>'
            archive.writestr(f"xl/worksheets/sheet{n}.xml", sheet)
    return path


def write_ods(path: Path, sheets: Mapping[str, Rows]) -> Path:
    """The same as an OpenDocument spreadsheet; plain text and numbers only."""
    tables = "".join(
        f'<table:table table:name="{escape(name)}">'
        + "".join(f"<table:table-row>{''.join(map(_ods_cell, row))}</table:table-row>" for row in rows)
        + "</table:table>"
        for name, rows in sheets.items()
    )
    spaces = "".join(f' xmlns:{p}="urn:oasis:names:tc:opendocument:xmlns:{p}:1.0"' for p in ("office", "table", "text"))
    body = f"<office:body><office:spreadsheet>{tables}</office:spreadsheet></office:body>"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        manifest = '<manifest:manifest xmlns:manifest="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0"/>'
        archive.writestr("META-INF/manifest.xml", manifest)
        archive.writestr("content.xml", f"<office:document-content{spaces}>{body}</office:document-content>")
    return path


def _state(name: str, hidden: Sequence[str]) -> str:
    return ' state="hidden"' if name in hidden else ""


def _relations(parts: Sequence[tuple[str, str]]) -> str:
    links = (f'<Relationship Id="r{n}" Type="{OFFICE}/{kind}" Target="{target}"/>'
             for n, (kind, target) in enumerate(parts, 1))  # fmt: skip
    return f'<Relationships xmlns="{PACKAGE}/relationships">{"".join(links)}</Relationships>'


def _row(number: int, row: Sequence[Cell]) -> str:
    return f'<row r="{number}">{"".join(_cell(f"{_letters(n)}{number}", cell) for n, cell in enumerate(row))}</row>'


def _letters(column: int) -> str:
    return (_letters(column // 26 - 1) if column >= 26 else "") + chr(ord("A") + column % 26)


def _cell(ref: str, cell: Cell) -> str:
    match cell:
        case None:
            return f'<c r="{ref}" s="1"/>'
        case (style, days):
            return f'<c r="{ref}" s="{STYLES.index(style)}"><v>{days}</v></c>'
        case bool():
            return f'<c r="{ref}" t="b"><v>{int(cell)}</v></c>'
        case int() | float():
            return f'<c r="{ref}"><v>{cell!r}</v></c>'
        case str() if cell.startswith("#"):
            return f'<c r="{ref}" t="e"><v>{cell}</v></c>'
    return f'<c r="{ref}" t="inlineStr"><is><t xml:space="preserve">{escape(str(cell))}</t></is></c>'


def _ods_cell(cell: Cell) -> str:
    if cell is None:
        return "<table:table-cell/>"
    if isinstance(cell, int | float):
        return f'<table:table-cell office:value-type="float" office:value="{cell}"/>'
    return f'<table:table-cell office:value-type="string"><text:p>{escape(str(cell))}</text:p></table:table-cell>'
