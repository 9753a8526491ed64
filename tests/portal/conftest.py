"""The portal of an invented city on a database of its own, with pages read as a browser reads them."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from urllib.parse import urlsplit

import psycopg
import pytest
from page_reader import Page
from portal_rows import CITY, Rows
from sqlalchemy import Engine, update
from starlette.testclient import TestClient

from datasets.city import read_city
from datasets.layer import layers
from datasets.settings import Settings
from datasets.store import tables
from datasets.store.engine import connect
from datasets.store.layer_tables import layer_table
from datasets.store.migrate import migrate
from portal.app import create_app


@pytest.fixture(scope="session")
def city_settings(settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    home = tmp_path_factory.mktemp("mereshire")
    (home / "cities").mkdir()
    (home / "cities" / "mereshire.toml").write_text(CITY, encoding="utf-8")
    return replace(settings, home=home, city="mereshire")


@pytest.fixture(scope="session")
def city_database_url(city_settings: Settings, database_url: str, template: str) -> Iterator[str]:
    """One database for all these tests, because making the layer tables takes longer than most of them."""
    name = f"{template}_portal"
    with psycopg.connect(database_url, autocommit=True) as server:
        server.execute(f"CREATE DATABASE {name} TEMPLATE {template}".encode())
    url = urlsplit(database_url)._replace(path=f"/{name}").geturl()
    migrate(connect(url), read_city(city_settings))
    yield url
    with psycopg.connect(database_url, autocommit=True) as server:
        server.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


@pytest.fixture(scope="session")
def city_browser(city_settings: Settings, city_database_url: str) -> Iterator[TestClient]:
    with TestClient(create_app(city_settings, city_database_url), base_url="https://mereshire.example.org") as browser:
        yield browser


@pytest.fixture
def engine(city_database_url: str) -> Engine:
    """The city's database with its councils and layers, empty of feeds, runs and features."""
    engine = connect(city_database_url)
    of_layers = [layer_table(layer) for layer in layers().values()]
    emptied = ", ".join(str(table) for table in (tables.issue, tables.run, tables.resource, tables.feed, *of_layers))
    with engine.begin() as connection:
        connection.exec_driver_sql(f"TRUNCATE {emptied} RESTART IDENTITY CASCADE")
        connection.execute(update(tables.layer).values(features=0, revision=0, published_at=None))
    return engine


@pytest.fixture
def rows(engine: Engine) -> Rows:
    return Rows(engine)


@pytest.fixture
def browser(city_browser: TestClient, engine: Engine) -> TestClient:
    return city_browser


@pytest.fixture
def page(browser: TestClient) -> Callable[[str], Page]:
    """Opens an address that must answer with a page."""

    def open_page(address: str) -> Page:
        answer = browser.get(address, headers={"Accept": "text/html"})
        assert answer.status_code == 200, f"{address}: {answer.status_code}"
        return Page(answer.text)

    return open_page
