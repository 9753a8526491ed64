"""Each kind of personal data as people write it: in capitals, in small letters, glued to the word before it, the other
way round, with names from elsewhere. Made from a few values, so that no detector is tried on one easy spelling alone.

No value is a real person's: telephone numbers are Ofcom's for drama, names are common ones put together.
"""

from collections.abc import Iterator, Mapping

NAMES = (("Jane", "Smith"), ("Priya", "Patel"), ("Aisha", "Begum"), ("Wei", "Chen"), ("Fatima", "Ali"),
         ("Agnieszka", "Khan"), ("Ngozi", "Okafor"), ("Siobhan", "O'Connor"))  # fmt: skip


def spellings() -> Mapping[str, list[str]]:
    """Texts by the kind that each must be found to be."""
    return {
        "a mobile telephone number": list(_numbers("07700900456", ("Tel", "mob", "Ring "), ("07700 900 456",
            "+44 7700 900456", "07700-900-456", "(07700) 900456", "07700.900.456"))),
        "a person's e-mail address": list(_mailboxes()),
        "a date of birth": list(_numbers("12/03/1961", ("DOB", "Date of birth", "born on "), ("12.03.1961",
            "1961-03-12",             "12 MARCH 1961", "3rd March 1961"), "DOB")),
        "a National Insurance number": list(_cased("Attendant AB 12 34 56 C", "NINO:AB123456C", "NINOAB123456C",
            "AB-12-34-56-C (NI)", "ab.12.34.56.c")),
        "an NHS number": list(_numbers("9991241418", ("NHS", "NHS No"), ("999 124 1418", "999-124-1418"), "NHS")),
        "a passport number": list(_numbers("987654321", ("Passport", "passport no"), ("P12345678",), "passport")),
        "a driving licence number": list(_cased("Driver QUILL657054SM9IJ", "QUILL-657054-SM9IJ", "QUILL 657054 SM9IJ")),
        "a payment card number": list(_numbers("4111111111111111", ("Card", "VISA"), ("4111 1111 1111 1111",
            "4111-1111-1111-1111", "4111 1111 1111 1111."), "card")),
        "a bank account": list(_cased("IBAN GB82 WEST 1234 5698 7654 32", "GB82WEST12345698765432 (IBAN)",
            "GB82-WEST-1234-5698-7654-32", "Sort code 12-34-56, account 12345678", "SortCode123456 a/c 12345678",
            "acc 12345678, s/c 12-34-56", "IBANGB82WEST12345698765432")),
        "a vehicle's registration number": list(_cased("Car AB12 CDE", "vehicle:AB12CDE", "carAB12CDE",
            "AB12 CDE (van)", "AB12CDE is her car")),
        "a person's internet address": list(_numbers("203.0.113.97", ("IP", "Submitted from "), (), "IP")),
        "a person by name": [text for first, last in NAMES for text in _persons(first, last)],
    }  # fmt: skip


def alone() -> list[str]:
    """Names with nothing beside them, for fields that name owners."""
    return [
        text for first, last in NAMES for text in _cased(f"{first} {last}", f"{last}, {first}", f"{first[0]}. {last}")
    ]


def _cased(*texts: str) -> Iterator[str]:
    for text in texts:
        yield from dict.fromkeys((text, text.upper(), text.lower()))


def _numbers(plain: str, before: tuple[str, ...], written: tuple[str, ...], word: str = "Tel") -> Iterator[str]:
    """The number after each word, glued and not, before one, and in each other way of writing it."""
    for lead in before:
        yield from _cased(f"{lead}{plain}", f"{lead} {plain}", f"{lead}.{plain}", f"{lead}: {plain}.")
    yield from _cased(f"{plain} ({word})", *(f"{before[0]} {other}" for other in written))


def _mailboxes() -> Iterator[str]:
    for first, last in (*NAMES, ("David", "Hall"), ("Sarah", "Church"), ("John", "Parker")):
        last = last.replace("'", "")
        home = (f"{first}.{last}", f"{last}.{first}", f"{first[0]}.{last}", f"{first}{last}", f"{first}_{last}77")
        for box in home:
            yield from _cased(f"Ask {box}@gmail.com", f"e-mail:{box}@btinternet.com")
        if last != "Church":
            yield from _cased(f"{first}.{last}@example.org", f"E-mail-{first}.{last}@example.org.")


def _persons(first: str, last: str) -> Iterator[str]:
    place = "12 Mere Road"
    yield from _cased(
        f"Mr {last}", f"Mrs.{last}", f"Mr {first[0]} {last}", f"Mrs {first} {last}", f"Dr {first} {last}",
        f"{first} {last}, {place}", f"{first} {last},{place}", f"{first[0]}. {last}, {place}",
        f"{last}, {first}, {place}", f"{first} {last} at {place}", f"{first} {last} - Flat 3",
    )  # fmt: skip
    for role in ("Keyholder", "Contact", "Tenant", "Reported by"):
        yield from _cased(f"{role}: {first} {last}", f"{role}:{first} {last}", f"{role} - {last}, {first}",
                          f"{role}: {first[0]} {last}")  # fmt: skip


PLACES = (
    "Victoria Park", "ALEXANDRA ROAD", "St James Church Hall, 12 Church Road", "The John Smith Centre, 4 High Street",
    "Florence Road, 12 Old Street", "ALEXANDRA ROAD, 12 HIGH STREET", "Keyholder: Stanley House Trust",
    "Contact: Customer Services", "Contact: Tree Officer", "Owner: Thames Water", "Owner: Ashmere Borough Council",
    "W H Smith, 12 High Street", "Doctor's Lane, Dr Barnardo's House", "may open at 10 AM", "miss the bus",
    "George Inn, 12 High Street", "VICTORIA HALL, 3 MERE ROAD", "St George, 12 Mere Road", "Unit A West, 3 Mere Road",
    "Stubborn 12/03/1961", "Contact: Parks Department", "Tenant: Costa Coffee", "Mill Lane, Preston, 12 Mere Road",
    "Name: Victoria Gardens", "Albert Square, Flat 3", "Chelsea Library, 12 Mere Road", "J Smith Ltd",
    "Elm Grove, 4 x 4",
)  # fmt: skip
"""Texts in which no person is."""
