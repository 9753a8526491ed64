"""What a column's values look like, small enough to be kept with every run: shapes, how many there are, a few digests.

Kept so that a renamed or retyped column is known by its values; the values themselves are not kept.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

SAMPLE_ROWS = 2_000
"""So many rows from the top of a file stand for all of it."""

DIGESTS = 24
"""The lowest digests of a column's values: two columns share as many of theirs as they share values."""

FEW_VALUES = 6
"""Columns of so few values are all alike, such as those of yes and no: their values cannot tell them apart."""

_DAY = r"\d{4}-\d\d?-\d\d?|\d{1,2}[/. -](?:\d{1,2}|[A-Za-z]{3,9})[/. -]\d{2,4}|[A-Za-z]{3,9} \d{4}"
SHAPES: Mapping[str, str] = {
    "postcode": r"^(?i:[A-Z]{1,2}\d[A-Z\d]? ?\d[A-Z]{2})$",
    "date": rf"^(?:{_DAY})(?:[T ].*)?$",
    "URL": r"^(?i:https?://|www\.)\S+$",
    "e-mail address": r"^(?i:mailto:)?[^@\s]+@[^@\s]+\.[A-Za-z]{2,}$",
    "phone number": r"^(?:\+44|\(?0)[\d() -]{8,14}$",
    "yes or no": r"^(?i:yes|no|y|n|true|false)$",
    "number": r"^-?[£]?\d[\d,]*(?:\.\d+)?$",
    "code": r"^[A-Za-z]{0,4}[ ./-]?\d{0,5}[A-Za-z]{0,3}\d?$",
    "street": r"(?i)\b(?:road|street|lane|avenue|close|drive|way|crescent|place|square|gardens|terrace|grove|rd|st|ave)"
    r"\b\.?(?:,| |$)",
    "building": r"(?i)\b(?:hall|school|church|centre|center|club|library|pavilion|college|chapel|house|inn|hut|room"
    r"|academy|nursery|station|hotel|museum)s?\b",
    "markup": r"<(?:p|br|b|strong|div|table|a)\b",
}
"""Shapes of a single value. A value may have several: `AB12` is a code, `12` a code and a number."""

TELLING = ("postcode", "date", "URL", "e-mail address", "phone number", "yes or no", "number", "markup")
"""Shapes that no name or address of anything has."""


@dataclass(frozen=True)
class Profile:
    """The share of rows that have a value, how many different values, the share of values of each shape, and the lowest
    digests of the values (none for addresses of people to write or speak to)."""

    filled: float
    distinct: int
    shapes: Mapping[str, float]
    digests: tuple[str, ...] = ()

    def share(self, shape: str) -> float:
        return self.shapes.get(shape, 0.0)

    def document(self) -> dict[str, Any]:
        return {
            "filled": round(self.filled, 3),
            "distinct": self.distinct,
            "shapes": {shape: round(share, 3) for shape, share in self.shapes.items() if share},
            "digests": list(self.digests),
        }


def read_profile(document: Mapping[str, Any]) -> Profile:
    """The profile that was kept as this document."""
    return Profile(document["filled"], document["distinct"], document["shapes"], tuple(document["digests"]))


def profile(values: pl.Series) -> Profile:
    """Of the first rows of a column of text."""
    sample = values.head(SAMPLE_ROWS).str.strip_chars()
    filled = sample.drop_nulls().filter(sample.drop_nulls() != "")
    distinct = filled.unique()
    counts = filled.value_counts()
    shapes = _shapes(counts[counts.columns[0]], counts["count"])
    private = max(shapes.get("e-mail address", 0.0), shapes.get("phone number", 0.0)) > 0.5
    return Profile(
        filled=len(filled) / max(1, len(sample)),
        distinct=len(distinct),
        shapes=shapes,
        digests=() if private else _digests(distinct),
    )


def shared_values(before: Profile, now: Profile) -> float:
    """About what share of the values both columns have; 0 where nothing is known of them."""
    old, new = set(before.digests), set(now.digests)
    lowest = sorted(old | new)[:DIGESTS]
    return sum(digest in old and digest in new for digest in lowest) / len(lowest) if old and new else 0.0


def same_shape(before: Profile, now: Profile) -> bool:
    """Whether the values of both columns are of the same kinds, about as often."""
    return all(abs(before.share(shape) - now.share(shape)) <= 0.25 for shape in SHAPES)


def main_shape(found: Profile) -> tuple[str, float] | None:
    """The telling shape that most values have, with their share; None when no shape tells of most."""
    shape = max(TELLING, key=found.share)
    return (shape, found.share(shape)) if found.share(shape) >= 0.8 else None


def _shapes(values: pl.Series, rows: pl.Series) -> dict[str, float]:
    total = int(rows.sum())
    if not total:
        return {}
    frame = pl.DataFrame({"value": values, "rows": rows})
    has = {shape: pl.col("value").str.contains(pattern) for shape, pattern in SHAPES.items()}
    counted = frame.select(**{shape: (each * pl.col("rows")).sum() / total for shape, each in has.items()})
    return dict(counted.row(0, named=True))


def _digests(distinct: pl.Series) -> tuple[str, ...]:
    plain = distinct.str.to_lowercase().str.replace_all(r"\s+", " ").unique()
    found = (hashlib.blake2b(value.encode(), digest_size=4).hexdigest() for value in plain)
    return tuple(sorted(found)[:DIGESTS])
