"""The gate stage: what must be right, or be accepted by a person, before anything of a harvest is published."""

from dataclasses import dataclass

from datasets.errors import RunHeld
from datasets.feed import Feed
from datasets.licence import licences
from datasets.vocabulary import Rung

SHRINK_SHARE, SHRINK_ROWS = 0.2, 25
OUTSIDE_SHARE = 0.5


@dataclass(frozen=True)
class LastPublish:
    """What the last publish of the feed left: how many features, by which rung, from which columns."""

    features: int
    rung: Rung | None
    columns: tuple[str, ...]


def gate(
    feed: Feed, last: LastPublish | None, *, features: int, rung: Rung, outside: float | None, columns: tuple[str, ...]
) -> list[RunHeld]:
    """Every gate that is shut; none when the harvest may be published. `columns` are those the mapping reads."""
    shut = [*_licence(feed), *_usable(features), *_outside(outside)]
    if last is not None:
        shut += [*_drift(last, columns), *_key(last, rung), *_shrunk(last, features)]
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


def _outside(outside: float | None) -> list[RunHeld]:
    if outside is None or outside <= OUTSIDE_SHARE:
        return []
    return [RunHeld("E-MOSTLY-OUTSIDE", f"{outside:.0%} of the features lie outside the council's boundary.")]


def _drift(last: LastPublish, columns: tuple[str, ...]) -> list[RunHeld]:
    gone = [column for column in last.columns if column not in columns]
    if not gone:
        return []
    new = [column for column in columns if column not in last.columns]
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


def _shrunk(last: LastPublish, features: int) -> list[RunHeld]:
    lost = last.features - features
    if lost <= SHRINK_ROWS or lost <= last.features * SHRINK_SHARE:
        return []
    return [RunHeld("E-SHRUNK", f"The feed had {last.features:,} features and now has {features:,}.")]
