"""Where the database's time goes: the server's own log of slow statements, for `--profile`."""

import re
from pathlib import Path

import psycopg

SLOW_MS = 20
_LINE = re.compile(r"duration: ([\d.]+) ms  (?:statement|execute [^:]*): (.*?)(?=\n\d{4}-\d\d-\d\d |\Z)", re.DOTALL)
_READ: dict[Path, int] = {}


def log_statements(url: str) -> None:
    """Has the server log what takes long in this database, from the next connection on."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            f"ALTER DATABASE {connection.info.dbname} SET log_min_duration_statement = {SLOW_MS}".encode()
        )


def slow_statements(log: Path) -> list[tuple[float, str]]:
    """Seconds and text of what was logged since the last call, in its order."""
    text = log.read_text(errors="replace")
    found = _LINE.findall(text[_READ.get(log, 0) :])
    _READ[log] = len(text)
    return [(float(milliseconds) / 1000, " ".join(statement.split())[:110]) for milliseconds, statement in found]
