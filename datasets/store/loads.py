"""Counting the loads of boundaries and places, so that a run knows when what it checks against has changed."""

from sqlalchemy import Connection, Engine, func, select
from sqlalchemy.dialects.postgresql import insert

from datasets.store import tables


def count_load(connection: Connection, subject: str) -> None:
    """Puts the revision of `subject` up by one."""
    statement = insert(tables.load).values(subject=subject, revision=1)
    again = {"revision": tables.load.c.revision + 1, "loaded_at": func.now()}
    connection.execute(statement.on_conflict_do_update(index_elements=["subject"], set_=again))


def load_revision(engine: Engine, subject: str) -> int:
    """How often `subject` was loaded."""
    with engine.connect() as connection:
        return connection.scalar(select(tables.load.c.revision).where(tables.load.c.subject == subject)) or 0
