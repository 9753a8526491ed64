"""A made-up city with two councils and rows put straight into its layer tables, for the tests of the OGC API."""

import hashlib
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy import Connection, insert, text, update
from starlette.applications import Starlette
from starlette.routing import Mount

from datasets.city import City, Council
from datasets.layer import find_layer
from datasets.store import tables
from datasets.store.engine import connect
from datasets.store.layer_tables import layer_table
from datasets.store.migrate import migrate
from ogc.app import OgcService

CITY = City(
    title="Fernport",
    description="A made-up city.",
    extent=(1.0, 51.0, 2.0, 52.0),
    boundary_source="made up",
    council=(Council(gss="X08000001", name="Alder Bay"), Council(gss="X08000002", name="Birchley")),
)
SHA256 = hashlib.sha256(b"toilets").hexdigest()
STYLE_URL = "/static/citywide.0.css"
LINES = "reference of a council\nwith “quotes” and a \\ and a tab\t"


def beside(database_url: str, name: str) -> str:
    """The address of the database `name` on the same server."""
    return urlsplit(database_url)._replace(path=f"/{name}").geturl()


def fill(database_url: str) -> None:
    """Makes the tables and puts 60 toilets, 12 conservation areas and no library in them."""
    engine = connect(database_url)
    migrate(engine, CITY)
    with engine.begin() as connection:
        for council, attribution in zip(CITY.council, ("", "© Birchley 2024"), strict=True):
            for layer in ("public-toilets", "conservation-areas"):
                add_feed(connection, f"{council.slug}-{layer}", council.gss, layer, attribution)
        connection.execute(insert(tables.resource).values(sha256=SHA256, bytes=7, name="toilets.csv"))
        add_features(connection, "public-toilets", map(toilet, range(60)))
        add_features(connection, "conservation-areas", map(area, range(12)))


def toilet(number: int) -> dict[str, Any]:
    """One of a row of toilets from west to east; every third is Birchley's."""
    own: dict[str, Any] = {"reference": f"T{number}", "name": f"Toilet {number % 7}", "notes": LINES}
    own |= {"accessible": number % 2 == 0, "charge": "0.50" if number % 4 == 0 else None, "category": "Unisex"}
    return {**row(number, "public-toilets"), **own, "geom": f"SRID=4326;POINT({1 + number / 100} 51.5)"}


def area(number: int) -> dict[str, Any]:
    """A triangle, designated in 1970 or later; the box around it is twice as large."""
    west = 1 + number / 100
    corners = f"{west} 51.5, {west + 0.008} 51.5, {west} 51.508, {west} 51.5"
    dates = {"start_date": f"{1970 + number}", "end_date": "1999-06" if number == 0 else None}
    return {**row(number, "conservation-areas"), "name": f"Area {number}", **dates} | {
        "geom": f"SRID=4326;POLYGON(({corners}))"
    }


def row(number: int, layer: str) -> dict[str, Any]:
    council = CITY.council[number % 3 == 2]
    return {
        "feature_id": f"{layer[:2]}{number:04}",
        "council": council.gss,
        "feed_id": f"{council.slug}-{layer}",
        "key": str(number),
        "rung": "reference",
        "placed": "xy",
        "resource_sha256": SHA256,
        "row_no": number + 2,
        "revision": 1,
        "first_revision": 1,
        "content_hash": hashlib.md5(str(number).encode()).hexdigest(),
    }


def add_feed(connection: Connection, name: str, council: str, layer: str, attribution: str = "") -> None:
    given = {"id": name, "council": council, "layer": layer, "platform": "file", "licence": "OGL-UK-3.0"}
    url = f"https://example.org/{name}.csv"
    rest = {"url": url, "attribution": attribution, "cadence": "monthly", "document": {}}
    connection.execute(insert(tables.feed).values(given | rest))


def add_features(connection: Connection, layer: str, rows: Iterable[Mapping[str, Any]]) -> None:
    """Adds the rows and publishes: the layer's revision goes up and whoever listens is told."""
    connection.execute(insert(layer_table(find_layer(layer))), list(rows))
    publish(connection, layer)


def publish(connection: Connection, layer: str) -> None:
    """What a publish leaves behind in the layer table."""
    table = find_layer(layer).table
    count = connection.execute(text(f"SELECT count(*) FROM layers.{table}")).scalar_one()  # noqa: S608
    known = tables.layer.c
    values = {"revision": known.revision + 1, "features": count, "published_at": text("now()")}
    connection.execute(update(tables.layer).where(known.id == layer).values(values))
    connection.execute(text("NOTIFY citywide_layer"))


def application(database_url: str, public_url: str | None = None) -> Starlette:
    """The OGC API alone, mounted as the portal mounts it."""
    service = OgcService(database_url=database_url, city=CITY, public_url=public_url, style_url=STYLE_URL)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        async with service.running():
            yield

    return Starlette(routes=[Mount("/ogc", routes=service.routes)], lifespan=lifespan)
