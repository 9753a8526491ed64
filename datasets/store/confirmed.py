"""Which column is which field, once that is settled: by a person, or by a run that published what it read.

A person's word stands until a person changes it; a published run's is replaced by the next publish.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Engine, delete, func, or_, select
from sqlalchemy.dialects.postgresql import insert

from datasets.errors import CitywideError
from datasets.feed import FieldRule
from datasets.store.tables import confirmed_column as table
from datasets.store.tables import feed

PUBLISHED_RUN = "published run"
"""Who settled a column that nobody has looked at."""


@dataclass(frozen=True)
class Settled:
    """The rule that fills a field of a feed, and who settled it."""

    field: str
    rule: FieldRule
    by: str

    @property
    def by_person(self) -> bool:
        return self.by != PUBLISHED_RUN


@dataclass(frozen=True)
class SettledElsewhere:
    """A column that is surely a field of the same layer at another feed."""

    feed: str
    field: str
    column: str


def confirm(engine: Engine, feed_id: str, rules: Mapping[str, FieldRule], by: str) -> None:
    """Records that a person says so; what else was settled of the feed stays. CitywideError without a person's name."""
    if by == PUBLISHED_RUN or not by.strip():
        raise CitywideError("A confirmation needs the name of who confirms.")
    with engine.begin() as connection:
        for field, rule in rules.items():
            row = _row(rule) | {"by": by, "at": func.now()}
            statement = insert(table).values(feed=feed_id, field=field, **row)
            connection.execute(statement.on_conflict_do_update(index_elements=["feed", "field"], set_=row))


def settle(connection: Connection, feed_id: str, rules: Mapping[str, FieldRule]) -> None:
    """Records the mapping of what stands, in the transaction that makes it stand or records the run that did. A
    person's word is left alone, and nothing is written when nothing changed; a field that is no longer filled is
    forgotten."""
    gone = (table.c.feed == feed_id, table.c.by == PUBLISHED_RUN, table.c.field.not_in(list(rules)))
    connection.execute(delete(table).where(*gone))
    for field, rule in rules.items():
        _settle_one(connection, feed_id, field, rule)


def rules_in(mapping: Mapping[str, Any]) -> dict[str, FieldRule]:
    """The rules of a mapping document, by field, that read columns."""
    fields = [one for one in mapping["fields"] if one["columns"] and "rule" in one]
    return {one["field"]: FieldRule.model_validate(one["rule"]) for one in fields}


def withdraw(engine: Engine, feed_id: str, fields: list[str]) -> None:
    """Takes back what is settled of these fields, so that the next harvest proposes them anew."""
    with engine.begin() as connection:
        connection.execute(delete(table).where(table.c.feed == feed_id, table.c.field.in_(fields)))


def settled(engine: Engine, feed_id: str) -> dict[str, Settled]:
    """What is settled of a feed, by field."""
    query = select(table.c.field, table.c.rule, table.c.by).where(table.c.feed == feed_id).order_by(table.c.field)
    with engine.connect() as connection:
        rows = connection.execute(query)
        return {row.field: Settled(row.field, FieldRule.model_validate(row.rule), row.by) for row in rows}


def settled_elsewhere(engine: Engine, layer: str, feed_id: str) -> list[SettledElsewhere]:
    """The columns that alone fill a field at other feeds of the layer that are not removed."""
    query = (
        select(table.c.feed, table.c.field, table.c.columns)
        .join(feed, feed.c.id == table.c.feed)
        .where(feed.c.layer == layer, feed.c.id != feed_id, feed.c.removed_at.is_(None))
        .where(func.jsonb_array_length(table.c.columns) == 1)
        .order_by(table.c.feed, table.c.field)
    )
    with engine.connect() as connection:
        return [SettledElsewhere(row.feed, row.field, row.columns[0]) for row in connection.execute(query)]


def _settle_one(connection: Connection, feed_id: str, field: str, rule: FieldRule) -> None:
    row = _row(rule)
    statement = insert(table).values(feed=feed_id, field=field, by=PUBLISHED_RUN, **row)
    changed = or_(table.c.rule != statement.excluded.rule, table.c.columns != statement.excluded.columns)
    connection.execute(
        statement.on_conflict_do_update(
            index_elements=["feed", "field"],
            set_={**row, "at": func.now()},
            where=(table.c.by == PUBLISHED_RUN) & changed,
        )
    )


def _row(rule: FieldRule) -> dict[str, Any]:
    return {"columns": list(rule.sources), "rule": rule.model_dump(mode="json", exclude_defaults=True)}
