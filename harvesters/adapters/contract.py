"""What an adapter is: one module of this folder, named after its platform, with three functions.

- `probe(url, params, session) -> Found | None` says whether an address is of the platform and what it offers. With the
  params of a feed it describes that one dataset as it stands today. None: the address is of another platform.
- `pages(dataset, since) -> Pages | Download` says how the dataset's rows are asked for.
- `complete(dataset, tally) -> str | None` judges a finished read: None when every row came, else a sentence why not.

Asking, retrying, pausing, storing, resuming and finding repeated pages are not an adapter's business: the fetch stage
does them for all.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from harvesters.web.ask import Request
from harvesters.web.session import Session

Cursor = Mapping[str, Any]
"""Where a page begins, in an adapter's own words; plain JSON, so that a read can be taken up by another program."""


@dataclass(frozen=True)
class Dataset:
    """One thing that can be harvested as a feed, as its platform describes it now.

    `url` and `params` are what a feed states to mean this dataset. `licence` and `title` are the platform's own words.
    `count` is how many rows it declares, None where it does not say. `updated` is an ISO moment for people;
    `watermark` is a text that differs whenever the rows may have changed, None where the platform has none that can be
    trusted. `geometry` is point, line, area, none, or None when unknown. `increments`: whether `pages` takes `since`.
    `own` is what the adapter noted for itself: plain JSON.
    """

    title: str
    url: str
    params: Mapping[str, str] = field(default_factory=dict)
    description: str = ""
    licence: str = ""
    publisher: str = ""
    page: str | None = None
    count: int | None = None
    updated: str | None = None
    watermark: str | None = None
    crs: str | None = None
    geometry: str | None = None
    fields: tuple[str, ...] = ()
    formats: tuple[str, ...] = ()
    increments: bool = False
    own: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Found:
    """What an address turned out to be. `datasets` may be fewer than `total` where a portal is very large; `note` says
    so, or what else a person should know. `platform` is the adapter that harvests a dataset unless the dataset's own
    `own["platform"]` names another one (a catalogue lists files and services of several)."""

    platform: str
    title: str
    url: str
    datasets: tuple[Dataset, ...]
    total: int | None = None
    note: str = ""


@dataclass(frozen=True)
class Page:
    """What one answer holds: how many rows, the platform's own key of each, and the cursor of the next page. Where the
    platform has no keys, they are `hashed` from what the rows hold. Without a next page `ended` says what told so, such
    as `numberMatched reached`."""

    rows: int
    keys: Sequence[str]
    next: Cursor | None
    ended: str = ""
    hashed: bool = False


class Pages(Protocol):
    """A dataset read page by page. `size` is how many rows are asked for at first; it is halved when the server cannot
    cope, and `request` is then asked again for the same cursor. `ending` is that of a page's file, such as `.json`."""

    first: Cursor
    size: int
    ending: str

    def request(self, cursor: Cursor, size: int) -> Request:
        """What to ask for the page that begins at the cursor."""
        ...

    def read(self, cursor: Cursor, size: int, body: bytes) -> Page:
        """What the answer holds. ServerTrouble when it is an error that may pass; RunFailed when it will not."""
        ...

    def instead(self, cursor: Cursor, refusal: str) -> Cursor | None:
        """Another way to ask, from the start, after the server refused this one (status 4xx or an error in a 200)
        saying `refusal`; None when there is none."""
        ...


@dataclass(frozen=True)
class Download:
    """A dataset that comes whole as one file. `name` has the ending that tells its format. `conditional`: whether the
    server's ETag or Last-Modified can be trusted."""

    url: str
    name: str
    media_type: str | None = None
    conditional: bool = True
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Tally:
    """What a finished read came to. `duplicates` are rows whose key came twice; `ended` is the last page's sign of the
    end, empty when there was none. Of a download, rows are those found when it was opened."""

    rows: int
    pages: int
    duplicates: int = 0
    ended: str = ""


class Adapter(Protocol):
    """The three functions; a module is one. `TITLE` is what people call the platform, such as `An ArcGIS service`.
    `DESCRIBES`: whether a probe tells more of a dataset than its download would; else a harvest downloads at once."""

    TITLE: str
    DESCRIBES: bool

    def probe(self, url: str, params: Mapping[str, str], session: Session) -> Found | None: ...
    def pages(self, dataset: Dataset, since: str | None) -> Pages | Download: ...
    def complete(self, dataset: Dataset, tally: Tally) -> str | None: ...


def proven(dataset: Dataset, tally: Tally) -> str | None:
    """The judgement most platforms need: no row twice, as many as declared, and an explicit end."""
    if tally.duplicates:
        return f"{tally.duplicates:,} rows came twice, so others may not have come at all."
    if dataset.count is not None and tally.rows != dataset.count:
        return f"The server declares {dataset.count:,} rows and sent {tally.rows:,}."
    if dataset.count is None and not tally.ended:
        return "Nothing the server said shows that the last page was the last."
    return None
