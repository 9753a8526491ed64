"""National Insurance numbers: two letters of those that are given out, six digits, and A to D."""

import re

from harvesters.personal.detector import Detector, anything, matches

HINT = (
    r"(?i)(?:\b|_|nino|number|ins|ni)[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z][ .-]?[0-9]{2}[ .-]?[0-9]{2}[ .-]?[0-9]{2}"
    r"[ .-]?[A-D](?:\b|_)"
)
NUMBER = re.compile(HINT.replace("|ni)", "|ni)(?!BG|GB|NK|KN|TN|NT|ZZ)", 1))

DETECTOR = Detector("a National Insurance number", HINT, matches(NUMBER, anything))
