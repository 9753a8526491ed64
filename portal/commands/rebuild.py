"""`citywide rebuild`: replays a layer from the archive and proves that it gives what stands, or shows what differs."""

import json
from dataclasses import asdict
from typing import Annotated, Any

import typer
from rich.table import Table

from datasets.issues import issue_codes
from harvesters.gates.approvals import may_be_accepted
from harvesters.rebuild import Rebuilt
from harvesters.rebuild import rebuild as rebuild_layer
from portal import console
from portal.commands.harvest import acceptance


def rebuild(
    layer_id: Annotated[str, typer.Argument(metavar="LAYER", help="The layer's id.")],
    apply: Annotated[bool, typer.Option("--apply", help="Publish the difference as one revision.")] = False,
    accept: Annotated[
        list[str] | None,
        typer.Option(help="With --apply: the code of a gate to open; can be repeated.", metavar="CODE"),
    ] = None,
    reason: Annotated[str, typer.Option(help="With --accept: why it may be opened. It is kept.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print as JSON.")] = False,
) -> None:
    """Replay a layer from the archive, oldest to newest, by the rules as they are now, and compare.

    Exits 0 when the result equals what stands or was applied, 3 when it differs, 1 when it cannot be told.
    """
    accepted = acceptance(accept or [], reason)
    if accepted and not apply:
        raise typer.BadParameter("--accept goes with --apply")
    with console.failing_plainly(), console.opened() as tools:
        with console.progress() as bars:
            rebuilt = rebuild_layer(layer_id, tools, console.teller(bars, layer_id), apply=apply, accept=accepted)
        if as_json:
            typer.echo(json.dumps(_document(rebuilt), indent=2, ensure_ascii=False, default=str))
        else:
            _print(rebuilt)
    if rebuilt.problems:
        raise typer.Exit(console.ERROR)
    raise typer.Exit(console.OK if rebuilt.equal or rebuilt.diff is not None else console.HELD)


def _print(rebuilt: Rebuilt) -> None:
    found = rebuilt.comparison
    console.out.print(_table(("Feed", "Stands", "Replayed"), [(f.feed, f.stands, f.replayed) for f in found.feeds]))
    for problem in rebuilt.problems:
        console.err.print(problem, style="red", markup=False, soft_wrap=True)
    said = f"{rebuilt.replayed:,} runs were replayed."
    if rebuilt.equal:
        console.out.print(f"{said} The result equals what stands at revision {found.revision}.")
        return
    sides = f"{found.lacking:,} only stand, {found.more:,} only come out of the replay"
    console.out.print(f"{said} {found.differing:,} features differ, {sides}.", soft_wrap=True)
    rows = [(d.column, d.features, d.example, d.stands, d.replayed) for d in found.differences]
    if rows:
        console.out.print(_table(("Column", "Features", "For example", "Stands", "Replayed"), rows))
    for told, ids in (("Only stand", found.lacking_ids), ("Only in the replay", found.more_ids)):
        if ids:
            console.out.print(f"{told}, for example: {', '.join(ids)}", markup=False, soft_wrap=True)
    for gate in rebuilt.shut:
        console.out.print(f"Gate {gate.code} of {gate.feed}: {gate.told}", style="yellow", markup=False, soft_wrap=True)
    if rebuilt.diff is not None:
        console.out.print(f"Published as revision {rebuilt.diff.revision}.")
    else:
        console.out.print(_how_to_publish(rebuilt), markup=False, soft_wrap=True)


def _how_to_publish(rebuilt: Rebuilt) -> str:
    codes = sorted({gate.code for gate in rebuilt.shut})
    for code in codes:
        if not may_be_accepted(code):
            return f"It cannot be published while gate {code} is shut. {issue_codes()[code].fix}"
    opening = "".join(f" --accept {code}" for code in codes) + ' --reason "why"' if codes else ""
    return f"Publish it with: citywide rebuild {rebuilt.layer.id} --apply{opening}"


def _table(headings: tuple[str, ...], rows: list[tuple[Any, ...]]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for place, heading in enumerate(headings):
        is_count = bool(rows) and isinstance(rows[0][place], int)
        table.add_column(heading, justify="right" if is_count else "left", overflow="fold")
    for row in rows:
        table.add_row(*(_told(value) for value in row))
    return table


def _told(value: Any) -> str:
    said = f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)
    return "nothing" if value is None else said.replace("[", r"\[")


def _document(rebuilt: Rebuilt) -> dict[str, Any]:
    return {
        "layer": rebuilt.layer.id,
        "equal": rebuilt.equal,
        "replayed": rebuilt.replayed,
        **asdict(rebuilt.comparison),
        "problems": rebuilt.problems,
        "gates": [{"feed": gate.feed, "code": gate.code, "message": gate.told} for gate in rebuilt.shut],
        "published": asdict(rebuilt.diff) if rebuilt.diff else None,
    }
