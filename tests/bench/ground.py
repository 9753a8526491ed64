"""What a harvest is measured on: a fresh embedded cluster, a database for each round, the files, and a web server."""

import multiprocessing
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import polars as pl
import psycopg
from sqlalchemy import make_url

from datasets.city import read_city
from datasets.feed import Feed
from datasets.settings import Settings, read_settings
from datasets.store.boundaries import load_boundaries
from datasets.store.embedded import database
from datasets.store.engine import connect
from datasets.store.feeds import save_feed
from datasets.store.migrate import migrate
from datasets.store.places import load_places
from harvesters.demo.benchmark import write_benchmark_csv
from harvesters.demo.city import make_city
from harvesters.demo.references import write_boundaries, write_postcodes
from harvesters.demo.server import CouncilServer

LAYER = "public-toilets"
TEMPLATE = "bench_template"
FIRST, SECOND = "bench-toilets", "bench-more-toilets"
"""The feeds: one that is harvested three times, and one that comes into a layer already full."""


@dataclass(frozen=True)
class Ground:
    """A running cluster with `TEMPLATE` ready to copy, and the folder that the web server publishes."""

    settings: Settings
    server_url: str
    folder: Path

    def new_database(self, name: str) -> str:
        """A copy of the template; its URL."""
        with psycopg.connect(self.server_url, autocommit=True) as connection:
            connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)".encode())
            connection.execute(f"CREATE DATABASE {name} TEMPLATE {TEMPLATE}".encode())
        return _beside(self.server_url, name)

    def drop_database(self, name: str) -> None:
        with psycopg.connect(self.server_url, autocommit=True) as connection:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())

    def offer(self, version: str) -> None:
        """Puts this version of the first feed's file where its address leads."""
        published = self.folder / "toilets.csv"
        published.unlink(missing_ok=True)
        published.hardlink_to(self.folder / f"{version}.csv")


@contextmanager
def ground(rows: int) -> Iterator[Ground]:
    """Everything up, until the context ends."""
    with tempfile.TemporaryDirectory(prefix="citywide-bench-") as home:
        Path(home).chmod(0o755)
        folder = Path(home) / "files"
        _in_another_process(rows, folder)
        settings = replace(read_settings({"CITYWIDE_ALLOW_LOOPBACK": "1"}), city="demo", home=Path(home))
        with database(settings) as server_url, CouncilServer(folder) as web:
            made = Ground(settings, server_url, folder)
            _make_template(made, web.url)
            yield made


def _in_another_process(rows: int, folder: Path) -> None:
    """A million rows being made would leave this process large."""
    writing = multiprocessing.get_context("spawn").Process(target=write_files, args=(rows, folder))
    writing.start()
    writing.join()
    if writing.exitcode:
        raise SystemExit("The benchmark's files could not be written.")


def write_files(rows: int, folder: Path) -> None:
    """The three files: as they are first, with 1 % changed, and another feed's with references of its own."""
    write_benchmark_csv(folder / "first.csv", rows)
    write_benchmark_csv(folder / "changed.csv", rows, changed_share=0.01)
    write_benchmark_csv(folder / "more.csv", rows, seed=1)
    more = pl.read_csv(folder / "more.csv", infer_schema=False)
    more.with_columns("M-" + pl.col("Reference")).write_csv(folder / "more.csv")


def _make_template(made: Ground, base: str) -> None:
    with psycopg.connect(made.server_url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {TEMPLATE}".encode())
    city = read_city(made.settings)
    demo = make_city(features=200)
    write_boundaries(demo, made.settings.home / "boundaries.geojson")
    write_postcodes(demo, made.settings.home / "postcodes.csv")
    engine = connect(_beside(made.server_url, TEMPLATE))
    migrate(engine, city)
    load_boundaries(engine, city, made.settings.home / "boundaries.geojson", city.boundary_source)
    load_places(engine, made.settings.home / "postcodes.csv")
    for feed_id, name in ((FIRST, "toilets.csv"), (SECOND, "more.csv")):
        gss = city.council[0].gss
        save_feed(engine, Feed(id=feed_id, council=gss, layer=LAYER, url=f"{base}/{name}", licence="OGL-UK-3.0"))
    engine.dispose()


def _beside(url: str, name: str) -> str:
    return make_url(url).set(database=name).render_as_string(hide_password=False)


def settle(url: str) -> None:
    """Writes out what earlier work left behind, so that nobody else pays for it."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CHECKPOINT")
    time.sleep(0.5)
