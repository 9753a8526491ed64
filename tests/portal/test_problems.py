"""A wrong address, a lost database or a fault of ours answers in the portal's clothes, or as a JSON problem."""

from contextlib import contextmanager
from urllib.parse import urlsplit

import psycopg
import pytest
from page_reader import Page
from starlette.testclient import TestClient

from datasets.city import read_city
from datasets.store.engine import connect
from datasets.store.migrate import migrate
from portal.app import create_app

GONE = ("/no-such-page", "/layers/none", "/councils/none", "/feeds/none", "/runs/1", "/runs/x", f"/runs/{'9' * 5000}")


@pytest.mark.parametrize("address", [*GONE, "/feeds/%00", "/councils/%00", "/feeds/%ff"])
def test_an_address_that_is_none_is_a_page_that_says_so(browser, address):
    answer = browser.get(address, headers={"Accept": "text/html"})
    assert answer.status_code == 404
    page = Page(answer.text)
    assert "Page not found" in page.text and page.faults == [] and "/layers" in page.links


def test_a_program_that_asks_for_json_gets_a_problem_document(browser):
    answer = browser.get("/layers/none", headers={"Accept": "application/json"})
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["status"] == 404 and "public-toilets" in answer.json()["detail"]


def test_pages_only_answer_to_reading(browser):
    answer = browser.post("/", headers={"Accept": "text/html"})
    assert answer.status_code == 405 and "GET" in answer.headers["allow"]


def test_a_fault_of_ours_says_nothing_of_what_it_was(city_settings, own_database_url):
    app = create_app(city_settings, own_database_url)
    with TestClient(app, raise_server_exceptions=False) as browser, psycopg.connect(own_database_url) as connection:
        connection.execute("ALTER TABLE citywide.council RENAME COLUMN slug TO secret_reason")
        connection.commit()
        answer = browser.get("/councils", headers={"Accept": "text/html"})
    assert answer.status_code == 500 and "slug" not in answer.text
    assert "Something broke on our side" in answer.text and "content-security-policy" in answer.headers


def test_a_database_that_does_not_answer_is_an_outage_and_heals(city_settings, own_database_url, database_url):
    with TestClient(create_app(city_settings, own_database_url)) as browser:
        with unreachable(own_database_url, database_url):
            page, health = browser.get("/", headers={"Accept": "text/html"}), browser.get("/health")
        assert page.status_code == 503 and page.headers["retry-after"] == "60"
        assert health.status_code == 503 and health.json()["database"] == "does not answer"
        assert browser.get("/").status_code == 200


def test_health_names_the_revision_of_each_layer(browser, rows):
    rows.features(1)
    answer = browser.get("/health")
    assert answer.status_code == 200
    assert answer.json()["revisions"]["public-toilets"] == 1


@pytest.fixture
def own_database_url(city_settings, fresh_database_url):
    """A database that a test may break."""
    migrate(connect(fresh_database_url), read_city(city_settings))
    return fresh_database_url


@contextmanager
def unreachable(url, server_url):
    """Ends every connection to a database and refuses new ones."""
    name = urlsplit(url).path.removeprefix("/")
    with psycopg.connect(server_url, autocommit=True) as server:
        server.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
        server.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (name,))
        yield
        server.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
