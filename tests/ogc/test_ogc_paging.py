"""Paging: next links lead through every feature once, in order, whatever else is asked."""

import base64
from typing import Any

import psycopg
import pytest
from starlette.testclient import TestClient

from tests.ogc.test_ogc_items import ITEMS, page, toilets

PLAIN = """
SELECT feature_id FROM layers.public_toilets
WHERE geom && ST_MakeEnvelope(1.1, 51, 1.5, 52, 4326) AND accessible AND council = 'X08000001' ORDER BY fid
"""


def next_link(document: Any) -> str | None:
    return next((link["href"] for link in document["links"] if link["rel"] == "next"), None)


def walk(client: TestClient, href: str | None) -> list[list[str]]:
    pages = []
    while href:
        document = client.get(href).json()
        pages.append([feature["id"] for feature in document["features"]])
        assert document["numberReturned"] == len(pages[-1])
        href = next_link(document)
    return pages


@pytest.mark.parametrize("limit", [1, 3, 4, 100])
def test_walking_all_pages_gives_just_what_sql_gives(client: TestClient, filled_url: str, limit: int) -> None:
    pages = walk(client, f"{ITEMS}?bbox=1.1,51,1.5,52&accessible=true&council=X08000001&limit={limit}")
    with psycopg.connect(filled_url) as connection:
        wanted = [row[0] for row in connection.execute(PLAIN)]
    assert [name for one in pages for name in one] == wanted
    assert {len(one) for one in pages[:-1]} <= {limit}


@pytest.mark.parametrize("search", ["limit=7", "limit=7&name=Toilet 3", "limit=60", "limit=7&datetime=2020"])
def test_every_page_but_the_last_has_a_next_link(client: TestClient, search: str) -> None:
    pages = walk(client, f"{ITEMS}?{search}")
    assert all(pages)
    assert sum(map(len, pages)) == page(client, **dict(part.split("=") for part in search.split("&")))["numberMatched"]


def test_next_keeps_the_parameters_and_the_format(client: TestClient) -> None:
    href = next_link(page(client, limit=2, council="X08000001", bbox="1,51,2,52"))
    assert href is not None
    assert "f=json&limit=2&council=X08000001&bbox=1,51,2,52&cursor=" in href


def test_a_cursor_does_not_freeze_the_limit(client: TestClient) -> None:
    href = next_link(page(client, limit=2))
    assert len(client.get(f"{href}&limit=5").json()["features"]) == 5


def test_a_cursor_is_opaque_and_stands_for_a_place_and_not_a_count(client: TestClient) -> None:
    cursor = base64.urlsafe_b64encode(b"1:58").rstrip(b"=").decode()
    assert [f["id"] for f in page(client, cursor=cursor)["features"]] == toilets(58, 59)
