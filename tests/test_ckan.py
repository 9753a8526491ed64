"""The CKAN adapter, through the real ckanapi: against the demo city's portal, and against portals that misbehave."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from datasets.city import Council
from datasets.errors import CitywideError, RunFailed, RunHeld
from datasets.feed import Feed
from datasets.store.feeds import save_feed
from datasets.vocabulary import Outcome
from harvesters.adapters import ckan
from harvesters.adapters.ckan import organisation_datasets, read_dataset, resource_address
from harvesters.demo.city import make_city
from harvesters.demo.councils import demo_feeds, write_councils
from harvesters.demo.server import CouncilServer
from harvesters.discover import organisation_feeds
from harvesters.run import Tools, harvest
from harvesters.session import Session
from tests.builders import Answer, Loopback, feed_of, query, quiet, served

SHOW = "/api/action/package_show?id=toilets"
FERNCLIFFE = Council(gss="X09000006", name="Ferncliffe")


@pytest.fixture
def session() -> Session:
    return Session("https://example.org/")


@pytest.fixture(scope="module")
def councils(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("councils")
    write_councils(make_city(features=200), folder)
    with CouncilServer(folder) as server:
        yield server.url


@pytest.fixture
def portal() -> Iterator[Loopback]:
    with served() as site:
        yield site


def package(*resources: dict[str, str], **more: object) -> dict[str, Any]:
    return {"id": "1", "name": "toilets", "title": "Toilets", "resources": list(resources), **more}


def resource(form: str, name: str = "", url: str = "") -> dict[str, str]:
    return {
        "id": name or form,
        "name": name or form,
        "format": form,
        "url": url or f"https://example.org/t.{form.lower()}",
    }


def says(result: object, status: int = 200, success: bool = True) -> Answer:
    body = {"help": "", "success": success, "result" if success else "error": result}
    return Answer(json.dumps(body).encode(), status, {"Content-Type": "application/json"})


def feed_at(portal: Loopback, **params: str) -> Feed:
    return feed_of(platform="ckan", url=portal.url, params={"dataset": "toilets", **params})


def failure(portal: Loopback, session: Session, answer: Answer) -> RunFailed:
    """What the adapter says when the portal answers so."""
    portal.answers[SHOW] = answer
    with pytest.raises(RunFailed) as failed:
        resource_address(feed_at(portal), session)
    assert "Traceback" not in str(failed.value) and "\n" not in str(failed.value)
    return failed.value


def test_the_demo_portals_dataset_gives_its_table_and_not_its_page(councils: str, session: Session) -> None:
    feed = next(feed for feed in demo_feeds(councils) if feed.id == "ferncliffe-public-toilets")
    address = resource_address(feed, session)
    assert address.url.startswith(councils) and address.url.endswith("toilets.tsv") and address.name == "toilets.tsv"


def test_a_whole_organisation_becomes_a_feed_for_each_layer(councils: str, session: Session) -> None:
    feeds = organisation_feeds(f"{councils}/ferncliffe/data", "ferncliffe", FERNCLIFFE, session)
    assert {feed.id: feed.params["dataset"] for feed in feeds} == {
        f"ferncliffe-{layer}": layer
        for layer in ("public-toilets", "conservation-areas", "libraries", "polling-stations")
    }
    assert {(feed.platform, feed.licence, feed.council) for feed in feeds} == {("ckan", "OGL-UK-3.0", FERNCLIFFE.gss)}


def test_a_feed_of_the_demo_portal_is_harvested(councils: str, tools: Tools) -> None:
    feed = next(feed for feed in demo_feeds(councils) if feed.id == "ferncliffe-public-toilets")
    save_feed(tools.engine, feed)
    report = harvest(feed, tools, quiet)
    assert report.outcome is Outcome.PUBLISHED and report.values["format"] == "TSV"
    [receipt] = query(tools.engine, "SELECT url FROM citywide.fetch")
    assert receipt["url"].endswith("/files/toilets.tsv")


def test_an_organisation_without_a_dataset_that_fits_says_what_it_offers(portal: Loopback, session: Session) -> None:
    portal.answers[search_path(0)] = says({"count": 1, "results": [package(title="Gritting routes")]})
    with pytest.raises(CitywideError, match="no dataset fits a layer; it offers Gritting routes"):
        organisation_feeds(portal.url, "ashmere", FERNCLIFFE, session)


def test_a_dataset_that_is_not_there_is_told_by_its_name(portal: Loopback, session: Session) -> None:
    gone = says({"__type": "Not Found Error", "message": "Not found"}, 404, success=False)
    failed = failure(portal, session, gone)
    assert failed.code == "E-PLATFORM" and str(failed) == f"The portal at {portal.url} has no 'toilets'."


def test_a_dataset_we_may_not_read_is_told_so(portal: Loopback, session: Session) -> None:
    refused = says({"__type": "Authorization Error", "message": "Access denied"}, 403, success=False)
    failed = failure(portal, session, refused)
    assert failed.code == "E-HTTP" and "does not let us read 'toilets'" in str(failed)


@pytest.mark.parametrize(
    "answer",
    [
        says({"message": "solr is down"}, 200, success=False),
        says({"__type": "Validation Error", "id": ["Missing value"]}, 409, success=False),
        Answer(b'"Bad request - Action name not known"', 400),
        Answer(b"<!doctype html><title>Welcome</title>", 200, {"Content-Type": "text/html"}),
        Answer(b"<h1>Bad gateway</h1>", 500),
        Answer(b"", 200),
        Answer(b'{"success": true, "result":', 200),
        Answer(b"null", 200),
        Answer(b"[]", 200),
        says(None),
        says("toilets"),
        says([]),
        says({"id": "1"}),
        says({"id": "1", "resources": None}),
    ],
    ids=lambda answer: f"{answer.status}-{answer.body[:24]!r}",
)
def test_an_answer_that_is_no_dataset_fails_in_words(portal: Loopback, session: Session, answer: Answer) -> None:
    assert failure(portal, session, answer).code == "E-PLATFORM"


def test_a_portal_that_is_not_there_fails_in_words(session: Session) -> None:
    feed = feed_of(platform="ckan", url="http://data.ashmere.invalid", params={"dataset": "toilets"})
    with pytest.raises(RunFailed, match=r"The host name data\.ashmere\.invalid does not exist") as failed:
        resource_address(feed, session)
    assert failed.value.code == "E-DNS"


def test_dkans_list_of_one_is_a_dataset(portal: Loopback, session: Session) -> None:
    portal.answers[SHOW] = says([package(resource("CSV"))])
    assert resource_address(feed_at(portal), session).url == "https://example.org/t.csv"


def test_the_best_format_is_taken_of_several(portal: Loopback, session: Session) -> None:
    portal.answers[SHOW] = says(package(resource("PDF"), resource("CSV"), resource("GeoJSON"), resource("KML")))
    assert resource_address(feed_at(portal), session).name == "t.geojson"


def test_a_format_field_that_says_nothing_is_read_from_the_address(portal: Loopback, session: Session) -> None:
    portal.answers[SHOW] = says(package(resource("", "data", "https://example.org/files/Toilets.CSV?v=2")))
    assert resource_address(feed_at(portal), session).name == "Toilets.CSV"


def test_several_resources_that_would_do_are_held_with_their_names(portal: Loopback, session: Session) -> None:
    portal.answers[SHOW] = says(package(resource("CSV", "2025"), resource("CSV", "2026")))
    with pytest.raises(RunHeld, match=r"has 2 resources that would do; .*'2025', '2026'"):
        resource_address(feed_at(portal), session)
    portal.answers[SHOW] = says(package(resource("CSV", "2025"), resource("CSV", "2026", "https://example.org/26.csv")))
    assert resource_address(feed_at(portal, resource="2026"), session).url == "https://example.org/26.csv"


def test_a_resource_that_is_named_and_gone_fails_and_says_what_there_is(portal: Loopback, session: Session) -> None:
    portal.answers[SHOW] = says(package(resource("CSV", "2025")))
    with pytest.raises(RunFailed, match=r"has no resource '2026'; it has 2025 \(CSV\)"):
        resource_address(feed_at(portal, resource="2026"), session)


def test_a_dataset_of_documents_only_fails_and_says_what_there_is(portal: Loopback, session: Session) -> None:
    portal.answers[SHOW] = says(package(resource("PDF", "Leaflet"), resource("HTML", "Page")))
    with pytest.raises(RunFailed, match=r"no resource we can read; it has Leaflet \(PDF\), Page \(HTML\)") as failed:
        resource_address(feed_at(portal), session)
    assert failed.value.code == "E-FORMAT"


def test_a_feed_that_names_no_dataset_is_refused(portal: Loopback, session: Session) -> None:
    with pytest.raises(RunFailed, match="does not name a `dataset`"):
        resource_address(feed_of(platform="ckan", url=portal.url), session)
    assert portal.asked == []


def test_questions_go_by_get_with_our_name(portal: Loopback, session: Session) -> None:
    portal.answers[SHOW] = says(package(resource("CSV"), license_id="uk-ogl"))
    dataset = read_dataset(portal.url, "toilets", session)
    assert (dataset.licence, dataset.page) == ("uk-ogl", f"{portal.url}/dataset/toilets")
    assert portal.asked == [SHOW]


def test_pages_go_on_by_what_the_portal_really_returns(
    portal: Loopback, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A portal that gives at most 3 of the 100 that were asked for, and counts one that it never shows."""
    monkeypatch.setattr(ckan, "PAGE_ROWS", 100)
    for start in (0, 3, 6, 7):
        found = [package(id=str(number), name=f"d{number}") for number in range(start, min(start + 3, 7))]
        portal.answers[search_path(start)] = says({"count": 8, "results": found})
    assert [one.name for one in organisation_datasets(portal.url, "ashmere", session)] == [f"d{n}" for n in range(7)]
    starts = [parse_qs(urlsplit(path).query)["start"] for path in portal.asked]
    assert starts == [["0"], ["3"], ["6"], ["7"]]


def test_a_search_that_answers_something_else_fails_in_words(portal: Loopback, session: Session) -> None:
    for result in (["toilets"], {"count": 3}, None):
        portal.answers[search_path(0)] = says(result)
        with pytest.raises(RunFailed, match="answer is not a list of datasets"):
            organisation_datasets(portal.url, "ashmere", session)


def test_a_portal_that_says_no_holds_the_last_good_data(portal: Loopback, tools: Tools, tmp_path: Path) -> None:
    portal.answers |= {
        SHOW: says(package(resource("CSV", url=portal["/t.csv"]))),
        "/t.csv": Answer(b"Name,Easting,Northing\nAsh Lane,645700,407800\nBeech Road,645800,407900\n"),
    }
    feed = feed_at(portal)
    save_feed(tools.engine, feed)
    assert harvest(feed, tools, quiet).outcome is Outcome.PUBLISHED
    portal.answers[SHOW] = says({"message": "solr is down"}, 200, success=False)
    report = harvest(feed, tools, quiet)
    assert (report.outcome, report.code) == (Outcome.FAILED, "E-PLATFORM")
    assert len(query(tools.engine, "SELECT FROM layers.public_toilets")) == 2


def search_path(start: int) -> str:
    query = f"fq=organization%3A%22ashmere%22&sort=id+asc&rows=100&start={start}"
    return f"/api/action/package_search?{query}"
