"""The session asks nothing but the public internet, follows no redirect out of it, believes no certificate that it
should not, and ends whatever a server does to keep it: for adapters, and for libraries without limits of their own."""

import gzip
import http.server
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from ckanapi import RemoteCKAN

from datasets.errors import RunFailed
from harvesters.web import transport
from harvesters.web.hosts import Cooling, Hosts
from harvesters.web.session import Session
from harvesters.web.verdict import Blocked, ServerTrouble
from tests.builders import Answer, Loopback, fails, served
from tests.serving import serving

METADATA = "http://169.254.169.254/latest/meta-data/"
REJECTED = (
    b"<html><head><title>Request Rejected</title></head><body>The requested URL was rejected. Please consult with your "
    b"administrator.<br><br>Your support ID is: 14083257814309312657<br><br><a href='javascript:history.back();'>"
    b"[Go Back]</a></body></html>"
)
HTML = {"Content-Type": "text/html"}


@pytest.fixture
def site() -> Iterator[Loopback]:
    with served() as site:
        yield site


@pytest.fixture
def strict() -> Session:
    """A session as it is by default."""
    return Session("https://example.org/")


def to(address: str, status: int = 302) -> Answer:
    return Answer(b"", status, {"Location": address})


def test_this_machine_is_not_asked_unless_that_is_allowed(site: Loopback, strict: Session, session: Session) -> None:
    site.answers["/a"] = Answer(b"a")
    assert fails(strict, site["/a"]).code == "E-ADDRESS" and site.asked == []
    assert session.get(site["/a"]).content == b"a"


@pytest.mark.parametrize(
    "address",
    [METADATA, "http://[fd00:ec2::254]/", "http://10.0.0.1/", "http://[::ffff:169.254.169.254]/", "file:///etc/passwd",
     "ftp://example.org/a", "http://127.0.0.1.nip.example@10.0.0.1/", "http://2852039166/", "http://8.8.8.8:22/",
     "gopher://127.0.0.1:6379/_INFO", "http://metadata.google.internal/"],
)  # fmt: skip
@pytest.mark.parametrize("status", [301, 307])
def test_a_redirect_out_of_the_public_internet_is_refused(
    site: Loopback, session: Session, monkeypatch: pytest.MonkeyPatch, address: str, status: int
) -> None:
    site.answers["/a"] = to(address, status)
    connected = record_connections(monkeypatch)
    failed = fails(session, site["/a"], stream=True)
    assert failed.code == "E-ADDRESS" and {end[0] for end in connected} == {"127.0.0.1"}


def test_a_redirect_to_this_machine_is_refused_by_default(
    site: Loopback, strict: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first hop is public: the name resolves so, and its connection is led to the server under test."""
    site.answers |= {"/a": to(site["/secret"]), "/secret": Answer(b"secret")}
    lead_to(site, monkeypatch)
    failed = fails(strict, "http://council.example.org/a")
    assert failed.code == "E-ADDRESS" and "127.0.0.1 is this machine itself" in str(failed)
    assert site.asked == ["/a"]


def test_a_name_that_changes_its_address_between_two_requests_is_judged_again(
    site: Loopback, strict: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.answers |= {"/a": Answer(b"a", headers={"Connection": "close"})}
    addresses = lead_to(site, monkeypatch)
    assert strict.get("http://council.example.org/a").content == b"a"
    addresses[:] = ["169.254.169.254"]
    assert fails(strict, "http://council.example.org/a").code == "E-ADDRESS"
    assert site.asked == ["/a"]


def test_redirects_end_after_five(site: Loopback, session: Session) -> None:
    site.answers |= {"/a": to("/b"), "/b": to("/a")}
    failed = fails(session, site["/a"])
    assert failed.code == "E-HTTP" and "redirects more than 5 times" in str(failed) and len(site.asked) == 6


def test_the_body_of_a_redirect_is_not_read_for_ever(site: Loopback, session: Session) -> None:
    def endless() -> Iterator[bytes]:
        while True:
            yield b"a" * 65536

    site.answers |= {"/a": Answer(endless, 302, {"Location": "/b"}), "/b": Answer(b"b")}
    assert session.get(site["/a"]).content == b"b"


def test_proxies_are_refused_wherever_they_come_from(
    site: Loopback, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.answers["/a"] = Answer(b"a")
    monkeypatch.setenv("HTTP_PROXY", "http://10.0.0.1:3128")
    assert session.get(site["/a"]).content == b"a"
    with pytest.raises(ValueError, match="past the guard"):
        session.get(site["/a"], proxies={"http": "http://127.0.0.1:3128"})
    session.proxies = {"https": "http://127.0.0.1:3128"}
    with pytest.raises(ValueError, match="past the guard"):
        session.get(site["/a"])


def test_certificates_are_always_checked(session: Session) -> None:
    with pytest.raises(ValueError, match="always checks"):
        session.get("https://example.org/", verify=False)


def test_no_cookie_is_kept_and_none_goes_to_another_host(site: Loopback, session: Session) -> None:
    with seen_headers() as (url, seen):
        site.answers |= {
            "/a": Answer(b"", headers={"Set-Cookie": "a=1; Path=/"}),
            "/b": Answer(b"", 302, {"Set-Cookie": "b=1; Path=/", "Location": f"{url}/c"}),
        }
        session.get(site["/a"])
        session.get(site["/b"], headers={"X-App-Token": "secret", "Authorization": "Bearer secret"})
    assert len(session.cookies) == 0
    assert not {"cookie", "x-app-token", "authorization"} & {name.lower() for name in seen[0]}
    assert seen[0]["User-Agent"].endswith("(+https://example.org/)")


def test_a_cookie_goes_along_with_a_redirect_on_the_same_host(session: Session) -> None:
    with seen_headers(cookie=True) as (url, seen):
        session.get(f"{url}/first")
    assert "cookie" not in {name.lower() for name in seen[0]} and seen[1]["Cookie"] == "door=open"


def test_a_library_is_given_no_more_than_it_can_hold(
    site: Loopback, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transport, "MOST_BYTES", 1 << 20)
    site.answers["/bomb"] = Answer(gzip.compress(b"\x00" * (64 << 20)), headers={"Content-Encoding": "gzip"})
    failed = fails(session, site["/bomb"])
    assert failed.code == "E-TOOLARGE" and "larger than 1,048,576 bytes" in str(failed)


@pytest.mark.parametrize(
    "drip",
    [
        lambda send: slowly(send, b"HTTP/1.1 200 OK\r\nContent-Type: text/csv\r\n\r\n" + b"a" * 400),
        lambda send: (send(b"HTTP/1.1 200 OK\r\n\r\n"), slowly(send, b"a" * 400)),
        lambda send: (send(b"HTTP/1.1 200 OK\r\nContent-Length: 400\r\n\r\n"), slowly(send, b"a" * 400)),
        lambda send: (send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;"), slowly(send, b"a" * 400)),
        lambda send: (
            send(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n\x1f\x8b\x08\x08\0\0\0\0\0\0"),
            slowly(send, b"name" * 100),
        ),
    ],
    ids=["headers", "body", "counted body", "chunk size", "gzip head"],
)
def test_a_server_that_drips_is_given_up(
    session: Session, monkeypatch: pytest.MonkeyPatch, drip: Callable[[Callable[[bytes], None]], None]
) -> None:
    monkeypatch.setattr(transport, "READ_SECONDS", 0.4)
    with speaking(drip) as url:
        started = time.monotonic()
        failed = fails(session, url)
    assert isinstance(failed, ServerTrouble) and failed.code == "E-TIMEOUT" and "did not answer in time" in str(failed)
    assert time.monotonic() - started < 3


def test_interim_answers_without_end_are_given_up(session: Session) -> None:
    def waiting(send: Callable[[bytes], None]) -> None:
        while True:
            send(b"HTTP/1.1 100 Continue\r\n\r\n")

    started = time.monotonic()
    with speaking(waiting) as url:
        assert isinstance(fails(session, url), ServerTrouble)
    assert time.monotonic() - started < 5


@pytest.mark.parametrize(
    ("says", "code", "words"),
    [
        (b"", "E-HTTP", "broke off the connection"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "E-HTTP", "broke off the connection"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc", "E-TRUNCATED", "broke off before the end"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nabc", "E-TRUNCATED", "broke off before the end"),
    ],
)
def test_a_connection_that_breaks_off_may_pass(session: Session, says: bytes, code: str, words: str) -> None:
    with speaking(lambda send: send(says)) as url:
        failed = fails(session, url)
    assert isinstance(failed, ServerTrouble) and failed.code == code and words in str(failed)
    assert "\n" not in str(failed) and "object at" not in str(failed)


def test_a_refused_connection_may_pass_and_an_unknown_name_does_not(session: Session) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        refused = fails(session, f"http://127.0.0.1:{unused.getsockname()[1]}/")
    assert isinstance(refused, ServerTrouble) and "refused the connection" in str(refused)
    unknown = fails(session, "http://data.ashmere.invalid/")
    assert not isinstance(unknown, ServerTrouble)
    assert (unknown.code, str(unknown)) == ("E-DNS", "The host name data.ashmere.invalid does not exist.")


def test_a_host_is_asked_over_one_connection_at_a_time(session: Session) -> None:
    """Four threads at once; the server counts who is with it at the same time."""
    together, most = [0], [0]

    def counting(send: Callable[[bytes], None]) -> None:
        together[0] += 1
        most[0] = max(most[0], together[0])
        time.sleep(0.05)
        together[0] -= 1
        send(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")

    with speaking(counting) as url:
        threads = [threading.Thread(target=session.get, args=(url,)) for _ in range(4)]
        [thread.start() for thread in threads]
        [thread.join() for thread in threads]
    assert most == [1]


def test_a_connection_is_kept_for_the_next_question(site: Loopback, session: Session) -> None:
    with seen_headers() as (url, seen):
        for _ in range(3):
            session.get(url)
        assert len(session.get_adapter(url).poolmanager.pools) == 1  # type: ignore[attr-defined]
    assert len({one["peer"] for one in seen}) == 1


def test_a_server_that_asks_for_a_pause_gets_it_whoever_asked(site: Loopback, session: Session) -> None:
    site.answers["/a"] = Answer(b"", 429, {"Retry-After": "3600"})
    failed = fails(session, site["/a"])
    assert isinstance(failed, ServerTrouble) and failed.pause == 3600 and "come back after" in str(failed)
    with pytest.raises(Cooling, match="asked us to come back after"):
        session.get(site["/b"], stream=True)
    assert site.asked == ["/a"]


def test_other_hosts_are_on_the_budget_that_was_given(site: Loopback, monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []
    session = Session("https://example.org/", hosts=Hosts(per_second=0.1, sleep=waits.append))
    site.answers["/a"] = Answer(b"a")
    lead_to(site, monkeypatch)
    for _ in range(2):
        session.get("http://council.example.org/a")
    assert len(waits) == 1 and 9 < waits[0] <= 12


def test_a_firewall_that_answers_a_library_is_not_asked_again(site: Loopback, session: Session) -> None:
    site.answers["/api/action/package_show?id=a"] = Answer(REJECTED, headers=HTML)
    portal = RemoteCKAN(site.url, get_only=True, session=session)
    with pytest.raises(Blocked, match=r"A firewall before .* refuses us: 'Request Rejected"):
        portal.call_action("package_show", {"id": "a"})
    with pytest.raises(Cooling, match="refuses us with a firewall; we ask it again after"):
        portal.call_action("package_show", {"id": "b"})
    assert len(site.asked) == 1


def test_ckanapi_asks_through_the_guard(site: Loopback, strict: Session, session: Session) -> None:
    with pytest.raises(RunFailed, match="this machine itself"):
        RemoteCKAN(site.url, get_only=True, session=strict).call_action("package_show", {"id": "a"})
    site.answers["/api/action/package_show?id=a"] = Answer(b'{"success": true, "result": {"id": "a"}}')
    portal = RemoteCKAN(site.url, get_only=True, session=session)
    assert portal.call_action("package_show", {"id": "a"}) == {"id": "a"}


def test_our_name_and_contact_are_in_every_request() -> None:
    assert Session("https://example.org/us").headers["User-Agent"] == "Citywide/0.1 (+https://example.org/us)"


def record_connections(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int]]:
    connected: list[tuple[str, int]] = []
    really = socket.socket.connect
    monkeypatch.setattr(socket.socket, "connect", lambda self, end: (connected.append(end), really(self, end)))
    return connected


def lead_to(site: Loopback, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names resolve to the addresses in the list that is given back; a connection to a public one ends at the site."""
    addresses, really, look_up = ["8.8.8.8"], socket.socket.connect, socket.getaddrinfo
    own = ("127.0.0.1", int(site.url.rpartition(":")[2]))

    def answer(host: str, port: int, **given: int) -> object:
        if host == "127.0.0.1":
            return look_up(host, port, **given)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in addresses]

    monkeypatch.setattr(socket, "getaddrinfo", answer)
    monkeypatch.setattr(socket.socket, "connect", lambda self, end: really(self, own if end[0] == "8.8.8.8" else end))
    return addresses


def slowly(send: Callable[[bytes], None], content: bytes) -> None:
    for number in range(len(content)):
        send(content[number : number + 1])
        time.sleep(0.05)


@contextmanager
def speaking(speak: Callable[[Callable[[bytes], None]], object]) -> Iterator[str]:
    """A server that, once asked, says exactly what it is told to say, and hangs up."""
    listening = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                connection = listening.accept()[0]
            except OSError:
                return
            threading.Thread(target=one, args=(connection,), daemon=True).start()

    def one(connection: socket.socket) -> None:
        with connection:
            try:
                connection.recv(65536)
                speak(connection.sendall)
            except OSError:
                pass

    threading.Thread(target=serve, daemon=True).start()
    with listening:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/"
        listening.shutdown(socket.SHUT_RDWR)


@contextmanager
def seen_headers(cookie: bool = False) -> Iterator[tuple[str, list[dict[str, str]]]]:
    """A server that notes the headers of each request, and on /first sets a cookie and redirects."""
    seen: list[dict[str, str]] = []

    class Noting(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            seen.append({**dict(self.headers.items()), "peer": str(self.client_address)})
            self.send_response(302 if self.path == "/first" else 200)
            if cookie:
                self.send_header("Set-Cookie", "door=open; Path=/")
                self.send_header("Location", "/second")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Quiet."""

    with serving(Noting, "localhost") as port:
        yield f"http://localhost:{port}", seen
