"""Dates as councils write them, read column by column: the order of day and month is voted on by the whole column.

The result is ISO 8601 text and says no more than the source does: `1984`, `1984-03` or `1984-03-05`. A quarter or a
season says the year alone, since ISO dates have no form for it. `datasets.partial_dates` gives the days they span.
"""

from datetime import date

import polars as pl

from datasets.issues import Issues, feed_issue
from datasets.layer import LayerField
from datasets.vocabulary import Action
from harvesters.distinct import distinct
from harvesters.values.parsed import Parsed

EARLIEST = "1066"
YEARS_AHEAD = 20
PLACEHOLDERS = ("0001-01-01", "1753-01-01", "1899-12-30", "1899-12-31", "1900-01-01", "9999-12-31")
"""What databases and spreadsheets write for no date: their calendars' first and last days."""

HOME = "Europe/London"
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_TIME = r"(?:[ T,]+\d{1,2}[:.]\d{2}.*)?$"
_SLASHED = r"^(\d{1,2})[/.\-](\d{1,2})[/.\-](\d{4}|\d{2})" + _TIME
_ISO = r"^(\d{4})(?:[-/](\d{1,2})[-/](\d{1,2})|(\d{2})(\d{2}))Z?" + _TIME
_NO_DAY = r"^(?:1900[-/]01[-/]00|00[-/]01[-/]1900)"
_ZONED = r"^(\d{4}-\d{2}-\d{2})[T ](\d{2}:\d{2})(?::\d{2}(?:\.\d+)?)?(Z|[+-]\d{2}:?\d{2})$"


def parse_date(field: LayerField, text: pl.Series) -> Parsed:
    """The column's dates; each distinct text is read once, and votes on the order with all its rows."""
    return parse_dates(text)


def parse_dates(text: pl.Series) -> Parsed:
    """ISO dates, with an issue of the column where the order of day and month had to be guessed."""
    few = distinct(text)
    if few is None:
        return _parse(text, pl.repeat(1, len(text), dtype=pl.UInt32, eager=True))
    return _parse(few.values, few.rows).spread(few.at)


def _parse(text: pl.Series, rows: pl.Series) -> Parsed:
    """The same for texts each of which stands in so many rows."""
    slashed, noted = _parse_slashed(text, rows)
    local, shifted = _parse_zoned(text)
    numbered = _parse_stamp(text)
    told_less = _parse_part_of_year(text)
    values = pl.select(
        pl.coalesce(
            local, _parse_iso(text), slashed, _parse_worded(text), _parse_partial(text), _parse_serial(text), numbered,
            told_less,
        )
    ).to_series()  # fmt: skip
    empty = values.is_in(PLACEHOLDERS).fill_null(False) | text.str.contains(_NO_DAY).fill_null(False)
    latest = str(date.today().year + YEARS_AHEAD)
    past, future = (values < EARLIEST) & ~empty, (values > latest) & ~empty
    refused = {
        "invalid date": text.is_not_null() & values.is_null() & ~empty,
        "placeholder date": empty,
        "far-past-date": past.fill_null(False),
        "far-future-date": future.fill_null(False),
    }
    kept = pl.select(pl.when(past | future | empty).then(None).otherwise(values)).to_series()
    short_year = text.str.contains(r"^\d{1,2}[/.\- ](?:\d{1,2}|[A-Za-z]{3,9})[/.\- ]\d{2}$|^[A-Za-z]{3,9}[/.\- ]\d{2}$")
    tidied = kept.is_not_null() & (told_less.is_not_null() | shifted | short_year).fill_null(False)
    return Parsed(kept, refused, tidied, noted)


def _parse_iso(text: pl.Series) -> pl.Series:
    """2015-05-07, 2015/5/7 and 20150507, with or without a time after it."""
    parts = text.str.extract_groups(_ISO).struct
    month = pl.coalesce(parts.field("2"), parts.field("4"))
    day = pl.coalesce(parts.field("3"), parts.field("5"))
    return _checked(parts.field("1"), pl.select(month).to_series(), pl.select(day).to_series())


def _parse_zoned(text: pl.Series) -> tuple[pl.Series, pl.Series]:
    """The day in London of a moment that states its zone, and whether that is another day than the one written: a
    council's midnight in summer is 23:00 of the day before in UTC."""
    zoned = text.str.contains(_ZONED)
    if not zoned.any():
        return pl.repeat(None, len(text), dtype=pl.String, eager=True), pl.repeat(False, len(text), eager=True)
    parts = text.str.extract_groups(_ZONED).struct
    offset = parts.field("3").str.replace("Z", "+0000", literal=True).str.replace(":", "", literal=True)
    moment = parts.field("1") + " " + parts.field("2") + " " + offset
    there = moment.str.to_datetime("%Y-%m-%d %H:%M %z", strict=False, time_zone="UTC")
    local = there.dt.convert_time_zone(HOME).dt.to_string("%Y-%m-%d")
    return local, (local != parts.field("1")).fill_null(False)


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
    """5 March 1984, 5th Mar 84, March 5, 1984, Monday 5 March 1984, March 1984 and Mar-84."""
    plain = text.str.to_lowercase().str.replace_all(r"(\d)(st|nd|rd|th)\b", "${1}").str.replace_all(r"[,\-/.]", " ")
    plain = plain.str.replace(r"\s+\d{1,2}[: ]\d{2}(?:[: ]\d{2})?\s*(?:am|pm)?$", "")
    day_first = plain.str.extract_groups(
        r"^(?:[a-z]+day )?\s*(\d{1,2})\s+(?:of )?([a-z]{3})[a-z]*\s+(\d{4}|\d{2})\s*$"
    ).struct
    month_first = plain.str.extract_groups(r"^(?:[a-z]+day )?\s*([a-z]{3})[a-z]*\s+(\d{1,2})\s+(\d{4})\s*$").struct
    no_day = plain.str.extract_groups(r"^([a-z]{3})[a-z]*\s+(\d{4}|\d{2})\s*$").struct
    whole = pl.coalesce(
        _checked(_full_year(day_first.field("3")), _month(day_first.field("2")), day_first.field("1")),
        _checked(month_first.field("3"), _month(month_first.field("1")), month_first.field("2")),
        pl.Series("partial", _full_year(no_day.field("2")) + "-" + _month(no_day.field("1"))),
    )
    return pl.select(whole).to_series()


def _parse_partial(text: pl.Series) -> pl.Series:
    """1984, 1984-03 and 03/1984; also a decimal year such as 1984.0 that a spreadsheet made."""
    year = text.str.extract(r"^(1[0-9]{3}|20[0-9]{2})(?:\.0+)?$", 1)
    month = text.str.extract(r"^((?:1[0-9]{3}|20[0-9]{2})-(?:0[1-9]|1[0-2]))$", 1)
    turned = text.str.extract_groups(r"^(0?[1-9]|1[0-2])/(1[0-9]{3}|20[0-9]{2})$").struct
    return pl.select(
        pl.coalesce(year, month, turned.field("2") + "-" + turned.field("1").str.zfill(2))
    ).to_series()  # fmt: skip


def _parse_part_of_year(text: pl.Series) -> pl.Series:
    """The year of `Q3 2019` and `Spring 2015`. A winter is of two years, and so is no date."""
    quarter = text.str.extract_groups(r"(?i)^(?:Q[1-4][ \-/]*(\d{4})|(\d{4})[ \-/]*Q[1-4])$").struct
    season = text.str.extract(r"(?i)^(?:spring|summer|autumn)[ ,]+(?:of )?(\d{4})$", 1)
    return pl.select(pl.coalesce(quarter.field("1"), quarter.field("2"), season)).to_series()


def _parse_serial(text: pl.Series) -> pl.Series:
    """Days since 1899-12-30 as spreadsheets store them, five digits only so that years stay years. Workbooks that
    count from 1904 have their dates turned when they are opened; a bare number does not say so."""
    days = text.str.extract(r"^([1-6]\d{4})(?:\.\d+)?$", 1).cast(pl.Int64, strict=False)
    serial = pl.lit(date(1899, 12, 30)) + pl.duration(days=pl.lit(days))
    return pl.select(serial.dt.to_string("%Y-%m-%d")).to_series()


def _parse_stamp(text: pl.Series) -> pl.Series:
    """The day in London of the milliseconds since 1970 that ArcGIS sends."""
    milliseconds = text.str.extract(r"^(-?\d{11,13})$", 1).cast(pl.Int64, strict=False)
    moment = pl.from_epoch(pl.lit(milliseconds), time_unit="ms").dt.replace_time_zone("UTC")
    return pl.select(moment.dt.convert_time_zone(HOME).dt.to_string("%Y-%m-%d")).to_series()


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
