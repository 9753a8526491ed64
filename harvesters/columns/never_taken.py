"""Columns that a layer never takes, because they tell of people in its own subject's files: the holder of a licence.

Apart from the screen, which knows what names people in any file; these are in the layer's definition.
"""

import re
from dataclasses import replace

from datasets.issues import Issues, feed_issue
from datasets.layer import Layer, plain
from datasets.vocabulary import Action
from harvesters.batch import Opened


def without_people(opened: Opened, layer: Layer) -> tuple[Opened, Issues]:
    """The resource without the columns that the layer never takes, whoever states them; each is an issue."""
    dropped = [column for column in opened.columns if _tells_of_people(column, layer)]
    if not dropped:
        return opened, []
    issues = [
        feed_issue("personal-column-dropped", f"Column {column!r} was left out.", action=Action.DROPPED, field=column,
                   count=opened.records.height)
        for column in dropped
    ]  # fmt: skip
    return replace(opened, records=opened.records.drop(dropped)), issues


def _tells_of_people(column: str, layer: Layer) -> bool:
    """By the words of the name, or by how it begins where it is written without any gap."""
    apart = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", column)
    words = f" {' '.join(re.findall('[a-z0-9]+', apart.lower()))} "
    return any(f" {word} " in words or plain(column).startswith(plain(word)) for word in layer.never)
