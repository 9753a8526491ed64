"""A file proves its end when, cut off, it would be refused by its reader or found out; plain text never does."""

import struct
from pathlib import Path

import pytest

from harvesters.formats.ends import proves_its_end

PRJ = b'PROJCS["British_National_Grid",PARAMETER["False_Easting",400000.0]]'
SHP = b"\x00\x00\x27\x0a" + bytes(20) + struct.pack(">I", 50) + bytes(72)
DBF = struct.pack("<BBBBIHH", 3, 126, 1, 1, 3, 65, 10) + bytes(53 + 30)


@pytest.mark.parametrize(
    ("name", "content", "proves"),
    [
        ("a.csv", b"Ref,Name\n1,Ash\n", False),
        ("a.geojson", b'{"type": "FeatureCollection",\n"features": [\n{"a": 1},\n{"a": 2}\n]}', True),
        ("a.json", b'\n\n[{"a": 1},\r\n {"a": 2}]', True),
        ("a.json", b'[{"a": 1},\r\n {"a"', True),
        ("a.json", b'{"a": 1}\n', True),
        ("a.json", b'{"a": 1}\n\n{"a": 2}\n', False),
        ("a.json", b"[1]\r\n[2]\r\n", False),
        ("a.geojsonl", b'{"a": 1}\n', False),
        ("a.json", '{"a": 1}'.encode("utf-16"), False),
        ("a.gml", b"\xef\xbb\xbf<a>", True),
        ("a.gml", "<a>".encode("utf-16"), True),
        ("a.xlsx", b"PK\x03\x04...", True),
        ("a.gpkg", b"SQLite format 3\x00", True),
        ("a.xls", b"\xd0\xcf\x11\xe0", False),
        ("a.shp", SHP, True),
        ("a.shx", SHP[:-1], False),
        ("a.dbf", DBF, True),
        ("a.dbf", DBF[:-1], False),
        ("a.prj", PRJ, True),
        ("a.prj", PRJ[:-1], False),
        ("a.cpg", b"UTF-8", False),
        ("a.csv", b"", False),
    ],
)
def test_a_format_shows_its_end_or_does_not(tmp_path: Path, name: str, content: bytes, proves: bool) -> None:
    (tmp_path / "file").write_bytes(content)
    assert proves_its_end(tmp_path / "file", name) is proves
