"""What a workbook holds beside the sheet that people see: hidden sheets, caches of pivot tables, comments, links.

Such leftovers have published thousands of residents' records, so a workbook with any of them is held. Nothing of their
content is repeated, not even the name of a sheet. In XLS files comments, pivot caches, links and queries are found by
their records; custom XML is not something that format has.
"""

import re
import struct
import zipfile
from collections.abc import Iterator

import olefile
from lxml import etree

from harvesters.formats.archives import UNREADABLE, damaged
from harvesters.formats.source import Source

MEMBERS = (
    (r"xl/pivotCache/pivotCacheRecords[^/]*\.xml", "the cache of a pivot table, which keeps the rows it was made from"),
    (r"xl/pivotCache/pivotCacheDefinition[^/]*\.xml", "the cache of a pivot table, which keeps the values it counts"),
    (r"xl/(comments|threadedComments)[^/]*(/[^/]*)?\.xml", "comments on cells"),
    (r"xl/externalLinks/[^/]+\.xml", "a link to another workbook, with a copy of what stands there"),
    (r"xl/queryTables/[^/]+\.xml|xl/connections\.xml", "a query to a database"),
    (r"xl/slicerCaches/[^/]+\.xml", "the cache of a slicer, which keeps the values it filters by"),
    (r"xl/embeddings/.+", "another file within it"),
)
"""Members of an XLSX file by name, and what they are in words."""

LABELS = {"sisl", "contentTypeSchema", "FormTemplates", "customXsn", "Receivers"}
"""Root elements of custom XML that document stores add, which say nothing of what the workbook holds."""

ODS_ELEMENTS = {
    "annotation": "comments on cells",
    "data-pilot-table": "a pivot table",
    "dde-link": "a link to another program",
    "table-source": "a link to another workbook, with a copy of what stands there",
    "database-source-sql": "a query to a database",
    "database-source-query": "a query to a database",
    "tracked-changes": "the changes that were made to it",
}
"""Elements of an ODS file, likewise."""

BOUNDSHEET, SUPBOOK = 0x85, 0x1AE
XLS_RECORDS = {0x1C: MEMBERS[2][1], 0xD5: MEMBERS[0][1], 0x1AD: MEMBERS[4][1]}
"""Kinds of records of an XLS file, likewise."""
OWN_BOOK = (b"\x01\x04", b"\x01\x3a")
"""What stands for the workbook itself, or for functions, where a link names a book."""

HIDDEN = (b"hidden", b"h\0i\0d\0d\0e\0n")
LAST_COLUMN = "16384"

MOST_XML = 64 << 20


def hidden_content(source: Source, format: str) -> list[str]:
    """In words, each thing that the workbook holds out of sight; none for a plain one."""
    read = {"XLS": _in_xls, "ODS": _in_ods}.get(format, _in_xlsx)
    return list(dict.fromkeys(read(source)))


def _in_xlsx(source: Source) -> Iterator[str]:
    with _opened(source) as archive:
        names = archive.namelist()
        for pattern, what in MEMBERS:
            if any(re.fullmatch(pattern, name, re.I) for name in names):
                yield what
        for name in names:
            if re.fullmatch(r"xl/workbook\.xml", name, re.I):
                yield from _in_workbook(_parsed(archive, name, source))
            elif re.fullmatch(r"customXml/item\d+\.xml", name, re.I) and _says_something(
                _parsed(archive, name, source)
            ):
                yield "custom XML with content"
            elif re.fullmatch(r"xl/worksheets/[^/]+\.xml", name, re.I):
                yield from _in_sheet(archive, name, source)


def _in_workbook(root: etree._Element) -> Iterator[str]:
    sheets = list(root.iter("{*}sheet"))
    for number, sheet in enumerate(sheets, 1):
        state = sheet.get("state", "visible")
        if state != "visible":
            depth = "so deep that Excel's menu does not show it" if state == "veryHidden" else "by Excel's menu"
            yield f"sheet {number} of {len(sheets)}, hidden {depth}"
    for name in root.iter("{*}definedName"):
        if re.search(r"\[[^\]]+\]", name.text or "") and not re.search(r"\w\[", name.text or ""):
            yield "a defined name that points into another workbook"


def _in_sheet(archive: zipfile.ZipFile, name: str, source: Source) -> Iterator[str]:
    """Rows with cells and columns of the table that are hidden; whoever hides all that is unused hides nothing."""
    try:
        if not _mentions_hiding(archive, name):
            return
        with archive.open(name) as file:
            tags = ("{*}row", "{*}col")
            for _, element in etree.iterparse(file, events=("end",), tag=tags, resolve_entities=False, huge_tree=True):
                is_row = etree.QName(element).localname == "row"
                if (element.get("hidden") or "").strip() in ("1", "true"):
                    if is_row and len(element):
                        yield "hidden rows"
                    elif not is_row and element.get("max") != LAST_COLUMN:
                        yield "hidden columns"
                element.clear()
                if is_row and (table := element.getparent()) is not None:
                    del table[:-1]
    except (etree.XMLSyntaxError, *UNREADABLE):
        raise damaged(source) from None


def _mentions_hiding(archive: zipfile.ZipFile, name: str) -> bool:
    """Whether the word stands anywhere, in UTF-8 or UTF-16: few sheets have it, and only they are worth parsing."""
    rest = b""
    with archive.open(name) as file:
        while piece := file.read(1 << 22):
            text = rest + piece
            if any(word in text for word in HIDDEN):
                return True
            rest = text[-16:]
    return False


def _says_something(root: etree._Element) -> bool:
    """Whether custom XML holds more than a document store's own labels."""
    if etree.QName(root).localname in LABELS:
        return False
    return any((element.text or "").strip() for element in root.iter() if isinstance(element.tag, str))


def _in_ods(source: Source) -> Iterator[str]:
    unseen: set[str | None] = set()
    number = 0
    with _opened(source) as archive, archive.open(_member(archive, "content.xml", source)) as file:
        try:
            for event, element in etree.iterparse(
                file, events=("start", "end"), resolve_entities=False, huge_tree=True
            ):
                name = etree.QName(element).localname
                if event == "start":
                    number += name == "table"
                    if name == "table" and _attribute(element, "style-name") in unseen:
                        yield f"sheet {number}, hidden"
                    elif name in ODS_ELEMENTS:
                        yield ODS_ELEMENTS[name]
                elif name == "style" and any(_attribute(child, "display") == "false" for child in element):
                    unseen.add(_attribute(element, "name"))
                elif name == "table-row":
                    element.clear()
        except (etree.XMLSyntaxError, *UNREADABLE):
            raise damaged(source) from None


def _in_xls(source: Source) -> Iterator[str]:
    try:
        with olefile.OleFileIO(source.path) as book:
            if any(path[0].upper() == "_SX_DB_CUR" for path in book.listdir()):
                yield MEMBERS[0][1]
            name = next((one for one in ("Workbook", "Book") if book.exists(one)), None)
            content = book.openstream(name).read() if name else b""
    except (OSError, ValueError):
        # Tables of web pages and of XML are called .xls as well; whether this is a workbook its reader says.
        return
    yield from told_by_records(content)


def told_by_records(content: bytes) -> Iterator[str]:
    """What the records of an XLS workbook tell: each has its kind, its length and so many bytes."""
    place = sheet = 0
    while place + 4 <= len(content):
        kind, length = struct.unpack_from("<HH", content, place)
        body = content[place + 4 : place + 4 + length]
        if kind == BOUNDSHEET:
            sheet += 1
            if len(body) > 4 and body[4] & 3:
                yield f"sheet {sheet}, hidden" + (" so deep that Excel's menu does not show it" if body[4] & 2 else "")
        elif kind == SUPBOOK and body[2:4] not in OWN_BOOK:
            yield MEMBERS[3][1]
        elif kind in XLS_RECORDS:
            yield XLS_RECORDS[kind]
        place += 4 + length


def _opened(source: Source) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(source.path)
    except UNREADABLE:
        raise damaged(source) from None


def _member(archive: zipfile.ZipFile, name: str, source: Source) -> str:
    if name not in archive.namelist():
        raise damaged(source)
    return name


def _parsed(archive: zipfile.ZipFile, name: str, source: Source) -> etree._Element:
    """A member as XML, without entities and within MOST_XML."""
    try:
        with archive.open(name) as file:
            content = file.read(MOST_XML + 1)
        if len(content) > MOST_XML:
            raise damaged(source)
        return etree.fromstring(content, etree.XMLParser(resolve_entities=False, no_network=True))
    except (etree.XMLSyntaxError, *UNREADABLE):
        raise damaged(source) from None


def _attribute(element: etree._Element, name: str) -> str | None:
    """An attribute by its name without the namespace, which differs between versions of the format."""
    return next((str(value) for key, value in element.items() if str(key).rpartition("}")[2] == name), None)
