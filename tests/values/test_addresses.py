"""Postcodes and UPRNs: one form each, typing errors mended where only one reading is left, rounded numbers found."""

import pytest
from columns import codes, field_of, read, told
from hypothesis import given, settings
from hypothesis import strategies as st

from datasets.vocabulary import FieldType

POSTCODE, UPRN = field_of(FieldType.POSTCODE), field_of(FieldType.UPRN)


@pytest.mark.parametrize("written", ["AB1 2CD", "ab1 2cd", "AB12CD", " ab1  2cd "])
def test_postcodes_have_one_form(written: str) -> None:
    assert read(POSTCODE, written) == ["AB1 2CD"]
    assert codes(POSTCODE, written) == ([] if written == "AB1 2CD" else ["value-tidied"])


@pytest.mark.parametrize(
    ("written", "meant"),
    [("SW1A IAA", "SW1A 1AA"), ("SWIA 1AA", "SW1A 1AA"), ("0X1 2JD", "OX1 2JD"), ("N1 OAB", "N1 0AB"),
     ("P015 1AA", "PO15 1AA"), ("SEl 2AB", "SE1 2AB"), ("EI 6AN", "E1 6AN")],
)  # fmt: skip
def test_letters_typed_for_digits_are_mended_and_told(written: str, meant: str) -> None:
    assert told(POSTCODE, written) == [("value-tidied", written, f"Taken as {meant}.")]


@pytest.mark.parametrize("written", ["AB1", "somewhere", "AB1 2C", "12345", "5W1A 1AA", "S0I5 1AA"])
def test_what_is_no_postcode_is_blanked(written: str) -> None:
    assert read(POSTCODE, written) == [None] and codes(POSTCODE, written) == ["invalid postcode"]


def test_uprns_lose_their_zeros_and_decimals_with_an_issue_each() -> None:
    texts = ("10001234567", "010001234568", "10001234569.0")
    assert read(UPRN, *texts) == ["10001234567", "10001234568", "10001234569"]
    assert codes(UPRN, *texts) == ["value-tidied"] * 2


def test_a_uprn_in_a_spreadsheets_short_form_is_refused_and_says_why() -> None:
    assert read(UPRN, "1.00E+11", "10001234567") == [None, "10001234567"]
    assert told(UPRN, "1.00E+11") == [
        ("invalid UPRN", "1.00E+11", "A spreadsheet has rounded it; its last digits are gone.")
    ]


def test_a_column_of_uprns_that_excel_rounded_is_refused_but_one_round_number_is_not() -> None:
    rounded = ["100012300000", "100012400000", "100012500000", "100012645678"]
    assert read(UPRN, *rounded) == [None, None, None, "100012645678"]
    assert codes(UPRN, *rounded) == ["invalid UPRN"] * 3
    honest = [*(str(10001234567 + number) for number in range(9)), "10001200000"]
    assert read(UPRN, *honest) == honest and codes(UPRN, *honest) == []


def test_a_uprn_of_nought_is_none_without_an_issue() -> None:
    assert read(UPRN, "0", "-", None) == [None, None, None] and codes(UPRN, "0", "-", None) == []


@pytest.mark.parametrize("written", ["1234567890123", "10001 234567", "UPRN 100", "-5"])
def test_what_is_no_uprn_is_refused(written: str) -> None:
    assert codes(UPRN, written) == ["invalid UPRN"]


@settings(deadline=None)
@given(st.integers(min_value=1, max_value=999_999_999_999).filter(lambda number: number % 100_000))
def test_a_uprn_is_read_as_it_is_written_with_or_without_zeros(number: int) -> None:
    assert read(UPRN, str(number), f"{number:012d}", f"{number}.0") == [str(number)] * 3
