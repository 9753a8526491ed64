"""What two councils both publish comes twice by default and once on request, counted rightly in both, and each of the
two names the other."""

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import text
from starlette.testclient import TestClient

from datasets.store.engine import connect
from tests.ogc.fixture_city import application, fill

ITEMS = "/ogc/collections/public-toilets/items"
TWIN, PREFERRED = "pu0002", "pu0003"
TELL = """
    UPDATE layers.public_toilets
    SET duplicate_of = CASE feature_id WHEN :twin THEN :preferred END,
        also_published_by = jsonb_build_array(jsonb_build_object(
            'id', CASE feature_id WHEN :twin THEN :preferred ELSE :twin END, 'council', council, 'feed', feed_id))
    WHERE feature_id IN (:twin, :preferred)
"""
BOX = {"bbox": "1.015,51,1.035,52"}
"""Holds both of them and nothing else."""


@pytest.fixture
def client(fresh_database_url: str) -> Iterator[TestClient]:
    fill(fresh_database_url)
    engine = connect(fresh_database_url)
    with engine.begin() as connection:
        connection.execute(text(TELL), {"twin": TWIN, "preferred": PREFERRED})
        connection.execute(text("UPDATE citywide.layer SET duplicates = 1 WHERE id = 'public-toilets'"))
    engine.dispose()
    with TestClient(application(fresh_database_url), base_url="http://fernport.test") as client:
        yield client


def ids(page: Any) -> list[str]:
    return [feature["id"] for feature in page["features"]]


def test_both_come_unless_duplicates_are_left_out(client: TestClient) -> None:
    for asked in ({}, {"duplicates": "include"}):
        page = client.get(ITEMS, params={**BOX, **asked}).json()
        assert (ids(page), page["numberMatched"]) == ([TWIN, PREFERRED], 2)
    page = client.get(ITEMS, params={**BOX, "duplicates": "exclude"}).json()
    assert (ids(page), page["numberMatched"], page["numberReturned"]) == ([PREFERRED], 1, 1)


@pytest.mark.parametrize(("asked", "count"), [({}, 60), ({"duplicates": "exclude"}, 59)], ids=["with", "without"])
def test_the_whole_layer_is_counted_with_and_without(client: TestClient, asked: dict[str, str], count: int) -> None:
    page = client.get(ITEMS, params={"limit": "100", **asked}).json()
    assert (page["numberMatched"], page["numberReturned"], len(ids(page))) == (count, count, count)
    assert (TWIN in ids(page)) == (count == 60)


def test_a_council_s_features_are_counted_with_and_without(client: TestClient) -> None:
    found = [
        client.get(ITEMS, params={"council": "X08000002", "duplicates": asked}).json()["numberMatched"]
        for asked in ("include", "exclude")
    ]
    assert found == [20, 19]


def test_the_next_pages_leave_duplicates_out_as_well(client: TestClient) -> None:
    page, seen = client.get(ITEMS, params={"limit": "2", "duplicates": "exclude"}).json(), []
    while True:
        seen += ids(page)
        following = [link["href"] for link in page["links"] if link["rel"] == "next"]
        if not following:
            break
        page = client.get(following[0]).json()
    assert len(seen) == len(set(seen)) == 59 and TWIN not in seen


def test_a_feature_names_the_others_and_leads_to_them(client: TestClient) -> None:
    twin = client.get(f"{ITEMS}/{TWIN}").json()
    assert twin["properties"]["duplicate_of"] == PREFERRED
    assert [other["id"] for other in twin["properties"]["also_published_by"]] == [PREFERRED]
    [related] = [link for link in twin["links"] if link["rel"] == "related"]
    assert client.get(related["href"]).json()["properties"]["also_published_by"][0]["id"] == TWIN


def test_a_feature_without_a_twin_says_so(client: TestClient) -> None:
    alone = client.get(f"{ITEMS}/pu0001").json()
    assert (alone["properties"]["duplicate_of"], alone["properties"]["also_published_by"]) == (None, None)
    assert [link for link in alone["links"] if link["rel"] == "related"] == []


def test_another_word_is_refused_with_those_that_are_allowed(client: TestClient) -> None:
    answer = client.get(ITEMS, params={"duplicates": "no"})
    assert answer.status_code == 400 and "include | exclude" in answer.text


def test_the_parameter_is_advertised(client: TestClient) -> None:
    document = client.get("/ogc/openapi").json()
    named = document["paths"]["/collections/public-toilets/items"]["get"]["parameters"]
    assert {"$ref": "#/components/parameters/duplicates"} in named
    assert document["components"]["parameters"]["duplicates"]["schema"]["default"] == "include"


def test_the_page_of_a_feature_links_its_twin(client: TestClient) -> None:
    page = client.get(f"{ITEMS}/{TWIN}", params={"f": "html"}).text
    assert f'href="{PREFERRED}?f=html"' in page
    assert "59" in client.get(ITEMS, params={"duplicates": "exclude", "f": "html"}).text
