"""Formats and methods: f decides, else Accept with its weights; HEAD, OPTIONS and CORS work everywhere."""

import pytest
from starlette.testclient import TestClient

from ogc.negotiation import Form, choose_form
from ogc.problem import Problem

ITEMS = "/ogc/collections/public-toilets/items"
PATHS = ["/ogc/", "/ogc/conformance", "/ogc/collections", "/ogc/openapi", ITEMS, f"{ITEMS}/pu0001"]
BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8"


@pytest.mark.parametrize(
    ("f", "accept", "form"),
    [
        (None, "", Form.JSON),
        (None, "*/*", Form.JSON),
        (None, BROWSER, Form.HTML),
        (None, "application/geo+json", Form.JSON),
        (None, "application/json;q=0.9, text/html;q=0.8", Form.JSON),
        (None, "application/json;q=0.7, text/html; charset=utf-8; q=0.8", Form.HTML),
        (None, "text/*", Form.HTML),
        (None, "text/html;q=0, */*", Form.JSON),
        (None, "application/json;q=0, */*;q=0.1, application/geo+json;q=0", Form.JSON),
        (None, "TEXT/HTML", Form.HTML),
        ("html", "application/json", Form.HTML),
        ("json", BROWSER, Form.JSON),
    ],
)
def test_the_wanted_format_is_chosen(f: str | None, accept: str, form: Form) -> None:
    assert choose_form(f, accept) is form


@pytest.mark.parametrize("accept", ["image/png", "text/html;q=0", "application/xml;q=1"])
def test_what_cannot_be_given_is_406(client: TestClient, accept: str) -> None:
    with pytest.raises(Problem):
        choose_form(None, accept)
    assert client.get(ITEMS, headers={"accept": accept}).status_code == 406


@pytest.mark.parametrize("path", PATHS)
def test_each_address_has_a_page_and_a_document(client: TestClient, path: str) -> None:
    assert client.get(path, headers={"accept": BROWSER}).headers["content-type"] == "text/html; charset=utf-8"
    assert "json" in client.get(path).headers["content-type"]
    assert client.get(path).headers["vary"] == "Accept"


@pytest.mark.parametrize("path", PATHS)
def test_head_is_get_without_the_body(client: TestClient, path: str) -> None:
    head, get = client.head(path), client.get(path)
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-type"] == get.headers["content-type"]
    assert head.headers["etag"] == get.headers["etag"]


@pytest.mark.parametrize("path", [*PATHS, "/ogc/nowhere"])
def test_a_page_of_another_site_may_ask(client: TestClient, path: str) -> None:
    asked = client.options(path, headers={"origin": "https://example.org", "access-control-request-method": "GET"})
    assert (asked.status_code, asked.headers["access-control-allow-origin"]) == (204, "*")
    answer = client.get(path, headers={"origin": "https://example.org"})
    assert answer.headers["access-control-allow-origin"] == "*"
    assert "ETag" in answer.headers["access-control-expose-headers"]
