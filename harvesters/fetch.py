"""The fetch stage: from a feed to a resource in the archive, with the proof that it is whole or the reason why not.

What can tell at no cost that nothing changed is asked first: the platform's own stamp, then a conditional request. At
least every FULL_EVERY a feed is read in full whatever they say, because stamps lie.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

from datasets.errors import RunFailed
from datasets.feed import Feed
from datasets.issues import Issues, feed_issue
from datasets.settings import Settings
from datasets.vocabulary import Decider, Reach
from harvesters.adapters import find_adapter
from harvesters.adapters.contract import Adapter, Dataset, Download, Tally
from harvesters.fetching.archive import Archive, Archived
from harvesters.fetching.download import Downloader
from harvesters.fetching.paging import Kept, PagesRead, read_pages
from harvesters.fetching.receipt import Progress, Receipt
from harvesters.formats.siblings import wanted_siblings
from harvesters.web.session import Session

FULL_EVERY = timedelta(days=33)
"""Feeds that are looked at once a month are read in full each time, whatever the jitter of their schedule."""


@dataclass(frozen=True)
class Known:
    """What earlier runs leave for this one. `watermark` is the platform's stamp at the last good run, `etag` and
    `last_modified` what its server sent with the file; all None when the feed must be read in full. `changes_only`:
    whether a read of what changed since would do."""

    watermark: str | None = None
    etag: str | None = None
    last_modified: str | None = None
    changes_only: bool = False


@dataclass(frozen=True)
class Unchanged:
    """Nothing was fetched, because something told that nothing changed."""

    decided_by: Decider
    dataset: Dataset


@dataclass(frozen=True)
class Fetched:
    """A resource in the archive with what its server said of it. A loose Shapefile or MapInfo table is one resource
    with the files beside it: a zip of them all. `tally` is of pages, None of a file, whose rows are counted when it is
    opened; `short` says why the read is not whole, as far as is known by now."""

    archived: Archived
    name: str
    media_type: str | None
    dataset: Dataset | None = None
    reach: Reach = Reach.FULL
    tally: Tally | None = None
    short: RunFailed | None = None
    issues: Issues = field(default_factory=list)


@dataclass(frozen=True)
class Fetcher:
    """What a fetch needs besides the feed."""

    session: Session
    archive: Archive
    settings: Settings
    receipts: list[Receipt]
    kept: Kept
    progress: Progress


def fetch(feed: Feed, known: Known, fetcher: Fetcher) -> Fetched | Unchanged:
    """The feed's bytes, or the word that they are the same; RunFailed says why there are none."""
    adapter = find_adapter(feed.platform)
    dataset = describe(feed, adapter, fetcher.session)
    if known.watermark is not None and dataset.watermark == known.watermark:
        return Unchanged(Decider.WATERMARK, dataset)
    since = known.watermark if known.changes_only and dataset.increments else None
    way = adapter.pages(dataset, since)
    if isinstance(way, Download):
        return _download(way, dataset, known, fetcher)
    read = read_pages(
        way, dataset, since, name=feed.id, session=fetcher.session, archive=fetcher.archive, kept=fetcher.kept,
        progress=fetcher.progress, most_bytes=fetcher.settings.max_resource_bytes,
        seconds=fetcher.settings.fetch_seconds,
    )  # fmt: skip
    if since is not None and not read.tally.rows:
        # Something changed and no row says what: rows went away, or cannot be asked for by their stamps.
        return fetch(feed, Known(), fetcher)
    short = read.short or _changed_meanwhile(feed, adapter, dataset, read, fetcher.session)
    reach, name = Reach.FULL if since is None else Reach.CHANGES, f"{feed.id}.pages.tar"
    # Of the changes alone nobody tells how many there are.
    short = short or incomplete(adapter, dataset if since is None else replace(dataset, count=None), read.tally)
    if short is not None and since is not None:
        # What is missing is asked for again: the next run begins where this one did.
        dataset = replace(dataset, watermark=since)
    return Fetched(read.archived, name, "application/x-tar", dataset, reach, read.tally, short)


def describe(feed: Feed, adapter: Adapter, session: Session) -> Dataset:
    """The feed's dataset as its platform describes it now."""
    if not adapter.DESCRIBES:
        return Dataset(title=feed.id, url=feed.url, params=feed.params)
    found = adapter.probe(feed.url, feed.params, session)
    if found is not None and len(found.datasets) == 1 and found.datasets[0].params != feed.params:
        # The only one of a list, which describes it less than an answer of its own.
        only = found.datasets[0]
        found = adapter.probe(only.url, only.params, session)
    if found is None or len(found.datasets) != 1:
        raise RunFailed("E-PLATFORM", f"{feed.url} is not, or no longer, {_with_article(adapter.TITLE)}.")
    return found.datasets[0]


def incomplete(adapter: Adapter, dataset: Dataset, tally: Tally) -> RunFailed | None:
    """Why a finished read is not whole, None when it is."""
    because = adapter.complete(dataset, tally)
    return RunFailed("E-SHORT", because) if because else None


def keep_local(path: Path, archive: Archive) -> Fetched:
    """A file of this machine in the archive, with the files beside it that it needs."""

    def beside(ending: str) -> Archived | None:
        found = next((p for p in (path.with_suffix(ending), path.with_suffix(ending.upper())) if p.is_file()), None)
        return archive.keep_file(found) if found else None

    return _whole(Fetched(archive.keep_file(path), path.name, None), archive, beside)


def _download(way: Download, dataset: Dataset, known: Known, fetcher: Fetcher) -> Fetched | Unchanged:
    downloader = Downloader(fetcher.session, fetcher.archive, fetcher.settings, fetcher.receipts)
    asked = {**way.headers, **(_conditions(known) if way.conditional else {})}
    found = downloader.get(way.url, asked, fetcher.progress)
    if found is None:
        return Unchanged(Decider.CONDITIONAL, dataset)
    name = way.name if "." in way.name else found.name or way.name or urlsplit(way.url).netloc
    issues = []
    if found.moved_to:
        issues.append(feed_issue("W-REDIRECT-PERM", f"The address has moved for good to {found.moved_to}."))
    fetched = Fetched(found.archived, name, found.media_type or way.media_type, dataset, issues=issues)
    fetched = _whole(fetched, fetcher.archive, lambda ending: downloader.sibling(way.url, ending))
    return replace(fetched, short=downloader.short)


def _conditions(known: Known) -> dict[str, str]:
    """Headers of a conditional request (RFC 9110, 13.1): the entity tag, else the date."""
    if known.etag:
        return {"If-None-Match": known.etag}
    return {"If-Modified-Since": known.last_modified} if known.last_modified else {}


def _changed_meanwhile(
    feed: Feed, adapter: Adapter, before: Dataset, read: PagesRead, session: Session
) -> RunFailed | None:
    """Pages are asked for one after the other: when the dataset changed meanwhile, rows may have slipped between."""
    if read.tally.pages < 2:
        return None
    try:
        after = describe(feed, adapter, session)
    except RunFailed as failed:
        return RunFailed(failed.code, f"Whether the dataset changed while it was being read is not known: {failed}")
    if (after.count, after.watermark) == (before.count, before.watermark):
        return None
    return RunFailed("E-CHANGING", "The dataset changed while it was being read.")


def _whole(fetched: Fetched, archive: Archive, beside: Callable[[str], Archived | None]) -> Fetched:
    """The resource, bundled with the siblings it has, where its format is kept in several files."""
    with fetched.archived.path.open("rb") as opened:
        wanted = wanted_siblings(fetched.name, opened.read(512))
    stem = PurePosixPath(fetched.name).stem
    found = {stem + ending: part for ending in wanted if (part := beside(ending))}
    if not found:
        return fetched
    bundle = archive.bundle({fetched.name: fetched.archived, **found})
    return replace(fetched, archived=bundle, name=f"{fetched.name}.zip", media_type="application/zip")


def _with_article(title: str) -> str:
    return title[:1].lower() + title[1:]
