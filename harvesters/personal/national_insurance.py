"""National Insurance numbers: two letters of those that are given out, six digits, and A to D."""

import re

from harvesters.personal.detector import Detector, anything, matches

HINT = r"(?i)\b[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z][ -]?[0-9]{2}[ -]?[0-9]{2}[ -]?[0-9]{2}[ -]?[A-D]\b"
NUMBER = re.compile(HINT.replace(r"(?i)\b", r"(?i)\b(?!BG|GB|NK|KN|TN|NT|ZZ)", 1))

DETECTOR = Detector("a National Insurance number", HINT, matches(NUMBER, anything))
