"""Opening hours as OpenStreetMap writes them, made from what a council writes, and only where that is certain.

The council's own text stays as it is in a field of its own; this fills the field beside it. What is made is checked by
the library that reads such hours.
"""

import re

import opening_hours
import polars as pl

from harvesters.values.hours_grammar import Unsure, read_week
from harvesters.values.hours_words import Unknown, words_of

LONGEST = 600
_MONTH = "(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)"
_OSM = re.compile(
    rf"(?:(?:24/7|off|closed|PH|SH|Mo|Tu|We|Th|Fr|Sa|Su|{_MONTH}(?: \d{{1,2}}(?![\d:]))?"
    r"|sunrise|sunset|dawn|dusk|\d\d:\d\d)[ ,;:+-]*)+"
)
"""Only the words of the OSM form, spelt as there; the library says whether they make sense."""


_MARKED = re.compile(r"\b(?:Mo|Tu|We|Th|Fr|Sa|Su|PH)\b")


def derive_hours(text: pl.Series) -> pl.Series:
    """The OSM form of each text, null where it is not certain. Each distinct text is read once."""
    known = {value: osm_hours(value) for value in text.drop_nulls().unique()}
    return text.replace_strict(known, default=None, return_dtype=pl.String)


def osm_hours(text: str) -> str | None:
    """`Mo-Fr 09:00-17:00; Sa off` for `Mon-Fri 9am-5pm, Sat closed`; None where it may mean anything else."""
    if len(text) > LONGEST:
        return None
    _, tag, written = text.strip().rpartition("opening_hours=")
    # Figures alone are of the OSM form as well, but whoever wrote them may not have meant it.
    if (tag or _MARKED.search(written)) and (already := _already(written)) is not None:
        return already
    try:
        made = str(read_week(words_of(written)))
    except (Unknown, Unsure):
        return None
    return made if opening_hours.validate(made) else None


def _already(text: str) -> str | None:
    """Text that is of the OSM form, with single blanks and without brackets round bare events."""
    plain = re.sub(r"\s*([;,])\s*", r"\1 ", re.sub(r"\((sunrise|sunset|dawn|dusk)\)", r"\1", " ".join(text.split())))
    plain = re.sub(r"(?<=[a-z]), (?=[A-Z])", ",", plain).strip(" ;,")
    sound = re.search(r"\d\d:\d\d|24/7|\boff\b|sun|dawn|dusk", plain) and _OSM.fullmatch(plain)
    return plain if sound and opening_hours.validate(plain) else None
