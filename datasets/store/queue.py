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


def enqueue(engine: Engine, feeds: Iterable[Feed], accept: str | None = None) -> int:
    """Has the feeds harvested by the next worker that is free; how many did not wait for it already. What waits already
    takes over the reason for accepting."""
    with queue_app(engine).open() as app:
        return sum(_enqueue(engine, app, feed, accept) for feed in feeds)


def hand_over(engine: Engine, feed_id: str, accept: str | None) -> bool:
    """Whether a job of the feed waits that stands in for another, with its reason for accepting."""
    statement = text("""
        UPDATE procrastinate.procrastinate_jobs
        SET args = args || jsonb_build_object('accept', coalesce(CAST(:accept AS text), args->>'accept'))
        WHERE queueing_lock = :lock AND status = 'todo'
    """)
    with engine.begin() as connection:
        # Its triggers write to tables of theirs without a schema.
        connection.execute(text(f"SET LOCAL search_path = {SCHEMA}"))
        return connection.execute(statement, {"lock": _waits_once(feed_id), "accept": accept}).rowcount > 0


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


def _enqueue(engine: Engine, app: App, feed: Feed, accept: str | None) -> bool:
    lock = f"host {urlsplit(feed.url).netloc}"
    job = app.configure_task(TASK, lock=lock, queueing_lock=_waits_once(feed.id), allow_unknown=True)
    while True:
        try:
            job.defer(feed_id=feed.id, accept=accept)
            return True
        except AlreadyEnqueued:
            # A worker may have taken it just now, too early to be told the reason.
            if hand_over(engine, feed.id, accept):
                return False


def _waits_once(feed_id: str) -> str:
    return f"feed {feed_id}"
