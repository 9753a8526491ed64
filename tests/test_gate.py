"""The gates: what must be right before anything is published, each with a sentence for the person who decides."""

from dataclasses import replace
from typing import Any

import pytest

from datasets.vocabulary import Rung
from harvesters.gate import Candidate, LastPublish, gate
from tests.builders import feed_of


def shut(last: LastPublish | None = None, *, licence: str = "OGL-UK-3.0", **given: Any) -> dict[str, str]:
    """The gates that are shut for a harvest that is good but for what is given: their codes and sentences."""
    good = Candidate(100, Rung.REFERENCE, far_outside=0.0)
    return {held.code: str(held) for held in gate(feed_of(licence=licence), replace(good, **given), last)}


def last(features: int = 100, rung: Rung = Rung.REFERENCE) -> LastPublish:
    return LastPublish(features, rung)


def test_a_good_harvest_passes_every_gate() -> None:
    assert shut() == {} and shut(last()) == {}


@pytest.mark.parametrize(
    ("licence", "code"),
    [
        ("unknown", "licence-unknown"),
        ("ODbL-1.0", "licence-share-alike"),
        ("closed", "licence-not-open"),
        ("CC-BY-4.0", None),
    ],
)
def test_only_an_open_licence_passes(licence: str, code: str | None) -> None:
    assert set(shut(licence=licence)) == ({code} if code else set())


def test_a_harvest_without_one_usable_row_is_held() -> None:
    assert set(shut(features=0)) == {"E-NOTHING-USABLE"}


@pytest.mark.parametrize(("share", "passes"), [(None, True), (0.0, True), (0.1, True), (0.11, False), (1.0, False)])
def test_more_than_a_tenth_far_outside_the_council_is_held(share: float | None, passes: bool) -> None:
    assert (shut(far_outside=share) == {}) is passes


@pytest.mark.parametrize(
    ("before", "now", "passes"),
    [(100, 74, False), (100, 75, True), (1000, 801, True), (1000, 799, False), (30, 6, True), (10, 500, True)],
)
def test_a_feed_that_lost_a_fifth_and_more_than_a_few_rows_is_held(before: int, now: int, passes: bool) -> None:
    assert ("E-SHRUNK" not in shut(last(before), features=now)) is passes


def test_a_shrunk_feed_is_told_in_figures() -> None:
    assert shut(last(1200), features=300) == {"E-SHRUNK": "The feed had 1,200 features and now has 300."}


def test_what_a_stage_doubted_is_a_gate_that_a_person_may_open() -> None:
    assert shut(doubts=(("same place", "All in one place."),)) == {"same place": "All in one place."}


def test_another_way_of_recognising_features_is_held() -> None:
    assert set(shut(last(), rung=Rung.NATURAL)) == {"key-changed"}
    assert shut(last(features=0), rung=Rung.NATURAL) == {}


def test_every_gate_that_is_shut_is_told_at_once() -> None:
    bad = {"features": 0, "far_outside": 0.9, "rung": Rung.FINGERPRINT}
    assert list(shut(last(), licence="unknown", **bad)) == [
        "licence-unknown",
        "E-NOTHING-USABLE",
        "E-MOSTLY-OUTSIDE",
        "key-changed",
        "E-SHRUNK",
    ]
