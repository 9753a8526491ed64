"""Where the addresses of features lead that merged into others or were withdrawn: kept for ever, one step each, never
in a circle."""

from collections.abc import Mapping

import polars as pl
from psycopg import sql

from datasets.layer import Layer
from datasets.store.layer_tables import SCHEMA as FEATURES
from datasets.store.publishing.rows import Cursor
from datasets.store.tables import SCHEMA


def keep_redirects(cursor: Cursor, layer: str, found: Mapping[str, str], reason: str, by: str) -> None:
    """From now on each old id of `found` leads to its new one, and so does whatever led to the old one. What an id
    leads to stands: an older redirect away from it is forgotten, so that none ever comes back to where it began."""
    ends = {old: _end(old, found) for old in found}
    table = {"table": sql.Identifier(SCHEMA, "redirect")}
    values = {"old": list(ends), "new": list(ends.values()), "layer": layer, "reason": reason, "by": by}
    cursor.execute(sql.SQL("DELETE FROM {table} WHERE old_id = ANY (%(new)s::text[])").format(**table), values)
    pairs = "unnest(%(old)s::text[], %(new)s::text[]) AS p (old_id, new_id)"
    cursor.execute(
        sql.SQL(f"UPDATE {{table}} r SET new_id = p.new_id FROM {pairs} WHERE r.new_id = p.old_id").format(**table),  # noqa: S608
        values,
    )
    cursor.execute(
        sql.SQL(
            f"""
            INSERT INTO {{table}} (old_id, new_id, layer, reason, by)
            SELECT p.old_id, p.new_id, %(layer)s, %(reason)s, %(by)s FROM {pairs}
            ON CONFLICT (old_id) DO UPDATE SET new_id = excluded.new_id, reason = excluded.reason, by = excluded.by,
                                               at = now()
            """  # noqa: S608
        ).format(**table),
        values,
    )


def redirect_merged(cursor: Cursor, layer: Layer, merged: pl.DataFrame, by: str) -> None:
    """The address of each feature `fid`, which is about to end, leads to the feature `into` that it became one with."""
    if merged.is_empty():
        return
    query = """
        SELECT o.feature_id, n.feature_id FROM unnest(%s::bigint[], %s::bigint[]) AS p (fid, into_fid)
        JOIN {table} o ON o.fid = p.fid JOIN {table} n ON n.fid = p.into_fid
        """
    table = sql.Identifier(FEATURES, layer.table)
    cursor.execute(sql.SQL(query).format(table=table), [merged["fid"].to_list(), merged["into"].to_list()])
    found = {str(old): str(new) for old, new in cursor.fetchall()}
    keep_redirects(cursor, layer.id, found, "It became one with another.", by)


def forget_redirects(cursor: Cursor, ids: list[str]) -> None:
    """The features with these ids stand again: their addresses lead to themselves."""
    table = sql.Identifier(SCHEMA, "redirect")
    cursor.execute(sql.SQL("DELETE FROM {} WHERE old_id = ANY (%s::text[])").format(table), [ids])


def _end(old: str, found: Mapping[str, str]) -> str:
    """The last id of the chain that begins at `old`."""
    seen = {old}
    new = found[old]
    while new in found:
        if new in seen:
            raise ValueError(f"{old} would lead back to itself")
        seen.add(new)
        new = found[new]
    return new
