"""The tables of schema `citywide`, as SQLAlchemy knows them. Migrations make them; nothing else issues DDL for them."""

from geoalchemy2 import Geometry
from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Double,
    ForeignKey,
    Identity,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

SCHEMA = "citywide"
metadata = MetaData(
    schema=SCHEMA,
    naming_convention={
        "ix": "%(table_name)s_%(column_0_name)s_idx",
        "pk": "%(table_name)s_pkey",
        "fk": "%(table_name)s_%(column_0_name)s_fkey",
    },
)


def _moment(name: str, *, required: bool = False) -> Column[object]:
    default = func.now() if required else None
    return Column(name, DateTime(timezone=True), nullable=not required, server_default=default)


city = Table(
    "city",
    metadata,
    Column("id", Text, primary_key=True, comment="the one city this database serves"),
    Column("title", Text, nullable=False),
)

council = Table(
    "council",
    metadata,
    Column("gss", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("slug", Text, nullable=False, unique=True),
)

boundary = Table(
    "boundary",
    metadata,
    Column("council", ForeignKey(council.c.gss), primary_key=True),
    Column("geom", Geometry("MULTIPOLYGON", srid=4326, spatial_index=False), nullable=False),
    Column("source", Text, nullable=False),
    _moment("loaded_at", required=True),
)

place = Table(
    "place",
    metadata,
    Column("kind", Text, primary_key=True, comment="postcode; later uprn"),
    Column("code", Text, primary_key=True, comment="postcodes in upper case without the space"),
    Column("lon", Double, nullable=False),
    Column("lat", Double, nullable=False),
)

load = Table(
    "load",
    metadata,
    Column("subject", Text, primary_key=True, comment="boundaries or places; its revision goes up with each load"),
    Column("revision", BigInteger, nullable=False),
    _moment("loaded_at", required=True),
)

layer = Table(
    "layer",
    metadata,
    Column("id", Text, primary_key=True),
    Column("title", Text, nullable=False),
    Column("definition_hash", Text, nullable=False),
    Column("definition", JSON, nullable=False, comment="as migrated; what is served follows it"),
    Column("revision", BigInteger, nullable=False, server_default="0"),
    Column("features", BigInteger, nullable=False, server_default="0"),
    Column("extent", JSONB, comment="west, south, east, north"),
    _moment("published_at"),
    Column("duplicates", BigInteger, nullable=False, server_default="0", comment="features that are duplicates"),
)

feed = Table(
    "feed",
    metadata,
    Column("id", Text, primary_key=True),
    Column("council", ForeignKey(council.c.gss), nullable=False, index=True),
    Column("layer", ForeignKey(layer.c.id), nullable=False, index=True),
    Column("platform", Text, nullable=False),
    Column("url", Text, nullable=False),
    Column("licence", Text, nullable=False),
    Column("attribution", Text, nullable=False),
    Column("cadence", Text, nullable=False),
    Column("document", JSONB, nullable=False, comment="the whole feed document"),
    _moment("added_at", required=True),
    _moment("removed_at"),
    _moment("due_at", required=True),
)

resource = Table(
    "resource",
    metadata,
    Column("sha256", Text, primary_key=True),
    Column("bytes", BigInteger, nullable=False),
    Column("name", Text, nullable=False),
    Column("media_type", Text),
    _moment("first_fetched_at", required=True),
    _moment("last_fetched_at", required=True),
)

run = Table(
    "run",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("feed", ForeignKey(feed.c.id), nullable=False),
    Column("state", Text, nullable=False),
    _moment("started_at", required=True),
    _moment("ended_at"),
    Column("outcome", Text),
    Column("code", Text, comment="issue code that held or failed the run"),
    Column("message", Text),
    Column("resource_sha256", ForeignKey(resource.c.sha256)),
    Column("rules_hash", Text),
    Column("format", Text),
    Column("encoding", Text),
    Column("crs", Text),
    Column("columns", JSONB),
    Column("mapping", JSONB),
    Column("rung", Text),
    Column("rows_read", BigInteger),
    Column("features", BigInteger),
    Column(
        "outside_boundary",
        Double,
        comment="share of features outside the council's boundary; null without one",
    ),
    Column("inserted", BigInteger),
    Column("updated", BigInteger),
    Column("ended", BigInteger),
    Column("missing", BigInteger),
    Column("restored", BigInteger),
    Column("revision", BigInteger),
    Column("complete", Boolean),
    Column("incomplete_because", Text),
    Column("reach", Text, comment="full, or only the changes since the run before"),
    Column("decided_by", Text, comment="the rung of the change ladder that told whether anything changed"),
    Column("watermark", Text, comment="the platform's own stamp when the read began"),
    Column("declared", BigInteger, comment="rows that the platform said it has"),
    Column("content_hash", Text, comment="of the records, whatever their order and the server's stamps"),
    Column("gates", JSONB, comment="the gates that were shut, by code, each with its sentence"),
    Column("middle", JSONB, comment="longitude and latitude around which the features lie"),
    Column("stage", Text),
    Column("done", BigInteger, comment="how much of the stage is done, of `total`"),
    Column("total", BigInteger),
    Column("worker", Text, comment="the program that has the lease"),
    _moment("lease_until"),
    Index("run_lease_idx", "lease_until", postgresql_where=text("state = 'running'")),
    Index("run_feed_started_idx", "feed", "started_at"),
)

fetch = Table(
    "fetch",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("run", ForeignKey(run.c.id, ondelete="CASCADE"), nullable=False, index=True),
    Column("url", Text, nullable=False),
    _moment("started_at", required=True),
    Column("seconds", Double),
    Column("status", Integer),
    Column("bytes", BigInteger),
    Column("media_type", Text),
    Column("etag", Text),
    Column("last_modified", Text),
    Column("resource_sha256", Text),
    Column("error", Text),
    Column("page_no", Integer),
    Column("rows", BigInteger),
    Column("first_key", Text),
    Column("last_key", Text),
)

reading = Table(
    "reading",
    metadata,
    Column("feed", ForeignKey(feed.c.id, ondelete="CASCADE"), primary_key=True),
    Column("dataset", JSONB, nullable=False, comment="as the platform described it when the read began"),
    Column("since", Text, comment="the watermark that a read of changes starts from"),
    Column("file", Text, nullable=False, comment="name of the unfinished file in the archive"),
    Column("pages", Integer, nullable=False),
    Column("rows", BigInteger, nullable=False),
    Column("bytes", BigInteger, nullable=False, comment="length of the file up to the last whole page"),
    Column("cursor", JSONB, comment="where the next page begins; null after the last"),
    Column("size", Integer, nullable=False, comment="rows asked for on a page"),
    Column("ended", Text, nullable=False, server_default=""),
    _moment("updated_at", required=True),
    comment="reads page by page that are not finished, one for a feed",
)

host = Table(
    "host",
    metadata,
    Column("host", Text, primary_key=True),
    _moment("next_at"),
    _moment("cool_until"),
    Column("reason", Text, comment="why we leave it alone until then"),
    comment="when each host may be asked next, for all workers together",
)

issue = Table(
    "issue",
    metadata,
    Column("run", ForeignKey(run.c.id, ondelete="CASCADE"), nullable=False),
    Column("code", Text, nullable=False),
    Column("severity", Text, nullable=False),
    Column("responsibility", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("field", Text),
    Column("row_no", BigInteger),
    Column("value", Text),
    Column("message", Text),
    Column("count", BigInteger, nullable=False),
    Index("issue_run_code_idx", "run", "code"),
)

approval = Table(
    "approval",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("feed", ForeignKey(feed.c.id), nullable=False, index=True),
    Column("run", ForeignKey(run.c.id), nullable=False),
    Column("gate", Text, nullable=False, comment="issue code of the gate that was opened"),
    Column("resource_sha256", Text, nullable=False, comment="the bytes, or a digest of the terms, it holds for alone"),
    Column("reason", Text, nullable=False),
    Column("by", Text, nullable=False),
    _moment("at", required=True),
)

redirect = Table(
    "redirect",
    metadata,
    Column("old_id", Text(collation="C"), primary_key=True),
    Column("new_id", Text(collation="C"), comment="where the feature is now; null where it was withdrawn for good"),
    Column("layer", ForeignKey(layer.c.id), nullable=False),
    Column("reason", Text, nullable=False),
    Column("by", Text, nullable=False),
    _moment("at", required=True),
    comment="addresses of features that merged or were withdrawn, kept for ever",
)

match_pair = Table(
    "match_pair",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("layer", ForeignKey(layer.c.id), nullable=False),
    Column("a", Text(collation="C"), nullable=False, comment="feature id; a sorts before b"),
    Column("b", Text(collation="C"), nullable=False),
    Column("score", Double, nullable=False, comment="0 to 1"),
    Column("distance_m", Double, comment="between points; null for areas"),
    Column("overlap", Double, comment="share of the smaller area that both cover; null for points"),
    Column("evidence", Text, nullable=False),
    Column("decision", Text, nullable=False, comment="same, different, or open until a person says"),
    Column("by", Text, nullable=False, comment="automatic, or who decided"),
    Column("reason", Text),
    _moment("at", required=True),
    Column("earlier", JSONB, nullable=False, server_default="[]", comment="decisions before this, oldest first"),
    Index("match_pair_a_b_idx", "layer", "a", "b", unique=True),
    Index("match_pair_b_idx", "b"),
    comment="two councils' features that may be one thing; a decided pair is never asked about again",
)

rule = Table(
    "rule",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("layer", ForeignKey(layer.c.id), nullable=False),
    Column("council", ForeignKey(council.c.gss), comment="of this council's feeds alone; null for all"),
    Column("feed", ForeignKey(feed.c.id), comment="of this feed alone; null for all"),
    Column("field", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("pattern", Text, comment="the value it is for, without regard to case; null for any"),
    Column("value", Text, comment="what is put in its place"),
    Column("reason", Text, nullable=False),
    Column("by", Text, nullable=False),
    _moment("at", required=True),
    _moment("removed_at"),
    comment="what people decided about values: feed before council before layer",
)

confirmed_column = Table(
    "confirmed_column",
    metadata,
    Column("feed", ForeignKey(feed.c.id, ondelete="CASCADE"), primary_key=True),
    Column("field", Text, primary_key=True),
    Column("columns", JSONB, nullable=False, comment="the source columns by name, in order"),
    Column("rule", JSONB, nullable=False, comment="the field rule as a feed document states it"),
    Column("by", Text, nullable=False),
    _moment("at", required=True),
    comment="which column is which field, once a person or a published run has settled it",
)

task = Table(
    "task",
    metadata,
    Column("id", Text, primary_key=True, comment="a digest of council, layer, feed, code and field"),
    Column("council", ForeignKey(council.c.gss), nullable=False, index=True),
    Column("layer", ForeignKey(layer.c.id), nullable=False),
    Column("feed", ForeignKey(feed.c.id, ondelete="CASCADE"), index=True, comment="null where there is none"),
    Column("kind", Text, nullable=False, comment="issue, held, failed or not provided"),
    Column("code", Text, nullable=False),
    Column("field", Text),
    Column("count", BigInteger, nullable=False, comment="rows it stands for in the last run that saw it"),
    Column("message", Text, comment="what the run said that was held or failed"),
    Column("run", ForeignKey(run.c.id, ondelete="SET NULL"), comment="that saw it last"),
    Column("state", Text, nullable=False, comment="open, fixed or muted"),
    Column("reason", Text, comment="why it is muted"),
    Column("by", Text, comment="who muted it"),
    Column("times", BigInteger, nullable=False, server_default="1", comment="how often it opened"),
    _moment("first_seen", required=True),
    _moment("open_since", required=True),
    _moment("last_seen", required=True),
    _moment("fixed_at"),
    comment="issues of the same kind as one thing to do for a council",
)

feed_figures = Table(
    "feed_figures",
    metadata,
    Column("feed", ForeignKey(feed.c.id, ondelete="CASCADE"), primary_key=True),
    Column("layer", ForeignKey(layer.c.id), nullable=False, index=True),
    Column("revision", BigInteger, nullable=False, comment="of the layer when they were counted"),
    Column("features", BigInteger, nullable=False),
    Column("filled", JSONB, nullable=False, comment="features that have a value, by field"),
    Column("coarse", BigInteger, nullable=False, comment="features whose place is only about right"),
    Column("outside", BigInteger, nullable=False, comment="features well outside the council's boundary"),
    Column("well_placed", BigInteger, nullable=False, comment="features that are neither"),
    comment="what quality is judged by, counted once for each publish of a feed",
)

revision = Table(
    "revision",
    metadata,
    Column("layer", ForeignKey(layer.c.id), primary_key=True),
    Column("revision", BigInteger, primary_key=True),
    _moment("at", required=True),
    Column("cause", Text, nullable=False),
    Column("feed", Text, comment="whose publish it was; null where it was of several"),
    Column("run", BigInteger),
    Column("undoes", BigInteger, comment="the run whose publish a roll-back took back"),
    Column("reason", Text, comment="why a person wanted it"),
    Column("by", Text),
    Column("fid", BigInteger, nullable=False, comment="the highest given out by then; later features have higher ones"),
    Index("revision_layer_at_idx", "layer", "at"),
    Index("revision_feed_idx", "feed", "run"),
    comment="each revision of each layer: when it came and what brought it",
)

rejection = Table(
    "rejection",
    metadata,
    Column("feed", ForeignKey(feed.c.id, ondelete="CASCADE"), primary_key=True),
    Column("resource_sha256", Text, primary_key=True),
    Column("content_hash", Text, comment="of the same records in other bytes"),
    Column("reason", Text, nullable=False),
    Column("by", Text, nullable=False),
    _moment("at", required=True),
    comment="bytes that were rolled back: they are held when they come again",
)

takedown = Table(
    "takedown",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("feed", ForeignKey(feed.c.id), nullable=False),
    Column("resource_sha256", Text, nullable=False),
    Column("content_hashes", JSONB, nullable=False, comment="of its records, not taken in other bytes either"),
    Column("reason", Text, nullable=False),
    Column("by", Text, nullable=False),
    _moment("at", required=True),
    Column("receipt", JSONB, nullable=False, comment="what was purged, in counts; nothing of what it said"),
    comment="resources that were purged with all that came of them",
)
