"""Coverage as data: every council in every layer, whether it is in, whether it is expected to be, and how good it is.

The one place where a council's state in a layer is worked out. Nothing here writes.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from datasets.expected import Expected, expected_of
from datasets.layer import Layer
from datasets.quality import Facts, Quality, judge, judge_layer
from datasets.store.catalogue import CouncilName, FeedStanding, council_names, feed_standings
from datasets.store.quality import Figures, feed_figures
from datasets.store.tasks import open_by_feed
from datasets.vocabulary import CouncilState, Duty, Severity

_WORST_FIRST = (
    CouncilState.FAILED,
    CouncilState.HELD,
    CouncilState.STALE,
    CouncilState.WAITING,
    CouncilState.IN,
)
"""Of a council's several feeds for one layer, the one that stands worst speaks for it, so that no trouble is hidden."""


@dataclass(frozen=True)
class Standing:
    """One council in one layer: its state, the live feeds that state comes from, why it is expected to be in (None when
    it is not), how many features and open tasks it has, and the quality of each of its feeds, by feed."""

    council: CouncilName
    layer: str
    state: CouncilState
    feeds: tuple[FeedStanding, ...]
    expected: Expected | None = None
    features: int = 0
    tasks: int = 0
    qualities: Mapping[str, Quality] | None = None

    @property
    def checked_at(self) -> datetime | None:
        return _latest(feed.checked_at for feed in self.feeds)

    @property
    def changed_at(self) -> datetime | None:
        return _latest(feed.changed_at for feed in self.feeds)

    @property
    def good_at(self) -> datetime | None:
        return _latest(feed.good_at for feed in self.feeds)

    @property
    def quality(self) -> Quality | None:
        """That of the feed that scores least; None without a feed."""
        return min((self.qualities or {}).values(), key=lambda quality: quality.score, default=None)

    @property
    def is_missed(self) -> bool:
        """Whether the council must or should provide the layer and has no feed for it."""
        due = self.expected is not None and self.expected.reason is not Duty.ENCOURAGED
        return due and self.state is CouncilState.MISSING


def coverage(
    connection: Connection,
    layers: Mapping[str, Layer],
    now: datetime,
    *,
    council: str | None = None,
    layer: str | None = None,
) -> list[Standing]:
    """Every council in every layer, by layer and then by council's name; narrowed to one of either where given."""
    wanted = dict(layers) if layer is None else {layer: layers[layer]}
    feeds = [f for f in feed_standings(connection, council=council, layer=layer) if not f.removed_at or f.good_at]
    figures, tasks = feed_figures(connection, wanted.values()), open_by_feed(connection)
    councils = [name for name in council_names(connection) if council in (None, name.gss)]
    standings = []
    for layer_id, definition in wanted.items():
        for name in councils:
            own = tuple(feed for feed in feeds if feed.layer == layer_id and feed.council == name)
            standings.append(
                Standing(
                    council=name,
                    layer=layer_id,
                    state=_council_state(own, now),
                    feeds=own,
                    expected=expected_of(layer_id, name.gss),
                    features=sum(figures[feed.id].features for feed in own if feed.id in figures),
                    tasks=sum(sum(tasks.get(feed.id, {}).values()) for feed in own),
                    qualities={feed.id: _judged(feed, definition, figures, tasks, now) for feed in own},
                )
            )
    return standings


def layer_quality(standings: Iterable[Standing]) -> Quality:
    """The quality of a layer, from the standings of all councils in it."""
    counted = [each for each in standings if each.feeds or each.is_missed]
    return judge_layer(
        [each.quality for each in counted], [each.council.name for each in counted if each.quality is None]
    )


def feed_quality(connection: Connection, feed: FeedStanding, layer: Layer, now: datetime) -> Quality:
    """The quality of one feed."""
    return _judged(feed, layer, feed_figures(connection, [layer]), open_by_feed(connection), now)


def _judged(
    feed: FeedStanding,
    layer: Layer,
    figures: Mapping[str, Figures],
    tasks: Mapping[str, Mapping[Severity, int]],
    now: datetime,
) -> Quality:
    facts = Facts(
        state=feed.state(now),
        cadence=feed.cadence,
        checked_at=feed.checked_at,
        good_at=feed.good_at,
        changed_at=feed.changed_at,
        licence=feed.licence,
        complete=feed.complete,
        rung=feed.rung,
        tasks=tasks.get(feed.id, {}),
        **vars(figures.get(feed.id, Figures())),
    )
    return judge(facts, layer, now)


def _council_state(feeds: tuple[FeedStanding, ...], now: datetime) -> CouncilState:
    states = {feed.state(now) for feed in feeds}
    return next((state for state in _WORST_FIRST if state in states), CouncilState.MISSING)


def _latest(moments: Iterable[datetime | None]) -> datetime | None:
    return max((moment for moment in moments if moment is not None), default=None)
