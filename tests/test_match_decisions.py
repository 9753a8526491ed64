"""What a person decides of a pair stays through every publish; it can be decided anew, and what was before is kept."""

import pytest
from sqlalchemy import Engine

from datasets.errors import CitywideError
from datasets.layer import Layer
from datasets.store.matching.decisions import decide, find_pairs, list_pairs
from datasets.vocabulary import MatchDecision
from tests.builders import query
from tests.neighbours import (
    ASHMERE,
    BRACKHOLME,
    COPPERGATE,
    MONDAY,
    TOILETS,
    WEEK,
    Feed,
    at,
    decisions,
    pairs,
    revision,
)

SAME, DIFFERENT = MatchDecision.SAME, MatchDecision.DIFFERENT
MERE = {"name": "Mere Lane Toilets"}
DOUBTFUL = {"a": at(name="Mere Lane")}, {"b": at(12, name="Mere Lane Park Gate North")}


@pytest.fixture
def ashmere(engine: Engine) -> Feed:
    return Feed(engine, ASHMERE)


@pytest.fixture
def brackholme(engine: Engine) -> Feed:
    return Feed(engine, BRACKHOLME)


@pytest.fixture
def pair(engine: Engine, ashmere: Feed, brackholme: Feed) -> int:
    """The number of a pair that was taken to be one thing."""
    ashmere.publish({"a": at(**MERE)})
    brackholme.publish({"b": at(9, outside_m=9.0, **MERE)})
    return list_pairs(engine)[0].id


def grouped(*feeds: Feed) -> list[bool]:
    return [row["duplicate_of"] is not None for feed in feeds for row in feed.rows()]


def test_a_doubtful_pair_is_open_and_joins_nothing(engine: Engine, ashmere: Feed, brackholme: Feed) -> None:
    ashmere.publish(DOUBTFUL[0])
    brackholme.publish(DOUBTFUL[1])
    assert decisions(engine) == ["open"] and not any(grouped(ashmere, brackholme))


def test_an_open_pair_that_a_person_calls_the_same_joins_them(engine: Engine, ashmere: Feed, brackholme: Feed) -> None:
    ashmere.publish(DOUBTFUL[0])
    brackholme.publish(DOUBTFUL[1])
    decided = decide(engine, list_pairs(engine)[0].id, SAME, "Both councils told us.", "ada")
    assert (decided.decision, decided.by, decided.reason) == (SAME, "ada", "Both councils told us.")
    assert sum(grouped(ashmere, brackholme)) == 1 and revision(engine) == 3


def test_a_pair_decided_to_be_different_is_parted_in_a_revision_with_its_changes(
    engine: Engine, pair: int, ashmere: Feed, brackholme: Feed
) -> None:
    decide(engine, pair, DIFFERENT, "One is upstairs.", "ada")
    assert not any(grouped(ashmere, brackholme)) and revision(engine) == 3
    changes = query(engine, "SELECT cause, op FROM layers.change WHERE revision = 3")
    assert changes == [{"cause": "match", "op": "update"}] * 2
    assert query(engine, 'SELECT cause, reason, "by" FROM citywide.revision WHERE revision = 3') == [
        {"cause": "match", "reason": "One is upstairs.", "by": "ada"}
    ]


def test_a_reversal_restores_both_and_the_earlier_decisions_stay_readable(
    engine: Engine, pair: int, ashmere: Feed, brackholme: Feed
) -> None:
    columns = "feature_id, duplicate_of, also_published_by"
    before = ashmere.rows(columns), brackholme.rows(columns)
    decide(engine, pair, DIFFERENT, "One is upstairs.", "ada")
    decided = decide(engine, pair, SAME, "It is one after all.", "ben")
    assert (ashmere.rows(columns), brackholme.rows(columns)) == before
    assert [(one["decision"], one["by"], one["reason"]) for one in decided.earlier] == [
        ("same", "automatic", None),
        ("different", "ada", "One is upstairs."),
    ]


@pytest.mark.parametrize("decision", [SAME, DIFFERENT])
def test_a_decision_survives_what_both_sides_publish(
    engine: Engine, pair: int, ashmere: Feed, brackholme: Feed, decision: MatchDecision
) -> None:
    decide(engine, pair, decision, "We went there.", "ada")
    ashmere.publish({"a": at(20, name="Quite another name")}, MONDAY + WEEK)
    brackholme.publish({"b": at(400, **MERE)}, MONDAY + WEEK)
    assert pairs(engine, 'id, decision, "by"') == [{"id": pair, "decision": decision, "by": "ada"}]
    assert sum(grouped(ashmere, brackholme)) == (decision is SAME)


def test_what_is_different_is_never_asked_again(engine: Engine, pair: int, brackholme: Feed) -> None:
    decide(engine, pair, DIFFERENT, "We went there.", "ada")
    brackholme.publish({"b": at(1, **MERE)})
    assert list_pairs(engine, only_open=True) == [] and decisions(engine) == ["different"]


def test_a_decision_holds_again_for_a_feature_that_comes_back(
    engine: Engine, pair: int, ashmere: Feed, brackholme: Feed
) -> None:
    decide(engine, pair, DIFFERENT, "We went there.", "ada")
    far = {"far": at(900, name="Far")}
    ashmere.publish({"a": at(**MERE), **far})
    for week in (1, 2):
        ashmere.publish(far, MONDAY + week * WEEK)
    ashmere.publish({"a": at(**MERE), **far}, MONDAY + 3 * WEEK)
    assert decisions(engine) == ["different"] and not any(grouped(ashmere, brackholme))


def test_one_who_is_told_apart_finds_the_next_best(engine: Engine, pair: int, brackholme: Feed) -> None:
    brackholme.publish({"b": at(9, **MERE), "c": at(12, **MERE)})
    assert len(pairs(engine)) == 1
    decide(engine, pair, DIFFERENT, "We went there.", "ada")
    assert sorted(decisions(engine)) == ["different", "same"]


def test_decisions_that_contradict_each_other_are_refused_and_change_nothing(
    engine: Engine, pair: int, ashmere: Feed, brackholme: Feed
) -> None:
    Feed(engine, COPPERGATE).publish({"c": at(4, **MERE)})
    for each in list_pairs(engine)[:2]:
        decide(engine, each.id, SAME, "We went there.", "ada")
    last = list_pairs(engine)[2]
    before = pairs(engine, "*")
    with pytest.raises(CitywideError, match="contradict each other"):
        decide(engine, last.id, DIFFERENT, "They are two.", "ben")
    assert pairs(engine, "*") == before


def test_a_decision_needs_a_reason_and_a_pair(engine: Engine, pair: int) -> None:
    with pytest.raises(CitywideError, match="--reason"):
        decide(engine, pair, SAME, "  ", "ada")
    with pytest.raises(CitywideError, match="There is no pair 999"):
        decide(engine, 999, SAME, "Because.", "ada")


def test_a_decision_that_changes_no_feature_makes_no_revision(engine: Engine, pair: int) -> None:
    decide(engine, pair, SAME, "We went there.", "ada")
    assert revision(engine) == 2


def test_pairs_of_what_was_published_before_are_found_on_request(
    engine: Engine, ashmere: Feed, brackholme: Feed, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr("datasets.store.publishing.publish.match_neighbours", lambda *_: None)
        ashmere.publish({"a": at(**MERE)})
        brackholme.publish({"b": at(9, **MERE)})
    assert pairs(engine) == []
    assert find_pairs(engine, TOILETS, "ada") == 1
    assert sum(grouped(ashmere, brackholme)) == 1 and revision(engine) == 3


def test_a_pair_that_is_gone_once_the_layer_is_free_is_said_plainly(
    engine: Engine, pair: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def meanwhile(layer_id: str) -> Layer:
        query(engine, "DELETE FROM citywide.match_pair")
        return TOILETS

    monkeypatch.setattr("datasets.store.matching.decisions.find_layer", meanwhile)
    with pytest.raises(CitywideError, match=f"There is no pair {pair}"):
        decide(engine, pair, DIFFERENT, "One is upstairs.", "ada")


def test_the_figures_of_quality_are_those_of_what_was_decided(engine: Engine, pair: int) -> None:
    decide(engine, pair, DIFFERENT, "One is upstairs.", "ada")
    figures = query(engine, "SELECT feed, revision, features FROM citywide.feed_figures ORDER BY feed")
    assert [(row["revision"], row["features"]) for row in figures] == [(3, 1), (3, 1)]
