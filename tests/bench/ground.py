"""What everything is measured on: a fresh embedded cluster, and a copy of the demo city for each measure."""

import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import psycopg
from sqlalchemy import make_url

from datasets.city import City, read_city
from datasets.settings import Settings, read_settings
from datasets.store.boundaries import load_boundaries
from datasets.store.embedded import database
from datasets.store.engine import connect
from datasets.store.migrate import migrate
from datasets.store.places import load_places
from harvesters.demo.city import make_city
from harvesters.demo.references import write_boundaries, write_postcodes

CHECKOUT = Path(__file__).parents[2]
TEMPLATE = "bench_template"
QUIET_LOAD = 1.5
"""A measure waits until the machine is as idle as this, but not for longer than it may."""


@dataclass(frozen=True)
class Ground:
    """A running cluster with `TEMPLATE`, the demo city without feeds, ready to copy. `patience`: for how many seconds a
    measure waits at most until others leave the machine alone."""

    settings: Settings
    server_url: str
    patience: float

    @property
    def city(self) -> City:
        return read_city(self.settings)

    def new_database(self, name: str, template: str = TEMPLATE) -> str:
        """A copy of the template; its URL."""
        with psycopg.connect(self.server_url, autocommit=True) as connection:
            connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)".encode())
            connection.execute(f"CREATE DATABASE {name} TEMPLATE {template}".encode())
        return _beside(self.server_url, name)

    def drop_database(self, name: str) -> None:
        with psycopg.connect(self.server_url, autocommit=True) as connection:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())

    def load_when_quiet(self) -> float:
        """The load average of the last minute, once others leave the machine alone."""
        deadline = time.monotonic() + self.patience
        while os.getloadavg()[0] > QUIET_LOAD and time.monotonic() < deadline:
            time.sleep(5)
        return os.getloadavg()[0]

    def environment(self, url: str) -> dict[str, str]:
        """What a program needs in its environment to work on the database at `url`."""
        own = {"DATABASE_URL": url, "HOME": str(self.settings.home), "CITY": self.settings.city, "ALLOW_LOOPBACK": "1"}
        return {**os.environ, **{f"CITYWIDE_{name}": value for name, value in own.items()}}


@contextmanager
def ground(patience: float) -> Iterator[Ground]:
    """Everything up, until the context ends."""
    with tempfile.TemporaryDirectory(prefix="citywide-bench-") as home:
        Path(home).chmod(0o755)
        settings = replace(read_settings({"CITYWIDE_ALLOW_LOOPBACK": "1"}), city="demo", home=Path(home))
        with database(settings) as server_url:
            made = Ground(settings, server_url, patience)
            _make_template(made)
            yield made


def settle(url: str) -> None:
    """Writes out what earlier work left behind, so that nobody else pays for it."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CHECKPOINT")
    time.sleep(0.5)


def _make_template(made: Ground) -> None:
    url, home = made.new_database(TEMPLATE, "template1"), made.settings.home
    demo = make_city(features=200)
    write_boundaries(demo, home / "boundaries.geojson")
    write_postcodes(demo, home / "postcodes.csv")
    engine = connect(url)
    migrate(engine, made.city)
    load_boundaries(engine, made.city, home / "boundaries.geojson", made.city.boundary_source)
    load_places(engine, home / "postcodes.csv")
    engine.dispose()


def _beside(url: str, name: str) -> str:
    return make_url(url).set(database=name).render_as_string(hide_password=False)
