"""The gate stage: what must be right, or be accepted by a person, before anything of a harvest is published."""

from dataclasses import dataclass

from datasets.errors import RunHeld
from datasets.feed import Feed
from datasets.layer import Layer, find_layer
from datasets.licence import licences, recognise_licence
from datasets.vocabulary import Rung
from harvesters.gates.expectations import Measured, expect

SHRINK_SHARE, SHRINK_ROWS = 0.2, 25
OUTSIDE_M = 500
"""Further than this outside the council is no edge effect."""

TERMS = ("licence-unknown", "licence-not-open", "licence-conflict", "licence-portal-default", "licence-share-alike")
"""Gates that judge what a feed may be used for, not what is in it."""
STATE_IT = "State it where you know it: citywide feeds add … --licence OGL-UK-3.0 --replace."
NEVER_ACCEPTED = ("E-NOTHING-USABLE", "licence-share-alike", "taken-down")
"""Gates that no reason opens: there is nothing to publish, or nobody here may allow it."""


UNMEASURED = Measured(0)


@dataclass(frozen=True)
class Candidate:
    """What a harvest would publish, as the gates look at it. Without `complete` nothing ends, so that few features
    are no loss; `far_outside` is the share of features more than OUTSIDE_M from the council, None without a boundary;
    `doubts` are what stages found and a person may accept, as issue code and sentence; `measured` is what the layer's
    expectations look at; `declared` is the licence in the platform's own words."""

    features: int
    rung: Rung
    complete: bool = True
    far_outside: float | None = None
    doubts: tuple[tuple[str, str], ...] = ()
    measured: Measured = UNMEASURED
    declared: str = ""


@dataclass(frozen=True)
class LastPublish:
    """What the last publish of the feed left: how many features, by which rung, around where."""

    features: int
    rung: Rung | None
    middle: tuple[float, float] | None = None


def gate(feed: Feed, candidate: Candidate, last: LastPublish | None) -> list[RunHeld]:
    """Every gate that is shut; none when the harvest may be published."""
    layer = find_layer(feed.layer)
    shut = [*check_terms(feed, candidate.declared), *_usable(candidate.features), *_outside(layer, candidate)]
    shut += [RunHeld(code, message) for code, message in candidate.doubts]
    shut += expect(layer, candidate.measured, Measured(last.features, middle=last.middle) if last else None)
    if last is not None:
        shut += [*_key(last, candidate.rung), *_shrunk(last, candidate)]
    return shut


def check_terms(feed: Feed, declared: str) -> list[RunHeld]:
    """The gates of the licence: of what the feed states, and of what its platform declares in words of its own. What
    nobody states is never taken to be open."""
    layer, licence, found = find_layer(feed.layer), licences()[feed.licence], recognise_licence(declared)
    if feed.licence == "unknown":
        if licences()[found].open:
            told = f"The feed states no licence; its portal states {licences()[found].title}, which may be a default."
            return [RunHeld("licence-portal-default", f"{told} Confirm it, and the feed states it from now on.")]
        return [RunHeld("licence-unknown", f"The feed does not say under which licence it is published. {STATE_IT}")]
    shut = []
    if layer.share_alike != (feed.licence if licence.share_alike else None):
        shut.append(_share_alike(feed, layer))
    elif not licence.open and not licence.share_alike:
        told = f"The licence is {licence.title}, which does not let us merge the data."
        shut.append(RunHeld("licence-not-open", told))
    if found not in ("unknown", feed.licence):
        told = f"The feed states {licence.title}, but its portal states {licences()[found].title}."
        shut.append(RunHeld("licence-conflict", told))
    return shut


def _share_alike(feed: Feed, layer: Layer) -> RunHeld:
    title = licences()[feed.licence].title
    if layer.share_alike is None:
        told = f"{title} asks that all that is made of the data has the same licence, so it enters no layer of others."
    else:
        told = f"{layer.title} takes feeds under {licences()[layer.share_alike].title} alone, and this one is {title}."
    return RunHeld("licence-share-alike", told)


def _usable(features: int) -> list[RunHeld]:
    return [] if features else [RunHeld("E-NOTHING-USABLE", "Not one row of the file could be used.")]


def _outside(layer: Layer, candidate: Candidate) -> list[RunHeld]:
    share = candidate.far_outside
    if share is None or share <= layer.expectations.outside:
        return []
    return [
        RunHeld("E-MOSTLY-OUTSIDE", f"{share:.0%} of the features lie more than {OUTSIDE_M} m outside the council.")
    ]


def _key(last: LastPublish, rung: Rung) -> list[RunHeld]:
    if last.rung is None or last.rung is rung or not last.features:
        return []
    return [
        RunHeld(
            "key-changed",
            f"Features were recognised by their {last.rung} key and would now be by their {rung} key.",
        )
    ]


def _shrunk(last: LastPublish, candidate: Candidate) -> list[RunHeld]:
    features = candidate.features
    lost = last.features - features
    if not candidate.complete or lost <= SHRINK_ROWS or lost <= last.features * SHRINK_SHARE:
        return []
    return [RunHeld("E-SHRUNK", f"The feed had {last.features:,} features and now has {features:,}.")]
