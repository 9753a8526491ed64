"""The landing page and the conformance page: where a client of the OGC API begins."""

import pytest
from starlette.testclient import TestClient

from datasets.errors import DatabaseError
from tests.ogc.fixture_city import application


def links(client: TestClient, path: str, **headers: str) -> dict[str, list[dict[str, str]]]:
    found: dict[str, list[dict[str, str]]] = {}
    for link in client.get(path, headers=headers).json()["links"]:
        found.setdefault(link["rel"], []).append(link)
    return found


def test_the_landing_page_has_the_links_that_clients_look_for(client: TestClient) -> None:
    found = links(client, "/ogc/")
    assert found["service-desc"][0]["type"] == "application/vnd.oai.openapi+json;version=3.0"
    assert found["data"][0]["href"] == "http://fernport.test/ogc/collections"
    assert found["conformance"][0]["href"] == "http://fernport.test/ogc/conformance"


def test_every_link_of_the_landing_page_leads_somewhere(client: TestClient) -> None:
    hrefs = [link["href"] for group in links(client, "/ogc/").values() for link in group]
    answers = {href: client.get(href, follow_redirects=False).status_code for href in hrefs if "/ogc" in href}
    assert set(answers.values()) == {200}, answers


def test_links_follow_the_address_that_the_client_used(client: TestClient) -> None:
    found = links(client, "/ogc/", host="other.example.org:8443")
    assert found["data"][0]["href"] == "http://other.example.org:8443/ogc/collections"


def test_links_follow_the_public_address_when_there_is_one(filled_url: str) -> None:
    with TestClient(application(filled_url, "https://data.fernport.example/open/")) as client:
        found = links(client, "/ogc/")
        assert found["data"][0]["href"] == "https://data.fernport.example/open/ogc/collections"
        page = client.get("/ogc/collections/public-toilets/items").json()
        own = [link["href"] for link in page["links"] if link["rel"] != "license"]
        assert own and all(href.startswith("https://data.fernport.example/open/ogc/") for href in own)


def test_without_a_database_it_does_not_start() -> None:
    nowhere = application("postgresql://nobody@127.0.0.1:1/nothing")
    with pytest.raises(DatabaseError, match="cannot read the layer table"), TestClient(nowhere):
        pass


@pytest.mark.parametrize("host", ["a b", 'x"><script>', "x/y"])
def test_a_host_header_that_is_no_host_is_refused(client: TestClient, host: str) -> None:
    assert client.get("/ogc/", headers={"host": host}).status_code == 400


def test_only_conformance_classes_that_hold_are_declared(client: TestClient) -> None:
    classes = client.get("/ogc/conformance").json()["conformsTo"]
    assert "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/core" in classes
    assert not [name for name in classes if "features-4" in name or "features-2" in name]


def test_the_conformance_list_does_not_grow_with_requests(client: TestClient) -> None:
    first = client.get("/ogc/conformance").content
    assert [client.get("/ogc/conformance").content for _ in range(3)] == [first] * 3
