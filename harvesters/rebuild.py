"""Rebuilding a layer from the archive: every good run is replayed, oldest first, by the rules and the code as they are
now, on a ground of its own; what comes out is compared with what stands.

One resource is held at a time, so that a rebuild takes no more memory than a harvest.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from sqlalchemy import RowMapping

from datasets.errors import CitywideError, RunFailed, RunHeld, RunStopped
from datasets.feed import Feed
from datasets.layer import Layer, find_layer
from datasets.store import runs
from datasets.store.layer_tables import REHEARSAL
from datasets.store.publishing.publish import end_missing, publishing
from datasets.store.publishing.slices import Diff, Slice
from datasets.store.readings import Unkept
from datasets.store.runs import READING, EarlierRun
from datasets.store.versions.archived import Did, archived_runs, what_was_done
from datasets.store.versions.replay import (
    Comparison,
    apply_replay,
    compare_replay,
    replay_ground,
    replay_publish,
    retrace,
)
from datasets.store.versions.restore import Restorer
from datasets.store.versions.roll_back import undo
from datasets.store.versions.withdraw import end_all
from datasets.vocabulary import Cause, Reach
from harvesters.context import Context, Record, Tell, Tools
from harvesters.fetch import Fetched
from harvesters.fetching.archive import Archived
from harvesters.gate import Candidate
from harvesters.gates.approvals import Acceptance, may_be_accepted, quarantine, subject
from harvesters.harmonise import harmonise
from harvesters.personal.conceal import concealed
from harvesters.personal.scan import SUSPECTED
from harvesters.run import nothing_read, open_fetched, shut_gates


@dataclass(frozen=True)
class ShutGate:
    """A gate that stands before what a rebuild would publish: of which feed, for what which run read, and why. An
    approval of it holds for `subject`."""

    feed: str
    run: int
    code: str
    subject: str
    told: str

    def approval(self, accept: Acceptance) -> dict[str, Any]:
        """How it is recorded that a person opened the gate."""
        return {"feed": self.feed, "run": self.run, "gate": self.code, "resource_sha256": self.subject,
                "reason": accept.reason, "by": accept.by}  # fmt: skip


@dataclass(frozen=True)
class Rebuilt:
    """What a rebuild found. `problems` are runs that could not be replayed, each in a sentence; `shut` the gates that
    stand against publishing the difference; `diff` is what was published, None where nothing was asked or differed."""

    layer: Layer
    replayed: int
    comparison: Comparison
    problems: tuple[str, ...]
    shut: tuple[ShutGate, ...]
    diff: Diff | None = None

    @property
    def equal(self) -> bool:
        return not self.comparison.total


@dataclass
class _Replayed:
    """One feed so far: what its last run left, and what it would publish as gates look at it, with the run that read
    it whole."""

    feed: Feed
    last: EarlierRun | None = None
    candidate: tuple[RowMapping, Candidate] | None = None
    doubts: list[ShutGate] = field(default_factory=list)
    """Gates that what its runs read shuts, whatever came after: some of it may stand."""
    before: dict[int, EarlierRun | None] = field(default_factory=dict)
    """What stood as the last run when each began."""


@dataclass
class _Replay:
    """A rebuild as it goes."""

    layer: Layer
    tools: Tools
    feeds: dict[str, _Replayed] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    replayed: int = 0


def rebuild(
    layer_id: str, tools: Tools, tell: Tell, *, apply: bool = False, accept: Acceptance | None = None
) -> Rebuilt:
    """Replays the layer and says what differs. With `apply` the difference is published as one revision, unless runs
    could not be replayed or a gate is shut that `accept` does not open. CitywideError says why nothing is published."""
    layer = find_layer(layer_id)
    with replay_ground(tools.engine, layer):
        replay = _Replay(layer, tools)
        for number, run in enumerate(history := archived_runs(tools.engine, layer)):
            tell("replay", number, len(history))
            _step(replay, run)
        tell("compare", len(history), len(history))
        comparison = compare_replay(tools.engine, layer)
        rebuilt = Rebuilt(layer, replay.replayed, comparison, tuple(replay.problems), _shut(replay))
        if not apply or rebuilt.equal:
            return rebuilt
        _check_applicable(rebuilt, accept)
        reason = f"Rebuilt from the archive. {accept.reason if accept else ''}".strip()
        by = accept.by if accept else "operator"
        approvals = [gate.approval(accept) for gate in rebuilt.shut] if accept else []
        return replace(rebuilt, diff=apply_replay(tools.engine, layer, comparison.revision, reason, by, approvals))


def _check_applicable(rebuilt: Rebuilt, accept: Acceptance | None) -> None:
    if rebuilt.problems:
        raise CitywideError(f"Nothing is published, because not every run could be replayed: {rebuilt.problems[0]}")
    opened = accept.codes if accept else frozenset()
    left = [gate for gate in rebuilt.shut if gate.code not in opened or not may_be_accepted(gate.code)]
    if left:
        told = " ".join(f"{gate.feed}: {gate.told}" for gate in left)
        codes = " ".join(f"--accept {code}" for code in sorted({gate.code for gate in left}))
        how = f'Open them with {codes} --reason "why".' if all(may_be_accepted(gate.code) for gate in left) else (
            "Not all of them can be accepted; that has to be mended."
        )  # fmt: skip
        raise CitywideError(f"Nothing is published, because gates are shut: {told} {how}")


def _shut(replay: _Replay) -> tuple[ShutGate, ...]:
    """The gates that nobody has opened: of all that was read, and of what every feed would have now, beside its last
    publish. One that several runs shut for the same is told once."""
    found: dict[tuple[str, str, str], ShutGate] = {}
    for one in replay.feeds.values():
        gates = list(one.doubts)
        if one.candidate is not None:
            run, candidate = one.candidate
            gates += _gates(one.feed, run, candidate.declared, shut_gates(one.feed, candidate, replay.tools))
        found |= {(gate.feed, gate.code, gate.subject): gate for gate in gates}
    engine = replay.tools.engine
    return tuple(gate for gate in found.values() if not runs.is_accepted(engine, gate.feed, gate.code, gate.subject))


def _gates(feed: Feed, run: RowMapping, declared: str, shut: Iterable[RunHeld]) -> list[ShutGate]:
    sha256 = run["resource_sha256"]
    return [
        ShutGate(feed.id, run["id"], held.code, subject(feed, declared, held.code, sha256), concealed(str(held)))
        for held in shut
    ]


def _step(replay: _Replay, run: RowMapping) -> None:
    """Replays one run as what it was."""
    engine, layer = replay.tools.engine, replay.layer
    one = replay.feeds.setdefault(run["feed"], _Replayed(Feed.model_validate(run["document"])))
    one.before[run["id"]] = one.last
    did = what_was_done(run)
    if did is Did.NOTHING:
        return
    if did is Did.READ:
        _publish(replay, one, run)
    elif did is not Did.CONFIRMED:
        _take_back(replay, one, run, did)
    elif run["complete"]:
        end_missing(engine, layer, one.feed.id, run["id"], run["at"], REHEARSAL)
    replay.replayed += 1


def _take_back(replay: _Replay, one: _Replayed, run: RowMapping, did: Did) -> None:
    """Replays a run that made less of the feed without reading anything."""
    with publishing(replay.tools.engine, run["id"], REHEARSAL) as driver:
        cause = Cause(run["cause"] or Cause.HARVEST)
        restorer = Restorer(driver, replay.layer, run["id"], run["at"], cause, REHEARSAL)
        if did is Did.PURGED:
            retrace(restorer, one.feed.id, run["id"])
        elif did is Did.ROLLED_BACK:
            undo(restorer, one.feed.id, run["undoes"], "", "")
        else:
            end_all(restorer, one.feed.id, "", "")
    if did is not Did.PURGED:
        one.last = one.before.get(run["undoes"])
        one.doubts = [gate for gate in one.doubts if did is Did.ROLLED_BACK and gate.run != run["undoes"]]
    one.candidate = None


def _publish(replay: _Replay, one: _Replayed, run: RowMapping) -> None:
    """Harmonises what the run read and publishes it as of then."""
    record = Record()
    context = Context(one.feed, replay.tools, record, _tell_nobody, one.last, Unkept())
    in_full = run["reach"] != Reach.CHANGES.value
    try:
        opened = open_fetched(_fetched(replay.tools, run), context)
        one.doubts += _gates(one.feed, run, record.licence, quarantine(record.issues))
        harmonised = harmonise(opened, context)
    except RunStopped as stopped:
        if stopped.code != "E-EMPTY" or run["features"]:
            replay.problems.append(concealed(f"Run {run['id']} of feed {one.feed.id}: {stopped}"))
            return
        frame, shapes, complete = nothing_read(replay.layer), np.empty(0, dtype=object), bool(run["complete"])
        one.candidate = None
    else:
        batch, complete = harmonised.batch, harmonised.candidate.complete
        assert batch.geometry is not None
        frame, shapes = batch.frame, batch.geometry
        one.doubts += _gates(one.feed, run, record.licence, _doubted(harmonised.candidate, in_full=in_full))
        if in_full:
            one.last, one.candidate = _earlier(run, record), (run, harmonised.candidate)
    new = Slice(frame, shapes, one.feed.id, one.feed.council, run["resource_sha256"], run["id"], complete)
    replay_publish(replay.tools.engine, replay.layer, new, run["at"])


def _doubted(candidate: Candidate, *, in_full: bool) -> list[RunHeld]:
    """What a person must say of what a run read. Of a few changes alone nothing can be said but that people are in
    them."""
    return [RunHeld(code, message) for code, message in candidate.doubts if in_full or code == SUSPECTED]


def _fetched(tools: Tools, run: RowMapping) -> Fetched:
    """The run's resource as the fetch stage handed it on."""
    path = tools.archive.path(run["resource_sha256"])
    if not path.is_file():
        raise RunFailed("E-FAULT", f"{path.name} is not in the archive.")
    because = run["incomplete_because"]
    return Fetched(
        Archived(path, run["resource_sha256"], run["bytes"]),
        run["name"],
        run["media_type"],
        reach=Reach(run["reach"] or Reach.FULL),
        short=RunFailed("E-SHORT", because) if because else None,
    )


def _earlier(run: RowMapping, record: Record) -> EarlierRun:
    """What the replayed run leaves for the next one."""
    values = record.values
    return EarlierRun(
        id=run["id"],
        resource_sha256=run["resource_sha256"],
        rules_hash="",
        content_hash=values.get("content_hash"),
        reading={name: values.get(name) for name in READING},
        whole_features=values["features"],
        followed=False,
        watermark=run["watermark"],
        declared=run["declared"],
        in_full_at=run["at"],
        etag=None,
        last_modified=None,
    )


def _tell_nobody(stage: str, done: int, total: int | None) -> None:
    """The stages of one run among many."""
