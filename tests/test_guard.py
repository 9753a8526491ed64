"""The guard lets nobody make us ask an address that the whole world cannot ask: whatever the spelling, whatever a name
resolves to, and at the moment of connecting."""

import re
import socket
from ipaddress import ip_address

import pytest

from datasets.errors import RunFailed
from harvesters.web import guard
from harvesters.web.guard import (
    METADATA,
    PRIVATE,
    RESERVED,
    check_address,
    check_url,
    is_loopback,
    open_socket,
    refusal,
)

MULTICAST = "is a multicast or broadcast address"
ADDRESSES = {
    "8.8.8.8": None,
    "100.63.255.255": None,
    "172.32.0.1": None,
    "0.0.0.0": RESERVED,
    "0.1.2.3": RESERVED,
    "10.1.2.3": PRIVATE,
    "172.31.255.255": PRIVATE,
    "192.168.1.1": PRIVATE,
    "100.64.0.1": PRIVATE,  # carrier-grade NAT
    "169.254.1.1": PRIVATE,  # link-local
    "169.254.169.254": METADATA,
    "100.100.100.200": METADATA,  # Alibaba
    "168.63.129.16": METADATA,  # Azure; a public address that leads into the cloud's own network
    "192.0.0.192": METADATA,  # Oracle
    "127.0.0.1": guard.LOOPBACK,
    "127.255.255.254": guard.LOOPBACK,
    "192.0.0.8": RESERVED,
    "192.0.2.1": RESERVED,
    "192.88.99.1": RESERVED,
    "198.18.0.1": RESERVED,
    "203.0.113.9": RESERVED,
    "224.0.0.1": MULTICAST,
    "239.255.255.250": MULTICAST,
    "240.0.0.1": RESERVED,
    "255.255.255.255": MULTICAST,
    "2606:4700::1111": None,
    "::": RESERVED,
    "::1": guard.LOOPBACK,
    "fd00:ec2::254": METADATA,
    "fd12::1": PRIVATE,
    "fe80::1": PRIVATE,
    "fe80::1%eth0": PRIVATE,
    "2606:4700::1111%eth0": PRIVATE,
    "fec0::1": PRIVATE,
    "ff02::1": MULTICAST,
    "100::1": RESERVED,
    "2001:db8::1": RESERVED,
    "2001:2::1": RESERVED,  # benchmarking
    "2001:20::1": RESERVED,  # ORCHID
    "3fff::1": RESERVED,
    "5f00::1": RESERVED,
    "4000::1": RESERVED,
    "::ffff:8.8.8.8": None,
    "::ffff:127.0.0.1": guard.LOOPBACK,
    "::ffff:169.254.169.254": METADATA,
    "::ffff:0:10.0.0.1": RESERVED,  # IPv4-translated
    "::10.0.0.1": RESERVED,  # IPv4-compatible
    "2002:808:808::1": None,  # 6to4
    "2002:a00:1::1": PRIVATE,
    "2002:a9fe:a9fe::1": METADATA,
    "64:ff9b::8.8.8.8": None,  # NAT64
    "64:ff9b::10.0.0.1": PRIVATE,
    "64:ff9b::169.254.169.254": METADATA,
    "64:ff9b:1::8.8.8.8": RESERVED,  # NAT64 of local use
    "64:ff9b:1:a9fe:a9:fe00::": RESERVED,
    "2001:0:808:808:0:0:f7f7:f7f7": None,  # Teredo: server and client 8.8.8.8
    "2001:0:808:808:0:0:f5ff:fffe": PRIVATE,  # client 10.0.0.1
    "2001:0:a00:1:0:0:f7f7:f7f7": PRIVATE,  # server 10.0.0.1
    "2606:4700::5efe:10.0.0.1": PRIVATE,  # ISATAP
    "2606:4700::200:5efe:8.8.8.8": None,
}


@pytest.mark.parametrize(("address", "why"), ADDRESSES.items(), ids=list(ADDRESSES))
def test_an_address_is_refused_for_what_it_is(address: str, why: str | None) -> None:
    assert refusal(ip_address(address)) == why


@pytest.mark.parametrize("address", [a for a, why in ADDRESSES.items() if why not in (None, guard.LOOPBACK)])
def test_allowing_loopback_allows_nothing_else(address: str) -> None:
    with pytest.raises(RunFailed, match="give an address that anyone can open") as failed:
        check_address("h.example.org", address, 80, allow_loopback=True)
    assert failed.value.code == "E-ADDRESS"


def test_loopback_is_allowed_on_any_port_where_it_is_allowed() -> None:
    check_address("localhost", "127.0.0.1", 54321, allow_loopback=True)
    check_address("localhost", "::1", 54321, allow_loopback=True)
    check_address("localhost", "::ffff:127.0.0.1", 54321, allow_loopback=True)
    with pytest.raises(RunFailed, match=r"this machine itself.*CITYWIDE_ALLOW_LOOPBACK=1"):
        check_address("localhost", "127.0.0.1", 80, allow_loopback=False)


@pytest.mark.parametrize("port", [22, 25, 3306, 5432, 6379, 9200, 11211])
def test_a_port_of_something_else_is_refused(port: int) -> None:
    with pytest.raises(RunFailed, match=f"Port {port} of h.example.org is not one that data is published on"):
        check_address("h.example.org", "8.8.8.8", port, allow_loopback=True)


@pytest.mark.parametrize("port", sorted(guard.PORTS))
def test_the_ports_of_map_servers_are_asked(port: int) -> None:
    check_address("h.example.org", "8.8.8.8", port, allow_loopback=False)


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("ftp://example.org/a.csv", "not an address of the web"),
        ("file:///etc/passwd", "not an address of the web"),
        ("gopher://example.org/", "not an address of the web"),
        ("data:text/csv,a", "not an address of the web"),
        ("https:///a.csv", "names no host"),
        ("http://user:secret@example.org/a.csv", "carries a name or a password"),
        ("http://example.org@169.254.169.254/", "carries a name or a password"),
        ("http://2130706433/", "unusual spelling"),
        ("http://0x7f000001/", "unusual spelling"),
        ("http://0x7f.1/", "unusual spelling"),
        ("http://0177.0.0.1/", "unusual spelling"),
        ("http://127.1/", "unusual spelling"),
        ("http://127.0.0.1.1/", "unusual spelling"),
        ("http://[fe80::1%25eth0]/", "unusual spelling"),
        ("http://example.org\\@127.0.0.1/", "carries a name|unusual spelling"),
        ("http://metadata.google.internal/computeMetadata/v1/", "where clouds give their machines passwords"),
        ("http://METADATA.google.internal./", "where clouds give their machines passwords"),
    ],
)
def test_a_spelling_that_no_council_uses_is_refused(url: str, words: str) -> None:
    with pytest.raises(RunFailed, match=words) as failed:
        check_url(url)
    assert failed.value.code == "E-ADDRESS" and "secret" not in str(failed.value)
    assert str(failed.value).endswith(".")


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://Data.Example.org/x", "data.example.org"),
        ("http://example.org./x", "example.org"),
        ("http://192.0.2.7:8080/x", "192.0.2.7"),
        ("http://[2606:4700::1111]/x", "2606:4700::1111"),
        ("https://xn--caf-dma.example.org/", "xn--caf-dma.example.org"),
        ("https://2024.example.org/", "2024.example.org"),
        ("https://1.org1/", "1.org1"),
    ],
)
def test_an_ordinary_address_gives_its_host(url: str, host: str) -> None:
    assert check_url(url) == host


def test_a_name_that_changes_its_address_is_looked_up_once_and_connected_to_where_it_was_judged(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    answers, connected = [["8.8.8.8"], ["127.0.0.1"]], []
    monkeypatch.setattr(socket, "getaddrinfo", lambda host, port, **_: found(answers.pop(0), port))
    monkeypatch.setattr(socket.socket, "connect", lambda self, end: connected.append(end))
    open_socket("rebinding.example.org", 80, 1, allow_loopback=False, options=()).close()
    assert connected == [("8.8.8.8", 80)] and len(answers) == 1
    with pytest.raises(RunFailed, match=re.escape("rebinding.example.org is this machine itself")):
        open_socket("rebinding.example.org", 80, 1, allow_loopback=False, options=())
    assert connected == [("8.8.8.8", 80)]


def test_a_name_with_one_private_address_among_public_ones_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", lambda host, port, **_: found(["8.8.8.8", "10.0.0.1"], port))
    monkeypatch.setattr(socket.socket, "connect", lambda self, end: pytest.fail("connected"))
    with pytest.raises(RunFailed, match="is on a private network") as failed:
        open_socket("mixed.example.org", 443, 1, allow_loopback=True, options=())
    assert "10.0.0.1" not in str(failed.value)


def test_the_next_address_is_tried_when_the_first_takes_no_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        monkeypatch.setattr(socket, "getaddrinfo", lambda host, port, **_: found(["127.0.0.2", "127.0.0.1"], port))
        with open_socket("two.example.org", port, 2, allow_loopback=True, options=()) as opened:
            assert opened.getpeername() == ("127.0.0.1", port)


def test_a_name_that_can_never_exist_is_not_looked_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: pytest.fail("looked up"))
    with pytest.raises(socket.gaierror):
        open_socket("ashmere.invalid", 80, 1, allow_loopback=False, options=())


def test_this_machine_is_known_by_its_usual_names() -> None:
    assert all(is_loopback(host) for host in ("localhost", "x.localhost", "127.0.0.1", "127.8.8.8", "::1"))
    assert not any(is_loopback(host) for host in ("example.org", "8.8.8.8", "notlocalhost", "10.0.0.1"))


def found(addresses: list[str], port: int) -> list[tuple[object, ...]]:
    return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in addresses]
