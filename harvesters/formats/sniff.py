"""What a resource is, from its bytes first: names and media types lie, bytes seldom do."""

import codecs
import re
import zipfile
from enum import StrEnum

from datasets.errors import RunFailed
from harvesters.formats.pages import ENDING
from harvesters.formats.siblings import SHAPE_MAGIC, is_mif
from harvesters.formats.source import Source


class Kind(StrEnum):
    """What a reader exists for."""

    DELIMITED = "delimited text"
    WORKBOOK = "workbook"
    JSON = "JSON"
    GML = "GML"
    KML = "KML"
    KMZ = "KMZ"
    SHAPEFILE = "Shapefile"
    TAB = "MapInfo TAB"
    MIF = "MapInfo MIF"
    GEOPACKAGE = "GeoPackage"
    FLATGEOBUF = "FlatGeobuf"
    PARQUET = "Parquet"
    ZIP = "zip"
    PAGES = "pages"


MAGIC = {
    SHAPE_MAGIC: Kind.SHAPEFILE,
    b"SQLite format 3\x00": Kind.GEOPACKAGE,
    b"fgb\x03fgb": Kind.FLATGEOBUF,
    b"PAR1": Kind.PARQUET,
}
NOT_DATA = {
    b"%PDF": "a PDF document",
    b"\x89PNG": "a picture",
    b"\xff\xd8\xff": "a picture",
    b"GIF8": "a picture",
    b"{\\rtf": "a text document (RTF)",
    b"\xd0\xcf\x11\xe0": "a Microsoft Office document that is not a workbook",
}
NOT_READ = {
    b"\x1f\x8b": "a gzip file",
    b"7z\xbc\xaf": "a 7-Zip archive",
    b"Rar!": "a RAR archive",
}
OLE_MAGIC = b"\xd0\xcf\x11\xe0"
NOTHING = b"\x00 \t\r\n\xef\xbb\xbf\xff\xfe"
ZIP_MAGICS = (b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08")
XML_ROOT = re.compile(r"\A(?:\s|<\?.*?\?>|<!--.*?-->|<!doctype[^>\[]*(?:\[.*?\]\s*)?>)*<([\w.:-]+)", re.S | re.I)


def sniff(source: Source) -> Kind:
    """The kind of `source`; RunFailed says in one sentence what it is instead when nothing of ours reads it."""
    head = source.head()
    if source.name.endswith(ENDING) and head[257:262] == b"ustar":
        return Kind.PAGES
    if not head.strip(NOTHING):
        raise _nothing_there(source)
    for magic, kind in MAGIC.items():
        if head.startswith(magic):
            return kind
    if head.startswith(ZIP_MAGICS):
        return _kind_of_zip(source)
    if head.startswith(OLE_MAGIC):
        return _kind_of_ole(source)
    for table, code, end in (
        (NOT_DATA, "E-NOTDATA", "which holds no rows"),
        (NOT_READ, "E-FORMAT", "which is not read"),
    ):
        for magic, what in table.items():
            if head.startswith(magic):
                raise RunFailed(code, f"{source.name} is {what}, {end}.")
    return _kind_of_text(source, head)


def text_of(head: bytes) -> str:
    """The first bytes as text, well enough to tell what they are."""
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return head[: len(head) & ~1].decode("utf-16", "replace")
    return head.removeprefix(codecs.BOM_UTF8).decode("utf-8", "replace")


def _nothing_there(source: Source) -> RunFailed:
    with source.path.open("rb") as file:
        while chunk := file.read(1 << 22):
            if chunk.strip(NOTHING):
                return RunFailed("E-FORMAT", f"{source.name} begins with a long stretch of nothing; it is damaged.")
    return RunFailed("E-EMPTY", f"{source.name} is empty.")


def _kind_of_zip(source: Source) -> Kind:
    try:
        with zipfile.ZipFile(source.path) as archive:
            names = {name.lower() for name in archive.namelist()}
    except (zipfile.BadZipFile, NotImplementedError, OSError, ValueError):
        raise RunFailed(
            "E-TRUNCATED", f"{source.name} is a zip file that ends too early or is damaged; publish it again."
        ) from None
    if any(name.startswith("xl/") for name in names) or {"content.xml", "mimetype"} <= names:
        return Kind.WORKBOOK
    if any(name.startswith(("word/", "ppt/")) for name in names):
        raise RunFailed("E-NOTDATA", f"{source.name} is a text document or slides, which hold no rows.")
    if source.suffix == ".kmz" or "doc.kml" in names:
        return Kind.KMZ
    return Kind.ZIP


def _kind_of_ole(source: Source) -> Kind:
    """Old Excel, Word and password-protected new Excel share one container; its directory names the streams."""
    content = source.path.read_bytes()
    if "EncryptedPackage".encode("utf-16-le") in content:
        raise RunFailed("E-FORMAT", f"{source.name} is protected by a password; publish it without one.")
    if "Workbook".encode("utf-16-le") in content or "Book\x00".encode("utf-16-le") in content:
        return Kind.WORKBOOK
    raise RunFailed("E-NOTDATA", f"{source.name} is {NOT_DATA[OLE_MAGIC]}, which holds no rows.")


def _kind_of_text(source: Source, head: bytes) -> Kind:
    text = text_of(head).lstrip("\ufeff \t\r\n\x00\x1e")
    if text.startswith("<"):
        return _kind_of_xml(source, text)
    if text.startswith("{") or re.match(r"\[\s*[\[{\]]", text):
        return Kind.JSON
    if text[:6].lower() == "!table":
        return Kind.TAB
    if is_mif(head):
        return Kind.MIF
    controls = sum(head.count(bytes([code])) for code in (0, 1, 2, 3, 4, 5, 6))
    if controls > len(head) // 50 and not _looks_utf16(head):
        raise RunFailed("E-FORMAT", f"{source.name} is a binary file of a kind that is not read.")
    if re.search(r"<(html|body|head|!doctype html)\b", text[:2048], re.I):
        raise RunFailed("E-NOTDATA", f"{source.name} is a web page instead of data.")
    return Kind.DELIMITED


def _looks_utf16(head: bytes) -> bool:
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return True
    half = len(head) // 2
    return (
        max(head[0::2].count(0), head[1::2].count(0)) > half * 0.6 > 5 * min(head[0::2].count(0), head[1::2].count(0))
    )


def _kind_of_xml(source: Source, text: str) -> Kind:
    found = XML_ROOT.match(text)
    root = found.group(1).rpartition(":")[2].lower() if found else ""
    if root in ("html", "head", "body", "div", "p", "script", "table", "h1", "center", "span", "title", "meta"):
        raise RunFailed("E-NOTDATA", f"{source.name} is a web page instead of data.")
    if re.search(r"<!doctype|<!entity", text, re.I):
        raise RunFailed("E-FORMAT", f"{source.name} declares XML entities or a document type, which is not accepted.")
    if root in ("exceptionreport", "serviceexceptionreport"):
        said = re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", text)).strip()[:500]
        raise RunFailed("E-PLATFORM", f"The service answered with an error: {said or 'it gave no reason'}")
    if root == "kml":
        return Kind.KML
    if "opengis.net/gml" in text or root == "featurecollection":
        return Kind.GML
    raise RunFailed("E-FORMAT", f"{source.name} is XML of a kind that is not read (its root is {root or 'unclear'}).")
