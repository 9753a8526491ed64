"""A session that gives the same answer to the same question: several adapters look at one address in turn, and the
site should be asked once."""

import io
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import requests
from urllib3 import HTTPResponse

from harvesters.web.session import READ_SECONDS, TRIES_WHILE_SOMEBODY_WAITS, Session, arriving
from harvesters.web.verdict import check_status

MOST_BYTES = 4 << 20
"""Answers larger than this are not kept; they are asked for again."""
_PASSING = (408, 425, 429, 500, 502, 503, 504)

_Question = tuple[str, str, str]


@dataclass(frozen=True)
class _Kept:
    response: requests.Response
    body: bytes


class RememberingSession(Session):
    """Asks through the very connections, limits and guards of `session`, and keeps what came for as long as it lives.
    Not for harvesting: what a server says twice may differ."""

    def __init__(self, session: Session) -> None:
        # Not super().__init__: everything of the other session is shared, whatever it has come to hold.
        self.__dict__ = dict(session.__dict__)
        self._answers: dict[_Question, _Kept] = {}
        # Somebody waits for what this finds.
        self.tries = TRIES_WHILE_SOMEBODY_WAITS

    def check(self, url: str, status: int, headers: Mapping[str, str], body: bytes) -> None:
        """The same verdict, without leaving the host alone for a day: what is asked here are guesses, and a page that
        nobody has may look like a firewall's."""
        check_status(url, status, headers, body)

    def request(self, method: Any, url: Any, *args: Any, **more: Any) -> requests.Response:
        asked = super().request
        if method != "GET" or more.get("data"):
            return asked(method, url, *args, **more)
        question = (str(url), repr(sorted((more.get("headers") or {}).items())), repr(more.get("params")))
        if question not in self._answers:
            response = asked(method, url, *args, **more)
            if response.status_code in _PASSING or _is_long(response):
                return response
            body = _read(response)
            if body is None:
                return asked(method, url, *args, **more)
            self._answers[question] = _Kept(response, body)
        return _again(self._answers[question])


def _is_long(response: requests.Response) -> bool:
    size = response.headers.get("Content-Length", "")
    return size.isdigit() and int(size) > MOST_BYTES


def _read(response: requests.Response) -> bytes | None:
    """The whole body, unpacked; None when it is longer than is kept."""
    body = bytearray()
    with response:
        for block in arriving(response, READ_SECONDS):
            body += block
            if len(body) > MOST_BYTES:
                return None
    return bytes(body)


def _again(kept: _Kept) -> requests.Response:
    """The answer as if it had just come, its body still to be read."""
    first, response = kept.response, requests.Response()
    response.status_code, response.headers, response.url = first.status_code, first.headers, first.url
    response.reason, response.encoding, response.history = first.reason, first.encoding, first.history
    response.request, response.cookies, response.elapsed = first.request, first.cookies, first.elapsed
    response.raw = HTTPResponse(io.BytesIO(kept.body), preload_content=False)
    return response
