"""What harmonising remembers: rules, settled columns, pairs, redirects, tasks, roll-backs, take-downs"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

CAUSE = "what brought the change about: harvest, roll-back, take-down, match, move or rebuild"

FILL_VERSIONS = """
    UPDATE layers.change
    SET fid = (before ->> 'fid')::bigint, first_revision = (before ->> 'first_revision')::bigint,
        since = (before ->> 'revision')::bigint, geom = ST_GeomFromGeoJSON(before ->> 'geom'), before = before - 'geom'
    WHERE before IS NOT NULL
"""
FILL_REVISIONS = """
    INSERT INTO citywide.revision (layer, revision, at, cause, feed, run, fid)
    SELECT l.id, r.number, coalesce(r.at, l.published_at, now()), 'harvest', r.feed, r.run, coalesce((
        SELECT max(f.fid)
        FROM (SELECT fid, first_revision FROM layers.{table}
              UNION ALL SELECT fid, first_revision FROM layers.change WHERE layer = '{layer}') f
        WHERE f.first_revision <= r.number), 0)
    FROM citywide.layer l
    CROSS JOIN LATERAL (
        SELECT n.number, min(n.at) AS at, min(n.feed) AS feed, min(n.run) AS run
        FROM (SELECT revision AS number, at, feed_id AS feed, run FROM layers.change WHERE layer = '{layer}'
              UNION ALL
              SELECT g.revision, g.ended_at, g.feed, g.id FROM citywide.run g JOIN citywide.feed f ON f.id = g.feed
              WHERE f.layer = '{layer}' AND g.outcome = 'published' AND g.revision > 0
              UNION ALL
              SELECT first_revision, first_seen, feed_id, NULL FROM layers.{table}) n
        GROUP BY n.number
    ) r
    WHERE l.id = '{layer}'
"""


def upgrade() -> None:
    if sa.inspect(op.get_bind()).has_table("change", schema="layers"):
        cause = sa.Column("cause", sa.Text(), server_default="harvest", nullable=False, comment=CAUSE)
        op.add_column("change", cause, schema="layers")
        _say_how_long_each_version_stood()
    op.alter_column(
        "approval",
        "resource_sha256",
        comment="the bytes, or a digest of the terms, it holds for alone",
        existing_comment="the approval holds for these bytes alone",
        existing_type=sa.Text(),
        existing_nullable=False,
        schema="citywide",
    )
    gates = sa.Column("gates", JSONB(), comment="the gates that were shut, by code, each with its sentence")
    op.add_column("run", gates, schema="citywide")
    middle = sa.Column("middle", JSONB(), comment="longitude and latitude around which the features lie")
    op.add_column("run", middle, schema="citywide")
    _make_match_pair()
    _make_redirect()
    _make_revision()
    _make_confirmed_column()
    _make_rejection()
    _make_rule()
    _make_takedown()
    _make_task()
    _make_feed_figures()


def _say_how_long_each_version_stood() -> None:
    for name in ("fid", "first_revision", "since"):
        op.add_column("change", sa.Column(name, sa.BigInteger()), schema="layers")
    op.execute("ALTER TABLE layers.change ADD COLUMN geom geometry(GEOMETRY, 4326)")
    op.execute(FILL_VERSIONS)
    op.create_index("change_feature_idx", "change", ["feature_id", "revision"], schema="layers")
    op.execute("DROP INDEX IF EXISTS layers.change_ended_idx")
    is_end = sa.text("op = 'end'")
    op.create_index("change_ended_idx", "change", ["layer", "feature_id"], schema="layers", postgresql_where=is_end)
    op.create_index(
        "change_first_idx",
        "change",
        ["layer", "since", "fid"],
        schema="layers",
        postgresql_where=sa.text("since = first_revision"),
    )
    op.create_index(
        "change_geom_idx",
        "change",
        ["geom"],
        schema="layers",
        postgresql_using="brin",
        postgresql_with={"pages_per_range": 16, "autosummarize": True},
    )


def _make_revision() -> None:
    op.create_table(
        "revision",
        sa.Column("layer", sa.Text(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("cause", sa.Text(), nullable=False),
        sa.Column("feed", sa.Text(), comment="whose publish it was; null where it was of several"),
        sa.Column("run", sa.BigInteger()),
        sa.Column("undoes", sa.BigInteger(), comment="the run whose publish a roll-back took back"),
        sa.Column("reason", sa.Text(), comment="why a person wanted it"),
        sa.Column("by", sa.Text()),
        sa.Column(
            "fid",
            sa.BigInteger(),
            nullable=False,
            comment="the highest given out by then; later features have higher ones",
        ),
        sa.ForeignKeyConstraint(["layer"], ["citywide.layer.id"], name="revision_layer_fkey"),
        sa.PrimaryKeyConstraint("layer", "revision", name="revision_pkey"),
        schema="citywide",
        comment="each revision of each layer: when it came and what brought it",
    )
    op.create_index("revision_layer_at_idx", "revision", ["layer", "at"], unique=False, schema="citywide")
    op.create_index("revision_feed_idx", "revision", ["feed", "run"], unique=False, schema="citywide")
    names = set(sa.inspect(op.get_bind()).get_table_names(schema="layers")) - {"change"}
    for table in sorted(names):
        op.execute(FILL_REVISIONS.format(table=table, layer=table.replace("_", "-")))


def _make_match_pair() -> None:
    told = "features that are duplicates"
    duplicates = sa.Column("duplicates", sa.BigInteger(), server_default="0", nullable=False, comment=told)
    op.add_column("layer", duplicates, schema="citywide")
    op.create_table(
        "match_pair",
        sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("layer", sa.Text(), nullable=False),
        sa.Column("a", sa.Text(collation="C"), nullable=False, comment="feature id; a sorts before b"),
        sa.Column("b", sa.Text(collation="C"), nullable=False),
        sa.Column("score", sa.Double(), nullable=False, comment="0 to 1"),
        sa.Column("distance_m", sa.Double(), comment="between points; null for areas"),
        sa.Column("overlap", sa.Double(), comment="share of the smaller area that both cover; null for points"),
        sa.Column("evidence", sa.Text(), nullable=False),
        sa.Column("decision", sa.Text(), nullable=False, comment="same, different, or open until a person says"),
        sa.Column("by", sa.Text(), nullable=False, comment="automatic, or who decided"),
        sa.Column("reason", sa.Text()),
        sa.Column("at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column(
            "earlier", JSONB(), server_default="[]", nullable=False, comment="decisions before this, oldest first"
        ),
        sa.ForeignKeyConstraint(["layer"], ["citywide.layer.id"], name="match_pair_layer_fkey"),
        sa.PrimaryKeyConstraint("id", name="match_pair_pkey"),
        schema="citywide",
        comment="two councils' features that may be one thing; a decided pair is never asked about again",
    )
    op.create_index("match_pair_a_b_idx", "match_pair", ["layer", "a", "b"], unique=True, schema="citywide")
    op.create_index("match_pair_b_idx", "match_pair", ["b"], unique=False, schema="citywide")


def _make_redirect() -> None:
    op.create_table(
        "redirect",
        sa.Column("old_id", sa.Text(collation="C"), nullable=False),
        sa.Column(
            "new_id", sa.Text(collation="C"), comment="where the feature is now; null where it was withdrawn for good"
        ),
        sa.Column("layer", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["layer"], ["citywide.layer.id"], name="redirect_layer_fkey"),
        sa.PrimaryKeyConstraint("old_id", name="redirect_pkey"),
        schema="citywide",
        comment="addresses of features that merged or were withdrawn, kept for ever",
    )


def _make_confirmed_column() -> None:
    op.create_table(
        "confirmed_column",
        sa.Column("feed", sa.Text(), nullable=False),
        sa.Column("field", sa.Text(), nullable=False),
        sa.Column("columns", JSONB(), nullable=False, comment="the source columns by name, in order"),
        sa.Column("rule", JSONB(), nullable=False, comment="the field rule as a feed document states it"),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["feed"], ["citywide.feed.id"], name="confirmed_column_feed_fkey", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("feed", "field", name="confirmed_column_pkey"),
        schema="citywide",
        comment="which column is which field, once a person or a published run has settled it",
    )


def _make_rejection() -> None:
    op.create_table(
        "rejection",
        sa.Column("feed", sa.Text(), nullable=False),
        sa.Column("resource_sha256", sa.Text(), nullable=False),
        sa.Column("content_hash", sa.Text(), comment="of the same records in other bytes"),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["feed"], ["citywide.feed.id"], name="rejection_feed_fkey", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("feed", "resource_sha256", name="rejection_pkey"),
        schema="citywide",
        comment="bytes that were rolled back: they are held when they come again",
    )


def _make_rule() -> None:
    op.create_table(
        "rule",
        sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("layer", sa.Text(), nullable=False),
        sa.Column("council", sa.Text(), comment="of this council's feeds alone; null for all"),
        sa.Column("feed", sa.Text(), comment="of this feed alone; null for all"),
        sa.Column("field", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("pattern", sa.Text(), comment="the value it is for, without regard to case; null for any"),
        sa.Column("value", sa.Text(), comment="what is put in its place"),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("removed_at", sa.DateTime(timezone=True)),
        sa.ForeignKeyConstraint(["council"], ["citywide.council.gss"], name="rule_council_fkey"),
        sa.ForeignKeyConstraint(["feed"], ["citywide.feed.id"], name="rule_feed_fkey"),
        sa.ForeignKeyConstraint(["layer"], ["citywide.layer.id"], name="rule_layer_fkey"),
        sa.PrimaryKeyConstraint("id", name="rule_pkey"),
        schema="citywide",
        comment="what people decided about values: feed before council before layer",
    )


def _make_takedown() -> None:
    op.create_table(
        "takedown",
        sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("feed", sa.Text(), nullable=False),
        sa.Column("resource_sha256", sa.Text(), nullable=False),
        sa.Column(
            "content_hashes",
            JSONB(),
            nullable=False,
            comment="of its records, not taken in other bytes either",
        ),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("receipt", JSONB(), nullable=False, comment="what was purged, in counts; nothing of what it said"),
        sa.ForeignKeyConstraint(["feed"], ["citywide.feed.id"], name="takedown_feed_fkey"),
        sa.PrimaryKeyConstraint("id", name="takedown_pkey"),
        schema="citywide",
        comment="resources that were purged with all that came of them",
    )


def _make_task() -> None:
    op.create_table(
        "task",
        sa.Column("id", sa.Text(), nullable=False, comment="a digest of council, layer, feed, code and field"),
        sa.Column("council", sa.Text(), nullable=False),
        sa.Column("layer", sa.Text(), nullable=False),
        sa.Column("feed", sa.Text(), comment="null where there is none"),
        sa.Column("kind", sa.Text(), nullable=False, comment="issue, held, failed or not provided"),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("field", sa.Text()),
        sa.Column("count", sa.BigInteger(), nullable=False, comment="rows it stands for in the last run that saw it"),
        sa.Column("message", sa.Text(), comment="what the run said that was held or failed"),
        sa.Column("run", sa.BigInteger(), comment="that saw it last"),
        sa.Column("state", sa.Text(), nullable=False, comment="open, fixed or muted"),
        sa.Column("reason", sa.Text(), comment="why it is muted"),
        sa.Column("by", sa.Text(), comment="who muted it"),
        sa.Column("times", sa.BigInteger(), server_default="1", nullable=False, comment="how often it opened"),
        sa.Column("first_seen", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("open_since", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("last_seen", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("fixed_at", sa.DateTime(timezone=True)),
        sa.ForeignKeyConstraint(["council"], ["citywide.council.gss"], name="task_council_fkey"),
        sa.ForeignKeyConstraint(["feed"], ["citywide.feed.id"], name="task_feed_fkey", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["layer"], ["citywide.layer.id"], name="task_layer_fkey"),
        sa.ForeignKeyConstraint(["run"], ["citywide.run.id"], name="task_run_fkey", ondelete="SET NULL"),
        sa.PrimaryKeyConstraint("id", name="task_pkey"),
        schema="citywide",
        comment="issues of the same kind as one thing to do for a council",
    )
    op.create_index("task_council_idx", "task", ["council"], unique=False, schema="citywide")
    op.create_index("task_feed_idx", "task", ["feed"], unique=False, schema="citywide")


def _make_feed_figures() -> None:
    op.create_table(
        "feed_figures",
        sa.Column("feed", sa.Text(), nullable=False),
        sa.Column("layer", sa.Text(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False, comment="of the layer when they were counted"),
        sa.Column("features", sa.BigInteger(), nullable=False),
        sa.Column("filled", JSONB(), nullable=False, comment="features that have a value, by field"),
        sa.Column("coarse", sa.BigInteger(), nullable=False, comment="features whose place is only about right"),
        sa.Column("outside", sa.BigInteger(), nullable=False, comment="features well outside the council's boundary"),
        sa.Column("well_placed", sa.BigInteger(), nullable=False, comment="features that are neither"),
        sa.ForeignKeyConstraint(["feed"], ["citywide.feed.id"], name="feed_figures_feed_fkey", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["layer"], ["citywide.layer.id"], name="feed_figures_layer_fkey"),
        sa.PrimaryKeyConstraint("feed", name="feed_figures_pkey"),
        schema="citywide",
        comment="what quality is judged by, counted once for each publish of a feed",
    )
    op.create_index("feed_figures_layer_idx", "feed_figures", ["layer"], unique=False, schema="citywide")
