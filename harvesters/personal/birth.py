"""Dates of birth of people who may be alive: a full date beside a word that says so."""

import re

from harvesters.personal.detector import Detector, matches

WORDS = r"(?:^|[^a-z])(?:d\.?o\.?b\.?|dates? of birth|birth ?dates?|birthday|born)"
DAY = r"\d{1,2}(?:st|nd|rd|th)?"
MONTH = r"(?:\d{1,2}|jan\w*|feb\w*|mar\w*|apr\w*|may|june?|july?|aug\w*|sep\w*|oct\w*|nov\w*|dec\w*)"
DATE = rf"(?:{DAY}[ /.-]+(?:of )?{MONTH}[ ,/.-]+\d{{2,4}}|\d{{4}}[/.-]\d\d?[/.-]\d\d?|{MONTH} {DAY},? \d{{4}})"
BIRTH = re.compile(
    rf"(?i){WORDS}[\W_]{{0,4}}(?:(?:on|is|was)\W{{1,4}})?(?:the )?{DATE}(?!\d)"
    rf"|(?<!\d){DATE}[\W_]{{0,4}}(?:is |was )?(?:(?:his|her|the) )?(?:d\.?o\.?b\b|dates? of birth|birth ?date)"
)
OLDEST = 1900
"""Who was born earlier is in a history of the place."""


def _may_be_alive(found: str) -> bool:
    year = re.search(r"\d{4}", found)
    return year is None or int(year.group()) >= OLDEST


DETECTOR = Detector("a date of birth", rf"(?i){WORDS}", matches(BIRTH, _may_be_alive))
