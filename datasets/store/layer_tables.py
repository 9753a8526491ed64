"""The typed table of each layer, made from its definition. The only place that issues DDL in schema `layers`."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from geoalchemy2 import Geometry
from sqlalchemy import (
    UUID,
    BigInteger,
    Boolean,
    Column,
    Connection,
    DateTime,
    Double,
    Identity,
    Index,
    MetaData,
    Numeric,
    Sequence,
    Table,
    Text,
    func,
    inspect,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, insert
from sqlalchemy.schema import CreateColumn
from sqlalchemy.types import TypeEngine

from datasets.errors import DatabaseError
from datasets.layer import Layer, LayerField
from datasets.store import tables
from datasets.vocabulary import FieldType

SCHEMA = "layers"
metadata = MetaData(schema=SCHEMA)


@dataclass(frozen=True)
class Ground:
    """Where a layer is published: the schema of its table and of `change`, and the schema that keeps its revisions."""

    features: str
    records: str


LIVE = Ground(SCHEMA, tables.SCHEMA)
REHEARSAL = Ground("rebuild", "rebuild")
"""Where an archive is replayed."""

FID = Sequence("fid", schema=SCHEMA, data_type=BigInteger)
"""One sequence for all layers: an integer id is citywide unique and never reused."""

DIGEST = Text(collation="C")
"""The type of feature ids: they are compared byte by byte, which sorts a million of them four times faster."""

change = Table(
    "change",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("layer", Text, nullable=False),
    Column("revision", BigInteger, nullable=False),
    Column("op", Text, nullable=False, comment="never insert: the first_revision of a feature tells when it came"),
    Column("feature_id", DIGEST, nullable=False),
    Column("council", Text, nullable=False),
    Column("feed_id", Text, nullable=False),
    Column("run", BigInteger, nullable=False),
    Column("at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column(
        "cause",
        Text,
        nullable=False,
        server_default="harvest",
        comment="what brought the change about: harvest, roll-back, take-down, match, move or rebuild",
    ),
    Column(
        "before",
        JSONB,
        comment="the feature as it was; its state after is the next change's before, or the live row",
    ),
    Column("geom", Geometry("GEOMETRY", srid=4326, spatial_index=False), comment="of before, exactly as it was"),
    Column("fid", BigInteger, comment="of before"),
    Column("first_revision", BigInteger, comment="of before"),
    Column("since", BigInteger, comment="of before: it stood from this revision until the one of the change"),
    Index("change_layer_revision_idx", "layer", "revision", "id"),
    Index("change_feature_idx", "feature_id", "revision"),
    Index("change_first_idx", "layer", "since", "fid", postgresql_where=text("since = first_revision")),
    Index(
        "change_geom_idx",
        "geom",
        postgresql_using="brin",
        postgresql_with={"pages_per_range": 16, "autosummarize": True},
    ),
    Index("change_ended_idx", "layer", "feature_id", postgresql_where=text("op = 'end'")),
)

_SQL_TYPES: dict[FieldType, TypeEngine[Any]] = {
    FieldType.INTEGER: BigInteger(),
    FieldType.DECIMAL: Double(),
    FieldType.MONEY: Numeric(12, 2),
    FieldType.FLAG: Boolean(),
    FieldType.CODES: ARRAY(Text()),
}


def sql_type(field: LayerField) -> TypeEngine[Any]:
    """The column type of a field. Dates are ISO text, because `1984` and `1984-03` are valid dates that say no more."""
    return _SQL_TYPES.get(field.type, Text())


@lru_cache(maxsize=200)
def layer_table(layer: Layer) -> Table:
    """The layer's table: provenance first, then its fields, then the geometry in WGS 84."""
    return Table(
        layer.table,
        MetaData(schema=SCHEMA),
        Column("fid", BigInteger, server_default=FID.next_value(), primary_key=True),
        Column("first_revision", BigInteger, nullable=False, comment="in which it came, or came back after it ended"),
        Column("feature_id", DIGEST, nullable=False),
        Column("council", Text, nullable=False),
        Column("feed_id", Text, nullable=False),
        Column("key", Text, nullable=False, comment="tells the feed's features apart; see rung"),
        Column("rung", Text, nullable=False),
        *(Column(name, sql_type(field)) for name, field in layer.fields.items()),
        Column("placed", Text, nullable=False, comment="what the location was taken from"),
        Column("outside_m", Double, comment="metres outside the council's boundary; null when inside or unknown"),
        Column("precision_m", Double, comment="how far the place may be off, in metres, by how it was stated"),
        Column("duplicate_of", DIGEST, comment="feature id of another council's feature that is the same thing"),
        Column("also_published_by", JSONB(none_as_null=True), comment="id, council and feed of all others of it"),
        Column("resource_sha256", Text, nullable=False),
        Column("row_no", BigInteger, nullable=False),
        Column("first_seen", DateTime(timezone=True), nullable=False, server_default=func.now()),
        Column("changed_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
        Column("revision", BigInteger, nullable=False),
        Column("content_hash", UUID(as_uuid=False), nullable=False),
        Column("missing_since", DateTime(timezone=True)),
        Column("geom", Geometry("GEOMETRY", srid=4326, spatial_index=False), nullable=False),
        Index(f"{layer.table}_feature_id_idx", "feature_id", unique=True),
        Index(f"{layer.table}_feed_key_idx", "feed_id", "key", unique=True),
        Index(f"{layer.table}_council_idx", "council", "fid"),
        Index(f"{layer.table}_geom_idx", "geom", postgresql_using="gist"),
        Index(f"{layer.table}_first_revision_idx", "first_revision", postgresql_using="brin"),
        Index(f"{layer.table}_duplicate_idx", "duplicate_of", postgresql_where=text("duplicate_of IS NOT NULL")),
    )


def make_layer_tables(connection: Connection, layers: Mapping[str, Layer]) -> None:
    """Makes the tables of new layers and adds the columns of new fields; never drops or retypes a column."""
    connection.execute(text(f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}"))
    FID.create(connection, checkfirst=True)
    change.create(connection, checkfirst=True)
    for layer in layers.values():
        table = layer_table(layer)
        table.create(connection, checkfirst=True)
        _add_new_columns(connection, table)
        _record_layer(connection, layer)


def _add_new_columns(connection: Connection, table: Table) -> None:
    """And the indexes that came with them."""
    existing = {column["name"]: column for column in inspect(connection).get_columns(table.name, schema=SCHEMA)}
    for column in table.columns:
        if column.name not in existing:
            clause = CreateColumn(column).compile(dialect=connection.dialect)
            connection.execute(text(f"ALTER TABLE {SCHEMA}.{table.name} ADD COLUMN {clause}"))
            continue
        wanted, found = (
            re.split(r"\(| COLLATE ", given.compile(connection.dialect))[0].lower()
            for given in (column.type, existing[column.name]["type"])
        )
        if wanted != found:
            raise DatabaseError(
                f"Field {column.name} of {table.name} is {found} in the database and {wanted} in its definition; "
                "write a migration that converts it."
            )
    made = {index["name"] for index in inspect(connection).get_indexes(table.name, schema=SCHEMA)}
    for index in table.indexes:
        if index.name not in made:
            index.create(connection)


def _record_layer(connection: Connection, layer: Layer) -> None:
    row = {
        "title": layer.title,
        "definition_hash": layer.digest,
        "definition": layer.model_dump(mode="json"),
    }
    statement = insert(tables.layer).values(id=layer.id, **row)
    connection.execute(statement.on_conflict_do_update(index_elements=["id"], set_=row))
