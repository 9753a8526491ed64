"""What the tests of the pipeline are arranged from: feeds of the demo city, tables of made-up toilets, and a web
server on loopback that answers exactly as a test says, however badly."""

import csv
import io
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import polars as pl
import requests
from sqlalchemy import Engine, text

from datasets.errors import RunFailed
from datasets.feed import Feed
from harvesters.batch import ROW_NO, Opened
from harvesters.run import Acceptance, RunReport, Tools, harvest
from harvesters.web.session import Session
from tests.serving import serving

ASHMERE, BRACKHOLME = "X09000001", "X09000002"
EAST, NORTH = 645_700, 407_800
"""A place well inside Ashmere, on the National Grid."""

LON, LAT = 1.7060, 53.5049
"""Near it in degrees."""


def quiet(stage: str, done: int, total: int | None) -> None:
    """A harvest's progress, told to nobody."""


def feed_of(feed_id: str = "ashmere-toilets", **given: Any) -> Feed:
    """A feed of public toilets of Ashmere, but for what is given."""
    document = {
        "id": feed_id,
        "council": ASHMERE,
        "layer": "public-toilets",
        "url": "https://example.org/toilets.csv",
        "licence": "OGL-UK-3.0",
    }
    return Feed.model_validate({**document, **given})


def toilet(number: int, **given: object) -> dict[str, object]:
    """One made-up toilet, some way from every other."""
    row = {
        "Ref": f"T{number:03d}",
        "Name": f"Convenience {number}",
        "Address": f"{number} Mere Lane",
        "Opening Hours": "24 hours",
        "Easting": EAST + 40 * (number % 40),
        "Northing": NORTH + 40 * (number // 40),
    }
    return {**row, **given}


def toilets(count: int, first: int = 1) -> list[dict[str, object]]:
    return [toilet(number) for number in range(first, first + count)]


def csv_bytes(rows: Sequence[Mapping[str, object]]) -> bytes:
    """The rows as a council's CSV file."""
    out = io.StringIO()
    writer = csv.DictWriter(out, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue().encode()


def table(columns: Mapping[str, Sequence[object]], layer_name: str | None = None) -> Opened:
    """A file of these columns as the open stage hands it on; rows are numbered from 2, as in a spreadsheet."""
    texts = {name: [None if value is None else str(value) for value in values] for name, values in columns.items()}
    records = pl.DataFrame(texts, schema=dict.fromkeys(texts, pl.String)).with_row_index(ROW_NO, 2)
    records = records.with_columns(pl.col(ROW_NO).cast(pl.Int64))
    return Opened("CSV", records, records.height, [], layer_name=layer_name)


def saying(reason: str, *codes: str) -> Acceptance:
    """An operator's word for opening these gates."""
    return Acceptance(frozenset(codes), reason)


class Desk:
    """One feed on its way through the real pipeline: its bytes are laid down as a file and harvested."""

    def __init__(self, tools: Tools, folder: Path, feed: Feed | None = None) -> None:
        self.tools = tools
        self.feed = feed or feed_of()
        self.path = folder / "toilets.csv"

    def harvest(self, content: bytes | Sequence[Mapping[str, object]], accept: Acceptance | None = None) -> RunReport:
        self.path.write_bytes(content if isinstance(content, bytes) else csv_bytes(content))
        return harvest(self.feed, self.tools, quiet, path=self.path, accept=accept)

    def rows(self, columns: str = "*") -> list[dict[str, Any]]:
        """What stands in the layer's table of this feed, by key."""
        table_name = self.feed.layer.replace("-", "_")
        statement = f"SELECT {columns} FROM layers.{table_name} WHERE feed_id = :feed ORDER BY key"  # noqa: S608
        return query(self.tools.engine, statement, feed=self.feed.id)

    def keys(self) -> list[str]:
        return [row["key"] for row in self.rows("key")]


def query(engine: Engine, statement: str, **values: object) -> list[dict[str, Any]]:
    with engine.begin() as connection:
        result = connection.execute(text(statement), values)
        return [dict(row) for row in result.mappings()] if result.returns_rows else []


def counts(report: RunReport) -> dict[str, int]:
    """How many rows each issue code of a run stands for."""
    return dict(report.issues.group_by("code").agg(pl.sum("count")).iter_rows())


@dataclass(frozen=True)
class Answer:
    """What the server says: `body` may be blocks made while they are sent, and `length` may lie."""

    body: bytes | Callable[[], Iterable[bytes]] = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    length: int | None = None


class Loopback:
    """A web server on loopback; `answers` are by path with its query, and may change; `asked` is what came."""

    def __init__(self, answers: Mapping[str, Answer]) -> None:
        self.answers = dict(answers)
        self.asked: list[str] = []
        self.url = ""

    def __getitem__(self, path: str) -> str:
        return f"{self.url}{path}"


@contextmanager
def served(answers: Mapping[str, Answer] | None = None) -> Iterator[Loopback]:
    """The server, while the context lasts. What it has no answer for is 404."""
    site = Loopback(answers or {})
    with serving(_handler(site)) as port:
        site.url = f"http://127.0.0.1:{port}"
        yield site


def fails(session: Session, url: str, **given: object) -> RunFailed:
    """What the person reads who registered the address."""
    try:
        session.get(url, **given)  # type: ignore[arg-type]
    except RunFailed as error:
        return error
    except requests.RequestException as error:
        return session.failure(url, error)
    raise AssertionError("it was answered")


def _handler(site: Loopback) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        # Head and body go out apart, and the second would wait for the client to acknowledge the first.
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            site.asked.append(self.path)
            answer = site.answers.get(self.path, Answer(b"nothing here", 404))
            self.send_response(answer.status)
            whole = answer.body if isinstance(answer.body, bytes) else None
            length = answer.length if answer.length is not None else None if whole is None else len(whole)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            if length is not None:
                self.send_header("Content-Length", str(length))
            self.end_headers()
            for block in [whole] if whole is not None else answer.body():  # type: ignore[operator]
                self.wfile.write(block)

        def log_message(self, format: str, *args: object) -> None:
            """Quiet."""

    return Handler
