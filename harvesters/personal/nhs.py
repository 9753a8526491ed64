"""NHS numbers: ten digits of the ranges in use whose last one checks."""

import re
from collections.abc import Iterator

import polars as pl
from stdnum.gb import nhs

from harvesters.personal.detector import Detector, Span

NUMBER = re.compile(
    r"(?i)(?:(?<![\w.+-])|(?<=[a-z]\.)|(?<=nhs)|(?<=no)|(?<=number))([4679]\d{2}([ -]?)\d{3}\2\d{4})(?![\d.]*\d)"
)
WHOLE = r"^[4679]\d{9}$"
FEWEST = 5


def find(text: str) -> Iterator[Span]:
    for match in NUMBER.finditer(text):
        if nhs.is_valid(match.group(1)):
            yield match.span()


def fills(values: pl.Series) -> bool:
    """Whether a column that is made of ten-digit numbers is made of NHS numbers: of others one in eleven would check,
    of these every one does."""
    digits = values.drop_nulls().unique().str.replace_all(r"[ -]", "")
    if len(digits) < FEWEST or not digits.str.contains(WHOLE).all():
        return False
    weighed = pl.sum_horizontal(pl.col("n").str.slice(i, 1).cast(pl.Int64) * (10 - i) for i in range(9))
    checks = (
        digits.rename("n").to_frame().select((11 - weighed % 11) % 11 == pl.col("n").str.slice(9, 1).cast(pl.Int64))
    )
    return bool(checks.to_series().all())


HINT = r"(?i)(?:\b|nhs|no|number)[4679][0-9]{2}[ -]?[0-9]{3}[ -]?[0-9]{4}\b"
DETECTOR = Detector("an NHS number", HINT, find, numbers=True)
