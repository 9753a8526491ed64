"""A first definition of a new layer, as TOML that loads as it is and says in comments what may be changed.

Separate from reading definitions, because it writes them: once, for a person to go on from.
"""

import json
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from datasets.errors import CitywideError
from datasets.layer import ENVELOPE, check_layer, layers
from datasets.register import read_toml
from datasets.vocabulary import FieldType, GeometryKind

_TYPES = {
    FieldType.DATE: "a day, or only a year or a month",
    FieldType.FLAG: "yes or no",
    FieldType.CODE: "one of the values under codes; beside each stand other ways of writing it",
    FieldType.MONEY: "pounds",
}


@dataclass(frozen=True)
class ExampleField:
    """A field as an example file suggests it: a column's name in the file, the field's name, what its values are like,
    and the values that a column of few different ones has. A field of the envelope needs no more than its name."""

    column: str
    name: str
    type: FieldType = FieldType.TEXT
    codes: tuple[str, ...] = ()


def write_scaffold(folder: Path, layer_id: str, text: str) -> Path:
    """The definition in the operator's folder. CitywideError when there is such a layer already, or when the
    definition would not load."""
    path = folder / f"{layer_id}.toml"
    if layer_id in layers() or path.exists():
        raise CitywideError(f"There is a layer {layer_id!r} already; give the new one another id.")
    check_layer(tomllib.loads(text), path)
    folder.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def scaffold(title: str, geometry: GeometryKind, fields: Sequence[ExampleField]) -> str:
    """The text of a definition with these fields behind the envelope's."""
    envelope = read_toml(ENVELOPE)
    own = [field for field in fields if field.name not in envelope]
    told = [each.name for each in fields if each.name in ("name", "reference")]
    told = told or [each.name for each in own if each.type is FieldType.TEXT][:1] or ["name", "reference"]
    return (
        "\n".join(
            [_head(title, geometry, told), *_envelope(envelope, fields), *(_field(field) for field in own)]
        ).rstrip("\n")
        + "\n"
    )


def _head(title: str, geometry: GeometryKind, told: Sequence[str]) -> str:
    singular = title[:1].lower() + title[1:].removesuffix("s")
    described = f"{title}, from every council of the city that publishes them."
    return f"""\
title = {_text(title)}
singular = {_text(singular)}
# Say in one or two sentences, to somebody who lives here, what is in it.
description = {_text(f"{described:<40}".replace(" .", "."))}
theme = "Community"
# The standard that councils follow, and the page that describes it.
standard = "None in force"
standard_url = ""
# point, or area: an area may also come as its point.
geometry = "{geometry}"
# How far apart, in metres, two councils' features may be and still be one thing; 0 for areas.
match_radius_m = {0 if geometry is GeometryKind.AREA else 20}
# A file is only taken where one field of each group is surely found.
needs = [{_list(told)}]
# What tells features apart where there is no reference.
natural_key = {_list([name for name in told if name != "reference"][:1] or ["name"])}
# Words by which datasets of it are found, and words that show that one is about something else.
keywords = {_list(sorted({title.lower(), singular.lower()}))}
other_layers = []
# Words of column names that tell of people; such columns are never taken.
never = []

# What one council's part must look like; a harvest that does not is held.
[expectations]
filled = {{ {told[0]} = 0.5 }}
"""


def _envelope(envelope: dict[str, dict[str, str]], fields: Sequence[ExampleField]) -> list[str]:
    """The fields that every layer has, as comments; those that a column of the example fills say so."""
    lines = [
        "# Every layer has these fields. To describe one better or to know more names of its column, write it here:"
    ]
    for name, field in envelope.items():
        found = ", ".join(repr(each.column) for each in fields if each.name == name)
        lines.append(f"#   [field.{name}]  {field['description']}{f' From the column {found}.' if found else ''}")
    return [*lines, ""]


def _field(field: ExampleField) -> str:
    title = field.column.replace("_", " ").strip()
    lines = [f"[field.{field.name}]"]
    if field.type in _TYPES:
        lines.append(f"# {_TYPES[field.type]}")
    lines += [
        f"title = {_text(title if title != title.lower() else title[:1].upper() + title[1:])}",
        f"description = {_text(f'What the column {field.column} says.')}",
        f'type = "{field.type}"',
        f"aliases = {_list([field.column])}",
    ]
    if field.codes:
        lines += [f"[field.{field.name}.codes]", *(f"{_text(code)} = []" for code in field.codes)]
    return "\n".join([*lines, ""])


def _text(value: str) -> str:
    """As TOML, whose basic strings are written as JSON's are."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _list(values: Sequence[str]) -> str:
    return "[" + ", ".join(map(_text, values)) + "]"
