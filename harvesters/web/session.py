"""The one HTTP session that every adapter and every library uses. It asks only addresses that the guard allows, at the
pace that each host's budget allows, one request at a time; answers are bounded, and failures are sentences."""

import time
from collections.abc import Callable, Mapping
from http.cookiejar import DefaultCookiePolicy
from typing import Any
from urllib.parse import urlsplit

import requests

from datasets.errors import RunFailed
from harvesters.web import guard
from harvesters.web.failure import failure
from harvesters.web.hosts import DAY, FIREWALL, Hosts
from harvesters.web.transport import CONNECT_SECONDS, MOST_BYTES, READ_SECONDS, Transport, arriving
from harvesters.web.verdict import Blocked, Refused, ServerTrouble, check_status

__all__ = [
    "CONNECT_SECONDS", "MAX_REDIRECTS", "MOST_BYTES", "READ_SECONDS", "TRIES", "Refused", "ServerTrouble", "Session",
    "arriving",
]  # fmt: skip

MAX_REDIRECTS = 5
TRIES, TRIES_WHILE_SOMEBODY_WAITS = 5, 2

_CARRIED = {
    "accept", "accept-encoding", "accept-language", "connection", "content-length", "content-type", "if-modified-since",
    "if-none-match", "range", "user-agent",
}  # fmt: skip
"""Headers that a redirect to another host takes along; keys, passwords and cookies stay behind."""


class Session(requests.Session):
    """A requests session that is safe with addresses of strangers. Nothing about it can be turned off but loopback.

    `sleep` is how it and those who ask through it wait; tests give one that does not. `tries` is how often a question
    is asked that a server in trouble does not answer.
    """

    def __init__(
        self,
        contact: str,
        *,
        allow_loopback: bool = False,
        hosts: Hosts | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        super().__init__()
        self.sleep = sleep
        self.tries = TRIES
        self.trust_env = False
        self.max_redirects = MAX_REDIRECTS
        self.headers["User-Agent"] = f"Citywide/0.1 (+{contact})"
        self.headers["Accept-Encoding"] = "gzip, deflate"
        # No cookie outlives its request; within one, redirects on the same host still pass theirs on.
        self.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        self.hosts = hosts or Hosts(sleep=sleep)
        self.own_machine = Hosts(per_second=None, sleep=sleep)
        for scheme in ("http://", "https://"):
            self.mount(scheme, Transport(self.budget, allow_loopback=allow_loopback))

    def budget(self, url: str) -> tuple[Hosts, str]:
        """Whose budget an address is on, and under which name. This machine is not paced, and nobody else's."""
        host = guard.check_url(url)
        return (self.own_machine, urlsplit(url).netloc) if guard.is_loopback(host) else (self.hosts, host)

    def check(self, url: str, status: int, headers: Mapping[str, str], body: bytes) -> None:
        """`check_status`, and a host whose firewall answered is left alone for a day."""
        try:
            check_status(url, status, headers, body)
        except Blocked:
            hosts, host = self.budget(url)
            hosts.cool(host, DAY, FIREWALL)
            raise

    def failure(self, url: str, error: requests.RequestException) -> RunFailed:
        """What went wrong, in a sentence that names the host and nothing of ours; ServerTrouble when it may pass."""
        return failure(url, error, MAX_REDIRECTS)

    def send(self, request: requests.PreparedRequest, **kwargs: Any) -> requests.Response:
        if kwargs.get("proxies") or self.proxies:
            raise ValueError("A proxy would look up addresses for us, past the guard; Citywide asks servers itself.")
        return super().send(request, **kwargs)

    def get_adapter(self, url: str) -> requests.adapters.BaseAdapter:
        guard.check_url(url)
        return super().get_adapter(url)

    def rebuild_auth(self, prepared_request: requests.PreparedRequest, response: requests.Response) -> None:
        """A redirect to another host takes along nothing that was meant for the first."""
        super().rebuild_auth(prepared_request, response)  # type: ignore[no-untyped-call]
        before, after = response.request.url, prepared_request.url
        if self.should_strip_auth(before, after):  # type: ignore[no-untyped-call]
            for name in [name for name in prepared_request.headers if name.lower() not in _CARRIED]:
                del prepared_request.headers[name]
