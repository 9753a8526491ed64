"""Gates that are shut, and what opens them: a person's reason for these bytes, or a second read that says the same."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from datasets.errors import RunHeld
from datasets.store import runs
from datasets.store.runs import EarlierRun
from harvesters.context import Context
from harvesters.gate import LastPublish

HELD_AGAIN_AFTER = timedelta(hours=24)
"""A shrunk feed that reads the same after so long is taken to be meant so."""


def open_gates(context: Context, shut: Sequence[RunHeld], run_id: int, sha256: str, accept: str | None) -> None:
    """RunHeld for the first gate that is shut and that nobody has opened for these bytes."""
    feed, engine = context.feed, context.tools.engine
    shut = [
        held
        for held in shut
        if not runs.is_accepted(engine, feed.id, held.code, sha256) and not _was_meant(context, held)
    ]
    if accept:
        for held in shut:
            runs.accept(engine, feed.id, run_id, held.code, sha256, accept, "operator")
        shut = []
    if shut:
        raise RunHeld(shut[0].code, " ".join(str(held) for held in shut))


def _was_meant(context: Context, held: RunHeld) -> bool:
    """Whether a shrunk feed has read the same for so long that its publisher must mean it."""
    content, feed = context.record.values.get("content_hash"), context.feed
    return (
        held.code == "E-SHRUNK"
        and content is not None
        and runs.was_held_before(context.tools.engine, feed.id, held.code, content, HELD_AGAIN_AFTER)
    )


def last_publish(last: EarlierRun | None) -> LastPublish | None:
    """What the gates compare with: the last good run, and how many features the last complete one gave."""
    if last is None:
        return None
    features = last.reading["features"] if last.whole_features is None else last.whole_features
    return LastPublish(features, last.rung, columns_read(last.reading["mapping"]))


def columns_read(mapping: Mapping[str, Any]) -> tuple[str, ...]:
    """The columns a mapping document reads, the location's included."""
    location = mapping.get("location") or {"columns": []}
    return tuple([*location["columns"], *(c for mapped in mapping["fields"] for c in mapped["columns"])])
