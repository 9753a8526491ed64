"""How good a feed or a layer is: a score with its reasons, and one of six levels by rules that stand in one table.

Pure: what is known goes in, a judgement comes out. `datasets.store.quality` gathers what is known.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from datasets.feed import Cadence
from datasets.layer import Layer
from datasets.licence import Licence, licences
from datasets.vocabulary import CouncilState, Level, Rung, Severity

COARSE_M = 100.0
"""A place that may be further off than this is only about right; so is one that was taken from a postcode."""
OUTSIDE_M = 50.0
"""A place further than this outside the council's boundary counts against it."""
MOST_COUNCILS = 0.8
"""A layer is at the highest level that at least this share of its councils reaches; at `some` when any does."""

POINTS = {"freshness": 25, "completeness": 25, "places": 20, "issues": 15, "licence": 15}
"""What each aspect gives at best; together 100."""
_COSTS = {Severity.CRITICAL: 15, Severity.ERROR: 5, Severity.WARNING: 2}
"""What one open task takes from the points for issues."""


@dataclass(frozen=True)
class Facts:
    """What is known of one feed. `filled` counts the features that have a value, by field; `coarse` ones have a place
    that is only about right, `outside` ones lie well outside the council, `well_placed` ones do neither; `tasks` are
    open, by severity; `complete` and `rung` are of the last good run."""

    state: CouncilState
    cadence: Cadence
    checked_at: datetime | None
    good_at: datetime | None
    changed_at: datetime | None
    licence: str
    features: int = 0
    filled: Mapping[str, int] | None = None
    coarse: int = 0
    outside: int = 0
    well_placed: int = 0
    complete: bool | None = None
    rung: Rung | None = None
    tasks: Mapping[Severity, int] | None = None


@dataclass(frozen=True)
class Mark:
    """One aspect of a judgement: `points` of `most`, a sentence with the figure, and how to mend it ("" when whole)."""

    aspect: str
    points: float
    most: int
    said: str
    mend: str = ""


@dataclass(frozen=True)
class Quality:
    """A judgement: `score` from 0 to 100, the level, what the next level wants ("" at the last), and the reasons."""

    score: int
    level: Level
    next_level: str
    marks: tuple[Mark, ...]


@dataclass(frozen=True)
class Step:
    """The rule of one level. It is reached when this and every step below hold."""

    level: Level
    rule: str
    holds: Callable[[Facts, Layer], bool]


def wanted_fields(layer: Layer) -> tuple[tuple[str, ...], ...]:
    """The fields whose values completeness looks at, in groups of which one is enough: required fields, those that a
    sure mapping needs, and those that the layer's expectations name."""
    single = [name for name, field in layer.fields.items() if field.required]
    single += [name for name in layer.expectations.filled if name not in single]
    groups = [tuple(group) for group in layer.needs if not set(group) & set(single)]
    return (*((name,) for name in single), *groups)


def completeness(facts: Facts, layer: Layer) -> float:
    """The mean share of features that have a value, over the wanted fields; 1 where nothing is wanted."""
    shares = [share for _, share in _shares(facts, layer)]
    return sum(shares) / len(shares) if shares else 1.0


LADDER: tuple[Step, ...] = (
    Step(Level.SOME, "at least one feature is served", lambda facts, layer: facts.features > 0),
    Step(
        Level.INDICATIVE,
        "at least half of the wanted values are there and half of the places are exact",
        lambda facts, layer: completeness(facts, layer) >= 0.5 and _well_placed(facts) >= 0.5,
    ),
    Step(
        Level.AUTHORITATIVE,
        "the council's own feed has an open licence and its last good read was whole",
        lambda facts, layer: _licence(facts).open and facts.complete is True,
    ),
    Step(
        Level.USABLE,
        "9 in 10 wanted values are there, 9 in 10 places are exact, and no task is open that is an error",
        lambda facts, layer: (
            completeness(facts, layer) >= 0.9
            and _well_placed(facts) >= 0.9
            and not _open(facts, Severity.CRITICAL, Severity.ERROR)
        ),
    ),
    Step(
        Level.TRUSTWORTHY,
        "it was checked in time, features are recognised by a reference or number, 99 in 100 wanted values are there, "
        "and no task is open",
        lambda facts, layer: (
            facts.state is CouncilState.IN
            and facts.rung in (Rung.REFERENCE, Rung.PLATFORM, Rung.NATIONAL)
            and completeness(facts, layer) >= 0.99
            and not _open(facts, *Severity)
        ),
    ),
)
"""The rules of the levels, from the lowest. A feed that meets none is at `none`."""


def judge(facts: Facts, layer: Layer, now: datetime) -> Quality:
    """The judgement of one feed. A feed of which nothing is served scores 0."""
    if not facts.features:
        mark = Mark("features", 0, 100, "Nothing of this feed is served.", "Harvest it and mend what stops it.")
        return Quality(0, Level.NONE, LADDER[0].rule, (mark,))
    marks = (_freshness(facts, now), _filled(facts, layer), _places(facts), _issues(facts), _rights(facts))
    level, next_level = _level(facts, layer)
    return Quality(round(sum(mark.points for mark in marks)), level, next_level, marks)


def judge_layer(councils: Sequence[Quality | None], missing: Sequence[str]) -> Quality:
    """The judgement of a layer from those of its councils: all that are in it or are expected to be, None for one that
    provides nothing; `missing` are the names of those."""
    given = [each for each in councils if each is not None]
    if not given:
        mark = Mark("coverage", 0, 100, "No council is in.", "Register a feed of a council that publishes this.")
        return Quality(0, Level.NONE, LADDER[0].rule, (mark,))
    score = round(sum(each.score for each in given) / len(councils))
    levels = sorted((tuple(Level).index(each.level) if each else 0 for each in councils), reverse=True)
    enough = -(-len(councils) * MOST_COUNCILS // 1)
    level = max(tuple(Level)[levels[int(enough) - 1]], Level.SOME if levels[0] else Level.NONE, key=tuple(Level).index)
    rule = next((step.rule for step in LADDER if tuple(Level).index(step.level) > tuple(Level).index(level)), "")
    next_level = f"for 4 in 5 councils: {rule}" if rule else ""
    return Quality(score, level, next_level, (_coverage(len(given), len(councils), missing), *_averages(given)))


def _freshness(facts: Facts, now: datetime) -> Mark:
    """15 points for a good check within two cadences, less with every further one and none after six; 10 for a change
    within a year or twelve cadences, 5 for one within twice that."""
    days = facts.cadence.days
    since_good = None if facts.good_at is None else (now - facts.good_at) / timedelta(days=days)
    checked = 0.0 if since_good is None else 15 * min(1.0, max(0.0, (6 - since_good) / 4))
    quiet = max(366, 12 * days)
    age = None if facts.changed_at is None else (now - facts.changed_at).days
    changed = 0 if age is None else 10 if age <= quiet else 5 if age <= 2 * quiet else 0
    said = (
        f"It is looked at {facts.cadence.value}; the last good check was {_ago(facts.good_at, now)}, "
        f"the last change {_ago(facts.changed_at, now)}."
    )
    mend = ""
    if checked < 15:
        mend = "See why the last checks did not go well." if facts.checked_at != facts.good_at else "Harvest it again."
    elif changed < 10:
        mend = "Ask the council whether it still keeps this up to date."
    return Mark("freshness", round(checked + changed, 1), POINTS["freshness"], said, mend)


def _filled(facts: Facts, layer: Layer) -> Mark:
    shares = _shares(facts, layer)
    if not shares:
        return Mark("completeness", 25, 25, "The layer wants no field of every feature.")
    names, share = min(shares, key=lambda each: each[1])
    title = _titles([(names, share)], layer)
    lacking = facts.features - max(_count(facts, name) for name in names)
    if not lacking:
        said = f"Every one of {facts.features:,} features has a value for {_titles(shares, layer)}."
        return Mark("completeness", POINTS["completeness"], POINTS["completeness"], said)
    said = f"{_percent(share)} of {facts.features:,} features have a value for {title}, the field with most gaps."
    points = round(POINTS["completeness"] * completeness(facts, layer), 1)
    return Mark("completeness", points, POINTS["completeness"], said, f"Fill in {title} for {lacking:,} features.")


def _places(facts: Facts) -> Mark:
    share = _well_placed(facts)
    points = round(POINTS["places"] * share, 1)
    if share == 1:
        return Mark("places", points, POINTS["places"], "Every place is exact and inside the council.")
    said = (
        f"{_percent(share)} of places are exact and inside the council; {facts.coarse:,} are only about right and "
        f"{facts.outside:,} lie more than {OUTSIDE_M:.0f} m outside."
    )
    coarse, outside = "Publish exact coordinates.", "Check the coordinates of what lies outside."
    mend = coarse if facts.coarse >= facts.outside else outside
    return Mark("places", points, POINTS["places"], said, mend)


def _issues(facts: Facts) -> Mark:
    open_tasks = {severity: count for severity, count in (facts.tasks or {}).items() if count and severity in _COSTS}
    points = max(0, POINTS["issues"] - sum(_COSTS[severity] * count for severity, count in open_tasks.items()))
    if not open_tasks:
        return Mark("issues", points, POINTS["issues"], "No task is open.")
    told = ", ".join(f"{open_tasks[severity]} {severity.value}" for severity in _COSTS if severity in open_tasks)
    said = f"Open tasks by severity: {told}."
    return Mark("issues", points, POINTS["issues"], said, "Mend the severest task first.")


def _rights(facts: Facts) -> Mark:
    licence = _licence(facts)
    if not licence.open:
        said = f"The licence is {licence.title}, which is not open."
        return Mark("licence", 0, POINTS["licence"], said, "Publish under an open licence such as OGL-UK-3.0.")
    if licence.share_alike:
        said = f"The licence is {licence.title}: what is made of the data must have it too."
        return Mark("licence", 10, POINTS["licence"], said, "A licence without share-alike lets more people use it.")
    return Mark("licence", POINTS["licence"], POINTS["licence"], f"The licence is {licence.title}, which is open.")


def _level(facts: Facts, layer: Layer) -> tuple[Level, str]:
    reached = Level.NONE
    for step in LADDER:
        if not step.holds(facts, layer):
            return reached, step.rule
        reached = step.level
    return reached, ""


def _coverage(given: int, wanted: int, missing: Sequence[str]) -> Mark:
    said = f"{given} of {wanted} councils that are in or expected provide it; the others score 0."
    said = said if given < wanted else f"All {wanted} councils that are in or expected provide it."
    shown = ", ".join(missing[:6]) + (f" and {len(missing) - 6} more" if len(missing) > 6 else "")
    return Mark("coverage", given, wanted, said, f"Missing: {shown}." if missing else "")


def _averages(given: Sequence[Quality]) -> list[Mark]:
    marks = []
    for aspect, most in POINTS.items():
        points = [mark.points for each in given for mark in each.marks if mark.aspect == aspect]
        if points:
            full = sum(point >= most for point in points)
            said = f"{full} of {len(points)} councils in have all {most} points."
            marks.append(Mark(aspect, round(sum(points) / len(points), 1), most, said))
    return marks


def _shares(facts: Facts, layer: Layer) -> list[tuple[tuple[str, ...], float]]:
    """Each group of wanted fields with the share of features that have the best filled of them."""
    return [
        (names, max(_count(facts, name) for name in names) / facts.features if facts.features else 0.0)
        for names in wanted_fields(layer)
    ]


def _titles(shares: Sequence[tuple[tuple[str, ...], float]], layer: Layer) -> str:
    """What the wanted fields are called: `name, address or postcode`."""
    return ", ".join(" or ".join(layer.fields[name].title for name in names) for names, _ in shares)


def _count(facts: Facts, field: str) -> int:
    return (facts.filled or {}).get(field, 0)


def _well_placed(facts: Facts) -> float:
    return facts.well_placed / facts.features if facts.features else 0.0


def _open(facts: Facts, *severities: Severity) -> int:
    return sum((facts.tasks or {}).get(severity, 0) for severity in severities)


def _licence(facts: Facts) -> Licence:
    return licences().get(facts.licence) or Licence(title=facts.licence, open=False)


def _ago(moment: datetime | None, now: datetime) -> str:
    if moment is None:
        return "never"
    days = (now - moment).days
    return "today" if days < 1 else "yesterday" if days == 1 else f"{days:,} days ago"


def _percent(share: float) -> str:
    """Rounded down, so that no gap is told as 100%."""
    return f"{int(share * 1000) / 10:g}%"
