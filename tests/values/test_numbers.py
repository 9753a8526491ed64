"""Numbers with separators and units, and money in pounds."""

import pytest
from columns import codes, field_of, read, told
from hypothesis import given, settings
from hypothesis import strategies as st

from datasets.vocabulary import FieldType

HEIGHT = field_of(FieldType.DECIMAL, unit="m")
HOMES = field_of(FieldType.INTEGER, unit="homes")
COUNT = field_of(FieldType.INTEGER)
CHARGE = field_of(FieldType.MONEY, unit="GBP", minimum=0, maximum=5)


@pytest.mark.parametrize(
    ("written", "metres"),
    [("12", 12), ("12.5", 12.5), ("1,234", 1234), ("1 234", 1234), ("-3", -3), ("1e3", 1000),
     ("1,234,567.5", 1234567.5)],
)  # fmt: skip
def test_a_plain_number_is_taken_without_an_issue(written: str, metres: float) -> None:
    assert read(HEIGHT, written) == [metres] and codes(HEIGHT, written) == []


@pytest.mark.parametrize(
    ("written", "metres"),
    [("1.5m", 1.5), ("12 ft", 3.6576), ("150 cm", 1.5), ("6'", 1.8288), ("3 Metres", 3), ("approx 12", 12),
     ("c. 12 m", 12), ("~3", 3), ("1,5", 1.5), ("1.234,5", 1234.5)],
)  # fmt: skip
def test_a_number_in_another_form_or_unit_is_turned_and_says_what_it_was(written: str, metres: float) -> None:
    assert read(HEIGHT, written) == [metres]
    assert told(HEIGHT, written) == [("value-tidied", written, f"Taken as {float(metres)}.")]


@pytest.mark.parametrize("written", ["tall", "nan", "inf", "5 kg", "12 34", "12,34,56", "12 m high", "1.2.3"])
def test_what_is_no_number_of_the_unit_is_refused(written: str) -> None:
    assert read(HEIGHT, written) == [None]
    assert codes(HEIGHT, written) == ([] if written == "nan" else ["invalid decimal"])


@pytest.mark.parametrize("written", ["3–5 m", "3-5", "3 to 5", "10m - 15m"])
def test_a_band_is_refused_and_says_that_it_is_one(written: str) -> None:
    assert read(HEIGHT, written) == [None]
    assert told(HEIGHT, written) == [("invalid decimal", written, "It is a band and not one number.")]


def test_a_count_may_name_what_it_counts_and_nothing_else() -> None:
    assert read(HOMES, "12 homes", "1 home", "12 trees") == [12, 1, None]


def test_whole_numbers_may_come_with_a_decimal_point_and_no_others() -> None:
    assert read(COUNT, "1906", "1906.0", "1906.5", "about 1906") == [1906, 1906, None, 1906]
    assert codes(COUNT, "1906", "1906.0", "1906.5", "about 1906") == ["invalid integer", "value-tidied"]


def test_numbers_out_of_bounds_are_refused_by_name() -> None:
    year = field_of(FieldType.INTEGER, minimum=1600, maximum=2100)
    assert read(year, "1906", "19066", "12") == [1906, None, None]
    assert codes(year, "1906", "19066", "12") == ["too small", "too large"]


@pytest.mark.parametrize(
    ("written", "pounds"),
    [("0.20", 0.2), ("£0.20", 0.2), ("£ 0.20", 0.2), ("20p", 0.2), ("50 pence", 0.5), ("Free", 0), ("No charge", 0),
     ("none", 0), ("1 GBP", 1), ("2 pounds", 2)],
)  # fmt: skip
def test_money_is_pounds_however_it_is_written(written: str, pounds: float) -> None:
    assert read(CHARGE, written) == [pounds]


def test_pence_and_words_turned_into_pounds_are_issues() -> None:
    assert told(CHARGE, "0.20", "20p", "Free") == [
        ("value-tidied", "20p", "Taken as 0.2."),
        ("value-tidied", "Free", "Taken as 0.0."),
    ]


@pytest.mark.parametrize(
    ("written", "code"),
    [("ask inside", "invalid decimal"), ("-1", "too small"), ("20", "too large"), ("0.20p", "invalid decimal"),
     ("20p-50p", "invalid decimal"), ("£1 per hour", "invalid decimal"), ("€2", "invalid decimal")],
)  # fmt: skip
def test_money_that_cannot_be_is_blanked(written: str, code: str) -> None:
    assert read(CHARGE, written, "0.5") == [None, 0.5] and codes(CHARGE, written, "0.5") == [code]


@settings(deadline=None)
@given(st.integers(min_value=0, max_value=500))
def test_money_is_read_as_it_is_written(pence: int) -> None:
    pounds = pence / 100
    forms = [f"{pounds:.2f}", f"£{pounds:.2f}", f"{pounds:.2f} GBP"] + ([f"{pence}p"] if pence else [])
    assert read(CHARGE, *forms) == [pounds] * len(forms)


@settings(deadline=None)
@given(st.integers(min_value=-(10**9), max_value=10**9))
def test_whole_numbers_are_read_with_and_without_separators(number: int) -> None:
    assert read(COUNT, str(number), f"{number:,}", f"{number}.0") == [number] * 3
