"""How a run's end is told, in words."""

from datasets.issues import issue_codes
from datasets.store.publishing.publish import Diff
from datasets.vocabulary import Reach
from harvesters.context import Record


def told_diff(diff: Diff) -> str:
    """What a publish changed, as a sentence that may follow another; nothing when it changed nothing."""
    parts = [
        f"{count:,} {word}"
        for count, word in (
            (diff.inserted, "new"),
            (diff.updated, "changed"),
            (diff.restored, "back"),
            (diff.missing, "missing"),
            (diff.ended, "ended"),
        )
        if count
    ]
    return f" {', '.join(parts)}." if parts else ""


def told_short(record: Record) -> str:
    """Why a read is not complete, likewise."""
    because = record.values["incomplete_because"]
    if record.values["complete"] or (record.values.get("reach") == Reach.CHANGES.value and not because):
        return ""
    because = because or "The server itself says that there is more."
    return f" The read is not complete, so nothing is ended: {because}"


def told_fault(error: BaseException) -> str:
    """A fault of ours, without anything of its inside."""
    if isinstance(error, KeyboardInterrupt):
        return "The run was interrupted."
    return f"{issue_codes()['E-FAULT'].title} ({type(error).__name__}); the last good data stays up."
