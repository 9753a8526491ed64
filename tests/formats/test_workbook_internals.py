"""What a workbook holds out of sight is found in each of its formats, told in words and never quoted; a plain one has
none. Whole files of each kind are harvested in `tests/personal`; here are the finer points."""

import struct
import zipfile
from pathlib import Path

import pytest
from workbooks import MAIN, write_xlsx

from harvesters.formats.source import Source
from harvesters.formats.workbook_internals import hidden_content, told_by_records

ROWS = [["Ref", "Name"], ["1", "Hut"]]


def found(path: Path, format: str = "XLSX") -> list[str]:
    return hidden_content(Source(path, path.name, None, None, None, None, path.parent, {}), format)  # type: ignore[arg-type]


def rewritten(path: Path, member: str, old: str, new: str) -> Path:
    with zipfile.ZipFile(path) as book:
        parts = {name: book.read(name).decode() for name in book.namelist()}
    assert old in parts[member]
    parts[member] = parts[member].replace(old, new)
    with zipfile.ZipFile(path, "w") as book:
        for name, content in parts.items():
            book.writestr(name, content)
    return path


def record(kind: int, body: bytes) -> bytes:
    return struct.pack("<HH", kind, len(body)) + body


def test_a_plain_workbook_hides_nothing(tmp_path: Path) -> None:
    assert found(write_xlsx(tmp_path / "a.xlsx", {"S": ROWS})) == []


def test_a_hidden_sheet_is_told_by_its_number_and_not_by_its_name(tmp_path: Path) -> None:
    [told] = found(write_xlsx(tmp_path / "a.xlsx", {"S": ROWS, "Quill": ROWS}, hidden=["Quill"]))
    assert told.startswith("sheet 2 of 2, hidden") and "Quill" not in told


@pytest.mark.parametrize(
    ("reference", "passes"), [("[1]Data!$A$1:$B$9", False), ("'C:\\[Cases.xlsx]S'!$A$1", False), ("Table1[Ref]", True)]
)
def test_a_name_that_points_into_another_workbook_is_found(tmp_path: Path, reference: str, passes: bool) -> None:
    book = write_xlsx(tmp_path / "a.xlsx", {"S": ROWS})
    names = f'<definedNames><definedName name="x">{reference}</definedName></definedNames></workbook>'
    assert (found(rewritten(book, "xl/workbook.xml", "</workbook>", names)) == []) is passes


@pytest.mark.parametrize(("last", "passes"), [("2", False), ("16384", True)])
def test_a_hidden_column_is_found_and_hiding_all_that_is_unused_is_none(
    tmp_path: Path, last: str, passes: bool
) -> None:
    book = write_xlsx(tmp_path / "a.xlsx", {"S": ROWS})
    sheet = f'<worksheet xmlns="{MAIN}">'
    columns = f'{sheet}<cols><col min="2" max="{last}" hidden="1"/></cols>'
    assert (found(rewritten(book, "xl/worksheets/sheet1.xml", sheet, columns)) == []) is passes


@pytest.mark.parametrize(
    ("records", "words"),
    [
        (record(0x85, b"\0\0\0\0\0\0\x01\0S"), ""),
        (record(0x85, b"\0\0\0\0\x01\0\x01\0S"), "sheet 1, hidden"),
        (record(0x85, b"\0\0\0\0\x02\0\x01\0S"), "sheet 1, hidden so deep"),
        (record(0x1C, b"\0\0"), "comments on cells"),
        (record(0xD5, b"\0\0"), "the cache of a pivot table"),
        (record(0x1AE, b"\x03\0\x01\x04"), ""),
        (record(0x1AE, b"\x01\0\x08\0Cases.xls"), "a link to another workbook"),
        (record(0x1AD, b"\0\0"), "a query to a database"),
    ],
)
def test_the_records_of_an_xls_file_tell(records: bytes, words: str) -> None:
    assert "; ".join(told_by_records(record(0x809, b"\0" * 16) + records)).startswith(words)
    assert bool(list(told_by_records(records))) is bool(words)
