"""The bare load: the same finished rows by COPY into a new table, then its indexes. What any loader has to pay."""

import time
from pathlib import Path

import psycopg

from datasets.layer import find_layer
from datasets.store.layer_tables import SCHEMA
from tests.bench.ground import settle

LAYER = "public-toilets"
WHAT = "COPY of the finished rows from a CSV file into a new table, primary key (fid), GiST (geom), commit"


def export_rows(url: str, path: Path) -> None:
    """The layer's rows as CSV, shapes as hexadecimal EWKB."""
    command = f"COPY {_layer_table()} TO STDOUT (FORMAT csv)".encode()
    with psycopg.connect(url) as connection, connection.cursor().copy(command) as copy, path.open("wb") as file:
        for block in copy:
            file.write(block)


def bare_load(url: str, path: Path) -> tuple[float, float]:
    """Seconds of the COPY and of everything."""
    settle(url)
    began = time.perf_counter()
    with psycopg.connect(url) as connection:
        connection.execute(f"CREATE TABLE public.bare (LIKE {_layer_table()})".encode())
        with connection.cursor().copy("COPY public.bare FROM STDIN (FORMAT csv)") as copy, path.open("rb") as file:
            while block := file.read(1 << 20):
                copy.write(block)
        copied = time.perf_counter()
        connection.execute("ALTER TABLE public.bare ADD PRIMARY KEY (fid)")
        connection.execute("CREATE INDEX ON public.bare USING gist (geom)")
    whole = time.perf_counter() - began
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("DROP TABLE public.bare")
    return copied - began, whole


def _layer_table() -> str:
    return f"{SCHEMA}.{find_layer(LAYER).table}"
