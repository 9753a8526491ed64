"""Whether a file's own bytes show where it ends. A server may send a file without saying how long it is, and then a
line that breaks in the middle looks like the end of the file; a table in plain text looks whole wherever it ends."""

import struct
from pathlib import Path, PurePosixPath

from harvesters.formats.siblings import SHAPE_MAGIC

SELF_ENDING = (b"PK\x03\x04", b"PK\x05\x06", b"PAR1", b"SQLite format 3\x00", b"fgb\x03fgb")
"""Zip and all that is packed in it, Parquet, GeoPackage, FlatGeobuf: cut off, none of them can be read."""
SEQUENCES = (".geojsonl", ".geojsons", ".geojsonseq", ".ndjson", ".jsonl")
BEFORE = b"\xef\xbb\xbf \t\r\n"
PIECE = 1 << 20


def proves_its_end(path: Path, name: str) -> bool:
    """Whether the file called `name`, were it cut off, would either be refused by its reader or be found out here."""
    size, ending = path.stat().st_size, PurePosixPath(name).suffix.lower()
    with path.open("rb") as file:
        head = file.read(512)
    begin = head.lstrip(BEFORE)
    if head.startswith(SELF_ENDING) or begin.startswith((b"<", b"\xff\xfe<", b"\xfe\xff\x00<")):
        return True
    if head.startswith(SHAPE_MAGIC):
        return len(head) >= 28 and size >= 2 * int(struct.unpack_from(">I", head, 24)[0])
    if ending == ".dbf" and len(head) >= 32:
        rows, before, each = struct.unpack_from("<IHH", head, 4)
        return bool(size >= before + rows * each)
    if ending == ".prj":
        # Text in brackets, such as PROJCS["British_National_Grid", …].
        return b"[" in head and size <= len(head) * 64 and _is_balanced(path.read_bytes())
    return begin.startswith((b"{", b"[")) and b"\x00" not in head and ending not in SEQUENCES and _is_one_value(path)


def _is_balanced(text: bytes) -> bool:
    return text.count(b"[") == text.count(b"]") and text.count(b"(") == text.count(b")")


def _is_one_value(path: Path) -> bool:
    """Whether JSON is one value, which has to be closed, and not one value in each line, of which any may be the
    last."""
    with path.open("rb") as file:
        last, blank = b"", True
        while blank and (piece := file.readline(PIECE)):
            text = piece.strip(BEFORE)
            last, blank = text[-1:] or last, not (last or text) or not piece.endswith(b"\n")
        following = b""
        while not following and (piece := file.read(PIECE)):
            following = piece.strip(BEFORE)[:1]
    return not (last in (b"}", b"]") and following in (b"{", b"["))
