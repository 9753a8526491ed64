"""The SQL of items and item: one statement whose single row holds finished GeoJSON.

Built with SQLAlchemy Core once per layer and shape of query, then run as text with bound parameters. A shape keeps
its plan whatever the statistics say, so that generic plans are safe: a box with few features in it is read through
the geometry index before anything is sorted; a box with many is read along the primary key and stops early.
"""

import json
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from sqlalchemy import (
    CTE,
    BigInteger,
    ColumnElement,
    CompoundSelect,
    FromClause,
    Select,
    Text,
    any_,
    bindparam,
    case,
    cast,
    collate,
    distinct,
    func,
    literal_column,
    null,
    or_,
    select,
    true,
    union,
)
from sqlalchemy.dialects import postgresql
from sqlalchemy.dialects.postgresql import JSONB, aggregate_order_by
from sqlalchemy.types import UserDefinedType

from datasets.layer import Layer
from datasets.licence import licences
from datasets.store import tables
from datasets.store.layer_tables import change, layer_table
from datasets.vocabulary import FieldType, GeometryKind, Operation
from ogc.credits import BETWEEN, WITHIN
from ogc.query import Envelope, ItemsQuery
from ogc.schema import published_fields

COUNTED = 10_000
"""Filtered features are counted up to here; a box that holds more is dense, and its total is left out."""

Rows = Select[*tuple[Any, ...]]

_DIALECT = postgresql.psycopg.dialect()  # type: ignore[no-untyped-call]
_END_OF_FIDS: ColumnElement[int] = literal_column(str(2**63 - 1), BigInteger)
_BEYOND_COUNTED: ColumnElement[int] = literal_column(str(COUNTED + 1), BigInteger)


@dataclass(frozen=True, slots=True)
class Shape:
    """What of a query decides the SQL; the rest are values."""

    boxes: int
    dense: bool
    begins: bool
    ends: bool
    equal: tuple[str, ...]
    without_duplicates: bool

    @property
    def probes(self) -> bool:
        """Whether all that is asked for is looked up before it is sorted. A council's features lie sorted already."""
        return not self.dense and bool(self.boxes or self.begins or self.ends or set(self.equal) - {"council"})


class Outline(UserDefinedType[str]):
    """A geometry bound as EWKT text, read once per statement and not once per row."""

    cache_ok = True
    render_bind_cast = True

    def get_col_spec(self, **_: object) -> str:
        return "geometry"


def items_statement(layer: Layer, query: ItemsQuery, *, dense: bool = False) -> tuple[str, dict[str, object]]:
    """SQL and values for one page. Its row: the features' JSON with commas between (NULL when none), how many, the
    last one's fid, whether there are more, the total: up to COUNTED + 1 when filtered, NULL when not; and the pairs
    of licence and words that are on the page, as `ogc.credits` reads them.

    Where the total is above COUNTED and yet no feature came, the page is to be asked for again as `dense`.
    """
    interval = query.interval
    shape = Shape(
        boxes=len(query.envelopes),
        dense=dense,
        begins=interval is not None and interval.begin is not None,
        ends=interval is not None and interval.end is not None,
        equal=tuple(name for name, _ in query.equal),
        without_duplicates=query.without_duplicates,
    )
    values: dict[str, object] = {"size": query.limit, "after": query.after, "attributions": _attributions()}
    values |= {f"box{number}": _outline(box) for number, box in enumerate(query.envelopes)}
    values |= {f"equal{number}": value for number, (_, value) in enumerate(query.equal)}
    if interval is not None and interval.begin:
        values["begin"] = interval.begin.isoformat()
    if interval is not None and interval.end:
        values["end"] = interval.end.isoformat()
    return _items_sql(layer, shape), values


def item_statement(layer: Layer, feature_id: str) -> tuple[str, dict[str, object]]:
    """SQL and values for one feature: its JSON, its licence with its words, and who else publishes it (JSON, or NULL);
    no row when the layer lacks it."""
    return _item_sql(layer), {"feature_id": feature_id, "attributions": _attributions()}


def ending_statement(layer: Layer, feature_id: str) -> tuple[str, dict[str, object]]:
    """SQL and values for the last thing that happened to a feature since it came: operation, moment, council, feed."""
    return _ending_sql(), {"layer": layer.id, "feature_id": feature_id}


def redirect_statement(layer: Layer, feature_id: str) -> tuple[str, dict[str, object]]:
    """SQL and values for where a feature is now: its id, NULL where it was withdrawn, and why; no row for most."""
    return _redirect_sql(), {"layer": layer.id, "feature_id": feature_id}


@lru_cache(maxsize=2000)
def _items_sql(layer: Layer, shape: Shape) -> str:
    table = layer_table(layer).alias("found")
    filters = [*_in_force(table, shape), *_equal(layer, table, shape)]
    is_filtered = bool(filters)
    filters += [table.c.duplicate_of.is_(None)] if shape.without_duplicates else []
    boxes = [_meets(layer, table, number) for number in range(shape.boxes)]
    places = select(table.c.fid, literal_column("found.ctid").label("at"))
    total: ColumnElement[int] = cast(null(), BigInteger)
    if shape.probes:
        # One branch for each box, because each then reads the geometry index and stops when enough is found.
        found = [places.where(box, *filters) for box in boxes] or [places.where(*filters)]
        hit = _once((union(*found) if len(found) > 1 else found[0]).limit(_BEYOND_COUNTED), "hit")
        total = _one(select(func.count().label("total")).select_from(hit), "tally")
        sparse = select(hit.c.fid, hit.c.at).where(total <= literal_column(str(COUNTED)))
        return _text(_page_as_json(layer, sparse, hit.c.fid, total))
    if boxes:
        # IS TRUE hides the box from the geometry index, through which everything in it would be fetched and sorted.
        filters.append(or_(*boxes).is_(true()))
    elif is_filtered and not shape.dense:
        counted: Rows = select(literal_column("1")).select_from(table).where(*filters).limit(_BEYOND_COUNTED)
        total = select(func.count()).select_from(counted.subquery()).scalar_subquery()
    return _text(_page_as_json(layer, places.where(*filters), table.c.fid, total))


def _page_as_json(layer: Layer, places: Rows, fid: ColumnElement[int], total: ColumnElement[int]) -> Rows:
    """The row that `items_statement` promises, from the places (fid and ctid) of all features that are asked for."""
    after = bindparam("after", type_=BigInteger)
    size = bindparam("size", type_=BigInteger)
    page = _once(places.where(fid > after).order_by(fid).limit(size + literal_column("1")), "page")
    # One more than asked for is looked up: its fid, where there is one, says that there is a next page.
    beyond = _one(select(case((func.count() > size, func.max(page.c.fid))).label("fid")).select_from(page), "beyond")
    table = layer_table(layer).alias("t")
    feature = _feature(layer, table)
    joined = page.join(table, literal_column("t.ctid") == page.c.at)
    return (
        select(
            func.string_agg(feature, aggregate_order_by(literal_column("','"), page.c.fid)),
            func.count(),
            func.max(page.c.fid),
            beyond.is_not(None),
            total,
            func.string_agg(distinct(_source()), literal_column(f"'{BETWEEN}'")),
        )
        .select_from(_with_sources(table, joined))
        .where(page.c.fid < func.coalesce(beyond, _END_OF_FIDS))
    )


@lru_cache(maxsize=200)
def _item_sql(layer: Layer) -> str:
    table = layer_table(layer).alias("t")
    wanted = table.c.feature_id == bindparam("feature_id", type_=Text)
    columns = (_feature(layer, table), _source(), table.c.also_published_by)
    return _text(select(*columns).select_from(_with_sources(table, table)).where(wanted))


@lru_cache(maxsize=1)
def _ending_sql() -> str:
    columns = (change.c.op, change.c.at, change.c.council, change.c.feed_id)
    wanted = (
        change.c.layer == bindparam("layer", type_=Text),
        change.c.feature_id == bindparam("feature_id", type_=Text),
        change.c.op != literal_column(f"'{Operation.INSERT}'"),
    )
    return _text(select(*columns).where(*wanted).order_by(change.c.id.desc()).limit(literal_column("1")))


@lru_cache(maxsize=1)
def _redirect_sql() -> str:
    redirect = tables.redirect
    wanted = (
        redirect.c.layer == bindparam("layer", type_=Text),
        redirect.c.old_id == bindparam("feature_id", type_=Text),
    )
    return _text(select(redirect.c.new_id, redirect.c.reason).where(*wanted))


def _with_sources(table: FromClause, joined: FromClause) -> FromClause:
    """`joined` with the feed, council and resource of each feature; a feature stays even where one is not known."""
    feed, council, resource = tables.feed, tables.council, tables.resource
    return (
        joined.outerjoin(feed, feed.c.id == table.c.feed_id)
        .outerjoin(council, council.c.gss == table.c.council)
        .outerjoin(resource, resource.c.sha256 == table.c.resource_sha256)
    )


def _feature(layer: Layer, table: FromClause) -> ColumnElement[str]:
    """One feature as GeoJSON text. row_to_json writes no spaces and keeps the order of the columns."""
    first = _as_json(select(*_own_properties(layer, table)).correlate(table, tables.feed, tables.council), "own")
    last = _as_json(select(*_record_properties(table)).correlate(table, tables.resource), "record")
    # Only our own moments and words are in the second part, so that no council's text can hold what is replaced.
    moments = func.replace(last, literal_column("""'+00:00"'"""), literal_column("""'Z"'"""))
    geometry = func.ST_AsGeoJSON(table.c.geom, literal_column("7"), literal_column("0"))
    pieces: tuple[ColumnElement[str] | str, ...] = (
        cast(func.to_json(table.c.feature_id), Text),
        ',"geometry":',
        geometry,
        ',"properties":',
        func.left(first, literal_column("-1")),
        ",",
        func.substr(moments, literal_column("2")),
        "}",
    )
    whole: ColumnElement[str] = literal_column("""'{"type":"Feature","id":'""", Text)
    for piece in pieces:
        whole = whole.concat(literal_column(f"'{piece}'", Text) if isinstance(piece, str) else piece)
    return whole


def _own_properties(layer: Layer, table: FromClause) -> list[ColumnElement[object]]:
    feed = tables.feed
    words = _words()
    return [
        *(table.c[name] for name in published_fields(layer)),
        table.c.council,
        tables.council.c.name.label("council_name"),
        table.c.feed_id.label("feed"),
        feed.c.licence,
        words.label("attribution"),
        feed.c.url.label("source_url"),
        table.c.resource_sha256,
    ]


def _words() -> ColumnElement[Any]:
    """The words to show with a feed's features: its own, or its licence's, or the council's name."""
    feed = tables.feed
    nothing: ColumnElement[str] = literal_column("''", Text)
    of_licence = bindparam("attributions", type_=JSONB)[feed.c.licence].astext
    return func.coalesce(
        func.nullif(feed.c.attribution, nothing), func.nullif(of_licence, nothing), tables.council.c.name
    )


def _source() -> ColumnElement[str]:
    """A feature's licence and words; in the C collation, because many are sorted to find the distinct ones."""
    return collate(tables.feed.c.licence.concat(literal_column(f"'{WITHIN}'")).concat(_words()), "C")


def _record_properties(table: FromClause) -> list[ColumnElement[object]]:
    placed = ("placed", "outside_m", "precision_m", "duplicate_of", "also_published_by")
    own = (*placed, "first_seen", "changed_at", "missing_since", "revision")
    return [
        table.c.row_no.label("row"),
        tables.resource.c.first_fetched_at.label("retrieved_at"),
        *(table.c[name] for name in own),
    ]


def _once(rows: Rows | CompoundSelect[*tuple[Any, ...]], name: str) -> CTE:
    """A part of the statement that is worked out once, before and apart from the rest."""
    return rows.cte(name).prefix_with("MATERIALIZED")


def _one(row: Rows, name: str) -> ColumnElement[int]:
    """The value of a part that is one row of one column."""
    part = _once(row, name)
    return select(*part.c).scalar_subquery()


def _as_json(columns: Rows, name: str) -> ColumnElement[str]:
    return cast(func.row_to_json(columns.lateral(name).table_valued()), Text)


def _meets(layer: Layer, table: FromClause, number: int) -> ColumnElement[bool]:
    """Whether a feature meets a box; only an area may meet a box's outline without meeting the box."""
    box = bindparam(f"box{number}", type_=Outline())
    touches: ColumnElement[bool] = table.c.geom.op("&&", is_comparison=True)(box)
    if layer.geometry is GeometryKind.POINT:
        return touches
    return touches & func.ST_Intersects(table.c.geom, box)


def _in_force(table: FromClause, shape: Shape) -> list[ColumnElement[bool]]:
    """Whether [start_date, end_date] meets the interval. The dates are ISO text of a day, month or year: in the C
    collation a shorter date sorts before every day in it, and with `~` at its end behind every day in it."""
    started = collate(table.c.start_date, "C") <= bindparam("end", type_=Text)
    lasting = collate(table.c.end_date, "C").concat(literal_column("'~'")) >= bindparam("begin", type_=Text)
    return [
        *([started | table.c.start_date.is_(None)] if shape.ends else []),
        *([lasting | table.c.end_date.is_(None)] if shape.begins else []),
    ]


def _equal(layer: Layer, table: FromClause, shape: Shape) -> list[ColumnElement[bool]]:
    """A queryable equals its value; of several codes, one does."""
    conditions = []
    for number, name in enumerate(shape.equal):
        field = layer.fields.get(name)
        column = table.c["feed_id" if name == "feed" else name]
        if field is not None and field.type is FieldType.CODES:
            conditions.append(bindparam(f"equal{number}", type_=Text) == any_(column))
        else:
            conditions.append(column == bindparam(f"equal{number}", type_=column.type))
    return conditions


def _outline(box: Envelope) -> str:
    west, south, east, north = box
    corners = ((west, south), (west, north), (east, north), (east, south), (west, south))
    return "SRID=4326;POLYGON((" + ",".join(f"{x!r} {y!r}" for x, y in corners) + "))"


@lru_cache(maxsize=1)
def _attributions() -> str:
    return json.dumps({key: licence.attribution for key, licence in licences().items()})


def _text(statement: Rows) -> str:
    return str(statement.compile(dialect=_DIALECT))
