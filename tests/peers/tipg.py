"""Starts stock tipg 1.6 on a PostGIS database, in a virtual environment of its own that is kept between runs."""

import os
import subprocess
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import parse_qsl, quote, urlsplit

import pytest

from tests.peers.served import HOST, free_port, wait_for

RELEASE = "1.6"
HOME = Path.home() / ".cache" / "citywide" / f"tipg-{RELEASE}"


@contextmanager
def tipg(folder: Path, database_url: str) -> Iterator[str]:
    """The address of the server, which publishes every table of the schema `public` that has a geometry."""
    port = free_port()
    environment = os.environ | {"DATABASE_URL": _with_host(database_url)}
    with (folder / "tipg.log").open("wb") as log:
        running = subprocess.Popen(
            [str(_python()), "-m", "uvicorn", "tipg.main:app", "--host", HOST, "--port", str(port)],
            env=environment, stdout=log, stderr=log, cwd=folder,
        )  # fmt: skip
    try:
        wait_for(f"http://{HOST}:{port}/conformance", lambda: running.poll() is None)
        yield f"http://{HOST}:{port}"
    finally:
        running.terminate()
        running.wait(20)


def _with_host(database_url: str) -> str:
    """The address with a socket's folder where tipg insists on a host."""
    parts = urlsplit(database_url)
    words = dict(parse_qsl(parts.query))
    if parts.hostname or "host" not in words:
        return database_url
    place = f"{parts.username}@{quote(words['host'], safe='')}:{words.get('port', '5432')}"
    return parts._replace(netloc=place, query="").geturl()


def _python() -> Path:
    """The interpreter of tipg's own environment; the test is skipped where it cannot be installed."""
    python, done = HOME / "bin" / "python", HOME / "installed"
    if done.exists():
        return python
    venv.create(HOME, with_pip=True, clear=True)
    asked = [str(python), "-m", "pip", "install", "--quiet", f"tipg=={RELEASE}.*", "uvicorn"]
    installed = subprocess.run(asked, capture_output=True, text=True, check=False)
    if installed.returncode:
        pytest.skip(f"tipg {RELEASE} cannot be installed here: {installed.stderr.strip()[-200:]}")
    done.touch()
    return python
