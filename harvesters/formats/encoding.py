"""What a text file is written in, decided by the whole file: a sample of a list of places is often plain ASCII.

The file is read once, a piece at a time, and counted on the way, so that the reader after it can prove that it
lost nothing.
"""

import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from datasets.errors import RunFailed

PIECE = 8 << 20
LONGEST_LINE = 16 << 20
SEPARATORS = (",", "\t", ";", "|")


@dataclass
class Survey:
    """Counts over a whole text file. `stray` means a quotation mark stands where the rules of CSV have none."""

    is_utf8: bool = True
    bom: bool = False
    nul: int = 0
    quotes: int = 0
    feeds: int = 0
    returns: int = 0
    pairs: int = 0
    stray: bool = False
    separators: dict[str, int] = field(default_factory=lambda: dict.fromkeys(SEPARATORS, 0))


def survey(path: Path, name: str) -> Survey:
    """Counts of the file at `path`; RunFailed when one line is longer than any table has."""
    found = Survey()
    decoder = codecs.getincrementaldecoder("utf-8")()
    line = 0
    for piece in _pieces(path):
        _count(found, piece)
        first = min((at for at in (piece.find(b"\n"), piece.find(b"\r")) if at >= 0), default=-1)
        line = line + len(piece) if first < 0 else line + first
        if line > LONGEST_LINE:
            raise RunFailed("E-FORMAT", f"{name} has a line of more than 16 MB, so it is not a table.")
        if first >= 0:
            line = len(piece) - 1 - max(piece.rfind(b"\n"), piece.rfind(b"\r"))
        if found.is_utf8:
            try:
                decoder.decode(piece)
            except UnicodeDecodeError:
                found.is_utf8 = False
    try:
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        found.is_utf8 = False
    with path.open("rb") as file:
        found.bom = file.read(3) == codecs.BOM_UTF8
    return found


def as_utf8(path: Path, target: Path) -> tuple[str, int]:
    """Writes the text at `path` to `target` as UTF-8; the encoding it was in, and how many characters could not
    be read. A file of good UTF-8 with a few Windows characters among it keeps both."""
    encoding = _encoding(path)
    unreadable = 0
    decoder = codecs.getincrementaldecoder(encoding)(errors="replace" if encoding != "utf-8" else WINDOWS_AMONG_UTF8)
    with target.open("wb") as out:
        for piece in _pieces(path):
            if (
                piece.isascii()
                and b"\x00" not in piece
                and encoding in ("utf-8", "cp1252")
                and not decoder.getstate()[0]
            ):
                out.write(piece)
                continue
            text = decoder.decode(piece).replace("\x00", "")
            unreadable += text.count("\ufffd")
            out.write(text.encode())
        out.write(decoder.decode(b"", final=True).encode())
    return {"cp1252": "windows-1252"}.get(encoding, encoding), unreadable


WINDOWS_AMONG_UTF8 = "citywide-windows-among-utf8"


def _windows_character(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return error.object[error.start : error.start + 1].decode("cp1252", "replace"), error.start + 1


codecs.register_error(WINDOWS_AMONG_UTF8, _windows_character)


def _encoding(path: Path) -> str:
    with path.open("rb") as file:
        head = file.read(1 << 16)
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    if head.count(0) > len(head) // 4:
        return "utf-16-le" if head[1::2].count(0) > head[0::2].count(0) else "utf-16-be"
    good = bad = 0
    for piece in _pieces(path):
        if piece.isascii():
            continue
        good += len(re.findall(rb"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}", piece))
        bad += len(re.findall(rb"[\x80-\xff]", re.sub(rb"[\xc2-\xf4][\x80-\xbf]{1,3}", b"", piece)))
    return "utf-8" if good > bad else "cp1252"


def _pieces(path: Path) -> Iterator[bytes]:
    """The file in pieces that never part a carriage return from its line feed."""
    with path.open("rb") as file:
        while piece := file.read(PIECE):
            yield piece + file.read(1) if piece.endswith(b"\r") else piece


def _count(found: Survey, piece: bytes) -> None:
    found.nul += piece.count(0)
    found.feeds += piece.count(b"\n")
    found.returns += piece.count(b"\r")
    found.pairs += piece.count(b"\r\n") if found.returns else 0
    for separator in SEPARATORS:
        found.separators[separator] += piece.count(separator.encode())
    quotes = piece.count(b'"')
    found.quotes += quotes
    if quotes and not found.stray:
        found.stray = _has_stray_quote(piece)


def _has_stray_quote(piece: bytes) -> bool:
    """Whether a quotation mark has ordinary characters on both sides, which good CSV never has."""
    characters = np.frombuffer(piece, np.uint8)
    ordinary = np.ones(256, np.bool_)
    ordinary[[ord(c) for c in '"\r\n' + "".join(SEPARATORS)]] = False
    at = np.flatnonzero(characters == ord('"'))
    at = at[(at > 0) & (at < len(characters) - 1)]
    return bool((ordinary[characters[at - 1]] & ordinary[characters[at + 1]]).any())
