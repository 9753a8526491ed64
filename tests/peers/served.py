"""Files that the real servers of this folder are asked to serve, and where a free port is."""

import shutil
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests

HOST = "127.0.0.1"
START_SECONDS = 60


@dataclass(frozen=True)
class Served:
    """A file as a council would publish it: `layer` inside the file, `kind` as WKB has it, `key` a column of ids."""

    name: str
    path: Path
    layer: str
    kind: str
    epsg: int
    key: str | None = None


def program(name: str, *folders: str) -> str:
    """The path of a program; the test is skipped by name where the machine has none."""
    found = shutil.which(name, path=":".join(("/usr/bin", "/usr/local/bin", "/usr/lib/cgi-bin", *folders)))
    if found is None:
        pytest.skip(f"{name} is not installed on this machine")
    return found


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind((HOST, 0))
        return int(listener.getsockname()[1])


def wait_for(url: str, is_alive: Callable[[], bool]) -> None:
    """Returns once the address answers; the test fails when the server has stopped or is too slow."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and is_alive():
        try:
            requests.get(url, timeout=START_SECONDS)
            return
        except requests.ConnectionError:
            time.sleep(0.2)
    pytest.fail(f"The server at {url} did not start.")
