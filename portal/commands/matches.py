"""`citywide matches`: pairs of features that may be one thing, and what people decide of them."""

import getpass
import json
from dataclasses import asdict
from typing import Annotated

import typer
from rich.table import Table

from datasets.layer import find_layer
from datasets.store.matching.decisions import Pair, Side, decide, find_pairs, list_pairs
from datasets.store.matching.duplicates import AUTOMATIC
from datasets.vocabulary import MatchDecision
from portal import console

app = typer.Typer(no_args_is_help=True, help="The same thing published by two councils, or twice by one.")

_STYLES = {MatchDecision.OPEN: "yellow", MatchDecision.SAME: "green", MatchDecision.DIFFERENT: "cyan"}


@app.command("list")
def show(
    layer_id: Annotated[str | None, typer.Argument(metavar="[LAYER]", help="Of this layer alone.")] = None,
    only_open: Annotated[bool, typer.Option("--open", help="Only those for a person to decide.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print as JSON, with earlier decisions.")] = False,
) -> None:
    """List the pairs with their score, the evidence and the decision; those for a person to decide come first."""
    with console.failing_plainly(), console.opened() as tools:
        layer = find_layer(layer_id) if layer_id else None
        pairs = list_pairs(tools.engine, layer, only_open=only_open)
        if as_json:
            typer.echo(json.dumps([asdict(pair) for pair in pairs], indent=2, default=str))
        elif pairs:
            _print(pairs)
        else:
            console.out.print("No pair is open." if only_open else "No two features are taken to be one thing.")


@app.command("decide")
def settle(
    pair_id: Annotated[int, typer.Argument(metavar="ID", help="The pair's number.")],
    decision: Annotated[str, typer.Argument(metavar="same|different", help="Whether they are one thing.")],
    reason: Annotated[str, typer.Option("--reason", help="Why; kept with the decision.")],
    by: Annotated[str, typer.Option("--by", help="Who decides; you, if not said.")] = "",
) -> None:
    """Decide whether two features are one thing. It can be decided anew; what was decided before is kept."""
    if decision not in (MatchDecision.SAME, MatchDecision.DIFFERENT):
        raise typer.BadParameter(f"{decision!r} is neither same nor different")
    with console.failing_plainly(), console.opened() as tools:
        pair = decide(tools.engine, pair_id, MatchDecision(decision), reason, by or getpass.getuser())
        told = "are one thing" if pair.decision is MatchDecision.SAME else "are two things"
        console.out.print(f"{_named(pair.a)} and {_named(pair.b)} {told}: {pair.reason}", markup=False, soft_wrap=True)


@app.command("find")
def search(layer_id: Annotated[str, typer.Argument(metavar="LAYER", help="The layer's id.")]) -> None:
    """Work out all pairs of a layer again, as after its definition changed. What people decided stays."""
    with console.failing_plainly(), console.opened() as tools:
        count = find_pairs(tools.engine, find_layer(layer_id), getpass.getuser())
        console.out.print(f"{layer_id}: {count:,} {'pair' if count == 1 else 'pairs'}.")


def _print(pairs: list[Pair]) -> None:
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("Pair", justify="right")
    for heading in ("Layer", "One", "Other", "Score", "Evidence", "Decision"):
        table.add_column(heading, overflow="fold", justify="right" if heading == "Score" else "left")
    for pair in pairs:
        who = "automatically" if pair.by == AUTOMATIC else f"by {_plain(pair.by)}"
        decision = f"[{_STYLES[pair.decision]}]{pair.decision}[/], {who}"
        why = f": {_plain(pair.reason)}" if pair.reason else ""
        if pair.earlier:
            why += f" (before: {', '.join(one['decision'] for one in pair.earlier)})"
        sides = (_plain(_named(side)) for side in (pair.a, pair.b))
        table.add_row(str(pair.id), pair.layer, *sides, f"{pair.score:.2f}", _plain(pair.evidence), decision + why)
    console.out.print(table)


def _named(side: Side) -> str:
    if side.council is None:
        return f"{side.feature_id} (ended)"
    return f"{side.name or side.feature_id} ({side.council})"


def _plain(text: str) -> str:
    return text.replace("[", r"\[")
