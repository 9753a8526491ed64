"""`citywide feeds`: adding, listing, checking and removing feeds."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from datasets.city import Council
from datasets.feed import Cadence, Feed, read_feed, shipped_feeds
from datasets.layer import find_layer
from datasets.register import check_entry
from datasets.store import feeds as store
from datasets.store.versions.withdraw import withdraw
from datasets.vocabulary import Outcome
from harvesters.adapters import find_adapter, platforms
from harvesters.discovery.discover import organisation_feeds
from harvesters.heartbeat import worker_name
from harvesters.platforms.links import service_of
from harvesters.run import Tools
from harvesters.run import check as check_feed
from harvesters.web.guard import check_written
from portal import console
from portal.commands.check_report import check_document, print_check
from portal.commands.confirm import confirm_columns
from portal.commands.discovery import discover_feeds, probe_feeds
from portal.commands.pairs import MapOption, mapping_of, pairs_of

app = typer.Typer(no_args_is_help=True, help="The datasets of councils that are harvested.")


LocationOption = Annotated[
    str | None, typer.Option(help="Where coordinates are: xy:COLUMN,COLUMN[:EPSG], pair:COLUMN, postcode:COLUMN …")
]


@app.command()
def add(
    url: Annotated[
        str | None, typer.Argument(help="Address of the file, service or portal.", show_default=False)
    ] = None,
    council: Annotated[str, typer.Option(help="The council's GSS code or name.")] = "",
    layer: Annotated[str, typer.Option(help="The layer it belongs to.")] = "",
    licence: Annotated[str, typer.Option(help="Register id of its licence, such as OGL-UK-3.0.")] = "unknown",
    feed_id: Annotated[str, typer.Option("--id", help="Its id; council-layer if not given.")] = "",
    platform: Annotated[str, typer.Option(help=f"What serves it: {', '.join(platforms())}.")] = "file",
    dataset: Annotated[str, typer.Option(help="The dataset's name or id on its portal.")] = "",
    resource: Annotated[str, typer.Option(help="CKAN: the resource's name or id, where there are several.")] = "",
    params: Annotated[
        list[str] | None, typer.Option("--param", help="Anything else the platform wants.", metavar="NAME=VALUE")
    ] = None,
    organisation: Annotated[str, typer.Option(help="CKAN: add a feed for each fitting dataset of it.")] = "",
    attribution: Annotated[str, typer.Option(help="The exact words the council asks for.")] = "",
    documentation_url: Annotated[str | None, typer.Option(help="The page that describes it.")] = None,
    cadence: Annotated[Cadence, typer.Option(help="How often we look.")] = Cadence.MONTHLY,
    sheet: Annotated[str | None, typer.Option(help="The sheet of a workbook.")] = None,
    source_layer: Annotated[str | None, typer.Option(help="The layer inside a file that holds several.")] = None,
    mapped: MapOption = None,
    location: LocationOption = None,
    document: Annotated[
        Path | None, typer.Option("--document", exists=True, dir_okay=False, help="A feed as TOML.")
    ] = None,
    shipped: Annotated[bool, typer.Option("--shipped", help="Add the feeds that come with this city.")] = False,
    replace: Annotated[bool, typer.Option("--replace", help="Change a feed that stands.")] = False,
) -> None:
    """Add a feed, or change one that stands. A worker that runs harvests it by itself."""
    with console.failing_plainly(), console.opened() as tools:
        if shipped:
            _add_shipped(tools, replace)
            return
        if document is not None:
            feeds = [read_feed(document)]
        elif organisation:
            found = tools.city.find_council(_needed(council, "--council"))
            feeds = organisation_feeds(_needed(url, "URL"), organisation, found, tools.session)
        else:
            named = {"dataset": dataset, "resource": resource, **pairs_of(params or [], "--param", "NAME=VALUE")}
            values = {
                "platform": platform, "url": _needed(url, "URL"), "licence": licence, "attribution": attribution,
                "documentation_url": documentation_url, "cadence": cadence,
                "sheet": sheet, "source_layer": source_layer,
                "params": {name: value for name, value in named.items() if value},
                "mapping": mapping_of(mapped or []), "location": _location(location),
            }  # fmt: skip
            owner = tools.city.find_council(_needed(council, "--council"))
            feeds = [_feed(owner, _needed(layer, "--layer"), feed_id, values)]
        for feed in feeds:
            _add(tools, feed, replace)


def _add(tools: Tools, feed: Feed, replace: bool) -> None:
    council = tools.city.find_council(feed.council)
    find_adapter(feed.platform)
    check_written(feed.url)
    others = [one.id for one in store.list_feeds(tools.engine, layer=feed.layer, council=feed.council)]
    (store.save_feed if replace else store.add_feed)(tools.engine, feed)
    did = "Saved" if replace else "Added"
    console.out.print(f"{did} {feed.id}. Harvest it with: citywide harvest {feed.id}", markup=False, soft_wrap=True)
    likely = service_of(feed.url)
    if feed.platform == "file" and likely and likely.platform != "file":
        told = f"It looks like an address of {likely.platform}; read as a file it may not be whole. See what it offers"
        console.out.print(f"{told} with: citywide feeds discover {feed.url}", markup=False, soft_wrap=True)
    if twins := [other for other in others if other != feed.id]:
        told = f"{council.name} has {', '.join(twins)} in this layer as well; what both hold will stand twice."
        console.out.print(told, markup=False, soft_wrap=True)


def _add_shipped(tools: Tools, replace: bool) -> None:
    """Adds the city's shipped feeds. Those that stand are left as they are, unless they are to be replaced."""
    feeds = shipped_feeds(tools.settings.city)
    stand = set() if replace else {feed.id for feed in store.list_feeds(tools.engine)}
    added = [feed for feed in feeds if feed.id not in stand]
    for feed in added:
        store.save_feed(tools.engine, feed)
    if not feeds:
        console.out.print(f"No feeds are shipped for {tools.city.title}; find some with: citywide feeds discover URL")
        return
    kept = f"; {len(feeds) - len(added)} stand already" if len(feeds) > len(added) else ""
    console.out.print(
        f"Added {len(added)} feeds{kept}. See which answer with: citywide feeds probe --all", soft_wrap=True
    )


app.command("confirm")(confirm_columns)
app.command("discover")(discover_feeds)
app.command("probe")(probe_feeds)


@app.command("list")
def list_feeds(
    layer: Annotated[str | None, typer.Option(help="Only feeds of this layer.")] = None,
    council: Annotated[str | None, typer.Option(help="Only feeds of this council.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print as JSON.")] = False,
) -> None:
    """List the feeds."""
    with console.failing_plainly(), console.opened() as tools:
        gss = tools.city.find_council(council).gss if council else None
        feeds = store.list_feeds(tools.engine, layer=find_layer(layer).id if layer else None, council=gss)
        if as_json:
            typer.echo(json.dumps([feed.document() for feed in feeds], indent=2))
            return
        table = Table(box=None, pad_edge=False, header_style="bold")
        for heading in ("Feed", "Council", "Layer", "Platform", "Licence", "Address"):
            table.add_column(heading, overflow="fold")
        for feed in feeds:
            name = tools.city.find_council(feed.council).name
            table.add_row(feed.id, name, feed.layer, feed.platform, feed.licence, feed.url)
        console.out.print(table if feeds else "There are no feeds yet; add one with `citywide feeds add`.")


@app.command()
def show(feed_id: Annotated[str, typer.Argument(metavar="FEED", help="The feed's id.")]) -> None:
    """Show all that is stated of a feed, as JSON."""
    with console.failing_plainly(), console.opened() as tools:
        typer.echo(json.dumps(store.read_feed(tools.engine, feed_id).document(), indent=2, ensure_ascii=False))


@app.command()
def remove(
    feed_id: Annotated[str, typer.Argument(metavar="FEED", help="The feed's id.")],
    withdrawn: Annotated[
        str | None,
        typer.Option("--withdraw", help="End its features as well, for this reason.", metavar="REASON"),
    ] = None,
) -> None:
    """Stop harvesting a feed. What was published from it stays up, unless it is withdrawn."""
    with console.failing_plainly(), console.opened() as tools:
        feed = store.read_feed(tools.engine, feed_id)
        told = "Its features stay up, and so does its history."
        if withdrawn is not None:
            layer = find_layer(feed.layer)
            diff = withdraw(tools.engine, layer, feed.id, withdrawn, by="operator", worker=worker_name())
            told = f"Its {diff.ended:,} features ended; its history stays."
        store.remove_feed(tools.engine, feed_id)
        console.out.print(f"Removed {feed_id}. {told}", markup=False)


@app.command()
def check(
    source: Annotated[
        str | None,
        typer.Argument(metavar="URL_OR_PATH", help="An address, or a file on this machine.", show_default=False),
    ] = None,
    layer: Annotated[str, typer.Option(help="The layer it should fit.")] = "",
    council: Annotated[str, typer.Option(help="The council's GSS code or name.")] = "",
    feed_id: Annotated[str, typer.Option("--feed", help="A feed that stands, compared with its last publish.")] = "",
    sheet: Annotated[str | None, typer.Option(help="The sheet of a workbook.")] = None,
    source_layer: Annotated[str | None, typer.Option(help="The layer inside a file that holds several.")] = None,
    mapped: MapOption = None,
    location: LocationOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
) -> None:
    """Run the real pipeline on a file without publishing, and report.

    Exits 0 if it would be published, 3 if it would be held, 4 if it cannot be used.
    """
    with console.failing_plainly(), console.opened() as tools:
        local = source is not None and not source.startswith(("http://", "https://"))
        path = Path(source) if source is not None and local else None
        if path is not None and not path.is_file():
            console.stop(f"{source!r} is a folder." if path.is_dir() else f"There is no file {source!r}.")
        values = {
            "sheet": sheet,
            "source_layer": source_layer,
            "mapping": mapping_of(mapped or []),
            "location": _location(location),
        }
        if feed_id:
            stated = {name: value for name, value in values.items() if value}
            if source is not None and path is None:
                # What is there now is told to lie elsewhere: a file, whatever platform the feed is on.
                stated |= {"url": source, "platform": "file", "params": {}}
            feed = check_entry({**store.read_feed(tools.engine, feed_id).document(), **stated}, Feed, "")
        else:
            address = _needed(source, "URL_OR_PATH") if path is None else "https://example.org/check"
            found = tools.city.find_council(_needed(council, "--council"))
            feed = _feed(found, _needed(layer, "--layer"), "check", {**values, "url": address, "licence": "OGL-UK-3.0"})
        name = path.name if path else feed.id
        with console.progress() as bars:
            report = check_feed(feed, tools, console.teller(bars, name), path=path)
        if as_json:
            typer.echo(json.dumps(check_document(report), indent=2, ensure_ascii=False))
        else:
            print_check(report)
    statuses = {Outcome.HELD: console.HELD, Outcome.FAILED: console.FAILED}
    raise typer.Exit(statuses.get(report.outcome, console.OK))


def _needed(value: str | None, name: str) -> str:
    if not value:
        raise typer.BadParameter(f"{name} is needed")
    return value


def _feed(council: Council, layer: str, feed_id: str, values: dict[str, Any]) -> Feed:
    given = {k: v for k, v in values.items() if v is not None}
    document = {
        "id": feed_id or f"{council.slug}-{find_layer(layer).id}",
        "council": council.gss,
        "layer": layer,
        **given,
    }
    return check_entry(document, Feed, "")


def _location(text: str | None) -> dict[str, Any] | None:
    if text is None:
        return None
    kind, _, rest = text.partition(":")
    columns, colon, crs = rest.rpartition(":") if ":" in rest else (rest, "", "")
    if colon and not crs.isdigit():
        raise typer.BadParameter(f"--location ends in an EPSG code, which {crs!r} is not")
    named = [column.strip() for column in columns.split(",") if column.strip()]
    return {"kind": kind, "columns": named, **({"crs": int(crs)} if crs else {})}
