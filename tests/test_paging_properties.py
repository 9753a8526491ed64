"""Whatever page sizes, short pages, repeats, disorder, errors, lies and kills a server and its machine come up with: a
read that is called complete has every row, once; and a server that only is slow and stubborn is read to its end.

A server lies about the number of its rows or about where they end, never about both in the same way: nobody could tell.
"""

import json
import random
import tarfile
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.configuration import set_hypothesis_home_dir

from datasets.errors import RunFailed
from harvesters.adapters import ogcapi
from harvesters.adapters.contract import Cursor, Dataset, Page, Pages, proven
from harvesters.fetching import paging
from harvesters.fetching.archive import Archive
from harvesters.fetching.pages_file import PagesFile
from harvesters.platforms import feature_pages
from harvesters.platforms.arcgis.pages import LayerPages
from harvesters.web.ask import Answer, Refused, Request, ServerTrouble
from harvesters.web.session import Session
from tests.test_paging import Noted

# What Hypothesis notes between runs is no part of the tree.
set_hypothesis_home_dir(Path(tempfile.gettempdir()) / "citywide-hypothesis")

URL = "https://example.org/lines"
SESSION = Session(URL, sleep=lambda seconds: None)
MOST_RUNS = 12


@dataclass
class Server:
    """Rows 1 to `rows`. Each list has one entry for each request, and then no more. `caps`: at most so many rows on the
    page; `trouble`: whether the request fails; `kills`: whether our program is killed after it. `orders`: seeds
    of an order of the rows, 0 for the usual one; `repeats`: how many rows the page begins too early. `declared` is the
    number it says it has; from row `broken_from` on there is only trouble; `stops_at`: says there that it is done;
    `refuses`: the usual way of asking."""

    rows: int
    size: int = 7
    caps: list[int] = field(default_factory=list)
    trouble: list[bool] = field(default_factory=list)
    kills: list[bool] = field(default_factory=list)
    orders: list[int] = field(default_factory=list)
    repeats: list[int] = field(default_factory=list)
    declared: int | None = None
    broken_from: int | None = None
    stops_at: int | None = None
    refuses: bool = False
    requests: int = 0

    def answer(self, style: str, words: Mapping[str, str]) -> bytes:
        self.requests += 1
        if _next(self.trouble, False):
            raise ServerTrouble("E-HTTP", "busy")
        if "returnIdsOnly" in words:
            return json.dumps({"objectIds": list(range(1, self.rows + 1))}).encode()
        if self.refuses and "resultOffset" in words:
            raise Refused("E-HTTP", "no paging", "no paging", 400)
        return RENDERED[style](self, words)

    def page(self, start: int, size: int) -> tuple[list[int], int | None]:
        """The rows from a place on, and the place of the next page, None at what is said to be the end."""
        if self.broken_from is not None and start + size > self.broken_from:
            raise ServerTrouble("E-HTTP", "broken")
        rows, seed = list(range(1, self.rows + 1)), _next(self.orders, 0)
        if seed:
            random.Random(seed).shuffle(rows)
        stop = min(start + min(size, _next(self.caps, size)), self.rows)
        begin = max(0, start - _next(self.repeats, 0))
        done = stop >= self.rows if self.stops_at is None else stop >= min(self.stops_at, self.rows)
        return rows[begin : begin + stop - start], None if done else stop


def _next(plan: list[Any], default: Any) -> Any:
    return plan.pop(0) if plan else default


def arcgis_page(server: Server, words: Mapping[str, str]) -> bytes:
    size = int(words.get("resultRecordCount", server.rows))
    if "OBJECTID>=" in words["where"]:
        begin, end = (int(part.rpartition("=")[2].rpartition("<")[2]) for part in words["where"].split(" AND ")[1:])
        rows, following = list(range(begin, end)), None
    else:
        rows, following = server.page(int(words.get("resultOffset", 0)), size)
    features = [{"attributes": {"OBJECTID": row}} for row in rows]
    return json.dumps({"features": features, "exceededTransferLimit": following is not None}).encode()


def ogcapi_page(server: Server, words: Mapping[str, str]) -> bytes:
    rows, following = server.page(int(words.get("at", 0)), int(words["limit"]))
    link = {"rel": "next", "href": f"{URL}?limit={words['limit']}&at={following}"}
    features = [dict[str, Any](type="Feature", id=row, geometry=None, properties={}) for row in rows]
    return json.dumps({"features": features, "links": [link] if following is not None else []}).encode()


def keyless_page(server: Server, words: Mapping[str, str]) -> bytes:
    """The rows without ids."""
    page = json.loads(ogcapi_page(server, words))
    features = [{**feature, "id": None, "properties": {"row": feature["id"]}} for feature in page["features"]]
    return json.dumps({**page, "features": features}).encode()


def shared_page(server: Server, words: Mapping[str, str]) -> bytes:
    """The rows with ids of which every two share one, but for the first rows."""
    page = json.loads(ogcapi_page(server, words))
    rows = [feature["id"] for feature in page["features"]]
    features = [dict[str, Any](id=row if row < 9 else row // 2, properties={"row": row}) for row in rows]
    return json.dumps({**page, "features": features}).encode()


def token_page(server: Server, words: Mapping[str, str]) -> bytes:
    rows, following = server.page(int(words.get("token", 0)), int(words["size"]))
    return json.dumps({"rows": rows, "token": following}).encode()


def oidless_page(server: Server, words: Mapping[str, str]) -> bytes:
    return arcgis_page(server, words).replace(b"OBJECTID", b"ROW")


RENDERED = {
    "offset": arcgis_page, "next link": ogcapi_page, "cursor": token_page,
    "no ids": keyless_page, "shared ids": shared_page, "no object ids": oidless_page,
}  # fmt: skip
LINKED = ("next link", "no ids", "shared ids")


class Tokens:
    """A platform that hands out a token for each next page and has one way of asking."""

    first: Cursor = {"token": 0}  # noqa: RUF012
    ending = ".json"

    def __init__(self, size: int) -> None:
        self.size = size

    def request(self, cursor: Cursor, size: int) -> Request:
        return Request(f"{URL}?token={cursor['token']}&size={size}")

    def read(self, cursor: Cursor, size: int, body: bytes) -> Page:
        page = json.loads(body)
        following = None if page["token"] is None else {"token": page["token"]}
        return Page(len(page["rows"]), [str(row) for row in page["rows"]], following, "" if following else "no token")

    def instead(self, cursor: Cursor, refusal: str) -> Cursor | None:
        return None


def way_of(style: str, server: Server, dataset: Dataset) -> Pages:
    if style == "offset":
        return LayerPages(URL, server.size, "OBJECTID", count=dataset.count)
    if style == "no object ids":
        return LayerPages(URL, server.size, "", count=dataset.count)
    if style in LINKED:
        pages = ogcapi.pages(dataset, None)
        pages.size, pages.first = server.size, {"url": f"{URL}?limit={server.size}", "before": 0}
        return pages
    return Tokens(server.size)


@dataclass(frozen=True)
class Verdict:
    """How the last of several runs ended: the rows that came, and why they may not be all."""

    rows: list[int]
    short: str | None
    requests: int


def read(style: str, server: Server) -> Verdict:
    """One run after the other until none is killed."""
    dataset = Dataset("Lines", URL, count=server.declared, own={"items": URL, "crs": "", "plain": False})
    kept = Noted()
    kept.killed_when = lambda reading: bool(_next(server.kills, False))
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        # Of features without ids, some are few enough for one answer.
        patch.setattr(feature_pages, "WHOLE_ROWS", 20)
        patch.setattr(paging, "ask", lambda session, request, tries: _asked(server, style, request))
        for _ in range(MOST_RUNS):
            try:
                found = paging.read_pages(
                    way_of(style, server, dataset), dataset, None, name="lines", session=SESSION,
                    archive=Archive(Path(folder)), kept=kept, progress=lambda done, total: None,
                    most_bytes=1 << 24, seconds=600,
                )  # fmt: skip
            except KeyboardInterrupt:
                continue
            except RunFailed as failed:
                return Verdict([], str(failed), server.requests)
            short = found.short or proven(dataset, found.tally)
            return Verdict(_rows(found.archived.path), short and str(short), server.requests)
    raise AssertionError("killed too often")


def _asked(server: Server, style: str, request: Request) -> Answer:
    body = server.answer(style, dict(parse_qsl(urlsplit(request.url).query)))
    return Answer(request.url, 200, body, {}, 0.0)


def _rows(path: Path) -> list[int]:
    found: list[int] = []
    with tarfile.open(path) as tar:
        for member in tar:
            page = json.load(tar.extractfile(member))  # type: ignore[arg-type]
            features = [one.get("attributes") or one.get("properties") or one for one in page.get("features", [])]
            found += page.get("rows", [])
            found += [next(one[name] for name in ("OBJECTID", "ROW", "row", "id") if name in one) for one in features]
    return found


STYLES = st.sampled_from(list(RENDERED))
HONEST = st.sampled_from([style for style in RENDERED if style != "shared ids"])
KEYED = st.sampled_from(["offset", "next link", "cursor", "no object ids"])
COUNTS = st.integers(0, 60)


def plans(of: st.SearchStrategy[Any], most: int = 12) -> st.SearchStrategy[list[Any]]:
    return st.lists(of, max_size=most)


@st.composite
def stubborn(draw: st.DrawFn) -> Server:
    """A server that is slow, small and now and then in trouble, under a program that is killed, but honest."""
    rows = draw(st.integers(1, 60))
    trouble = [fails for run in draw(plans(st.integers(0, 4))) for fails in [*[True] * run, False]]
    declared = draw(st.sampled_from([rows, None]))
    kills = draw(plans(st.booleans(), 8))
    caps = draw(plans(st.integers(1, 9), 30))
    return Server(rows, draw(st.integers(1, 80)), caps, trouble, kills, declared=declared)


@st.composite
def treacherous(draw: st.DrawFn) -> Server:
    """One that does everything else as well."""
    server = draw(stubborn())
    server.orders = draw(plans(st.integers(0, 3)))
    server.repeats = draw(plans(st.integers(0, 5)))
    server.trouble += draw(plans(st.booleans(), 20))
    server.broken_from = draw(st.none() | COUNTS)
    server.refuses = draw(st.booleans())
    lies = draw(st.sampled_from(["about nothing", "about the number", "about the end"]))
    # Where rows are out of order, or pages overlap, only the number can show that others are missing.
    if lies == "about the end" or server.orders or server.repeats:
        server.declared = server.rows
    if lies == "about the end":
        server.stops_at = draw(COUNTS)
    elif lies == "about the number" and not server.orders and not server.repeats:
        server.declared = draw(COUNTS)
    return server


@settings(max_examples=100, deadline=None)
@given(HONEST, stubborn())
def test_an_honest_server_is_read_to_its_end_however_small_its_pages(style: str, server: Server) -> None:
    rows = server.rows
    # A full page without a next link proves nothing where no number is given.
    server.declared = rows if style in LINKED else server.declared
    verdict = read(style, server)
    assert verdict.short is None and verdict.rows == list(range(1, rows + 1))


@settings(max_examples=120, deadline=None)
@given(STYLES, treacherous())
def test_a_read_that_is_called_complete_has_every_row_once(style: str, server: Server) -> None:
    rows = server.rows
    verdict = read(style, server)
    assert verdict.short is not None or sorted(verdict.rows) == list(range(1, rows + 1))


@settings(max_examples=30, deadline=None)
@given(KEYED, st.integers(1, 60), st.integers(1, 9), plans(st.booleans(), 8))
def test_a_kill_costs_one_page(style: str, rows: int, size: int, kills: list[bool]) -> None:
    unharmed = read(style, Server(rows, size, declared=rows)).requests
    pages = -(-rows // size)
    assert read(style, Server(rows, size, kills=list(kills), declared=rows)).requests <= unharmed + sum(kills)
    assert unharmed == pages


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.tuples(st.binary(max_size=1500), st.lists(st.text(max_size=3), max_size=4)), min_size=1, max_size=6),
    st.lists(st.tuples(st.integers(0, 6), st.integers(0, 5000), st.integers(0, 5000)), max_size=4),
)
def test_pages_are_the_same_bytes_however_often_their_program_was_killed(
    pages: list[tuple[bytes, list[str]]], kills: list[tuple[int, int, int]]
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        whole, broken = Path(folder) / "whole", Path(folder) / "broken"
        expected = _written(whole, pages, [])
        assert _written(broken, pages, kills) == expected
        assert broken.read_bytes() == whole.read_bytes()


def _written(path: Path, pages: list[tuple[bytes, list[str]]], kills: list[tuple[int, int, int]]) -> Any:
    """Appends the pages; at each kill the files end anywhere at or after what was noted, and are opened again. What is
    noted is a page behind when a kill comes."""
    marks = [(number, number + 1) for number in range(len(pages))]
    length, rows, done = 0, 0, 0
    for kill in [*kills, None]:
        with PagesFile(path, length, rows, done) as file:
            stop = len(pages) if kill is None else min(done + kill[0], len(pages))
            for number in range(done, stop):
                body, keys = pages[number]
                file.append(f"{number}.json", body, keys, marks[number])
                if kill is None or number < stop - 1:
                    length, rows, done = file.length, rows + len(keys), number + 1
            if kill is None:
                file.finish()
                return file.duplicates(), file.marks()
        _cut(path, length + kill[1])
        _cut(file.keys_path, rows * 8 + kill[2] % 40)
        _cut(file.marks_path, done * 16 + kill[2] % 50)
    raise AssertionError


def _cut(path: Path, length: int) -> None:
    with path.open("r+b") as opened:
        opened.truncate(min(length, path.stat().st_size))
