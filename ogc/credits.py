"""Whose features an answer holds: the words to show and the licences that hold, for this answer and no other.

The statement that reads a page also says which pairs of licence and words are on it; there are few such sets, so each
is put together once.
"""

import json
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from datasets.attribution import joined_words
from datasets.licence import licences

BETWEEN, WITHIN = "\x1e", "\x1f"
"""What stands between the pairs, and between a licence and its words."""

_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))


@dataclass(frozen=True)
class Credits:
    """`attribution` are the words to show, `licences` the licences as JSON objects with id, title and href."""

    attribution: str
    licences: tuple[dict[str, str], ...]

    @property
    def members(self) -> dict[str, Any]:
        """As foreign members of a feature collection."""
        return {"attribution": self.attribution, "licences": list(self.licences)}

    @property
    def links(self) -> list[tuple[str, str, str, str]]:
        """A link to each licence: relation, media type, title, address."""
        return [("license", "text/html", each["title"], each["href"]) for each in self.licences if "href" in each]


@lru_cache(maxsize=5_000)
def read_credits(sources: str) -> Credits:
    """The credits of an answer, from the pairs that its statement gave; "" for an answer without features."""
    pairs = [pair.partition(WITHIN) for pair in sources.split(BETWEEN) if pair]
    known = licences()
    ids = dict.fromkeys(licence for licence, _, _ in pairs)
    told = []
    for key in ids:
        licence = known.get(key)
        one = {"id": key, "title": licence.title if licence else key}
        told.append({**one, "href": licence.url} if licence and licence.url else one)
    return Credits(joined_words(words for _, _, words in pairs), tuple(told))


@lru_cache(maxsize=5_000)
def encoded_members(sources: bytes) -> bytes:
    """The members as JSON text that follows another member."""
    return b"," + _ENCODER.encode(read_credits(sources.decode()).members).encode()[1:-1]
