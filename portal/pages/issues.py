"""All issues of one run as CSV that is safe to open in a spreadsheet."""

import csv
import io
import re
from collections.abc import Iterator
from tempfile import SpooledTemporaryFile
from typing import IO, Any

from sqlalchemy import Row
from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from datasets.issues import issue_codes
from datasets.store.run_report import every_issue
from datasets.vocabulary import Action, Responsibility
from portal import words
from portal.pages.runs import find_run
from portal.site import Site

COLUMNS = (
    "row",
    "field",
    "code",
    "title",
    "severity",
    "what we did",
    "value",
    "message",
    "rows",
    "who mends it",
    "how",
)

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
"""What spreadsheets take for the beginning of a formula, the wide forms of Japanese keyboards among them."""

IN_MEMORY = 1 << 20
PART = 1 << 16


def download(site: Site, request: Request) -> Response:
    # Written out before it is sent, so that a slow reader never keeps a connection to the database.
    with site.engine.connect() as connection:
        run = find_run(connection, request.path_params["id"])
        file = _written(every_issue(connection, run.id))
    headers = {
        "Content-Disposition": f'attachment; filename="run-{run.id}-issues.csv"',
        "Content-Length": str(file.tell()),
        "Cache-Control": "no-cache",
    }
    file.seek(0)
    parts = iter(lambda: file.read(PART), b"")
    return StreamingResponse(parts, media_type="text/csv", headers=headers, background=BackgroundTask(file.close))


def safe_cell(value: str) -> str:
    """`value` so that no spreadsheet takes it for a formula; plain numbers stay as they are."""
    if value.startswith(FORMULA_STARTS) and not re.fullmatch(r"[+-]?\d+(\.\d+)?", value):
        return f"'{value}"
    return value


def _written(issues: Iterator[Row[Any]]) -> IO[bytes]:
    file = SpooledTemporaryFile(IN_MEMORY)  # noqa: SIM115 - closed when the answer has gone out
    try:
        _write(file, issues)
    except BaseException:
        file.close()
        raise
    return file


def _write(file: IO[bytes], issues: Iterator[Row[Any]]) -> None:
    # The mark at the start tells spreadsheets that the text is UTF-8.
    text = io.TextIOWrapper(file, encoding="utf-8-sig", newline="")
    rows = csv.writer(text)
    rows.writerow(COLUMNS)
    for issue in issues:
        rows.writerow([safe_cell(str(value)) if value is not None else "" for value in _cells(issue)])
    text.detach()


def _cells(issue: Row[Any]) -> tuple[object, ...]:
    known = issue_codes().get(issue.code)
    return (
        issue.row_no,
        issue.field,
        issue.code,
        known.title if known else None,
        issue.severity,
        words.ACTIONS[Action(issue.action)],
        issue.value,
        issue.message,
        issue.rows,
        words.MENDERS[Responsibility(issue.responsibility)],
        known.fix if known else None,
    )
