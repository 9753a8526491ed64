"""Items: a page of features as GeoJSON, each feature with where it came from."""

import json
from datetime import datetime
from typing import Any

from starlette.testclient import TestClient

from tests.ogc.fixture_city import LINES, SHA256

ITEMS = "/ogc/collections/public-toilets/items"


def page(client: TestClient, **parameters: object) -> Any:
    answer = client.get(ITEMS, params={name.replace("_", "-"): str(value) for name, value in parameters.items()})
    assert answer.status_code == 200, answer.text
    return answer.json()


def ids(document: Any) -> list[str]:
    return [feature["id"] for feature in document["features"]]


def toilets(*numbers: int) -> list[str]:
    return [f"pu{number:04}" for number in numbers]


def test_a_page_is_geojson_of_ten_features_in_a_stable_order(client: TestClient) -> None:
    answer = client.get(ITEMS)
    assert answer.headers["content-type"] == "application/geo+json"
    assert ids(answer.json()) == toilets(*range(10))
    assert answer.json()["numberReturned"] == 10
    assert answer.json()["numberMatched"] == 60
    assert datetime.fromisoformat(answer.json()["timeStamp"]).tzinfo is not None


def test_a_feature_leads_back_to_council_feed_bytes_row_and_licence(client: TestClient) -> None:
    found = page(client, reference="T2")["features"][0]["properties"]
    assert (found["council"], found["council_name"], found["feed"]) == (
        "X08000002",
        "Birchley",
        "birchley-public-toilets",
    )
    assert (found["licence"], found["attribution"]) == ("OGL-UK-3.0", "© Birchley 2024")
    assert found["source_url"] == "https://example.org/birchley-public-toilets.csv"
    assert (found["resource_sha256"], found["row"], found["revision"]) == (SHA256, 4, 1)


def test_a_feed_without_words_of_its_own_gets_those_of_its_licence(client: TestClient) -> None:
    found = page(client, reference="T0")["features"][0]["properties"]
    assert found["attribution"].startswith("Contains public sector information licensed under the Open Government")


def test_moments_are_rfc_3339_in_utc(client: TestClient) -> None:
    found = page(client, limit=1)["features"][0]["properties"]
    for name in ("retrieved_at", "first_seen", "changed_at"):
        assert found[name].endswith("Z") and "T" in found[name]
    assert found["missing_since"] is None


def test_values_keep_their_types_and_their_characters(client: TestClient) -> None:
    found = page(client, reference="T0")["features"][0]["properties"]
    assert (found["accessible"], found["charge"], found["name"]) == (True, 0.5, "Toilet 0")
    assert found["notes"] == LINES
    assert found["uprn"] is None


def test_coordinates_have_at_most_seven_decimals(client: TestClient) -> None:
    text = client.get(ITEMS + "?limit=60").text
    numbers = [number for part in json.loads(text)["features"] for number in part["geometry"]["coordinates"]]
    assert all(len(str(number).partition(".")[2]) <= 7 for number in numbers)


def test_a_limit_above_the_maximum_is_read_as_the_maximum(client: TestClient) -> None:
    assert page(client, limit=10**30)["numberReturned"] == 60


def test_an_empty_layer_is_an_empty_page(client: TestClient) -> None:
    document = client.get("/ogc/collections/libraries/items").json()
    assert (document["features"], document["numberReturned"], document["numberMatched"]) == ([], 0, 0)
    assert "next" not in [link["rel"] for link in document["links"]]


def test_the_last_of_a_repeated_parameter_holds(client: TestClient) -> None:
    assert client.get(ITEMS + "?limit=3&limit=2").json()["numberReturned"] == 2


def test_links_name_this_page_its_html_and_its_collection(client: TestClient) -> None:
    links = {link["rel"]: link for link in page(client, limit=5, council="X08000001")["links"]}
    same = "http://fernport.test/ogc/collections/public-toilets/items"
    assert links["self"]["href"] == f"{same}?f=json&limit=5&council=X08000001"
    assert links["alternate"]["href"] == f"{same}?f=html&limit=5&council=X08000001"
    assert links["collection"]["href"] == "http://fernport.test/ogc/collections/public-toilets"
    assert (
        client.get(links["self"]["href"]).json()["features"] == page(client, limit=5, council="X08000001")["features"]
    )
