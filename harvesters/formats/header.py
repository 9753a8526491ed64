"""Which row of a sheet or text file is the header: people put titles above it, and some leave it out."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

Row = Sequence[str | None]

KINDS = {
    "number": re.compile(r"[£$€]?\s*[-+]?(\d[\d,]*\.?\d*|\.\d+)(e[-+]?\d+)?\s*%?"),
    "date": re.compile(r"\d{1,4}[-/. ](\d{1,2}|[a-z]{3,9})[-/. ]\d{2,4}([ t]\d{1,2}:\d{2}.*)?"),
    "time": re.compile(r"\d{1,2}[:.]\d{2}(:\d{2})?\s*([ap]m)?"),
    "code": re.compile(r"[a-z]{1,3}[/-]?\d{3,}[a-z]?"),
    "url": re.compile(r"(https?://|www\.)\S+"),
    "e-mail": re.compile(r"\S+@\S+\.\w+"),
    "place": re.compile(r"[-+\d.]+\s*,\s*[-+\d.]+|(multi)?(point|polygon|linestring)\s*z?\s*\(.*", re.S),
}
POSTCODE = re.compile(r"[A-Z]{1,2}\d[A-Z\d]?\s*\d[A-Z]{2}|[A-Za-z]{1,2}\d[A-Za-z\d]?\s+\d[A-Za-z]{2}")
YEAR = re.compile(r"(19|20)\d\d")
WORDS = re.compile(
    r"\b(name|title|address\w*|post ?code|east(ing)?s?|north(ing)?s?|lat(itude)?|lon(g|gitude)?|lng|x|y|id|uprn|usrn"
    r"|ref(erence)?|no|number|type|category|description|notes?|comments?|status|date|website|url|email|telephone|phone|ward"
    r"|district|parish|area|street|town|locality|location|place|station|polling|code|council|geometry|site|building"
    r"|opening|hours|organisation\w*|day|time|constituency|hall|venue|facilit\w+)\b"
)


@dataclass(frozen=True)
class Found:
    """`index` is the header's row, None where there is no header; `start` is the first row of the table."""

    index: int | None
    start: int


def find_header(rows: Sequence[Row]) -> Found:
    """The header among the first rows of a table, counted from 0."""
    filled = [sum(cell is not None for cell in row) for row in rows]
    full = [count for count in filled if count]
    if not full:
        return Found(None, 0)
    wanted = max(1, round(0.6 * median(full)))
    if len(full) > 2 and median(full) >= 2:
        wanted = max(wanted, 2)
    start = next(index for index, count in enumerate(filled) if count >= wanted)
    body = [row for row in rows[start + 1 :] if any(row)]
    if _is_header(rows[start], [row for row in body if list(row) != list(rows[start])]):
        return Found(start, start)
    return Found(None, start)


def kind_of(cell: str) -> str:
    """`text`, or what the cell plainly is: a number, a date, a postcode, ..."""
    if POSTCODE.fullmatch(cell.strip()):
        return "postcode"
    text = cell.strip().lower()
    return next((kind for kind, pattern in KINDS.items() if pattern.fullmatch(text)), "text")


def _is_header(row: Row, body: Sequence[Row]) -> bool:
    cells = [(column, cell) for column, cell in enumerate(row) if cell is not None]
    if not any(re.search("[A-Za-z]", cell) for _, cell in cells):
        return False
    labels = [cell for _, cell in cells if kind_of(cell) == "text"]
    known = sum(bool(WORDS.search(re.sub(r"[_\-.:/]|(?<=[a-z])(?=[A-Z])", " ", cell).lower())) for cell in labels)
    if labels and known >= 0.5 * len(cells) and max(map(len, labels)) <= 80:
        return len(cells) > 1 or (known == 1 and not re.search(r",|\d", labels[0]))
    unlike = alike = 0
    for column, cell in cells:
        values = [row[column] for row in body if column < len(row) and row[column] is not None]
        against, same = _compare(cell, [value for value in values if value is not None])
        unlike, alike = unlike + against, alike + same
    if unlike or alike:
        return unlike > alike
    if len(labels) > 1 and all(re.fullmatch(r"[A-Za-z][\w.:-]*", cell) for cell in labels):
        return True
    return not any("," in cell or len(cell) > 80 or re.search(r"\d", cell) for cell in labels)


def _compare(cell: str, values: Sequence[str]) -> tuple[int, int]:
    """Whether the cell is unlike the values below it (so it names them) or alike (so it is one of them)."""
    if not values or YEAR.fullmatch(cell):
        return 0, 0
    kinds = [kind_of(value) for value in values]
    commonest = max(set(kinds), key=kinds.count)
    if commonest != "text" and kinds.count(commonest) >= 0.7 * len(kinds):
        kind = kind_of(cell)
        return (1, 0) if kind == "text" else (0, int(kind == commonest))
    return (0, 1) if cell in values or kind_of(cell) in set(kinds) - {"text"} else (0, 0)
