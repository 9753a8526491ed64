"""How a request goes out and its answer comes in: through the guard, one connection to a host, and never for longer
than it may. What is not streamed, because a library asked, is read here and bounded here."""

import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from http.client import HTTPException, HTTPResponse
from threading import Event, Timer
from typing import Any, ClassVar

import requests
import urllib3
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import ConnectTimeoutError, EmptyPoolError, NameResolutionError, NewConnectionError

from datasets.errors import RunFailed
from harvesters.web import guard
from harvesters.web.hosts import ASKED, DAY, FIREWALL, Hosts
from harvesters.web.verdict import Blocked, ServerTrouble, check_trouble, pause_asked

CONNECT_SECONDS, READ_SECONDS = 10, 60
MOST_BYTES = 64 << 20
"""No page and no catalogue answer is larger; a whole file may be."""
REDIRECT_BYTES = 1 << 16
BLOCK = 1 << 16

TURN_SECONDS = 1800
"""How long one thread waits for another to be done with the only connection to a host; a file may take as long."""

KEPT_HOSTS = 64
MOST_INTERIM = 20

Budget = Callable[[str], tuple[Hosts, str]]


class Transport(HTTPAdapter):
    """The adapter of requests, guarded."""

    def __init__(self, budget: Budget, *, allow_loopback: bool) -> None:
        self._budget = budget
        self._allow_loopback = allow_loopback
        super().__init__(pool_connections=KEPT_HOSTS, pool_maxsize=1, pool_block=True, max_retries=0)

    def init_poolmanager(self, connections: int, maxsize: int, block: bool = True, **pool_kwargs: Any) -> None:
        super().init_poolmanager(connections, maxsize, block, **pool_kwargs)
        self.poolmanager.pool_classes_by_scheme = {
            "http": _guarded(HTTPConnectionPool, HTTPConnection, self._allow_loopback),
            "https": _guarded(HTTPSConnectionPool, HTTPSConnection, self._allow_loopback),
        }

    def send(
        self,
        request: requests.PreparedRequest,
        stream: bool = False,
        timeout: Any = None,
        verify: Any = True,
        cert: Any = None,
        proxies: Mapping[str, str] | None = None,
    ) -> requests.Response:
        if proxies or not verify:
            raise ValueError("Citywide asks servers itself, without a proxy, and always checks their certificates.")
        url = request.url or ""
        hosts, host = self._budget(url)
        hosts.wait(host)
        limits = timeout or (CONNECT_SECONDS, READ_SECONDS)
        try:
            response = super().send(request, stream=True, timeout=limits, verify=verify, cert=cert)
        except EmptyPoolError:
            raise ServerTrouble("E-TIMEOUT", f"{host} is being asked by another run, which does not end.") from None
        _note(hosts, host, response)
        if response.is_redirect:
            _pass_over(response)
        elif not stream:
            _read_whole(url, response, hosts, host)
        return response


def arriving(response: requests.Response, seconds: float, block: int = BLOCK) -> Iterator[bytes]:
    """The body as it arrives, unpacked, in parts of at most `block` bytes; requests' own errors, and ReadTimeout when
    it is not whole after so many seconds. requests' own iteration waits until a block is full, and a server that drips
    would outlast any limit of time."""
    cut = Event()
    # A server may also drip where no part ever comes to us: in the size of a chunk, in the head of a gzip file.
    with _ended_after(seconds, lambda: response.raw.shutdown(), cut):
        try:
            while part := response.raw.read1(block, decode_content=True):
                yield part
                if cut.is_set():
                    break
        except urllib3.exceptions.ReadTimeoutError as error:
            raise requests.ReadTimeout(error) from None
        except urllib3.exceptions.DecodeError as error:
            raise requests.exceptions.ContentDecodingError(error) from None
        except (urllib3.exceptions.HTTPError, OSError, ValueError) as error:
            raise _cut_off(cut, error) from None
        if cut.is_set():
            raise requests.ReadTimeout("The answer was not whole in time.")


def stated_size(headers: Mapping[str, str]) -> int | None:
    """The bytes that Content-Length states, None where it states nothing that is a number."""
    stated = headers.get("Content-Length", "").strip()
    return int(stated[:18]) if stated.isascii() and stated.isdigit() else None


def states_its_end(response: requests.Response) -> bool:
    """Whether the server said where the body ends, by its length or in chunks; then a body that is cut off was refused.
    Otherwise it ends with the connection, however that came to its end (RFC 9112, 6.3)."""
    raw = response.raw
    return bool(getattr(raw, "chunked", False)) or getattr(raw, "length_remaining", None) is not None


def _cut_off(cut: Event, error: Exception) -> requests.RequestException:
    if cut.is_set():
        return requests.ReadTimeout(error)
    return requests.exceptions.ChunkedEncodingError(error)


def _note(hosts: Hosts, host: str, response: requests.Response) -> None:
    """Leaves the host alone for as long as it asks, whoever asked it."""
    pause = pause_asked(response.headers)
    if response.status_code == 429 or (response.status_code == 503 and pause):
        hosts.cool(host, pause, ASKED)
    elif response.status_code < 400:
        hosts.answered(host)


def _pass_over(response: requests.Response) -> None:
    """The body of a redirect, which nobody wants: read when it is short, so that the connection can be kept."""
    try:
        size = 0
        for part in arriving(response, CONNECT_SECONDS):
            size += len(part)
            if size > REDIRECT_BYTES:
                break
    except requests.RequestException:
        pass
    _settle(response, b"")


def _read_whole(url: str, response: requests.Response, hosts: Hosts, host: str) -> None:
    """The body in memory for a library that knows no limits, unless it is trouble and no answer at all."""
    parts, size = [], 0
    try:
        for part in arriving(response, READ_SECONDS):
            parts.append(part)
            size += len(part)
            if size > MOST_BYTES:
                raise RunFailed("E-TOOLARGE", f"One answer of {host} is larger than {MOST_BYTES:,} bytes.")
        # A library can make more of a status 500 than we: CKAN explains itself in the body.
        if response.status_code != 500:
            check_trouble(url, response.status_code, response.headers, b"".join(parts))
    except Blocked:
        hosts.cool(host, DAY, FIREWALL)
        raise
    finally:
        _settle(response, b"".join(parts))


def _settle(response: requests.Response, body: bytes) -> None:
    """The response with this as its body, and its connection free; one that was not read to its end is closed."""
    response._content = body
    response._content_consumed = True  # type: ignore[attr-defined]
    response.raw.close()
    response.raw.release_conn()


@contextmanager
def _ended_after(seconds: float, end: Callable[[], object], ended: Event) -> Iterator[None]:
    """Ends what goes on inside after so many seconds, and says so in `ended`. A time limit of a socket is none: it
    starts again with every byte."""

    def at_last() -> None:
        ended.set()
        with suppress(OSError, RuntimeError, ValueError):
            end()

    timer = Timer(seconds, at_last)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


class _Reply(HTTPResponse):
    """An answer that begins after a few interim ones (status 1xx), or not at all."""

    begun = 0

    def _read_status(self) -> tuple[str, int, str]:
        self.begun += 1
        if self.begun > MOST_INTERIM:
            raise HTTPException("more interim answers than anybody needs")
        return super()._read_status()  # type: ignore[misc,no-any-return]


class _GuardedConnection(HTTPConnection):
    """A connection that the guard opens, and whose answer begins within the time limit, not only goes on."""

    allow_loopback: ClassVar[bool] = False
    response_class = _Reply

    def _new_conn(self) -> socket.socket:
        timeout = self.timeout if isinstance(self.timeout, int | float) else CONNECT_SECONDS
        try:
            return guard.open_socket(
                self._dns_host, self.port, timeout, allow_loopback=self.allow_loopback,
                options=self.socket_options or (),
            )  # fmt: skip
        except socket.gaierror as error:
            raise NameResolutionError(self.host, self, error) from error
        except TimeoutError as error:
            raise ConnectTimeoutError(self, f"Connection to {self.host} timed out.") from error
        except OSError as error:
            raise NewConnectionError(self, f"Failed to establish a new connection: {error}") from error

    def getresponse(self) -> urllib3.HTTPResponse:  # type: ignore[override]
        timeout, late = self.timeout if isinstance(self.timeout, int | float) else READ_SECONDS, Event()
        opened = self.sock
        with _ended_after(timeout, lambda: socket.socket.shutdown(opened, socket.SHUT_RD), late):
            try:
                return super().getresponse()
            except Exception:
                if late.is_set():
                    raise TimeoutError("The answer did not begin in time.") from None
                raise


class _OnePool(HTTPConnectionPool):
    """A pool whose only connection is waited for, but not for ever."""

    def _get_conn(self, timeout: float | None = None) -> Any:
        return super()._get_conn(timeout=timeout or TURN_SECONDS)


def _guarded(pool: type[Any], connection: type[Any], allow_loopback: bool) -> type[Any]:
    """The pool of urllib3 with guarded connections."""
    made = type(connection.__name__, (_GuardedConnection, connection), {"allow_loopback": allow_loopback})
    return type(pool.__name__, (_OnePool, pool), {"ConnectionCls": made})
