"""`citywide status`: what is in, and how each feed stands."""

import json
from datetime import UTC, datetime
from typing import Annotated, Any

import typer
from rich.table import Table
from sqlalchemy import Connection

from datasets.layer import layers
from datasets.store.catalogue import latest_runs, layer_standings
from datasets.store.coverage import coverage
from datasets.vocabulary import CouncilState
from harvesters.run import Tools
from portal import console

STYLES = {
    CouncilState.IN: "green",
    CouncilState.STALE: "yellow",
    CouncilState.HELD: "yellow",
    CouncilState.FAILED: "red",
    CouncilState.WAITING: "cyan",
    CouncilState.MISSING: "dim",
}


def status(as_json: Annotated[bool, typer.Option("--json", help="Print as JSON.")] = False) -> None:
    """Show each layer's features and which councils are in, stale, held, failed, waiting or missing."""
    with console.failing_plainly(), console.opened() as tools, tools.engine.connect() as connection:
        found = [_layer_status(connection, layer_id) for layer_id in layers()]
        if as_json:
            typer.echo(json.dumps({"city": tools.city.title, "layers": found}, indent=2))
        else:
            _print(tools, connection, found)


def _layer_status(connection: Connection, layer_id: str) -> dict[str, Any]:
    standing = layer_standings(connection)[layer_id]
    councils = coverage(connection, layers(), datetime.now(UTC), layer=layer_id)
    return {
        "layer": layer_id,
        "features": standing.features,
        "revision": standing.revision,
        "councils": {entry.council.name: entry.state.value for entry in councils},
    }


def _print(tools: Tools, connection: Connection, found: list[dict[str, Any]]) -> None:
    table = Table(box=None, pad_edge=False, header_style="bold", title=tools.city.title, title_justify="left")
    table.add_column("Layer")
    table.add_column("Features", justify="right")
    for state in CouncilState:
        table.add_column(state.value, justify="right", style=STYLES[state])
    for entry in found:
        states = list(entry["councils"].values())
        counts = [str(states.count(state.value) or "") for state in CouncilState]
        table.add_row(entry["layer"], f"{entry['features']:,}", *counts)
    console.out.print(table)
    for entry in found:
        others = [
            f"{state.value}: {', '.join(names)}"
            for state in CouncilState
            if state is not CouncilState.IN
            and (names := [name for name, found in entry["councils"].items() if found == state.value])
        ]
        if others:
            console.out.print(f"{entry['layer']} – {'; '.join(others)}.", markup=False, soft_wrap=True)
    runs = latest_runs(connection, 5)
    if runs:
        console.out.print("\n[bold]Last runs")
    for run in runs:
        started = run.started_at.strftime("%Y-%m-%d %H:%M")
        console.out.print(f"{started}  {run.feed}  {run.outcome or run.state}  {run.message or ''}", markup=False)
