"""Feeds in the database: adding, changing, listing and removing them."""

from sqlalchemy import Connection, Engine, func, select, update
from sqlalchemy.dialects.postgresql import insert

from datasets.errors import CitywideError
from datasets.feed import Feed
from datasets.store.tables import council
from datasets.store.tables import feed as table


def save_feed(engine: Engine, feed: Feed) -> None:
    """Adds the feed, or replaces what is stated of it; its history stays. Its council must be of the city, and council
    and layer may not change."""
    row = {
        "council": feed.council,
        "layer": feed.layer,
        "platform": feed.platform,
        "url": feed.url,
        "licence": feed.licence,
        "attribution": feed.attribution,
        "cadence": feed.cadence.value,
        "document": feed.document(),
        "removed_at": None,
    }
    with engine.begin() as connection:
        if connection.scalar(select(council.c.gss).where(council.c.gss == feed.council)) is None:
            raise CitywideError(f"Feed {feed.id!r} is of council {feed.council}, which is not one of this city.")
        stands = connection.execute(select(table.c.council, table.c.layer).where(table.c.id == feed.id)).one_or_none()
        if stands and tuple(stands) != (feed.council, feed.layer):
            raise CitywideError(
                f"Feed {feed.id!r} is of council {stands.council} and layer {stands.layer}; give this one another id."
            )
        connection.execute(
            insert(table).values(id=feed.id, **row).on_conflict_do_update(index_elements=["id"], set_=row)
        )


def add_feed(engine: Engine, feed: Feed) -> None:
    """Adds a feed that does not stand yet; CitywideError when one of its id does."""
    with engine.connect() as connection:
        if _document(connection, feed.id) is not None:
            raise CitywideError(f"There is a feed {feed.id!r} already; give this one another --id, or say --replace.")
    save_feed(engine, feed)


def list_feeds(engine: Engine, *, layer: str | None = None, council: str | None = None) -> list[Feed]:
    """The feeds that are not removed, in the order of their ids."""
    query = select(table.c.document).where(table.c.removed_at.is_(None)).order_by(table.c.id)
    if layer:
        query = query.where(table.c.layer == layer)
    if council:
        query = query.where(table.c.council == council)
    with engine.connect() as connection:
        return [Feed.model_validate(document) for document in connection.execute(query).scalars()]


def read_feed(engine: Engine, feed_id: str) -> Feed:
    """One feed that is not removed; CitywideError names near ones when there is none."""
    with engine.connect() as connection:
        document = _document(connection, feed_id)
        if document is not None:
            return Feed.model_validate(document)
        near = select(table.c.id).where(table.c.removed_at.is_(None))
        names = connection.execute(near.order_by(func.similarity(table.c.id, feed_id).desc()).limit(3)).scalars().all()
    told = f" Near it: {', '.join(names)}." if names else " There are no feeds yet; add one with `citywide feeds add`."
    raise CitywideError(f"There is no feed {feed_id!r}.{told}")


def remove_feed(engine: Engine, feed_id: str) -> None:
    """Stops harvesting the feed. Its features, runs and resources stay."""
    read_feed(engine, feed_id)
    with engine.begin() as connection:
        connection.execute(update(table).where(table.c.id == feed_id).values(removed_at=func.now()))


def _document(connection: Connection, feed_id: str) -> dict[str, object] | None:
    query = select(table.c.document).where(table.c.id == feed_id, table.c.removed_at.is_(None))
    return connection.execute(query).scalar_one_or_none()
