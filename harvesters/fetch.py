"""The fetch stage: from a feed to bytes in the archive, bounded in size and time, with a receipt of every request."""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from email.message import Message
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

import requests
import urllib3

from datasets.errors import RunFailed
from datasets.feed import Feed
from datasets.settings import Settings
from datasets.vocabulary import Platform
from harvesters.adapters import ckan, file
from harvesters.adapters.address import ResourceAddress, name_of
from harvesters.archive import BLOCK, Archive, Archived
from harvesters.formats.siblings import wanted_siblings
from harvesters.session import CONNECT_SECONDS, READ_SECONDS, Session

ADAPTERS: Mapping[Platform, Callable[[Feed, Session], ResourceAddress]] = {
    Platform.FILE: file.resource_address,
    Platform.CKAN: ckan.resource_address,
}

Progress = Callable[[int, int | None], None]
"""Called with bytes so far and bytes in all, None where the server does not say."""


@dataclass(frozen=True)
class Receipt:
    """What one request asked for and got; kept with the run."""

    url: str
    seconds: float
    status: int | None = None
    bytes: int | None = None
    media_type: str | None = None
    etag: str | None = None
    last_modified: str | None = None
    resource_sha256: str | None = None
    error: str | None = None


@dataclass(frozen=True)
class Fetched:
    """A resource in the archive with what its server said of it. A loose Shapefile or MapInfo table is one resource
    with the files beside it: a zip of them all."""

    archived: Archived
    name: str
    media_type: str | None


def fetch(
    feed: Feed, session: Session, archive: Archive, settings: Settings, receipts: list[Receipt], progress: Progress
) -> Fetched:
    """The feed's bytes; RunFailed says why there are none. Every request leaves a receipt in `receipts`."""
    address = ADAPTERS[feed.platform](feed, session)
    fetcher = _Fetcher(session, archive, settings, receipts)
    archived, response_name, media_type = fetcher.get(address.url, progress)
    name = address.name if "." in address.name else response_name or address.name or urlsplit(address.url).netloc
    return _whole(
        Fetched(archived, name, media_type or address.media_type),
        archive,
        lambda ending: fetcher.sibling(address.url, ending),
    )


def keep_local(path: Path, archive: Archive) -> Fetched:
    """A file of this machine in the archive, with the files beside it that it needs."""

    def beside(ending: str) -> Archived | None:
        found = next((p for p in (path.with_suffix(ending), path.with_suffix(ending.upper())) if p.is_file()), None)
        return archive.keep_file(found) if found else None

    return _whole(Fetched(archive.keep_file(path), path.name, None), archive, beside)


def _whole(fetched: Fetched, archive: Archive, beside: Callable[[str], Archived | None]) -> Fetched:
    """The resource, bundled with the siblings it has, where its format is kept in several files."""
    with fetched.archived.path.open("rb") as opened:
        wanted = wanted_siblings(fetched.name, opened.read(512))
    stem = PurePosixPath(fetched.name).stem
    found = {stem + ending: part for ending in wanted if (part := beside(ending))}
    if not found:
        return fetched
    bundle = archive.bundle({fetched.name: fetched.archived, **found})
    return Fetched(bundle, f"{fetched.name}.zip", "application/zip")


@dataclass(frozen=True)
class _Fetcher:
    session: Session
    archive: Archive
    settings: Settings
    receipts: list[Receipt]

    def get(self, url: str, progress: Progress) -> tuple[Archived, str, str | None]:
        """Bytes, the name the server gives them, and their media type."""
        started = time.monotonic()
        try:
            with self.session.get(url, stream=True, timeout=(CONNECT_SECONDS, READ_SECONDS)) as response:
                _check_status(url, response)
                archived = self.archive.keep(self._blocks(response, started, progress))
                self._receive(url, response, archived, started)
                return archived, _served_name(response), _media_type(response)
        except requests.RequestException as error:
            failure = self.session.failure(url, error)
        except RunFailed as error:
            failure = error
        self.receipts.append(Receipt(url, time.monotonic() - started, error=str(failure)))
        raise failure

    def sibling(self, url: str, ending: str) -> Archived | None:
        """The file beside `url` with another ending, first in the case of the main file's own; None if absent."""
        parts = urlsplit(url)
        folder, _, name = parts.path.rpartition("/")
        stem, dot, own = name.rpartition(".")
        if not dot:
            return None
        spellings = (ending.upper(), ending) if own.isupper() else (ending, ending.upper())
        for spelling in spellings:
            try:
                beside = parts._replace(path=f"{folder}/{stem}{spelling}").geturl()
                return self.get(beside, lambda done, total: None)[0]
            except RunFailed:
                continue
        return None

    def _blocks(self, response: requests.Response, started: float, progress: Progress) -> Iterator[bytes]:
        total = int(response.headers.get("Content-Length") or 0) or None
        limit, done = self.settings.max_resource_bytes, 0
        if total and total > limit:
            raise RunFailed("E-TOOLARGE", f"The file is {total:,} bytes; at most {limit:,} are accepted.")
        for block in _arriving(response):
            done += len(block)
            if done > limit:
                raise RunFailed("E-TOOLARGE", f"The file is larger than the {limit:,} bytes that are accepted.")
            if time.monotonic() - started > self.settings.fetch_seconds:
                raise RunFailed("E-TIMEOUT", f"The file was not whole after {self.settings.fetch_seconds:,} seconds.")
            progress(done, total)
            yield block

    def _receive(self, url: str, response: requests.Response, archived: Archived, started: float) -> None:
        headers = response.headers
        self.receipts.append(
            Receipt(
                url,
                time.monotonic() - started,
                status=response.status_code,
                bytes=archived.size,
                media_type=headers.get("Content-Type"),
                etag=headers.get("ETag"),
                last_modified=headers.get("Last-Modified"),
                resource_sha256=archived.sha256,
            )
        )


def _arriving(response: requests.Response) -> Iterator[bytes]:
    """The body as it arrives, unpacked. requests' own iteration waits until a block is full, and a server that drips
    would outlast any limit of time."""
    try:
        while block := response.raw.read1(BLOCK, decode_content=True):
            yield block
    except urllib3.exceptions.ReadTimeoutError as error:
        raise requests.ReadTimeout(error) from None
    except urllib3.exceptions.DecodeError as error:
        raise requests.exceptions.ContentDecodingError(error) from None
    except urllib3.exceptions.HTTPError as error:
        raise requests.exceptions.ChunkedEncodingError(error) from None


def _check_status(url: str, response: requests.Response) -> None:
    if response.status_code == 200:
        return
    told = {401: "wants a password", 403: "refuses us", 404: "has no such file", 410: "says the file is gone"}
    host = urlsplit(url).netloc
    said = told.get(response.status_code, f"answered with status {response.status_code}")
    raise RunFailed("E-HTTP", f"{host} {said} ({response.status_code}).")


def _served_name(response: requests.Response) -> str:
    """The name in Content-Disposition, else the end of the address after redirects."""
    header = Message()
    header["Content-Disposition"] = response.headers.get("Content-Disposition", "")
    return PurePosixPath(header.get_filename() or "").name or name_of(response.url)


def _media_type(response: requests.Response) -> str | None:
    said = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    return said or None
