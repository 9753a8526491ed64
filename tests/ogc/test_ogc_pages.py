"""Pages: plain HTML in our own templates, and none of them calls a third party."""

from html.parser import HTMLParser
from urllib.parse import urlsplit

import psycopg
import pytest
from starlette.testclient import TestClient

from tests.ogc.fixture_city import STYLE_URL

ABOUT = "/ogc/collections/conservation-areas"
PAGES = ["/ogc/", "/ogc/conformance", "/ogc/openapi", "/ogc/collections", ABOUT]
PAGES += [f"{ABOUT}/queryables", f"{ABOUT}/schema", f"{ABOUT}/items", f"{ABOUT}/items/co0001"]
WRONG = ["/ogc/nowhere", "/ogc/collections/trees", f"{ABOUT}/items?limit=x", f"{ABOUT}/items/nothing"]


class Reader(HTMLParser):
    def __init__(self, page: str) -> None:
        super().__init__()
        self.assets: list[str] = []
        self.links: list[str] = []
        self.tags: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        found = [value or "" for name, value in attrs if name in ("src", "href", "srcset", "data")]
        (self.links if tag == "a" else self.assets).extend(found)


def read(client: TestClient, path: str, status: int = 200) -> Reader:
    answer = client.get(path, headers={"accept": "text/html"})
    assert (answer.status_code, answer.headers["content-type"]) == (status, "text/html; charset=utf-8")
    return Reader(answer.text)


@pytest.mark.parametrize("path", PAGES)
def test_a_page_loads_nothing_but_our_style_sheet(client: TestClient, path: str) -> None:
    page = read(client, path)
    assert page.assets == [STYLE_URL]
    assert not {"script", "iframe", "img"} & set(page.tags)
    assert page.tags.count("h1") == page.tags.count("main") == 1


@pytest.mark.parametrize("path", PAGES)
def test_every_link_of_a_page_to_us_leads_somewhere(client: TestClient, path: str) -> None:
    for link in read(client, path).links:
        if urlsplit(link).path.startswith("/ogc"):
            assert client.get(link, follow_redirects=False).status_code == 200, link


@pytest.mark.parametrize("path", PAGES)
def test_links_of_a_page_follow_the_address_that_the_reader_used(client: TestClient, path: str) -> None:
    read(client, path)
    page = client.get(path, headers={"accept": "text/html", "host": "other.example.org"}).text
    assert "http://other.example.org/ogc/" in page
    assert "fernport.test" not in page


@pytest.mark.parametrize("path", WRONG)
def test_a_problem_is_a_page_for_who_reads_html(client: TestClient, path: str) -> None:
    status = 400 if "limit" in path else 404
    page = read(client, path, status)
    assert page.assets == [STYLE_URL]
    said = client.get(path).json()["detail"]
    assert said.split(".")[0].split("'")[0] in client.get(path, headers={"accept": "text/html"}).text


def test_the_items_page_leads_through_all_features(client: TestClient) -> None:
    seen, href = 0, f"{ABOUT}/items?f=html&limit=5&bbox=1,51,2,52"
    while href:
        page = read(client, href)
        seen += sum(f"{ABOUT}/items/" in link for link in page.links)
        href = next((link for link in page.links if "cursor=" in link and "f=html" in link), "")
    assert seen == 12


def test_what_councils_write_cannot_become_markup(own_client: TestClient, own_url: str) -> None:
    with psycopg.connect(own_url, autocommit=True) as connection:
        connection.execute(
            "UPDATE layers.public_toilets SET name = '<script>alert(1)</script>', documentation_url = 'javascript:x' "
            "WHERE feature_id = 'pu0000'"
        )
    for path in ("items?f=html", "items/pu0000?f=html"):
        page = read(own_client, f"/ogc/collections/public-toilets/{path}")
        assert "script" not in page.tags
        assert not [link for link in page.links if link.startswith("javascript")]
