"""The OGC API over a filled database: one that all tests read, and one of its own for a test that publishes."""

from collections.abc import Iterator

import psycopg
import pytest
from starlette.testclient import TestClient

from tests.ogc.fixture_city import application, beside, fill


@pytest.fixture(scope="session")
def filled_url(database_url: str, template: str) -> Iterator[str]:
    """A filled database that nobody writes to."""
    name = f"{template}_ogc"
    with psycopg.connect(database_url, autocommit=True) as server:
        server.execute(f"CREATE DATABASE {name} TEMPLATE {template}".encode())
        url = beside(database_url, name)
        fill(url)
        yield url
        server.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


@pytest.fixture(scope="session")
def client(filled_url: str) -> Iterator[TestClient]:
    with TestClient(application(filled_url), base_url="http://fernport.test") as client:
        yield client


@pytest.fixture
def own_url(fresh_database_url: str) -> str:
    """A filled database for one test, which may publish."""
    fill(fresh_database_url)
    return fresh_database_url


@pytest.fixture
def own_client(own_url: str) -> Iterator[TestClient]:
    with TestClient(application(own_url), base_url="http://fernport.test") as client:
        yield client
