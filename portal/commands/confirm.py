"""`citywide feeds confirm`: a person's word on which column is which field, kept for every later harvest."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from datasets.feed import Feed, FieldRule
from datasets.register import check_entry
from datasets.store import confirmed as store
from datasets.store.feeds import read_feed
from harvesters.run import check
from portal import console
from portal.commands.pairs import MapOption, mapping_of


def confirm_columns(
    feed_id: Annotated[str, typer.Argument(metavar="FEED", help="The feed's id.")],
    mapped: MapOption = None,
    path: Annotated[
        Path | None, typer.Option("--file", exists=True, dir_okay=False, help="Read this file, not the feed's address.")
    ] = None,
    forget: Annotated[
        list[str] | None, typer.Option("--forget", help="Take back what is settled of a field.", metavar="FIELD")
    ] = None,
    by: Annotated[str, typer.Option(help="Who confirms.")] = "operator",
    as_json: Annotated[bool, typer.Option("--json", help="Print as JSON.")] = False,
) -> None:
    """Read a feed, show which column is which field with the evidence, and keep that for every later harvest.

    Columns that are not sure are shown and not kept; say --map for those that are right.
    """
    with console.failing_plainly(), console.opened() as tools:
        feed = read_feed(tools.engine, feed_id)
        if forget:
            store.withdraw(tools.engine, feed.id, forget)
        said = mapping_of(mapped or [])
        document = feed.document()
        asked = check_entry({**document, "mapping": {**document.get("mapping", {}), **said}}, Feed, "")
        with console.progress() as bars:
            report = check(asked, tools, console.teller(bars, feed.id), path=path)
        mapping = report.values.get("mapping")
        if mapping is None:
            console.stop(report.message, console.FAILED)
        rules = _rules(feed, mapping)
        store.confirm(tools.engine, feed.id, rules, by)
        if as_json:
            typer.echo(json.dumps(_document(feed, mapping, rules), indent=2, ensure_ascii=False))
        else:
            _print(feed, mapping, rules)


def _rules(feed: Feed, mapping: dict[str, Any]) -> dict[str, FieldRule]:
    """What is confirmed: every column that is surely a field, but for those that the feed itself states."""
    return {
        one["field"]: FieldRule.model_validate(one["rule"])
        for one in mapping["fields"]
        if one["field"] not in feed.mapping
    }


def _document(feed: Feed, mapping: dict[str, Any], rules: dict[str, FieldRule]) -> dict[str, Any]:
    return {
        "feed": feed.id,
        "confirmed": [_line(one) for one in mapping["fields"] if one["field"] in rules],
        "stated": [_line(one) for one in mapping["fields"] if one["field"] not in rules],
        "unsure": [_line(one) for one in mapping["unsure"]],
        "unmapped": mapping["unmapped"],
    }


def _line(one: dict[str, Any]) -> dict[str, Any]:
    return {name: one[name] for name in ("field", "columns", "confidence", "evidence")}


def _print(feed: Feed, mapping: dict[str, Any], rules: dict[str, FieldRule]) -> None:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("Field", "Column", "Sure", "Because", ""):
        table.add_column(heading, overflow="fold")
    lines = [(one, "kept" if one["field"] in rules else "stated in the feed") for one in mapping["fields"]]
    lines += [(one, f"not kept; if it is right: --map {one['field']}=…") for one in mapping["unsure"]]
    for one, told in lines:
        columns = " + ".join(one["columns"]) or str(one["constant"])
        cells = (one["field"], columns, f"{one['confidence']:.0%}", one["evidence"], told)
        table.add_row(*(cell.replace("[", r"\[") for cell in cells))
    if mapping["unmapped"]:
        table.add_row("not used", ", ".join(mapping["unmapped"]).replace("[", r"\["), "", "", "")
    console.out.print(table)
    kept = "1 field" if len(rules) == 1 else f"{len(rules)} fields"
    told = f"Confirmed {kept} of {feed.id}. Harvest it with: citywide harvest {feed.id}"
    console.out.print(told, markup=False, soft_wrap=True)
