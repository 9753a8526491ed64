"""Rebuilding a layer from the archive: every good run is replayed, oldest first, by the rules and the code as they are
now, on a ground of its own; what comes out is compared with what stands.

One resource is held at a time, so that a rebuild takes no more memory than a harvest.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import numpy as np
from sqlalchemy import RowMapping

from datasets.errors import CitywideError, RunFailed, RunHeld, RunStopped
from datasets.feed import Feed
from datasets.layer import Layer, find_layer
from datasets.store.layer_tables import REHEARSAL
from datasets.store.publishing.publish import end_missing, publishing
from datasets.store.publishing.slices import Diff, Slice
from datasets.store.readings import Unkept
from datasets.store.runs import READING, EarlierRun
from datasets.store.versions.replay import (
    Comparison,
    apply_replay,
    archived_runs,
    compare_replay,
    replay_ground,
    replay_publish,
)
from datasets.store.versions.restore import Restorer
from datasets.store.versions.roll_back import NO_RULES, end_all, undo
from datasets.vocabulary import Cause, Decider, Reach
from harvesters.context import Context, Record, Tell, Tools
from harvesters.fetch import Fetched
from harvesters.fetching.archive import Archived
from harvesters.gate import Candidate
from harvesters.harmonise import harmonise
from harvesters.run import nothing_read, open_fetched, shut_gates

_STAMPED = (Decider.WATERMARK.value, Decider.CONDITIONAL.value)
_SAME = (Decider.BYTES.value, Decider.CONTENT.value)


@dataclass(frozen=True)
class Rebuilt:
    """What a rebuild found. `problems` are runs that could not be replayed, each in a sentence; `shut` the gates that
    stand against publishing the difference; `diff` is what was published, None where nothing was asked or differed."""

    layer: Layer
    replayed: int
    comparison: Comparison
    problems: tuple[str, ...]
    shut: tuple[RunHeld, ...]
    diff: Diff | None = None

    @property
    def equal(self) -> bool:
        return not self.comparison.total


@dataclass
class _Replayed:
    """One feed so far: what its last run left, and what it would publish as gates look at it."""

    feed: Feed
    last: EarlierRun | None = None
    candidate: Candidate | None = None
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


def rebuild(layer_id: str, tools: Tools, tell: Tell, *, apply: bool = False, accept: str | None = None) -> Rebuilt:
    """Replays the layer and says what differs. With `apply` the difference is published as one revision, unless runs
    could not be replayed or a gate is shut; `accept` is a person's reason for opening the gates. CitywideError says why
    nothing is published."""
    layer = find_layer(layer_id)
    with replay_ground(tools.engine, layer):
        replay = _Replay(layer, tools)
        for number, run in enumerate(history := archived_runs(tools.engine, layer)):
            tell("replay", number, len(history))
            _step(replay, run)
        tell("compare", len(history), len(history))
        comparison = compare_replay(tools.engine, layer)
        rebuilt = Rebuilt(layer, replay.replayed, comparison, tuple(replay.problems), tuple(_shut(replay)))
        if not apply or rebuilt.equal:
            return rebuilt
        _check_applicable(rebuilt, accept)
        reason = f"Rebuilt from the archive. {accept or ''}".strip()
        return replace(rebuilt, diff=apply_replay(tools.engine, layer, comparison.revision, reason, "operator"))


def _check_applicable(rebuilt: Rebuilt, accept: str | None) -> None:
    if rebuilt.problems:
        raise CitywideError(f"Nothing is published, because not every run could be replayed: {rebuilt.problems[0]}")
    if rebuilt.shut and not accept:
        told = " ".join(str(held) for held in rebuilt.shut)
        raise CitywideError(f"Nothing is published, because gates are shut: {told} Accept it with --accept REASON.")


def _shut(replay: _Replay) -> Iterator[RunHeld]:
    """The gates of what every feed would have now, beside its last publish."""
    for one in replay.feeds.values():
        if one.candidate is not None:
            shut = shut_gates(one.feed, one.candidate, replay.tools)
            yield from (RunHeld(held.code, f"{one.feed.id}: {held}") for held in shut)


def _step(replay: _Replay, run: RowMapping) -> None:
    """Replays one run as what it was."""
    engine, layer = replay.tools.engine, replay.layer
    one = replay.feeds.setdefault(run["feed"], _Replayed(Feed.model_validate(run["document"])))
    one.before[run["id"]] = one.last
    if run["cause"] in (Cause.ROLL_BACK.value, Cause.WITHDRAWAL.value):
        _take_back(replay, one, run)
    elif run["decided_by"] in _STAMPED or run["taken_down"] or run["rules_hash"] == NO_RULES:
        # Nothing was fetched, nothing may be left of it, or nothing was taken back.
        return
    elif run["decided_by"] in _SAME:
        if run["complete"]:
            end_missing(engine, layer, one.feed.id, run["id"], run["at"], REHEARSAL)
    else:
        _publish(replay, one, run)
    replay.replayed += 1


def _take_back(replay: _Replay, one: _Replayed, run: RowMapping) -> None:
    with publishing(replay.tools.engine, run["id"], REHEARSAL) as driver:
        cause = Cause(run["cause"])
        restorer = Restorer(driver, replay.layer, run["id"], run["at"], cause, REHEARSAL)
        if cause is Cause.ROLL_BACK:
            undo(restorer, one.feed.id, run["undoes"], "", "")
        else:
            end_all(restorer, one.feed.id, "", "")
    one.last, one.candidate = one.before.get(run["undoes"]), None


def _publish(replay: _Replay, one: _Replayed, run: RowMapping) -> None:
    """Harmonises what the run read and publishes it as of then."""
    record = Record()
    context = Context(one.feed, replay.tools, record, _tell_nobody, one.last, Unkept())
    try:
        harmonised = harmonise(open_fetched(_fetched(replay.tools, run), context), context)
    except RunStopped as stopped:
        if stopped.code != "E-EMPTY" or run["features"]:
            replay.problems.append(f"Run {run['id']} of feed {one.feed.id}: {stopped}")
            return
        frame, shapes, complete = nothing_read(replay.layer), np.empty(0, dtype=object), bool(run["complete"])
    else:
        batch, complete = harmonised.batch, harmonised.candidate.complete
        assert batch.geometry is not None
        frame, shapes = batch.frame, batch.geometry
        if run["reach"] != Reach.CHANGES.value:
            one.last, one.candidate = _earlier(run, record), harmonised.candidate
    new = Slice(frame, shapes, one.feed.id, one.feed.council, run["resource_sha256"], run["id"], complete)
    replay_publish(replay.tools.engine, replay.layer, new, run["at"])


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
