"""A file from a server to the archive: bounded in size and time, tried again where it may help, and not sent again when
the server says that it is the same."""

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from email.message import Message
from itertools import chain, pairwise
from pathlib import PurePosixPath
from urllib.parse import urlsplit

import requests

from datasets.errors import RunFailed
from datasets.settings import Settings
from harvesters.fetching.archive import Archive, Archived
from harvesters.fetching.receipt import Progress, Receipt
from harvesters.formats.ends import proves_its_end
from harvesters.platforms.links import name_of
from harvesters.web.ask import persevere
from harvesters.web.session import CONNECT_SECONDS, READ_SECONDS, Session, arriving
from harvesters.web.transport import stated_size, states_its_end
from harvesters.web.verdict import FIREWALL_BYTES, Refused

BEGINNING = 2 * FIREWALL_BYTES
"""How much is read to tell a file from a web page: more than a firewall's page has."""


@dataclass(frozen=True)
class Downloaded:
    """A file in the archive; `name` and `media_type` are the server's. `moved_to` is the address that a permanent
    redirect named. `ended`: whether the server said where the file ends; then it is whole."""

    archived: Archived
    name: str
    media_type: str | None
    moved_to: str | None
    ended: bool


@dataclass(frozen=True)
class Downloader:
    """Fetches files; every request leaves a receipt in `receipts`, and in `doubtful` is the name of every file that
    may have been cut off unseen: neither its server nor its own bytes tell where it ends."""

    session: Session
    archive: Archive
    settings: Settings
    receipts: list[Receipt]
    doubtful: list[str] = field(default_factory=list)

    @property
    def short(self) -> RunFailed | None:
        """Why what was fetched may not be whole, None when it is."""
        if not self.doubtful:
            return None
        names = ", ".join(self.doubtful)
        return RunFailed("E-TRUNCATED", f"The server does not say where {names} ends, so some of it may be missing.")

    def get(self, url: str, headers: Mapping[str, str], progress: Progress) -> Downloaded | None:
        """The file; None when `headers` asked for it only if changed and it has not."""
        return persevere(lambda: self._get_once(url, headers, progress), sleep=self.session.sleep)

    def sibling(self, url: str, ending: str) -> Archived | None:
        """The file beside `url` with another ending, first in the case of the main file's own; None if absent;
        RunFailed when its server does not say whether it is there."""
        parts = urlsplit(url)
        folder, _, name = parts.path.rpartition("/")
        stem, dot, own = name.rpartition(".")
        if not dot:
            return None
        spellings = (ending.upper(), ending) if own.isupper() else (ending, ending.upper())
        for spelling in spellings:
            try:
                beside = parts._replace(path=f"{folder}/{stem}{spelling}").geturl()
                found = self.get(beside, {}, lambda done, total: None)
                return found.archived if found else None
            except RunFailed as failed:
                if not _is_absent(failed):
                    raise
        return None

    def _get_once(self, url: str, headers: Mapping[str, str], progress: Progress) -> Downloaded | None:
        started = time.monotonic()
        try:
            with self.session.get(
                url, headers=dict(headers), stream=True, timeout=(CONNECT_SECONDS, READ_SECONDS)
            ) as response:
                if response.status_code == 304 and headers:
                    self._receive(url, response, None, started)
                    return None
                archived = self.archive.keep(self._blocks(url, response, started, progress))
                self._receive(url, response, archived, started)
                ended, name = states_its_end(response), _served_name(response)
                if not ended and not proves_its_end(archived.path, name):
                    self.doubtful.append(name or url)
                return Downloaded(archived, name, _media_type(response), _moved_to(response), ended)
        except requests.RequestException as error:
            failure = self.session.failure(url, error)
        except RunFailed as error:
            failure = error
        self.receipts.append(Receipt(url, time.monotonic() - started, error=str(failure)))
        raise failure

    def _blocks(self, url: str, response: requests.Response, started: float, progress: Progress) -> Iterator[bytes]:
        total = stated_size(response.headers) or None
        limit, done = self.settings.max_resource_bytes, 0
        late = RunFailed("E-TIMEOUT", f"The file was not whole after {self.settings.fetch_seconds:,} seconds.")
        try:
            if total and total > limit and response.status_code == 200:
                raise RunFailed("E-TOOLARGE", f"The file is {total:,} bytes; at most {limit:,} are accepted.")
            blocks = _with_long_beginning(arriving(response, self.settings.fetch_seconds))
            first = next(blocks)
            self.session.check(response.url, response.status_code, response.headers, first)
            for block in chain((first,), blocks):
                done += len(block)
                if done > limit:
                    raise RunFailed("E-TOOLARGE", f"The file is larger than the {limit:,} bytes that are accepted.")
                if time.monotonic() - started > self.settings.fetch_seconds:
                    raise late
                progress(done, total)
                yield block
        except requests.ReadTimeout:
            if time.monotonic() - started >= self.settings.fetch_seconds:
                raise late from None
            raise

    def _receive(self, url: str, response: requests.Response, archived: Archived | None, started: float) -> None:
        headers = response.headers
        self.receipts.append(
            Receipt(
                url,
                time.monotonic() - started,
                status=response.status_code,
                bytes=archived.size if archived else 0,
                media_type=headers.get("Content-Type"),
                etag=headers.get("ETag"),
                last_modified=headers.get("Last-Modified"),
                resource_sha256=archived.sha256 if archived else None,
            )
        )


def _is_absent(failed: RunFailed) -> bool:
    """Whether this is how a server says that it has no such file: some that keep files in a store without a list
    refuse (403), and some show a page for people."""
    return failed.code == "E-NOTDATA" or (isinstance(failed, Refused) and failed.status in (403, 404, 410))


def _with_long_beginning(blocks: Iterator[bytes]) -> Iterator[bytes]:
    """The same, the first block long enough to tell a file from a web page."""
    begin = b""
    for block in blocks:
        begin += block
        if len(begin) >= BEGINNING:
            break
    return chain((begin,), blocks)


def _served_name(response: requests.Response) -> str:
    """The name in Content-Disposition, else the end of the address after redirects."""
    header = Message()
    header["Content-Disposition"] = response.headers.get("Content-Disposition", "")
    return PurePosixPath(header.get_filename() or "").name or name_of(response.url)


def _media_type(response: requests.Response) -> str | None:
    said = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    return said or None


def _moved_to(response: requests.Response) -> str | None:
    """Where the first redirects led, as long as they said that they are permanent (RFC 9110, 15.4)."""
    moved = None
    for step, after in pairwise([*response.history, response]):
        if step.status_code not in (301, 308):
            break
        moved = after.url
    return moved
