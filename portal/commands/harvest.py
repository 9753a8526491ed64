"""`citywide harvest`: runs the pipeline for feeds, with a bar for each, and says how each run ended."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from datasets.feed import Feed
from datasets.issues import issue_codes
from datasets.store import feeds as store
from datasets.store import runs
from datasets.store.runs import RunLine
from datasets.vocabulary import Outcome
from harvesters.gates.approvals import Acceptance, may_be_accepted
from harvesters.run import Tools
from harvesters.run import harvest as run_feed
from portal import console
from portal.commands.harvest_all import harvest_all, left_out
from portal.worker import JOBS

STYLES = {Outcome.PUBLISHED: "green", Outcome.UNCHANGED: "green", Outcome.HELD: "yellow", Outcome.FAILED: "red"}


def harvest(
    feed: Annotated[list[str] | None, typer.Argument(help="Ids of the feeds to harvest.", show_default=False)] = None,
    everything: Annotated[bool, typer.Option("--all", help="Harvest every feed.")] = False,
    path: Annotated[
        Path | None,
        typer.Option("--from", exists=True, dir_okay=False, help="A local file to use in place of the feed's address."),
    ] = None,
    accept: Annotated[
        list[str] | None,
        typer.Option(help="The code of a gate to open for this file; can be repeated.", metavar="CODE"),
    ] = None,
    reason: Annotated[str, typer.Option(help="With --accept: why it may be opened. It is kept.")] = "",
    jobs: Annotated[int, typer.Option(help="With --all: how many feeds at a time.", min=1, max=64)] = JOBS,
    as_json: Annotated[bool, typer.Option("--json", help="Print the outcome as JSON.")] = False,
) -> None:
    """Harvest feeds: fetch, harmonise and publish. Exits 0 when all are in, 3 when one is held, 4 when one failed."""
    if bool(feed) == everything:
        raise typer.BadParameter("name one or more feeds, or say --all")
    if path and (everything or len(feed or []) != 1):
        raise typer.BadParameter("--from goes with exactly one feed")
    accepted = acceptance(accept or [], reason)
    if accepted and (everything or len(feed or []) != 1):
        raise typer.BadParameter("--accept goes with exactly one feed: look at each before you open its gates")
    with console.failing_plainly(), console.opened() as tools:
        chosen = (
            store.list_feeds(tools.engine) if everything else [store.read_feed(tools.engine, f) for f in feed or []]
        )
        if not chosen:
            console.stop("There are no feeds yet; add one with `citywide feeds add`.")
        if everything:
            ended = harvest_all(chosen, tools, jobs=jobs)
        else:
            ended = harvest_in_turn(chosen, tools, path=path, accept=accepted)
        missed = left_out(chosen, ended)
        if as_json:
            told = [_document(run) for run in ended] + [_left_out_document(*one) for one in missed.items()]
            typer.echo(json.dumps(told, indent=2))
        else:
            console.out.print(outcome_table(ended))
            for line in how_to_accept(ended):
                console.out.print(line, markup=False, soft_wrap=True)
            for feed_id, because in missed.items():
                console.err.print(f"{feed_id}: {because}", style="red", markup=False)
    outcomes = {run.outcome for run in ended}
    if missed or Outcome.FAILED in outcomes:
        raise typer.Exit(console.FAILED)
    raise typer.Exit(console.HELD if Outcome.HELD in outcomes else console.OK)


def harvest_in_turn(
    feeds: list[Feed], tools: Tools, *, path: Path | None = None, accept: Acceptance | None = None
) -> list[RunLine]:
    """One run for each feed, one after the other in this program, each with its progress bar."""
    before = runs.newest_run(tools.engine)
    with console.progress() as bars:
        for feed in feeds:
            tell = console.teller(bars, feed.id)
            report = run_feed(feed, tools, tell, path=path, accept=accept)
            tell("done", 1, report.values.get("features"))
    wanted = {feed.id for feed in feeds}
    return [run for run in runs.runs_after(tools.engine, before) if run.feed in wanted]


def acceptance(codes: Sequence[str], reason: str) -> Acceptance | None:
    """The word of whoever runs the command; BadParameter where it says too little, or opens what nobody may."""
    if not codes and not reason:
        return None
    if not codes or not reason.strip():
        raise typer.BadParameter('say which gate, and why: --accept CODE --reason "..."')
    for code in codes:
        if code not in issue_codes():
            raise typer.BadParameter(f"there is no gate {code!r}; the run that was held names its gates")
        if not may_be_accepted(code):
            raise typer.BadParameter(f"{code} cannot be accepted. {issue_codes()[code].fix}")
    return Acceptance(frozenset(codes), reason.strip())


def how_to_accept(ended: Sequence[RunLine]) -> list[str]:
    """For each gate that holds a run, the command that opens it, or how it is to be mended."""
    lines = []
    for run in ended:
        for gate in run.gates or () if run.outcome is Outcome.HELD else ():
            lines += ["", f"{gate['code']}: {gate['message']}"]
            if may_be_accepted(gate["code"]):
                lines.append(f'  To open it: citywide harvest {run.feed} --accept {gate["code"]} --reason "why"')
            else:
                lines.append(f"  It cannot be accepted. {issue_codes()[gate['code']].fix}")
    return lines


def outcome_table(ended: Sequence[RunLine]) -> Table:
    """One line for each run: what came in, and how it ended."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading, justify in (
        ("Feed", "left"),
        ("Rows", "right"),
        ("Features", "right"),
        ("Outcome", "left"),
        ("", "left"),
    ):
        table.add_column(heading, justify=justify, overflow="fold")  # type: ignore[arg-type]
    for run in ended:
        assert run.outcome is not None
        table.add_row(
            run.feed,
            "" if run.rows_read is None else f"{run.rows_read:,}",
            "" if run.features is None else f"{run.features:,}",
            f"[{STYLES[run.outcome]}]{run.outcome}",
            (f"{run.code}: " if run.code else "") + (run.message or "").replace("[", r"\["),
        )
    return table


def _document(run: RunLine) -> dict[str, Any]:
    return {
        "feed": run.feed,
        "run": run.id,
        "outcome": run.outcome,
        "code": run.code,
        "message": run.message,
        "gates": run.gates or [],
        "rows_read": run.rows_read,
        "features": run.features,
        "inserted": run.inserted,
        "updated": run.updated,
        "missing": run.missing,
        "ended": run.ended,
        "revision": run.revision,
    }


def _left_out_document(feed_id: str, because: str) -> dict[str, Any]:
    return {"feed": feed_id, "run": None, "outcome": None, "code": None, "message": because}
