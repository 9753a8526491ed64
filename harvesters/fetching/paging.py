"""Reading page by page: asks, tries again, asks for less, stores every page, goes on where a program before was killed,
and notices a server that repeats itself. What a page is, the adapters know.

A read ends whole, or short with the reason why; short reads may add and change features but never end one. What shows
that rows are missing is never overlooked: that is worth more than any single run.
"""

import json
import re
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Protocol
from uuid import uuid4

from datasets.errors import RunFailed
from datasets.store.readings import Reading, Unkept
from harvesters.adapters.contract import Dataset, Page, Pages, Tally
from harvesters.fetching.archive import Archive, Archived
from harvesters.fetching.pages_file import Mark, PagesFile, hashes
from harvesters.fetching.receipt import Progress, Receipt
from harvesters.rules import code_hash
from harvesters.web.ask import Answer, Refused, ServerTrouble, ask, persevere
from harvesters.web.session import Session

FEWEST_ROWS = 50
"""A page is not asked for with fewer rows than this, however much trouble the server has."""
MOST_EMPTY = 24
"""More pages in a row without rows are an endless loop. Ranges of ids with wide gaps give a good number of them."""


class Kept(Protocol):
    """Where an unfinished read is kept; see `datasets.store.readings`."""

    def unfinished(self) -> Reading | None: ...
    def save(self, reading: Reading, receipt: Mapping[str, Any] | None = None) -> None: ...
    def drop(self) -> None: ...


@dataclass(frozen=True)
class PagesRead:
    """A finished read: the pages as one resource, what they came to, and why they are not all, None when they may be.
    `resumed` is how many pages a program before had read."""

    archived: Archived
    tally: Tally
    short: RunFailed | None
    resumed: int


@dataclass
class _Reader:
    """One read. `marks` are those of earlier pages, to see a page come again."""

    pages: Pages
    session: Session
    kept: Kept
    file: PagesFile
    reading: Reading
    most_bytes: int
    marks: set[Mark] = field(default_factory=set)
    empty: int = 0
    """Pages in a row without rows."""


def read_pages(
    pages: Pages, dataset: Dataset, since: str | None, *,
    name: str, session: Session, archive: Archive, kept: Kept, progress: Progress,
    most_bytes: int, seconds: float,
) -> PagesRead:  # fmt: skip
    """Reads every page. A fault of the server half-way ends it short; RunFailed when there is nothing to keep, when the
    server repeats itself, or when time is up, and then the next run goes on from the last page."""
    reader = _begin(pages, dataset, since, name, session, archive, kept, most_bytes)
    resumed = reader.reading.pages
    try:
        with reader.file:
            short = _read_on(reader, dataset, progress, seconds)
            tally = _finish(reader)
    except BaseException as error:
        _give_up(reader, error)
        raise
    archived = archive.adopt(reader.file.path)
    reader.file.discard()
    kept.drop()
    return PagesRead(archived, tally, short, resumed)


def _read_on(reader: _Reader, dataset: Dataset, progress: Progress, seconds: float) -> RunFailed | None:
    """Reads to the end; why it broke off before that, None when it did not."""
    deadline = time.monotonic() + seconds
    while reader.reading.cursor is not None:
        if time.monotonic() > deadline:
            done = f"{reader.reading.rows:,} rows are read; the next run goes on from there"
            raise RunFailed("E-TIMEOUT", f"The read was not done after {seconds:,.0f} seconds; {done}.")
        progress(reader.reading.rows, dataset.count)
        try:
            _next_page(reader)
        except ServerTrouble as trouble:
            if not reader.reading.rows:
                raise
            return RunFailed("E-TRUNCATED", f"The read broke off after {reader.reading.rows:,} rows: {trouble}")
    progress(reader.reading.rows, dataset.count)
    return None


def _give_up(reader: _Reader, error: BaseException) -> None:
    """What was read stays for a later run, but for a read that nobody goes on with, or that a server led astray."""
    astray = isinstance(error, RunFailed) and error.code == "E-PAGELOOP"
    if astray:
        reader.kept.drop()
    if astray or isinstance(reader.kept, Unkept):
        reader.file.discard()


def _begin(
    pages: Pages, dataset: Dataset, since: str | None, name: str, session: Session, archive: Archive, kept: Kept,
    most_bytes: int,
) -> _Reader:  # fmt: skip
    """Where a program before stopped, when it read the same dataset as it is now; else at the first page."""
    # Another version of an adapter may mean something else by the same cursor.
    described = {**asdict(dataset), "code": code_hash()}
    left = kept.unfinished()
    if left is not None and (left.since, _plain(left.dataset)) == (since, _plain(described)):
        try:
            file = PagesFile(archive.unfinished(left.file), left.bytes, left.rows, left.pages)
            return _Reader(pages, session, kept, file, left, most_bytes, file.marks())
        except FileNotFoundError:
            # It lies on another machine, or somebody tidied up.
            pass
    if left is not None:
        # Were we killed before the first page is noted, the file's new bytes would be taken for those noted now.
        kept.drop()
    # A check may go on beside a harvest of the same feed.
    stem = uuid4().hex if isinstance(kept, Unkept) else name
    reading = Reading(described, since, f"{stem}.pages.tar", pages.size, pages.first)
    try:
        file = PagesFile(archive.unfinished(reading.file))
    except FileNotFoundError:
        # A program that lost its lease in its sleep still has the file.
        reading = replace(reading, file=f"{stem}-{uuid4().hex}.pages.tar")
        file = PagesFile(archive.unfinished(reading.file))
    return _Reader(pages, session, kept, file, reading, most_bytes)


def _next_page(reader: _Reader) -> None:
    """Asks for the page at the cursor, stores it, and moves on."""
    try:
        answer, page = persevere(lambda: _asked(reader), sleep=reader.session.sleep)
    except Refused as refusal:
        _ask_otherwise(reader, refusal)
        return
    mark = _check_is_new(reader, answer.body, page)
    reading, number = reader.reading, reader.reading.pages + 1
    reader.file.append(f"{number:06d}{reader.pages.ending}", answer.body, page.keys, mark)
    if reader.file.length > reader.most_bytes:
        raise RunFailed("E-TOOLARGE", f"The pages are larger than the {reader.most_bytes:,} bytes that are accepted.")
    reader.reading = replace(
        reading, pages=number, rows=reading.rows + page.rows, bytes=reader.file.length,
        cursor=page.next, ended=page.ended,
    )  # fmt: skip
    reader.kept.save(reader.reading, asdict(_receipt(answer, page, number)))


def _asked(reader: _Reader) -> tuple[Answer, Page]:
    """One try; when it fails, the next asks for half as many rows."""
    reading = reader.reading
    assert reading.cursor is not None
    try:
        answer = ask(reader.session, reader.pages.request(reading.cursor, reading.size), tries=1)
        return answer, reader.pages.read(reading.cursor, reading.size, answer.body)
    except ServerTrouble:
        fewer = max(min(FEWEST_ROWS, reading.size), reading.size // 2)
        reader.reading = replace(reading, size=fewer)
        raise


def _ask_otherwise(reader: _Reader, refusal: Refused) -> None:
    """Begins again in the way the adapter knows instead, or gives up."""
    assert reader.reading.cursor is not None
    cursor = reader.pages.instead(reader.reading.cursor, refusal.said)
    if cursor is None:
        raise refusal
    if cursor == reader.reading.cursor:
        raise RunFailed("E-PAGELOOP", f"The server refuses every way of asking: {refusal}")
    # Noted before the file is emptied: what it holds next is not what was noted.
    reader.reading = replace(reader.reading, cursor=cursor, pages=0, rows=0, bytes=0, ended="")
    reader.kept.save(reader.reading)
    reader.file.restart()
    reader.marks.clear()


def _check_is_new(reader: _Reader, body: bytes, page: Page) -> Mark:
    """The page's mark; RunFailed when it came before, or when pages without rows go on without end."""
    number = reader.reading.pages + 1
    if page.next is not None and page.next == reader.reading.cursor:
        raise RunFailed("E-PAGELOOP", f"Page {number} names itself as the page that follows.")
    reader.empty = 0 if page.rows else reader.empty + 1
    if reader.empty > MOST_EMPTY and page.next is not None:
        raise RunFailed("E-PAGELOOP", f"{reader.empty} pages one after the other had no rows, and more follow.")
    if not page.rows:
        return (0, 0)
    # Pages of plain rows may well begin and end alike.
    keyed = page.keys and not page.hashed
    ends = hashes([page.keys[0], page.keys[-1]] if keyed else [_without_stamps(body), str(len(body))])
    mark = (int(ends[0]), int(ends[1]))
    if mark in reader.marks:
        raise RunFailed("E-PAGELOOP", f"Page {number} holds the same rows as one before it.")
    reader.marks.add(mark)
    return mark


def _without_stamps(body: bytes) -> str:
    """A page's text without the moment at which it was made."""
    return re.sub(r'"?timeStamp"?\s*[:=]\s*"[^"]*"', "", body.decode("utf-8", "replace"))


def _finish(reader: _Reader) -> Tally:
    reader.file.finish()
    reading = reader.reading
    return Tally(reading.rows, reading.pages, reader.file.duplicates(), reading.ended)


def _receipt(answer: Answer, page: Page, number: int) -> Receipt:
    headers, keys = answer.headers, () if page.hashed else page.keys
    return Receipt(
        answer.url, answer.seconds, status=answer.status, bytes=len(answer.body),
        media_type=headers.get("Content-Type"), etag=headers.get("ETag"), last_modified=headers.get("Last-Modified"),
        page_no=number, rows=page.rows,
        first_key=keys[0] if keys else None, last_key=keys[-1] if keys else None,
    )  # fmt: skip


def _plain(described: Mapping[str, Any]) -> Any:
    """A dataset as JSON has it, so that one from the database equals one from the platform."""
    return json.loads(json.dumps(described))
