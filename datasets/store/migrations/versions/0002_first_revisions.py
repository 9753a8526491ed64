"""Features bear the revision they came in

`layers.change` no longer says it a second time, and ids are compared byte by byte. A feature's first revision is that
of its last insert, or of its restore after it had ended (a restore without a `before`); where neither is known, its
revision as it stands.
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

CAME = """
    CREATE TEMPORARY TABLE came ON COMMIT DROP AS
    SELECT layer, feature_id, revision FROM layers.change WHERE op = 'insert' OR (op = 'restore' AND before IS NULL)
"""
FILL_CHANGES = """
    UPDATE layers.change AS c SET before = c.before || jsonb_build_object('first_revision', coalesce(
        (SELECT max(n.revision) FROM came n
         WHERE n.layer = c.layer AND n.feature_id = c.feature_id AND n.revision <= c.revision),
        (c.before ->> 'revision')::bigint))
    WHERE c.before IS NOT NULL
"""
FILL_FEATURES = """
    UPDATE layers.{table} AS t SET first_revision = coalesce(
        (SELECT max(n.revision) FROM came n WHERE n.layer = '{layer}' AND n.feature_id = t.feature_id), t.revision)
"""
COMPARE_BYTES = """ALTER TABLE layers.{table} ALTER COLUMN feature_id TYPE text COLLATE "C" """


def upgrade() -> None:
    names = set(sa.inspect(op.get_bind()).get_table_names(schema="layers"))
    if "change" not in names:
        return
    op.execute(CAME)
    op.execute("CREATE INDEX ON came (feature_id)")
    op.execute("ANALYZE came")
    op.execute(FILL_CHANGES)
    for table in sorted(names - {"change"}):
        comment = "in which it came, or came back after it ended"
        op.add_column(table, sa.Column("first_revision", sa.BigInteger(), comment=comment), schema="layers")
        op.execute(FILL_FEATURES.format(table=table, layer=table.replace("_", "-")))
        op.alter_column(table, "first_revision", nullable=False, schema="layers")
        op.execute(COMPARE_BYTES.format(table=table))
        op.create_index(
            f"{table}_first_revision_idx", table, ["first_revision"], schema="layers", postgresql_using="brin"
        )
    op.execute("DELETE FROM layers.change WHERE op = 'insert'")
    op.execute(COMPARE_BYTES.format(table="change"))
