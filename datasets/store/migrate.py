"""Bringing a database up to date: migrations, the city's councils, the layer tables. Safe to run again."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, delete, func, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import ProgrammingError

from datasets.city import City
from datasets.errors import DatabaseError
from datasets.layer import layers
from datasets.store import tables
from datasets.store.layer_tables import make_layer_tables
from datasets.store.publishing.publish import CHANNEL
from datasets.store.quality import measure_gaps
from datasets.store.versions.replay import clear_left_ground

_LOCK = 0x43495459
"""Advisory lock number, so that two programs that start at once do not migrate at once."""


def migrate(engine: Engine, city: City) -> None:
    """Makes or upgrades everything in one transaction: schema `citywide`, its councils, schema `layers`."""
    with engine.begin() as connection:
        connection.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": _LOCK})
        for extension in ("postgis", "pg_trgm", "unaccent"):
            connection.execute(text(f"CREATE EXTENSION IF NOT EXISTS {extension}"))
        connection.execute(text(f"CREATE SCHEMA IF NOT EXISTS {tables.SCHEMA}"))
        _upgrade(connection)
        _record_city(connection, city)
        _record_councils(connection, city)
        clear_left_ground(connection)
        make_layer_tables(connection, layers())
        measure_gaps(connection, layers().values())
        connection.execute(select(func.pg_notify(CHANNEL, "")))


def is_current(engine: Engine) -> bool:
    """Whether the database has every migration and every layer as it is defined now."""
    head = ScriptDirectory.from_config(_configuration()).get_current_head()
    wanted = {layer.id: layer.digest for layer in layers().values()}
    try:
        with engine.connect() as connection:
            context = MigrationContext.configure(connection, opts={"version_table_schema": tables.SCHEMA})
            found = connection.execute(select(tables.layer.c.id, tables.layer.c.definition_hash))
            made = {row.id: row.definition_hash for row in found}
            return context.get_current_revision() == head and made.items() >= wanted.items()
    except ProgrammingError:
        return False


def _upgrade(connection: Connection) -> None:
    config = _configuration()
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def _configuration() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.set_main_option("path_separator", "os")
    return config


def check_city(engine: Engine, city: City) -> None:
    """DatabaseError when the database serves another city: its features would be mixed with this one's."""
    try:
        with engine.connect() as connection:
            _refuse_other_city(connection, city)
    except ProgrammingError:
        return


def _refuse_other_city(connection: Connection, city: City) -> None:
    title = connection.scalar(select(tables.city.c.title).where(tables.city.c.title != city.title))
    if title is not None:
        raise DatabaseError(
            f"This database serves {title}, not {city.title}; give {city.title} a database of its own with "
            "CITYWIDE_HOME or CITYWIDE_DATABASE_URL."
        )


def _record_city(connection: Connection, city: City) -> None:
    _refuse_other_city(connection, city)
    connection.execute(insert(tables.city).values(id=city.title, title=city.title).on_conflict_do_nothing())


def _record_councils(connection: Connection, city: City) -> None:
    for council in city.council:
        row = {"name": council.name, "slug": council.slug}
        statement = insert(tables.council).values(gss=council.gss, **row)
        connection.execute(statement.on_conflict_do_update(index_elements=["gss"], set_=row))
    known = [council.gss for council in city.council]
    used = tables.feed.select().where(tables.feed.c.council == tables.council.c.gss).exists()
    held = tables.boundary.select().where(tables.boundary.c.council == tables.council.c.gss).exists()
    connection.execute(delete(tables.council).where(tables.council.c.gss.not_in(known), ~used, ~held))
