"""The queue of harvests, kept by procrastinate in the same PostgreSQL, in a schema of its own.

A feed waits in it at most once, and feeds of one host are harvested one after the other, by whichever worker.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from procrastinate import App, PsycopgConnector
from procrastinate.exceptions import AlreadyEnqueued
from procrastinate.schema import SchemaManager
from sqlalchemy import Connection, Engine, text

from datasets.feed import Feed
from datasets.store.engine import libpq_url

SCHEMA = "procrastinate"
TASK = "harvest"
_TENDING = 0x54454E44
"""Advisory lock number of whoever tends the queue."""


def make_queue_tables(connection: Connection) -> None:
    """The tables and functions of procrastinate, for a migration."""
    connection.execute(text(f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}"))
    before = connection.scalar(text("SHOW search_path"))
    connection.execute(text(f"SET LOCAL search_path = {SCHEMA}"))
    # Many statements at once go to the driver itself, which takes them where there are no parameters.
    driver = connection.connection.driver_connection
    assert driver is not None
    driver.execute(SchemaManager.get_schema())
    connection.execute(text(f"SET LOCAL search_path = {before}"))


def queue_app(engine: Engine) -> App:
    """procrastinate on the engine's database; to be opened by whoever uses it."""
    options = {"options": f"-c search_path={SCHEMA}"}
    return App(connector=PsycopgConnector(conninfo=libpq_url(engine), kwargs=options, min_size=1, max_size=4))


def enqueue(engine: Engine, feeds: Iterable[Feed]) -> int:
    """Has the feeds harvested by the next worker that is free; how many did not wait for it already."""
    with queue_app(engine).open() as app:
        return sum(_enqueue(app, feed) for feed in feeds)


def is_waiting(engine: Engine, feed_id: str) -> bool:
    """Whether a job of the feed waits, which stands in for another."""
    query = text("SELECT FROM procrastinate.procrastinate_jobs WHERE queueing_lock = :lock AND status = 'todo'")
    with engine.connect() as connection:
        return connection.execute(query, {"lock": _waits_once(feed_id)}).first() is not None


@contextmanager
def one_at_a_time(engine: Engine) -> Iterator[bool]:
    """Whether nobody else is tending the queue just now; nobody else will be while the context lasts."""
    with engine.connect() as connection, connection.begin():
        yield bool(connection.scalar(text("SELECT pg_try_advisory_xact_lock(:number)"), {"number": _TENDING}))


def waiting(engine: Engine) -> list[str]:
    """The ids of the feeds that wait or are being harvested."""
    query = text("SELECT args->>'feed_id' FROM procrastinate.procrastinate_jobs WHERE status IN ('todo', 'doing')")
    with engine.connect() as connection:
        return list(connection.execute(query).scalars())


def _enqueue(app: App, feed: Feed) -> bool:
    lock = f"host {urlsplit(feed.url).netloc}"
    job = app.configure_task(TASK, lock=lock, queueing_lock=_waits_once(feed.id), allow_unknown=True)
    try:
        job.defer(feed_id=feed.id)
    except AlreadyEnqueued:
        return False
    return True


def _waits_once(feed_id: str) -> str:
    return f"feed {feed_id}"
