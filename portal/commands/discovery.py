"""`citywide feeds discover` and `citywide feeds probe`: what a portal offers, and which feeds answer today."""

import json
from datetime import datetime
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.padding import Padding
from rich.table import Table

from datasets.city import Council
from datasets.store import feeds as store
from harvesters.discovery.answers import Answered, ask_feeds, is_offline
from harvesters.discovery.discover import Discovery, Offer, discover, discovery_document
from harvesters.run import Tools
from portal import console

MOST_OTHERS = 20
"""Datasets that fit no layer and are still named."""

_STYLES = {"answers": "green", "held": "yellow", "failed": "red"}


def discover_feeds(
    url: Annotated[str, typer.Argument(help="A portal, an API, a service, a dataset's page or a file.")],
    council: Annotated[str, typer.Option(help="Whose data it is, by GSS code or name; guessed if not given.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print as JSON.")] = False,
    adding: Annotated[bool, typer.Option("--add", help="Add a feed for each dataset that surely fits.")] = False,
) -> None:
    """Find out what an address offers, and which layers it fits. Nothing is harvested.

    Exits 4 if the address is nobody's platform, 3 if --add found nothing that is sure.
    """
    with console.failing_plainly(), console.opened() as tools:
        named = tools.city.find_council(council) if council else None
        with console.err.status(f"Asking {url}", spinner="dots"):
            found = discover(url, tools.session, named or tools.city)
        sure = [offer for offer in found.offers if offer.sure]
        added, skipped = _add(tools, sure) if adding else ([], [])
        if as_json:
            extra = {"added": added, "skipped": skipped} if adding else {}
            typer.echo(json.dumps({**discovery_document(found), **extra}, indent=2, ensure_ascii=False))
        else:
            _print(found, named, adding)
            _print_added(added, skipped)
    if found.platform is None:
        raise typer.Exit(console.FAILED)
    raise typer.Exit(console.HELD if adding and not sure else console.OK)


def probe_feeds(
    feed_ids: Annotated[list[str] | None, typer.Argument(metavar="[FEED]...", help="Ids of feeds.")] = None,
    all_feeds: Annotated[bool, typer.Option("--all", help="All feeds.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print as JSON.")] = False,
) -> None:
    """Ask feeds whether they answer, and how many rows they declare. Nothing is harvested.

    Exits 4 if a feed failed, else 3 if one waits for a person.
    """
    with console.failing_plainly(), console.opened() as tools:
        if bool(feed_ids) == all_feeds:
            raise typer.BadParameter("name one or more feeds, or say --all")
        if all_feeds:
            feeds = store.list_feeds(tools.engine)
        else:
            feeds = [store.read_feed(tools.engine, feed_id) for feed_id in feed_ids or []]
        with console.progress() as bars:
            task = bars.add_task("Asking feeds", stage="", total=len(feeds) or None)
            answered = ask_feeds(feeds, tools.session, lambda one: bars.update(task, advance=1, stage=one.feed.id))
            bars.update(task, stage="")
        if as_json:
            typer.echo(json.dumps([one.document() for one in answered], indent=2, ensure_ascii=False))
        else:
            _print_answers(answered)
    states = {one.state for one in answered}
    raise typer.Exit(console.FAILED if "failed" in states else console.HELD if "held" in states else console.OK)


def _add(tools: Tools, offers: list[Offer]) -> tuple[list[str], list[str]]:
    """Adds the offers' feeds; the ids added, and those that stand already, under this id or for this very dataset."""
    standing = store.list_feeds(tools.engine)
    ids = {feed.id for feed in standing}
    sources = {(feed.url, tuple(feed.params.items())) for feed in standing}
    added, skipped = [], []
    for feed in (offer.feed for offer in offers if offer.feed):
        if feed.id in ids or (feed.url, tuple(feed.params.items())) in sources:
            skipped.append(feed.id)
        else:
            store.add_feed(tools.engine, feed)
            added.append(feed.id)
    return added, skipped


def _print(found: Discovery, named: Council | None, adding: bool) -> None:
    title = f"{found.title}\n" if found.title else ""
    style = "bold" if found.platform else "red"
    console.out.print(f"{escape(title)}[{style}]{escape(found.verdict)}[/{style}]", soft_wrap=True)
    if found.note:
        console.out.print(escape(found.note), soft_wrap=True)
    for offer in found.proposals:
        _print_proposal(offer)
    others = [offer.dataset.title for offer in found.offers if not offer.fit]
    if others:
        more = f" and {found.total - len(found.proposals) - MOST_OTHERS:,} more" if len(others) > MOST_OTHERS else ""
        told = f"\n[dim]Fits no layer:[/dim] {escape(', '.join(others[:MOST_OTHERS]))}{more}"
        console.out.print(told, soft_wrap=True)
    if not adding:
        console.out.print(f"\n{escape(found.next_step)}", soft_wrap=True)


def _print_proposal(offer: Offer) -> None:
    """One dataset that fits: layer, score and title, then what is known of it, then why."""
    if offer.fit is None:
        return
    dataset = offer.dataset
    style, sure = ("green", "sure") if offer.fit.sure else ("yellow", "not sure")
    console.out.print(
        f"\n[bold]{escape(dataset.title)}[/bold] fits {offer.fit.layer} [{style}]({offer.fit.score:.0%}, {sure})",
        soft_wrap=True,
    )
    known = [
        f"{dataset.count:,} rows" if dataset.count is not None else "",
        f"of {_day(dataset.updated)}" if dataset.updated else "",
        f"licence {offer.licence}",
        f"feed {offer.feed.id}" if offer.feed else "",
    ]
    for said in (", ".join(part for part in known if part), _evidence(offer)):
        console.out.print(Padding(escape(said), (0, 0, 0, 4)))
    for said in (offer.trouble, "Whose data it is has to be said." if "council" in offer.needs else ""):
        if said:
            console.out.print(Padding(f"[yellow]{escape(said)}", (0, 0, 0, 4)))


def _evidence(offer: Offer) -> str:
    """Why the dataset fits and whose it is, in one line."""
    fitting = "; ".join(offer.fit.evidence) if offer.fit else ""
    return fitting + (f". {offer.owner.council.name}: {offer.owner.evidence}" if offer.owner else "")


def _print_added(added: list[str], skipped: list[str]) -> None:
    if added or skipped:
        console.out.print()
    for feed_id in added:
        console.out.print(f"Added {feed_id}. Harvest it with: citywide harvest {feed_id}", markup=False, soft_wrap=True)
    for feed_id in skipped:
        console.out.print(f"{feed_id} stands already; it is left as it is.", markup=False, soft_wrap=True)


def _print_answers(answered: list[Answered]) -> None:
    if not answered:
        console.out.print("There are no feeds yet; add one with `citywide feeds add`.")
        return
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    table.add_column("Feed", overflow="fold")
    table.add_column("State", no_wrap=True)
    table.add_column("Rows", justify="right", no_wrap=True)
    table.add_column("Updated", no_wrap=True)
    table.add_column("Took", justify="right", no_wrap=True)
    table.add_column("What it says", overflow="fold", ratio=1)
    for one in answered:
        table.add_row(*_answer_cells(one))
    console.out.print(table)
    states = [one.state for one in answered]
    console.out.print(
        f"\n{states.count('answers')} of {len(states)} answer, {states.count('held')} wait for a person, "
        f"{states.count('failed')} failed."
    )
    if is_offline(answered):
        console.out.print("No host name at all could be looked up: this machine seems to be without a connection.")


def _answer_cells(one: Answered) -> list[Any]:
    dataset = one.dataset
    return [
        escape(one.feed.id),
        f"[{_STYLES[one.state]}]{one.state}",
        "" if dataset is None or dataset.count is None else f"{dataset.count:,}",
        _day(dataset.updated if dataset else None),
        f"{one.seconds:.1f} s",
        escape(one.message) + (f"\n[dim]{escape(one.next_step)}" if one.next_step else ""),
    ]


def _day(moment: str | None) -> str:
    """The day of an ISO moment."""
    try:
        return datetime.fromisoformat(moment).date().isoformat() if moment else ""
    except ValueError:
        return ""
