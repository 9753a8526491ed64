"""Rules in the database, and all the rules that are for a feed: its own before its council's before its layer's."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, Engine, func, insert, select, update

from datasets.errors import CitywideError, RegisterError
from datasets.feed import Feed
from datasets.layer import find_layer
from datasets.rule import Rule, fault_of
from datasets.store.feeds import read_feed
from datasets.store.tables import council as councils
from datasets.store.tables import rule as table


@dataclass(frozen=True)
class Scope:
    """What a rule is for: a layer, or in it one council's feeds, or one feed."""

    layer: str
    council: str | None = None
    feed: str | None = None

    @property
    def rank(self) -> int:
        """0 for a feed, 1 for a council, 2 for a layer: the lower one counts."""
        return 0 if self.feed else 1 if self.council else 2


@dataclass(frozen=True)
class StoredRule:
    """A rule with its number and scope."""

    id: int
    scope: Scope
    rule: Rule
    at: datetime


@dataclass(frozen=True)
class NamedRule:
    """A rule that is for a feed, by the name that issues call it: `rule 12`, or where its document states it."""

    name: str
    rule: Rule


def add_rule(engine: Engine, rule: Rule, scope: Scope) -> int:
    """The number of the new rule. RegisterError when it does not fit its layer; CitywideError when another of the same
    scope is for the same value, or there is no such council or feed."""
    scope = _checked(engine, scope)
    if fault := fault_of(rule, scope.layer, find_layer(scope.layer).fields):
        raise RegisterError(f"rule: {fault}.")
    with engine.begin() as connection:
        if scope.council and connection.scalar(select(councils.c.gss).where(councils.c.gss == scope.council)) is None:
            raise CitywideError(f"{scope.council} is not a council of this city.")
        _refuse_twins(connection, rule, scope)
        return int(connection.execute(
            insert(table)
            .values(
                layer=scope.layer, council=scope.council, feed=scope.feed, field=rule.field, action=rule.action.value,
                pattern=rule.pattern, value=rule.value, reason=rule.reason, by=rule.by,
            )
            .returning(table.c.id)
        ).scalar_one())  # fmt: skip


def remove_rule(engine: Engine, rule_id: int) -> StoredRule:
    """Takes the rule out of use; it stays in the table with the time. CitywideError when there is none."""
    with engine.begin() as connection:
        found = _select(connection, table.c.id == rule_id)
        if not found:
            raise CitywideError(f"There is no rule {rule_id}; list them with `citywide rules list`.")
        connection.execute(update(table).where(table.c.id == rule_id).values(removed_at=func.now()))
    return found[0]


def list_rules(
    engine: Engine, *, layer: str | None = None, council: str | None = None, feed: str | None = None
) -> list[StoredRule]:
    """The rules in use, of a layer, council or feed where one is given, the most particular first."""
    wanted = ((table.c.layer, layer), (table.c.council, council), (table.c.feed, feed))
    with engine.connect() as connection:
        return _select(connection, *(column == value for column, value in wanted if value))


def rules_for(engine: Engine, feed: Feed) -> list[NamedRule]:
    """All rules for the feed's values, the one that counts first: feed, council, layer; in each what people added
    before what the document states. RegisterError when one does not fit the layer as it is defined now."""
    layer = find_layer(feed.layer)
    own = (table.c.feed == feed.id) | table.c.feed.is_(None)
    of_council = (table.c.council == feed.council) | table.c.council.is_(None)
    with engine.connect() as connection:
        stored = _select(connection, table.c.layer == feed.layer, own, of_council)
    for each in stored:
        if fault := fault_of(each.rule, layer.id, layer.fields):
            raise RegisterError(f"rule {each.id}: {fault}. Remove it with `citywide rules remove {each.id}`.")
    ranked = [(each.scope.rank, 0, NamedRule(f"rule {each.id}", each.rule)) for each in stored]
    ranked += [(0, 1, NamedRule(f"rule {n} of the feed's document", rule)) for n, rule in enumerate(feed.rule, 1)]
    ranked += [(2, 1, NamedRule(f"rule {n} of the layer", rule)) for n, rule in enumerate(layer.rule, 1)]
    return [named for _, _, named in sorted(ranked, key=lambda each: each[:2])]


def rules_digest(rules: Sequence[NamedRule]) -> str:
    """Changes whenever what the rules do does; not with who made them or why."""
    parts = [each.rule.model_dump_json(exclude={"reason", "by"}) for each in rules]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def _checked(engine: Engine, scope: Scope) -> Scope:
    """The scope with the feed's own layer; a feed's rule needs no council."""
    if scope.feed is None:
        find_layer(scope.layer)
        return scope
    feed = read_feed(engine, scope.feed)
    if (scope.layer and scope.layer != feed.layer) or (scope.council and scope.council != feed.council):
        raise CitywideError(f"Feed {feed.id!r} is of council {feed.council} and layer {feed.layer}.")
    return Scope(feed.layer, None, feed.id)


def _refuse_twins(connection: Connection, rule: Rule, scope: Scope) -> None:
    same = (
        table.c.layer == scope.layer,
        table.c.council.is_not_distinct_from(scope.council),
        table.c.feed.is_not_distinct_from(scope.feed),
        table.c.field == rule.field,
    )
    for other in _select(connection, *same):
        if other.rule.folded == rule.folded and (rule.pattern is not None or other.rule.action is rule.action):
            raise CitywideError(
                f"Rule {other.id} is for the same value; remove it first with `citywide rules remove {other.id}`."
            )


def _select(connection: Connection, *where: ColumnElement[bool]) -> list[StoredRule]:
    rows = connection.execute(select(table).where(table.c.removed_at.is_(None), *where).order_by(table.c.id))
    found = [
        StoredRule(
            row.id,
            Scope(row.layer, row.council, row.feed),
            Rule(
                field=row.field, action=row.action, pattern=row.pattern, value=row.value, reason=row.reason, by=row.by
            ),
            row.at,
        )
        for row in rows
    ]
    return sorted(found, key=lambda each: (each.scope.layer, each.scope.rank, each.id))
