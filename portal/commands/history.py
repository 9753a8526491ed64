"""`citywide history`, `changes`, `as-of` and `rollback`: what became of features, and taking a publish back."""

import json
import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Annotated, Any

import typer
from rich.table import Table

from datasets.layer import Layer, find_layer
from datasets.store.feeds import read_feed
from datasets.store.versions import as_of as then
from datasets.store.versions.change_feed import Change, Page, Position, changes_since
from datasets.store.versions.history import Version, layer_of_feature, versions
from datasets.store.versions.roll_back import roll_back
from harvesters.heartbeat import worker_name
from portal import console

LayerId = Annotated[str, typer.Argument(metavar="LAYER", help="The layer's id.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print as JSON.")]
_LONG = 60


class Format(StrEnum):
    TABLE = "table"
    GEOJSON = "geojson"


def history(
    feature_id: Annotated[str, typer.Argument(metavar="FEATURE_ID", help="The feature's id.")], as_json: AsJson = False
) -> None:
    """Show every version of a feature: what changed, when and why."""
    with console.failing_plainly(), console.opened() as tools:
        layer = layer_of_feature(tools.engine, feature_id)
        found = versions(tools.engine, layer, feature_id)
        if as_json:
            document = {"layer": layer.id, "feature_id": feature_id, "versions": [asdict(one) for one in found]}
            typer.echo(json.dumps(document, indent=2, ensure_ascii=False, default=str))
            return
        console.out.print(f"{feature_id} in {layer.title}", markup=False)
        console.out.print(_versions_table(found))


def changes(
    layer_id: LayerId,
    since: Annotated[int, typer.Option(help="The revision that you have; 0 for everything.", min=0)],
    limit: Annotated[int, typer.Option(help="How many at most.", min=1, max=100_000)] = 1000,
    after: Annotated[str, typer.Option(help="Where the page before ended.", metavar="POSITION")] = "",
    as_json: AsJson = False,
) -> None:
    """List what became of a layer's features since a revision, in order: inserts, updates and tombstones."""
    with console.failing_plainly(), console.opened() as tools:
        layer = find_layer(layer_id)
        position = Position.read(after) if after else None
        page = changes_since(tools.engine, layer, since, limit=limit, after=position)
        if as_json:
            typer.echo(json.dumps(_page_document(page), indent=2, ensure_ascii=False, default=str))
            return
        console.out.print(_changes_table(page) if page.changes else _nothing_since(layer, since))
        if page.after:
            told = f"There are more: citywide changes {layer.id} --since {since} --after {page.after}"
            console.out.print(told, markup=False, soft_wrap=True)


def as_of(
    layer_id: LayerId,
    at: Annotated[
        datetime | None,
        typer.Option(help="A day, at its end, or a moment; UTC.", formats=["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"]),
    ] = None,
    revision: Annotated[int | None, typer.Option(help="A revision of the layer.", min=0)] = None,
    form: Annotated[Format, typer.Option("--format", help="Counts as a table, or the features.")] = Format.TABLE,
) -> None:
    """Show a layer as it stood at a time or a revision."""
    if (at is None) == (revision is None):
        raise typer.BadParameter("say either --at or --revision")
    with console.failing_plainly(), console.opened() as tools:
        layer = find_layer(layer_id)
        if at is not None:
            revision = then.revision_at(tools.engine, layer, _moment(at))
        assert revision is not None
        then.check_revision(tools.engine, layer, revision)
        if form is Format.GEOJSON:
            _print_geojson(then.geojson_as_of(tools.engine, layer, revision))
            return
        present = then.present_revision(tools.engine, layer)
        counts = then.counted_as_of(tools.engine, layer, revision)
        now = then.counted_as_of(tools.engine, layer, present)
        names = {council.gss: council.name for council in tools.city.council}
        console.out.print(_counts_table(revision, present, counts, now, names))


def rollback(
    feed_id: Annotated[str, typer.Argument(metavar="FEED", help="The feed's id.")],
    reason: Annotated[str, typer.Option(help="Why; it is kept with the revision.", metavar="REASON")],
) -> None:
    """Take back a feed's last publish. Said again, it goes one publish further back.

    What was taken back is held when it comes again, until somebody accepts it.
    """
    if not reason.strip():
        raise typer.BadParameter("--reason must say why")
    with console.failing_plainly(), console.opened() as tools:
        feed = read_feed(tools.engine, feed_id)
        layer = find_layer(feed.layer)
        did = roll_back(tools.engine, layer, feed.id, reason, by="operator", worker=worker_name())
        parts = {"changed back": did.diff.updated, "brought back": did.diff.restored + did.diff.inserted}
        parts |= {"missing again": did.diff.missing, "ended": did.diff.ended}
        told = ", ".join(f"{count:,} {what}" for what, count in parts.items() if count) or "nothing had to change"
        console.out.print(
            f"Rolled back run {did.undone} of {feed.id}: {told}. {layer.title} is at revision {did.diff.revision}.",
            markup=False,
            soft_wrap=True,
        )


def _moment(at: datetime) -> datetime:
    """A day alone means its end: what was published on it stood then."""
    whole_day = at.time() == datetime.min.time()
    return (at + timedelta(days=1) if whole_day else at).replace(tzinfo=UTC)


def _print_geojson(features: Iterator[str]) -> None:
    """A FeatureCollection, a feature on each line, written while it is read. Whoever reads it may stop at any time."""
    try:
        typer.echo('{"type": "FeatureCollection", "features": [')
        for place, feature in enumerate(features):
            typer.echo("," + feature if place else feature)
        typer.echo("]}")
    except BrokenPipeError:
        # What is left in the buffer has nowhere to go.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _versions_table(found: list[Version]) -> Table:
    table = _table(
        ("Revision", "right"), ("When (UTC)", "left"), ("What", "left"), ("Changed", "left"), ("Why", "left")
    )
    for one in found:
        parts = [f"{name}: {_short(old)} → {_short(new)}" for name, (old, new) in one.changed.items()]
        parts += [f"moved {one.moved_m:,.1f} m"] if one.moved_m is not None else []
        why = f"{one.cause} of {one.feed}" + (f", run {one.run}" if one.run else "")
        why += f": {one.reason}" if one.reason else ""
        table.add_row(str(one.revision), _when(one.at), one.op.value, _plain("\n".join(parts)), _plain(why))
    return table


def _changes_table(page: Page) -> Table:
    lefts = ("When (UTC)", "What", "Feature", "Name", "Feed", "Why")
    table = _table(("Revision", "right"), *((heading, "left") for heading in lefts))
    for one in page.changes:
        name = _short((one.stands or {}).get("name")) if one.stands else ""
        table.add_row(
            str(one.revision), _when(one.at), one.op.value, one.feature_id, _plain(name), one.feed, one.cause.value
        )
    return table


def _counts_table(
    revision: int, present: int, counts: Mapping[str, int], now: Mapping[str, int], names: Mapping[str, str]
) -> Table:
    table = _table(("Council", "left"), (f"Revision {revision}", "right"), (f"Now, revision {present}", "right"))
    for gss in sorted({*counts, *now}, key=lambda gss: names.get(gss, gss)):
        table.add_row(names.get(gss, gss), f"{counts.get(gss, 0):,}", f"{now.get(gss, 0):,}")
    table.add_row("All", f"{sum(counts.values()):,}", f"{sum(now.values()):,}", style="bold")
    return table


def _nothing_since(layer: Layer, since: int) -> str:
    return f"Nothing has changed in {layer.title} since revision {since}."


def _page_document(page: Page) -> dict[str, Any]:
    return {
        "revision": page.revision,
        "after": str(page.after) if page.after else None,
        "changes": [_change_document(one) for one in page.changes],
    }


def _change_document(change: Change) -> dict[str, Any]:
    document = asdict(change)
    return {**document, "op": change.op.value, "cause": change.cause.value}


def _table(*headings: tuple[str, str]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading, justify in headings:
        table.add_column(heading, justify=justify, overflow="fold")  # type: ignore[arg-type]
    return table


def _when(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M}"


def _short(value: Any) -> str:
    said = "nothing" if value is None else str(value)
    return said if len(said) <= _LONG else said[: _LONG - 1] + "…"


def _plain(said: str) -> str:
    return said.replace("[", r"\[")
