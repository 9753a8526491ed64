"""What is served at one moment: the layers that are in the database, with their revisions and attributions.

A snapshot is never changed. When the layer table changes, a new one takes its place and requests under way keep the
old one.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from psycopg import AsyncConnection
from psycopg.rows import DictRow, dict_row

from datasets.attribution import joined_words
from datasets.city import City, Extent
from datasets.layer import Layer
from datasets.licence import Licence, licences

_LAYERS = """
SELECT layer.id, layer.title, layer.definition_hash, layer.definition, layer.revision, layer.features,
       layer.duplicates, layer.extent,
       layer.published_at,
       coalesce(array_agg(DISTINCT feed.licence) FILTER (WHERE feed.id IS NOT NULL), '{}') AS licences,
       coalesce(array_agg(DISTINCT feed.attribution) FILTER (WHERE feed.attribution <> ''), '{}') AS attributions,
       md5(coalesce(string_agg(concat_ws('|', feed.id, feed.url, feed.licence, feed.attribution, council.gss,
           council.name), '|' ORDER BY feed.id), '')) AS feeds
FROM citywide.layer LEFT JOIN citywide.feed ON feed.layer = layer.id AND (feed.removed_at IS NULL
         OR EXISTS (SELECT FROM citywide.run WHERE run.feed = feed.id AND run.outcome = 'published'))
     LEFT JOIN citywide.council ON council.gss = feed.council
GROUP BY layer.id ORDER BY layer.id
"""


@dataclass(frozen=True)
class Collection:
    """One layer as it stands. `version` changes with anything that a feature or document of it shows."""

    layer: Layer
    title: str
    extent: Extent
    features: int
    duplicates: int
    published_at: datetime | None
    licences: tuple[tuple[str, Licence], ...]
    attribution: str
    version: str

    def total(self, *, without_duplicates: bool) -> int:
        """How many features there are, with or without those that are duplicates of another."""
        return self.features - self.duplicates if without_duplicates else self.features


@dataclass(frozen=True)
class Snapshot:
    """The collections by id, in the order of their ids."""

    city: City
    collections: Mapping[str, Collection]
    version: str


async def read_snapshot(connection: AsyncConnection[object], city: City) -> Snapshot:
    """The snapshot of now. Layers are served as the database was migrated to, whatever their files say by now."""
    async with connection.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(_LAYERS)
        rows = await cursor.fetchall()
    collections = {row["id"]: _collection(row, city) for row in rows}
    return Snapshot(city, collections, _digest(*(collection.version for collection in collections.values())))


def _collection(row: DictRow, city: City) -> Collection:
    known = licences()
    own = tuple((key, known[key]) for key in row["licences"] if key in known)
    words = [*row["attributions"], *(licence.attribution for _, licence in own if licence.attribution)]
    seen = (row["id"], row["title"], row["definition_hash"], row["revision"], row["features"], row["published_at"])
    return Collection(
        layer=Layer.model_validate(row["definition"]),
        title=row["title"],
        extent=_extent(row["extent"]) or city.extent,
        features=row["features"],
        duplicates=row["duplicates"],
        published_at=row["published_at"],
        licences=own,
        attribution=joined_words(words),
        version=_digest(*map(str, seen), str(row["extent"]), row["feeds"]),
    )


def _extent(found: list[float] | None) -> Extent | None:
    if not found or len(found) != 4:
        return None
    west, south, east, north = map(float, found)
    return west, south, east, north


def _digest(*parts: str) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]
