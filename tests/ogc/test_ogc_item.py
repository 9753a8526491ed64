"""Item: one feature by its id, 404 for one that never was, 410 for one that ended."""

import psycopg
import pytest
from starlette.testclient import TestClient

from tests.ogc.fixture_city import LINES

ITEM = "/ogc/collections/public-toilets/items/pu0002"

END = """
INSERT INTO layers.change (layer, revision, op, feature_id, council, feed_id, run, at)
VALUES ('public-toilets', 2, %s, 'pu0002', 'X08000002', 'birchley-public-toilets', 1, '2024-05-06T07:08:09Z')
"""


def test_an_item_is_the_feature_as_it_stands_in_items_with_links(client: TestClient) -> None:
    answer = client.get(ITEM)
    listed = client.get("/ogc/collections/public-toilets/items?reference=T2").json()["features"][0]
    links = answer.json().pop("links")
    assert answer.headers["content-type"] == "application/geo+json"
    assert {key: value for key, value in answer.json().items() if key != "links"} == listed
    assert {link["rel"] for link in links} == {"self", "alternate", "collection", "license"}
    ours = [link["href"] for link in links if link["rel"] != "license"]
    assert {client.get(address, follow_redirects=False).status_code for address in ours} == {200}
    assert listed["properties"]["notes"] == LINES


@pytest.mark.parametrize("name", ["pu9999", "co0001", "1", "%00", "x%20y", "'"])
def test_an_id_that_never_was_is_404(client: TestClient, name: str) -> None:
    answer = client.get(f"/ogc/collections/public-toilets/items/{name}")
    assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")
    assert "has no feature" in answer.json()["detail"]


def test_a_feature_that_ended_is_410_and_says_when(own_client: TestClient, own_url: str) -> None:
    with psycopg.connect(own_url, autocommit=True) as connection:
        connection.execute(END, ["end"])
        connection.execute("DELETE FROM layers.public_toilets WHERE feature_id = 'pu0002'")
    answer = own_client.get(ITEM)
    assert (answer.status_code, answer.headers["content-type"]) == (410, "application/problem+json")
    assert answer.json()["ended_at"] == "2024-05-06T07:08:09Z"
    assert "ended on 2024-05-06" in answer.json()["detail"]


def test_a_feature_that_came_back_is_there_again(own_client: TestClient, own_url: str) -> None:
    with psycopg.connect(own_url, autocommit=True) as connection:
        connection.execute(END, ["end"])
        connection.execute(END, ["restore"])
    assert own_client.get(ITEM).status_code == 200


def test_an_item_takes_no_parameter_of_items(client: TestClient) -> None:
    answer = client.get(ITEM + "?limit=1")
    assert (answer.status_code, answer.json()["allowed"]) == (400, ["crs", "f"])


def test_head_tells_whether_the_item_is_there(client: TestClient) -> None:
    assert client.head(ITEM).status_code == 200
    assert client.head(ITEM + "x").status_code == 404


REDIRECT = """
INSERT INTO citywide.redirect (old_id, new_id, layer, reason, by)
VALUES ('merged01', %s, 'public-toilets', 'It became one with another.', 'a test')
"""


def test_an_id_that_leads_on_is_301_with_the_new_address_and_says_why(own_client: TestClient, own_url: str) -> None:
    with psycopg.connect(own_url, autocommit=True) as connection:
        connection.execute(REDIRECT, ["pu0002"])
    old = ITEM.replace("pu0002", "merged01")
    answer = own_client.get(f"{old}?f=json", follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (301, f"http://fernport.test{ITEM}?f=json")
    assert "became one with another" in answer.json()["detail"] and answer.json()["new_id"] == "pu0002"
    assert own_client.get(old, follow_redirects=True).json()["id"] == "pu0002"
    page = own_client.get(old, headers={"accept": "text/html"}, follow_redirects=False)
    assert (page.status_code, page.headers["location"]) == (301, f"http://fernport.test{ITEM}")


def test_a_redirect_is_its_own_layers_alone(own_client: TestClient, own_url: str) -> None:
    with psycopg.connect(own_url, autocommit=True) as connection:
        connection.execute(REDIRECT, ["pu0002"])
    assert own_client.get("/ogc/collections/conservation-areas/items/merged01").status_code == 404


def test_an_id_that_was_withdrawn_is_410_and_says_why(own_client: TestClient, own_url: str) -> None:
    with psycopg.connect(own_url, autocommit=True) as connection:
        connection.execute(REDIRECT, [None])
    answer = own_client.get(ITEM.replace("pu0002", "merged01"))
    assert answer.status_code == 410 and "withdrawn for good" in answer.json()["detail"]
