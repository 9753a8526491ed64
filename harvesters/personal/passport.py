"""Passport numbers: nine digits, or a letter and eight, beside the word."""

import re

from harvesters.personal.detector import Detector, anything, matches

NUMBER = re.compile(r"(?i)\bpassport\W*(?:no|num|number|#)?\.?\W*(?:is\W*)?[A-Z]?\d{8,9}\b")

DETECTOR = Detector("a passport number", r"(?i)\bpassport", matches(NUMBER, anything))
