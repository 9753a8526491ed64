"""What fields a layer may have, guessed from an example of the files that would fill it."""

import re

import polars as pl

from datasets.layer import ENVELOPE, PROVENANCE_COLUMNS, LayerField, plain
from datasets.register import read_toml
from datasets.scaffold import ExampleField
from datasets.vocabulary import FieldType
from harvesters.batch import Opened
from harvesters.screen import names_people
from harvesters.type import share_valid
from harvesters.values.parsed import without_null_words

SURE, MOST_CODES, FEWEST_ROWS, LONGEST_CODE = 0.9, 12, 20, 40
"""Values of a type that a column needs; different values that a codelist may have, in how many rows, and how long."""

_PLACES = re.compile(
    r"^(x|y|lat|lon|lng|long|latitude|longitude|eastings?|northings?|geo[xy]|[xy]coord\w*|coord[xy]|geom\w*|geometry|"
    r"thegeom|wkt|point|shape|geopoint2d|geoshape|coordinatereferencesystem)$"
)
_SOFTWARE = re.compile(
    r"^(objectid\d*|fid\d*|ogcfid|gid|gmlid|globalid|miprinx|mistyle|shape(st)?(area|len\w*)|esrioid)$"
)
_NAMED = {
    FieldType.UPRN: re.compile(r"uprn"),
    FieldType.PHONE: re.compile(r"phone|^tel"),
    FieldType.TIME_RANGES: re.compile(r"hours|openingtime|^open$"),
    FieldType.MONEY: re.compile(r"cost|charge|price|fee|amount"),
}
"""Types that values alone do not tell; the column's name must say it too."""

_TRIED = (FieldType.FLAG, FieldType.INTEGER, FieldType.DECIMAL, FieldType.DATE, FieldType.POSTCODE, FieldType.URL,
          FieldType.EMAIL)  # fmt: skip
"""In this order: a column of years is one of whole numbers, and a number that begins with 0 is a code."""


def example_fields(opened: Opened) -> list[ExampleField]:
    """A field for each column, but for those that tell of people or places, and numbers of the publisher's software.
    A column that the envelope knows is its field; names are made such that no two are the same."""
    known = {plain(alias): name for name, field in read_toml(ENVELOPE).items() for alias in field["aliases"]}
    fields: dict[str, ExampleField] = {}
    for column in opened.columns:
        if names_people(column) or _PLACES.match(plain(column)) or _SOFTWARE.match(plain(column)):
            continue
        name = known.get(plain(column))
        if name is None:
            found, codes = _kind(column, opened.records[column])
            name = _free_name(column, {*fields, *known.values()})
            fields[name] = ExampleField(column, name, found, codes)
        else:
            fields.setdefault(name, ExampleField(column, name))
    return _each_name_once(list(fields.values()))


def _kind(column: str, values: pl.Series) -> tuple[FieldType, tuple[str, ...]]:
    filled = without_null_words(values).drop_nulls()
    numbers = {FieldType.INTEGER, FieldType.DECIMAL}
    tried = [kind for kind in _TRIED if kind not in numbers or not filled.str.contains(r"^0\d").any()]
    for kind, name in _NAMED.items():
        if name.search(plain(column)) and share_valid(_field(kind), filled) >= SURE:
            return kind, ()
    for kind in tried:
        if share_valid(_field(kind), filled) >= SURE:
            return kind, ()
    words = filled.str.strip_chars().unique(maintain_order=True)
    few = len(filled) >= FEWEST_ROWS and 1 < len(words) <= MOST_CODES
    if few and (words.str.len_chars().max() or 0) <= LONGEST_CODE:  # type: ignore[operator]
        codes = {word.lower(): word for word in words.sort() if word}
        return FieldType.CODE, tuple(codes.values())
    return FieldType.TEXT, ()


def _field(kind: FieldType) -> LayerField:
    return LayerField(title="", description="", type=kind)


def _free_name(column: str, taken: set[str]) -> str:
    """The column's name as a field may be called: `_2` and so on behind one that is taken or that is ours."""
    words = re.findall(r"[a-z0-9]+", re.sub(r"(?<=[a-z]{2})(?=[A-Z])", " ", column).lower())
    name = "_".join(words)[:40].strip("_") or "field"
    name = name if name[0].isalpha() else f"n_{name}"
    free = (f"{name}_{number}" if number > 1 else name for number in range(1, 1000))
    return next(each for each in free if each not in taken | PROVENANCE_COLUMNS)


def _each_name_once(fields: list[ExampleField]) -> list[ExampleField]:
    """Columns that only differ in marks would be known by one name: the first is taken."""
    first: dict[str, ExampleField] = {}
    for field in fields:
        first.setdefault(plain(field.column), field)
    return list(first.values())
