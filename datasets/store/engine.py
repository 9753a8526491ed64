"""Connections: the SQLAlchemy engine of the pipeline, the command line and the pages, made from a libpq address."""

from sqlalchemy import Engine, create_engine, make_url
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import NullPool, QueuePool

from datasets.errors import DatabaseError

_OPTIONS = "-c jit=off -c timezone=UTC"

# A page that waits longer than this has lost its reader; better to say so than to queue behind it.
_PAGE_OPTIONS = f"{_OPTIONS} -c statement_timeout=15000 -c lock_timeout=1000"
_POOL_SECONDS = 5
_KEPT = 4


def connect(database_url: str, *, pooled: int = 0, keep: bool = False) -> Engine:
    """An engine on `database_url` (postgresql://...), checked by one query; DatabaseError when it cannot be used.

    Pages ask for `pooled` connections that are kept open, and give up on a slow query. Programs that go on for long
    `keep` a few and open more when needed; all others open one when needed.
    """
    try:
        engine = _pooled_engine(database_url, pooled) if pooled else _plain_engine(database_url, keep)
        with engine.connect() as connection:
            connection.exec_driver_sql("SELECT 1")
    except SQLAlchemyError as error:
        reason = str(getattr(error, "orig", None) or error).strip().splitlines()[-1]
        raise DatabaseError(f"The database cannot be used: {reason}") from None
    return engine


def _plain_engine(database_url: str, keep: bool) -> Engine:
    url, arguments = make_url(database_url).set(drivername="postgresql+psycopg"), {"options": _OPTIONS}
    if not keep:
        return create_engine(url, poolclass=NullPool, connect_args=arguments)
    return create_engine(
        url, poolclass=QueuePool, pool_size=_KEPT, max_overflow=-1, pool_pre_ping=True, connect_args=arguments
    )


def _pooled_engine(database_url: str, size: int) -> Engine:
    return create_engine(
        make_url(database_url).set(drivername="postgresql+psycopg"),
        poolclass=QueuePool,
        pool_size=size,
        max_overflow=0,
        pool_timeout=_POOL_SECONDS,
        pool_pre_ping=True,
        connect_args={"options": _PAGE_OPTIONS, "connect_timeout": _POOL_SECONDS},
    )


def libpq_url(engine: Engine) -> str:
    """The address of the engine's database as libpq reads it, password included."""
    return engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
