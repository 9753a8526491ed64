"""Reads page by page that are not finished: kept after every page, so that another program can go on with them."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import Engine, delete, func, select
from sqlalchemy import insert as plain_insert
from sqlalchemy.dialects.postgresql import insert

from datasets.store import tables
from datasets.store.runs import check_lease

FRESH = timedelta(days=1)
"""An older read is begun anew: too much may have changed since its first page."""


@dataclass(frozen=True)
class Reading:
    """How far a read has come. `dataset` is what the platform said when it began, `since` the watermark that a read of
    changes starts from; `file` names the unfinished file, `bytes` its length up to the last whole page; `cursor` is
    where the next page begins, None after the last, and `ended` what told that it was the last."""

    dataset: Mapping[str, Any]
    since: str | None
    file: str
    size: int
    cursor: Mapping[str, Any] | None
    pages: int = 0
    rows: int = 0
    bytes: int = 0
    ended: str = ""


def files_noted(engine: Engine) -> set[str]:
    """The names of the files that unfinished reads go on with."""
    with engine.connect() as connection:
        return set(connection.execute(select(tables.reading.c.file)).scalars())


class Readings:
    """The unfinished read of one feed, in the database; each page is recorded under the run that asked for it."""

    def __init__(self, engine: Engine, feed_id: str, run_id: int) -> None:
        self._engine = engine
        self._feed = feed_id
        self._run = run_id

    def unfinished(self) -> Reading | None:
        """The read that a program before left, None when there is none that is fresh."""
        table = tables.reading
        wanted = (table.c.feed == self._feed, table.c.updated_at > func.now() - FRESH)
        with self._engine.connect() as connection:
            row = connection.execute(select(table).where(*wanted)).mappings().one_or_none()
        if row is None:
            return None
        return Reading(**{name: row[name] for name in Reading.__dataclass_fields__})

    def save(self, reading: Reading, receipt: Mapping[str, Any] | None = None) -> None:
        """Keeps how far it has come and the page's receipt, together; LeaseLost when the run is no longer ours."""
        row = asdict(reading)
        statement = insert(tables.reading).values(feed=self._feed, updated_at=func.now(), **row)
        again = {**row, "updated_at": func.now()}
        with self._engine.begin() as connection:
            check_lease(connection, self._run)
            connection.execute(statement.on_conflict_do_update(index_elements=["feed"], set_=again))
            if receipt is not None:
                connection.execute(plain_insert(tables.fetch).values(run=self._run, **receipt))

    def drop(self) -> None:
        """Forgets the read: it is finished, or of no use."""
        with self._engine.begin() as connection:
            connection.execute(delete(tables.reading).where(tables.reading.c.feed == self._feed))


class Unkept:
    """The same for a read that nobody will go on with, such as a check's."""

    def unfinished(self) -> Reading | None:
        return None

    def save(self, reading: Reading, receipt: Mapping[str, Any] | None = None) -> None:
        return

    def drop(self) -> None:
        return
