"""The names that people in Britain commonly have, and the words that make a place or an organisation of one."""

import re
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from faker.providers.person.en_GB import Provider

PLACE = re.compile(
    r"(?i)^(?:road|rd|street|st|avenue|ave|lane|ln|close|drive|way|court|ct|place|square|terrace|gardens?|grove|crescent"
    r"|mews|walk|row|hill|rise|view|green|common|park|fields?|wood|woods|farm|house|hall|lodge|cottages?|villas?|manor"
    r"|building|buildings|tower|centre|center|school|college|academy|university|hospital|surgery|clinic|library|church"
    r"|chapel|cathedral|abbey|priory|temple|mosque|museum|theatre|gallery|hotel|inn|arms|pub|tavern|bar|cafe|club|shop"
    r"|stores?|market|mill|works|station|bridge|quay|wharf|docks?|pier|parade|circus|gate|cross|corner|end|side|estate"
    r"|ward|district|parish|town|village|city|borough|county|council|trust|foundation|society|association|institute"
    r"|group|company|ltd|limited|plc|llp|partners|partnership|and|&|the|memorial|monument|statue|recreation|playing"
    r"|leisure|sports?|swimming|health|medical|community|family|nursery|primary|secondary|infants?|junior|high|upper"
    r"|lower|north|south|east|west|northern|southern|eastern|western|central|old|new|great|little|embankment|line"
    r"|dock|river|brook|beck|canal|bay|beach|cliff|heath|moor|down|downs|dale|vale|valley|junction|roundabout|underground"
    r"|conservation|area|wing|block|flats?|apartments|mansions?|point|plaza|arcade|yard|broadway|boulevard|approach|path"
    r"|baths?|toilets?|pavilion|cemetery|car|parking|allotments?|nature|reserve|tree|plum|pine|oak|cherry|maple|rose)s?$"
)


@cache
def forenames() -> frozenset[str]:
    """In lower case."""
    provider = _provider()
    return frozenset(name.lower() for name in (*provider.first_names_male, *provider.first_names_female))


@cache
def surnames() -> frozenset[str]:
    """In lower case."""
    return frozenset(name.lower() for name in _provider().last_names)


@cache
def forename_pattern() -> str:
    """A regular expression for any of the forenames as they are written in a sentence."""
    return "|".join(sorted(name.title() for name in forenames()))


def is_of_a_place(word: str) -> bool:
    """Whether the word makes a street, a building or an organisation of the names before it."""
    return PLACE.match(word.strip(".,")) is not None


def _provider() -> "type[Provider]":
    from faker.providers.person.en_GB import Provider  # takes a third of a second, which few commands need

    return Provider
