"""Dates as councils write them, read column by column: the order of day and month is voted on by the whole column.

The result is ISO 8601 text and says no more than the source does: `1984`, `1984-03` or `1984-03-05`.
"""

from datetime import date

import polars as pl

from datasets.issues import Issues, feed_issue
from datasets.vocabulary import Action
from harvesters.distinct import distinct

EARLIEST = "1066"
YEARS_AHEAD = 20
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_SLASHED = r"^(\d{1,2})[/.\-](\d{1,2})[/.\-](\d{4}|\d{2})(?:[ T].*)?$"


def parse_dates(text: pl.Series) -> tuple[pl.Series, dict[str, pl.Series], Issues]:
    """ISO dates, masks of refused values by issue code, and an issue where the order had to be guessed."""
    few = distinct(text)
    if few is None:
        return _parse(text, pl.repeat(1, len(text), dtype=pl.UInt32, eager=True))
    values, refused, noted = _parse(few.values, few.rows)
    return values.gather(few.at), {code: mask.gather(few.at) for code, mask in refused.items()}, noted


def _parse(text: pl.Series, rows: pl.Series) -> tuple[pl.Series, dict[str, pl.Series], Issues]:
    """The same for texts each of which stands in so many rows."""
    slashed, noted = _parse_slashed(text, rows)
    values = pl.select(
        pl.coalesce(_parse_iso(text), slashed, _parse_worded(text), _parse_partial(text), _parse_serial(text))
    ).to_series()
    latest = str(date.today().year + YEARS_AHEAD)
    past, future = values < EARLIEST, values > latest
    refused = {
        "invalid date": text.is_not_null() & values.is_null(),
        "far-past-date": past.fill_null(False),
        "far-future-date": future.fill_null(False),
    }
    kept = pl.select(pl.when(past | future).then(None).otherwise(values)).to_series()
    return kept, refused, noted


def _parse_iso(text: pl.Series) -> pl.Series:
    """2015-05-07, 2015/5/7 and 20150507, with or without a time after it."""
    parts = text.str.extract_groups(r"^(\d{4})(?:[-/](\d{1,2})[-/](\d{1,2})|(\d{2})(\d{2}))(?:[T ].*|Z)?$").struct
    month = pl.coalesce(parts.field("2"), parts.field("4"))
    day = pl.coalesce(parts.field("3"), parts.field("5"))
    return _checked(parts.field("1"), pl.select(month).to_series(), pl.select(day).to_series())


def _parse_slashed(text: pl.Series, rows: pl.Series) -> tuple[pl.Series, Issues]:
    """07/05/2015: day first unless the column shows that months come first."""
    parts = text.str.extract_groups(_SLASHED).struct
    first, second, year = parts.field("1"), parts.field("2"), _full_year(parts.field("3"))
    day_first = rows.filter(first.cast(pl.Int32, strict=False) > 12).sum()
    month_first = rows.filter(second.cast(pl.Int32, strict=False) > 12).sum()
    noted: Issues = []
    if first.is_not_null().any() and (day_first == 0) == (month_first == 0):
        told = "shows both orders" if day_first else "shows neither order for certain"
        message = f"The column {told}; the day was taken to come first."
        count = int(rows.filter(first.is_not_null()).sum())
        noted.append(feed_issue("date-order-guessed", message, action=Action.KEPT, count=count))
    if month_first > day_first:
        first, second = second, first
    return _checked(year, second, first), noted


def _parse_worded(text: pl.Series) -> pl.Series:
    """5 March 1984, 5th Mar 84, March 5, 1984, Monday 5 March 1984, and March 1984."""
    plain = text.str.to_lowercase().str.replace_all(r"(\d)(st|nd|rd|th)\b", "${1}").str.replace_all(r"[,\-/.]", " ")
    day_first = plain.str.extract_groups(
        r"^(?:[a-z]+day )?\s*(\d{1,2})\s+(?:of )?([a-z]{3})[a-z]*\s+(\d{4}|\d{2})\b"
    ).struct
    month_first = plain.str.extract_groups(r"^([a-z]{3})[a-z]*\s+(\d{1,2})\s+(\d{4})\b").struct
    no_day = plain.str.extract_groups(r"^([a-z]{3})[a-z]*\s+(\d{4})$").struct
    whole = pl.coalesce(
        _checked(_full_year(day_first.field("3")), _month(day_first.field("2")), day_first.field("1")),
        _checked(month_first.field("3"), _month(month_first.field("1")), month_first.field("2")),
        pl.Series("partial", no_day.field("2") + "-" + _month(no_day.field("1"))),
    )
    return pl.select(whole).to_series()


def _parse_partial(text: pl.Series) -> pl.Series:
    """1984 and 1984-03; also a decimal year such as 1984.0 that a spreadsheet made."""
    year = text.str.extract(r"^(1[0-9]{3}|20[0-9]{2})(?:\.0+)?$", 1)
    month = text.str.extract(r"^((?:1[0-9]{3}|20[0-9]{2})-(?:0[1-9]|1[0-2]))$", 1)
    return pl.select(pl.coalesce(year, month)).to_series()


def _parse_serial(text: pl.Series) -> pl.Series:
    """Numbers that stand for days: since 1899-12-30 as spreadsheets store them, five digits only so that years stay
    years, and the milliseconds since 1970 of ArcGIS."""
    days = text.str.extract(r"^([1-6]\d{4})(?:\.\d+)?$", 1).cast(pl.Int64, strict=False)
    milliseconds = text.str.extract(r"^(-?\d{11,13})$", 1).cast(pl.Int64, strict=False)
    serial = pl.lit(date(1899, 12, 30)) + pl.duration(days=pl.lit(days))
    stamp = pl.from_epoch(pl.lit(milliseconds), time_unit="ms").dt.date()
    return pl.select(pl.coalesce(serial, stamp).dt.to_string("%Y-%m-%d")).to_series()


def _full_year(year: pl.Series) -> pl.Series:
    """Two-digit years fall in the hundred years up to now."""
    short = year.str.len_chars() == 2
    this = date.today().year
    two = year.cast(pl.Int32, strict=False)
    full = pl.when(two + 2000 > this).then(two + 1900).otherwise(two + 2000).cast(pl.String)
    return pl.select(pl.when(short).then(full).otherwise(year)).to_series()


def _month(name: pl.Series) -> pl.Series:
    numbers = {word: f"{number:02d}" for number, word in enumerate(_MONTHS, 1)}
    return name.replace_strict(numbers, default=None, return_dtype=pl.String)


def _checked(year: pl.Series, month: pl.Series, day: pl.Series) -> pl.Series:
    """The ISO date, null where it is no day of the calendar."""
    iso = year + "-" + month.str.zfill(2) + "-" + day.str.zfill(2)
    return iso.str.to_date("%Y-%m-%d", strict=False).dt.to_string("%Y-%m-%d")
