"""`citywide harvest`: runs the pipeline for feeds, with a bar for each, and says how each run ended."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from datasets.feed import Feed
from datasets.store import feeds as store
from datasets.vocabulary import Outcome
from harvesters.run import RunReport, Tools
from harvesters.run import harvest as run_feed
from portal import console

STYLES = {Outcome.PUBLISHED: "green", Outcome.UNCHANGED: "green", Outcome.HELD: "yellow", Outcome.FAILED: "red"}


def harvest(
    feed: Annotated[list[str] | None, typer.Argument(help="Ids of the feeds to harvest.", show_default=False)] = None,
    everything: Annotated[bool, typer.Option("--all", help="Harvest every feed.")] = False,
    path: Annotated[
        Path | None,
        typer.Option("--from", exists=True, dir_okay=False, help="A local file to use in place of the feed's address."),
    ] = None,
    accept: Annotated[
        str | None, typer.Option(help="Your reason for publishing although a gate holds this file.", metavar="REASON")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the outcome as JSON.")] = False,
) -> None:
    """Harvest feeds: fetch, harmonise and publish. Exits 0 when all are in, 3 when one is held, 4 when one failed."""
    if bool(feed) == everything:
        raise typer.BadParameter("name one or more feeds, or say --all")
    if path and (everything or len(feed or []) != 1):
        raise typer.BadParameter("--from goes with exactly one feed")
    with console.failing_plainly(), console.opened() as tools:
        chosen = (
            store.list_feeds(tools.engine) if everything else [store.read_feed(tools.engine, f) for f in feed or []]
        )
        if not chosen:
            console.stop("There are no feeds yet; add one with `citywide feeds add`.")
        reports = harvest_feeds(chosen, tools, path=path, accept=accept)
        if as_json:
            typer.echo(json.dumps([_document(report) for report in reports], indent=2))
        else:
            console.out.print(outcome_table(reports))
    outcomes = {report.outcome for report in reports}
    if Outcome.FAILED in outcomes:
        raise typer.Exit(console.FAILED)
    raise typer.Exit(console.HELD if Outcome.HELD in outcomes else console.OK)


def harvest_feeds(
    feeds: list[Feed], tools: Tools, *, path: Path | None = None, accept: str | None = None
) -> list[RunReport]:
    """One run for each feed, one after the other, each with its progress bar."""
    reports = []
    with console.progress() as bars:
        for feed in feeds:
            tell = console.teller(bars, feed.id)
            report = run_feed(feed, tools, tell, path=path, accept=accept)
            tell("done", 1, report.values.get("features"))
            reports.append(report)
    return reports


def outcome_table(reports: list[RunReport]) -> Table:
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
    for report in reports:
        rows, features = (report.values.get(name) for name in ("rows_read", "features"))
        table.add_row(
            report.feed.id,
            "" if rows is None else f"{rows:,}",
            "" if features is None else f"{features:,}",
            f"[{STYLES[report.outcome]}]{report.outcome}",
            (f"{report.code}: " if report.code else "") + report.message.replace("[", r"\["),
        )
    return table


def _document(report: RunReport) -> dict[str, Any]:
    return {
        "feed": report.feed.id,
        "run": report.run_id,
        "outcome": report.outcome.value,
        "code": report.code,
        "message": report.message,
        "rows_read": report.values.get("rows_read"),
        "features": report.values.get("features"),
        "inserted": report.values.get("inserted"),
        "updated": report.values.get("updated"),
        "missing": report.values.get("missing"),
        "ended": report.values.get("ended"),
        "revision": report.values.get("revision"),
    }
