"""One run: how it ended, what became of every row, and its issues with how to mend them."""

import re

from sqlalchemy import Connection
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from datasets.issues import issue_codes
from datasets.layer import layers
from datasets.store.run_report import RunReport, issue_summaries, run_report
from portal.site import Site

EXAMPLES = 20


def show(site: Site, request: Request) -> Response:
    with site.engine.connect() as connection:
        run = find_run(connection, request.path_params["id"])
        issues = issue_summaries(connection, run.id, EXAMPLES)
    dropped = sorted((each for each in issues if each.dropped), key=lambda each: -each.dropped)
    values = {
        "run": run,
        "issues": issues,
        "dropped": dropped,
        "unexplained": None if run.left_out is None else run.left_out - sum(each.dropped for each in dropped),
        "codes": issue_codes(),
        "layer": layers().get(run.layer),
    }
    return site.page(request, "run.html", values)


def find_run(connection: Connection, text: str) -> RunReport:
    """The run whose number stands in an address; 404 when there is none."""
    number = run_number(text)
    run = None if number is None else run_report(connection, number)
    if run is None:
        raise HTTPException(404, "There is no run with this number.")
    return run


def run_number(text: str) -> int | None:
    """`text` as the number of a run; None when it cannot be one. The database refuses to compare longer numbers."""
    return int(text) if re.fullmatch(r"[0-9]{1,18}", text) else None
