"""What harmonising remembers: rules, settled columns, pairs, redirects, tasks, roll-backs, take-downs"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

CAUSE = "what brought the change about: harvest, roll-back, take-down, match, move or rebuild"


def upgrade() -> None:
    if sa.inspect(op.get_bind()).has_table("change", schema="layers"):
        cause = sa.Column("cause", sa.Text(), server_default="harvest", nullable=False, comment=CAUSE)
        op.add_column("change", cause, schema="layers")
    _make_match_pair()
    _make_redirect()
    _make_confirmed_column()
    _make_rejection()
    _make_rule()
    _make_takedown()
    _make_task()


def _make_match_pair() -> None:
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
        sa.Column("feed", sa.Text(), comment="null where the council has none"),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("field", sa.Text()),
        sa.Column("count", sa.BigInteger(), nullable=False, comment="issues of the last run"),
        sa.Column("run", sa.BigInteger(), comment="that saw it last"),
        sa.Column("state", sa.Text(), nullable=False, comment="open, fixed or muted"),
        sa.Column("reason", sa.Text(), comment="why it is muted"),
        sa.Column("open_since", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("last_seen", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("fixed_at", sa.DateTime(timezone=True)),
        sa.ForeignKeyConstraint(["council"], ["citywide.council.gss"], name="task_council_fkey"),
        sa.ForeignKeyConstraint(["feed"], ["citywide.feed.id"], name="task_feed_fkey", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["layer"], ["citywide.layer.id"], name="task_layer_fkey"),
        sa.ForeignKeyConstraint(["run"], ["citywide.run.id"], name="task_run_fkey"),
        sa.PrimaryKeyConstraint("id", name="task_pkey"),
        schema="citywide",
        comment="issues of the same kind as one thing to do for a council",
    )
    op.create_index("task_council_idx", "task", ["council"], unique=False, schema="citywide")
