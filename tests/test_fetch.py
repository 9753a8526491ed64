"""The fetch stage brings a feed's exact bytes into the archive, bounded in size and time, with a receipt of every
request; files that belong together become one resource."""

import gzip
import hashlib
import socket
import time
import tracemalloc
import zipfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from datasets.errors import RunFailed
from datasets.settings import Settings
from datasets.store.readings import Unkept
from harvesters.fetch import Fetched, Known, fetch
from harvesters.fetch import Fetcher as Needs
from harvesters.fetching import download as fetching
from harvesters.fetching.archive import Archive
from harvesters.fetching.receipt import Receipt
from harvesters.web.session import Session
from tests.builders import Answer, Loopback, feed_of, served

CSV = b"Ref,Name\nT1,Ash Lane\n"
SHP = b"\x00\x00\x27\x0a" + b"\x00" * 96
TAB = b'!table\n!version 300\nDefinition Table\n  Type NATIVE Charset "WindowsLatin1"\n'
MIF = b"Version 300\nColumns 1\n  Name Char(20)\nData\n"


class Fetcher:
    """Fetches from the server under test into an archive of its own."""

    def __init__(self, site: Loopback, settings: Settings) -> None:
        self.site, self.settings = site, settings
        self.archive = Archive(settings.archive)
        self.receipts: list[Receipt] = []
        self.told: list[tuple[int, int | None]] = []

    def fetch(self, path: str, url: str | None = None) -> Fetched:
        feed = feed_of(url=url or self.site[path])
        session = Session("https://example.org/", allow_loopback=True, sleep=lambda seconds: None)
        fetched = fetch(feed, Known(), Needs(
            session, self.archive, self.settings, self.receipts, Unkept(), lambda *done: self.told.append(done)
        ))  # fmt: skip
        assert isinstance(fetched, Fetched)
        return fetched

    def refused(self, path: str, url: str | None = None) -> RunFailed:
        with pytest.raises(RunFailed) as failed:
            self.fetch(path, url)
        return failed.value

    def kept(self) -> list[Path]:
        return (
            [path for path in self.archive.folder.rglob("*") if path.is_file()] if self.archive.folder.exists() else []
        )


@pytest.fixture
def site() -> Iterator[Loopback]:
    with served() as site:
        yield site


@pytest.fixture
def fetcher(site: Loopback, settings: Settings, tmp_path: Path) -> Fetcher:
    own = replace(settings, home=tmp_path, max_resource_bytes=1 << 20, fetch_seconds=2)
    return Fetcher(site, own)


def test_bytes_are_kept_under_their_sha256_with_a_receipt(site: Loopback, fetcher: Fetcher) -> None:
    headers = {
        "Content-Type": "text/csv; charset=utf-8",
        "ETag": '"a"',
        "Last-Modified": "Mon, 02 Mar 2026 09:00:00 GMT",
    }
    site.answers["/toilets.csv"] = Answer(CSV, headers=headers)
    fetched = fetcher.fetch("/toilets.csv")
    sha256 = hashlib.sha256(CSV).hexdigest()
    assert fetched.archived.path.read_bytes() == CSV and fetched.archived.path.name == sha256
    assert (fetched.name, fetched.media_type, fetched.archived.size) == ("toilets.csv", "text/csv", len(CSV))
    [receipt] = fetcher.receipts
    assert (receipt.url, receipt.status, receipt.bytes, receipt.error) == (site["/toilets.csv"], 200, len(CSV), None)
    assert (receipt.etag, receipt.resource_sha256) == ('"a"', sha256)
    assert receipt.last_modified == "Mon, 02 Mar 2026 09:00:00 GMT" and receipt.seconds > 0


def test_the_same_bytes_are_kept_once(site: Loopback, fetcher: Fetcher) -> None:
    site.answers |= {"/a.csv": Answer(CSV), "/b.csv": Answer(CSV)}
    assert fetcher.fetch("/a.csv").archived == fetcher.fetch("/b.csv").archived
    assert len(fetcher.kept()) == 1


def test_progress_is_told_in_bytes_of_what_the_server_announced(site: Loopback, fetcher: Fetcher) -> None:
    site.answers["/a.csv"] = Answer(CSV)
    fetcher.fetch("/a.csv")
    assert fetcher.told[-1] == (len(CSV), len(CSV))


def test_a_compressed_answer_is_kept_as_the_file_it_holds(site: Loopback, fetcher: Fetcher) -> None:
    site.answers["/a.csv"] = Answer(gzip.compress(CSV), headers={"Content-Encoding": "gzip"})
    assert fetcher.fetch("/a.csv").archived.path.read_bytes() == CSV


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ('attachment; filename="toilets 2026.csv"', "toilets 2026.csv"),
        ("attachment; filename*=UTF-8''caf%C3%A9.geojson", "café.geojson"),
        ('attachment; filename="../../etc/passwd.csv"', "passwd.csv"),
        ("inline", "export"),
    ],
)
def test_a_name_is_taken_from_content_disposition_where_the_address_has_none(
    site: Loopback, fetcher: Fetcher, header: str, name: str
) -> None:
    site.answers["/export?id=7"] = Answer(CSV, headers={"Content-Disposition": header})
    assert fetcher.fetch("/export?id=7").name == name


def test_a_name_with_an_ending_in_the_address_is_kept(site: Loopback, fetcher: Fetcher) -> None:
    site.answers["/Public%20toilets.csv"] = Answer(CSV, headers={"Content-Disposition": "attachment; filename=x.txt"})
    assert fetcher.fetch("/Public%20toilets.csv").name == "Public toilets.csv"


def test_a_redirect_is_followed_and_names_the_file(site: Loopback, fetcher: Fetcher) -> None:
    site.answers |= {"/latest": Answer(b"", 302, {"Location": "/files/toilets.csv"}), "/files/toilets.csv": Answer(CSV)}
    assert fetcher.fetch("/latest").name == "toilets.csv"


@pytest.mark.parametrize(
    ("status", "code", "words"),
    [
        (401, "E-AUTH", "wants a password"),
        (403, "E-HTTP", "refuses us"),
        (404, "E-HTTP", "has no such address"),
        (410, "E-HTTP", "says that it is gone"),
        (500, "E-HTTP", "is in trouble or too busy (500)"),
        (204, "E-HTTP", "refuses the question (204)"),
    ],
)
def test_a_status_that_is_no_file_fails_in_words(
    site: Loopback, fetcher: Fetcher, status: int, code: str, words: str
) -> None:
    site.answers["/a.csv"] = Answer(b"", status)
    failed = fetcher.refused("/a.csv")
    assert (failed.code, fetcher.kept()) == (code, []) and words in str(failed)
    assert fetcher.receipts[-1].error == str(failed)


def test_a_server_that_is_only_busy_is_asked_again(site: Loopback, fetcher: Fetcher) -> None:
    class Busy(dict[str, Answer]):
        def get(self, path: str, default: Answer = Answer(status=404)) -> Answer:  # type: ignore[override]  # noqa: B008
            return Answer(CSV) if len(site.asked) > 1 else Answer(b"", 503, {"Retry-After": "0"})

    site.answers = Busy()
    assert fetcher.fetch("/a.csv").archived.size == len(CSV) and len(site.asked) == 2


def test_a_redirect_loop_ends(site: Loopback, fetcher: Fetcher) -> None:
    site.answers |= {"/a": Answer(b"", 302, {"Location": "/b"}), "/b": Answer(b"", 302, {"Location": "/a"})}
    failed = fetcher.refused("/a")
    assert failed.code == "E-HTTP" and "redirects more than 5 times" in str(failed)
    assert len(site.asked) == 6


def test_a_redirect_to_something_that_is_not_the_web_is_refused(site: Loopback, fetcher: Fetcher) -> None:
    site.answers["/a"] = Answer(b"", 302, {"Location": "file:///etc/passwd"})
    assert fetcher.refused("/a").code == "E-ADDRESS"


def test_a_file_announced_too_large_is_not_read(site: Loopback, fetcher: Fetcher) -> None:
    site.answers["/a.csv"] = Answer(b"", length=3 << 20)
    failed = fetcher.refused("/a.csv")
    assert str(failed) == "The file is 3,145,728 bytes; at most 1,048,576 are accepted." and failed.code == "E-TOOLARGE"


def test_a_file_that_does_not_say_its_size_is_cut_at_the_limit_and_nothing_is_kept(
    site: Loopback, fetcher: Fetcher
) -> None:
    sent = 0

    def line() -> Iterator[bytes]:
        nonlocal sent
        while sent < 2 << 30:
            sent += 1 << 16
            yield b"a" * (1 << 16)

    site.answers["/a.csv"] = Answer(line)
    assert fetcher.refused("/a.csv").code == "E-TOOLARGE"
    assert sent < 64 << 20 and fetcher.kept() == []


def test_a_compressed_bomb_is_cut_at_the_limit(site: Loopback, fetcher: Fetcher) -> None:
    bomb = gzip.compress(b"\x00" * (32 << 20))
    assert len(bomb) < 1 << 20
    site.answers["/a.csv"] = Answer(bomb, headers={"Content-Encoding": "gzip"})
    assert fetcher.refused("/a.csv").code == "E-TOOLARGE" and fetcher.kept() == []


@pytest.mark.parametrize("encoding", [{}, {"Content-Encoding": "gzip"}])
def test_a_body_broken_off_is_truncated_and_nothing_is_kept(
    site: Loopback, fetcher: Fetcher, encoding: dict[str, str]
) -> None:
    body = gzip.compress(CSV * 99)[:-9] if encoding else CSV
    site.answers["/a.csv"] = Answer(body, headers=encoding, length=len(body) + 10)
    assert fetcher.refused("/a.csv").code == "E-TRUNCATED" and fetcher.kept() == []


def test_a_chunked_body_broken_off_is_truncated(site: Loopback, fetcher: Fetcher) -> None:
    chunked = {"Transfer-Encoding": "chunked"}
    site.answers["/a.csv"] = Answer(lambda: [b"5\r\nRef,N\r\n", b"40\r\nam"], headers=chunked)
    assert fetcher.refused("/a.csv").code == "E-TRUNCATED" and fetcher.kept() == []


def test_a_file_whose_server_says_nowhere_where_it_ends_is_in_doubt(site: Loopback, fetcher: Fetcher) -> None:
    site.answers |= {"/a.csv": Answer(lambda: [CSV[:-4]]), "/b.csv": Answer(CSV), "/c.json": Answer(lambda: [b"[1]"])}
    chunks = b"%x\r\n%s\r\n0\r\n\r\n" % (len(CSV), CSV)
    site.answers["/d.csv"] = Answer(lambda: [chunks], headers={"Transfer-Encoding": "chunked"})
    got = {name: downloader(fetcher) for name in ("a.csv", "b.csv", "c.json", "d.csv")}
    ended = {name: one.get(site[f"/{name}"], {}, lambda *done: None).ended for name, one in got.items()}  # type: ignore[union-attr]
    assert ended == {"a.csv": False, "b.csv": True, "c.json": False, "d.csv": True}
    assert str(got["a.csv"].short).startswith("The server does not say where a.csv ends")
    assert [got[name].short for name in ("b.csv", "c.json", "d.csv")] == [None, None, None]


@pytest.mark.parametrize("length", ["abc", "-5", "\u00b2", ""])
def test_a_length_that_is_no_number_is_none(site: Loopback, fetcher: Fetcher, length: str) -> None:
    site.answers["/a.csv"] = Answer(lambda: [CSV], headers={"Content-Length": length})
    one = downloader(fetcher)
    found = one.get(site["/a.csv"], {}, lambda *done: None)
    assert found is not None and (found.archived.size, found.ended) == (len(CSV), False)


@pytest.mark.parametrize("absent", [Answer(status=403), Answer(status=410), Answer(b"<!DOCTYPE html><title>Lost")])
def test_a_file_beside_another_may_be_missing_in_many_ways(site: Loopback, fetcher: Fetcher, absent: Answer) -> None:
    site.answers |= {"/a.shp": Answer(SHP), "/a.dbf": Answer(b"dbf"), "/a.prj": absent, "/a.PRJ": absent}
    assert fetcher.fetch("/a.shp").name == "a.shp.zip"


@pytest.mark.parametrize("status", [503, 400, 401])
def test_a_server_that_cannot_say_whether_a_file_is_there_is_not_taken_to_say_no(
    site: Loopback, fetcher: Fetcher, status: int
) -> None:
    site.answers |= {"/a.shp": Answer(SHP), "/a.dbf": Answer(b"", status)}
    assert f"({status})" in str(fetcher.refused("/a.shp"))


def test_a_bundle_is_made_without_holding_its_parts_in_memory(tmp_path: Path) -> None:
    archive = Archive(tmp_path)
    large = archive.keep(bytes(1 << 20) for _ in range(64))
    tracemalloc.start()
    bundle = archive.bundle({"b.shp": large, "a.dbf": archive.keep([b"dbf"])})
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    with zipfile.ZipFile(bundle.path) as opened:
        assert [(one.filename, one.file_size, one.date_time[0]) for one in opened.infolist()] == [
            ("a.dbf", 3, 1980), ("b.shp", 64 << 20, 1980),
        ]  # fmt: skip
    assert peak < 16 << 20


def test_an_answer_that_claims_a_compression_it_has_not_fails_in_words(site: Loopback, fetcher: Fetcher) -> None:
    site.answers["/a.csv"] = Answer(CSV, headers={"Content-Encoding": "gzip"})
    assert fetcher.refused("/a.csv").code == "E-TRUNCATED"


def test_a_server_that_drips_is_given_up_after_the_time_that_is_set(site: Loopback, fetcher: Fetcher) -> None:
    site.answers["/a.csv"] = Answer(dripping(b"a", every=0.1, for_seconds=20))
    started = time.monotonic()
    failed = fetcher.refused("/a.csv")
    assert str(failed) == "The file was not whole after 2 seconds." and failed.code == "E-TIMEOUT"
    assert time.monotonic() - started < 8


def test_a_server_that_stops_half_way_is_given_up(
    site: Loopback, fetcher: Fetcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetching, "READ_SECONDS", 0.2)
    site.answers["/a.csv"] = Answer(dripping(b"", every=2, for_seconds=2), length=100)
    failed = fetcher.refused("/a.csv")
    assert (failed.code, str(failed)) == ("E-TIMEOUT", f"{site.url.removeprefix('http://')} did not answer in time.")


def test_a_server_that_never_answers_is_given_up(fetcher: Fetcher, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetching, "READ_SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        host = f"127.0.0.1:{silent.getsockname()[1]}"
        failed = fetcher.refused("", f"http://{host}/a.csv")
    assert (failed.code, str(failed)) == ("E-TIMEOUT", f"{host} did not answer in time.")


def test_a_refused_connection_fails_in_words(fetcher: Fetcher) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        host = f"127.0.0.1:{unused.getsockname()[1]}"
    failed = fetcher.refused("", f"http://{host}/a.csv")
    assert (failed.code, str(failed)) == ("E-HTTP", f"{host} refused the connection.")


def test_a_host_name_that_does_not_exist_fails_in_words(fetcher: Fetcher) -> None:
    failed = fetcher.refused("", "http://data.ashmere.invalid/a.csv")
    assert (failed.code, str(failed)) == ("E-DNS", "The host name data.ashmere.invalid does not exist.")


@pytest.mark.parametrize(
    ("main", "content", "beside"),
    [
        ("/Toilets.shp", SHP, (".dbf", ".shx", ".prj")),
        ("/TOILETS.SHP", SHP, (".DBF", ".SHX", ".PRJ")),
        ("/Toilets.shp", SHP, (".DBF", ".SHX")),
        ("/Toilets.TAB", TAB, (".DAT", ".MAP", ".ID")),
        ("/Toilets.tab", TAB, (".dat", ".map", ".id")),
        ("/Toilets.mif", MIF, (".MID",)),
    ],
)
def test_files_that_belong_together_are_fetched_in_either_case_of_their_endings(
    site: Loopback, fetcher: Fetcher, main: str, content: bytes, beside: tuple[str, ...]
) -> None:
    stem = main.rpartition(".")[0]
    site.answers |= {main: Answer(content), **{stem + ending: Answer(ending.encode()) for ending in beside}}
    fetched = fetcher.fetch(main)
    with zipfile.ZipFile(fetched.archived.path) as bundle:
        parts = {name.lower(): bundle.read(name) for name in bundle.namelist()}
    assert parts == {main[1:].lower(): content, **{(stem[1:] + ending).lower(): ending.encode() for ending in beside}}
    assert (fetched.name, fetched.media_type) == (f"{main[1:]}.zip", "application/zip")


def test_the_same_files_together_make_the_same_resource(site: Loopback, fetcher: Fetcher) -> None:
    site.answers |= {"/a.shp": Answer(SHP), "/a.dbf": Answer(b"dbf"), "/a.shx": Answer(b"shx")}
    assert fetcher.fetch("/a.shp").archived.sha256 == fetcher.fetch("/a.shp").archived.sha256


def test_the_query_of_the_address_goes_with_the_files_beside_it(site: Loopback, fetcher: Fetcher) -> None:
    site.answers |= {"/a.shp?key=1": Answer(SHP), "/a.dbf?key=1": Answer(b"dbf")}
    assert fetcher.fetch("/a.shp?key=1").name == "a.shp.zip"


def test_a_file_that_is_whole_by_itself_brings_no_other_request(site: Loopback, fetcher: Fetcher) -> None:
    site.answers["/a.csv"] = Answer(CSV)
    fetcher.fetch("/a.csv")
    assert site.asked == ["/a.csv"]


def test_our_name_and_contact_are_in_every_request(site: Loopback) -> None:
    assert Session("https://example.org/us").headers["User-Agent"] == "Citywide/0.1 (+https://example.org/us)"


def test_blocks_that_fail_half_way_leave_nothing_in_the_archive(tmp_path: Path) -> None:
    def failing() -> Iterable[bytes]:
        yield b"half"
        raise OSError("gone")

    archive = Archive(tmp_path / "archive")
    with pytest.raises(OSError, match="gone"):
        archive.keep(failing())
    assert list(archive.folder.iterdir()) == []


def test_scratch_is_gone_afterwards_whatever_happens(tmp_path: Path) -> None:
    archive = Archive(tmp_path / "archive")
    with pytest.raises(ZeroDivisionError), archive.scratch() as folder:
        (folder / "half").write_bytes(b"x")
        raise ZeroDivisionError
    assert list(archive.folder.iterdir()) == []


def downloader(fetcher: Fetcher) -> fetching.Downloader:
    session = Session("https://example.org/", allow_loopback=True, sleep=lambda seconds: None)
    return fetching.Downloader(session, fetcher.archive, fetcher.settings, [])


def dripping(block: bytes, *, every: float, for_seconds: float) -> Callable[[], Iterator[bytes]]:
    """A body that comes a block at a time with waits between."""

    def blocks() -> Iterator[bytes]:
        for _ in range(int(for_seconds / every)):
            yield block
            time.sleep(every)

    return blocks
