"""`citywide rules`: what people decide about single values of a feed, a council or a layer."""

import getpass
import json
from collections.abc import Iterator
from typing import Annotated

import typer
from rich.table import Table

from datasets.layer import find_layer, layers
from datasets.register import check_entry
from datasets.rule import Rule
from datasets.store import rules as store
from datasets.store.feeds import list_feeds
from datasets.store.rules import Scope, StoredRule
from datasets.vocabulary import RuleAction
from harvesters.run import Tools
from portal import console

app = typer.Typer(no_args_is_help=True, help="What is done with single values, decided by people.")

LayerOption = Annotated[str, typer.Option("--layer", help="The layer it is for; a feed has its own.")]
CouncilOption = Annotated[str, typer.Option("--council", help="Only for this council's feeds: GSS code or name.")]
FeedOption = Annotated[str, typer.Option("--feed", help="Only for this feed.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print as JSON.")]


@app.command()
def add(
    field: Annotated[str, typer.Option("--field", help="The field of the layer.")],
    reason: Annotated[str, typer.Option("--reason", help="Why, for whoever finds it later.")],
    layer: LayerOption = "",
    council: CouncilOption = "",
    feed: FeedOption = "",
    replaced: Annotated[str | None, typer.Option("--replace", help="Replace this value.", metavar="VALUE")] = None,
    by_this: Annotated[str | None, typer.Option("--with", help="What is put in its place.", metavar="VALUE")] = None,
    blank: Annotated[str | None, typer.Option("--blank", help="Empty this value.", metavar="VALUE")] = None,
    default: Annotated[str | None, typer.Option("--default", help="Fill empty values.", metavar="VALUE")] = None,
    skip_row: Annotated[str | None, typer.Option("--skip-row", help="Leave rows out.", metavar="VALUE")] = None,
    keep: Annotated[str | None, typer.Option("--keep", help="Leave it as it is written.", metavar="VALUE")] = None,
    units: Annotated[str | None, typer.Option("--units", help="Numbers are in this unit.", metavar="UNIT")] = None,
    by: Annotated[str, typer.Option("--by", help="Who decided; you, if not given.")] = "",
) -> None:
    """Add a rule. It counts from the next harvest on; the one for a feed before its council's before its layer's."""
    with console.failing_plainly(), console.opened() as tools:
        given = {
            RuleAction.REPLACE: (replaced, by_this), RuleAction.BLANK: (blank, None), RuleAction.KEEP: (keep, None),
            RuleAction.DEFAULT: (None, default), RuleAction.SKIP_ROW: (skip_row, None), RuleAction.UNITS: (None, units),
        }  # fmt: skip
        chosen = [(action, *values) for action, values in given.items() if any(one is not None for one in values)]
        if len(chosen) != 1:
            console.stop(
                "Say one thing to do: --replace with --with, --blank, --default, --skip-row, --keep or --units.",
                console.USAGE,
            )
        action, pattern, value = chosen[0]
        document = {"field": field, "action": action, "pattern": pattern, "value": value, "reason": reason}
        rule = check_entry({**document, "by": by or getpass.getuser()}, Rule, "rule")
        number = store.add_rule(tools.engine, rule, _scope(tools, layer, council, feed))
        console.out.print(f"Added rule {number}. It counts from the next harvest on.", markup=False, soft_wrap=True)


@app.command("list")
def list_rules(
    layer: LayerOption = "", council: CouncilOption = "", feed: FeedOption = "", as_json: JsonOption = False
) -> None:
    """List the rules in use, the most particular first."""
    with console.failing_plainly(), console.opened() as tools:
        gss = tools.city.find_council(council).gss if council else None
        found = store.list_rules(tools.engine, layer=layer or None, council=gss, feed=feed or None)
        stated = [] if council else list(_stated(tools, layer, feed))
        if as_json:
            typer.echo(json.dumps([_document(each) for each in found], indent=2))
            return
        if not found and not stated:
            console.out.print("There are no rules yet; add one with `citywide rules add`.")
            return
        table = Table(box=None, pad_edge=False, header_style="bold")
        for heading in ("Rule", "For", "Field", "What it does", "Reason", "By", "Since"):
            table.add_column(heading, overflow="fold")
        lines = [(str(each.id), _told_scope(tools, each), each.rule, f"{each.at:%Y-%m-%d}") for each in found]
        lines += [("–", place, rule, "") for place, rule in stated]
        for number, scope, rule, since in lines:
            cells = (number, scope, rule.field, _told(rule), rule.reason, rule.by, since)
            table.add_row(*(cell.replace("[", r"\[") for cell in cells))
        console.out.print(table)


@app.command()
def remove(rule_id: Annotated[int, typer.Argument(metavar="RULE", help="The rule's number.")]) -> None:
    """Take a rule out of use. The next harvest undoes what it did."""
    with console.failing_plainly(), console.opened() as tools:
        store.remove_rule(tools.engine, rule_id)
        console.out.print(f"Removed rule {rule_id}. The next harvest undoes what it did.")


def _scope(tools: Tools, layer: str, council: str, feed: str) -> Scope:
    if not layer and not feed:
        console.stop("Say which --layer the rule is for, or which --feed.", console.USAGE)
    if layer:
        find_layer(layer)
    return Scope(layer, tools.city.find_council(council).gss if council else None, feed or None)


def _stated(tools: Tools, layer: str, feed: str) -> Iterator[tuple[str, Rule]]:
    """The rules that layers' definitions and feeds' documents state; they have no number."""
    for each in list_feeds(tools.engine, layer=layer or None):
        yield from ((f"feed {each.id}", rule) for rule in each.rule if feed in ("", each.id))
    for definition in layers().values():
        yield from ((definition.id, rule) for rule in definition.rule if layer in ("", definition.id) and not feed)


def _told(rule: Rule) -> str:
    """The rule as a person would say it."""
    value = f"“{rule.pattern}”" if rule.pattern is not None else "every value"
    match rule.action:
        case RuleAction.REPLACE:
            return f"{value} → “{rule.value}”"
        case RuleAction.BLANK:
            return f"empty {value}"
        case RuleAction.DEFAULT:
            return f"fill with “{rule.value}”"
        case RuleAction.SKIP_ROW:
            return f"leave out rows with {value}"
        case RuleAction.KEEP:
            return f"keep {value} as written"
        case RuleAction.UNITS:
            return f"numbers are in {rule.value}"


def _told_scope(tools: Tools, each: StoredRule) -> str:
    if each.scope.feed:
        return f"feed {each.scope.feed}"
    if each.scope.council:
        return f"{each.scope.layer} of {tools.city.find_council(each.scope.council).name}"
    return each.scope.layer


def _document(each: StoredRule) -> dict[str, object]:
    scope = {"layer": each.scope.layer, "council": each.scope.council, "feed": each.scope.feed}
    return {"id": each.id, **scope, **each.rule.model_dump(mode="json"), "at": each.at.isoformat()}
