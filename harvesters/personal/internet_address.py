"""Internet addresses of whoever sent something in, beside a word that says so."""

import re

from harvesters.personal.detector import Detector, anything, matches

ADDRESS = r"(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)\.){3}(?:25[0-5]|2[0-4]\d|1?\d?\d)"
WORDS = r"\b(?:ip(?: address)?|submitted from|sent from|client|host)"
NUMBER = re.compile(
    rf"(?i){WORDS}[\W_]{{0,3}}(?:is )?{ADDRESS}\b|(?<![\d.]){ADDRESS}\W{{1,3}}(?:is )?(?:(?:his|her|the) )?{WORDS}\b"
)

HINT = r"[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}"
DETECTOR = Detector("a person's internet address", HINT, matches(NUMBER, anything))
