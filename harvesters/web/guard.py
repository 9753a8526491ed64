"""Which addresses may be asked. The guard stands where a connection is opened and judges the very address that is then
connected to, so that neither a redirect nor a name that changes its address (DNS rebinding) gets around it."""

import re
import socket
import time
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Any
from urllib.parse import urlsplit

from datasets.errors import RunFailed

PORTS = frozenset({80, 443, 6080, 6443, 8000, 8080, 8081, 8443})
"""Besides the web's own: 6080 and 6443 are what ArcGIS Server is installed on, the others where GeoServer, MapServer
and other Java and Python servers stand beside a council's web site. None is a port of mail, databases or shells."""

METADATA_NAMES = frozenset(
    {"metadata", "metadata.google.internal", "metadata.goog", "instance-data", "instance-data.ec2.internal"}
)
"""Names under which clouds give their machines passwords, whatever address they have today."""

MOST_TRIED = 4
"""Of a name's addresses; each may take the whole time limit."""

PRIVATE = "is on a private network"
LOOPBACK = "is this machine itself"
METADATA = "is where clouds give their machines passwords"
RESERVED = "is not on the public internet"

# From the IANA special-purpose address registries (RFC 6890). Written out, because what Python calls global has changed
# from one version to the next (CVE-2024-4032), and because it counts multicast as global.
_REFUSED: Sequence[tuple[IPv4Network | IPv6Network, str]] = [
    (ip_network(network), why)
    for why, networks in {
        LOOPBACK: "127.0.0.0/8 ::1/128",
        METADATA: "169.254.169.254/32 fd00:ec2::254/128 100.100.100.200/32 168.63.129.16/32 192.0.0.192/32",
        PRIVATE: "10.0.0.0/8 172.16.0.0/12 192.168.0.0/16 100.64.0.0/10 169.254.0.0/16 fc00::/7 fe80::/10 fec0::/10",
        "is a multicast or broadcast address": "224.0.0.0/4 255.255.255.255/32 ff00::/8",
        RESERVED: "0.0.0.0/8 192.0.0.0/24 192.0.2.0/24 192.88.99.0/24 198.18.0.0/15 198.51.100.0/24 203.0.113.0/24 "
        "240.0.0.0/4 ::/128 64:ff9b:1::/48 100::/64 2001::/23 2001:db8::/32 3fff::/20 5f00::/16",
    }.items()
    for network in networks.split()
]
_GLOBAL_UNICAST = IPv6Network("2000::/3")
_NAT64 = IPv6Network("64:ff9b::/96")
_ISATAP = (0x00005EFE, 0x02005EFE)


def check_url(url: str) -> str:
    """The host of an address that may be asked, in lower case; RunFailed (E-ADDRESS) when its spelling says no."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https"):
        raise _refuse(f"{url[:100]!r} is not an address of the web; give one that begins with https:// or http://.")
    host = (parts.hostname or "").rstrip(".").lower()
    if not host:
        raise _refuse(f"{url[:100]!r} names no host; give the whole address, as a browser shows it.")
    if "@" in parts.netloc:
        raise _refuse(f"The address on {host} carries a name or a password; leave out what stands before the @.")
    if "%" in host or "\\" in parts.netloc or _is_odd_number(host):
        raise _refuse(f"{host!r} is an unusual spelling of a host; write its name, or its address in the usual way.")
    if host in METADATA_NAMES:
        raise _refuse(_sentence(host, METADATA))
    return host


def check_written(url: str) -> None:
    """The same for an address that somebody writes down: where its host is a number, that is judged as well. This
    machine passes, because whether it may be asked is said when it is."""
    host, parts = check_url(url), urlsplit(url)
    try:
        ip_address(host)
    except ValueError:
        return
    check_address(host, host, parts.port or (443 if parts.scheme == "https" else 80), allow_loopback=True)


def open_socket(
    host: str,
    port: int,
    timeout: float | None,
    *,
    allow_loopback: bool,
    options: Sequence[tuple[int, int, int | bytes]],
) -> socket.socket:
    """A connection to the host, on an address that was checked; RunFailed (E-ADDRESS) when any of its addresses may not
    be asked. The name is looked up once, and what was looked up is what is connected to."""
    ends = _look_up(host, port)
    for _, end in ends:
        check_address(host, str(end[0]), port, allow_loopback=allow_loopback)
    return _connect(ends[:MOST_TRIED], timeout, options)


def check_address(host: str, address: str, port: int, *, allow_loopback: bool) -> None:
    """Nothing when `address`, at which `host` is, may be asked on this port; RunFailed (E-ADDRESS) otherwise."""
    why = refusal(ip_address(address))
    if why == LOOPBACK and allow_loopback:
        return
    if why is not None:
        raise _refuse(_sentence(host.rstrip("."), why))
    if port not in PORTS:
        usual = ", ".join(str(one) for one in sorted(PORTS))
        raise _refuse(f"Port {port} of {host} is not one that data is published on; those we ask are {usual}.")


def refusal(address: IPv4Address | IPv6Address) -> str | None:
    """Why an address may not be asked, None when it may. An IPv6 address that carries IPv4 addresses is as they are."""
    if isinstance(address, IPv6Address):
        if address.scope_id is not None:
            return PRIVATE
        carried = _carried(address)
        if carried:
            return next((why for one in carried if (why := refusal(one)) is not None), None)
    why = next((why for network, why in _REFUSED if address.version == network.version and address in network), None)
    if why is None and isinstance(address, IPv6Address) and address not in _GLOBAL_UNICAST:
        return RESERVED
    return why


def is_loopback(host: str) -> bool:
    """Whether a host is spelt as this machine itself."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return refusal(ip_address(host.strip("[]"))) == LOOPBACK
    except ValueError:
        return False


def _carried(address: IPv6Address) -> tuple[IPv4Address, ...]:
    """The IPv4 addresses inside: mapped, 6to4, Teredo (its server and its client), NAT64 (RFC 6052), ISATAP (RFC 5214).
    The NAT64 of local use, 64:ff9b:1::/48, may carry it anywhere and is refused whole."""
    if address.ipv4_mapped:
        return (address.ipv4_mapped,)
    if address.sixtofour:
        return (address.sixtofour,)
    if address.teredo:
        return address.teredo
    last = IPv4Address(int(address) & 0xFFFFFFFF)
    is_isatap = (int(address) >> 32) & 0xFFFFFFFF in _ISATAP and address in _GLOBAL_UNICAST
    return (last,) if address in _NAT64 or is_isatap else ()


def _look_up(host: str, port: int) -> list[tuple[socket.AddressFamily, Any]]:
    name = host.strip("[]")
    # These never exist, and are answered without asking anybody (RFC 6761, 6.4).
    if name.rstrip(".").endswith(".invalid"):
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
    try:
        found = socket.getaddrinfo(name, port, type=socket.SOCK_STREAM)
    except UnicodeError:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known") from None
    ends: list[tuple[socket.AddressFamily, Any]] = [
        (family, end) for family, _, _, _, end in found if family in (socket.AF_INET, socket.AF_INET6)
    ]
    if not ends:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
    return ends


def _connect(
    ends: Sequence[tuple[socket.AddressFamily, Any]],
    timeout: float | None,
    options: Sequence[tuple[int, int, int | bytes]],
) -> socket.socket:
    """A connection to the first of these that takes one; all of them together get the time limit."""
    deadline = None if timeout is None else time.monotonic() + timeout
    failed: OSError = TimeoutError("timed out")
    for family, end in ends:
        opened = socket.socket(family, socket.SOCK_STREAM)
        try:
            for option in options:
                opened.setsockopt(*option)
            opened.settimeout(None if deadline is None else max(deadline - time.monotonic(), 0.01))
            opened.connect(end)
        except OSError as error:
            opened.close()
            failed = error
        else:
            opened.settimeout(timeout)
            return opened
    raise failed


def _is_odd_number(host: str) -> bool:
    """Whether a host is a number as no person writes it: 2130706433, 0x7f.1, 0177.0.0.1, 127.1. Programs differ in
    what they take them for. The rule is that of browsers: a name's last label is never a number."""
    if ":" in host or not re.fullmatch(r"\d+|0x[0-9a-f]*", host.rpartition(".")[2]):
        return False
    try:
        return str(IPv4Address(host)) != host
    except ValueError:
        return True


def _sentence(host: str, why: str) -> str:
    if why == LOOPBACK:
        trial = "for a trial on your own machine set CITYWIDE_ALLOW_LOOPBACK=1"
        return f"{host} {why}, which nobody else can reach; give an address that anyone can open, or {trial}."
    return f"{host} {why}, which Citywide does not ask; give an address that anyone can open."


def _refuse(message: str) -> RunFailed:
    return RunFailed("E-ADDRESS", message)
