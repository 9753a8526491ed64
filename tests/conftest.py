"""One embedded PostGIS for the whole test session, and an empty database of its own for a test that asks.

`CITYWIDE_TEST_DATABASE_URL` runs the same tests on another server, whose role must be allowed to create databases.
"""

import itertools
import os
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest
from hypothesis import settings as of_hypothesis
from sqlalchemy import Engine

from datasets.city import read_city
from datasets.settings import Settings, read_settings
from datasets.store.boundaries import load_boundaries
from datasets.store.embedded import database
from datasets.store.engine import connect
from datasets.store.feeds import save_feed
from datasets.store.migrate import migrate
from datasets.store.places import load_places
from harvesters.demo.city import FEWEST_FEATURES, make_city
from harvesters.demo.councils import write_councils
from harvesters.demo.references import write_boundaries, write_postcodes
from harvesters.demo.server import CouncilServer
from harvesters.run import Tools
from harvesters.web.session import Session
from tests.builders import Desk, feed_of
from tests.changing_layer import Layer, RenamingServer
from tests.peers.arcgis import served

NUMBERS = itertools.count(1)

# For `pytest tests/test_publish_properties.py --hypothesis-profile=fuzz`: longer sequences, and other ones each time.
of_hypothesis.register_profile("fuzz", max_examples=200, stateful_step_count=40, deadline=None, print_blob=True)


@pytest.fixture(scope="session", autouse=True)
def no_layers_but_the_shipped(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The home of this checkout may hold layers of whoever works here."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CITYWIDE_HOME", str(tmp_path_factory.mktemp("home")))
        yield


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


@pytest.fixture(scope="session")
def demo_template(database_url: str, template: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The name of a database of the demo city with boundaries and postcodes and no feed, to copy from."""
    name = f"{template}_demo"
    folder = tmp_path_factory.mktemp("references")
    made = make_city(features=FEWEST_FEATURES)
    write_boundaries(made, folder / "boundaries.geojson")
    write_postcodes(made, folder / "postcodes.csv")
    _on_server(database_url, f"CREATE DATABASE {name} TEMPLATE {template}")
    engine = connect(_beside(database_url, name))
    city = read_city(read_settings({}))
    migrate(engine, city)
    load_boundaries(engine, city, folder / "boundaries.geojson", city.boundary_source)
    load_places(engine, folder / "postcodes.csv")
    engine.dispose()
    yield name
    _on_server(database_url, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def engine(database_url: str, demo_template: str) -> Iterator[Engine]:
    """The demo city's database, migrated, with boundaries and postcodes, for one test."""
    name = f"{demo_template}_{next(NUMBERS)}"
    _on_server(database_url, f"CREATE DATABASE {name} TEMPLATE {demo_template}")
    engine = connect(_beside(database_url, name))
    yield engine
    engine.dispose()
    _on_server(database_url, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(scope="module")
def councils(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of the demo city's council web server, with every council's files and Ferncliffe's portal."""
    folder = tmp_path_factory.mktemp("councils")
    write_councils(make_city(features=FEWEST_FEATURES), folder)
    with CouncilServer(folder) as server:
        yield server.url


@pytest.fixture
def session() -> Session:
    """A session that may ask servers of this machine, and does not really pause."""
    return Session("https://example.org/", allow_loopback=True, sleep=lambda seconds: None)


@pytest.fixture
def tools(engine: Engine, settings: Settings, session: Session, tmp_path: Path) -> Tools:
    """What a harvest in the demo city needs, with an archive of its own."""
    own = replace(settings, home=tmp_path / "home", max_resource_bytes=1 << 26, max_unpacked_bytes=1 << 27)
    return Tools(engine, own, read_city(own), session)


@pytest.fixture
def layer(tools: Tools) -> Iterator[Layer]:
    """A feed of an ArcGIS layer of forty toilets, which may change."""
    server = RenamingServer(rows=40, max_record_count=15, tracking=True)
    with served(server):
        feed = feed_of(platform="arcgis", url=server.url)
        save_feed(tools.engine, feed)
        yield Layer(tools, feed, server)


@pytest.fixture
def desk(tools: Tools, tmp_path: Path) -> Desk:
    """The feed of Ashmere's toilets, added and not yet harvested."""
    desk = Desk(tools, tmp_path)
    save_feed(tools.engine, desk.feed)
    return desk
