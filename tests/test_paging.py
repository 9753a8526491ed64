"""The paging engine: whatever a server does, a read ends whole, or says that it is not; a program that is killed loses
one page at most; and nothing is asked more often than may help."""

import json
import tarfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import polars as pl
import pytest

from datasets.errors import RunFailed
from datasets.store.readings import Reading, Unkept
from harvesters.adapters.contract import Cursor, Dataset, Page
from harvesters.fetching import paging
from harvesters.fetching.archive import Archive
from harvesters.fetching.pages_file import PagesFile
from harvesters.fetching.paging import Kept, PagesRead, read_pages
from harvesters.web.ask import Refused, Request, ServerTrouble, with_query
from harvesters.web.session import Session
from tests.peers.answering import Reply, answering, json_reply

LINES = Dataset("Lines", "https://example.org/lines", count=10)


@dataclass
class Lines:
    """A server of lines by number and the way to ask it. `faults` come first of all; from a line on it is in trouble,
    or refuses the quick way of asking; `follows` says where the page after the one that begins at a line begins."""

    count: int = 10
    most: int = 10_000
    faults: list[Reply] = field(default_factory=list)
    broken_from: int | None = None
    refused_from: int | None = None
    keyed: bool = True
    hashed: bool = False
    follows: Callable[[int, int], int | None] = lambda start, stop: stop
    rows: Callable[[int, int], list[int]] = lambda start, stop: list(range(start, stop))
    other_way: Mapping[str, Any] | None = None
    size: int = 3
    url: str = ""
    asked: list[str] = field(default_factory=list)
    ending: str = ".json"
    first: Cursor = field(default_factory=lambda: {"start": 0, "way": "quick"})

    def answer(self, path: str, query: Mapping[str, str], headers: Mapping[str, str]) -> Reply:
        if self.faults:
            return self.faults.pop(0)
        start, size = int(query["start"]), int(query["size"])
        if query["way"] == "quick" and self.refused_from is not None and start >= self.refused_from:
            return Reply(b"not in this way", 400)
        if size > self.most or (self.broken_from is not None and start >= self.broken_from):
            return Reply(status=500)
        stop = min(start + size, self.count)
        following = self.follows(start, stop) if stop < self.count else None
        return json_reply({"rows": self.rows(start, stop), "on": None if following is None else following - start})

    def request(self, cursor: Cursor, size: int) -> Request:
        return Request(with_query(f"{self.url}/lines", {**cursor, "size": size}))

    def read(self, cursor: Cursor, size: int, body: bytes) -> Page:
        page = json.loads(body)
        keys = [str(row) for row in page["rows"]] if self.keyed else []
        if page["on"] is None:
            return Page(len(page["rows"]), keys, None, "the last line", self.hashed)
        following = {**cursor, "start": cursor["start"] + page["on"]}
        return Page(len(page["rows"]), keys, following, hashed=self.hashed)

    def instead(self, cursor: Cursor, refusal: str) -> Cursor | None:
        return self.other_way

    def starts(self) -> list[int]:
        """Where the pages began that were asked for."""
        return [int(line.partition("start=")[2].partition("&")[0]) for line in self.asked]

    def sizes(self) -> list[int]:
        return [int(line.partition("size=")[2]) for line in self.asked]


class Noted:
    """What an unfinished read leaves, kept as the database keeps it. A program is `killed_when` it
    is about to note such a reading."""

    def __init__(self) -> None:
        self.note = ""
        self.killed_when: Callable[[Reading], bool] = lambda reading: False
        self.receipts: list[Mapping[str, Any]] = []

    def unfinished(self) -> Reading | None:
        return Reading(**json.loads(self.note)) if self.note else None

    def save(self, reading: Reading, receipt: Mapping[str, Any] | None = None) -> None:
        if self.killed_when(reading):
            raise KeyboardInterrupt
        self.note = json.dumps(reading.__dict__)
        self.receipts += [receipt] if receipt else []

    def drop(self) -> None:
        self.note = ""


@dataclass
class Desk:
    """Reads lines into an archive, once or again. `waits` are the pauses that it made."""

    lines: Lines
    archive: Archive
    kept: Noted = field(default_factory=Noted)
    waits: list[float] = field(default_factory=list)

    def read(self, dataset: Dataset = LINES, kept: Kept | None = None, **how: Any) -> PagesRead:
        session = Session("https://example.org/", allow_loopback=True, sleep=self.waits.append)
        given = {"progress": lambda done, total: None, "most_bytes": 1 << 20, "seconds": 60, **how}
        return read_pages(
            self.lines,
            dataset,
            None,
            name="lines",
            session=session,
            archive=self.archive,
            kept=kept or self.kept,
            **given,
        )

    def refused(self, **how: Any) -> RunFailed:
        with pytest.raises(RunFailed) as failed:
            self.read(**how)
        return failed.value

    def killed_when(self, moment: Callable[[Reading], bool], **how: Any) -> None:
        """A read that ends when a page is on disk and not yet noted."""
        self.kept.killed_when = moment
        with pytest.raises(KeyboardInterrupt):
            self.read(**how)
        self.kept.killed_when = lambda reading: False

    def killed_at(self, page: int, **how: Any) -> None:
        self.killed_when(lambda reading: reading.pages == page, **how)

    @property
    def unfinished(self) -> Path:
        return self.archive.unfinished("lines.pages.tar")


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    lines = Lines()
    with answering(lines):
        yield Desk(lines, Archive(tmp_path))


def rows_of(read: PagesRead) -> list[int]:
    """Every line in the order in which it came."""
    with tarfile.open(read.archived.path) as tar:
        pages = [json.load(tar.extractfile(member)) for member in tar]  # type: ignore[arg-type]
    return [row for page in pages for row in page["rows"]]


def test_every_page_is_kept_with_its_receipt(desk: Desk) -> None:
    read = desk.read()
    assert rows_of(read) == list(range(10)) and read.short is None
    assert (read.tally.rows, read.tally.pages, read.tally.ended) == (10, 4, "the last line")
    assert [(one["page_no"], one["rows"], one["first_key"]) for one in desk.kept.receipts][::3] == [
        (1, 3, "0"), (4, 1, "9"),
    ]  # fmt: skip
    assert desk.kept.unfinished() is None and list(desk.unfinished.parent.iterdir()) == []


def test_a_server_in_trouble_is_asked_for_half_as_many_rows_from_then_on(desk: Desk) -> None:
    desk.lines.size, desk.lines.count, desk.lines.most = 800, 450, 110
    read = desk.read()
    assert desk.lines.sizes() == [800, 400, 200, 100, 100, 100, 100, 100] and read.tally.rows == 450


def test_a_page_is_never_asked_for_with_fewer_rows_than_make_sense(desk: Desk) -> None:
    desk.lines.size, desk.lines.count, desk.lines.most = 120, 500, 10
    assert isinstance(desk.refused(), ServerTrouble) and desk.lines.sizes() == [120, 60, 50, 50, 50]


def test_a_page_that_was_small_from_the_first_is_not_made_larger(desk: Desk) -> None:
    desk.lines.most = 1
    assert isinstance(desk.refused(), ServerTrouble) and desk.lines.sizes() == [3, 3, 3, 3, 3]


def test_a_page_is_asked_for_five_times_with_growing_pauses(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("random.uniform", lambda low, high: high)
    desk.lines.broken_from = 3
    read = desk.read()
    assert desk.lines.starts() == [0, 3, 3, 3, 3, 3] and desk.waits == [2, 4, 8, 16]
    assert read.short is not None and read.short.code == "E-TRUNCATED" and rows_of(read) == [0, 1, 2]


def test_trouble_that_passes_loses_nothing(desk: Desk) -> None:
    desk.lines.faults = [Reply(status=503)] * 4
    read = desk.read()
    assert rows_of(read) == list(range(10)) and read.short is None


def test_trouble_before_the_first_row_leaves_nothing_to_publish(desk: Desk) -> None:
    desk.lines.broken_from = 0
    assert isinstance(desk.refused(), ServerTrouble)


def test_a_refused_way_is_left_for_another_one_from_the_start(desk: Desk) -> None:
    desk.lines.other_way, desk.lines.refused_from = {"start": 0, "way": "slow"}, 3
    read = desk.read()
    assert desk.lines.starts() == [0, 3, 0, 3, 6, 9] and rows_of(read) == list(range(10))
    assert (read.tally.pages, read.tally.duplicates) == (4, 0)


def test_a_server_that_refuses_every_way_is_believed(desk: Desk) -> None:
    desk.lines.refused_from = 0
    assert isinstance(desk.refused(), Refused) and len(desk.lines.asked) == 1
    desk.lines.other_way = desk.lines.first
    assert desk.refused().code == "E-PAGELOOP"


@pytest.mark.parametrize(
    ("follows", "words"),
    [(lambda start, stop: start, "names itself"), (lambda start, stop: 0 if start else 3, "the same rows")],
)
def test_a_server_that_leads_in_a_circle_is_left_and_nothing_of_it_used(
    desk: Desk, follows: Callable[[int, int], int], words: str
) -> None:
    desk.lines.follows = follows
    failed = desk.refused()
    assert failed.code == "E-PAGELOOP" and words in str(failed)
    assert desk.kept.unfinished() is None and not desk.unfinished.exists()


@pytest.mark.parametrize("keyed", [True, False])
def test_the_same_page_for_every_place_is_a_loop(desk: Desk, keyed: bool) -> None:
    desk.lines.keyed, desk.lines.rows = keyed, lambda start, stop: [1, 2, 3]
    assert desk.refused().code == "E-PAGELOOP" and desk.lines.starts() == [0, 3]


def test_empty_pages_without_end_are_a_loop(desk: Desk) -> None:
    desk.lines.count, desk.lines.rows = 1_000_000, lambda start, stop: []
    assert desk.refused().code == "E-PAGELOOP" and len(desk.lines.asked) == paging.MOST_EMPTY + 1


def test_a_number_of_empty_pages_is_passed_over(desk: Desk) -> None:
    desk.lines.count = 100
    desk.lines.rows = lambda start, stop: [] if 30 <= start < 90 else list(range(start, stop))
    assert desk.read().tally.rows == 40


def test_a_row_that_comes_on_two_pages_is_counted(desk: Desk) -> None:
    desk.lines.rows = lambda start, stop: [max(start - 1, 0), *range(start + 1, stop)]
    read = desk.read()
    assert (read.tally.rows, read.tally.duplicates, read.short) == (10, 3, None)


def test_hashes_stand_in_no_receipt_and_make_no_loop_of_pages_that_begin_and_end_alike(desk: Desk) -> None:
    desk.lines.hashed = True
    desk.lines.rows = lambda start, stop: [0, start, 0][: stop - start]
    read = desk.read()
    assert (read.tally.rows, read.tally.pages) == (10, 4) and read.tally.duplicates
    assert {one["first_key"] for one in desk.kept.receipts} == {None}


def test_a_killed_read_goes_on_where_it_was_and_asks_one_page_twice(desk: Desk) -> None:
    desk.killed_at(3)
    read = desk.read()
    assert desk.lines.starts() == [0, 3, 6, 6, 9] and read.resumed == 2
    assert rows_of(read) == list(range(10)) and (read.tally.rows, read.tally.pages) == (10, 4)


def test_a_read_that_was_killed_when_its_file_was_already_put_away_is_done_again(desk: Desk) -> None:
    desk.kept.drop = _killed  # type: ignore[method-assign]
    with pytest.raises(KeyboardInterrupt):
        desk.read()
    del desk.kept.drop
    assert rows_of(desk.read()) == list(range(10))


def test_a_row_of_before_the_kill_that_comes_again_is_counted(desk: Desk) -> None:
    desk.killed_at(3)
    desk.lines.rows = lambda start, stop: [start - 6, *range(start + 1, stop)]
    assert desk.read().tally.duplicates == 2


@pytest.mark.parametrize("keyed", [True, False])
def test_a_page_of_before_the_kill_that_comes_again_is_a_loop(desk: Desk, keyed: bool) -> None:
    desk.lines.keyed = keyed
    desk.killed_at(3)
    desk.lines.rows, desk.lines.count = lambda start, stop: [0, 1, 2], 12
    assert desk.refused().code == "E-PAGELOOP"


@pytest.mark.parametrize("ending", ["", f".keys-{pl.__version__}", f".marks-{pl.__version__}"])
def test_a_read_whose_file_is_shorter_than_noted_begins_anew(desk: Desk, ending: str) -> None:
    desk.killed_at(3)
    path = desk.unfinished.with_name(desk.unfinished.name + ending)
    path.write_bytes(path.read_bytes()[: 8 if ending else 100])
    read = desk.read()
    assert rows_of(read) == list(range(10)) and read.resumed == 0 and desk.lines.starts()[3:] == [0, 3, 6, 9]


def test_a_read_whose_file_is_gone_begins_anew(desk: Desk) -> None:
    desk.killed_at(3)
    desk.unfinished.unlink()
    read = desk.read()
    assert rows_of(read) == list(range(10)) and read.resumed == 0


def test_a_dataset_that_changed_since_is_read_anew(desk: Desk) -> None:
    desk.killed_at(3)
    read = desk.read(dataset=replace(LINES, watermark="newer"))
    assert read.resumed == 0 and desk.lines.starts()[3:] == [0, 3, 6, 9]


def test_what_a_read_left_before_it_began_anew_is_never_taken_for_its_own(desk: Desk) -> None:
    desk.killed_at(3)
    desk.lines.size = 9
    desk.killed_at(1, dataset=replace(LINES, watermark="newer"))
    assert rows_of(desk.read()) == list(range(10))


def test_a_kill_after_another_way_was_begun_mixes_nothing(desk: Desk) -> None:
    desk.lines.other_way, desk.lines.refused_from = {"start": 0, "way": "slow"}, 3
    desk.lines.most = 10
    desk.killed_when(lambda reading: reading.cursor == {"start": 3, "way": "slow"})
    assert desk.kept.unfinished() is not None and desk.unfinished.stat().st_size > 0
    assert rows_of(desk.read()) == list(range(10))


def test_a_read_that_is_out_of_time_is_kept_for_the_next_run(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paging, "time", SimpleNamespace(monotonic=iter([0, 10, 20, 61, 0, 1, 2, 3]).__next__))
    failed = desk.refused()
    assert failed.code == "E-TIMEOUT" and "6 rows are read; the next run goes on from there" in str(failed)
    read = desk.read()
    assert desk.lines.starts() == [0, 3, 6, 9] and rows_of(read) == list(range(10))


def test_pages_that_grow_too_large_are_refused(desk: Desk) -> None:
    assert desk.refused(most_bytes=1500).code == "E-TOOLARGE"


def test_a_check_leaves_the_read_of_a_harvest_alone(desk: Desk) -> None:
    desk.killed_at(3)
    assert rows_of(desk.read(kept=Unkept())) == list(range(10))
    desk.lines.broken_from = 3
    desk.lines.rows = lambda start, stop: [1, 1, 1]
    desk.lines.follows = lambda start, stop: start
    assert desk.refused(kept=Unkept()).code == "E-PAGELOOP"
    assert len(list(desk.unfinished.parent.iterdir())) == 3
    desk.lines.broken_from, desk.lines.rows = None, lambda start, stop: list(range(start, stop))
    desk.lines.follows = lambda start, stop: stop
    assert desk.read().resumed == 2


def test_files_of_a_read_that_cannot_go_on_are_not_left_open(desk: Desk) -> None:
    with pytest.raises(FileNotFoundError):
        PagesFile(desk.unfinished, 512, 1, 1)


def _killed() -> None:
    raise KeyboardInterrupt


def test_a_file_that_another_program_still_writes_to_is_left_to_it(tmp_path: Path) -> None:
    with PagesFile(tmp_path / "a.pages.tar") as first:
        first.append("000001.json", b"{}", ["1"])
        with pytest.raises(FileNotFoundError):
            PagesFile(tmp_path / "a.pages.tar", first.length, 1, 1)
        first.append("000002.json", b"{}", ["2"])
        assert first.path.stat().st_size == first.length
