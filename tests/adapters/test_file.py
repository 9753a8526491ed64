"""The file adapter: one GET, given up after its beginning, tells a file with its size, kind and stamp; pages, services
and documents are not files."""

from collections.abc import Iterator

import pytest

from datasets.errors import RunFailed
from harvesters.adapters import file
from harvesters.adapters.contract import Dataset, Download, Tally
from harvesters.web.session import Session
from tests.builders import Answer, Loopback, served


@pytest.fixture
def site() -> Iterator[Loopback]:
    with served() as site:
        yield site


def test_a_file_is_told_by_the_beginning_of_one_get(site: Loopback, session: Session) -> None:
    stamps = {
        "Content-Type": "text/csv; charset=utf-8",
        "ETag": '"a1"',
        "Last-Modified": "Tue, 02 Jun 2026 10:00:00 GMT",
    }
    site.answers["/toilets.csv"] = Answer(b"Name,X,Y\n" * 100_000, headers=stamps)
    found = file.probe(site["/toilets.csv"], {}, session)
    assert found is not None and found.platform == "file" and len(found.datasets) == 1
    dataset = found.datasets[0]
    assert (dataset.title, dataset.formats, dataset.updated) == ("toilets.csv", ("CSV",), "2026-06-02T10:00:00+00:00")
    assert dataset.own == {"name": "toilets.csv", "media_type": "text/csv", "size": 900_000, "etag": '"a1"'}
    assert site.asked == ["/toilets.csv"]


def test_the_name_the_server_gives_tells_the_format_where_the_address_does_not(
    site: Loopback, session: Session
) -> None:
    said = {"Content-Disposition": 'attachment; filename="toilets 2026.xlsx"'}
    site.answers["/download?id=7"] = Answer(b"PK\x03\x04", headers=said)
    found = file.probe(site["/download?id=7"], {}, session)
    assert found is not None and found.datasets[0].own["name"] == "toilets 2026.xlsx"
    assert found.datasets[0].formats == ("XLSX",)


def test_a_home_page_is_not_asked_at_all(site: Loopback, session: Session) -> None:
    for path in ("", "/"):
        assert file.probe(site[path], {}, session) is None
    assert site.asked == []


def test_a_web_page_is_no_file(site: Loopback, session: Session) -> None:
    page = b"<!doctype html><title>Open data</title>" + b"<p>Toilets</p>" * 1000
    site.answers["/toilets.csv"] = Answer(page, headers={"Content-Type": "text/html"})
    assert file.probe(site["/toilets.csv"], {}, session) is None


def test_a_table_sent_as_html_by_mistake_is_a_file(site: Loopback, session: Session) -> None:
    site.answers["/toilets.csv"] = Answer(b"Name,X,Y\n", headers={"Content-Type": "text/html"})
    assert file.probe(site["/toilets.csv"], {}, session) is not None


def test_a_document_says_that_it_holds_no_rows(site: Loopback, session: Session) -> None:
    site.answers["/toilets.pdf"] = Answer(b"%PDF-1.7 ...")
    with pytest.raises(RunFailed, match=r"toilets\.pdf is a PDF document") as failed:
        file.probe(site["/toilets.pdf"], {}, session)
    assert failed.value.code == "E-FORMAT"


def test_a_file_that_is_not_there_fails_in_words(site: Loopback, session: Session) -> None:
    with pytest.raises(RunFailed, match="has no such address"):
        file.probe(site["/gone.csv"], {}, session)


def test_a_feeds_file_is_downloaded_without_a_probe_before() -> None:
    dataset = Dataset("Toilets", "https://example.org/t/toilets.csv?v=2")
    assert not file.DESCRIBES
    assert file.pages(dataset, None) == Download("https://example.org/t/toilets.csv?v=2", "toilets.csv")
    assert file.complete(dataset, Tally(3, 1)) is None
