"""One request and its answer, straight on ASGI: methods, CORS, conditional requests and errors, the same everywhere."""

import logging
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from urllib.parse import parse_qsl

from starlette.types import Receive, Scope, Send

from ogc.negotiation import preferred_form
from ogc.problem import MEDIA_TYPE, Problem, broken, method_not_allowed

LOGGER = logging.getLogger(__name__)

Headers = list[tuple[bytes, bytes]]

_HOST = re.compile(r"[A-Za-z0-9._\-]+(:\d{1,5})?|\[[0-9A-Fa-f:.]+\](:\d{1,5})?")
_ALLOW = (b"allow", b"GET, HEAD, OPTIONS")
_EVERYWHERE: Headers = [
    (b"access-control-allow-origin", b"*"),
    (b"access-control-expose-headers", b"ETag, Last-Modified, Content-Crs, Retry-After"),
    (b"vary", b"Accept"),
    (b"x-content-type-options", b"nosniff"),
]
_PREFLIGHT: Headers = [
    _ALLOW,
    (b"access-control-allow-methods", b"GET, HEAD, OPTIONS"),
    (b"access-control-allow-headers", b"Accept, Accept-Language, Content-Type, If-None-Match, If-Modified-Since"),
    (b"access-control-max-age", b"86400"),
]


class Call:
    """A request as far as it has been read; the parameters and headers are read when asked for."""

    __slots__ = ("_parameters", "scope")

    def __init__(self, scope: Scope) -> None:
        self.scope = scope
        self._parameters: Mapping[str, str] | None = None

    @property
    def search(self) -> bytes:
        """What stands behind `?`, as it came."""
        search: bytes = self.scope["query_string"]
        return search

    @property
    def parameters(self) -> Mapping[str, str]:
        """The parameters by name; of a repeated one the last holds."""
        if self._parameters is None:
            text = self.search.decode("utf-8", "replace")
            self._parameters = dict(parse_qsl(text, keep_blank_values=True)) if text else {}
        return self._parameters

    def header(self, name: bytes) -> str:
        """The header's value, those of several lines joined; empty when it is not there."""
        return ", ".join(value.decode("latin-1") for key, value in self.scope["headers"] if key == name)

    def part(self, name: str) -> str:
        """A part of the path that the route names."""
        return str(self.scope["path_params"][name])

    def address(self, public_url: str | None) -> str:
        """Where the client found this API: under `public_url` when that is set, else where the request came in."""
        outer = self.scope.get("app_root_path", "")
        root: str = self.scope.get("root_path", "")
        if public_url is not None:
            return public_url + root.removeprefix(outer)
        host = self.header(b"host") or "{}:{}".format(*self.scope["server"])
        if not _HOST.fullmatch(host):
            raise Problem(HTTPStatus.BAD_REQUEST, "InvalidParameterValue", "The Host header is not a host's name.")
        return f"{self.scope['scheme']}://{host}{root}"

    def holds(self, etag: bytes, modified: bytes | None) -> bool:
        """Whether the client already has this version (RFC 9110, 13.2.2)."""
        tags = self.header(b"if-none-match")
        if tags:
            wanted = etag.decode().removeprefix("W/")
            return any(tag.strip().removeprefix("W/") in (wanted, "*") for tag in tags.split(","))
        return modified is not None and self.header(b"if-modified-since").encode() == modified


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    media_type: bytes
    body: bytes
    headers: Headers = field(default_factory=list)


Answerer = Callable[[Call], Awaitable[Answer]]
ProblemPage = Callable[[Call, Problem], Answer]


class Endpoint:
    """An ASGI application around one function. Whatever goes wrong in it is told as a problem, never as a traceback.

    `page` makes the HTML page of a problem for those who read HTML.
    """

    def __init__(self, answerer: Answerer, page: ProblemPage) -> None:
        self._answerer = answerer
        self._page = page

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        method = scope["method"]
        if method == "OPTIONS":
            await _send(send, Answer(204, b"", b"", _PREFLIGHT), method)
            return
        call = Call(scope)
        try:
            if method not in ("GET", "HEAD"):
                raise method_not_allowed(method)
            answer = await self._answerer(call)
        except Problem as problem:
            answer = self._tell(call, problem)
        except Exception:
            LOGGER.exception("%s %s?%s could not be answered", method, scope["path"], call.search.decode("latin-1"))
            answer = self._tell(call, broken())
        await _send(send, answer, method)

    def _tell(self, call: Call, problem: Problem) -> Answer:
        if preferred_form(call.parameters.get("f"), call.header(b"accept")) == "html":
            try:
                return self._page(call, problem)
            except Exception:
                LOGGER.exception("The page of a problem could not be made")
        return problem_answer(problem)


def problem_answer(problem: Problem) -> Answer:
    """The problem as application/problem+json."""
    return Answer(problem.status, MEDIA_TYPE.encode(), problem.document(), problem_headers(problem))


def problem_headers(problem: Problem) -> Headers:
    """The headers that go with a problem's status."""
    match problem.status:
        case HTTPStatus.METHOD_NOT_ALLOWED:
            return [_ALLOW]
        case HTTPStatus.MOVED_PERMANENTLY:
            return [(b"location", str(problem.more["location"]).encode("latin-1", "replace"))]
        case HTTPStatus.SERVICE_UNAVAILABLE:
            return [(b"retry-after", b"5"), (b"cache-control", b"no-store")]
        case HTTPStatus.INTERNAL_SERVER_ERROR:
            return [(b"cache-control", b"no-store")]
        case _:
            return []


async def _send(send: Send, answer: Answer, method: str) -> None:
    headers = [*_EVERYWHERE, *answer.headers]
    if answer.status not in (204, 304):
        headers.append((b"content-type", answer.media_type))
        if answer.body or method != "HEAD":
            headers.append((b"content-length", b"%d" % len(answer.body)))
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if method == "HEAD" else answer.body})
