"""Driver numbers of Great Britain: five letters of the surname, the birthday in six digits, initials and checks."""

import re

from harvesters.personal.detector import Detector, matches

HINT = r"(?i)\b[A-Z9]{5}[ -]?[0-9][0156][0-9][0-3][0-9]{2}[ -]?[A-Z9]{2}[A-Z0-9]{3}\b"
NUMBER = re.compile(r"(?i)\b(?=[A-Z])[A-Z]+9*[ -]?\d(?:0[1-9]|1[0-2]|5[1-9]|6[0-2])\d{3}[ -]?[A-Z][A-Z9][A-Z0-9]{3}\b")


def _is_of_its_length(found: str) -> bool:
    return len(re.sub(r"[ -]", "", found)) == 16


DETECTOR = Detector("a driving licence number", HINT, matches(NUMBER, _is_of_its_length))
