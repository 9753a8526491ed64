"""What an answer is when it is not data: trouble that may pass, a refusal, a firewall's page, a sign-in page, an error
page. One judgement for pages, files and what libraries ask for."""

import re
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

from datasets.errors import RunFailed

LONGEST_PAUSE = 120
"""Seconds that a run waits for a server; when it asks for more, the run ends and a later one comes back."""
FIREWALL_BYTES = 4096
"""A firewall that says 200 says it on a short page; longer pages may well speak of denied access."""

_FIREWALL = re.compile(
    # F5, Akamai, Cloudflare, Imperva, Sucuri, Fortinet, Azure, AWS, ModSecurity and Barracuda, in this order.
    rb"request rejected|requested url was rejected|access denied.{0,400}reference(\s|&#32;)*(#|&#35;)"
    rb"|errors\.edgesuite\.net|attention required! \| cloudflare|<title>just a moment|cf-chl-|cf-error-details"
    rb"|sorry, you have been blocked|incapsula|sucuri website firewall|web page blocked|fortigate|fortiweb"
    rb"|microsoft-azure-application-gateway|awswaf|mod_security|not acceptable!|web application firewall|barracuda"
    rb"|automated (requests|access|traffic)|(verify|checking|confirm) (that )?you are (a )?human|checking your browser"
    rb"|enable javascript and cookies",
    re.S | re.I,
)
_SIGN_IN_HOST = re.compile(
    r"^(login|logon|signin|sso|idp|auth|adfs|accounts?)\.|(^|\.)(okta|auth0|onelogin|b2clogin|pingidentity)\.com$"
    r"|^login\.microsoftonline\.com$"
)
_SIGN_IN_PATH = re.compile(r"/(log-?[io]n|sign-?in|adfs/ls|oauth2?/authorize|saml2?)(\.\w+)?(/|$)", re.I)
_PASSWORD = re.compile(rb"<input[^>]{0,400}type\s*=\s*[\"']?password", re.I)


class ServerTrouble(RunFailed):
    """The server could not answer now; asking again may help. `pause` is how many seconds it asks us to wait."""

    def __init__(self, code: str, message: str, pause: float | None = None) -> None:
        super().__init__(code, message)
        self.pause = pause


class Refused(RunFailed):
    """The server understood and says no; asking the same again is useless. `said` are its own words."""

    def __init__(self, code: str, message: str, said: str = "", status: int = 200) -> None:
        super().__init__(code, message)
        self.said = said
        self.status = status


class Blocked(RunFailed):
    """A firewall before the server takes us for an attack; asking on would prove it right."""


def check_status(url: str, status: int, headers: Mapping[str, str], body: bytes) -> None:
    """Nothing when the answer may be data; else what it is. `url` is the address after redirects, `body` may be only
    the beginning."""
    host, page = _host(url), is_web_page(headers, body)
    check_trouble(url, status, headers, body)
    if status in (401, 407, 498, 499):
        raise RunFailed("E-AUTH", f"{_wanting(host, status)} ({status}); {_OPEN_TO_ALL}")
    if status != 200:
        said = "" if page else _text(body)[:300]
        told = {403: "refuses us", 404: "has no such address", 410: "says that it is gone"}
        message = f"{host} {told.get(status, 'refuses the question')} ({status}){': ' + said if said else ''}."
        raise Refused("E-HTTP", message, said, status)
    if page and _is_sign_in(url, body):
        raise RunFailed("E-AUTH", f"{host} shows a page to sign in on where the data should be; {_OPEN_TO_ALL}")
    if page:
        raise RunFailed("E-NOTDATA", f"{host} answered with a web page: {_title(body)!r}.")


def check_trouble(url: str, status: int, headers: Mapping[str, str], body: bytes) -> None:
    """Blocked when a firewall answered, ServerTrouble when the server could not; nothing otherwise."""
    host = _host(url)
    if _is_firewall(status, headers, body):
        raise Blocked("E-BLOCKED", f"A firewall before {host} refuses us: {_text(body)[:200]!r}.")
    # 202: an export that is still being made (Socrata and ArcGIS Hub answer so, to be asked again).
    if status not in (202, 429, 500, 502, 503, 504):
        return
    pause = pause_asked(headers)
    what = {202: "is still making the answer", 429: "says that we ask too often"}.get(
        status, "is in trouble or too busy"
    )
    later = f" and asks us to come back after {clock_time(pause)}" if pause and pause > LONGEST_PAUSE else ""
    raise ServerTrouble("E-TIMEOUT" if status == 504 else "E-HTTP", f"{host} {what} ({status}){later}.", pause)


def pause_asked(headers: Mapping[str, str]) -> float | None:
    """Seconds that Retry-After asks for, given as a number or a date (RFC 9110, 10.2.3), or until the moment in
    X-RateLimit-Reset, in seconds since 1970, when a quota is used up (Opendatasoft, Explore API 2.1)."""
    value = headers.get("Retry-After", "").strip()
    reset = headers.get("X-RateLimit-Reset", "").strip()
    if not value and reset.isascii() and reset.isdigit() and headers.get("X-RateLimit-Remaining", "0").strip() == "0":
        return max(0.0, float(reset[:12]) - time.time())
    if value.isascii() and value.isdigit():
        return float(value[:12])
    try:
        at = parsedate_to_datetime(value)
    except ValueError:
        return None
    return max(0.0, at.replace(tzinfo=at.tzinfo or UTC).timestamp() - time.time())


def clock_time(seconds: float) -> str:
    """The moment so many seconds from now as people say it, such as `14:05 UTC`, with the day when it is not today."""
    now, then = (datetime.fromtimestamp(moment, UTC) for moment in (time.time(), time.time() + seconds))
    return f"{then:%H:%M} UTC" + ("" if then.date() == now.date() else f" on {then.day} {then:%B}")


def is_web_page(headers: Mapping[str, str], body: bytes) -> bool:
    """Whether a body is HTML, whatever its header says; XML is not."""
    begin = body[:512].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    return begin.startswith((b"<!doctype html", b"<html")) or (
        "text/html" in headers.get("Content-Type", "").lower() and begin.startswith(b"<") and b"<?xml" not in begin[:5]
    )


_OPEN_TO_ALL = "give an address that opens without signing in."


def _is_firewall(status: int, headers: Mapping[str, str], body: bytes) -> bool:
    # Not every short 403 page: a folder without a listing has one too, and the whole host would be left alone for it.
    if status in (202, 403, 405, 429, 503) and ("cf-mitigated" in headers or "x-amzn-waf-action" in headers):
        return True
    short_or_refusing = len(body) < FIREWALL_BYTES if status == 200 else status in (202, 403, 405, 406, 429, 501, 503)
    return short_or_refusing and is_web_page(headers, body) and _FIREWALL.search(body[:65536]) is not None


def _is_sign_in(url: str, body: bytes) -> bool:
    parts = urlsplit(url)
    return bool(
        _SIGN_IN_HOST.search(parts.hostname or "")
        or _SIGN_IN_PATH.search(parts.path)
        or _PASSWORD.search(body[:262144])
    )


def _wanting(host: str, status: int) -> str:
    told = {498: f"The token in the address on {host} is wrong or has expired", 499: f"{host} wants a token"}
    return told.get(status, f"{host} wants a password")


def _title(body: bytes) -> str:
    found = re.search(rb"<title[^>]*>(.*?)</title>", body[:65536], re.S | re.I)
    return _text(found.group(1) if found else body)[:80]


def _text(body: bytes) -> str:
    """What a person would read of the beginning of an answer."""
    spoken = re.sub(rb"<(script|style)\b.*?</\1\s*>", b" ", body[:4096], flags=re.S | re.I)
    return " ".join(re.sub(r"<[^>]*>", " ", spoken.decode("utf-8", "replace")).split())


def _host(url: str) -> str:
    return urlsplit(url).netloc
