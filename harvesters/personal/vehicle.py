"""Registration numbers of vehicles, beside a word that says so: alone they look like many a reference."""

import re

from harvesters.personal.detector import Detector, anything, matches

WORDS = r"(?:vrm|reg(?:istration)?(?: no| number| plate)?|number ?plate|vehicle|car|van|parked)"
PLATE = r"(?:[A-Z]{2}\d{2} ?[A-Z]{3}|[A-Z]\d{1,3} ?[A-Z]{3}|[A-Z]{3} ?\d{1,3}[A-Z])"
NUMBER = re.compile(rf"(?i:\b{WORDS})\W{{0,3}}(?i:no|number|is|reg)?\W{{0,3}}{PLATE}\b")

HINT = r"(?i)\b(?:vrm|reg|registration|plate|vehicle|car|van|parked|number)\b"
DETECTOR = Detector("a vehicle's registration number", HINT, matches(NUMBER, anything))
