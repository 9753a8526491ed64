"""The names that people in Britain commonly have, and the words that make a place or an organisation of one."""

import re
from functools import cache
from importlib import import_module

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
    r"|baths?|toilets?|pavilion|cemetery|car|parking|allotments?|nature|reserve|tree|plum|pine|oak|cherry|maple|rose|garage|post|office|reading|room|rooms|baptist|methodist|parade|quarter|vicarage|rectory"
    r"|barn|retail|business|industrial|shopping|takeaway|restaurant|kitchen|grill|pizza|kebab|express|news|wines?|stores)s?$"
)

ORGANISATION = re.compile(
    r"(?i)^(?:services?|departments?|dept|teams?|offices?|officers?|unit|desk|line|manager|water|rail|railway|energy|power"
    r"|gas|electric(?:ity)?|coffee|foods?|catering|hire|parks|trees?|housing|homes|highways?|transport|customers?|contact"
    r"|environment(?:al)?|environmental|planning|building|control|licensing|electoral|elections?|democratic|legal|estates"
    r"|property|assets?|waste|recycling|street|streets|direct|council|borough|national|local|public|private|social|uk"
    r"|england|english|british|royal|city|general|head|duty|site|facilities|reception|security|enquiries|emergency|police"
    r"|fire|ambulance|nhs|bank|insurance|investments?|developments?|holdings?|management|managing|consult(?:ants?|ing)"
    r"|contractors?|limited|trustees?|committee|board|authority|agency|commission|ministry|diocese|brothers|bros|sons?"
    r"|unknown|known|none|not|no|yes|n|a|of|for|to|at|in|on|by|or|is|are|was|were|be|been|has|have|had|with|from|via|as"
    r"|it|this|that|these|all|any|our|your|their|please|see|must|should|can|will|may|via|visit|use|only|before|after|when"
    r"|if|then|same|above|below|see|open|closed|available|required|tbc|various|details?|number|numbers?|telephone|phone"
    r"|e-?mail|website|online|address|name|key|keys|date|mon|tue|wed|thu|fri|sat|sun|monday|tuesday|wednesday|thursday"
    r"|friday|saturday|sunday|january|february|march|april|june|july|august|september|october|november|december)$"
)
"""Words that are no part of a person's name where a role stands before them."""

_ORDINARY = (
    "may will mark grant dawn joy hope faith art ray bill drew pat carol rose summer sue rob jack frank guy iris"
    " ivy lily daisy heather holly hazel olive violet grace june april august victor dean gay gene lee glen cliff"
    " dale stone charity king queen prince princess duke earl lord lady royal saint st sir major general green"
    " white black brown young long victoria florence chelsea alexandra albert george sydney melbourne kent"
    " kingsley ashley stanley clifton lincoln preston chester bradford wayne max star sunny gift favour peace"
    " mercy patience comfort blessing success so an man sky ocean river sea sun land sand winter noel pasha divine"
    " praise miracle love"
)
ORDINARY = frozenset(_ORDINARY.split())
"""Forenames that places and sentences are full of: the surname must be a known one as well."""

LATIN = re.compile(r"[A-Za-z]+(?:['-][A-Za-z]+)*$")
IRISH = "siobhan sinead niamh aoife ciaran eoin saoirse roisin seamus padraig orla grainne fionnuala declan"
BESIDES_BRITAIN = ("en_IN", "en_PK", "ha_NG", "en_NG", "yo_NG", "ig_NG", "tw_GH", "pl_PL", "ro_RO", "pt_PT")
"""Whose names many people in Britain have."""
EAST_ASIAN = (
    "wei li min ming jing jun hui ying ling xin yan hong mei lin bo feng hao jie lei qiang tao yang yong yu thi minh"
    " anh linh huong thanh hung jin ji-hoon seo-yeon hiroshi yuki kenji",
    "chen wong wang zhang liu yang huang zhao wu zhou xu sun ma zhu hu guo lin luo gao liang cheung chan chow lau leung"
    " lam ng ho tan nguyen tran pham kim choi tanaka suzuki sato",
)
"""Forenames and surnames in Latin letters, which the lists do not have."""
FIRMS = frozenset({"john lewis", "wh smith", "harvey nichols", "laura ashley", "paul smith", "ted baker"})
"""Shops that are called like persons."""


@cache
def forenames() -> frozenset[str]:
    """In lower case: of Britain, of BESIDES_BRITAIN and EAST_ASIAN, in Latin letters."""
    return british_forenames() | _listed("first_names") | frozenset(EAST_ASIAN[0].split())


@cache
def british_forenames() -> frozenset[str]:
    """In lower case."""
    return _names("en_GB", "first_names") | frozenset(IRISH.split())


@cache
def surnames() -> frozenset[str]:
    """Likewise."""
    return (
        _names("en_GB", "last_names")
        | _listed("last_names")
        | frozenset((*EAST_ASIAN[1].split(), "o'connor", "o'brien", "o'neill"))
    )


@cache
def forename_pattern() -> str:
    """A regular expression for any of the forenames in lower case, the longer before those they begin with."""
    return "|".join(sorted(map(re.escape, forenames()), key=len, reverse=True))


@cache
def surname_pattern() -> str:
    """The same for the surnames."""
    return "|".join(sorted(map(re.escape, surnames()), key=len, reverse=True))


def is_of_a_place(word: str) -> bool:
    """Whether the word makes a street, a building or an organisation of the names before it."""
    return PLACE.match(word.strip(".,")) is not None


def is_no_name(word: str) -> bool:
    """Whether the word is of a place or an organisation, or one of those that every sentence has."""
    return is_of_a_place(word) or ORGANISATION.match(word.strip(".,")) is not None


def are_a_name(forename: str, surname: str) -> bool:
    """Whether two words are a person's name: a forename or an initial, and a surname that is known as such, unless the
    forename leaves no doubt. Words in small letters are as good, but for forenames that are rare in Britain."""
    first, last = re.sub(r"[. ]", "", forename.lower()), surname.lower()
    if is_no_name(last) or f"{first} {last}" in FIRMS or len(last) < 2:
        return False
    if last in surnames():
        return len(first) == 1 or first in forenames() or re.search("[. ]", forename) is not None
    if first in ORDINARY or first not in forenames():
        return False
    return first in british_forenames() or (len(first) > 3 and forename[0].isupper())


@cache
def _listed(which: str) -> frozenset[str]:
    return frozenset().union(*(_names(locale, which) for locale in BESIDES_BRITAIN))


def _names(locale: str, which: str) -> frozenset[str]:
    # Imported here as it takes a third of a second, which few commands need.
    provider = import_module(f"faker.providers.person.{locale}").Provider
    lists = (getattr(provider, each) for each in dir(provider) if each.startswith(which))
    return frozenset(str(name).lower() for names in lists for name in names if LATIN.match(name))
