"""Registration numbers of vehicles, beside a word that says so: alone they look like many a reference."""

import re

from harvesters.personal.detector import Detector, anything, matches

WORDS = r"(?:vrm|reg(?:istration)?(?: no| number| plate)?|number ?plate|vehicle|car|van|parked)"
PLATE = r"(?:[A-Z]{2}[0-9]{2} ?[A-Z]{3}|[A-Z][0-9]{1,3} ?[A-Z]{3}|[A-Z]{3} ?[0-9]{1,3}[A-Z])"
CURRENT = r"(?i:[A-Z]{2}[0-9]{2} ?[A-Z]{3})"
"""Since 2001; the older ones in small letters are words and numbers."""
HINT = (
    rf"(?i:\b{WORDS})\W{{0,3}}(?i:no|number|is|reg)?\W{{0,3}}(?:{CURRENT}|{PLATE})\b"
    rf"|\b(?:{CURRENT}|{PLATE})\W{{1,3}}(?i:is )?(?i:(?:his|her|the|a) )?(?i:{WORDS})\b"
)

DETECTOR = Detector("a vehicle's registration number", HINT, matches(re.compile(HINT), anything))
