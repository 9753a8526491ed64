"""Simulators in a process of their own, so that neither their work nor their memory is counted as ours."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from multiprocessing import get_context
from multiprocessing.connection import Connection
from socketserver import StreamRequestHandler
from typing import Protocol

from tests.bench.council import CouncilSite
from tests.peers.answering import answering
from tests.peers.arcgis import ArcgisServer
from tests.peers.arcgis import served as serving_arcgis
from tests.peers.wfs import WfsServer, serving_wfs

START_SECONDS = 60
PAGE_ROWS, FEWEST_PAGES = 2_000, 50
"""ArcGIS Online gives 2,000 rows at once; few rows come in smaller pages, so that there is something to measure."""


class Serving(Protocol):
    """A simulator with an address, and every question it was asked."""

    @property
    def url(self) -> str: ...
    @property
    def asked(self) -> list[str]: ...


Serve = Callable[..., AbstractContextManager[Sequence[Serving]]]


class Sites:
    """The simulators, seen from the process that measures."""

    def __init__(self, channel: Connection) -> None:
        self._channel = channel
        if not channel.poll(START_SECONDS):
            raise SystemExit("The simulator did not start.")
        self.urls: list[str] = channel.recv()

    def asked(self) -> list[str]:
        """Every question that any of them was asked so far: path and query."""
        self._channel.send("asked")
        questions: list[str] = self._channel.recv()
        return questions


@contextmanager
def apart(serve: Serve, *arguments: object) -> Iterator[Sites]:
    """The simulators that `serve` makes, in a new process, while the context lasts."""
    here, there = get_context("spawn").Pipe()
    program = get_context("spawn").Process(target=_live, args=(there, serve, *arguments), daemon=True)
    program.start()
    there.close()
    try:
        yield Sites(here)
    finally:
        here.close()
        program.join(10)
        program.kill()


def _live(channel: Connection, serve: Serve, *arguments: object) -> None:
    """Answers until whoever started this process is gone."""
    # Head and body of an answer are written one after the other; the second must not wait for a sign of the first.
    StreamRequestHandler.disable_nagle_algorithm = True
    with serve(*arguments) as sites:
        channel.send([site.url for site in sites])
        while True:
            try:
                channel.recv()
                channel.send([question for site in sites for question in site.asked])
            except (EOFError, OSError):
                return


@contextmanager
def arcgis(rows: int) -> Iterator[Sequence[Serving]]:
    """A FeatureServer layer of so many public toilets."""
    with serving_arcgis(ArcgisServer(rows=rows, max_record_count=_page_rows(rows))) as server:
        yield [server]


@contextmanager
def wfs(rows: int) -> Iterator[Sequence[Serving]]:
    """A WFS 2.0 feature type of so many points, in GML."""
    small = _page_rows(rows)
    with serving_wfs(WfsServer(count=rows, cap=small if small < PAGE_ROWS else None)) as server:
        yield [server]


@contextmanager
def councils(count: int) -> Iterator[Sequence[Serving]]:
    """The web servers of so many councils, each on a port of its own, which makes it a host of its own."""
    with ExitStack() as stack:
        sites = [CouncilSite(number) for number in range(count)]
        for site in sites:
            stack.enter_context(answering(site))
        yield sites


def _page_rows(rows: int) -> int:
    return min(PAGE_ROWS, max(1, rows // FEWEST_PAGES))
