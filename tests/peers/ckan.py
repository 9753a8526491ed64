"""Starts a real CKAN from the Python package index, in a virtual environment of its own that is kept between runs, on
the tests' PostgreSQL and a Redis of its own. It has the DataStore.

Solr is not part of it. In its place stands a server that takes what is to be indexed and throws it away, and is out of
order for every question: datasets can be written and shown, files and the DataStore work, and what needs the index
(`package_search`, and with it lists of an organisation or a group) fails as on a portal whose search engine is down.
"""

import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest
from ckanapi import RemoteCKAN

from tests.peers.served import HOST, free_port, program, wait_for
from tests.serving import serving

VERSION = "2.11.3"
CACHE = Path.home() / ".cache" / "citywide" / "peers" / f"ckan-{VERSION}"
INSTALL_SECONDS, COMMAND_SECONDS = 900, 120
SECRET = "made-up-for-tests-and-for-nothing-else"


@dataclass(frozen=True)
class RealCkan:
    """The running portal, and its administrator through ckanapi."""

    url: str
    admin: RemoteCKAN


@contextmanager
def real_ckan(main_url: str, datastore_url: str, folder: Path) -> Iterator[RealCkan]:
    """The portal on two empty databases; skips the test by name where it cannot be installed."""
    ckan = _installed()
    port = free_port()
    with ExitStack() as stack:
        redis = stack.enter_context(_redis(folder))
        solr = stack.enter_context(serving(_NoSolr))
        settings = folder / "ckan.ini"
        reader = _reader_of(main_url, datastore_url)
        settings.write_text(_settings(port, redis, solr, main_url, datastore_url, reader, folder))
        _run(ckan, settings, "db", "init")
        _allow_reading(ckan, main_url, datastore_url)
        _run(ckan, settings, "user", "add", "admin", "email=admin@example.org", "password=long-enough-for-ckan")
        _run(ckan, settings, "sysadmin", "add", "admin")
        token = _run(ckan, settings, "user", "token", "add", "admin", "tests", "-q").split()[-1]
        command = [ckan, "-c", settings, "run", "--host", HOST, "--port", str(port), "--disable-reloader"]
        stack.enter_context(_running(command, folder / "ckan.log", f"http://{HOST}:{port}/api/3/action/status_show"))
        url = f"http://{HOST}:{port}"
        yield RealCkan(url, RemoteCKAN(url, apikey=token))


def _installed() -> Path:
    """The `ckan` program, installed now if it never was."""
    ckan = CACHE / "bin" / "ckan"
    if (CACHE / "whole").exists():
        return ckan
    shutil.rmtree(CACHE, ignore_errors=True)
    pip = [CACHE / "bin" / "python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    steps: Sequence[Sequence[str | Path]] = (
        (sys.executable, "-m", "venv", CACHE),
        (*pip, "setuptools<80", "wheel"),
        (*pip, f"ckan[requirements]=={VERSION}"),
    )
    for step in steps:
        try:
            done = subprocess.run(step, capture_output=True, text=True, timeout=INSTALL_SECONDS, check=False)
        except (OSError, subprocess.TimeoutExpired) as error:
            pytest.skip(f"CKAN {VERSION} cannot be installed here: {error}")
        if done.returncode:
            pytest.skip(f"CKAN {VERSION} cannot be installed here: {_last_line(done.stderr)}")
    (CACHE / "whole").touch()
    return ckan


@contextmanager
def _redis(folder: Path) -> Iterator[int]:
    port = free_port()
    command = [program("redis-server"), "--port", str(port), "--bind", HOST, "--save", "", "--dir", folder]
    with (folder / "redis.log").open("wb") as log:
        server = subprocess.Popen(command, stdout=log, stderr=log)
        try:
            yield port
        finally:
            server.terminate()
            server.wait()


class _NoSolr(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        taken = "/update" in self.path
        body = b'{"responseHeader":{"status":0}}' if taken else b'{"error":{"msg":"There is no index here."}}'
        self.send_response(200 if taken else 503)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST  # noqa: N815

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""


@contextmanager
def _running(command: Sequence[str | Path], log: Path, answers: str) -> Iterator[None]:
    with log.open("wb") as opened:
        server = subprocess.Popen(command, stdout=opened, stderr=opened)
        try:
            wait_for(answers, lambda: server.poll() is None)
            yield
        finally:
            server.terminate()
            server.wait()


def _settings(port: int, redis: int, solr: int, main: str, datastore: str, reader: str, folder: Path) -> str:
    return f"""[app:main]
SECRET_KEY = {SECRET}
beaker.session.secret = {SECRET}
WTF_CSRF_SECRET_KEY = {SECRET}
api_token.jwt.encode.secret = string:{SECRET}
api_token.jwt.decode.secret = string:{SECRET}
sqlalchemy.url = {main}
ckan.datastore.write_url = {datastore}
ckan.datastore.read_url = {reader}
ckan.site_url = http://{HOST}:{port}
ckan.site_id = ashmere
ckan.site_title = Ashmere open data
ckan.auth.create_unowned_dataset = true
solr_url = http://{HOST}:{solr}/solr/ckan
ckan.redis.url = redis://{HOST}:{redis}/0
ckan.plugins = datastore
ckan.storage_path = {folder / "storage"}
[loggers]
keys = root
[handlers]
keys = console
[formatters]
keys = plain
[logger_root]
level = WARNING
handlers = console
[handler_console]
class = StreamHandler
args = (sys.stderr,)
formatter = plain
[formatter_plain]
format = %(levelname)s %(message)s
"""


def _reader_of(main_url: str, datastore_url: str) -> str:
    """The DataStore's address for the role that may only read it, which is made if need be."""
    parts = urlsplit(datastore_url)
    name = f"{parts.path.strip('/')}_reader"
    with psycopg.connect(main_url, autocommit=True) as connection:
        connection.execute(f"CREATE ROLE {name} LOGIN".encode())
    return parts._replace(netloc=f"{name}@{parts.netloc.rpartition('@')[2]}").geturl()


def _allow_reading(ckan: Path, main_url: str, datastore_url: str) -> None:
    """What `ckan datastore set-permissions` prints for psql. It takes no address with a socket, so its own file of SQL
    is filled in here."""
    [script] = ckan.parent.parent.glob("lib/python3*/site-packages/ckanext/datastore/set_permissions.sql")
    names = {"maindb": urlsplit(main_url).path.strip("/"), "datastoredb": urlsplit(datastore_url).path.strip("/")}
    roles = {"mainuser": urlsplit(main_url).username, "writeuser": urlsplit(datastore_url).username}
    said = script.read_text().format(**names, **roles, readuser=f"{names['datastoredb']}_reader")
    statements = "\n".join(line for line in said.splitlines() if not line.startswith("\\"))
    with psycopg.connect(datastore_url, autocommit=True) as connection:
        connection.execute(statements.encode())


def _run(ckan: Path, settings: Path, *arguments: str) -> str:
    command = [ckan, "-c", settings, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=COMMAND_SECONDS, check=False)
    if done.returncode:
        pytest.fail(f"ckan {' '.join(arguments)}: {_last_line(done.stderr or done.stdout)}")
    return done.stdout


def _last_line(text: str) -> str:
    return (text.strip().splitlines() or ["no word why"])[-1]
