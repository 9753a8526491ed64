"""The adapter for a plain file on the web: the feed's address is the file."""

from collections.abc import Mapping
from datetime import UTC
from email.message import Message
from email.utils import parsedate_to_datetime
from pathlib import PurePosixPath
from urllib.parse import urlsplit

import requests

from datasets.errors import RunFailed
from harvesters.adapters.contract import Dataset, Download, Found, Tally
from harvesters.platforms.links import format_of, name_of
from harvesters.web.ask import persevere
from harvesters.web.session import CONNECT_SECONDS, READ_SECONDS, Session, arriving
from harvesters.web.transport import stated_size
from harvesters.web.verdict import FIREWALL_BYTES

TITLE = "A file at a web address"
DESCRIBES = False
BEGINNING = 2 * FIREWALL_BYTES
"""How much is read to tell a file from a web page: more than a firewall's page has."""

_NO_ROWS = (
    (b"%PDF", "a PDF document"),
    (b"{\\rtf", "a text document"),
    (b"\x89PNG", "a picture"),
    (b"\xff\xd8", "a picture"),
)


def probe(url: str, params: Mapping[str, str], session: Session) -> Found | None:
    """The file as its server announces it, from the beginning of a GET that is then given up: many servers answer HEAD
    with an error or with other headers. None for a site's home page and for a web page."""
    parts = urlsplit(url)
    if parts.path in ("", "/") and not parts.query:
        return None
    try:
        dataset = persevere(lambda: _announced(url, session), sleep=session.sleep)
    except RunFailed as error:
        if error.code == "E-NOTDATA":
            return None
        raise
    return Found("file", dataset.title, url, (dataset,), 1)


def pages(dataset: Dataset, since: str | None) -> Download:
    """The whole file."""
    return Download(dataset.url, str(dataset.own.get("name", name_of(dataset.url))), dataset.own.get("media_type"))


def complete(dataset: Dataset, tally: Tally) -> str | None:
    """A file that arrived whole is complete: nothing declares how many rows it has."""
    return None


def _announced(url: str, session: Session) -> Dataset:
    try:
        with session.get(url, stream=True, timeout=(CONNECT_SECONDS, READ_SECONDS)) as response:
            begin = _beginning(response)
    except requests.RequestException as error:
        raise session.failure(url, error) from None
    session.check(response.url, response.status_code, response.headers, begin)
    headers = response.headers
    media_type = headers.get("Content-Type", "").partition(";")[0].strip().lower() or None
    name = _name(url, response)
    for magic, kind in _NO_ROWS:
        if begin.startswith(magic):
            raise RunFailed("E-FORMAT", f"{name or url} is {kind}, which holds no rows that can be read.")
    form = format_of(name, media_type)
    return Dataset(
        title=name or urlsplit(url).netloc,
        url=url,
        updated=_moment(headers.get("Last-Modified", "")),
        formats=(form.upper(),) if form else (),
        own={
            "name": name or urlsplit(url).netloc,
            "media_type": media_type,
            "size": stated_size(headers),
            "etag": headers.get("ETag"),
        },
    )


def _beginning(response: requests.Response) -> bytes:
    begin = b""
    for part in arriving(response, READ_SECONDS, BEGINNING):
        begin += part
        if len(begin) >= BEGINNING:
            break
    return begin


def _name(url: str, response: requests.Response) -> str:
    """The first name with an ending: the address's own, the one the server gives, the one it redirects to."""
    header = Message()
    header["Content-Disposition"] = response.headers.get("Content-Disposition", "")
    served = PurePosixPath(header.get_filename() or "").name
    names = (name_of(url), served, name_of(response.url))
    return next((name for name in names if format_of(name)), served or names[0] or names[2])


def _moment(text: str) -> str | None:
    try:
        return parsedate_to_datetime(text).astimezone(UTC).isoformat()
    except ValueError:
        return None
