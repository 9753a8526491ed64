"""Every page, whatever it shows: one heading, well nested, whole for a screen reader, calling no third party."""

import re
from urllib.parse import urlsplit

import pytest
from page_reader import Page
from portal_rows import MAPPING, NOW, TOILETS

HOSTILE = '<script>alert("x")</script><img src=//evil.example>\'"&'


@pytest.fixture
def full(rows):
    """A portal with something on every page."""
    rows.feed(attribution=HOSTILE, document={"documentation_url": "javascript:alert(1)", "sheet": HOSTILE})
    rows.feed("northmere-libraries", layer="libraries", removed_at=NOW)
    run = rows.run(rows_read=9, features=8, mapping=MAPPING | {"unmapped": [HOSTILE]}, columns=[HOSTILE], revision=1)
    rows.issue(run, "invalid postcode", row_no=2, value=HOSTILE, message=HOSTILE, field=HOSTILE)
    rows.run("failed", message=HOSTILE, code="E-HTTP", crs=HOSTILE, resource_sha256=rows.resource(HOSTILE))
    rows.features(2)


@pytest.fixture
def pages(browser, full) -> dict[str, Page]:
    """Every page that can be reached from the first one, by address."""
    found: dict[str, Page] = {}
    waiting = ["/"]
    while waiting:
        address = waiting.pop().partition("#")[0]
        if address in found or urlsplit(address).netloc or address.startswith("/ogc"):
            continue
        answer = browser.get(address, headers={"Accept": "text/html"})
        assert answer.status_code == 200, f"{address}: {answer.status_code}"
        if answer.headers["content-type"].startswith("text/html"):
            found[address] = Page(answer.text)
            waiting.extend(link for link in found[address].links if not link.startswith("#"))
    return found


def test_a_walk_from_the_first_page_reaches_every_kind_of_page(pages):
    kinds = {re.sub(r"(?<=.)/[^/]+$", "/*", address) for address in pages}
    assert kinds == {"/", "/layers", "/layers/*", "/councils", "/councils/*", "/feeds/*", "/runs/*"}


def test_every_link_into_the_api_answers(browser, pages):
    links = {link for page in pages.values() for link in page.links if link.startswith("/ogc")}
    assert links
    answers = {link: browser.get(link, headers={"Accept": "text/html"}).status_code for link in links}
    assert answers == dict.fromkeys(links, 200)


def test_every_page_is_well_nested_with_one_heading_and_a_title_of_its_own(pages):
    assert {address: page.faults for address, page in pages.items() if page.faults} == {}
    assert {address for address, page in pages.items() if len(page.all("h1")) != 1} == set()
    assert len({page.title for page in pages.values()}) == len(pages)
    assert all(page.title.endswith(" – Citywide, Mereshire") for page in pages.values())


def test_every_page_says_its_language_and_can_skip_to_its_content(pages):
    for page in pages.values():
        assert page.all("html")[0]["lang"] == "en-GB"
        assert page.links[0] == "#main-content"
        assert page.all("main")[0]["id"] == "main-content"


def test_no_page_calls_a_third_party_or_runs_a_script(pages):
    for page in pages.values():
        loaded = [tag for tag in page.tags if tag[0] in ("img", "script", "iframe", "form", "style", "object", "embed")]
        assert loaded == []
        assert all(link["href"].startswith("/") for link in page.all("link"))
        assert not any("style" in attributes or "onclick" in attributes for _, attributes in page.tags)


def test_every_table_has_a_caption_and_every_heading_a_scope(pages):
    for page in pages.values():
        assert len(page.all("caption")) == len(page.all("table"))
        assert all(heading["scope"] in ("col", "row") for heading in page.all("th"))


def test_ids_are_unique(pages):
    for page in pages.values():
        ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
        assert len(ids) == len(set(ids))


def test_only_web_addresses_become_links(pages):
    schemes = {urlsplit(link).scheme for page in pages.values() for link in page.links}
    assert schemes <= {"", "http", "https"}


def test_hostile_values_are_shown_and_never_obeyed(pages):
    shown = [address for address, page in pages.items() if HOSTILE in page.text]
    assert {"/layers/public-toilets", f"/feeds/{TOILETS}", "/runs/1", "/runs/2", "/councils/northmere"} <= set(shown)
    assert not any("<script" in page.html for page in pages.values())


def test_times_are_said_in_full_and_marked_for_machines(page, rows):
    rows.feed(added_at="2026-11-22T14:05:09+00:00")
    found = page(f"/feeds/{TOILETS}")
    assert "22 November 2026, 14:05 UTC" in found.text
    assert {"datetime": "2026-11-22T14:05:09Z"} in found.all("time")


def test_headers_keep_the_page_to_itself(browser):
    for address in ("/", "/no-such-page", "/health", "/static/no-such-file"):
        headers = browser.get(address).headers
        assert "default-src 'self'" in headers["content-security-policy"]
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"


def test_pages_are_asked_for_again_each_time(browser):
    assert browser.get("/").headers["cache-control"] == "no-cache"


def test_the_icon_and_the_rules_for_crawlers_are_there(browser):
    assert browser.get("/favicon.ico").headers["content-type"] == "image/svg+xml"
    assert "User-agent: *" in browser.get("/robots.txt").text
