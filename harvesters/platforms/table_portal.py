"""What Opendatasoft and Socrata portals have in common: a catalogue in pages, one address for each dataset, and errors
that carry a sentence. What the addresses are and what the answers hold, their adapters know."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar
from urllib.parse import urlsplit

from datasets.errors import RunFailed
from harvesters.platforms.problem import TELLING
from harvesters.web.ask import Refused, Request, as_json, ask, ask_json
from harvesters.web.session import Session

MOST_LISTED = 1_000


@dataclass(frozen=True)
class TablePortal:
    """One portal. `ERROR` are words that every error of its software has, `LOST` what to say after the name of a
    dataset that it does not have."""

    base: str
    session: Session
    ERROR: ClassVar[tuple[str, ...]] = ()
    LOST: ClassVar[str] = "."

    @property
    def host(self) -> str:
        return urlsplit(self.base).netloc

    def asked(self, address: str, wanted: str) -> Any:
        """What the portal answers about a dataset."""
        try:
            return ask_json(self.session, address)
        except Refused as refusal:
            raise self.explained(wanted, refusal) from None

    def guessed(self, address: str, wanted: str) -> Any:
        """The same, where an address only looks like one of a portal; None when its server is of another kind."""
        try:
            return as_json(ask(self.session, Request(address), tries=2))
        except Refused as refusal:
            if all(word in refusal.said for word in self.ERROR):
                raise self.explained(wanted, refusal) from None
            return None
        except RunFailed as failure:
            if failure.code in TELLING:
                raise
            return None

    def listed(self, address: Callable[[int], str], total_name: str) -> tuple[list[Any], int] | None:
        """The entries of the catalogue, as far as MOST_LISTED, and how many there are; `address` is that of the page
        after so many entries. None when this is no such portal."""
        try:
            first = as_json(ask(self.session, Request(address(0)), tries=2))
        except RunFailed as failure:
            if isinstance(failure, Refused) and (closed := self.closed(failure)):
                raise closed from None
            if failure.code in TELLING:
                raise
            return None
        total = first.get(total_name) if isinstance(first, dict) else None
        if not isinstance(total, int) or not isinstance(first.get("results"), list):
            return None
        entries = first["results"]
        while len(entries) < min(total, MOST_LISTED):
            page = ask_json(self.session, address(len(entries)))
            more = page.get("results") if isinstance(page, dict) else None
            if not more:
                break
            entries += more
        return entries, total

    def explained(self, wanted: str, refusal: Refused) -> RunFailed:
        """What a refusal means for whoever wanted the dataset."""
        if closed := self.closed(refusal):
            return closed
        said = sentence_in(refusal.said)
        if refusal.status == 403:
            shown = f"{self.host} does not show the dataset {wanted!r} to the public"
            return RunFailed("E-AUTH", f"{shown}: {said} Ask its owner to make it public.")
        if refusal.status == 404:
            return RunFailed("E-PLATFORM", f"{self.host} has no dataset {wanted!r}{self.LOST}")
        return RunFailed("E-PLATFORM", f"{self.host} answered: {said}")

    def closed(self, refusal: Refused) -> RunFailed | None:
        """Why the whole portal is closed to us, when that is what it says."""
        return None


def sentence_in(said: str) -> str:
    """The server's own words out of an error, as one sentence."""
    found = re.search(r'"message"\s*:\s*"((?:[^"\\]|\\.)*)"', said)
    return f"{' '.join((found[1] if found else said).split())[:200].rstrip('.') or 'nothing'}."
