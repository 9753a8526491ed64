"""The open stage in a process of its own: a file that crashes its reader, takes all memory or never ends costs one run
a sentence, and what a stranger wrote into a file reaches neither network nor database."""

import atexit
import json
import logging
import os
import pickle
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from datasets.errors import RunFailed, RunHeld
from datasets.settings import Settings
from harvesters.apart.confine import OUT_OF_MEMORY, Limits
from harvesters.apart.parcel import LENGTH, LOG, STATUS, Order, unpack
from harvesters.batch import Opened
from harvesters.open import open_resource

logger = logging.getLogger(__name__)

GRACE_SECONDS = 30
"""How much longer than the child's own limit its answer is awaited."""
TOO_LONG = {-signal.SIGALRM, -signal.SIGXCPU}


def open_apart(
    path: Path,
    *,
    name: str,
    media_type: str | None = None,
    layer: str | None = None,
    sheet: str | None = None,
    settings: Settings,
    work: Path,
) -> Opened:
    """What `open_resource` promises, kept by a child process. What crosses between the two lies in `work` meanwhile.

    RunFailed besides when the file needs more memory or time than it is given, or crashes its reader.
    """
    arguments = {
        "path": path.absolute(),
        "name": name,
        "media_type": media_type,
        "layer": layer,
        "sheet": sheet,
        "settings": replace(settings, database_url=None),
        "work": work.absolute(),
    }
    return read_apart(open_resource, arguments, name, Limits(settings.parse_bytes, settings.parse_seconds), work)


def make_ready() -> None:
    """Starts loading the readers, in a process beside, unless that is done; the first file then need not wait."""
    _NURSERY.start()


def read_apart(read: Callable[..., Opened], arguments: dict[str, Any], name: str, limits: Limits, work: Path) -> Opened:
    """What `read`, a function of a module, makes of `arguments` in a child process; `name` is what the file is called
    in sentences."""
    work.mkdir(parents=True, exist_ok=True)
    order = pickle.dumps(Order(read, arguments, limits, work.absolute()))
    answer = _ask(order, name, limits) or _ask(order, name, limits)
    if not answer:
        raise RuntimeError("the process that reads files ended twice without an answer")
    word, _, rest = _body(answer).partition(b" ")
    if not word:
        (status,) = STATUS.unpack(answer[-STATUS.size :])
        raise _ended(status, name, limits, work)
    if word == b"opened":
        return unpack(json.loads(rest), work)
    if word == b"stopped":
        kind, code, message = json.loads(rest)
        raise (RunHeld if kind == RunHeld.__name__ else RunFailed)(code, message)
    if word == b"memory":
        raise _too_large(name, limits)
    raise RuntimeError(f"a reader broke:\n{json.loads(rest)}")


def _ask(order: bytes, name: str, limits: Limits) -> bytes:
    """What the child sent, or how it ended where that is not whole; nothing when the nursery itself ended."""
    answer = b""
    with _NURSERY.channel() as channel:
        channel.settimeout(limits.seconds + GRACE_SECONDS)
        try:
            channel.sendall(LENGTH.pack(len(order)) + order)
            while not _body(answer) and (part := channel.recv(1 << 16)):
                answer += part
        except TimeoutError:
            raise _too_slow(name, limits) from None
        except OSError:
            return b""
    return answer if len(answer) >= STATUS.size else b""


def _body(answer: bytes) -> bytes:
    """The answer without its length, once it is whole. A child takes a while to give back its memory, so its end is
    awaited only when it sent nothing."""
    if len(answer) < LENGTH.size:
        return b""
    end = LENGTH.size + LENGTH.unpack(answer[: LENGTH.size])[0]
    return answer[LENGTH.size : end] if len(answer) >= end else b""


def _ended(status: int, name: str, limits: Limits, work: Path) -> RunFailed:
    """Why a child ended without an answer."""
    if status in TOO_LONG:
        return _too_slow(name, limits)
    log = work / LOG
    said = log.read_bytes()[-4096:].decode("utf-8", "replace").strip() if log.exists() else ""
    # The system kills who takes the last of its memory.
    if status == -signal.SIGKILL or OUT_OF_MEMORY.search(said):
        return _too_large(name, limits)
    logger.warning("the reader of %s ended with %s: %s", name, status, said)
    return RunFailed(
        "E-FORMAT",
        f"{name} made its reader break down, so it is likely to be damaged; open it in the program it was made with and"
        " save it again, or publish it as CSV or GeoPackage.",
    )


def _too_large(name: str, limits: Limits) -> RunFailed:
    most = f"{limits.bytes / (1 << 30):,.3g} GiB"
    return RunFailed(
        "E-TOOLARGE",
        f"{name} cannot be read with {most} of memory; publish it in parts, or raise CITYWIDE_PARSE_BYTES.",
    )


def _too_slow(name: str, limits: Limits) -> RunFailed:
    return RunFailed(
        "E-TIMEOUT",
        f"{name} could not be read within {limits.seconds:,} seconds; publish it in parts, or raise"
        " CITYWIDE_PARSE_SECONDS.",
    )


class _Nursery:
    """The one of this program: started when it is first needed, and again after its end or in a fork of the program."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.owner = 0
        self.control: socket.socket | None = None
        self.program: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self.lock:
            self._started()

    def channel(self) -> socket.socket:
        """A line to a new child. Closing it ends the child."""
        ours, theirs = socket.socketpair()
        with self.lock, theirs:
            try:
                socket.send_fds(self._started(), [b"+"], [theirs.fileno()])
            except OSError:
                self._end()
                socket.send_fds(self._started(), [b"+"], [theirs.fileno()])
        return ours

    def _started(self) -> socket.socket:
        if self.control and self.program and self.owner == os.getpid() and self.program.poll() is None:
            return self.control
        self._end()
        self.control, theirs = socket.socketpair()
        rooms = Path(__file__).parents[2]
        with theirs:
            # Of the environment nothing is handed on: passwords may be in it.
            self.program = subprocess.Popen(
                [sys.executable, "-W", "ignore::DeprecationWarning", "-m", "harvesters.apart.nursery"],
                stdin=theirs.fileno(), stdout=subprocess.DEVNULL, cwd=rooms, env=ENVIRONMENT, start_new_session=True,
            )  # fmt: skip
        self.owner = os.getpid()
        atexit.register(self._end)
        return self.control

    def _end(self) -> None:
        if self.control and self.program and self.owner == os.getpid():
            with suppress(OSError):
                # Closing alone would not tell the nursery where a fork of this program holds the socket too.
                self.control.shutdown(socket.SHUT_RDWR)
            self.program.wait()
        if self.control:
            self.control.close()
        self.control = self.program = None


ENVIRONMENT = {
    "LC_ALL": "C.UTF-8",
    "OPENBLAS_NUM_THREADS": "1",
    "_RJEM_MALLOC_CONF": "background_thread:false,retain:false",
}
"""A process that forks should have no threads: neither numpy's nor those of Polars' allocator, which moreover should
give back memory, for what it merely keeps would count."""

_NURSERY = _Nursery()
