"""Persons by name: with a title, beside a word that says what they have to do with the place, or with an address.

A name alone is none: parks, streets and libraries have people's names.
"""

import re
from collections.abc import Iterator
from functools import cache

from harvesters.personal.detector import Detector, Span
from harvesters.personal.people import forename_pattern, forenames, is_of_a_place, surnames

WORD = r"[A-Z][a-z]*(?:['’-][A-Z]?[a-z]+)*"
TITLE = re.compile(
    r"\b(?:(?:Mr|Mrs|Ms|Miss|Mx)\b\.? {0,2}(?:(?:and|&) (?:Mrs|Mr)\.? )?(?:[A-Z]\.? )*"
    rf"|(?:MR|MRS|MS|MISS)\b\.? {{0,2}}(?:(?:AND|&) (?:MRS|MR)\.? )?(?:[A-Z]\.? )*(?=[A-Z]{{2}}))({WORD}|[A-Z]{{3,}})"
    r"(['’]s)?(?: (\w+))?"
)
IN_MEMORY = re.compile(r"(?i)\b(?:tomb|grave|memorial|monument|statue|bust|mausoleum|plaque|in memory)\b")
"""Who is named beside one of these is dead."""
DOCTOR = re.compile(rf"\b(?:Dr|Prof|Rev|Revd)\b\.? (?:({WORD}) |[A-Z]\.? ?)+({WORD})(?: (\w+))?")
ROLES = (
    r"contact(?: name| person)?|resident|tenant|applicant|owner|owned by|occupier|occupant|occupied by|care ?taker"
    r"|key ?holder|case officer|officer|reported by|requested by|raised by|complain(?:t|ant|ed)(?: by| from)?"
    r"|spoke (?:to|with)|phone|telephone|ring|call|e-?mail|ask for|c/o|care of|agent|landlord|leaseholder|licen[cs]ee"
    r"|holder|supervisor|surveyor|inspected by|surveyed by|carer|next of kin|patient|pupil|witness|neighbour|lives|name"
)


@cache
def _with_a_role() -> re.Pattern[str]:
    return re.compile(
        rf"(?i:\b(?:{ROLES})\b)[ :;,=-]{{1,4}}(?:(?i:is|was|the|by)[ :]+)?({forename_pattern()})"
        rf" (?:[A-Z]\.? )?({WORD})(?: (\w+))?"
    )


@cache
def _with_an_address() -> re.Pattern[str]:
    return re.compile(
        rf"\b({forename_pattern()}) (?:[A-Z]\.? )?({WORD})\b"
        r"(?:\s*[,;:–-]\s*|\s+(?:of|at|lives at|in)\s+)"
        r"(?:(?i:flat|apartment|apt|unit|room)\s*\w+\b|\d{1,4}[a-zA-Z]?\b[ ,]+[A-Z])"
    )


@cache
def _alone() -> re.Pattern[str]:
    return re.compile(rf"^({forename_pattern()}) (?:[A-Z]\.? )?({WORD})$")


@cache
def _anywhere() -> re.Pattern[str]:
    return re.compile(rf"(?i)(?<![a-z])(?:{forename_pattern()})[ _-]+([a-z]{{2,}}(?:['’-][a-z]+)*)(?![a-z])")


def find(text: str) -> Iterator[Span]:
    if IN_MEMORY.search(text):
        return
    for match in TITLE.finditer(text):
        name, owns, after = match.groups()
        if not owns and not is_of_a_place(name) and not is_of_a_place(after or ""):
            yield match.span()
    for match in DOCTOR.finditer(text):
        first, last, after = match.groups()
        known = last.lower() in surnames() or (first or "").lower() in forenames()
        if known and not is_of_a_place(after or ""):
            yield match.span()
    for pattern in (_with_a_role(), _with_an_address()):
        for match in pattern.finditer(text):
            if not any(is_of_a_place(word or "") for word in match.groups()[1:]):
                yield match.start(1), match.end()


def is_a_name(text: str) -> bool:
    """Whether the text is a forename and a surname, both common ones, and nothing else."""
    match = _alone().match(text)
    return match is not None and match.group(2).lower() in surnames() and not is_of_a_place(match.group(2))


def names_in(text: str) -> Iterator[Span]:
    """Whatever may be a person's name; for texts that are only shown, such as the names of files."""
    for match in _anywhere().finditer(text):
        if not is_of_a_place(match.group(1)):
            yield match.span()


def hint() -> str:
    """Texts in which one may be named. Streets have forenames too, so a forename alone is not looked at."""
    titles = r"\b(?:Mr|Mrs|Ms|Miss|Mx|MR|MRS|MS|MISS|Dr|Prof|Rev|Revd)\b"
    return "|".join([titles, _with_a_role().pattern, _with_an_address().pattern])


def alone() -> str:
    """A regular expression for texts that are nothing but a name."""
    return _alone().pattern


@cache
def detector() -> Detector:
    return Detector("a person by name", hint(), find)
