"""Conditional requests: who has the present revision already gets 304, without the database being asked."""

import psycopg
import pytest
from starlette.testclient import TestClient

ITEMS = "/ogc/collections/public-toilets/items"
PATHS = ["/ogc/", "/ogc/collections/public-toilets", "/ogc/openapi", ITEMS, f"{ITEMS}?limit=3", f"{ITEMS}/pu0001"]


@pytest.mark.parametrize("path", PATHS)
def test_a_second_visit_is_304(client: TestClient, path: str) -> None:
    first = client.get(path)
    second = client.get(path, headers={"if-none-match": f'"other", {first.headers["etag"]}'})
    assert (second.status_code, second.content) == (304, b"")
    assert second.headers["etag"] == first.headers["etag"]
    assert first.headers["cache-control"] == second.headers["cache-control"] == "public, max-age=60"


def test_the_time_of_the_last_publish_is_a_validator_too(client: TestClient) -> None:
    modified = client.get(ITEMS).headers["last-modified"]
    assert modified.endswith("GMT")
    assert client.get(ITEMS, headers={"if-modified-since": modified}).status_code == 304
    assert client.get(ITEMS, headers={"if-modified-since": modified, "if-none-match": '"x"'}).status_code == 200


def test_other_questions_have_other_tags(client: TestClient) -> None:
    searches = ["", "?limit=3", "?limit=4", "?council=X08000001"]
    assert len({client.get(ITEMS + search).headers["etag"] for search in searches}) == len(searches)


def test_304_does_not_need_the_table(own_client: TestClient, own_url: str) -> None:
    etag = own_client.get(ITEMS).headers["etag"]
    with psycopg.connect(own_url, autocommit=True) as connection:
        connection.execute("ALTER TABLE layers.public_toilets RENAME TO away")
    assert own_client.get(ITEMS, headers={"if-none-match": etag}).status_code == 304
    assert own_client.get(ITEMS + "?limit=2").status_code == 500
