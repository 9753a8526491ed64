"""What an address offers: whose platform it is, which datasets there are, and which feeds they would make.

Adapters know platforms; `fit` knows layers. Here they meet, and whatever an address turns out to be, a person is told
it in a sentence with the next step.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlsplit

from datasets.city import City, Council
from datasets.errors import CitywideError, RegisterError, RunFailed
from datasets.feed import Feed
from datasets.issues import issue_codes
from datasets.licence import find_licence
from harvesters.adapters import find_adapter, platforms
from harvesters.adapters.contract import Adapter, Dataset, Found
from harvesters.discovery.fit import Fit, Owner, best_fit, has_no_place, owner_of
from harvesters.platforms.links import service_of
from harvesters.platforms.problem import UNREACHABLE, problem_of
from harvesters.web.ask import Request, ServerTrouble, ask
from harvesters.web.remember import RememberingSession
from harvesters.web.session import Session

_GENERAL = ("dcat", "file")
"""Platforms that many addresses could be of; asked after those that know their own."""

_HOST_TROUBLE = (*UNREACHABLE, "E-TIMEOUT")
"""What one adapter is told so of a host holds for every other."""

_TELLING = ("E-AUTH", "E-BLOCKED")
"""What explains more than that one of an adapter's own paths is not there."""

_SIGN_IN = re.compile(r"\b(sign|log)[ -]?(in|on)\b|\bauthenticat|\bpassword", re.IGNORECASE)


@dataclass(frozen=True)
class Offer:
    """One dataset that an address offers. `feed` is ready to be added; None while `needs` names what a person must
    say first. `trouble` is a reason not to add it."""

    dataset: Dataset
    platform: str
    fit: Fit | None
    owner: Owner | None
    feed: Feed | None
    needs: tuple[str, ...] = ()
    trouble: str = ""

    @property
    def licence(self) -> str:
        """The register id of its licence, `unknown` where the platform states none that we know."""
        return _licence(self.dataset.licence)

    @property
    def sure(self) -> bool:
        """Whether it may be added without a person's look."""
        return self.feed is not None and self.fit is not None and self.fit.sure and not self.trouble


@dataclass(frozen=True)
class Discovery:
    """What an address turned out to be. `platform` is None when it is nobody's; `code` then says why, as a code of the
    issue register where one fits. `verdict` and `next_step` are for the person who asked."""

    url: str
    platform: str | None
    title: str
    offers: tuple[Offer, ...]
    total: int
    verdict: str
    next_step: str
    note: str = ""
    code: str | None = None

    @property
    def proposals(self) -> tuple[Offer, ...]:
        """The offers that fit a layer, layer by layer, the best first."""
        fitting = [offer for offer in self.offers if offer.fit]
        return tuple(sorted(fitting, key=lambda offer: (offer.fit.layer, -offer.fit.score) if offer.fit else ("", 0)))


def discover(
    url: str, session: Session, whose: City | Council, adapters: Mapping[str, Adapter] | None = None
) -> Discovery:
    """Asks the adapters, cheap and specific ones first, whose platform the address is, and proposes a feed for each
    dataset that fits a layer. Never raises for what an address answers: that is the verdict. `whose` is the council
    that a person named, or the city among whose councils it is to be guessed."""
    known = adapters if adapters is not None else {name: find_adapter(name) for name in platforms()}
    address = url.strip() if "://" in url else f"https://{url.strip()}"
    try:
        if urlsplit(address).scheme not in ("http", "https") or not urlsplit(address).hostname:
            raise RunFailed("E-HTTP", f"{url!r} is not an address that begins with http:// or https://.")
        found = _recognise(address, RememberingSession(session), known)
    except RunFailed as failure:
        return _nobodys(address, failure)
    offers = _numbered(_offer(dataset, found, whose) for dataset in found.datasets)
    total = max(found.total or 0, len(offers))
    verdict = f"{known[found.platform].TITLE}: {total:,} dataset{'' if total == 1 else 's'}."
    return Discovery(
        address, found.platform, found.title, offers, total, verdict, _next_step(address, offers, whose), found.note
    )


def organisation_feeds(url: str, organisation: str, council: Council, session: Session) -> list[Feed]:
    """One feed for each dataset of a CKAN organisation that surely fits a layer; CitywideError when none does."""
    discovery = discover(f"{url.rstrip('/')}/organization/{organisation}", session, council)
    if discovery.platform is None:
        raise CitywideError(f"{discovery.verdict} {discovery.next_step}")
    feeds = [offer.feed for offer in discovery.proposals if offer.sure and offer.feed]
    if not feeds:
        titles = ", ".join(offer.dataset.title for offer in discovery.offers[:8]) or "nothing"
        raise CitywideError(f"Of organisation {organisation!r} no dataset fits a layer; it offers {titles}.")
    return feeds


def look_at(url: str, session: Session) -> RunFailed:
    """Why an address that is of no platform is of no use: a page for signing in, another page, or something else."""
    try:
        answer = ask(session, Request(url))
    except RunFailed as failure:
        if failure.code == "E-NOTDATA" and _SIGN_IN.search(str(failure)):
            return RunFailed("E-AUTH", f"{urlsplit(url).netloc} answers with a page for signing in.")
        return failure
    kind = answer.media_type or "something without a media type"
    return RunFailed(
        "E-PLATFORM", f"{urlsplit(url).netloc} answers with {kind}, which is no platform or format we know."
    )


def discovery_document(discovery: Discovery) -> dict[str, Any]:
    """The discovery as `--json` prints it: `url`, `platform`, `title`, `verdict`, `code`, `next_step`, `note`, `total`
    and `datasets`, each with `title`, `platform`, `url`, `params`, `page`, `publisher`, `licence`, `count`, `updated`,
    `geometry`, `crs`, `fields`, `formats`, `trouble`, and a `proposal` or null: `layer`, `score`, `sure`, `evidence`,
    `council`, `needs` and the `feed` as a document that `citywide feeds add` takes, null while it needs something."""
    return {
        "url": discovery.url,
        "platform": discovery.platform,
        "title": discovery.title,
        "verdict": discovery.verdict,
        "code": discovery.code,
        "next_step": discovery.next_step,
        "note": discovery.note,
        "total": discovery.total,
        "datasets": [_offer_document(offer) for offer in discovery.offers],
    }


def _recognise(url: str, session: Session, adapters: Mapping[str, Adapter]) -> Found:
    """The first adapter's answer that is one. RunFailed says why there is none, in the words that tell most."""
    failures: list[RunFailed] = []
    for name in _in_order(url, adapters):
        try:
            found = adapters[name].probe(url, {}, session)
        except RunFailed as failure:
            if failure.code in _HOST_TROUBLE or isinstance(failure, ServerTrouble):
                raise
            failures.append(failure)
            continue
        if found is not None:
            return found
    telling = [failure for failure in failures if failure.code in _TELLING]
    # An address that gives its platform away is best explained by that one, any other by the last, the plain file.
    own = failures[:1] if service_of(url) else failures[-1:]
    raise next(iter(telling or own), None) or look_at(url, session)


def _in_order(url: str, adapters: Mapping[str, Adapter]) -> list[str]:
    """The platform that the address itself gives away, then those that know their own, then the general ones. What a
    service answers is no file, however it looks."""
    service = service_of(url)
    first = service.platform if service else ""
    asked = [name for name in adapters if name != "file" or first in ("", "file")]
    return sorted(asked, key=lambda name: (name != first, _GENERAL.index(name) + 1 if name in _GENERAL else 0, name))


def _nobodys(url: str, failure: RunFailed) -> Discovery:
    meaning = issue_codes().get(failure.code)
    step = meaning.fix if meaning else "Open the address in a browser, and ask whoever runs the server."
    return Discovery(url, None, "", (), 0, str(failure), step, code=failure.code)


def _offer(dataset: Dataset, found: Found, whose: City | Council) -> Offer:
    platform = str(dataset.own.get("platform") or found.platform)
    best = best_fit(dataset)
    owner = Owner(whose, "you named it") if isinstance(whose, Council) else owner_of(dataset, found.title, whose)
    problem = problem_of(dataset)
    trouble = "No geometry, and no column that seems to hold a place." if has_no_place(dataset) else ""
    if problem is not None:
        trouble = str(problem)
    if platform not in platforms() and platform != found.platform:
        trouble = f"There is no adapter for the platform {platform!r}."
    if best is None or owner is None:
        return Offer(dataset, platform, best, owner, None, ("council",) if best else (), trouble)
    try:
        feed = _feed(dataset, platform, best, owner.council)
    except ValueError:
        return Offer(dataset, platform, best, owner, None, (), f"{dataset.url!r} cannot be a feed's address.")
    return Offer(dataset, platform, best, owner, feed, (), trouble)


def _feed(dataset: Dataset, platform: str, best: Fit, council: Council) -> Feed:
    return Feed(
        id=f"{council.slug}-{best.layer}",
        council=council.gss,
        layer=best.layer,
        platform=platform,
        url=dataset.url,
        params=dict(dataset.params),
        licence=_licence(dataset.licence),
        documentation_url=dataset.page,
    )


def _licence(text: str) -> str:
    """The register id of what the platform says; never more than it says."""
    try:
        return find_licence(text)
    except RegisterError:
        return "unknown"


def _numbered(offers: Iterable[Offer]) -> tuple[Offer, ...]:
    """The offers with ids of their own where several make a feed of one council and layer: the surest has the plain
    id, the others a number behind it."""
    listed = list(offers)
    ranked = sorted(range(len(listed)), key=lambda place: -(fit.score if (fit := listed[place].fit) else 0.0))
    taken: Counter[str] = Counter()
    for place in ranked:
        if feed := listed[place].feed:
            taken[feed.id] += 1
            if taken[feed.id] > 1:
                own = feed.model_copy(update={"id": f"{feed.id}-{taken[feed.id]}"})
                listed[place] = replace(listed[place], feed=own)
    return tuple(listed)


def _next_step(url: str, offers: tuple[Offer, ...], whose: City | Council) -> str:
    if any(offer.sure for offer in offers):
        named = f" --council {whose.slug}" if isinstance(whose, Council) else ""
        return f"Add the sure ones with: citywide feeds discover {url!r}{named} --add"
    fitting = [offer for offer in offers if offer.fit]
    if any("council" in offer.needs for offer in fitting):
        return "Say whose data it is: repeat the command with --council NAME."
    if fitting:
        return "Nothing is sure; look at the evidence, and add what is right with citywide feeds add."
    if offers:
        return "No dataset fits a layer by what is said of it; add one with citywide feeds add URL --layer LAYER."
    return "Nothing is offered there; try the address of one dataset, service or file."


def _offer_document(offer: Offer) -> dict[str, Any]:
    dataset = offer.dataset
    proposal = offer.fit and {
        "layer": offer.fit.layer,
        "score": offer.fit.score,
        "sure": offer.sure,
        "evidence": list(offer.fit.evidence),
        "council": offer.owner and {"gss": offer.owner.council.gss, "evidence": offer.owner.evidence},
        "needs": list(offer.needs),
        "feed": offer.feed and offer.feed.document(),
    }
    return {
        "title": dataset.title,
        "platform": offer.platform,
        "url": dataset.url,
        "params": dict(dataset.params),
        "page": dataset.page,
        "publisher": dataset.publisher,
        "licence": dataset.licence,
        "count": dataset.count,
        "updated": dataset.updated,
        "geometry": dataset.geometry,
        "crs": dataset.crs,
        "fields": list(dataset.fields),
        "formats": list(dataset.formats),
        "trouble": offer.trouble,
        "proposal": proposal,
    }
