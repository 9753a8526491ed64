"""Reads that survive their program: pages, leases, what each host allows; when each feed is due; the queue"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from datasets.store.queue import make_queue_tables

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

RUN = (
    sa.Column("incomplete_because", sa.Text()),
    sa.Column("reach", sa.Text(), comment="full, or only the changes since the run before"),
    sa.Column("decided_by", sa.Text(), comment="the rung of the change ladder that told whether anything changed"),
    sa.Column("watermark", sa.Text(), comment="the platform's own stamp when the read began"),
    sa.Column("declared", sa.BigInteger(), comment="rows that the platform said it has"),
    sa.Column("content_hash", sa.Text(), comment="of the records, whatever their order and the server's stamps"),
    sa.Column("stage", sa.Text()),
    sa.Column("done", sa.BigInteger(), comment="how much of the stage is done, of `total`"),
    sa.Column("total", sa.BigInteger()),
    sa.Column("worker", sa.Text(), comment="the program that has the lease"),
    sa.Column("lease_until", sa.DateTime(timezone=True)),
)
FETCH = (
    sa.Column("page_no", sa.Integer()),
    sa.Column("rows", sa.BigInteger()),
    sa.Column("first_key", sa.Text()),
    sa.Column("last_key", sa.Text()),
)
FEED = (sa.Column("due_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),)


def upgrade() -> None:
    for table, columns in (("run", RUN), ("fetch", FETCH), ("feed", FEED)):
        for column in columns:
            op.add_column(table, column, schema="citywide")
    op.create_index(
        "run_lease_idx", "run", ["lease_until"], schema="citywide", postgresql_where=sa.text("state = 'running'")
    )
    op.create_table(
        "reading",
        sa.Column("feed", sa.Text(), nullable=False),
        sa.Column("dataset", JSONB(), nullable=False, comment="as the platform described it when the read began"),
        sa.Column("since", sa.Text(), comment="the watermark that a read of changes starts from"),
        sa.Column("file", sa.Text(), nullable=False, comment="name of the unfinished file in the archive"),
        sa.Column("pages", sa.Integer(), nullable=False),
        sa.Column("rows", sa.BigInteger(), nullable=False),
        sa.Column("bytes", sa.BigInteger(), nullable=False, comment="length of the file up to the last whole page"),
        sa.Column("cursor", JSONB(), comment="where the next page begins; null after the last"),
        sa.Column("size", sa.Integer(), nullable=False, comment="rows asked for on a page"),
        sa.Column("ended", sa.Text(), server_default="", nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("feed", name="reading_pkey"),
        sa.ForeignKeyConstraint(["feed"], ["citywide.feed.id"], name="reading_feed_fkey", ondelete="CASCADE"),
        schema="citywide",
        comment="reads page by page that are not finished, one for a feed",
    )
    op.create_table(
        "host",
        sa.Column("host", sa.Text(), nullable=False),
        sa.Column("next_at", sa.DateTime(timezone=True)),
        sa.Column("cool_until", sa.DateTime(timezone=True)),
        sa.Column("reason", sa.Text(), comment="why we leave it alone until then"),
        sa.PrimaryKeyConstraint("host", name="host_pkey"),
        schema="citywide",
        comment="when each host may be asked next, for all workers together",
    )
    make_queue_tables(op.get_bind())
