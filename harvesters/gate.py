"""The gate stage: what must be right, or be accepted by a person, before anything of a harvest is published."""

from dataclasses import dataclass

from datasets.errors import RunHeld
from datasets.feed import Feed
from datasets.licence import licences
from datasets.vocabulary import Rung

SHRINK_SHARE, SHRINK_ROWS = 0.2, 25
OUTSIDE_SHARE, OUTSIDE_M = 0.1, 500
"""More than this share of features lying further than this outside the council is no edge effect."""


@dataclass(frozen=True)
class Candidate:
    """What a harvest would publish, as the gates look at it. `columns` are those the mapping reads, `file_columns` all
    that the file has; without `complete` nothing ends, so that few features are no loss; `far_outside` is the share of
    features more than OUTSIDE_M from the council, None without a boundary; `doubts` are what stages found and a person
    may accept, as issue code and sentence."""

    features: int
    rung: Rung
    columns: tuple[str, ...]
    file_columns: tuple[str, ...]
    complete: bool = True
    far_outside: float | None = None
    doubts: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class LastPublish:
    """What the last publish of the feed left: how many features, by which rung, from which columns."""

    features: int
    rung: Rung | None
    columns: tuple[str, ...]


def gate(feed: Feed, candidate: Candidate, last: LastPublish | None) -> list[RunHeld]:
    """Every gate that is shut; none when the harvest may be published."""
    shut = [*_licence(feed), *_usable(candidate.features), *_outside(candidate.far_outside)]
    shut += [RunHeld(code, message) for code, message in candidate.doubts]
    if last is not None:
        shut += [*_drift(last, candidate), *_key(last, candidate.rung), *_shrunk(last, candidate)]
    return shut


def _licence(feed: Feed) -> list[RunHeld]:
    licence = licences()[feed.licence]
    if feed.licence == "unknown":
        return [RunHeld("licence-unknown", "The feed does not say under which licence it is published.")]
    if not licence.open:
        return [RunHeld("licence-not-open", f"The licence is {licence.title}, which does not let us merge the data.")]
    return []


def _usable(features: int) -> list[RunHeld]:
    return [] if features else [RunHeld("E-NOTHING-USABLE", "Not one row of the file could be used.")]


def _outside(share: float | None) -> list[RunHeld]:
    if share is None or share <= OUTSIDE_SHARE:
        return []
    return [
        RunHeld("E-MOSTLY-OUTSIDE", f"{share:.0%} of the features lie more than {OUTSIDE_M} m outside the council.")
    ]


def _drift(last: LastPublish, candidate: Candidate) -> list[RunHeld]:
    """A column that was used and is gone from the file; a mapping that changed for another reason is no drift."""
    gone = [column for column in last.columns if column not in candidate.file_columns]
    if not gone:
        return []
    new = [column for column in candidate.columns if column not in last.columns]
    told = f" In their place the mapping would now use {', '.join(map(repr, new))}." if new else ""
    return [RunHeld("W-SCHEMA-DRIFT", f"Used last time and gone now: {', '.join(map(repr, gone))}.{told}")]


def _key(last: LastPublish, rung: Rung) -> list[RunHeld]:
    if last.rung is None or last.rung is rung or not last.features:
        return []
    return [
        RunHeld(
            "key-changed",
            f"Features were recognised by their {last.rung} key and would now be by their {rung} key, "
            "so that every one would look new.",
        )
    ]


def _shrunk(last: LastPublish, candidate: Candidate) -> list[RunHeld]:
    features = candidate.features
    lost = last.features - features
    if not candidate.complete or lost <= SHRINK_ROWS or lost <= last.features * SHRINK_SHARE:
        return []
    return [RunHeld("E-SHRUNK", f"The feed had {last.features:,} features and now has {features:,}.")]
