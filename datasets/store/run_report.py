"""One run told in full: its numbers, the mapping it used, and its issues by code with examples."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, Select, func, select, true

from datasets.store import tables
from datasets.store.catalogue import GOOD, CouncilName
from datasets.vocabulary import Action, Decider, Outcome, Reach, Responsibility, RunState, Severity

_SEVEREST_FIRST = tuple(Severity)


@dataclass(frozen=True)
class MappedField:
    """Where one field of the layer came from, how sure that is (0 to 1) and why."""

    field: str
    columns: tuple[str, ...]
    converter: str | None
    constant: str | None
    confidence: float | None
    evidence: str


@dataclass(frozen=True)
class MappedLocation:
    """Where the locations came from."""

    kind: str
    columns: tuple[str, ...]
    crs: int | None
    confidence: float | None
    evidence: str


@dataclass(frozen=True)
class MappingReport:
    """The mapping a run used. `stated` says that the feed states it; otherwise it was proposed."""

    fields: tuple[MappedField, ...]
    location: MappedLocation | None
    unmapped: tuple[str, ...]
    stated: bool


@dataclass(frozen=True)
class Bytes:
    """The exact bytes a run read."""

    sha256: str
    size: int
    name: str
    media_type: str | None


@dataclass(frozen=True)
class GoodRun:
    """An earlier run whose features are the ones that stayed up."""

    id: int
    ended_at: datetime


@dataclass(frozen=True)
class RunReport:
    """A run with everything its page says about it, its issues aside."""

    id: int
    feed: str
    feed_removed_at: datetime | None
    council: CouncilName
    layer: str
    state: RunState
    started_at: datetime
    ended_at: datetime | None
    outcome: Outcome | None
    code: str | None
    message: str | None
    resource: Bytes | None
    format: str | None
    encoding: str | None
    crs: str | None
    columns: tuple[str, ...]
    mapping: MappingReport | None
    rung: str | None
    rows_read: int | None
    features: int | None
    outside_boundary: float | None
    inserted: int | None
    updated: int | None
    ended: int | None
    missing: int | None
    restored: int | None
    revision: int | None
    reach: Reach | None
    decided_by: Decider | None
    declared: int | None
    complete: bool | None
    incomplete_because: str | None
    stage: str | None
    done: int | None
    total: int | None
    requests: int
    good_before: GoodRun | None

    @property
    def left_out(self) -> int | None:
        """Rows read that became no feature."""
        if self.rows_read is None or self.features is None:
            return None
        return self.rows_read - self.features


@dataclass(frozen=True)
class IssueExample:
    row_no: int | None
    field: str | None
    action: Action
    value: str | None
    message: str | None
    count: int


@dataclass(frozen=True)
class IssueSummary:
    """All issues of one code in one run. `dropped` of the `count` rows were left out."""

    code: str
    severity: Severity
    responsibility: Responsibility
    count: int
    dropped: int
    examples: tuple[IssueExample, ...]


def run_report(connection: Connection, run_id: int) -> RunReport | None:
    """The run with this number; None when there is none."""
    run, feed, council, resource = tables.run, tables.feed, tables.council, tables.resource
    joined = run.join(feed, run.c.feed == feed.c.id).join(council, feed.c.council == council.c.gss)
    joined = joined.outerjoin(resource, run.c.resource_sha256 == resource.c.sha256)
    of_feed = (feed.c.layer, feed.c.removed_at.label("feed_removed_at"))
    of_council = (council.c.gss, council.c.name.label("council_name"), council.c.slug.label("council_slug"))
    of_resource = (resource.c.bytes, resource.c.name.label("resource_name"), resource.c.media_type)
    requests = select(func.count()).where(tables.fetch.c.run == run.c.id).scalar_subquery().label("requests")
    statement = select(run, *of_feed, *of_council, *of_resource, requests).select_from(joined).where(run.c.id == run_id)
    row = connection.execute(statement).one_or_none()
    return None if row is None else _report(row, _good_run_before(connection, row.feed, run_id))


def mapping_of(connection: Connection, run_id: int) -> MappingReport | None:
    """The mapping a run used or proposed."""
    return read_mapping(connection.scalar(select(tables.run.c.mapping).where(tables.run.c.id == run_id)))


def read_mapping(stored: Mapping[str, Any] | None) -> MappingReport | None:
    """The mapping as a run stores it, as values."""
    if not stored:
        return None
    location = stored.get("location")
    return MappingReport(
        fields=tuple(
            MappedField(
                field=field["field"],
                columns=tuple(field.get("columns") or ()),
                converter=field.get("converter"),
                constant=field.get("constant"),
                confidence=field.get("confidence"),
                evidence=field.get("evidence") or "",
            )
            for field in stored.get("fields") or ()
        ),
        location=_location(location) if location else None,
        unmapped=tuple(stored.get("unmapped") or ()),
        stated=bool(stored.get("stated")),
    )


def issue_summaries(connection: Connection, run_id: int, examples: int) -> list[IssueSummary]:
    """The issues of a run by code, the severest and commonest first, each with its first `examples` by row."""
    issue = tables.issue
    group = (issue.c.code, issue.c.severity, issue.c.responsibility)
    dropped = func.sum(issue.c.count).filter(issue.c.action == Action.DROPPED.value)
    statement = select(*group, func.sum(issue.c.count).label("total"), func.coalesce(dropped, 0).label("dropped"))
    found = connection.execute(statement.where(issue.c.run == run_id).group_by(*group)).all()
    by_code = _examples(connection, run_id, examples)
    summaries = [
        IssueSummary(
            code=row.code,
            severity=Severity(row.severity),
            responsibility=Responsibility(row.responsibility),
            count=int(row.total),
            dropped=int(row.dropped),
            examples=tuple(by_code.get(row.code, ())),
        )
        for row in found
    ]
    return sorted(summaries, key=lambda each: (_SEVEREST_FIRST.index(each.severity), -each.count, each.code))


def every_issue(connection: Connection, run_id: int) -> Iterator[Row[Any]]:
    """All issues of a run in the order of its rows, those of the whole feed first; fetched a part at a time."""
    issue = tables.issue
    statement = _issues_of(run_id).order_by(issue.c.row_no.asc().nulls_first(), issue.c.code, issue.c.field)
    yield from connection.execution_options(yield_per=5_000).execute(statement)


def _report(row: Row[Any], good_before: GoodRun | None) -> RunReport:
    same = {name: getattr(row, name) for name in _SAME_IN_ROW}
    resource = None
    if row.resource_sha256 is not None:
        resource = Bytes(row.resource_sha256, row.bytes, row.resource_name, row.media_type)
    return RunReport(
        **same,
        council=CouncilName(row.gss, row.council_name, row.council_slug),
        state=RunState(row.state),
        outcome=None if row.outcome is None else Outcome(row.outcome),
        reach=None if row.reach is None else Reach(row.reach),
        decided_by=None if row.decided_by is None else Decider(row.decided_by),
        resource=resource,
        columns=tuple(row.columns or ()),
        mapping=read_mapping(row.mapping),
        good_before=good_before,
    )


_SAME_IN_ROW = (
    *("id", "feed", "feed_removed_at", "layer", "started_at", "ended_at", "code", "message", "format", "encoding"),
    *("crs", "rung", "rows_read", "features", "outside_boundary", "inserted", "updated", "ended", "missing"),
    *("restored", "revision", "declared", "complete", "incomplete_because", "stage", "done", "total", "requests"),
)


def _good_run_before(connection: Connection, feed: str, run_id: int) -> GoodRun | None:
    run = tables.run
    statement = select(run.c.id, run.c.ended_at).where(run.c.feed == feed, run.c.id < run_id, run.c.outcome.in_(GOOD))
    row = connection.execute(statement.order_by(run.c.id.desc()).limit(1)).one_or_none()
    return None if row is None else GoodRun(row.id, row.ended_at)


def _location(stored: Mapping[str, Any]) -> MappedLocation:
    return MappedLocation(
        kind=stored["kind"],
        columns=tuple(stored.get("columns") or ()),
        crs=stored.get("crs"),
        confidence=stored.get("confidence"),
        evidence=stored.get("evidence") or "",
    )


def _examples(connection: Connection, run_id: int, limit: int) -> dict[str, list[IssueExample]]:
    """The first issues of each code. One short sort for each code, where numbering all of them sorts the whole run."""
    codes = select(tables.issue.c.code.label("each")).where(tables.issue.c.run == run_id).distinct().subquery()
    first = _issues_of(run_id).where(tables.issue.c.code == codes.c.each)
    first = first.order_by(tables.issue.c.row_no.asc().nulls_first(), tables.issue.c.field).limit(limit)
    lateral = first.correlate(codes).lateral("first")
    found: dict[str, list[IssueExample]] = {}
    for row in connection.execute(select(lateral).select_from(codes.join(lateral, true()))):
        example = IssueExample(row.row_no, row.field, Action(row.action), row.value, row.message, row.rows)
        found.setdefault(row.code, []).append(example)
    return {code: sorted(examples, key=_place) for code, examples in found.items()}


def _place(example: IssueExample) -> tuple[int, str]:
    return (-1 if example.row_no is None else example.row_no, example.field or "")


def _issues_of(run_id: int) -> Select[Any]:
    """`count` is called `rows` here, because a row has a method of that name."""
    issue = tables.issue
    same = (issue.c.code, issue.c.severity, issue.c.responsibility, issue.c.action, issue.c.field, issue.c.row_no)
    statement = select(*same, issue.c.value, issue.c.message, issue.c.count.label("rows"))
    return statement.where(issue.c.run == run_id)
