"""What is published is served without a restart: the layer table is watched."""

import time
from collections.abc import Callable

import psycopg
import pytest
from sqlalchemy import text
from starlette.testclient import TestClient

from datasets.layer import Layer, find_layer
from datasets.store.engine import connect
from datasets.store.layer_tables import make_layer_tables
from datasets.store.migrate import migrate
from ogc import watch
from tests.ogc.fixture_city import CITY, add_features, toilet

TOILETS = "/ogc/collections/public-toilets"


def soon(holds: Callable[[], bool], seconds: float = 10) -> bool:
    end = time.monotonic() + seconds
    while not holds() and time.monotonic() < end:
        time.sleep(0.02)
    return holds()


def test_a_publish_changes_what_is_served(
    own_client: TestClient, own_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "POLL_SECONDS", 3600.0)
    etag = own_client.get(TOILETS + "/items").headers["etag"]
    with connect(own_url).begin() as connection:
        add_features(connection, "public-toilets", [toilet(60)])
    assert soon(lambda: own_client.get(TOILETS + "/items").json()["numberMatched"] == 61)
    assert own_client.get(TOILETS + "/items", headers={"if-none-match": etag}).status_code == 200


def test_a_publish_whose_notice_is_lost_is_seen_by_looking(
    own_url: str, own_client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "POLL_SECONDS", 0.05)
    with psycopg.connect(own_url, autocommit=True) as connection:
        connection.execute("UPDATE citywide.layer SET extent = '[1.5, 51, 1.6, 52]' WHERE id = 'public-toilets'")
    box = [[1.5, 51.0, 1.6, 52.0]]
    assert soon(lambda: own_client.get(TOILETS).json()["extent"]["spatial"]["bbox"] == box)


def test_a_layer_that_appears_becomes_a_collection(own_client: TestClient, own_url: str) -> None:
    with connect(own_url).begin() as connection:
        connection.execute(text("DELETE FROM citywide.layer WHERE id = 'libraries'"))
        connection.execute(text("NOTIFY citywide_layer"))
    assert soon(lambda: own_client.get("/ogc/collections/libraries").status_code == 404)
    migrate(connect(own_url), CITY)
    assert soon(lambda: own_client.get("/ogc/collections/libraries/items").status_code == 200)
    assert "/collections/libraries/items" in own_client.get("/ogc/openapi").json()["paths"]


def test_a_field_that_a_layer_gains_is_served_without_a_restart(own_client: TestClient, own_url: str) -> None:
    definition = find_layer("libraries").model_dump(mode="json")
    definition["fields"]["has_cafe"] = {"title": "Café", "description": "Whether it has one.", "type": "flag"}
    grown = Layer.model_validate(definition)
    assert own_client.get("/ogc/collections/libraries/items").status_code == 200
    with connect(own_url).begin() as connection:
        make_layer_tables(connection, {"libraries": grown})
        connection.execute(text("NOTIFY citywide_layer"))
    address = "/ogc/collections/libraries/items?has_cafe=true"
    assert soon(lambda: own_client.get(address).status_code == 200)


def test_a_feed_that_is_mended_changes_attribution_and_tag(own_client: TestClient, own_url: str) -> None:
    etag = own_client.get(TOILETS + "/items").headers["etag"]
    with psycopg.connect(own_url, autocommit=True) as connection:
        connection.execute("UPDATE citywide.feed SET attribution = '© Alder' WHERE id = 'alder-bay-public-toilets'")
        connection.execute("NOTIFY citywide_layer")
    assert soon(lambda: "© Alder" in own_client.get(TOILETS).json()["attribution"])
    answer = own_client.get(TOILETS + "/items", headers={"if-none-match": etag})
    assert answer.json()["features"][0]["properties"]["attribution"] == "© Alder"


def test_when_the_database_goes_away_the_last_snapshot_stays(own_client: TestClient, own_url: str) -> None:
    with psycopg.connect(own_url, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    assert own_client.get("/ogc/collections").status_code == 200
    assert soon(lambda: own_client.get(TOILETS + "/items").status_code == 200)
