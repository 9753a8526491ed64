"""`citywide tasks`: what each council has to mend, since when, and how; and muting what it cannot."""

import json
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated, Any

import typer
from rich.table import Table
from typer.core import TyperGroup

from datasets.city import City
from datasets.layer import find_layer
from datasets.store.tasks import Task, mute, open_tasks, unmute
from datasets.vocabulary import TaskKind
from portal import console, words


class _ListsAtOnce(TyperGroup):
    """`citywide tasks` and `citywide tasks COUNCIL` list; what names no command is a council."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if not args or (args[0] not in self.commands and args[0] != "--help"):
            args = ["list", *args]
        return super().parse_args(ctx, args)


app = typer.Typer(cls=_ListsAtOnce, help="What councils have to mend: `tasks [COUNCIL]` lists it.")


@app.command("list")
def list_tasks(
    council: Annotated[str | None, typer.Argument(metavar="[COUNCIL]", help="A council's name or GSS code.")] = None,
    layer_id: Annotated[str | None, typer.Option("--layer", help="One layer.")] = None,
    muted: Annotated[bool, typer.Option("--muted", help="With those that are muted.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print as JSON.")] = False,
) -> None:
    """List the open tasks, the severest and oldest first."""
    with console.failing_plainly():
        layer = find_layer(layer_id).id if layer_id else None
        with console.opened() as tools, tools.engine.connect() as connection:
            gss = tools.city.find_council(council).gss if council else None
            tasks = open_tasks(connection, council=gss, layer=layer, muted=muted)
            city = tools.city
        if as_json:
            typer.echo(json.dumps([_told(task) for task in tasks], indent=2))
        else:
            _print(tasks, city)


@app.command("mute")
def mute_task(
    task_id: Annotated[str, typer.Argument(metavar="ID", help="The task's id.")],
    reason: Annotated[str, typer.Option(help="Why nothing is to be done about it.")],
) -> None:
    """Mute a task for as long as its cause lasts, and keep why."""
    with console.failing_plainly(), console.opened() as tools:
        if not reason.strip():
            console.stop("Say why with --reason.", console.USAGE)
        muted = mute(tools.engine, task_id, reason.strip(), "operator")
        console.out.print(f"Muted: {muted.title}.", markup=False)


@app.command("unmute")
def unmute_task(task_id: Annotated[str, typer.Argument(metavar="ID", help="The task's id.")]) -> None:
    """Open a muted task again."""
    with console.failing_plainly(), console.opened() as tools:
        opened = unmute(tools.engine, task_id)
        console.out.print(f"Open again: {opened.title}.", markup=False)


def _told(task: Task) -> dict[str, Any]:
    """The task as plain values; moments in ISO 8601."""
    told = {**asdict(task), "title": task.title, "severity": task.severity.value, "fix": task.fix}
    return {
        name: value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if isinstance(value, datetime) else value
        for name, value in told.items()
    }


def _print(tasks: list[Task], city: City) -> None:
    if not tasks:
        console.out.print("No task is open.")
        return
    names = {council.gss: council.name for council in city.council}
    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in ("Id", "Council", "Layer", "Severity", "Open since", "Task", "How to mend it"):
        table.add_column(title, overflow="fold", no_wrap=title in ("Id", "Open since"))
    for task in tasks:
        what = task.title + (f" ({task.field})" if task.field else "")
        what += f", {words.named(task.count, 'row')}" if task.kind is TaskKind.ISSUE else ""
        since = f"{task.open_since:%Y-%m-%d}" if task.open_since else "–"
        state = task.severity.value + (f", muted: {task.reason}" if task.reason else "")
        cells = (task.id, names.get(task.council, task.council), task.layer, state, since, what, task.fix)
        table.add_row(*(cell.replace("[", r"\[") for cell in cells))
    console.out.print(table)
