"""Numbers of payment cards: a prefix that card schemes have, and a last digit that checks."""

import re

from stdnum import luhn

from harvesters.personal.detector import Detector, matches

NUMBER = re.compile(
    r"(?i)(?:(?<![\w.-])|(?<=[a-z]\.)|(?<=card)|(?<=visa)|(?<=no)|(?<=number))"
    r"(?:(?:4\d{3}|5[1-5]\d{2}|2[2-7]\d{2}|6(?:011|5\d{2}))([ -]?)\d{4}\1\d{4}\1\d{4}"
    r"|3[47]\d{2}([ -]?)\d{6}\2\d{5})(?![\w-]|\.\d)"
)


def _checks(found: str) -> bool:
    return bool(luhn.is_valid(re.sub(r"\D", "", found)))


HINT = r"(?i)(?:\b|card|visa|no|number)[2-6][0-9]{3}[ -]?[0-9]{4,6}[ -]?[0-9]{4,5}(?:[ -]?[0-9]{4})?\b"
DETECTOR = Detector("a payment card number", HINT, matches(NUMBER, _checks), numbers=True)
