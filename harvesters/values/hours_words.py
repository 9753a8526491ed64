"""The words in which opening hours are written, one after the other. A word that is none of them makes the whole text
uncertain: it may change what the rest means."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """What a word does in a sentence of opening hours."""

    TIME = "time"
    DAY = "day"
    DATE = "date"
    ALWAYS = "always"
    CLOSED = "closed"
    EXCEPT = "except"
    SEASON = "season"
    DASH = "dash"
    AND = "and"
    STOP = "stop"


@dataclass(frozen=True)
class Word:
    """One word: `text` as written, and what it says: days as OSM names, a month and day, hour and minute."""

    kind: Kind
    text: str
    says: tuple[str, ...] = ()


class Unknown(Exception):
    """A word that opening hours are not made of."""


DAYS = ("Mo", "Tu", "We", "Th", "Fr", "Sa", "Su")
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
HOLIDAYS = "PH"
_DAY = (
    r"mon(?:day)?|mo|tue?s?(?:day)?|tu|wed(?:s|nes|nesday)?|we|thu?(?:rs?)?(?:day)?|fri?(?:day)?|sat?(?:ur)?(?:day)?"
    r"|sun?(?:day)?"
)
_MONTH = (
    r"jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?"
    r"|nov(?:ember)?|dec(?:ember)?"
)
_SEVEN = r"(?:(?:7|seven)\s*days(?:\s*(?:a|per)\s*week|\s*/\s*week)?)"
_KINDS: tuple[tuple[str, Kind | None], ...] = (
    (rf"24\s*/\s*7|24\s*-?\s*(?:hours?|hrs?|h)\b(?:\s*(?:a|per)\s*day|\s*daily)?(?:[\s,]*{_SEVEN})?", Kind.ALWAYS),
    (r"always(?: open)?|at all times|all times|round the clock", Kind.ALWAYS),
    (rf"every\s*day(?: of the week)?|daily|each day|all week|{_SEVEN}", Kind.DAY),
    (r"weekdays?|week ?ends?", Kind.DAY),
    (r"(?:bank|public)\s*(?:holidays?|hols?)", Kind.DAY),
    (r"christmas day|boxing day|new year'?s day", Kind.DATE),
    (rf"\d{{1,2}}\s*(?:st|nd|rd|th)?\s*(?:of\s+)?(?:{_MONTH})(?![a-z])", Kind.DATE),
    (rf"(?:{_MONTH})(?![a-z])", Kind.DATE),
    (rf"(?:{_DAY})s?(?![a-z])", Kind.DAY),
    (r"\d{1,2}(?:[:.]\d{2})?\s*[ap]m(?![a-z])", Kind.TIME),
    (r"\d{1,2}[:.]\d{2}(?::00)?(?![\d:])(?:\s*(?:hours|hrs|h)\b)?", Kind.TIME),
    (r"\d{4}(?!\d)(?:\s*(?:hours|hrs|h)\b)?", Kind.TIME),
    (r"(?:12\s*)?(?:noon|midday)|(?:12\s*)?midnight|sunrise|sunset|dawn|dusk", Kind.TIME),
    (r"daylight hours(?: only)?|(?:hours of|during) daylight(?: hours)?", Kind.TIME),
    (r"\d{1,2}(?![\d:.])", Kind.TIME),
    (r"closed|shut|off(?![a-z])", Kind.CLOSED),
    (r"except(?:ing)?(?: for| on)?|excluding|excl?\.?(?![a-z])", Kind.EXCEPT),
    (r"(?:but )?not (?:on |including )?(?=bank|public)", Kind.EXCEPT),
    (r"summer|winter", Kind.SEASON),
    (r"-+|to(?![a-z])|until|till|thru|through", Kind.DASH),
    (r",|&|/|\+|and(?![a-z])", Kind.AND),
    (r"[;:.()|]", Kind.STOP),
    (r"(?:opening|open|opens)(?: (?:times?|hours?))?(?![a-z])", None),
    (r"(?:hours?|times?|from|on)(?![a-z])", None),
)  # fmt: skip
_SCANNER = re.compile("|".join(f"(?P<k{at}>{pattern})" for at, (pattern, _) in enumerate(_KINDS)))
_BREAKS = re.compile(
    r"(?<=\d[ap]m)(?=[a-z])|(?<=noon)(?=[a-z])|(?<=closed)(?=[a-z])|(?<=midnight)(?=[a-z])|(?<=[a-z])(?=\d)"
    r"|(?<=\d)(?=mon|tue|wed|thu|fri|sat|sun)|(?<=ber)(?=mon|tue|wed|thu|fri|sat|sun)"
    r"|(?<=ary|rch|ril|une|uly|ust)(?=mon|tue|wed|thu|fri|sat|sun)"
)
"""Where a line end was lost between two words, as in `7pmWednesday`."""


def words_of(text: str) -> list[Word]:
    """The text's words in order. Unknown where any of it is none of them."""
    plain = re.sub(r"\b([ap])\.\s?m\.?(?![a-z])", r"\1m", text.lower().replace("’", "'"))
    plain = re.sub(r"\s+", " ", re.sub(r"[–—−]", "-", plain))
    return list(_scan(_BREAKS.sub(" ", plain)))


def _scan(text: str) -> Iterator[Word]:
    at = 0
    while at < len(text):
        if text[at] == " ":
            at += 1
            continue
        found = _SCANNER.match(text, at)
        if found is None or found.lastgroup is None:
            raise Unknown(text[at:])
        kind = _KINDS[int(found.lastgroup[1:])][1]
        if kind is not None:
            yield Word(kind, found[0], _MEANINGS.get(kind, _as_written)(found[0]))
        at = found.end()


def _as_written(text: str) -> tuple[str, ...]:
    return (text,)


def _days_in(text: str) -> tuple[str, ...]:
    """OSM names of the days; bank holidays are one of their own."""
    if text.startswith(("bank", "public")):
        return (HOLIDAYS,)
    if text.startswith("weekd"):
        return DAYS[:5]
    if re.match(r"week ?end", text):
        return DAYS[5:]
    return next(((day,) for day in DAYS if text.startswith(day.lower())), DAYS)


def _date_in(text: str) -> tuple[str, ...]:
    """The month, or the month and the day."""
    if text.startswith(("christmas", "boxing", "new")):
        return {"c": ("Dec", "25"), "b": ("Dec", "26"), "n": ("Jan", "01")}[text[0]]
    day = re.match(r"\d{1,2}", text)
    name = re.sub(r"^\d{1,2}\s*(?:(?:st|nd|rd|th)(?![a-z])\s*)?(?:of\s+)?", "", text)
    month = next(month for month in MONTHS if name.startswith(month.lower()))
    return (month, f"{int(day[0]):02d}") if day else (month,)


_MEANINGS = {Kind.DAY: _days_in, Kind.DATE: _date_in}
