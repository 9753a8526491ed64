"""JSON that is a table: a list of flat objects, as Socrata, Opendatasoft, CKAN's datastore and councils' own pages give
it. Each object is a row; an absent member and a null are the same."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import polars as pl
import shapely

from datasets.issues import Issues
from harvesters.batch import DeclaredCrs, Geometries, Opened
from harvesters.formats.counts import count_issue
from harvesters.formats.features import build_features
from harvesters.formats.shapes import GEOMETRY_TYPES, geometries_of
from harvesters.formats.table import trimmed
from harvesters.formats.values import as_text

LISTS = ("records", "data", "rows", "results", "value")
"""What the list is called where it is a member of an object."""
TOTALS = ("total", "total_count", "@odata.count")
PAIRS = ({"latitude", "longitude"}, {"lat", "lon"})
CHUNK = 20_000

Row = dict[str, Any]


@dataclass(frozen=True)
class Shapes:
    """A stretch of a column in which every value is a geometry; `unreadable` are the places in the table of those that
    make no sense."""

    start: int
    geometry: Geometries
    unreadable: list[int]


@dataclass
class Table:
    """The rows of a document so far, what stood beside their list, and which columns come first. A column's shapes
    are used when it holds nothing else; `mixed` names those that do."""

    beside: Row = field(default_factory=dict)
    order: list[str] = field(default_factory=list)
    waiting: list[Row] = field(default_factory=list)
    frames: list[pl.DataFrame] = field(default_factory=list)
    shapes: dict[str, list[Shapes]] = field(default_factory=dict)
    mixed: set[str] = field(default_factory=set)
    strangers: int = 0
    count: int = 0

    def add(self, item: object) -> None:
        """One more item of the list."""
        if not isinstance(item, dict):
            self.strangers += 1
            return
        self.waiting.append(item)
        if len(self.waiting) >= CHUNK:
            _flush(self)

    @property
    def is_met(self) -> bool:
        """Whether there is any row."""
        return bool(self.count or self.waiting)


def is_row(item: object) -> bool:
    """Whether an item of a top-level list is a row of a table, and neither a feature nor a document of its own."""
    if not isinstance(item, dict):
        return True
    if "features" in item or "attributes" in item or item.get("type") in ("Feature", "FeatureCollection"):
        return False
    return not (item.get("type") in GEOMETRY_TYPES and {"coordinates", "geometries"} & item.keys())


def table_within(plain: Row) -> Table | None:
    """The table in a document that is an object; None where there is none. CKAN puts its rows in `result`, and other
    things under other names."""
    result = plain.get("result")
    beside, names = (result, LISTS[:1]) if isinstance(result, dict) else (plain, LISTS)
    items = next((beside[name] for name in names if isinstance(beside.get(name), list)), None)
    if items is None or not all(map(is_row, items)):
        return None
    fields = beside.get("fields")
    table = Table(beside)
    if isinstance(fields, list):
        table.order = [str(one["id"]) for one in fields if isinstance(one, dict) and "id" in one]
    for item in items:
        listed = table.order and isinstance(item, list)
        table.add(dict(zip(table.order, item, strict=False)) if listed else item)
    return table if table.is_met or not items else None


def build_rows(table: Table, *, encoding: str, issues: Issues) -> Opened:
    """The table as an opened resource."""
    _flush(table)
    frame = pl.concat(table.frames, how="diagonal") if table.frames else pl.DataFrame()
    first = [name for name in table.order if name in frame.columns]
    frame = frame.select(*first, *(name for name in frame.columns if name not in set(first)))
    shape = next((name for name in frame.columns if name in table.shapes and name not in table.mixed), None)
    for name in table.shapes.keys() - {shape}:
        text = pl.Series(name, shapely.to_geojson(_whole(table, name)), dtype=pl.String)
        frame = frame.with_columns(pl.coalesce(name, text))
    return build_features(
        frame.drop(shape) if shape else frame,
        _whole(table, shape) if shape else None,
        format="JSON table",
        crs=DeclaredCrs(4326, "GeoJSON default", "OGC:CRS84") if shape else None,
        issues=[*issues, *_count_issues(table)],
        unreadable=[place for part in table.shapes[shape] for place in part.unreadable] if shape else None,
        encoding=encoding,
        strangers=table.strangers,
    )


def _flush(table: Table) -> None:
    """Turns the rows that wait into columns."""
    rows, table.waiting = table.waiting, []
    if not rows:
        return
    columns: dict[str, list[str | None]] = {}
    for name in dict.fromkeys(name for row in rows for name in row):
        values = [row.get(name) for row in rows]
        known = [value for value in values if value is not None]
        if known and all(type(value) is dict for value in known):
            columns |= _nested(table, name, values, known)
        else:
            table.mixed |= {name} if known else set()
            columns[name] = [_text(value) for value in values]
    table.frames.append(trimmed(pl.DataFrame(columns, schema=dict.fromkeys(columns, pl.String))))
    table.count += len(rows)


def _nested(table: Table, name: str, values: list[Row | None], known: list[Row]) -> dict[str, list[str | None]]:
    """The columns of one whose values are objects: their members, nothing where they are shapes, or JSON."""
    if all(any(pair <= value.keys() for pair in PAIRS) for value in known):
        members = dict.fromkeys(member for value in known for member in value)
        return {f"{name} {member}": [_text((value or {}).get(member)) for value in values] for member in members}
    # Opendatasoft wraps its shapes in features.
    inner = [value.get("geometry") if value and value.get("type") == "Feature" else value for value in values]
    if any(value is not None and value.get("type") not in GEOMETRY_TYPES for value in inner):
        table.mixed.add(name)
        return {name: [_text(value) for value in values]}
    geometry, unreadable = geometries_of(inner)
    found = Shapes(table.count, geometry, [table.count + place for place in unreadable])
    table.shapes.setdefault(name, []).append(found)
    return {name: [None] * len(values)}


def _whole(table: Table, name: str) -> Geometries:
    whole: Geometries = np.full(table.count, None, dtype=object)
    for part in table.shapes[name]:
        whole[part.start : part.start + len(part.geometry)] = part.geometry
    return whole


def _count_issues(table: Table) -> Issues:
    """What a server says of the number of rows beside what it sent."""
    stated = {word: table.beside[word] for word in TOTALS if type(table.beside.get(word)) is int}
    return [count_issue(word, total, table.count) for word, total in stated.items() if total != table.count][:1]


def _text(value: object) -> str | None:
    return value if type(value) is str else as_text(value)
