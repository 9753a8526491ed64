"""A catalogue page by page: as far as one names the next, or as long as a guess brings more, and never in circles."""

from collections.abc import Callable, Iterator
from urllib.parse import parse_qsl, urlencode, urljoin, urlsplit

from datasets.errors import RunFailed
from harvesters.platforms.catalogues.record import Listing
from harvesters.web.ask import TRIES, Answer, Refused, Request, ask
from harvesters.web.session import Session

MOST_PAGES = 200
ROUND = 100
"""ckanext-dcat gives so many datasets to a page; in a catalogue of exactly so many, another page is looked for."""

_ACCEPT = "text/turtle, application/ld+json;q=0.9, application/rdf+xml;q=0.8, application/json;q=0.7, */*;q=0.1"


def listings(
    url: str, session: Session, read: Callable[[Answer, str], Listing | None], tries: int = TRIES
) -> Iterator[Listing]:
    """The catalogue's pages, as far as one names the next, or, where none does, as long as `page=N` brings new records.
    Nothing when the address is no catalogue."""
    asked, known = {url}, set[str]()
    here, guessed = url, False
    for number in range(1, MOST_PAGES + 1):
        try:
            answer = ask(session, Request(here, headers={"Accept": _ACCEPT}), tries=tries)
        except Refused:
            if guessed:
                return
            raise
        listing = read(answer, url)
        if listing is None:
            return
        new = {record.ids[0] for record in listing.records} - known
        if number > 1 and not new:
            if guessed or not listing.records:
                return
            raise RunFailed("E-PAGELOOP", f"The catalogue at {url} gives the same page again and again.")
        known |= new
        yield listing
        following, guessed = _following(answer, listing, number)
        if following is None:
            return
        if following in asked:
            raise RunFailed("E-PAGELOOP", f"Page {number} of the catalogue at {url} names an earlier page as the next.")
        asked.add(following)
        here = following
    raise RunFailed("E-PAGELOOP", f"The catalogue at {url} has not ended after {MOST_PAGES} pages.")


def _following(answer: Answer, listing: Listing, number: int) -> tuple[str | None, bool]:
    """The address of the next page, and whether it is a guess."""
    here = urlsplit(answer.url)
    if listing.next:
        there = urlsplit(urljoin(answer.url, listing.next))
        if there.hostname != here.hostname:
            raise RunFailed("E-ADDRESS", f"The next page of the catalogue is on another host, {there.netloc}.")
        # A portal behind a proxy often does not know that it is asked by https.
        return there._replace(scheme=here.scheme, netloc=here.netloc, fragment="").geturl(), False
    if not listing.records or len(listing.records) % ROUND:
        return None, False
    query = [(name, value) for name, value in parse_qsl(here.query) if name != "page"]
    return here._replace(query=urlencode([*query, ("page", str(number + 1))])).geturl(), True
