"""The CKAN adapter, through the real ckanapi: portals, organisations and datasets are described as they stand, and one
resource is chosen or the choice is put to a person."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from datasets.errors import RunFailed, RunHeld
from datasets.store.feeds import save_feed
from datasets.vocabulary import Outcome
from harvesters.adapters import ckan
from harvesters.adapters.contract import Dataset, Download
from harvesters.demo.councils import demo_feeds
from harvesters.run import Tools, harvest
from harvesters.web.session import Session
from tests.adapters.reading import describe
from tests.builders import Answer, Loopback, feed_of, query, quiet, served

ACTION = "/api/3/action"
SHOW = f"{ACTION}/package_show?id=toilets"
RECORDED = Path(__file__).parents[3] / "shared" / "data" / "portal-responses" / "ckan" / "data-gov-uk"
TOILETS = {"dataset": "toilets"}
TABLE = b"Name,Easting,Northing\nAsh Lane,645700,407800\nBeech Road,645800,407900\n"


@pytest.fixture
def portal() -> Iterator[Loopback]:
    with served() as site:
        yield site


def package(*resources: Mapping[str, object], **more: object) -> dict[str, Any]:
    return {"id": "1", "name": "toilets", "title": "Toilets", "resources": list(resources), **more}


def resource(form: str, name: str = "", url: str = "", **more: object) -> dict[str, object]:
    address = url or f"https://example.org/t.{form.lower()}"
    return {"id": name or form, "name": name or form, "format": form, "url": address, **more}


def says(result: object, status: int = 200, success: bool = True) -> Answer:
    body = {"help": "", "success": success, "result" if success else "error": result}
    return Answer(json.dumps(body).encode(), status, {"Content-Type": "application/json"})


def described(portal: Loopback, session: Session, answered: Answer, **params: str) -> Dataset:
    portal.answers[SHOW] = answered
    return describe(ckan, portal.url, {**TOILETS, **params}, session)


def download(dataset: Dataset) -> Download:
    way = ckan.pages(dataset, None)
    assert isinstance(way, Download)
    return way


def search_path(start: int, filtered: str = "") -> str:
    fq = f"&fq={filtered}" if filtered else ""
    return f"{ACTION}/package_search?q=%2A%3A%2A&sort=id+asc&rows={ckan.PAGE_ROWS}&start={start}{fq}"


def test_the_demo_portals_dataset_gives_its_table_and_not_its_page(councils: str, session: Session) -> None:
    feed = next(feed for feed in demo_feeds(councils) if feed.id == "ferncliffe-public-toilets")
    way = download(describe(ckan, feed.url, feed.params, session))
    assert way.url.startswith(councils) and way.url.endswith("toilets.tsv") and way.name == "toilets.tsv"


@pytest.mark.parametrize(
    "page", ["", "/", "/dataset", "/organization/ferncliffe", "/api/3", "/api/3/action/package_list"]
)
def test_a_portal_and_its_organisation_list_their_datasets(councils: str, session: Session, page: str) -> None:
    found = ckan.probe(f"{councils}/ferncliffe/data{page}", {}, session)
    assert found is not None and found.platform == "ckan" and found.total == len(found.datasets) > 3
    assert {d.licence for d in found.datasets} == {"uk-ogl"} and found.url == f"{councils}/ferncliffe/data"
    assert {d.publisher for d in found.datasets} == {"Ferncliffe Borough Council"}


def test_a_page_of_a_dataset_is_that_dataset_at_the_portal(councils: str, session: Session) -> None:
    found = ckan.probe(f"{councils}/ferncliffe/data/dataset/public-toilets", {}, session)
    assert found is not None and [d.formats for d in found.datasets] == [("TSV",)]
    dataset = found.datasets[0]
    assert dataset.url == f"{councils}/ferncliffe/data" and dataset.page == f"{dataset.url}/dataset/public-toilets"
    again = describe(ckan, dataset.url, dataset.params, session)
    assert download(again).name == "toilets.tsv"


def test_a_feed_of_the_demo_portal_is_harvested(councils: str, tools: Tools) -> None:
    feed = next(feed for feed in demo_feeds(councils) if feed.id == "ferncliffe-public-toilets")
    save_feed(tools.engine, feed)
    report = harvest(feed, tools, quiet)
    assert report.outcome is Outcome.PUBLISHED and report.values["format"] == "TSV"
    [receipt] = query(tools.engine, "SELECT url FROM citywide.fetch WHERE resource_sha256 IS NOT NULL")
    assert receipt["url"].endswith("/files/toilets.tsv")


def test_a_portal_that_says_no_holds_the_last_good_data(portal: Loopback, tools: Tools) -> None:
    portal.answers |= {SHOW: says(package(resource("CSV", url=portal["/t.csv"]))), "/t.csv": Answer(TABLE)}
    feed = feed_of(platform="ckan", url=portal.url, params=TOILETS)
    save_feed(tools.engine, feed)
    assert harvest(feed, tools, quiet).outcome is Outcome.PUBLISHED
    portal.answers[SHOW] = says({"message": "solr is down"}, 200, success=False)
    report = harvest(feed, tools, quiet)
    assert (report.outcome, report.code) == (Outcome.FAILED, "E-PLATFORM")
    assert len(query(tools.engine, "SELECT FROM layers.public_toilets")) == 2


def test_addresses_of_others_are_not_asked(portal: Loopback, session: Session) -> None:
    paths = ("/arcgis/rest/services/T/FeatureServer", "/explore/dataset/toilets/", "/t.csv", "/ows?service=WFS")
    assert [ckan.probe(portal[path], {}, session) for path in paths] == [None] * 4
    assert portal.asked == []


def test_a_site_that_is_no_portal_is_asked_once(portal: Loopback, session: Session) -> None:
    portal.answers[search_path(0)] = Answer(b"<!doctype html><title>Ashmere</title>" + b" " * 5000)
    assert ckan.probe(portal.url, {}, session) is None
    portal.answers[search_path(0)] = Answer(b"", 500)
    assert ckan.probe(portal.url, {}, session) is None
    assert portal.asked == [search_path(0)] * 2


def test_pages_go_on_by_what_the_portal_really_returns(portal: Loopback, session: Session) -> None:
    """A portal that gives at most 3 of the 200 that were asked for, and counts one that it never shows."""
    for start in (0, 3, 6, 7):
        found = [package(id=str(number), name=f"d{number}") for number in range(start, min(start + 3, 7))]
        portal.answers[search_path(start)] = says({"count": 8, "results": found})
    found = ckan.probe(portal.url, {}, session)
    assert found is not None and [d.params["dataset"] for d in found.datasets] == [str(n) for n in range(7)]
    assert found.total == 8
    assert [parse_qs(urlsplit(path).query)["start"] for path in portal.asked] == [["0"], ["3"], ["6"], ["7"]]


def test_a_portal_of_ten_thousand_datasets_is_described_in_part(
    portal: Loopback, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ckan, "LISTED", 4)
    for start in (0, 3):
        found = [package(resource("CSV"), id=str(number)) for number in range(start, start + 3)]
        portal.answers[search_path(start)] = says({"count": 10_000, "results": found})
    found = ckan.probe(portal.url, {}, session)
    assert found is not None and (len(found.datasets), found.total) == (4, 10_000)
    assert found.note == "The first 4 of 10,000 datasets are described." and len(portal.asked) == 2


def test_a_group_is_asked_for_by_its_name(portal: Loopback, session: Session) -> None:
    path = search_path(0, "groups%3A%22places%22")
    portal.answers[path] = says({"count": 1, "results": [package(resource("CSV"))]})
    found = ckan.probe(portal["/group/places"], {}, session)
    assert found is not None and found.total == 1 and portal.asked == [path]


def test_what_a_portal_keeps_beside_its_datasets_is_passed_over(portal: Loopback, session: Session) -> None:
    kept = [package(resource("CSV")), package(id="2", type="harvest"), package(id="3", private=True), {"id": "4"}]
    kept += [package(id="5", state="draft"), "nonsense"]
    portal.answers[search_path(0)] = says({"count": 6, "results": kept})
    found = ckan.probe(portal.url, {}, session)
    assert found is not None and [d.params["dataset"] for d in found.datasets] == ["1"]


def test_a_portal_that_cannot_search_is_asked_for_each_dataset(portal: Loopback, session: Session) -> None:
    error = {"__type": "Search Error", "message": "SOLR returned an error"}
    portal.answers |= {
        search_path(0): says(error, 409, success=False),
        f"{ACTION}/package_list": says(["toilets"]),
        SHOW: says([package(resource("CSV"))]),
    }
    found = ckan.probe(portal.url, {}, session)
    assert found is not None and [d.title for d in found.datasets] == ["Toilets"] and "cannot search" in found.note


def test_a_dataset_that_is_not_there_is_told_by_its_name(portal: Loopback, session: Session) -> None:
    gone = says({"__type": "Not Found Error", "message": "Not found"}, 404, success=False)
    with pytest.raises(RunFailed, match=rf"The portal at {portal.url} has no 'toilets'\.") as failed:
        described(portal, session, gone)
    assert failed.value.code == "E-PLATFORM"


def test_a_dataset_we_may_not_read_is_told_so(portal: Loopback, session: Session) -> None:
    refused = says({"__type": "Authorization Error", "message": "Access denied"}, 403, success=False)
    with pytest.raises(RunFailed, match="does not let us read 'toilets'") as failed:
        described(portal, session, refused)
    assert failed.value.code == "E-AUTH"
    with pytest.raises(RunFailed, match="'toilets' is not published"):
        described(portal, session, says(package(resource("CSV"), private=True)))


@pytest.mark.parametrize(
    ("answer", "code", "words"),
    [
        (says({"message": "solr is down"}, 200, success=False), "E-PLATFORM", "solr is down"),
        (says({"__type": "Validation Error", "id": ["Missing"]}, 409, success=False), "E-PLATFORM", "Missing"),
        (Answer(b'"Bad request - Action name not known"', 400), "E-PLATFORM", "Action name not known"),
        (Answer(b"<!doctype html><title>Welcome</title>", 200, {"Content-Type": "text/html"}), "E-NOTDATA", "Welcome"),
        (Answer(b"<h1>Bad gateway</h1>", 502), "E-HTTP", "too busy"),
        (Answer(b"", 200), "E-PLATFORM", "answered"),
        (Answer(b'{"success": true, "result":', 200), "E-PLATFORM", "answered"),
        (Answer(b'{"success": true}', 200), "E-PLATFORM", "answered"),
        (Answer(b"null", 200), "E-PLATFORM", "answered"),
        (Answer(b"[]", 200), "E-PLATFORM", "answered"),
        (Answer(b'{"error": "Socrata"}', 200), "E-PLATFORM", "answered"),
        (says(None), "E-PLATFORM", "not a dataset"),
        (says("toilets"), "E-PLATFORM", "not a dataset"),
        (says([]), "E-PLATFORM", "not a dataset"),
        (says({"id": "1", "resources": None}), "E-PLATFORM", "not a dataset"),
    ],
    ids=lambda value: f"{value.status}-{value.body[:24]!r}" if isinstance(value, Answer) else None,
)
def test_an_answer_that_is_no_dataset_fails_in_words(
    portal: Loopback, session: Session, answer: Answer, code: str, words: str
) -> None:
    with pytest.raises(RunFailed, match=words) as failed:
        described(portal, session, answer)
    assert failed.value.code == code and "\n" not in str(failed.value)


def test_dkans_list_of_one_is_a_dataset(portal: Loopback, session: Session) -> None:
    dataset = described(portal, session, says([package(resource("CSV"))]))
    assert download(dataset).url == "https://example.org/t.csv"


def test_the_best_format_is_taken_of_several(portal: Loopback, session: Session) -> None:
    offered = (resource("PDF"), resource("CSV"), resource("GeoJSON"), resource("KML"))
    dataset = described(portal, session, says(package(*offered)))
    assert download(dataset).name == "t.geojson" and dataset.formats == ("GEOJSON",)


def test_a_format_field_that_says_nothing_is_read_from_the_address(portal: Loopback, session: Session) -> None:
    dataset = described(portal, session, says(package(resource("", "d", "https://example.org/files/Toilets.CSV?v=2"))))
    assert download(dataset).name == "Toilets.CSV"


def test_an_address_without_a_name_gets_one_with_the_format_that_is_said(portal: Loopback, session: Session) -> None:
    dataset = described(portal, session, says(package(resource("Shapefile", "d", "https://example.org/get/17"))))
    assert download(dataset).name == "17.shp"


def test_several_resources_that_would_do_are_held_with_their_names(portal: Loopback, session: Session) -> None:
    both = says(package(resource("CSV", "2025"), resource("CSV", "2026", "https://example.org/26.csv")))
    with pytest.raises(RunHeld, match=r"has 2 resources that would do; .*'2025', '2026'"):
        described(portal, session, both)
    assert download(described(portal, session, both, resource="2026")).url == "https://example.org/26.csv"


def test_the_page_of_such_a_dataset_offers_each_resource(portal: Loopback, session: Session) -> None:
    portal.answers[SHOW] = says(package(resource("CSV", "2025"), resource("CSV", "2026")))
    found = ckan.probe(portal["/dataset/toilets"], {}, session)
    assert found is not None and [d.title for d in found.datasets] == ["Toilets: 2025", "Toilets: 2026"]
    assert [d.params for d in found.datasets] == [{"dataset": "1", "resource": year} for year in ("2025", "2026")]


def test_in_a_long_list_such_a_dataset_is_one_that_cannot_be_read_yet(portal: Loopback, session: Session) -> None:
    results = [package(resource("CSV", "2025"), resource("CSV", "2026")), package(resource("PDF"), id="2")]
    portal.answers[search_path(0)] = says({"count": 2, "results": results})
    found = ckan.probe(portal.url, {}, session)
    assert found is not None and [d.formats for d in found.datasets] == [("CSV",), ()]
    with pytest.raises(RunHeld, match="2 resources that would do"):
        ckan.pages(found.datasets[0], None)
    with pytest.raises(RunFailed, match="no resource we can read"):
        ckan.pages(found.datasets[1], None)


def test_a_resource_that_is_named_and_gone_fails_and_says_what_there_is(portal: Loopback, session: Session) -> None:
    with pytest.raises(RunFailed, match=r"has no resource '2026'; it has 2025 \(CSV\)"):
        described(portal, session, says(package(resource("CSV", "2025"))), resource="2026")


def test_a_dataset_of_documents_only_fails_and_says_what_there_is(portal: Loopback, session: Session) -> None:
    with pytest.raises(RunFailed, match=r"no resource we can read; it has Leaflet \(PDF\), Page \(HTML\)") as failed:
        described(portal, session, says(package(resource("PDF", "Leaflet"), resource("HTML", "Page"))))
    assert failed.value.code == "E-FORMAT"


def test_a_feed_that_names_no_dataset_is_refused(portal: Loopback, session: Session) -> None:
    with pytest.raises(RunFailed, match="does not name a `dataset`"):
        ckan.probe(portal.url, {"datastore": "yes"}, session)
    assert portal.asked == []


def test_a_service_behind_a_dataset_is_offered_with_its_own_platform(portal: Loopback, session: Session) -> None:
    layer = "https://maps.example.org/arcgis/rest/services/Toilets/FeatureServer/0"
    portal.answers[SHOW] = says(package(resource("ESRI REST", "Map", f"{layer}?f=html"), resource("CSV")))
    found = ckan.probe(portal["/dataset/toilets"], {}, session)
    assert found is not None and [(d.url, dict(d.params)) for d in found.datasets] == [(layer, {})]
    assert found.datasets[0].own["platform"] == "arcgis"
    assert download(describe(ckan, portal.url, TOILETS, session)).name == "t.csv"


def test_a_feed_of_a_dataset_that_is_only_a_service_is_told_where_to_go(portal: Loopback, session: Session) -> None:
    wfs = "https://maps.example.org/wfs?service=WFS&request=GetCapabilities"
    with pytest.raises(RunFailed, match=r"is a service at https://maps\.example\.org/wfs; .*'wfs'"):
        described(portal, session, says(package(resource("WMS", "Map", wfs))))


@pytest.mark.parametrize(
    ("more", "licence"),
    [
        ({"license_id": "uk-ogl", "license_title": "Some words"}, "uk-ogl"),
        ({"license_id": "other-open", "license_title": "Open Government Licence"}, "Open Government Licence"),
        ({"license_id": "notspecified"}, "unknown"),
        ({"license_id": None, "extras": [{"key": "licence", "value": "Ours alone"}]}, "Ours alone"),
    ],
)
def test_the_licence_is_the_first_wording_that_the_register_knows(
    portal: Loopback, session: Session, more: dict[str, object], licence: str
) -> None:
    assert described(portal, session, says(package(resource("CSV"), **more))).licence == licence


@pytest.mark.parametrize(
    ("stamps", "refreshed", "watermark"),
    [
        ({"url_type": "upload", "last_modified": "2026-05-01T10:00:00"}, None, "CSV 2026-05-01T10:00:00"),
        # Toronto's resource stamp read 2022 while its rows were refreshed in 2026: the later of them counts.
        ({"url_type": "upload", "last_modified": "2022-05-02"}, "2026-06-04", "CSV 2026-06-04"),
        # The portal learns nothing of a file elsewhere.
        ({"last_modified": "2026-05-01T10:00:00"}, None, None),
        ({"url_type": "upload", "last_modified": None, "created": "2026-05-01"}, None, None),
    ],
)
def test_a_watermark_is_given_only_where_it_can_be_trusted(
    portal: Loopback, session: Session, stamps: dict[str, object], refreshed: str | None, watermark: str | None
) -> None:
    answer = says(package(resource("CSV", **stamps), last_refreshed=refreshed, metadata_modified="2026-07-01"))
    assert described(portal, session, answer).watermark == watermark


def test_questions_go_by_get_with_our_name(portal: Loopback, session: Session) -> None:
    assert described(portal, session, says(package(resource("CSV")))).page == f"{portal.url}/dataset/toilets"
    assert portal.asked == [SHOW]


def test_the_pages_of_data_gov_uk_are_elsewhere_than_its_api(monkeypatch: pytest.MonkeyPatch) -> None:
    address = ckan._address_of(
        "https://www.data.gov.uk/dataset/7509bbb5-ce6a-4801-8d77-b72c58d46180/ford-crossings", {}
    )
    assert address is not None and address.dataset == "7509bbb5-ce6a-4801-8d77-b72c58d46180"
    assert address.portals == ("https://www.data.gov.uk", "https://data.gov.uk")


@pytest.mark.real
@pytest.mark.skipif(not RECORDED.exists(), reason="the folder of real council files is not here")
@pytest.mark.parametrize(
    ("name", "platform", "formats"),
    [
        ("package_show_create", None, ("XLS",)),
        ("package_show_update", None, ("CSV",)),
        ("package_show_inspire", "wfs", ("WFS",)),
        ("package_show_empty", None, ()),
        ("new_api-package_show_inspire", None, ()),
    ],
)
def test_recorded_datasets_of_data_gov_uk_are_described(
    portal: Loopback, session: Session, name: str, platform: str | None, formats: tuple[str, ...]
) -> None:
    portal.answers[SHOW] = Answer((RECORDED / f"{name}.json").read_bytes())
    found = ckan.probe(portal["/dataset/toilets/a-slug"], {}, session)
    assert found is not None and [(d.own.get("platform"), d.formats) for d in found.datasets] == [(platform, formats)]
