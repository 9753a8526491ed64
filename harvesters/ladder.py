"""The change ladder: what earlier runs leave that lets a run fetch less, and the words for what told that nothing
changed.

From cheap to dear: the platform's own stamp, a conditional request, the same bytes, the same content, rows compared. A
run records which of them decided.
"""

from datetime import UTC, datetime

from datasets.store.publishing.publish import Diff, has_missing
from datasets.store.schedule import wait_planned
from datasets.vocabulary import Decider, Reach, Rung
from harvesters.context import Context
from harvesters.fetch import FULL_EVERY, Known

UNCHANGED_BY = {
    Decider.WATERMARK: "The platform says that nothing has changed.",
    Decider.CONDITIONAL: "The server says that the file is the same.",
    Decider.BYTES: "The bytes are the same as last time.",
    Decider.CONTENT: "The records are the same as last time.",
}


def known_before(context: Context) -> Known:
    """What lets this run fetch less: nothing when the rules changed, when the last read was short, when features are
    missing, which only a full read may end or bring back, or when the next look would be too late for a full one."""
    last, engine, feed = context.last, context.tools.engine, context.feed
    if last is None or last.rules_hash != context.rules or not last.reading["complete"]:
        return Known()
    too_late = last.in_full_at + FULL_EVERY < datetime.now(UTC) + wait_planned(engine, feed)
    if too_late or has_missing(engine, context.layer, feed.id):
        return Known()
    sure = last.rung in (Rung.REFERENCE, Rung.PLATFORM, Rung.NATIONAL)
    return Known(last.watermark, last.etag, last.last_modified, changes_only=sure and last.declared is not None)


def rows_are_gone(context: Context, diff: Diff) -> bool:
    """Whether a read of changes alone leaves fewer rows declared than were there with the new ones."""
    values = context.record.values
    if values.get("reach") != Reach.CHANGES.value or context.last is None or context.last.declared is None:
        return False
    return bool(context.last.declared + diff.inserted + diff.restored != values["declared"])
