"""Internet addresses of whoever sent something in, beside a word that says so."""

import re

from harvesters.personal.detector import Detector, anything, matches

NUMBER = re.compile(
    r"(?i)\b(?:ip|ip address|submitted from|sent from|client|host)\W{1,3}(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)\.){3}"
    r"(?:25[0-5]|2[0-4]\d|1?\d?\d)\b"
)

HINT = r"\b[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}\b"
DETECTOR = Detector("a person's internet address", HINT, matches(NUMBER, anything))
