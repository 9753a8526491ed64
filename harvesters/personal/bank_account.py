"""Bank accounts: an IBAN that checks, or a sort code and an account number beside words that say so."""

import re
from collections.abc import Iterator

from stdnum import iban

from harvesters.personal.detector import Detector, Span

IBAN = re.compile(r"(?i)(?:\b|(?<=iban))[A-Z]{2}\d{2}(?:[ -]?[A-Z0-9]{4}){2,7}(?:[ -]?[A-Z0-9]{1,3})?\b")
SORT_CODE = r"(?<!\d)\d{2}[ -]?\d{2}[ -]?\d{2}\b"
DOMESTIC = re.compile(
    rf"(?i)(?:(?:sort[ -]?code|\bs/c)\W*{SORT_CODE}(?:\D{{1,30}}\d{{8}}\b)?"
    rf"|\b(?:acc(?:oun)?t?|a/?c)\W*(?:no|number|num)?\.?\W*\d{{8}}\b\D{{1,25}}{SORT_CODE})"
)


def find(text: str) -> Iterator[Span]:
    for match in IBAN.finditer(text):
        found = match.group()
        # What follows an IBAN may look like more of it.
        while found and not iban.is_valid(found):
            found = re.sub(r"(?:^|[ -])[^ -]*$", "", found)
        if found:
            yield match.start(), match.start() + len(found)
    for match in DOMESTIC.finditer(text):
        yield match.span()


HINT = (
    r"(?i)(?:\b|iban)[A-Z]{2}[0-9]{2}(?:[ -]?[A-Z0-9]{4}){2}[ -]?[A-Z0-9]{3}|sort[ -]?code|\bs/c\b"
    r"|\b(?:acc(?:oun)?t?|a/?c)\W*(?:no|number|num)?\.?\W*[0-9]{8}"
)
DETECTOR = Detector("a bank account", HINT, find)
