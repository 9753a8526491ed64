"""The first tables"""

import sqlalchemy as sa
from alembic import op
from geoalchemy2 import Geometry
from sqlalchemy.dialects.postgresql import JSONB

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "city",
        sa.Column("id", sa.Text(), nullable=False, comment="the one city this database serves"),
        sa.Column("title", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="city_pkey"),
        schema="citywide",
    )
    op.create_table(
        "council",
        sa.Column("gss", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("slug", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("gss", name="council_pkey"),
        sa.UniqueConstraint("slug"),
        schema="citywide",
    )
    op.create_table(
        "layer",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("definition_hash", sa.Text(), nullable=False),
        sa.Column("definition", sa.JSON(), nullable=False, comment="as migrated; what is served follows it"),
        sa.Column("revision", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("features", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("extent", JSONB(), nullable=True, comment="west, south, east, north"),
        sa.Column("published_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name="layer_pkey"),
        schema="citywide",
    )
    op.create_table(
        "load",
        sa.Column(
            "subject", sa.Text(), nullable=False, comment="boundaries or places; its revision goes up with each load"
        ),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("loaded_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("subject", name="load_pkey"),
        schema="citywide",
    )
    op.create_table(
        "place",
        sa.Column("kind", sa.Text(), nullable=False, comment="postcode; later uprn"),
        sa.Column("code", sa.Text(), nullable=False, comment="postcodes in upper case without the space"),
        sa.Column("lon", sa.Double(), nullable=False),
        sa.Column("lat", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("kind", "code", name="place_pkey"),
        schema="citywide",
    )
    op.create_table(
        "resource",
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("media_type", sa.Text(), nullable=True),
        sa.Column("first_fetched_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("last_fetched_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("sha256", name="resource_pkey"),
        schema="citywide",
    )
    op.create_table(
        "boundary",
        sa.Column("council", sa.Text(), nullable=False),
        sa.Column("geom", Geometry("MULTIPOLYGON", srid=4326, spatial_index=False), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("loaded_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["council"], ["citywide.council.gss"], name="boundary_council_fkey"),
        sa.PrimaryKeyConstraint("council", name="boundary_pkey"),
        schema="citywide",
    )
    op.create_table(
        "feed",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("council", sa.Text(), nullable=False),
        sa.Column("layer", sa.Text(), nullable=False),
        sa.Column("platform", sa.Text(), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("licence", sa.Text(), nullable=False),
        sa.Column("attribution", sa.Text(), nullable=False),
        sa.Column("cadence", sa.Text(), nullable=False),
        sa.Column("document", JSONB(), nullable=False, comment="the whole feed document"),
        sa.Column("added_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("removed_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["council"], ["citywide.council.gss"], name="feed_council_fkey"),
        sa.ForeignKeyConstraint(["layer"], ["citywide.layer.id"], name="feed_layer_fkey"),
        sa.PrimaryKeyConstraint("id", name="feed_pkey"),
        schema="citywide",
    )
    op.create_index("feed_council_idx", "feed", ["council"], unique=False, schema="citywide")
    op.create_index("feed_layer_idx", "feed", ["layer"], unique=False, schema="citywide")
    op.create_table(
        "run",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("feed", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("outcome", sa.Text(), nullable=True),
        sa.Column("code", sa.Text(), nullable=True, comment="issue code that held or failed the run"),
        sa.Column("message", sa.Text(), nullable=True),
        sa.Column("resource_sha256", sa.Text(), nullable=True),
        sa.Column("rules_hash", sa.Text(), nullable=True),
        sa.Column("format", sa.Text(), nullable=True),
        sa.Column("encoding", sa.Text(), nullable=True),
        sa.Column("crs", sa.Text(), nullable=True),
        sa.Column("columns", JSONB(), nullable=True),
        sa.Column("mapping", JSONB(), nullable=True),
        sa.Column("rung", sa.Text(), nullable=True),
        sa.Column("rows_read", sa.BigInteger(), nullable=True),
        sa.Column("features", sa.BigInteger(), nullable=True),
        sa.Column(
            "outside_boundary",
            sa.Double(),
            nullable=True,
            comment="share of features outside the council's boundary; null without one",
        ),
        sa.Column("inserted", sa.BigInteger(), nullable=True),
        sa.Column("updated", sa.BigInteger(), nullable=True),
        sa.Column("ended", sa.BigInteger(), nullable=True),
        sa.Column("missing", sa.BigInteger(), nullable=True),
        sa.Column("restored", sa.BigInteger(), nullable=True),
        sa.Column("revision", sa.BigInteger(), nullable=True),
        sa.Column("complete", sa.Boolean(), nullable=True),
        sa.ForeignKeyConstraint(["feed"], ["citywide.feed.id"], name="run_feed_fkey"),
        sa.ForeignKeyConstraint(["resource_sha256"], ["citywide.resource.sha256"], name="run_resource_sha256_fkey"),
        sa.PrimaryKeyConstraint("id", name="run_pkey"),
        schema="citywide",
    )
    op.create_index("run_feed_started_idx", "run", ["feed", "started_at"], unique=False, schema="citywide")
    op.create_table(
        "approval",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("feed", sa.Text(), nullable=False),
        sa.Column("run", sa.BigInteger(), nullable=False),
        sa.Column("gate", sa.Text(), nullable=False, comment="issue code of the gate that was opened"),
        sa.Column("resource_sha256", sa.Text(), nullable=False, comment="the approval holds for these bytes alone"),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["feed"], ["citywide.feed.id"], name="approval_feed_fkey"),
        sa.ForeignKeyConstraint(["run"], ["citywide.run.id"], name="approval_run_fkey"),
        sa.PrimaryKeyConstraint("id", name="approval_pkey"),
        schema="citywide",
    )
    op.create_index("approval_feed_idx", "approval", ["feed"], unique=False, schema="citywide")
    op.create_table(
        "fetch",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("run", sa.BigInteger(), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("seconds", sa.Double(), nullable=True),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("bytes", sa.BigInteger(), nullable=True),
        sa.Column("media_type", sa.Text(), nullable=True),
        sa.Column("etag", sa.Text(), nullable=True),
        sa.Column("last_modified", sa.Text(), nullable=True),
        sa.Column("resource_sha256", sa.Text(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["run"], ["citywide.run.id"], name="fetch_run_fkey", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="fetch_pkey"),
        schema="citywide",
    )
    op.create_index("fetch_run_idx", "fetch", ["run"], unique=False, schema="citywide")
    op.create_table(
        "issue",
        sa.Column("run", sa.BigInteger(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("severity", sa.Text(), nullable=False),
        sa.Column("responsibility", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("field", sa.Text(), nullable=True),
        sa.Column("row_no", sa.BigInteger(), nullable=True),
        sa.Column("value", sa.Text(), nullable=True),
        sa.Column("message", sa.Text(), nullable=True),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["run"], ["citywide.run.id"], name="issue_run_fkey", ondelete="CASCADE"),
        schema="citywide",
    )
    op.create_index("issue_run_code_idx", "issue", ["run", "code"], unique=False, schema="citywide")
