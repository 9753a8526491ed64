"""Made-up leaks: files of invented toilets that hold invented people, each with a near miss that is no leak.

A leak's `secrets` are what must stand nowhere in the database once its file was harvested. `held` says whether the run
must stop; where it may go on, the secret must have been left behind. No value here is a real person's: telephone
numbers are Ofcom's for drama, everything else is made up or an example of its standard.
"""

import json
import re
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.builders import LAT, LON, csv_bytes, toilet, toilets
from tests.formats.workbooks import write_ods, write_xlsx

HEADER = list(toilet(1))
BODY = [[str(value) for value in row.values()] for row in toilets(5)]


@dataclass(frozen=True)
class Leak:
    """One file: its name and bytes, what must not come through, and whether the run must be held."""

    kind: str
    content: bytes
    secrets: tuple[str, ...]
    name: str = "toilets.csv"
    held: bool = True


def in_a_field(kind: str, text: str, *secrets: str, field: str = "Notes") -> Leak:
    """A leak in one cell of a column that the layer asks for."""
    rows = toilets(5)
    rows[2] = {**rows[2], field: text}
    rows = [{**dict.fromkeys([field], ""), **row} for row in rows]
    return Leak(kind, csv_bytes(rows), secrets or (text,))


def in_a_column(kind: str, column: str, *values: str, held: bool = False) -> Leak:
    """A leak in a column that the layer does not ask for."""
    return Leak(
        kind,
        csv_bytes([{**row, column: value} for row, value in zip(toilets(5), values * 5, strict=False)]),
        values,
        held=held,
    )


def in_a_workbook(kind: str, change: Callable[[zipfile.ZipFile], None], *secrets: str) -> Leak:
    """A leak in what an XLSX file holds beside its sheet."""
    return Leak(kind, _workbook({"Toilets": [HEADER, *BODY]}, change), secrets, "toilets.xlsx")


def _workbook(sheets: dict[str, Sequence[Sequence[str]]], change: Callable[[zipfile.ZipFile], None] | None = None,
              hidden: Sequence[str] = (), suffix: str = ".xlsx") -> bytes:  # fmt: skip
    with TemporaryDirectory() as folder:
        path = Path(folder) / f"book{suffix}"
        write_ods(path, sheets) if suffix == ".ods" else write_xlsx(path, sheets, hidden=hidden)
        if change is not None:
            with zipfile.ZipFile(path, "a") as book:
                change(book)
        return path.read_bytes()


def adds(member: str, content: str) -> Callable[[zipfile.ZipFile], None]:
    return lambda book: book.writestr(member, content)


def very_hidden() -> bytes:
    """The workbook with its second sheet hidden so deep that Excel does not list it."""
    made = _workbook({"Toilets": [HEADER, *BODY], "Cases": [["Name"], ["Zebedee Quillfeather"]]}, hidden=["Cases"])
    return _rewritten(made, "xl/workbook.xml", b'state="hidden"', b'state="veryHidden"')


def _rewritten(book: bytes, member: str, old: bytes, new: bytes) -> bytes:
    out = BytesIO()
    with zipfile.ZipFile(BytesIO(book)) as before, zipfile.ZipFile(out, "w") as after:
        for name in before.namelist():
            content = before.read(name)
            assert name != member or old in content
            after.writestr(name, content.replace(old, new) if name == member else content)
    return out.getvalue()


def hidden_row() -> bytes:
    return _rewritten(
        _workbook({"Toilets": [HEADER, *BODY, ["T9", "Home of Z. Quillfeather", "9 Row", "", "645700", "407800"]]}),
        "xl/worksheets/sheet1.xml", b'<row r="7">', b'<row r="7" hidden="1">',
    )  # fmt: skip


def sheet_spellings() -> list[Leak]:
    """The workbook with a hidden row and one with a hidden column, in each way that its XML may be written."""
    hidden = {
        "row": hidden_row(),
        "column": _rewritten(
            _workbook({"Toilets": [HEADER, *BODY]}), "xl/worksheets/sheet1.xml", b"<sheetData>",
            b'<cols><col min="2" max="2" hidden="1"/></cols><sheetData>',
        ),
    }  # fmt: skip
    ways: dict[str, Callable[[str], str]] = {
        "as a prefix": lambda xml: re.sub(r"<(/?)(\w)", r"<\1x:\2", xml).replace("xmlns=", "xmlns:x="),
        "in single quotes": lambda xml: xml.replace('"', "'"),
        "as a word": lambda xml: xml.replace('hidden="1"', 'hidden="true"'),
        "with spaces": lambda xml: xml.replace('hidden="1"', 'hidden\n= "1" '),
        "as a reference": lambda xml: xml.replace('hidden="1"', 'hidden="&#49;"'),
    }
    return [
        Leak(f"hidden {what} {way}", _respelt(book, respell), ("Quillfeather",), "toilets.xlsx")
        for what, book in hidden.items()
        for way, respell in ways.items()
    ]


def _respelt(book: bytes, respell: Callable[[str], str]) -> bytes:
    with zipfile.ZipFile(BytesIO(book)) as before:
        old = before.read("xl/worksheets/sheet1.xml")
    new = respell(old.decode())
    return _rewritten(book, "xl/worksheets/sheet1.xml", old, new.encode())


def hidden_ods() -> bytes:
    made = _workbook({"Toilets": [HEADER, *BODY], "Cases": [["Name"], ["Zebedee Quillfeather"]]}, suffix=".ods")
    style = (
        b'<office:automatic-styles><style:style xmlns:style="urn:oasis:names:tc:opendocument:xmlns:style:1.0"'
        b' style:name="ta2"><style:table-properties table:display="false"/></style:style></office:automatic-styles>'
        b"<office:body>"
    )
    made = _rewritten(made, "content.xml", b"<office:body>", style)
    return _rewritten(made, "content.xml", b'table:name="Cases"', b'table:name="Cases" table:style-name="ta2"')


def geojson(
    properties: dict[str, object], *, name: str = "toilets", geometry: dict[str, object] | None = None
) -> bytes:
    """Five toilets as GeoJSON with more properties, members of the geometry, or another name."""
    features = [
        {
            "type": "Feature",
            "geometry": {"type": "Point", "coordinates": [LON + n / 1000, LAT], **(geometry or {})},
            "properties": {"Ref": f"T{n}", "Name": f"Convenience {n}", "Address": f"{n} Mere Lane", **properties},
        }
        for n in range(5)
    ]
    return json.dumps({"type": "FeatureCollection", "name": name, "features": features}).encode()


def without_a_header() -> bytes:
    """A file whose first row, which is taken for the header, is a row of people."""
    rows = [["jane.example@example.org", "T1", "Convenience 1", "1 Mere Lane", "645700", "407800"]]
    rows += [["", f"T{n}", f"Convenience {n}", f"{n} Mere Lane", str(645_700 + 40 * n), "407800"] for n in range(2, 7)]
    return "\n".join(",".join(row) for row in rows).encode()


def closing_note() -> bytes:
    return csv_bytes(toilets(5)) + b"\nNote: list kept by Jane Example on 07700 900456\n"


SHEETS = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
SECRET = "Zebedee Quillfeather"
PIVOT = f'<pivotCacheRecords xmlns="{SHEETS}"><r><s v="{SECRET}"/></r></pivotCacheRecords>'
COMMENT = f'<comments xmlns="{SHEETS}"><text>{SECRET}</text></comments>'
LINK = f'<externalLink xmlns="{SHEETS}"><v>{SECRET}</v></externalLink>'
CUSTOM = "<staff><name>Zebedee Quillfeather</name></staff>"
QUERY = f'<connections xmlns="{SHEETS}"><c u="Zebedee"/></connections>'

LEAKS = [
    in_a_field("e-mail of a person in notes", "Ask jane.example@example.org for the key", "jane.example@example.org"),
    in_a_field("e-mail at home", "write to zquill77@gmail.com", "zquill77@gmail.com"),
    in_a_field("e-mail of a person in its own field", "jane.example@example.org", field="ReportEmail"),
    in_a_field("mobile in notes", "Ring 07700 900456 when shut", "07700 900456"),
    in_a_field(
        "mobile with country code in the address", "1 Mere Lane (+44 7700 900456)", "7700 900456", field="Address"
    ),
    in_a_field("mobile in the opening hours", "Key from 07700900456", "07700900456", field="Opening Hours"),
    in_a_field("National Insurance number", "Attendant AB 12 34 56 C", "AB 12 34 56 C"),
    in_a_field("NHS number in a text", "Patient 999 124 1418 fell here", "999 124 1418"),
    Leak(
        "a column of NHS numbers taken for references",
        csv_bytes(
            [
                toilet(n, Ref=ref)
                for n, ref in enumerate(("9991235930", "9991237305", "9991238670", "9991240047", "9991241418"), 1)
            ]
        ),
        ("9991235930", "9991238670"),
    ),
    in_a_field("date of birth", "Cleaner, DOB 12/03/1961", "12/03/1961"),
    in_a_field("date of birth in words", "born on 3 March 1961", "3 March 1961"),
    in_a_field("passport number", "Passport no. 987654321", "987654321"),
    in_a_field("driving licence number", "Driver QUILL657054SM9IJ", "QUILL657054SM9IJ"),
    in_a_field("payment card", "Paid with 4111 1111 1111 1111", "4111 1111 1111 1111"),
    in_a_field("IBAN", "Refund to GB82 WEST 1234 5698 7654 32", "GB82 WEST 1234 5698 7654 32"),
    in_a_field("sort code and account", "Sort code 12-34-56, account 12345678", "12345678"),
    in_a_field("vehicle", "Attendant's car AB12 CDE", "AB12 CDE"),
    in_a_field("internet address of a sender", "Submitted from 203.0.113.97", "203.0.113.97"),
    in_a_field("title and surname in the name", "Mrs Z Quillfeather", "Quillfeather", field="Name"),
    in_a_field("person with a role", "Keyholder: Jane Quillfeather", "Quillfeather"),
    in_a_field("person with an address", "Jane Quillfeather, Flat 3, 12 Mere Road", "Quillfeather", field="Address"),
    in_a_field("person alone as manager", "Sarah Bennett", field="ManagedBy"),
    in_a_column("a column called Applicant", "Applicant Name", "Zebedee Quillfeather"),
    in_a_column("a column of people under an unknown name", "Xyz", "Zebedee Quillfeather", "zeb.quill@example.org"),
    Leak("a header row that is a record", without_a_header(), ("jane.example@example.org",)),
    Leak("a note below the table", closing_note(), ("07700 900456", "Jane Example"), held=False),
    Leak(
        "a property of a GeoJSON feature",
        geojson({"Tenant": "Zebedee Quillfeather"}),
        ("Quillfeather",),
        "toilets.geojson",
        held=False,
    ),
    Leak(
        "a member of a geometry",
        geojson({}, geometry={"owner": "Zebedee Quillfeather"}),
        ("Quillfeather",),
        "toilets.geojson",
        held=False,
    ),
    Leak(
        "the name of a layer",
        geojson({}, name="Jane Quillfeather complaints"),
        ("Quillfeather",),
        "toilets.geojson",
        held=False,
    ),
    Leak(
        "the name of a file", csv_bytes(toilets(5)), ("Quillfeather",), "Jane Quillfeather 07700 900456.csv", held=False
    ),
    Leak(
        "a hidden sheet",
        _workbook(
            {"Toilets": [HEADER, *BODY], "Cases of Jane Quillfeather": [["Name"], ["Zebedee"]]},
            hidden=["Cases of Jane Quillfeather"],
        ),
        ("Quillfeather", "Zebedee"),
        "toilets.xlsx",
    ),
    Leak("a very hidden sheet", very_hidden(), ("Quillfeather",), "toilets.xlsx"),
    Leak("a hidden sheet in an ODS", hidden_ods(), ("Quillfeather",), "toilets.ods"),
    Leak("a hidden row", hidden_row(), ("Quillfeather",), "toilets.xlsx"),
    in_a_workbook("a pivot cache", adds("xl/pivotCache/pivotCacheRecords1.xml", PIVOT), "Quillfeather"),
    in_a_workbook("comments", adds("xl/comments1.xml", COMMENT), "Quillfeather"),
    in_a_workbook("a link to another workbook", adds("xl/externalLinks/externalLink1.xml", LINK), "Quillfeather"),
    in_a_workbook("custom XML", adds("customXml/item1.xml", CUSTOM), "Quillfeather"),
    in_a_workbook("a query", adds("xl/connections.xml", QUERY), "Zebedee"),
]
"""Each kind is a row of the corpus."""

NEAR_MISSES = [
    in_a_field("mailbox of a role", "Ask enquiries@example.org for the key"),
    in_a_field("mailbox of a team", "toilets.team@example.org", field="ReportEmail"),
    in_a_field("mailbox of a hall at home", "elmwoodhall@gmail.com"),
    in_a_field("landline in notes", "Ring 020 7946 0456 when shut"),
    in_a_field("mobile where a telephone is asked for", "07700 900456", field="ReportTel"),
    in_a_field("reference like an insurance number", "Plan AB123456"),
    in_a_field("ten digits that do not check", "Asset 9434765918"),
    Leak(
        "a column of ten-digit references", csv_bytes([toilet(n, Ref=str(4_000_000_000 + n)) for n in range(1, 6)]), ()
    ),
    in_a_field("date that is no birthday", "Opened 12/03/1961"),
    in_a_field("birth of somebody long dead", "The poet was born on 3 March 1561 here"),
    in_a_field("passport office", "Behind the passport office, 12 Mere Lane"),
    in_a_field("sixteen digits that do not check", "Asset 4111 1111 1111 1112"),
    in_a_field("code like a bank account", "Grid GB82 and sheet 12"),
    in_a_field("a postcode beside a car", "Beside the car park AB12 3CD"),
    in_a_field("a version like an internet address", "Standard 1.2.3.4"),
    in_a_field("street with a title", "Doctor's Lane, Dr Barnardo's House", field="Address"),
    in_a_field("park with a person's name", "Victoria Park", field="Name"),
    in_a_field("organisation with a person's name", "Keyholder: Stanley House Trust"),
    in_a_field("street with a person's name", "Florence Road, 12 Old Street", field="Address"),
    in_a_field("organisation as manager", "Ashmere Borough Council", field="ManagedBy"),
    in_a_column("a column called Owner", "Owner", "Ashmere Borough Council"),
    Leak("a plain workbook", _workbook({"Toilets": [HEADER, *BODY]}), (), "toilets.xlsx"),
    in_a_workbook("labels of a document store", adds("customXml/item1.xml", "<sisl><label/></sisl>")),
    Leak("a plain ODS", _workbook({"Toilets": [HEADER, *BODY]}, suffix=".ods"), (), "toilets.ods"),
]
"""What looks a little like one of them and must be published."""
