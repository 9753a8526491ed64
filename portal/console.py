"""What the terminal shows, and how commands reach the city: one console, one way to open it, one way to fail."""

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import NoReturn

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from sqlalchemy import Engine
from typer.exceptions import TyperException

from datasets.city import read_city
from datasets.errors import CitywideError
from datasets.settings import Settings, read_settings
from datasets.store.embedded import database
from datasets.store.engine import connect
from datasets.store.hosts import StoredLedger
from datasets.store.migrate import check_city, is_current, migrate
from harvesters.run import Tell, Tools
from harvesters.web.hosts import Hosts
from harvesters.web.session import Session

OK, ERROR, USAGE, HELD, FAILED = 0, 1, 2, 3, 4
"""Exit statuses of every command."""

WIDE = 180
"""Columns of a table that goes to a file or another program; a terminal has its own width."""

out = Console(highlight=False, width=None if sys.stdout.isatty() else WIDE)
err = Console(stderr=True, highlight=False)


def stop(message: str, status: int = ERROR) -> NoReturn:
    """One line on standard error, and the exit status."""
    err.print(message, style="red", markup=False, soft_wrap=True)
    raise SystemExit(status)


@contextmanager
def failing_plainly() -> Iterator[None]:
    """Errors as one line without a traceback; what broke on our side is logged with its traceback under --debug."""
    try:
        yield
    except CitywideError as error:
        stop(str(error))
    except KeyboardInterrupt:
        stop("Stopped.", 130)
    except (typer.Exit, TyperException):
        raise
    except Exception as error:
        logging.getLogger("citywide").debug("a command broke", exc_info=True)
        stop(f"Something broke on our side: {type(error).__name__}: {error}. Run with --debug to see where.")


@contextmanager
def opened(*, setting_up: bool = False) -> Iterator[Tools]:
    """The city's database, started if it is the embedded one, with everything a run needs.

    The embedded database is brought up to date by itself; a server's is not, because other programs use it too.
    """
    settings = read_settings()
    city = read_city(settings)
    with database(settings) as url:
        engine = connect(url, keep=True)
        check_city(engine, city)
        if setting_up or settings.database_url is None:
            migrate(engine, city)
        elif not is_current(engine):
            raise CitywideError("The database is not up to date; run `citywide migrate`.")
        try:
            yield Tools(engine, settings, city, new_session(settings, engine))
        finally:
            engine.dispose()


def new_session(settings: Settings, engine: Engine) -> Session:
    """The session of this deployment, on the budget that all its workers share."""
    hosts = Hosts(StoredLedger(engine), settings.requests_per_second)
    return Session(contact_page(settings), allow_loopback=settings.allow_loopback, hosts=hosts)


def on_this_machine(tools: Tools) -> Tools:
    """The tools of a trial: its councils' servers may be on this machine."""
    settings = replace(tools.settings, allow_loopback=True)
    return replace(tools, settings=settings, session=new_session(settings, tools.engine))


def contact_page(settings: Settings) -> str:
    """The page that our requests name, so that a council can see who asks."""
    return f"{settings.public_url}/" if settings.public_url else "https://citywide.example.org/"


@contextmanager
def progress() -> Iterator[Progress]:
    """Bars on standard error where that is a terminal; nothing where it is a file."""
    columns = (
        SpinnerColumn(finished_text="[green]✓"),
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=24),
        TextColumn("{task.fields[stage]}", markup=False),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=err, disable=not sys.stderr.isatty(), transient=False) as bars:
        yield bars


def teller(bars: Progress, name: str) -> Tell:
    """A callback for one run that moves a bar of its own."""
    task = bars.add_task(name, stage="", total=None)

    def tell(stage: str, done: int, total: int | None) -> None:
        if stage == "done":
            bars.update(task, stage=f"{total:,}" if total else "", total=1, completed=1)
        else:
            bars.update(task, stage=stage, completed=done, total=total or None)

    return tell
