"""`citywide quality`: how good a feed or a layer is, why, and how to mend it."""

import json
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.table import Table
from sqlalchemy import Connection

from datasets.errors import CitywideError
from datasets.layer import layers
from datasets.quality import Quality
from datasets.store.catalogue import feed_standings
from datasets.store.coverage import coverage, feed_quality, layer_quality
from portal import console


def show(
    name: Annotated[str | None, typer.Argument(metavar="[FEED|LAYER]", help="All layers without it.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print as JSON.")] = False,
) -> None:
    """Show the score from 0 to 100 and the level of a feed or layer, with the reasons and how to mend each."""
    with console.failing_plainly():
        with console.opened() as tools, tools.engine.connect() as connection:
            found = _judgements(connection, name)
        if as_json:
            typer.echo(json.dumps([{"name": name, **asdict(quality)} for name, quality in found.items()], indent=2))
        elif name is None:
            _print_all(found)
        else:
            _print_one(*next(iter(found.items())))


def _judgements(connection: Connection, name: str | None) -> dict[str, Quality]:
    """The judgement of the feed or layer of this name, or of every layer."""
    now = datetime.now(UTC)
    if name is None:
        standings = coverage(connection, layers(), now)
        return {layer: layer_quality([each for each in standings if each.layer == layer]) for layer in layers()}
    if name in layers():
        return {name: layer_quality(coverage(connection, layers(), now, layer=name))}
    feeds = [feed for feed in feed_standings(connection, feed=name) if feed.layer in layers()]
    if not feeds:
        raise CitywideError(f"There is no feed or layer {name!r}; `citywide feeds list` and `layers list` name them.")
    return {name: feed_quality(connection, feeds[0], layers()[feeds[0].layer], now)}


def _print_all(found: dict[str, Quality]) -> None:
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("Layer")
    table.add_column("Score", justify="right")
    table.add_column("Level")
    table.add_column("What the next level wants", overflow="fold")
    for name, quality in found.items():
        table.add_row(name, str(quality.score), quality.level.value, quality.next_level)
    console.out.print(table)


def _print_one(name: str, quality: Quality) -> None:
    console.out.print(f"{name}: {quality.score} of 100 points, level {quality.level.value}.", markup=False)
    if quality.next_level:
        console.out.print(f"What the next level wants: {quality.next_level}.", markup=False)
    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in ("Aspect", "Points", "Why", "How to mend it"):
        table.add_column(title, overflow="fold")
    for mark in quality.marks:
        cells = (mark.aspect, f"{mark.points:g} of {mark.most}", mark.said, mark.mend)
        table.add_row(*(cell.replace("[", r"\[") for cell in cells))
    console.out.print(table)
