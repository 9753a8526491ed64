"""One question to a server and its whole answer in memory: bounded, retried where it may help, and never a web page
taken for data. Files, which may be large, go through `harvesters.fetching.download` instead."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar
from urllib.parse import urlencode, urlsplit

import requests
from tenacity import RetryCallState, Retrying, retry_if_exception, stop_after_attempt, wait_random_exponential

from datasets.errors import RunFailed
from harvesters.web.json_text import read_json
from harvesters.web.session import CONNECT_SECONDS, MOST_BYTES, READ_SECONDS, TRIES, Session, arriving
from harvesters.web.verdict import LONGEST_PAUSE, Blocked, Refused, ServerTrouble, check_status

__all__ = [
    "LONGEST_PAUSE", "MOST_BYTES", "TRIES", "Answer", "Blocked", "Refused", "Request", "ServerTrouble", "as_json",
    "ask", "ask_json", "check_status", "persevere", "with_query",
]  # fmt: skip

T = TypeVar("T")


@dataclass(frozen=True)
class Request:
    """What to ask for. With a `form` it is a POST, for questions longer than an address may be."""

    url: str
    form: Mapping[str, str] | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Answer:
    """What came: `url` after redirects, the body whole and unpacked, seconds from asking to the last byte."""

    url: str
    status: int
    body: bytes
    headers: Mapping[str, str]
    seconds: float

    @property
    def media_type(self) -> str:
        """The media type in lower case, without parameters."""
        return self.headers.get("Content-Type", "").partition(";")[0].strip().lower()


def with_query(url: str, parameters: Mapping[str, object]) -> str:
    """The address with these parameters added to its query."""
    joint = "&" if urlsplit(url).query else "?"
    return f"{url}{joint}{urlencode({name: str(value) for name, value in parameters.items()})}"


def ask(session: Session, request: Request, *, tries: int | None = None, most: int = MOST_BYTES) -> Answer:
    """The answer, of status 200; ServerTrouble after the last try, Refused or RunFailed at once where no try helps."""
    return persevere(lambda: _ask_once(session, request, most), tries or session.tries, session.sleep)


def ask_json(session: Session, url: str, parameters: Mapping[str, object] | None = None) -> Any:
    """The answer as JSON; RunFailed when it is something else."""
    answer = ask(session, Request(with_query(url, parameters) if parameters else url))
    return as_json(answer)


def as_json(answer: Answer) -> Any:
    """The answer's value; RunFailed when it is no JSON or nested too deep."""
    host = urlsplit(answer.url).netloc
    try:
        return read_json(answer.body, host)
    except ValueError:
        raise RunFailed("E-NOTDATA", f"{host} answered with something that is not JSON.") from None


def persevere(work: Callable[[], T], tries: int = TRIES, sleep: Callable[[float], None] | None = None) -> T:
    """The work's result, tried again after a pause while it raises ServerTrouble. A server that asks for a longer pause
    than a run waits is not asked again."""
    spaced = wait_random_exponential(multiplier=2, max=LONGEST_PAUSE)

    def pause(state: RetryCallState) -> float:
        asked = _asked_pause(state.outcome.exception() if state.outcome else None)
        return spaced(state) if asked is None else asked

    retrying = Retrying(
        stop=stop_after_attempt(tries), wait=pause, retry=retry_if_exception(_may_pass), reraise=True,
        sleep=sleep or time.sleep,
    )  # fmt: skip
    return retrying(work)


def _may_pass(error: BaseException) -> bool:
    return isinstance(error, ServerTrouble) and (error.pause or 0) <= LONGEST_PAUSE


def _asked_pause(error: BaseException | None) -> float | None:
    return error.pause if isinstance(error, ServerTrouble) else None


def _ask_once(session: Session, request: Request, most: int) -> Answer:
    started = time.monotonic()
    method = "GET" if request.form is None else "POST"
    try:
        with session.request(
            method, request.url, data=request.form, headers=dict(request.headers), stream=True,
            timeout=(CONNECT_SECONDS, READ_SECONDS),
        ) as response:  # fmt: skip
            body = _body(response, most)
    except requests.RequestException as error:
        raise session.failure(request.url, error) from None
    session.check(response.url, response.status_code, response.headers, body)
    return Answer(response.url, response.status_code, body, response.headers, time.monotonic() - started)


def _body(response: requests.Response, most: int) -> bytes:
    parts, size = [], 0
    for part in arriving(response, READ_SECONDS):
        parts.append(part)
        size += len(part)
        if size > most:
            host = urlsplit(response.url).netloc
            raise RunFailed("E-TOOLARGE", f"One answer of {host} is larger than {most:,} bytes.")
    return b"".join(parts)
