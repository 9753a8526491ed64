"""Reading a dataset of a server to its end with the real paging engine, for the tests of adapters."""

import tarfile
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from datasets.errors import RunFailed
from datasets.store.readings import Unkept
from harvesters.adapters.contract import Adapter, Dataset, Download, Pages, Tally
from harvesters.fetching.archive import Archive
from harvesters.fetching.paging import read_pages
from harvesters.web.session import Session


@dataclass(frozen=True)
class Read:
    """A finished read: what was probed, what came, the adapter's word on why it is not complete, every page's bytes."""

    dataset: Dataset
    tally: Tally
    short: str | None
    pages: list[bytes]


def describe(adapter: Adapter, url: str, params: Mapping[str, str], session: Session) -> Dataset:
    """The one dataset that a feed of this address and these params means."""
    found = adapter.probe(url, params, session)
    assert found is not None and len(found.datasets) == 1, found
    return found.datasets[0]


def read_all(
    adapter: Adapter, url: str, params: Mapping[str, str], session: Session, *, since: str | None = None, size: int = 0
) -> Read:
    """Every page; `size` overrides how many rows are asked for at first."""
    dataset = describe(adapter, url, params, session)
    pages = adapter.pages(dataset, since)
    assert not isinstance(pages, Download), "this dataset comes as one file"
    if size:
        pages = _Sized(pages, size)
    with tempfile.TemporaryDirectory() as folder:
        read = read_pages(
            pages, dataset, since, name="test", session=session, archive=Archive(Path(folder)), kept=Unkept(),
            progress=lambda done, total: None, most_bytes=1 << 30, seconds=60,
        )  # fmt: skip
        with tarfile.open(read.archived.path) as tar:
            bodies = [tar.extractfile(member).read() for member in tar]  # type: ignore[union-attr]
    short: RunFailed | str | None = read.short or adapter.complete(dataset, read.tally)
    return Read(dataset, read.tally, str(short) if short else None, bodies)


class _Sized:
    """The same pages, asked for with another number of rows at first."""

    def __init__(self, pages: Pages, size: int) -> None:
        self.size, self.first, self.ending = size, pages.first, pages.ending
        self.request, self.read, self.instead = pages.request, pages.read, pages.instead
