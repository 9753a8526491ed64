"""Passport numbers: nine digits, or a letter and eight, beside the word."""

import re

from harvesters.personal.detector import Detector, anything, matches

NUMBER = re.compile(
    r"(?i)passport[\W_]*(?:no|num|number|#)?\.?[\W_]*(?:is\W*)?[A-Z]?\d{8,9}(?!\d)"
    r"|\b[A-Z]?\d{8,9}\W{1,4}(?:is )?(?:(?:his|her|the|a) )?passport"
)

DETECTOR = Detector("a passport number", r"(?i)passport", matches(NUMBER, anything))
