"""The councils' web server: right content types and validators, 304 for who has the file already, and a CKAN portal
that CKAN's own client can read."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from ckanapi import NotFound, RemoteCKAN, ValidationError
from ckanapi.errors import CKANAPIError, SearchQueryError

from datasets.errors import CitywideError
from harvesters.demo.city import make_city
from harvesters.demo.councils import demo_feeds, write_councils
from harvesters.demo.publication import Publication
from harvesters.demo.server import CouncilServer

Publications = dict[str, Publication]


@pytest.fixture(scope="module")
def server(publications: Publications, folder: Path) -> Iterator[CouncilServer]:
    with CouncilServer(folder) as running:
        yield running


@pytest.fixture
def portal(server: CouncilServer) -> Iterator[RemoteCKAN]:
    with RemoteCKAN(f"{server.url}/ferncliffe/data", get_only=True) as client:
        yield client


def test_every_file_feed_is_answered_with_its_bytes(server: CouncilServer, folder: Path) -> None:
    for feed in demo_feeds(server.url):
        if feed.platform == "file":
            answer = requests.get(feed.url, timeout=10)
            assert answer.status_code == 200, feed.id
            assert answer.content == (folder / feed.url.removeprefix(f"{server.url}/")).read_bytes()
            assert int(answer.headers["content-length"]) == len(answer.content)


@pytest.mark.parametrize(
    ("path", "content_type"),
    [
        ("ashmere/libraries.csv", "text/csv"),
        ("brackholme/libraries.xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
        ("coppergate/libraries.geojson", "application/geo+json"),
        ("dunmoor/public-toilets.zip", "application/zip"),
        ("eastwold/public-toilets.kml", "application/vnd.google-earth.kml+xml"),
        ("eastwold/conservation-areas.gml", "application/gml+xml"),
        ("eastwold/libraries.gpkg", "application/geopackage+sqlite3"),
        ("ferncliffe/data/files/toilets.tsv", "text/tab-separated-values"),
    ],
)
def test_each_format_has_its_content_type(server: CouncilServer, path: str, content_type: str) -> None:
    assert requests.head(f"{server.url}/{path}", timeout=10).headers["content-type"] == content_type


def test_who_has_the_file_already_gets_304_without_a_body(server: CouncilServer) -> None:
    url = f"{server.url}/ashmere/public-toilets.csv"
    first = requests.get(url, timeout=10).headers
    for condition in ({"If-None-Match": first["etag"]}, {"If-Modified-Since": first["last-modified"]}):
        answer = requests.get(url, headers=condition, timeout=10)
        assert (answer.status_code, answer.content) == (304, b"")
        assert answer.headers["etag"] == first["etag"]
    assert requests.get(url, headers={"If-None-Match": '"other"'}, timeout=10).status_code == 200


def test_a_file_written_again_keeps_its_tag_until_its_bytes_change(tmp_path: Path) -> None:
    write_councils(make_city(features=200), tmp_path)
    with CouncilServer(tmp_path) as server:
        url = f"{server.url}/ashmere/libraries.csv"
        before = requests.get(url, timeout=10).headers["etag"]
        os.utime(tmp_path / "ashmere/libraries.csv", (1, 1))
        assert requests.get(url, headers={"If-None-Match": before}, timeout=10).status_code == 304
        (tmp_path / "ashmere/libraries.csv").write_text("changed\n")
        assert requests.get(url, headers={"If-None-Match": before}, timeout=10).text == "changed\n"


@pytest.mark.parametrize(
    "path", ["nothing.csv", "ashmere", "ferncliffe/data/catalogue.json", "%2e%2e/secret.csv", "ashmere/%00.csv"]
)
def test_what_is_not_published_is_not_found(server: CouncilServer, folder: Path, path: str) -> None:
    (folder.parent / "secret.csv").write_text("a\n1\n")
    assert requests.get(f"{server.url}/{path}", timeout=10).status_code == 404


def test_the_server_is_gone_after_its_context_and_its_port_free(folder: Path) -> None:
    with CouncilServer(folder) as server:
        assert requests.get(server.url, timeout=10).status_code == 200
    with pytest.raises(requests.ConnectionError):
        requests.get(server.url, timeout=10)
    with CouncilServer(folder, port=server.port) as again:
        assert requests.get(again.url, timeout=10).status_code == 200


def test_a_port_that_is_taken_is_refused_in_one_sentence(server: CouncilServer, folder: Path) -> None:
    with pytest.raises(CitywideError, match=f"cannot use port {server.port}"), CouncilServer(folder, server.port):
        pass


def test_the_portal_lists_its_datasets_and_shows_one(portal: RemoteCKAN) -> None:
    names = portal.action.package_list()
    assert names == ["conservation-areas", "libraries", "polling-stations", "public-toilets"]
    package = portal.action.package_show(id="public-toilets")
    assert portal.action.package_show(id=package["id"]) == package
    assert package["organization"]["name"] == "ferncliffe" and package["license_id"] == "uk-ogl"
    assert [resource["format"] for resource in package["resources"]] == ["HTML", "TSV"]


def test_a_resources_address_gives_its_file(portal: RemoteCKAN, publications: Publications, folder: Path) -> None:
    table = portal.action.package_show(id="libraries")["resources"][1]
    answer = requests.get(table["url"], timeout=10)
    assert answer.content == (folder / publications["ferncliffe-libraries"].path).read_bytes()
    assert len(answer.content) == table["size"]


def test_the_documentation_resource_is_a_web_page(portal: RemoteCKAN) -> None:
    page = portal.action.package_show(id="libraries")["resources"][0]
    assert requests.get(page["url"], timeout=10).headers["content-type"].startswith("text/html")


def test_the_whole_organisation_is_found_page_by_page(portal: RemoteCKAN) -> None:
    pages = [portal.action.package_search(fq="organization:ferncliffe", rows=3, start=start) for start in (0, 3)]
    assert [(page["count"], len(page["results"])) for page in pages] == [(4, 3), (4, 1)]
    assert len({package["id"] for page in pages for package in page["results"]}) == 4
    assert portal.action.package_search(fq="organization:elsewhere")["count"] == 0
    assert portal.action.organization_show(id="ferncliffe", include_datasets=True)["package_count"] == 4


def test_the_portal_says_no_as_ckan_does(portal: RemoteCKAN) -> None:
    with pytest.raises(NotFound):
        portal.action.package_show(id="nothing")
    with pytest.raises(ValidationError) as missing:
        portal.action.package_show()
    assert missing.value.error_dict["id"] == ["Missing value"]
    with pytest.raises(SearchQueryError):
        portal.action.package_search(fq="(((")
    with pytest.raises(CKANAPIError, match="Action name not known"):
        portal.action.package_burn()


def test_answers_come_in_ckans_envelope_by_get_and_by_post(server: CouncilServer) -> None:
    url = f"{server.url}/ferncliffe/data/api/3/action/package_show"
    got = requests.get(url, params={"id": "libraries"}, timeout=10)
    posted = requests.post(url, json={"id": "libraries"}, timeout=10)
    assert got.json() == posted.json() and set(got.json()) == {"help", "success", "result"}
    refused = requests.get(url, params={"id": "nothing"}, timeout=10)
    assert refused.status_code == 404 and refused.json()["success"] is False
    assert refused.json()["error"] == {"__type": "Not Found Error", "message": "Not found"}
