"""The judgement of a feed and of a layer: what each aspect gives, how it is told, and the rule of each level."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from datasets.feed import Cadence
from datasets.layer import find_layer
from datasets.quality import Facts, Mark, Quality, judge, judge_layer
from datasets.vocabulary import CouncilState, Level, Rung, Severity

NOW = datetime(2026, 11, 22, tzinfo=UTC)
LIBRARIES = find_layer("libraries")
BEST = Facts(
    state=CouncilState.IN,
    cadence=Cadence.MONTHLY,
    checked_at=NOW,
    good_at=NOW,
    changed_at=NOW - timedelta(days=40),
    licence="OGL-UK-3.0",
    features=200,
    filled={"name": 200, "postcode": 200},
    well_placed=200,
    complete=True,
    rung=Rung.REFERENCE,
    tasks={},
)


def judged(**given: object) -> Quality:
    return judge(replace(BEST, **given), LIBRARIES, NOW)  # type: ignore[arg-type]


def mark(aspect: str, **given: object) -> Mark:
    return next(mark for mark in judged(**given).marks if mark.aspect == aspect)


def test_a_feed_without_fault_has_all_points_and_the_highest_level() -> None:
    quality = judged()
    assert (quality.score, quality.level, quality.next_level) == (100, Level.TRUSTWORTHY, "")
    assert [each.mend for each in quality.marks] == [""] * 5


def test_a_feed_that_serves_nothing_scores_nothing() -> None:
    quality = judged(features=0)
    assert (quality.score, quality.level) == (0, Level.NONE)


@pytest.mark.parametrize(("cadences", "points"), [(1, 25), (2, 25), (4, 17.5), (6, 10), (60, 10)])
def test_freshness_falls_with_the_age_of_the_last_good_check(cadences: int, points: float) -> None:
    assert mark("freshness", good_at=NOW - timedelta(days=31 * cadences), changed_at=NOW).points == points


@pytest.mark.parametrize(("days", "points"), [(366, 25), (400, 20), (900, 15)])
def test_freshness_falls_when_nothing_has_changed_for_long(days: int, points: float) -> None:
    freshness = mark("freshness", changed_at=NOW - timedelta(days=days))
    assert freshness.points == points
    assert f"the last change {days} days ago" in freshness.said


def test_a_gap_in_a_wanted_field_is_told_with_its_figure_and_remedy() -> None:
    found = mark("completeness", filled={"name": 200, "postcode": 150})
    assert found.points == 21.9
    assert found.said == "75% of 200 features have a value for Postcode, the field with most gaps."
    assert found.mend == "Fill in Postcode for 50 features."


def test_a_gap_is_never_rounded_away() -> None:
    assert (
        "99.9% of 200,000" in mark("completeness", features=200_000, filled={"name": 199_999, "postcode": 200_000}).said
    )


def test_places_count_what_is_coarse_and_what_is_outside() -> None:
    found = mark("places", well_placed=150, coarse=40, outside=10)
    assert found.points == 15
    assert "40 are only about right and 10 lie more than 50 m outside" in found.said


def test_open_tasks_cost_by_severity_and_never_more_than_there_is() -> None:
    assert mark("issues", tasks={Severity.ERROR: 1, Severity.WARNING: 2, Severity.NOTICE: 9}).points == 6
    assert mark("issues", tasks={Severity.ERROR: 9}).points == 0


@pytest.mark.parametrize(("licence", "points"), [("OGL-UK-3.0", 15), ("unknown", 0), ("gone-from-register", 0)])
def test_only_an_open_licence_gives_points(licence: str, points: int) -> None:
    assert mark("licence", licence=licence).points == points


@pytest.mark.parametrize(
    ("given", "level"),
    [
        ({"filled": {"name": 80, "postcode": 80}}, Level.SOME),
        ({"well_placed": 80}, Level.SOME),
        ({"complete": False}, Level.INDICATIVE),
        ({"licence": "unknown"}, Level.INDICATIVE),
        ({"well_placed": 170}, Level.AUTHORITATIVE),
        ({"tasks": {Severity.ERROR: 1}}, Level.AUTHORITATIVE),
        ({"tasks": {Severity.WARNING: 1}}, Level.USABLE),
        ({"rung": Rung.FINGERPRINT}, Level.USABLE),
        ({"state": CouncilState.STALE}, Level.USABLE),
    ],
)
def test_a_level_is_reached_when_its_rule_and_all_below_hold(given: dict[str, object], level: Level) -> None:
    quality = judged(**given)
    assert quality.level is level
    assert quality.next_level


def test_a_layer_counts_a_council_that_provides_nothing() -> None:
    quality = judge_layer([judged(), judged(), judged(), None], ["Ferncliffe"])
    assert (quality.score, quality.level) == (75, Level.SOME)
    assert quality.marks[0].said == "3 of 4 councils that are in or expected provide it; the others score 0."
    assert quality.marks[0].mend == "Missing: Ferncliffe."


def test_a_layer_is_at_the_level_of_four_in_five_councils() -> None:
    worse = judged(tasks={Severity.ERROR: 1})
    assert judge_layer([judged()] * 4 + [worse], []).level is Level.TRUSTWORTHY
    assert judge_layer([judged()] * 3 + [worse] * 2, []).level is Level.AUTHORITATIVE


def test_a_layer_without_a_council_is_none() -> None:
    assert judge_layer([None, None], ["Ashmere", "Dunmoor"]).level is Level.NONE
