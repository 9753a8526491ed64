"""`citywide up`, `serve` and `migrate`: bringing the city up."""

import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from threading import Thread
from typing import Annotated

import typer
import uvicorn

from datasets.errors import CitywideError
from datasets.store import feeds as store
from datasets.store.engine import libpq_url
from datasets.vocabulary import Outcome
from harvesters.demo.setting import demo_city
from harvesters.run import Tools
from portal import console
from portal.app import create_app
from portal.commands.harvest_all import harvest_all, left_out
from portal.worker import Worker

DEMO = "demo"

# What uvicorn leaves with when the application does not start; here the status means that a feed is held.
STARTUP_FAILURE = 3

Host = Annotated[str, typer.Option(help="Address to listen on.")]
Port = Annotated[int, typer.Option(help="Port to listen on.", min=1, max=65535)]


def up(
    host: Host = "127.0.0.1",
    port: Port = 8000,
    features: Annotated[int, typer.Option(help="How many features the demo city has.", min=200)] = 4_000,
) -> None:
    """Bring everything up: the database, the portal, a worker, and the demo city when that is the city. Ctrl-C ends
    it."""
    with console.failing_plainly(), ExitStack() as running:
        _stop_cleanly_on_terminate()
        listening = running.enter_context(_listen(host, port))
        console.err.print("Starting the database …")
        tools = running.enter_context(console.opened(setting_up=True))
        if tools.settings.city == DEMO:
            tools = console.on_this_machine(tools)
            _harvest_demo(tools, running, features)
        running.enter_context(_working(tools))
        _serve(tools, listening)


def serve(host: Host = "127.0.0.1", port: Port = 8000) -> None:
    """Serve the portal and the API, and nothing else. Ctrl-C ends it."""
    with console.failing_plainly(), ExitStack() as running:
        _stop_cleanly_on_terminate()
        listening = running.enter_context(_listen(host, port))
        _serve(running.enter_context(console.opened()), listening)


def migrate() -> None:
    """Make or upgrade the database: tables, councils, and a table for each layer. Safe to run again."""
    with console.failing_plainly(), console.opened(setting_up=True) as tools:
        console.out.print(f"The database of {tools.city.title} is up to date.")


def _harvest_demo(tools: Tools, running: ExitStack, features: int) -> None:
    """The demo city's councils on a web server of their own, harvested as any council would be."""
    feeds = running.enter_context(demo_city(tools.engine, tools.city, tools.settings.home / DEMO, features))
    for feed in feeds:
        store.save_feed(tools.engine, feed)
    ended = harvest_all(feeds, tools)
    counts = {outcome: sum(run.outcome is outcome for run in ended) for outcome in Outcome}
    told = ", ".join(f"{count} {outcome}" for outcome, count in counts.items() if count)
    console.err.print(f"{tools.city.title}: {len(ended)} feeds harvested: {told}.")
    for feed_id, because in left_out(feeds, ended).items():
        console.err.print(f"{feed_id}: {because}", style="red", markup=False)


@contextmanager
def _working(tools: Tools) -> Iterator[None]:
    """A worker beside the portal, so that what is due is harvested."""
    worker = Worker(tools)
    working = Thread(target=worker.run, name="worker")
    working.start()
    try:
        yield
    finally:
        worker.stop()
        working.join()


def _serve(tools: Tools, listening: socket.socket) -> None:
    host, port = listening.getsockname()[:2]
    app = create_app(tools.settings, libpq_url(tools.engine))
    configuration = uvicorn.Config(app, log_level="warning", access_log=False, proxy_headers=True)
    console.err.print(f"Citywide is up on http://{host}:{port} – Ctrl-C ends it.", markup=False)
    try:
        uvicorn.Server(configuration).run(sockets=[listening])
    except KeyboardInterrupt:
        # Ctrl-C is how it ends; uvicorn passes it on after it has closed every connection.
        pass
    except SystemExit as failure:
        if failure.code == STARTUP_FAILURE:
            raise CitywideError("The portal did not start; the lines above say why.") from None
        raise
    console.err.print("Citywide is down.")


def _listen(host: str, port: int) -> socket.socket:
    """The port, taken before anything is started, so that a taken one is said at once."""
    listening = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
    except OSError as error:
        listening.close()
        raise CitywideError(
            f"Port {port} on {host} cannot be used: {error.strerror}. Choose another with PORT=8080 or --port."
        ) from None
    return listening


def _stop_cleanly_on_terminate() -> None:
    """A plain `kill` ends the program as Ctrl-C does, so that the database is stopped as well."""
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
