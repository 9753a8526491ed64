"""`citywide takedown`: purges what should never have been published, and prints the receipt."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated

import typer
from sqlalchemy import Engine

from datasets.store.feeds import read_feed
from datasets.store.versions.takedown import BEYOND, Receipt, feeds_with, last_resource, resources_read, take_down
from harvesters.heartbeat import worker_name
from portal import console


def takedown(
    feed: Annotated[str, typer.Argument(help="The feed that it came by.")],
    reason: Annotated[str, typer.Option(help="Why it is taken down; the receipt says it.")],
    resource: Annotated[
        str, typer.Option(help="The sha256 of the resource; not needed where the feed has read but one.")
    ] = "",
    everywhere: Annotated[bool, typer.Option("--everywhere", help="Of all feeds that have the same bytes.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the receipts as JSON.")] = False,
) -> None:
    """Purge a resource and all that came of it, for good. The same bytes are never taken again."""
    if not reason.strip():
        raise typer.BadParameter("say why, with --reason")
    with console.failing_plainly(), console.opened() as tools:
        read_feed(tools.engine, feed)
        sha256 = resource or _only_resource(tools.engine, feed)
        others = [other for other in feeds_with(tools.engine, sha256) if other != feed] if everywhere else []
        receipts = [
            take_down(
                tools.engine, each, sha256, reason.strip(), by="operator", worker=worker_name(),
                erase=tools.archive.erase,
            )
            for each in (*others, feed)
        ]  # fmt: skip
        if as_json:
            typer.echo(json.dumps([document(receipt) for receipt in receipts], indent=2))
        else:
            for receipt in receipts:
                console.out.print("\n".join(told(receipt)), markup=False, soft_wrap=True)
    raise typer.Exit(console.OK if receipts[-1].proven else console.FAILED)


def _only_resource(engine: Engine, feed: str) -> str:
    """The one thing that the feed has read. Of several a person says which: what is purged does not come back."""
    read = resources_read(engine, feed)
    if len(read) > 1:
        told = "\n".join(f"  {row.sha256}  read {row.read_at:%Y-%m-%d %H:%M}, {row.outcome}" for row in read)
        console.stop(
            f"Feed {feed} has read {len(read)} files; say which with --resource SHA256:\n{told}", console.USAGE
        )
    return last_resource(engine, feed)


def document(receipt: Receipt) -> dict[str, object]:
    """The receipt as JSON gives it."""
    return {**asdict(receipt), "at": receipt.at.isoformat(), "proven": receipt.proven, "beyond": BEYOND}


def told(receipt: Receipt) -> Sequence[str]:
    """The receipt in words, a line each."""
    purged = ", ".join(f"{count:,} {kind.replace('_', ' ')}" for kind, count in receipt.purged.items())
    left = ", ".join(f"{count:,} {kind}" for kind, count in receipt.left.items())
    lines = [
        f"Take-down {receipt.id} of {receipt.at:%Y-%m-%d %H:%M} UTC: feed {receipt.feed}, {receipt.reason}",
        f"  Resource {receipt.resource_sha256}",
        *(f"  and {sha256}, read earlier, which held some of the same" for sha256 in receipt.resources[1:]),
        f"  Purged: {purged}.",
        f"  Looked for again and found: {left}.",
    ]
    if receipt.kept_for:
        feeds = ", ".join(receipt.kept_for)
        lines.append(f"  What {feeds} published too stays; --everywhere takes it down there as well.")
    elif receipt.file_deleted:
        lines.append("  Nothing of it is in the archive.")
    else:
        lines.append("  Not everything could be deleted from the archive; a worker tries again, as does this command.")
    for sha256 in receipt.shared_with:
        lines.append(
            f"  NOT PROVEN: {sha256}, read later, held some of the same and stands. If it holds what was meant,"
        )
        lines.append(f"  take it down too: citywide takedown {receipt.feed} --resource {sha256} --reason ...")
    if receipt.other_features:
        lines.append(f"  {receipt.other_features:,} features of the feed stand, which came of other resources of it.")
    return [*lines, f"  {BEYOND}"]
