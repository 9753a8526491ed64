"""What each council has to mend: the issues of runs, collapsed to one task for each kind, with the day it opened.

A task is written down in the transaction that ends the run. Only what the publisher can mend, and only from a warning
upwards, is one. That a council provides nothing where it is expected to is worked out when it is asked for.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import polars as pl
from sqlalchemy import ColumnElement, Connection, Engine, Row, case, delete, func, literal, select, update
from sqlalchemy.dialects.postgresql import insert

from datasets.errors import CitywideError
from datasets.expected import expected_layers
from datasets.issues import issue_codes
from datasets.store import tables
from datasets.vocabulary import (
    Decider,
    Duty,
    Outcome,
    Reach,
    Responsibility,
    RunState,
    Severity,
    TaskKind,
    TaskState,
)

SEVERITIES = (Severity.CRITICAL, Severity.ERROR, Severity.WARNING)
"""Issues less severe than these ask nothing of a council."""
FAILURES, FAILING_FOR = 3, timedelta(hours=24)
"""So many failures one after the other, over at least so long, are a task; a server may be down for a night."""
NOT_PROVIDED = "not provided"
_RUNS_LOOKED_AT = 200


@dataclass(frozen=True)
class Task:
    """One thing to do for a council. `feed` is None where the council has none for the layer; `message` is what a held
    or failed run said; `times` counts how often it opened; `open_since` is None where nobody knows since when."""

    id: str
    council: str
    layer: str
    feed: str | None
    kind: TaskKind
    code: str
    field: str | None
    count: int
    message: str | None
    run: int | None
    state: TaskState
    reason: str | None
    times: int
    first_seen: datetime | None
    open_since: datetime | None
    last_seen: datetime | None

    @property
    def severity(self) -> Severity:
        known = issue_codes().get(self.code)
        return known.severity if known is not None else Severity.WARNING

    @property
    def title(self) -> str:
        known = issue_codes().get(self.code)
        return known.title if known is not None else self.code

    @property
    def fix(self) -> str:
        known = issue_codes().get(self.code)
        return known.fix if known is not None else ""


def task_id(council: str, layer: str, feed: str | None, code: str, field: str | None) -> str:
    """The id that a task keeps for ever: twelve hexadecimal digits."""
    parts = (council, layer, feed or "", code, field or "")
    return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()[:12]


def note_run(connection: Connection, run_id: int, issues: pl.DataFrame) -> None:
    """Opens, keeps and fixes the tasks of the run's feed by how the run ended; for the transaction that ends it.

    A held run is a task at once, failing runs after FAILURES of them over FAILING_FOR; a good run fixes both. Tasks
    from issues follow the runs that read all rows: what such a run no longer has is fixed if it read the feed to its
    end. A run that found nothing changed says nothing new of the rows.
    """
    run, feed = tables.run, tables.feed
    columns = (run, feed.c.council, feed.c.layer)
    ended = connection.execute(select(*columns).join(feed, feed.c.id == run.c.feed).where(run.c.id == run_id)).one()
    if ended.outcome == Outcome.HELD.value:
        _stopped(connection, ended, TaskKind.HELD, ended.ended_at)
    elif ended.outcome == Outcome.FAILED.value:
        since = _failing_since(connection, ended)
        if since is not None:
            _stopped(connection, ended, TaskKind.FAILED, since)
    else:
        _fix(connection, ended, tables.task.c.kind.in_([TaskKind.HELD.value, TaskKind.FAILED.value]))
        if ended.decided_by == Decider.ROWS.value:
            _collapse(connection, ended, issues)


def open_tasks(
    connection: Connection, *, council: str | None = None, layer: str | None = None, muted: bool = False
) -> list[Task]:
    """The open tasks, severest and oldest first, with what is expected of councils and not provided; narrowed to a
    council (GSS code) or layer where given; with `muted` those that are muted too."""
    states = [TaskState.OPEN.value, *([TaskState.MUTED.value] if muted else [])]
    wanted = {"council": council, "layer": layer}
    conditions = [tables.task.c[name] == value for name, value in wanted.items() if value is not None]
    of_feeds = select(tables.task).where(tables.task.c.state.in_(states), _of_live_feeds(), *conditions)
    tasks = [_task(row) for row in connection.execute(of_feeds)]
    missing = [task for task in _not_provided(connection, conditions) if task.state.value in states]
    narrowed = [task for task in missing if council in (None, task.council) and layer in (None, task.layer)]
    return sorted([*tasks, *narrowed], key=_urgency)


def open_by_feed(connection: Connection) -> dict[str, dict[Severity, int]]:
    """How many tasks of each feed are open, by severity."""
    task = tables.task
    counted = select(task.c.feed, task.c.code, func.count().label("tasks")).where(
        task.c.state == TaskState.OPEN.value, _of_live_feeds()
    )
    found: dict[str, dict[Severity, int]] = {}
    for row in connection.execute(counted.group_by(task.c.feed, task.c.code)):
        known = issue_codes().get(row.code)
        severity = known.severity if known is not None else Severity.WARNING
        of_feed = found.setdefault(row.feed, {})
        of_feed[severity] = of_feed.get(severity, 0) + row.tasks
    return found


def mute(engine: Engine, task: str, reason: str, by: str) -> Task:
    """Mutes an open task for as long as its cause lasts, and keeps why. CitywideError when there is no such task."""
    with engine.begin() as connection:
        known = next((each for each in open_tasks(connection, muted=True) if each.id == task), None)
        if known is None:
            raise CitywideError(f"There is no open task {task!r}; `citywide tasks` lists those that are open.")
        values = {"state": TaskState.MUTED.value, "reason": reason, "by": by}
        row: dict[str, Any] = {name: getattr(known, name) for name in ("council", "layer", "feed", "code", "field")}
        row |= {"id": task, "kind": known.kind.value, "count": known.count}
        statement = insert(tables.task).values(**row, **values)
        connection.execute(statement.on_conflict_do_update(index_elements=["id"], set_=values))
    return known


def unmute(engine: Engine, task: str) -> Task:
    """Opens a muted task again. CitywideError when none of this id is muted."""
    with engine.begin() as connection:
        known = next((each for each in open_tasks(connection, muted=True) if each.id == task and each.reason), None)
        if known is None:
            raise CitywideError(f"There is no muted task {task!r}; `citywide tasks --muted` lists them.")
        if known.kind is TaskKind.NOT_PROVIDED:
            connection.execute(delete(tables.task).where(tables.task.c.id == task))
        else:
            values = {"state": TaskState.OPEN.value, "reason": None, "by": None}
            connection.execute(update(tables.task).where(tables.task.c.id == task).values(**values))
    return known


def _stopped(connection: Connection, ended: Row[Any], kind: TaskKind, since: datetime) -> None:
    """One task for the stopped feed; another code of the same kind no longer counts."""
    if not _asks_publisher(ended.code):
        return
    own = task_id(ended.council, ended.layer, ended.feed, ended.code, None)
    _fix(connection, ended, (tables.task.c.kind == kind.value) & (tables.task.c.id != own))
    seen = [{"code": ended.code, "field": None, "count": 1, "message": ended.message}]
    _see(connection, ended, kind, seen, since)


def _failing_since(connection: Connection, ended: Row[Any]) -> datetime | None:
    """When the first of the failures in a row was; None while they are too few or too close to be a task. Runs that
    broke on our side neither count nor interrupt."""
    run = tables.run
    before = select(run.c.outcome, run.c.code, run.c.ended_at).where(
        run.c.feed == ended.feed, run.c.state == RunState.ENDED.value, run.c.id <= ended.id
    )
    failures: list[datetime] = []
    for row in connection.execute(before.order_by(run.c.id.desc()).limit(_RUNS_LOOKED_AT)):
        if row.outcome != Outcome.FAILED.value:
            break
        if _asks_publisher(row.code):
            failures.append(row.ended_at)
    if len(failures) < FAILURES or failures[0] - failures[-1] < FAILING_FOR:
        return None
    return failures[-1]


def _asks_publisher(code: str | None) -> bool:
    known = issue_codes().get(code or "")
    return known is not None and known.responsibility is Responsibility.PUBLISHER


def _collapse(connection: Connection, ended: Row[Any], issues: pl.DataFrame) -> None:
    asking = issues.filter(
        pl.col("severity").is_in([severity.value for severity in SEVERITIES])
        & (pl.col("responsibility") == Responsibility.PUBLISHER.value)
    )
    seen = asking.group_by("code", "field").agg(pl.sum("count")).sort("code", "field").to_dicts()
    if ended.reach != Reach.CHANGES.value and ended.complete:
        still = [task_id(ended.council, ended.layer, ended.feed, each["code"], each["field"]) for each in seen]
        _fix(connection, ended, (tables.task.c.kind == TaskKind.ISSUE.value) & tables.task.c.id.not_in(still))
    _see(connection, ended, TaskKind.ISSUE, seen, ended.ended_at)


def _fix(connection: Connection, ended: Row[Any], which: ColumnElement[bool]) -> None:
    task = tables.task
    fixed = {"state": TaskState.FIXED.value, "fixed_at": ended.ended_at, "reason": None, "by": None}
    unfixed = task.c.state != TaskState.FIXED.value
    connection.execute(update(task).where(task.c.feed == ended.feed, unfixed, which).values(**fixed))


def _see(
    connection: Connection, ended: Row[Any], kind: TaskKind, seen: Sequence[Mapping[str, Any]], since: datetime
) -> None:
    """Opens tasks or keeps them as they are; one that was fixed opens again from `since`, once more than before. A read
    of the changes alone sees only some of the rows, so it never lowers a count."""
    if not seen:
        return
    stamps = {"council": ended.council, "layer": ended.layer, "feed": ended.feed, "kind": kind.value, "run": ended.id}
    stamps |= {"state": TaskState.OPEN.value, "first_seen": since, "open_since": since, "last_seen": ended.ended_at}
    rows = [
        {
            "id": task_id(ended.council, ended.layer, ended.feed, each["code"], each["field"]),
            "message": None,
            **stamps,
            **each,
        }
        for each in seen
    ]
    task, statement = tables.task, insert(tables.task).values(rows)
    new, again = statement.excluded, task.c.state == TaskState.FIXED.value
    most = func.greatest(task.c.count, new["count"]) if ended.reach == Reach.CHANGES.value else new["count"]
    updated = {
        "count": case((again, new["count"]), else_=most),
        "message": new.message,
        "kind": new.kind,
        "run": new.run,
        "last_seen": new.last_seen,
        "state": case((again, literal(TaskState.OPEN.value)), else_=task.c.state),
        "open_since": case((again, new.open_since), else_=task.c.open_since),
        "times": case((again, task.c.times + 1), else_=task.c.times),
        "fixed_at": None,
    }
    connection.execute(statement.on_conflict_do_update(index_elements=["id"], set_=updated))


def _of_live_feeds() -> ColumnElement[bool]:
    """Whether a task is of a feed that is still harvested; one that was removed asks nothing of anybody."""
    return tables.task.c.feed.in_(select(tables.feed.c.id).where(tables.feed.c.removed_at.is_(None)))


def _not_provided(connection: Connection, conditions: Iterable[ColumnElement[bool]]) -> list[Task]:
    """A task for each layer that a council must or should provide and has no feed for."""
    feed, task = tables.feed, tables.task
    live = select(feed.c.council, feed.c.layer).where(feed.c.removed_at.is_(None))
    provided = {tuple(row) for row in connection.execute(live)}
    kept = select(task).where(task.c.kind == NOT_PROVIDED, *conditions)
    muted = {row.id: row.reason for row in connection.execute(kept) if row.state == TaskState.MUTED.value}
    known = set(connection.execute(select(tables.layer.c.id)).scalars())
    tasks = []
    for council in connection.execute(select(tables.council.c.gss)).scalars():
        for layer, expected in expected_layers().items():
            asked = expected.reason is not Duty.ENCOURAGED and expected.holds_for(council)
            if asked and layer in known and (council, layer) not in provided:
                own = task_id(council, layer, None, NOT_PROVIDED, None)
                tasks.append(_missing_task(own, council, layer, expected.because, muted))
    return tasks


def _missing_task(own: str, council: str, layer: str, because: str, muted: Mapping[str, str | None]) -> Task:
    return Task(
        id=own,
        council=council,
        layer=layer,
        feed=None,
        kind=TaskKind.NOT_PROVIDED,
        code=NOT_PROVIDED,
        field=None,
        count=1,
        message=because,
        run=None,
        state=TaskState.MUTED if own in muted else TaskState.OPEN,
        reason=muted.get(own),
        times=1,
        first_seen=None,
        open_since=None,
        last_seen=None,
    )


def _task(row: Row[Any]) -> Task:
    named = row._mapping
    given = {name: named[name] for name in Task.__dataclass_fields__ if name not in ("kind", "state")}
    return Task(**given, kind=TaskKind(row.kind), state=TaskState(row.state))


def _urgency(task: Task) -> tuple[int, bool, float, str, str, str]:
    since = task.open_since.timestamp() if task.open_since else 0.0
    return tuple(Severity).index(task.severity), task.open_since is None, since, task.council, task.layer, task.id
