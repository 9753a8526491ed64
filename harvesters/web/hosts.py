"""How politely each host is asked: so many requests a second, with jitter, and none while it wants to be left alone."""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock
from typing import Protocol

from datasets.errors import RunFailed
from datasets.store.hosts import Turn
from harvesters.web.verdict import LONGEST_PAUSE, clock_time

REQUESTS_PER_SECOND = 2.0
FIRST_PAUSE, DAY, LONGEST_COOL = 4.0, 86_400.0, 7 * 86_400.0
JITTER = 0.2
"""A share of the time between two requests, so that workers do not march in step."""
_CLOCKS_DIFFER = 0.5
"""A host that seems to cool for so much longer than was known has not been told to cool again."""

ASKED = "asked us to come back"
FIREWALL = "refuses us with a firewall; we ask it again"
"""Reasons, as they stand between the host's name and `after 14:05 UTC`."""


class Cooling(RunFailed):
    """A host that is left alone for longer than a run waits."""


class Ledger(Protocol):
    """Where turns are noted; see `datasets.store.hosts`."""

    def take(self, host: str, gap: float, longest: float) -> Turn: ...
    def cool(self, host: str, seconds: float, reason: str) -> None: ...


class Hosts:
    """The budget of every host. Without a ledger it is this program's alone; without a pace only cooling counts."""

    def __init__(
        self,
        ledger: Ledger | None = None,
        per_second: float | None = REQUESTS_PER_SECOND,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._ledger = ledger or MemoryLedger()
        self._gap = 1 / per_second if per_second else 0.0
        self._sleep = sleep
        self._clock = clock
        self._strikes: dict[str, int] = {}

    def wait(self, host: str) -> None:
        """Returns when the host may be asked; Cooling when that is later than a run waits."""
        gap = self._gap * (1 + random.uniform(0, JITTER))
        turn = self._take(host, gap)
        while (pause := max(turn.seconds, turn.cooling)) > 0:
            cool_until = self._clock() + turn.cooling
            self._sleep(pause)
            # Meanwhile another worker may have been told to leave the host alone.
            noted = self._take(host, 0.0).cooling
            if not noted or self._clock() + noted <= cool_until + _CLOCKS_DIFFER:
                return
            turn = self._take(host, gap)

    def cool(self, host: str, seconds: float | None, reason: str = ASKED) -> None:
        """Leaves the host alone, for a time that doubles with each refusal in a row where `seconds` are not known."""
        self._strikes[host] = strikes = self._strikes.get(host, 0) + 1
        if seconds is None:
            seconds = min(FIRST_PAUSE * 2 ** min(strikes - 1, 20), DAY)
        if seconds > 0:
            self._ledger.cool(host, min(seconds, LONGEST_COOL), reason)

    def answered(self, host: str) -> None:
        """Forgets earlier refusals; what the host asked for still holds."""
        self._strikes.pop(host, None)

    def _take(self, host: str, gap: float) -> Turn:
        turn = self._ledger.take(host, gap, LONGEST_PAUSE)
        if turn.cooling > LONGEST_PAUSE:
            raise Cooling("E-COOLING", f"{host} {turn.reason} after {clock_time(turn.cooling)}.")
        return turn


@dataclass
class _Noted:
    next_at: float = 0.0
    cool_until: float = 0.0
    reason: str = ""


class MemoryLedger:
    """Turns of one program."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = Lock()
        self._hosts: dict[str, _Noted] = {}

    def take(self, host: str, gap: float, longest: float) -> Turn:
        with self._lock:
            noted, now = self._hosts.setdefault(host, _Noted()), self._clock()
            cooling = max(noted.cool_until - now, 0.0)
            at = max(noted.next_at, noted.cool_until, now)
            if cooling <= longest:
                noted.next_at = at + gap
            return Turn(at - now, cooling, noted.reason)

    def cool(self, host: str, seconds: float, reason: str) -> None:
        with self._lock:
            noted, until = self._hosts.setdefault(host, _Noted()), self._clock() + seconds
            if until > noted.cool_until:
                noted.cool_until, noted.reason = until, reason
