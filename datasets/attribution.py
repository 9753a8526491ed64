"""The words to show with what was put together from several feeds: each once, and Ordnance Survey's once for all."""

import re
from collections.abc import Iterable

_OS_DATA = re.compile(
    r"Contains (?:OS|Ordnance Survey) data,?\s*(?:©|\(c\)|&copy;)?\s*Crown copyright"
    r"(?:\s*(?:and|&)\s*database\s+rights?)?,?\s*\[?((?:19|20)\d\d)?\]?(?:\s*\.|(?=\s*(?:$|[;|\n]|Contains\b)))",
    re.IGNORECASE,
)
"""Ordnance Survey's own sentence, as councils spell it. One that goes on with a licence number is the council's."""


def joined_words(words: Iterable[str]) -> str:
    """All attributions as one text: each once, in their order, and at the end "Contains OS data © Crown copyright and
    database right" with the latest year where any of them says so."""
    years: list[str] = []
    rests: list[str] = []
    for each in words:
        found = [match[1] or "" for match in _OS_DATA.finditer(each)]
        years += found
        rest = _OS_DATA.sub(" ", each) if found else each
        rests.append(" ".join(rest.split()))
    said = list(dict.fromkeys(rest for rest in rests if rest))
    if years:
        said.append(f"Contains OS data © Crown copyright and database right {max(years)}".rstrip() + ".")
    return " ".join(sentence if sentence[-1] in ".!?;" or len(said) == 1 else f"{sentence}." for sentence in said)
