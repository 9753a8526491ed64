"""Plans on 50,000 rows: a small box is read through the geometry index, never along the primary key."""

import re
from collections.abc import Iterator

import psycopg
import pytest

from datasets.layer import find_layer
from ogc.pool import connection_settings
from ogc.query import parse_items
from ogc.statements import items_statement
from tests.ogc.fixture_city import beside, fill

Connection = psycopg.Connection[tuple[object, ...]]

LAYER = find_layer("polling-stations")
GROW = """
INSERT INTO layers.polling_stations
    (feature_id, council, feed_id, key, rung, name, placed, resource_sha256, row_no, revision, first_revision,
     content_hash, geom)
SELECT 'p' || n, 'X08000001', 'f', n::text, 'reference', 'Hall ' || mod(n, 40), 'xy', 'x', n, 1, 1, md5(n::text)::uuid,
       ST_SetSRID(ST_Point(1 + mod(n * 7919, 50000) / 50000.0, 51 + mod(n * 104729, 50000) / 50000.0), 4326)
FROM generate_series(1, 50000::bigint) AS n
"""


@pytest.fixture(scope="module")
def connection(database_url: str, template: str) -> Iterator[Connection]:
    name = f"{template}_plans"
    url = beside(database_url, name)
    with psycopg.connect(database_url, autocommit=True) as server:
        server.execute(f"CREATE DATABASE {name} TEMPLATE {template}".encode())
        fill(url)
        with psycopg.connect(url, autocommit=True) as own:
            own.execute(GROW)
            own.execute("VACUUM ANALYZE layers.polling_stations")
        with psycopg.connect(url, **connection_settings()) as own:
            yield own
        server.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


def plan(connection: Connection, prepared: bool = True, dense: bool = False, **given: str) -> str:
    """The plan of a query: as prepared for any values, which is what is served, or for just these values."""
    statement, values = items_statement(LAYER, parse_items(LAYER, given), dense=dense)
    cursor = psycopg.ClientCursor(connection)
    asked = cursor.mogrify(statement, values)
    if prepared:
        names = list(values)
        numbered = re.sub(r"%\((\w+)\)s", lambda match: f"${names.index(match[1]) + 1}", statement)
        cursor.execute(f"DEALLOCATE ALL; PREPARE asked AS {numbered}")
        asked = cursor.mogrify(f"EXECUTE asked ({', '.join(f'%({name})s' for name in names)})", values)
    rows = cursor.execute(f"EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF) {asked}").fetchall()
    return "\n".join(str(row[0]) for row in rows)


@pytest.mark.parametrize("prepared", [True, False])
def test_a_page_of_a_small_box_does_not_scan_the_primary_key(connection: Connection, prepared: bool) -> None:
    shown = plan(connection, prepared, bbox="1.4,51.4,1.5,51.5", limit="1000")
    assert "polling_stations_geom_idx" in shown
    assert "polling_stations_pkey" not in shown
    assert "Seq Scan on polling_stations" not in shown


def test_a_dense_box_is_read_along_the_primary_key_and_stops_early(
    connection: Connection,
) -> None:
    shown = plan(connection, dense=True, bbox="1,51,2,52", limit="10")
    assert "polling_stations_geom_idx" not in shown
    assert "Index Scan using polling_stations_pkey on polling_stations found (actual rows=11" in shown


def test_a_probe_of_a_dense_box_stops_when_it_knows(connection: Connection) -> None:
    assert "polling_stations_geom_idx on polling_stations found (actual rows=10001" in plan(
        connection, bbox="1,51,2,52"
    )


def test_a_council_is_read_in_order_and_stops_early(connection: Connection) -> None:
    shown = plan(connection, council="X08000001", limit="10")
    assert "on polling_stations found (actual rows=11" in shown
    assert "Sort" not in shown


def count(connection: Connection, dense: bool = False, **given: str) -> list[object]:
    statement, values = items_statement(LAYER, parse_items(LAYER, given), dense=dense)
    row = connection.execute(statement.encode(), values).fetchone()
    assert row is not None
    return list(row[1:])


def test_a_dense_box_is_said_to_be_dense_and_then_gives_its_page(
    connection: Connection,
) -> None:
    assert count(connection, bbox="1,51,2,52") == [0, None, False, 10_001, None]
    number, last, more, total, _ = count(connection, dense=True, bbox="1,51,2,52")
    assert (number, more, total) == (10, True, None)
    assert isinstance(last, int)
