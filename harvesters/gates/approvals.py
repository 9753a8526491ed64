"""Gates that are shut, and what opens them: a person's reason for these bytes, or a second read that says the same."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import polars as pl

from datasets.errors import RunHeld
from datasets.feed import Feed
from datasets.issues import Issues, all_issues, issue_codes
from datasets.licence import recognise_licence
from datasets.store import runs
from datasets.store.feeds import save_feed
from datasets.store.runs import EarlierRun
from datasets.store.versions.purge import CODE as TAKEN_DOWN
from datasets.store.versions.roll_back import GATE, rejection
from datasets.store.versions.takedown import feeds_with, is_taken_down
from harvesters.context import Context
from harvesters.gate import NEVER_ACCEPTED, TERMS, LastPublish
from harvesters.personal.conceal import concealed

HIDDEN = "E-HIDDEN-CONTENT"
HELD_AGAIN_AFTER = timedelta(hours=24)
"""A shrunk feed that reads the same after so long is taken to be meant so."""


@dataclass(frozen=True)
class Acceptance:
    """A person's word that gates may be opened: which ones, by issue code, why, and whose word it is."""

    codes: frozenset[str]
    reason: str
    by: str = "operator"


def open_gates(
    context: Context, shut: Sequence[RunHeld], run_id: int, sha256: str, accept: Acceptance | None = None
) -> None:
    """RunHeld for the gates that are shut and that nobody has opened for these bytes, or for these terms. The run's
    record says which they are."""
    feed, engine = context.feed, context.tools.engine
    shut = [
        held
        for held in shut
        if not runs.is_accepted(engine, feed.id, held.code, subject(feed, context.record.licence, held.code, sha256))
        and not _was_meant(context, held)
    ]
    shut = [*_rolled_back(context, sha256), *shut]
    left = [held for held in shut if not (accept and held.code in accept.codes and may_be_accepted(held.code))]
    for held in shut:
        if accept and held not in left:
            holds_for = subject(feed, context.record.licence, held.code, sha256)
            runs.accept(engine, feed.id, run_id, held.code, holds_for, accept.reason, accept.by)
            _settle(context, held)
    if left:
        context.record.values["gates"] = [{"code": held.code, "message": concealed(str(held))} for held in left]
        raise RunHeld(left[0].code, " ".join(str(held) for held in left))


def may_be_accepted(code: str) -> bool:
    """Whether a person may open the gate, with a reason."""
    return code not in NEVER_ACCEPTED


def refuse_taken_down(context: Context, run_id: int, sha256: str) -> None:
    """RunHeld for bytes, or records once they are read, that were taken down; the new copy of them goes as well."""
    engine, feed, values = context.tools.engine, context.feed, context.record.values
    if not is_taken_down(engine, feed.id, sha256, values.get("content_hash")):
        return
    if not feeds_with(engine, sha256):
        context.tools.archive.erase(sha256)
    for name in ("columns", "mapping"):
        values.pop(name, None)
    context.record.issues.clear()
    told = "This was taken down, and is not taken again. Publish a file without what was taken down."
    open_gates(context, [RunHeld(TAKEN_DOWN, told)], run_id, sha256)


def quarantine(issues: Issues) -> list[RunHeld]:
    """The gate of a workbook that holds more than it shows: nothing more is done with it while it is shut."""
    found = all_issues(issues).filter(pl.col("code") == HIDDEN)["message"]
    return [RunHeld(HIDDEN, f"{message} {issue_codes()[HIDDEN].fix}") for message in found.head(1)]


def subject(feed: Feed, declared: str, code: str, sha256: str) -> str:
    """What an approval holds for: these bytes, or, where it is about the licence, these terms, whatever the bytes.
    `declared` is the licence in the platform's own words."""
    if code not in TERMS:
        return sha256
    terms = f"{code}|{feed.licence}|{recognise_licence(declared)}"
    return hashlib.sha256(terms.encode()).hexdigest()


def _settle(context: Context, held: RunHeld) -> None:
    """Once a person has confirmed the portal's licence, the feed itself states it."""
    if held.code == "licence-portal-default":
        licence = recognise_licence(context.record.licence)
        save_feed(context.tools.engine, context.feed.model_copy(update={"licence": licence}))


def _rolled_back(context: Context, sha256: str) -> list[RunHeld]:
    """The gate for what a person has rolled back; an approval from before that does not open it."""
    content = context.record.values.get("content_hash")
    reason = rejection(context.tools.engine, context.feed.id, sha256, content)
    if reason is None:
        return []
    return [
        RunHeld(GATE, f"It was rolled back, because: {reason} It is not published again before someone accepts it.")
    ]


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
    return LastPublish(features, last.rung, _middle(last))


def _middle(last: EarlierRun) -> tuple[float, float] | None:
    told = last.reading["middle"]
    return (told[0], told[1]) if told else None


def columns_read(mapping: Mapping[str, Any]) -> tuple[str, ...]:
    """The columns a mapping document reads, the location's included."""
    location = mapping.get("location") or {"columns": []}
    return tuple([*location["columns"], *(c for mapped in mapping["fields"] for c in mapped["columns"])])
