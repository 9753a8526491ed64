"""`citywide coverage`: every council in every layer, as a table, JSON or CSV."""

import csv
import json
import sys
from datetime import UTC, datetime
from typing import Annotated, Any

import typer
from rich.table import Table

from datasets.layer import find_layer, layers
from datasets.store.coverage import Standing, coverage
from portal import console
from portal.pages.issues import safe_cell

COLUMNS = {
    "Layer": "layer",
    "Council": "council",
    "State": "state",
    "Expected": "expected",
    "Features": "features",
    "Last check": "last_check",
    "Last change": "last_change",
    "Level": "level",
    "Score": "score",
    "Tasks": "open_tasks",
}


def show(
    layer_id: Annotated[str | None, typer.Argument(metavar="[LAYER]", help="One layer; all without it.")] = None,
    council: Annotated[str | None, typer.Option(help="One council: its name or GSS code.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print as JSON.")] = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print as CSV.")] = False,
) -> None:
    """Show which councils are in, stale, held, failed, waiting or missing, and which are expected to be in."""
    with console.failing_plainly():
        layer = find_layer(layer_id).id if layer_id else None
        with console.opened() as tools, tools.engine.connect() as connection:
            gss = tools.city.find_council(council).gss if council else None
            found = coverage(connection, layers(), datetime.now(UTC), council=gss, layer=layer)
        # Without a layer or a council named, thousands of rows would say that nobody provides what nobody must.
        told = [each for each in found if layer or gss or each.feeds or each.expected]
        rows = [_told(standing) for standing in told]
        if as_json:
            typer.echo(json.dumps(rows, indent=2))
        elif as_csv:
            _write_csv(rows)
        else:
            _print(rows)


def _told(standing: Standing) -> dict[str, Any]:
    """The standing as plain values; moments in ISO 8601."""
    expected, quality = standing.expected, standing.quality
    return {
        "layer": standing.layer,
        "council": standing.council.name,
        "gss": standing.council.gss,
        "state": standing.state.value,
        "expected": expected.reason.value if expected else None,
        "expected_because": expected.because if expected else None,
        "expected_by": expected.source if expected else None,
        "feeds": [feed.id for feed in standing.feeds],
        "features": standing.features,
        "last_check": _iso(standing.checked_at),
        "last_good_check": _iso(standing.good_at),
        "last_change": _iso(standing.changed_at),
        "level": quality.level.value if quality else None,
        "score": quality.score if quality else None,
        "open_tasks": standing.tasks,
    }


def _write_csv(rows: list[dict[str, Any]]) -> None:
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(rows[0] if rows else COLUMNS.values())
    for row in rows:
        cells = [" ".join(value) if isinstance(value, list) else value for value in row.values()]
        writer.writerow(["" if cell is None else safe_cell(str(cell)) for cell in cells])


def _print(rows: list[dict[str, Any]]) -> None:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for title, name in COLUMNS.items():
        table.add_column(title, justify="right" if name in ("features", "score", "open_tasks") else "left")
    for row in rows:
        shown = {**row, "features": f"{row['features']:,}"}
        shown |= {name: (row[name] or "")[:10] for name in ("last_check", "last_change")}
        table.add_row(*("" if shown[name] is None else str(shown[name]) for name in COLUMNS.values()))
    console.out.print(table)


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
