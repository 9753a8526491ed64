"""A small threaded web server on loopback that a simulator answers through: what both table platforms need."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any, Protocol
from urllib.parse import parse_qsl, unquote, unquote_plus, urlsplit

from tests.serving import serving


@dataclass(frozen=True)
class Reply:
    """What a simulator answers. Without a body it is the status alone."""

    body: bytes = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=lambda: {"Content-Type": "application/json"})


class Simulator(Protocol):
    """Answers a path (decoded) with its query; `asked` gathers every request line; `url` is set when it is served."""

    url: str
    asked: list[str]

    def answer(self, path: str, query: Mapping[str, str], headers: Mapping[str, str]) -> Reply: ...


def json_reply(content: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Reply:
    own = {"Content-Type": "application/json; charset=utf-8", **(headers or {})}
    return Reply(json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode(), status, own)


def web_page(status: int = 200) -> Reply:
    """A page for people, longer than those with which firewalls refuse."""
    return Reply(b"<!DOCTYPE html><title>Ashmere</title>" + b" " * 5000, status, {"Content-Type": "text/html"})


@contextmanager
def answering(simulator: Simulator) -> Iterator[None]:
    """The simulator has an address while the context lasts."""
    with serving(_handler(simulator)) as port:
        simulator.url = f"http://127.0.0.1:{port}"
        yield


def send(handler: BaseHTTPRequestHandler, reply: Reply) -> None:
    """Answers with the reply, whole."""
    handler.send_response(reply.status)
    for name, value in reply.headers.items():
        handler.send_header(name, value)
    handler.send_header("Content-Length", str(len(reply.body)))
    handler.end_headers()
    handler.wfile.write(reply.body)


def _handler(simulator: Simulator) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        # Head and body go out apart, and the second would wait for the client to acknowledge the first.
        disable_nagle_algorithm = True

        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            simulator.asked.append(unquote_plus(self.path))
            parts = urlsplit(self.path)
            send(self, simulator.answer(unquote(parts.path), dict(parse_qsl(parts.query)), self.headers))

        def log_message(self, format: str, *args: object) -> None:
            """Quiet."""

    return Handler
