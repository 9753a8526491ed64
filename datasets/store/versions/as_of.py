"""Time travel: the features of a layer as they stood at a revision.

Each version of a feature stood from one revision until another. The live row has stood since its `revision`; what
stood before is in `layers.change`, from `since` until the revision of the change. So no version is worked out from
others, and indexes find those of one feature or of one box.
"""

from collections.abc import Iterator
from datetime import datetime

from sqlalchemy import Engine, Subquery, column, func, literal, select, text

from datasets.errors import CitywideError
from datasets.layer import Layer
from datasets.store import tables
from datasets.store.layer_tables import SCHEMA, layer_table

KEPT_APART = frozenset({"feature_id", "council", "feed_id", "fid", "first_revision", "geom"})
"""Columns of a feature that `change` has as columns too, where an index finds them."""


def as_of(layer: Layer, revision: int) -> Subquery:
    """The layer's features as they stood at the revision, with the columns of its table. Conditions on `feature_id`,
    `feed_id` and `geom` that a query puts to it reach the indexes."""
    columns = layer_table(layer).columns
    stand = ", ".join(f't."{one.name}"' for one in columns)
    stood = ", ".join(f'{"c" if one.name in KEPT_APART else "p"}."{one.name}"' for one in columns)
    statement = text(
        f"""
        SELECT {stand} FROM {SCHEMA}.{layer.table} t WHERE t.revision <= :as_of
        UNION ALL
        SELECT {stood}
        FROM {SCHEMA}.change c CROSS JOIN LATERAL jsonb_populate_record(NULL::{SCHEMA}.{layer.table}, c.before) p
        WHERE c.layer = :layer AND c.since <= :as_of AND c.revision > :as_of AND c.before IS NOT NULL
        """  # noqa: S608
    )
    bound = statement.bindparams(as_of=revision, layer=layer.id)
    return bound.columns(*(column(one.name, one.type) for one in columns)).subquery("as_of")


def present_revision(engine: Engine, layer: Layer) -> int:
    """The revision at which the layer stands; 0 before its first publish."""
    with engine.connect() as connection:
        query = select(tables.layer.c.revision).where(tables.layer.c.id == layer.id)
        return int(connection.execute(query).scalar_one())


def revision_at(engine: Engine, layer: Layer, moment: datetime) -> int:
    """The revision at which the layer stood at the moment; 0 before its first publish."""
    log = tables.revision.c
    query = select(func.coalesce(func.max(log.revision), 0)).where(log.layer == layer.id, log.at <= moment)
    with engine.connect() as connection:
        return int(connection.execute(query).scalar_one())


def check_revision(engine: Engine, layer: Layer, revision: int) -> None:
    """CitywideError when the layer has not come to the revision yet."""
    newest = present_revision(engine, layer)
    if not 0 <= revision <= newest:
        raise CitywideError(f"{layer.title} stands at revision {newest}; there is no revision {revision}.")


def counted_as_of(engine: Engine, layer: Layer, revision: int) -> dict[str, int]:
    """How many features each council had at the revision."""
    then = as_of(layer, revision)
    query = select(then.c.council, func.count()).group_by(then.c.council).order_by(then.c.council)
    with engine.connect() as connection:
        return {council: count for council, count in connection.execute(query)}


def geojson_as_of(engine: Engine, layer: Layer, revision: int) -> Iterator[str]:
    """Each feature as it stood at the revision, as GeoJSON, in the order of ids; read as they are asked for."""
    then = as_of(layer, revision)
    shown = ("council", *(name for name, field in layer.fields.items() if not field.personal))
    shown = (*shown, "placed", "outside_m", "precision_m", "first_seen", "changed_at", "missing_since")
    properties = func.jsonb_build_object(*(part for name in shown for part in (literal(name), then.c[name])))
    feature = func.json_build_object(
        *(literal("type"), literal("Feature"), literal("id"), then.c.feature_id),
        *(literal("geometry"), func.ST_AsGeoJSON(then.c.geom, 7).op("::")(text("json"))),
        *(literal("properties"), properties),
    )
    query = select(feature.op("::")(text("text"))).order_by(then.c.feature_id)
    with engine.connect().execution_options(stream_results=True, max_row_buffer=1000) as connection:
        yield from connection.execute(query).scalars()
