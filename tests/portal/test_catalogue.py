"""A council's state in a layer follows from its feeds: missing, waiting, held, failed, stale or in."""

import pytest
from portal_rows import NORTHMERE, NOW

from datasets.layer import layers
from datasets.store.coverage import coverage
from datasets.vocabulary import CouncilState


@pytest.fixture
def state(engine):
    def of_northmere() -> CouncilState:
        with engine.connect() as connection:
            found = coverage(connection, layers(), NOW, council=NORTHMERE, layer="public-toilets")
        return found[0].state

    return of_northmere


def test_no_feed_is_missing(state):
    assert state() is CouncilState.MISSING


def test_a_removed_feed_that_gave_nothing_is_missing(state, rows):
    rows.feed(removed_at=NOW)
    rows.run("failed")
    assert state() is CouncilState.MISSING


def test_a_removed_feed_whose_features_are_still_served_is_stale(state, rows):
    rows.feed(removed_at=NOW)
    rows.run()
    assert state() is CouncilState.STALE


def test_a_feed_without_an_ended_run_is_waiting(state, rows):
    rows.feed()
    rows.run(None)
    assert state() is CouncilState.WAITING


@pytest.mark.parametrize("outcome", ["held", "failed"])
def test_the_last_run_decides_even_after_a_good_one(state, rows, outcome):
    rows.feed()
    rows.run(days_ago=3)
    rows.run(outcome, days_ago=2)
    assert state() is CouncilState(outcome)


def test_a_good_run_after_a_bad_one_is_in(state, rows):
    rows.feed()
    rows.run("failed", days_ago=3)
    rows.run("unchanged", days_ago=2)
    assert state() is CouncilState.IN


def test_a_run_under_way_changes_nothing_yet(state, rows):
    rows.feed()
    rows.run(days_ago=3)
    rows.run(None, days_ago=0)
    assert state() is CouncilState.IN


@pytest.mark.parametrize(("days_ago", "expected"), [(13.9, CouncilState.IN), (14.1, CouncilState.STALE)])
def test_twice_the_cadence_without_a_good_check_is_stale(state, rows, days_ago, expected):
    rows.feed(cadence="weekly")
    rows.run("unchanged", days_ago=days_ago)
    assert state() is expected


def test_of_two_feeds_the_one_in_trouble_speaks(state, rows):
    rows.feed()
    rows.run()
    rows.feed("northmere-toilets-parks")
    rows.run("held", feed="northmere-toilets-parks")
    assert state() is CouncilState.HELD
