"""Two lanes, one meaning: pygeoapi through our plugin gives the same features as the lane that serves GeoJSON."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from psycopg import AsyncConnection
from psycopg_pool import ConnectionPool
from starlette.testclient import TestClient

from ogc.engine import Engine, Look
from ogc.pool import connection_settings
from ogc.snapshot import read_snapshot
from tests.ogc.fixture_city import CITY

QUESTIONS = [
    {},
    {"limit": "3"},
    {"bbox": "1.1,51,1.2,52"},
    {"bbox": "1.575,51,-170,52"},
    {"bbox": "1.1,51,0,1.2,52,9"},
    {"council": "X08000002", "limit": "100"},
    {"datetime": "1975/..", "limit": "4"},
    {"name": "nobody"},
    {"limit": "2", "cursor": "MTo1"},
    {"duplicates": "exclude", "limit": "5"},
]


@pytest.fixture(scope="module")
def engine(client: TestClient, filled_url: str) -> Iterator[Engine]:
    async def snapshot() -> object:
        async with await AsyncConnection.connect(filled_url, autocommit=True) as connection:
            return await read_snapshot(connection, CITY)

    assert client.portal is not None
    with ConnectionPool(filled_url, min_size=1, max_size=1, kwargs=connection_settings()) as pool:
        yield Engine(client.portal.call(snapshot), "http://fernport.test/ogc", pool, Look())


def cursor(page: Any) -> str:
    hrefs = [link["href"] for link in page["links"] if link["rel"] == "next"]
    return "".join(hrefs).partition("cursor=")[2]


@pytest.mark.parametrize("layer", ["public-toilets", "conservation-areas", "libraries"])
@pytest.mark.parametrize("question", QUESTIONS, ids=lambda question: "&".join(question) or "all")
def test_items_agree(client: TestClient, engine: Engine, layer: str, question: dict[str, str]) -> None:
    ours = client.get(f"/ogc/collections/{layer}/items", params=question).json()
    theirs = json.loads(engine.items({**question, "f": "json"}, layer))
    for key in ("type", "features", "numberReturned", "numberMatched", "attribution", "licences"):
        assert ours.get(key) == theirs.get(key), key
    assert cursor(ours) == cursor(theirs)


def test_item_agrees(client: TestClient, engine: Engine) -> None:
    ours = client.get("/ogc/collections/conservation-areas/items/co0003").json()
    theirs = json.loads(engine.item("json", "conservation-areas", "co0003"))
    assert {**ours, "links": None} == {**theirs, "links": None}
