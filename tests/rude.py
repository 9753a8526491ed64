"""Readers that misbehave, for the child process to run."""

import ctypes
import os
import signal
import socket
import subprocess
import time
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pyogrio

from harvesters.batch import Opened


def crash() -> Opened:
    """Ends as a fault in a library written in C does."""
    ctypes.string_at(0)
    raise AssertionError


def leave() -> Opened:
    """Ends the process as some libraries do."""
    os._exit(3)


def kill() -> Opened:
    """Ends as what takes a machine's last memory does."""
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError


def wait() -> Opened:
    """Never ends."""
    while True:
        time.sleep(60)


def take(size: int) -> Opened:
    """Fills `size` bytes of memory."""
    return told(int(np.ones(size, dtype=np.uint8).sum()))


def take_in_rust(rows: int) -> Opened:
    """The same in a library that ends the process when memory is refused."""
    return told(pl.Series([1]).new_from_index(0, rows).cast(pl.String).len())


def err() -> Opened:
    """Has a fault of its own."""
    raise KeyError("a fault of ours")


def connect(family: int, address: Any) -> Opened:
    """Reaches for a server."""
    with socket.socket(family) as caller:
        caller.connect(address)
    return told("connected")


def fetch(url: str) -> Opened:
    """Has GDAL reach for a server."""
    return told(str(pyogrio.read_info(url)))


def run() -> Opened:
    """Starts another program."""
    return told(subprocess.run(["/bin/true"], check=True).returncode)


def environment() -> Opened:
    """What the process was given."""
    return told(repr(dict(os.environ)) + Path("/proc/self/environ").read_text())


def status(line: str) -> Opened:
    """A line of what the kernel says of the process."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return told(next(entry.split()[1] for entry in lines if entry.startswith(line)))


def drivers() -> Opened:
    """Which drivers GDAL has."""
    return told(" ".join(sorted(pyogrio.list_drivers())))


def told(said: object) -> Opened:
    """A table of one cell."""
    records = pl.DataFrame({"row_no": [1], "said": [str(said)]}, schema_overrides={"row_no": pl.Int64})
    return Opened(format="", records=records, rows_read=1, issues=[])
