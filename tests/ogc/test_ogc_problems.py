"""Errors: each wrong request gets the right status and a problem document that says what is wrong and allowed."""

import psycopg
import pytest
from starlette.testclient import TestClient

from ogc import pool
from tests.ogc.fixture_city import application

ITEMS = "/ogc/collections/public-toilets/items"


@pytest.mark.parametrize(
    ("search", "said"),
    [
        ("nonsense=1", "There is no parameter 'nonsense' here. Allowed: accessible, "),
        ("offset=10", "Allowed"),
        ("LIMIT=1", "There is no parameter 'LIMIT'"),
        ("limit=0", "at least 1"),
        ("limit=-1", "at least 1"),
        ("limit=unlimited", "not a whole number"),
        ("limit=", "not a whole number"),
        ("limit=1.5", "not a whole number"),
        ("bbox=1,2,3", "it has 3 numbers"),
        ("bbox=a,b,c,d", "not all of it is numbers"),
        ("bbox=nan,51,1,52", "not all of it is numbers"),
        ("bbox=", "not all of it is numbers"),
        ("bbox=1,52,2,51", "south lies north"),
        ("bbox=530000,180000,531000,181000", "these are not degrees"),
        ("bbox=1,51,2,52&bbox-crs=http://www.opengis.net/def/crs/EPSG/0/27700", "not supported"),
        ("datetime=yesterday", "'yesterday' is not a date"),
        ("datetime=2024-02-30", "day is out of range"),
        ("datetime=2024/2023", "begins after it ends"),
        ("datetime=2020/2021/2022", "more than one slash"),
        ("datetime=P1D/P1D", "a day to count from"),
        ("datetime=", "is not a date"),
        ("cursor=abc", "it is not a cursor"),
        ("cursor=MTot", "it is not a cursor"),
        ("accessible=perhaps", "Allowed: true or false"),
        ("charge=free", "Allowed: a number"),
        ("category=Dogs", "Allowed: Female | Male | Female and Male | Unisex"),
        ("name=%00", "NUL"),
        ("f=xml", "Allowed: json | html"),
        ("crs=x", "not supported"),
    ],
)
def test_a_wrong_parameter_is_400_and_says_what_is_allowed(client: TestClient, search: str, said: str) -> None:
    answer = client.get(f"{ITEMS}?{search}")
    assert (answer.status_code, answer.headers["content-type"]) == (400, "application/problem+json")
    assert said in answer.json()["detail"]
    assert "Allowed" in answer.json()["detail"]


def test_a_problem_has_the_members_of_rfc_9457_and_of_ogc(client: TestClient) -> None:
    problem = client.get(ITEMS + "?limit=x").json()
    assert (problem["type"], problem["title"], problem["status"]) == ("about:blank", "Bad Request", 400)
    assert (problem["code"], problem["description"]) == ("InvalidParameterValue", problem["detail"])


@pytest.mark.parametrize("path", ["", "/items", "/items/x", "/queryables", "/schema"])
def test_an_unknown_collection_is_404_and_names_those_there_are(client: TestClient, path: str) -> None:
    answer = client.get(f"/ogc/collections/trees{path}")
    assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")
    assert "public-toilets" in answer.json()["collections"]


@pytest.mark.parametrize(
    "path", ["/ogc/nothing", "/ogc/collections/public-toilets/tiles", "/ogc/collections/a/items/b/c"]
)
def test_an_unknown_address_is_404(client: TestClient, path: str) -> None:
    answer = client.get(path)
    assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")


@pytest.mark.parametrize("path", ["/ogc/", "/ogc/conformance", "/ogc/collections", "/ogc/openapi"])
def test_documents_take_no_parameter_but_f(client: TestClient, path: str) -> None:
    assert client.get(path + "?limit=1").json()["allowed"] == ["f"]


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_whatever_would_write_is_405(client: TestClient, method: str) -> None:
    answer = client.request(method, ITEMS)
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD, OPTIONS")
    assert answer.headers["content-type"] == "application/problem+json"


def test_an_error_of_ours_is_500_without_its_reason(
    client: TestClient, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("the password is hunter2")

    monkeypatch.setattr("ogc.app.items_page", fail)
    answer = client.get(ITEMS)
    assert (answer.status_code, answer.headers["content-type"]) == (500, "application/problem+json")
    assert "hunter2" not in answer.text
    assert "hunter2" in caplog.text


def test_a_question_that_takes_too_long_is_503(own_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(pool._SETTINGS, "statement_timeout", "100ms")
    with TestClient(application(own_url)) as client, psycopg.connect(own_url) as other:
        other.execute("LOCK TABLE layers.public_toilets IN ACCESS EXCLUSIVE MODE")
        answer = client.get(ITEMS)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    assert "Ask for less" in answer.json()["detail"]
