"""`citywide worker` programs, each with its own log, ended by their process ids whatever happens."""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

from tests.bench.ground import CHECKOUT, Ground

END_SECONDS = 60


@contextmanager
def working(made: Ground, url: str, count: int = 1) -> Iterator[list[subprocess.Popen[bytes]]]:
    """So many workers on the database, while the context lasts."""
    command = [str(Path(sys.executable).parent / "citywide"), "worker"]
    log = made.settings.home / "workers.log"
    programs = []
    with log.open("ab") as told:
        try:
            for _ in range(count):
                programs.append(
                    subprocess.Popen(command, cwd=CHECKOUT, env=made.environment(url), stdout=told, stderr=told)
                )
            yield programs
        finally:
            for program in programs:
                program.terminate()
            for program in programs:
                _end(program)


def wait_until(url: str, statement: str, wanted: int, seconds: float, alive: Callable[[], bool]) -> None:
    """Returns once the statement's number is as large as wanted; SystemExit when it takes longer than so many seconds
    or nobody works any more."""
    deadline = time.monotonic() + seconds
    with psycopg.connect(url, autocommit=True) as connection:
        while (found := (connection.execute(statement.encode()).fetchone() or (0,))[0]) < wanted:
            if time.monotonic() > deadline or not alive():
                raise SystemExit(f"Only {found:,} of {wanted:,} were done after {seconds:,.0f} s: {statement}")
            time.sleep(0.1)


def _end(program: subprocess.Popen[bytes]) -> None:
    try:
        program.wait(END_SECONDS)
    except subprocess.TimeoutExpired:
        program.kill()
        program.wait()
