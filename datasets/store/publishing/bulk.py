"""Filling an empty table with many rows at once."""

from psycopg import sql

from datasets.store.publishing.rows import Cursor


def clear(cursor: Cursor, table: sql.Composable) -> list[sql.SQL]:
    """Drops all indexes of an empty table but the primary key's and gives the statements that make them again: building
    an index over many rows is several times faster than growing it, and nobody reads an empty table. Rows put into a
    table that was truncated in the same transaction need no log where the server keeps the least."""
    cursor.execute(sql.SQL("TRUNCATE {}").format(table))
    cursor.execute(
        """
        SELECT indexrelid::regclass::text, pg_get_indexdef(indexrelid) FROM pg_index
        WHERE indrelid = %s::regclass AND NOT indisprimary
        """,
        [table.as_string(cursor)],
    )
    found = cursor.fetchall()
    for name, _ in found:
        cursor.execute(sql.SQL("DROP INDEX {}").format(sql.SQL(str(name))))
    return [sql.SQL(str(definition)) for _, definition in found]
