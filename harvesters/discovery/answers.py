"""Which feeds answer today: each is asked what it is and how many rows it declares, and nothing is harvested."""

import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from datasets.errors import CitywideError, RunHeld, RunStopped
from datasets.feed import Feed
from datasets.issues import issue_codes
from harvesters.adapters import find_adapter
from harvesters.adapters.contract import Dataset
from harvesters.discovery.discover import look_at
from harvesters.web.remember import RememberingSession
from harvesters.web.session import Session

HOSTS_AT_ONCE = 8
"""Hosts asked side by side; feeds of one host are asked one after the other."""


@dataclass(frozen=True)
class Answered:
    """How one feed answered. `state` is `answers`, `held` when a person must choose something first, or `failed`;
    `message` and `next_step` are empty where nothing is to be done."""

    feed: Feed
    state: str
    seconds: float
    dataset: Dataset | None = None
    code: str | None = None
    message: str = ""
    next_step: str = ""

    def document(self) -> dict[str, Any]:
        """As `--json` prints it."""
        return {
            "feed": self.feed.id,
            "platform": self.feed.platform,
            "url": self.feed.url,
            "state": self.state,
            "count": self.dataset.count if self.dataset else None,
            "updated": self.dataset.updated if self.dataset else None,
            "seconds": round(self.seconds, 2),
            "code": self.code,
            "message": self.message,
            "next_step": self.next_step,
            "last_seen_working": str(self.feed.last_seen_working) if self.feed.last_seen_working else None,
        }


def ask_feeds(feeds: Sequence[Feed], session: Session, tell: Callable[[Answered], None]) -> list[Answered]:
    """How each feed answers, in the order they were given. `tell` is called, from any thread, as each one does."""
    hosts: dict[str, list[Feed]] = defaultdict(list)
    asking = RememberingSession(session)
    for feed in feeds:
        hosts[urlsplit(feed.url).netloc.lower()].append(feed)

    def ask_host(waiting: Iterable[Feed]) -> list[Answered]:
        found = []
        for feed in waiting:
            found.append(ask_feed(feed, asking))
            tell(found[-1])
        return found

    with ThreadPoolExecutor(HOSTS_AT_ONCE) as pool:
        answered = {one.feed.id: one for host in pool.map(ask_host, hosts.values()) for one in host}
    return [answered[feed.id] for feed in feeds]


def ask_feed(feed: Feed, session: Session) -> Answered:
    """How one feed answers now; whatever goes wrong is in what is given back."""
    started = time.monotonic()
    try:
        adapter = find_adapter(feed.platform)
        found = adapter.probe(feed.url, feed.params, session)
    except RunStopped as stopped:
        state = "held" if isinstance(stopped, RunHeld) else "failed"
        return _stopped(feed, state, time.monotonic() - started, stopped.code, str(stopped))
    except CitywideError as error:
        return _stopped(feed, "failed", time.monotonic() - started, "E-FAULT", str(error))
    seconds = time.monotonic() - started
    if found is None or len(found.datasets) != 1:
        why = look_at(feed.url, session)
        said = f"The address is not, or no longer, {adapter.TITLE[:1].lower()}{adapter.TITLE[1:]}. {why}"
        return _stopped(feed, "failed", seconds, why.code, said)
    return Answered(feed, "answers", seconds, found.datasets[0])


def is_offline(answered: Sequence[Answered]) -> bool:
    """Whether it is rather this machine that has no connection: several hosts, and not one of their names is known."""
    hosts = {urlsplit(one.feed.url).netloc for one in answered}
    return len(hosts) > 1 and all(one.code == "E-DNS" for one in answered)


def _stopped(feed: Feed, state: str, seconds: float, code: str, said: str) -> Answered:
    meaning = issue_codes().get(code)
    return Answered(feed, state, seconds, None, code, said, meaning.fix if meaning else "")
