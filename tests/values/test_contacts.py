"""Web addresses, e-mail addresses and telephone numbers. The numbers are those that Ofcom keeps for drama."""

import pytest
from columns import codes, field_of, read, told

from datasets.vocabulary import FieldType

URL, EMAIL, PHONE = field_of(FieldType.URL), field_of(FieldType.EMAIL), field_of(FieldType.PHONE)


@pytest.mark.parametrize(
    ("written", "address"),
    [
        ("https://example.org/a", "https://example.org/a"),
        ("www.example.org", "https://www.example.org"),
        ("parks.example.org/a", "https://parks.example.org/a"),
        ('<a href="https://example.org/a">More</a>', "https://example.org/a"),
        ("HTTP://example.org", "http://example.org"),
        ("http:/example.org", "http://example.org"),
        ("see the web site", None),
        ("javascript:alert(1)", None),
        ("https://name:word@example.org/", None),
        ("someone@example.org", None),
    ],
)
def test_web_addresses_are_whole_or_blanked(written: str, address: str | None) -> None:
    assert read(URL, written) == [address]
    wanted = [] if address == written else ["value-tidied"] if address else ["invalid URI"]
    assert codes(URL, written) == wanted


def test_an_e_mail_address_loses_its_scheme_and_its_owners_name() -> None:
    assert read(EMAIL, "mailto:a@example.org", "Parks <a@example.org>") == ["a@example.org"] * 2
    assert codes(EMAIL, "mailto:a@example.org", "Parks <a@example.org>") == ["value-tidied"] * 2


@pytest.mark.parametrize("written", ["a@example.org, b@example.org", "example.org", "a@b", "a at example.org"])
def test_what_is_not_one_e_mail_address_is_refused(written: str) -> None:
    assert read(EMAIL, written) == [None] and codes(EMAIL, written) == ["invalid e-mail"]


@pytest.mark.parametrize(
    ("written", "number"),
    [("1632960001", "01632 960001"), ("01632960001", "01632 960001"), ("2079460123.0", "020 7946 0123"),
     ("+44 (0)20 7946 0123", "020 7946 0123"), ("0207-946-0123", "020 7946 0123"), ("(020) 79460123", "020 7946 0123"),
     ("020 7946 0123 x45", "020 7946 0123 ext. 45"), ("07700900123", "07700 900123"),
     ("020 79460123 / 020 79460124", "020 7946 0123, 020 7946 0124")],
)  # fmt: skip
def test_a_telephone_number_has_its_national_form(written: str, number: str) -> None:
    assert told(PHONE, written) == [("value-tidied", written, f"Taken as {number}.")]


@pytest.mark.parametrize("written", ["020 7946 0123", "01632 960001", "020 7946 0123 (reception)", "+353 1 234 5678"])
def test_a_number_that_is_right_or_has_words_beside_it_stays_as_it_is(written: str) -> None:
    assert read(PHONE, written) == [written] and codes(PHONE, written) == []


@pytest.mark.parametrize("written", ["ask inside", "01632 96", "020 7946 0123 4567 8901"])
def test_what_is_no_telephone_number_is_kept_and_doubted(written: str) -> None:
    assert read(PHONE, written) == [written] and codes(PHONE, written) == ["invalid phone"]
