"""Mobile telephone numbers in texts. A field for telephone numbers is asked for them; a landline is an office's."""

import re
from collections.abc import Iterator

import phonenumbers
from phonenumbers import Leniency, PhoneNumberMatcher

from harvesters.personal.detector import Detector, Span

BRITAIN = 44
WITHIN_A_NUMBER = re.compile(r"\d[.,]?$")


def find(text: str) -> Iterator[Span]:
    for match in PhoneNumberMatcher(text, "GB", leniency=Leniency.POSSIBLE):
        # Coordinates and grid references have such digits within them.
        if WITHIN_A_NUMBER.search(text[: match.start]) or text[match.end : match.end + 1].isdigit():
            continue
        national = phonenumbers.national_significant_number(match.number)
        # 070 are numbers that follow a person, 076 pagers; Ofcom's numbers for drama are mobile ones of nobody.
        if match.number.country_code == BRITAIN and len(national) == 10 and national.startswith("7"):
            yield match.start, match.end


HINT = r"(?:\+44|0044|(?:^|[^0-9.,]|(?:^|[^0-9])[.,])0)[ ()0-]*7(?:[ ()./\u00a0\u2010-\u2015-]*[0-9]){9}"
"""A word may stand before the number without a space."""
DETECTOR = Detector("a mobile telephone number", HINT, find, numbers=True)
