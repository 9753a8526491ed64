"""Persons by name: with a title, beside a word that says what they have to do with the place, or with an address.

A name alone is none: parks, streets and libraries have people's names. However it is written: `J. Smith`, `JANE SMITH`,
`jane smith` and `Smith, Jane` are the same person.
"""

import re
from collections.abc import Iterator
from functools import cache

from harvesters.personal.detector import Detector, Span
from harvesters.personal.people import (
    are_a_name,
    forename_pattern,
    forenames,
    is_no_name,
    is_of_a_place,
    surname_pattern,
    surnames,
)

WORD = r"[^\W\d_]+(?:['’-][^\W\d_]+)*"
MIDDLE = r"(?:[A-Za-z]\.? )?"
TITLE = re.compile(
    r"(?i)(?<![^\W_])(mr|mrs|ms|miss|mx)\b[. ]{0,3}(?:(?:and|&) (?:mrs|mr)[. ]{0,2})?"
    rf"(?:[A-Z]\b\.? ?)*(?:({WORD})(['’]s)?)(?: ({WORD}))?"
)
IN_MEMORY = re.compile(r"(?i)\b(?:tomb|grave|memorial|monument|statue|bust|mausoleum|plaque|in memory)\b")
"""Who is named beside one of these is dead."""
DOCTOR = re.compile(rf"(?i)\b(?:dr|prof|rev|revd)\b[. ]{{1,2}}(?:({WORD}) |[A-Z]\.? ?)?({WORD})(?: ({WORD}))?")
PEOPLE = (
    r"contact(?: name| person)?|resident|tenant|applicant|occupier|occupant|occupied by|care ?taker|key ?holder"
    r"|case officer|reported by|requested by|raised by|complain(?:t|ant|ed)(?: by| from)?|spoke (?:to|with)|ask for"
    r"|landlord|supervisor|inspected by|surveyed by|carer|next of kin|patient|pupil|witness|neighbour"
)
"""Who is called so is a person more often than not."""
ROLES = (
    rf"{PEOPLE}|owner|owned by|officer|phone|telephone|ring|call|e-?mail|c/o|care of|agent|leaseholder|licen[cs]ee"
    r"|holder|surveyor|lives|name"
)
SEPARATOR = r"[ :;,=-]{1,4}(?:(?:is|was|the|by)[ :]+)?"
WITH_A_ROLE = re.compile(
    rf"(?i)(?<![^\W_])({ROLES})({SEPARATOR})(?:({WORD}), ?({WORD})|([A-Z]\b\.?|{WORD}(?= )) ?{MIDDLE}({WORD}))"
    rf"(?: ({WORD}))?"
)
PLACED = r"(?:\s*[,;:–-]\s*|\s+(?:of|at|lives at|in)\s+)"
NUMBERED = r"(?:(?:flat|apartment|apt|unit|room)\s*\w+\b|[0-9]{1,4}[a-z]?\b[ ,]+[a-z])"
NO_HOUSE = r"(?![0-9]+ ?(?:am|pm|noon|to|and|x|m|km|metres?|miles?|hours?|min(?:ute)?s?|trees?|spaces?|no)\b)"


@cache
def _forenamed() -> str:
    """A forename or initials, a surname and an address; the groups are the two."""
    return rf"\b((?:{forename_pattern()})\b|[a-z]\b\.?(?: ?[a-z]\b\.?)?) ?{MIDDLE}({WORD}){PLACED}"


@cache
def _surnamed() -> str:
    """A surname, a forename or initial and an address."""
    return rf"^\s*({surname_pattern()}), ?({forename_pattern()}|[a-z]\.?)(?: [a-z]\.?)?\s*[,;:–-]\s*"


@cache
def _anywhere() -> re.Pattern[str]:
    return re.compile(rf"(?i)(?<![a-z])({forename_pattern()})[ _-]+([a-z]{{2,}}(?:['’-][a-z]+)*)(?![a-z])")


@cache
def _with_an_address() -> tuple[re.Pattern[str], re.Pattern[str]]:
    tail = f"{NO_HOUSE}{NUMBERED}"
    return re.compile(rf"(?i){_forenamed()}{tail}"), re.compile(rf"(?i){_surnamed()}{tail}")


def find(text: str) -> Iterator[Span]:
    if IN_MEMORY.search(text):
        return
    for match in TITLE.finditer(text):
        if _is_titled(*match.groups()):
            yield match.span()
    for match in DOCTOR.finditer(text):
        first, last, after = match.groups()
        known = last.lower() in surnames() or (first or "").lower() in forenames()
        if known and not is_of_a_place(last) and not is_of_a_place(after or ""):
            yield match.span()
    for match in WITH_A_ROLE.finditer(text):
        if _is_in_a_role(*match.groups()):
            yield match.start(3) if match.group(3) else match.start(5), match.end()
    before, after = _with_an_address()
    for match in before.finditer(text):
        if are_a_name(match.group(1), match.group(2)):
            yield match.span()
    for match in after.finditer(text):
        if are_a_name(match.group(2), match.group(1)):
            yield match.span()


def _is_titled(title: str, name: str, owns: str | None, after: str | None) -> bool:
    if owns or is_of_a_place(name) or is_of_a_place(after or "") or len(name) < 2:
        return False
    # "12 ms delay", "miss the bus", "MS Word".
    doubtful = title.lower() in ("ms", "miss") and (title.islower() or title == "MS")
    names = [word.lower() for word in (name, after) if word]
    if doubtful:
        return any(word in surnames() for word in names)
    return (title[0].isupper() and (name[0].isupper())) or not is_no_name(name)


def _is_in_a_role(role: str, separator: str, last: str | None, first: str | None, given: str | None,
                  family: str | None, after: str | None) -> bool:  # fmt: skip
    forename, surname = (first, last) if last else (given, family)
    if not forename or not surname or is_of_a_place(after or "") or is_of_a_place(surname):
        return False
    if are_a_name(forename, surname):
        return True
    # Any two words that may be a name are one after a colon; what has a third word is called otherwise.
    stated = ":" in separator or "=" in separator
    alike = forename[0].isupper() and surname[0].isupper() and len(surname) > 1 and (len(forename) > 1 or not last)
    named = not (is_no_name(forename) or is_no_name(surname) or (after and is_no_name(after)))
    return stated and alike and named and after is None and re.fullmatch(PEOPLE, role, re.I) is not None


def is_a_name(text: str) -> bool:
    """Whether the text is a forename or initial and a surname, both common ones, in either order, and nothing else."""
    match = re.fullmatch(rf"({WORD})(,? |, ?){MIDDLE}({WORD})|([A-Za-z])\.? ?({WORD})", text.strip())
    if match is None:
        return False
    one, between, two, initial, last = match.groups()
    if initial:
        return last.lower() in surnames() and are_a_name(initial, last)
    pairs = [(two, one)] if "," in between else [(one, two)]
    if one.isupper() and not two.isupper():
        pairs.append((two, one))
    return any(last.lower() in surnames() and are_a_name(first, last) for first, last in pairs)


def names_in(text: str) -> Iterator[Span]:
    """Whatever may be a person's name; for texts that are only shown, such as the names of files."""
    for match in _anywhere().finditer(text):
        if not is_of_a_place(match.group(2)):
            yield match.span()


@cache
def hint() -> str:
    """Texts in which one may be named. Streets have forenames too, so a forename alone is not looked at."""
    titles = r"\b(?:mr|mrs|ms|miss|mx|dr|prof|rev|revd)\b"
    roles = rf"\b(?:{ROLES})[ :;,=-]{{1,4}}[^\W\d_]"
    return f"(?i){titles}|{roles}|{_forenamed()}{NUMBERED}|{_surnamed()}{NUMBERED}"


def alone() -> str:
    """A regular expression for texts that are nothing but two names."""
    return rf"^\s*(?:{WORD},? ?{MIDDLE}{WORD}|[A-Za-z]\.? ?{WORD})\s*$"


@cache
def detector() -> Detector:
    return Detector("a person by name", hint(), find)
