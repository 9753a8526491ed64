"""How states, outcomes, types and numbers are said on pages, in plain English and in one place."""

from collections import Counter
from collections.abc import Iterable, Mapping

from datasets.city import Extent
from datasets.layer import Layer, LayerField, layers
from datasets.licence import Licence, licences
from datasets.store.catalogue import FeedStanding, LayerStanding, RunLine
from datasets.store.coverage import Standing
from datasets.store.run_report import RunReport
from datasets.vocabulary import (
    Action,
    CouncilState,
    Decider,
    Duty,
    FieldType,
    GeometryKind,
    Level,
    Outcome,
    Reach,
    Responsibility,
    Rung,
)

MONTHS = (
    *("January", "February", "March", "April", "May", "June", "July"),
    *("August", "September", "October", "November", "December"),
)

STATES: Mapping[CouncilState, str] = {
    CouncilState.IN: "The council's data is in and was checked in time.",
    CouncilState.STALE: "The data is in, but the last good check is more than twice as long ago as it should be.",
    CouncilState.HELD: "The last run waits for a person to decide. The last good data, if there is any, stays up.",
    CouncilState.FAILED: "The last run could not read the feed. The last good data, if there is any, stays up.",
    CouncilState.WAITING: "A feed is registered and has not been harvested yet.",
    CouncilState.MISSING: "No feed is registered, so none of this council's features are here.",
}

DUTIES: Mapping[Duty, str] = {
    Duty.STATUTORY: "Councils must publish this by law.",
    Duty.EXPECTED: "Councils are expected to publish this.",
    Duty.ENCOURAGED: "Councils are encouraged to publish this.",
}

LEVELS: Mapping[Level, str] = {
    Level.NONE: "None: nothing is served, or by too few councils.",
    Level.SOME: "Some: there are features, with gaps.",
    Level.INDICATIVE: "Indicative: good enough to see roughly what is where.",
    Level.AUTHORITATIVE: "Authoritative: it is the council's own data, whole and openly licensed.",
    Level.USABLE: "Usable: values and places are nearly all there, and nothing is known to be wrong.",
    Level.TRUSTWORTHY: "Trustworthy: fresh, whole and without an open task.",
}

TYPES: Mapping[FieldType, str] = {
    FieldType.TEXT: "text",
    FieldType.INTEGER: "whole number",
    FieldType.DECIMAL: "number",
    FieldType.MONEY: "amount of money",
    FieldType.FLAG: "yes or no (true or false)",
    FieldType.DATE: "date: a day, or a month or year where no more is known",
    FieldType.TIME_RANGES: "opening hours as text",
    FieldType.CODE: "one of the values listed",
    FieldType.CODES: "several of the values listed",
    FieldType.POSTCODE: "postcode",
    FieldType.UPRN: "UPRN",
    FieldType.URL: "web address",
    FieldType.EMAIL: "e-mail address",
    FieldType.PHONE: "telephone number",
}

SHAPES: Mapping[GeometryKind, str] = {
    GeometryKind.POINT: "Points",
    GeometryKind.AREA: "Areas, or their points where a council publishes no outline",
}

REACHES: Mapping[Reach, str] = {
    Reach.FULL: "All of it",
    Reach.CHANGES: "Only what changed since the run before",
}

DECIDERS: Mapping[Decider, str] = {
    Decider.WATERMARK: "The platform's own stamp of its last change",
    Decider.CONDITIONAL: "The server, asked whether the file had changed",
    Decider.BYTES: "The bytes, compared with those of the last run",
    Decider.CONTENT: "The records, compared with those of the last run whatever their order",
    Decider.ROWS: "Every feature, compared with the one that stands",
}

RUNGS: Mapping[Rung, str] = {
    Rung.REFERENCE: "by the council's own reference",
    Rung.PLATFORM: "by a lasting key of the council's platform",
    Rung.NATIONAL: "by a national reference such as the UPRN",
    Rung.NATURAL: "by name, for want of a reference",
    Rung.NATURAL_WITH_PLACE: "by name and place, for want of a reference",
    Rung.FINGERPRINT: "by all their values, for want of anything better",
}

MENDERS: Mapping[Responsibility, str] = {
    Responsibility.PUBLISHER: "the council",
    Responsibility.PLATFORM: "Citywide",
}

ACTIONS: Mapping[Action, str] = {
    Action.KEPT: "kept as it is",
    Action.FIXED: "mended",
    Action.BLANKED: "value left blank",
    Action.DROPPED: "row left out",
    Action.HELD: "held",
}


def named(count: int, singular: str, plural: str | None = None) -> str:
    """`1 row`, `2,000 rows`."""
    return f"{count:,} {singular if count == 1 else plural or singular + 's'}"


def sequence(items: Iterable[str]) -> str:
    """`a, b and c`."""
    *first, last = list(items) or [""]
    return f"{', '.join(first)} and {last}" if first else last


def tally(standings: Iterable[Standing]) -> tuple[int, int, str]:
    """How many councils are in, of how many, and the others by state: `1 failed, 2 missing`."""
    states = Counter(standing.state for standing in standings)
    others = ", ".join(
        f"{states[state]} {state}" for state in CouncilState if state != CouncilState.IN and states[state]
    )
    return states[CouncilState.IN], states.total(), others


def example_box(extent: Extent) -> str:
    """A box in the middle of the city, a quarter as wide and high, as `bbox` takes it."""
    west, south, east, north = extent
    x, y, half_width, half_height = (west + east) / 2, (south + north) / 2, (east - west) / 8, (north - south) / 8
    return ",".join(f"{edge:.3f}" for edge in (x - half_width, y - half_height, x + half_width, y + half_height))


def begun_and_awaited(
    known: Mapping[str, LayerStanding], standings: Iterable[Standing]
) -> tuple[list[Layer], list[Layer]]:
    """The layers that have a feed or a feature, and those for which no council has anything yet."""
    fed = {standing.layer for standing in standings if standing.feeds}
    named = [layer for layer in layers().values() if layer.id in known]
    begun = [layer for layer in named if layer.id in fed or known[layer.id].features]
    return begun, [layer for layer in named if layer not in begun]


def layer_title(layer: str) -> str:
    """A layer's title; its id where it is no longer defined."""
    return layers()[layer].title if layer in layers() else layer


def feature_noun(layer: str, count: int) -> str:
    """`1 library`, `2 libraries`."""
    known = layers().get(layer)
    if known is None:
        return named(count, "feature")
    return f"{count:,} {known.singular if count == 1 else known.title[0].lower() + known.title[1:]}"


def field_title(layer: str, field: str) -> str:
    """What a layer's field is called; its name where the layer no longer has it."""
    known = layers().get(layer)
    return known.fields[field].title if known is not None and field in known.fields else field


def shown_fields(layer: Layer) -> dict[str, LayerField]:
    """The fields a layer publishes."""
    return {name: field for name, field in layer.fields.items() if not field.personal}


def licence(feed: FeedStanding) -> Licence:
    """The licence a feed states."""
    known = licences().get(feed.licence)
    return known if known is not None else Licence(title=feed.licence, open=False)


def attribution(feed: FeedStanding) -> str:
    """The words to show with a feed's features."""
    return feed.attribution or licence(feed).attribution


def run_state(run: RunLine | RunReport) -> str:
    """One word for how a run went."""
    return run.outcome.value if run.outcome is not None else run.state.value


def outcome(run: RunReport) -> str:
    """How a run ended, in one sentence."""
    if run.outcome is None:
        return "The run is under way; its numbers appear when it ends."
    if run.outcome is Outcome.UNCHANGED:
        return "The council's data is the same as at the last good check, so nothing was touched."
    if run.outcome is Outcome.PUBLISHED:
        return f"The feed holds {feature_noun(run.layer, run.features or 0)}: {changes(run) or 'none of them changed'}."
    if run.message:
        return run.message
    return "The run waits for a person to decide." if run.outcome is Outcome.HELD else "The run failed."


def changes(run: RunLine | RunReport) -> str:
    """What a run changed in its layer: `2 new, 5 changed and 1 ended`, or nothing for a run that may change nothing."""
    if run.outcome is not Outcome.PUBLISHED:
        return ""
    counts = {"new": run.inserted, "changed": run.updated, "ended": run.ended, "back again": run.restored}
    return sequence([f"{count:,} {word}" for word, count in counts.items() if count])
