"""What quality is judged by, as figures in the database: counted once for each publish, read at every page view.

Counting a million features takes too long for a page, so a run that published counts its own feed as it ends. Where
something else has written to a layer since, its figures are counted when they are asked for.
"""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import Connection, Select, func, or_, select
from sqlalchemy.dialects.postgresql import insert

from datasets.layer import Layer, layers
from datasets.quality import COARSE_M, OUTSIDE_M, wanted_fields
from datasets.store import tables
from datasets.store.layer_tables import layer_table

_BY_POSTCODE = "postcode"
"""What `placed` says of a feature that was placed at the middle of its postcode."""


@dataclass(frozen=True)
class Figures:
    """Counts of one feed's features: all, those with a value by field, and those by how sure their place is."""

    features: int = 0
    filled: Mapping[str, int] | None = None
    coarse: int = 0
    outside: int = 0
    well_placed: int = 0


def measure_run(connection: Connection, run_id: int) -> None:
    """Counts the features of a run's feed after it published; all feeds of the layer where something was written to it
    that did not count. The revision is read before the rows, so that no figures are taken for newer than they are."""
    run, feed = tables.run, tables.feed
    written = run.c.inserted + run.c.updated + run.c.ended + run.c.missing + run.c.restored
    own = select(run.c.feed, feed.c.layer, run.c.revision, written.label("written"))
    ended = connection.execute(own.join(feed, feed.c.id == run.c.feed).where(run.c.id == run_id)).one()
    layer = layers().get(ended.layer)
    if layer is None:
        return
    known, revision = _revisions(connection)[layer.id]
    alone = known >= revision or (known == revision - 1 and bool(ended.written) and ended.revision == revision)
    counts = _counted(connection, layer, ended.feed if alone else None)
    if ended.feed not in counts:
        counts[ended.feed] = Figures(filled=dict.fromkeys(_fields(layer), 0))
    _keep(connection, layer, counts, revision)


def measure_gaps(connection: Connection, known_layers: Iterable[Layer]) -> None:
    """Counts every layer whose figures are not of its revision."""
    revisions = _revisions(connection)
    for layer in known_layers:
        known, revision = revisions.get(layer.id, (0, 0))
        if known < revision:
            _keep(connection, layer, _emptied(connection, layer) | _counted(connection, layer, None), revision)


def feed_figures(connection: Connection, known_layers: Iterable[Layer]) -> dict[str, Figures]:
    """The figures of every feed that has features in these layers, by feed."""
    wanted = {layer.id: layer for layer in known_layers}
    revisions = _revisions(connection)
    table = tables.feed_figures
    columns = (table.c.feed, table.c.layer, *(table.c[name] for name in Figures.__dataclass_fields__))
    found: dict[str, Figures] = {}
    old = {layer_id for layer_id in wanted if (pair := revisions.get(layer_id)) is not None and pair[0] < pair[1]}
    for row in connection.execute(select(*columns).where(table.c.layer.in_(wanted))).mappings():
        if row["layer"] in old or not set(_fields(wanted[row["layer"]])) <= set(row["filled"]):
            old.add(row["layer"])
            continue
        found[row["feed"]] = Figures(**{name: row[name] for name in Figures.__dataclass_fields__})
    for layer_id in old:
        found |= _counted(connection, wanted[layer_id], None)
    return found


def _emptied(connection: Connection, layer: Layer) -> dict[str, Figures]:
    """Figures of nothing for every feed that has figures: it may have no feature any more."""
    own = tables.feed_figures
    feeds = connection.scalars(select(own.c.feed).where(own.c.layer == layer.id))
    return {feed: Figures(filled=dict.fromkeys(_fields(layer), 0)) for feed in feeds}


def _keep(connection: Connection, layer: Layer, counts: Mapping[str, Figures], revision: int) -> None:
    """Writes figures down. In the order of feeds, so that two that write at once do not wait for each other."""
    if not counts:
        return
    rows = [
        {"feed": feed, "layer": layer.id, "revision": revision, **asdict(found)}
        for feed, found in sorted(counts.items())
    ]
    statement = insert(tables.feed_figures).values(rows)
    new = {column.name: column for column in statement.excluded if column.name != "feed"}
    connection.execute(statement.on_conflict_do_update(index_elements=["feed"], set_=new))


def _revisions(connection: Connection) -> dict[str, tuple[int, int]]:
    """The revision each layer's figures are of, and the one it is at."""
    layer, own = tables.layer, tables.feed_figures
    latest = select(func.coalesce(func.max(own.c.revision), 0)).where(own.c.layer == layer.c.id).scalar_subquery()
    return {row[0]: (row[1], row[2]) for row in connection.execute(select(layer.c.id, latest, layer.c.revision))}


def _counted(connection: Connection, layer: Layer, feed_id: str | None) -> dict[str, Figures]:
    """The figures of one feed, or of all that have features in the layer, from its table."""
    found = connection.execute(_counts(layer, feed_id)).mappings()
    return {
        row["feed_id"]: Figures(
            features=row["features"],
            filled={name: row[f"filled_{name}"] for name in _fields(layer)},
            coarse=row["coarse"],
            outside=row["outside"],
            well_placed=row["well_placed"],
        )
        for row in found
    }


def _counts(layer: Layer, feed_id: str | None) -> Select[Any]:
    table = layer_table(layer)
    coarse = or_(table.c.placed == _BY_POSTCODE, func.coalesce(table.c.precision_m, 0) > COARSE_M)
    outside = func.coalesce(table.c.outside_m, 0) > OUTSIDE_M
    statement = select(
        table.c.feed_id,
        func.count().label("features"),
        *(func.count(table.c[name]).label(f"filled_{name}") for name in _fields(layer)),
        func.count().filter(coarse).label("coarse"),
        func.count().filter(outside).label("outside"),
        func.count().filter(~or_(coarse, outside)).label("well_placed"),
    ).group_by(table.c.feed_id)
    return statement if feed_id is None else statement.where(table.c.feed_id == feed_id)


def _fields(layer: Layer) -> list[str]:
    return sorted({name for group in wanted_fields(layer) for name in group})
