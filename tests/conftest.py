"""One embedded PostGIS for the whole test session, and an empty database of its own for a test that asks.

`CITYWIDE_TEST_DATABASE_URL` runs the same tests on another server, whose role must be allowed to create databases.
"""

import itertools
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest

from datasets.settings import Settings, read_settings
from datasets.store.embedded import database

NUMBERS = itertools.count(1)


@pytest.fixture(scope="session")
def settings() -> Iterator[Settings]:
    # Not under pytest's own folder: the account that runs PostgreSQL for root may not enter that.
    home = Path(tempfile.mkdtemp(prefix="citywide-test-"))
    home.chmod(0o755)
    given = os.environ.get("CITYWIDE_TEST_DATABASE_URL", "")
    yield read_settings({"CITYWIDE_HOME": str(home), "CITYWIDE_DATABASE_URL": given, "CITYWIDE_ALLOW_LOOPBACK": "1"})
    shutil.rmtree(home)


@pytest.fixture(scope="session")
def database_url(settings: Settings) -> Iterator[str]:
    with database(settings) as url:
        yield url


@pytest.fixture(scope="session")
def template(database_url: str) -> Iterator[str]:
    """The name of an empty database with the extensions, to copy from."""
    name = f"citywide_test_{os.getpid()}"
    _on_server(database_url, f"DROP DATABASE IF EXISTS {name}", f"CREATE DATABASE {name} TEMPLATE template0")
    _on_server(_beside(database_url, name), *(f"CREATE EXTENSION {e}" for e in ("postgis", "pg_trgm", "unaccent")))
    yield name
    _on_server(database_url, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def fresh_database_url(database_url: str, template: str) -> Iterator[str]:
    """A database nobody else uses, empty but for the extensions."""
    name = f"{template}_{next(NUMBERS)}"
    _on_server(database_url, f"CREATE DATABASE {name} TEMPLATE {template}")
    yield _beside(database_url, name)
    _on_server(database_url, f"DROP DATABASE {name} WITH (FORCE)")


def _beside(url: str, name: str) -> str:
    """The address of the database `name` on the server of `url`."""
    return urlsplit(url)._replace(path=f"/{name}").geturl()


def _on_server(url: str, *statements: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement.encode())
