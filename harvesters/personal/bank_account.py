"""Bank accounts: an IBAN that checks, or a sort code and an account number beside words that say so."""

import re
from collections.abc import Iterator

from stdnum import iban

from harvesters.personal.detector import Detector, Span

IBAN = re.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){3,7}(?: ?[A-Z0-9]{1,3})?\b")
SORT_CODE = r"\b\d{2}[ -]?\d{2}[ -]?\d{2}\b"
DOMESTIC = re.compile(
    rf"(?i)(?:sort ?code\W*{SORT_CODE}(?:\D{{1,30}}\d{{8}}\b)?"
    rf"|\b(?:account|a/?c)\W*(?:no|number|num)?\.?\W*\d{{8}}\b\D{{1,25}}{SORT_CODE})"
)


def find(text: str) -> Iterator[Span]:
    for match in IBAN.finditer(text):
        found = match.group()
        # What follows an IBAN may look like more of it.
        while found and not iban.is_valid(found):
            found = found.rpartition(" ")[0]
        if found:
            yield match.start(), match.start() + len(found)
    for match in DOMESTIC.finditer(text):
        yield match.span()


HINT = r"\b[A-Z]{2}[0-9]{2} ?[A-Z0-9]{4} ?[A-Z0-9]{4}|(?i:sort ?code)|(?i:\b(?:account|a/?c)\b)"
DETECTOR = Detector("a bank account", HINT, find)
