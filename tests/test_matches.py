"""The same thing published by two councils is found when either publishes, in the same revision, and kept as a pair;
what a person decided of a pair stays, whatever is published after."""

import pytest
from sqlalchemy import Engine

from datasets.layer import find_layer
from tests.builders import query
from tests.neighbours import (
    ASHMERE,
    BRACKHOLME,
    COPPERGATE,
    MONDAY,
    WEEK,
    Feed,
    Row,
    at,
    decisions,
    duplicates,
    pairs,
    revision,
)

MERE = {"name": "Mere Lane Toilets"}


@pytest.fixture
def ashmere(engine: Engine) -> Feed:
    return Feed(engine, ASHMERE)


@pytest.fixture
def brackholme(engine: Engine) -> Feed:
    return Feed(engine, BRACKHOLME)


def test_the_same_toilet_of_two_councils_is_one_pair(engine: Engine, ashmere: Feed, brackholme: Feed) -> None:
    ashmere.publish({"a": at(**MERE)})
    brackholme.publish({"b": at(9, name="Toilets, Mere Ln")})
    [pair] = pairs(engine, "a, b, decision, by, round(distance_m) AS metres, evidence")
    assert {pair.pop("a"), pair.pop("b")} == {ashmere.id_of("a"), brackholme.id_of("b")}
    assert pair == {"decision": "same", "by": "automatic", "metres": 9, "evidence": "9.0 m apart; names 100 % alike"}


def test_nothing_is_looked_for_while_a_layer_has_one_feed(engine: Engine, ashmere: Feed) -> None:
    ashmere.publish({"a": at(**MERE), "b": at(1, **MERE)})
    assert pairs(engine) == []


def test_the_preferred_stays_and_the_duplicate_names_it_in_the_revision_of_the_publish(
    engine: Engine, ashmere: Feed, brackholme: Feed
) -> None:
    ashmere.publish({"a": at(**MERE)})
    brackholme.publish({"b": at(9, outside_m=9.0, **MERE)})
    assert revision(engine) == 2
    assert ashmere.rows("duplicate_of, revision") == [{"duplicate_of": None, "revision": 2}]
    assert brackholme.rows("duplicate_of, revision") == [{"duplicate_of": ashmere.id_of("a"), "revision": 2}]


def test_each_names_all_other_sources(ashmere: Feed, brackholme: Feed) -> None:
    ashmere.publish({"a": at(**MERE)})
    brackholme.publish({"b": at(9, **MERE)})
    [row] = ashmere.rows("also_published_by")
    other = {"id": brackholme.id_of("b"), "council": BRACKHOLME, "feed": brackholme.id}
    assert row["also_published_by"] == [other]


def test_the_other_side_s_change_is_recorded_as_a_match_with_what_was_before(
    engine: Engine, ashmere: Feed, brackholme: Feed
) -> None:
    ashmere.publish({"a": at(**MERE)})
    brackholme.publish({"b": at(9, **MERE)})
    [change] = _changes(engine, 2)
    assert (change["op"], change["cause"], change["feature_id"]) == ("update", "match", ashmere.id_of("a"))
    assert change["before"]["duplicate_of"] is None and change["before"]["revision"] == 1


def test_a_feature_that_changed_anyway_is_recorded_once(engine: Engine, ashmere: Feed, brackholme: Feed) -> None:
    ashmere.publish({"a": at(**MERE)})
    brackholme.publish({"b": at(500, **MERE)})
    brackholme.publish({"b": at(9, **MERE)})
    assert [change["cause"] for change in _changes(engine, 3)] == ["harvest", "match"]


def test_two_feeds_of_one_council_are_compared_as_well(engine: Engine, ashmere: Feed) -> None:
    ashmere.publish({"a": at(**MERE)})
    Feed(engine, ASHMERE, "ashmere-toilets-again").publish({"b": at(1, **MERE)})
    assert decisions(engine) == ["same"]


def test_one_feed_s_own_features_are_never_a_pair(engine: Engine, ashmere: Feed, brackholme: Feed) -> None:
    brackholme.publish({"z": at(900, name="Elsewhere")})
    ashmere.publish({"a": at(**MERE), "b": at(1, **MERE)})
    assert pairs(engine) == []


def test_features_of_two_layers_are_never_a_pair(engine: Engine, ashmere: Feed) -> None:
    ashmere.publish({"a": at(name="Mere Hall")})
    Feed(engine, BRACKHOLME, layer=find_layer("libraries")).publish({"b": at(name="Mere Hall")})
    assert pairs(engine) == []


def test_a_feature_has_one_partner_of_each_other_council_the_best(
    engine: Engine, ashmere: Feed, brackholme: Feed
) -> None:
    ashmere.publish({"a": at(**MERE)})
    brackholme.publish({"b": at(15, **MERE), "c": at(5, **MERE)})
    [pair] = pairs(engine, "a, b")
    assert set(pair.values()) == {ashmere.id_of("a"), brackholme.id_of("c")}


def test_a_better_partner_that_comes_later_takes_the_place(engine: Engine, ashmere: Feed, brackholme: Feed) -> None:
    ashmere.publish({"a": at(**MERE)})
    brackholme.publish({"b": at(15, **MERE)})
    brackholme.publish({"b": at(15, **MERE), "c": at(2, **MERE)})
    [pair] = pairs(engine, "a, b")
    assert brackholme.id_of("c") in pair.values()
    assert brackholme.rows("key, also_published_by")[0] == {"key": "b", "also_published_by": None}


def test_ladies_and_gents_each_find_their_own(engine: Engine, ashmere: Feed, brackholme: Feed) -> None:
    ashmere.publish({"f": at(name="Quay Ladies", category="Female"), "m": at(2, name="Quay Gents", category="Male")})
    brackholme.publish({"f": at(3, name="Quay Ladies", category="Female"), "m": at(name="Quay Gents", category="Male")})
    found = {frozenset(pair.values()) for pair in pairs(engine, "a, b")}
    assert found == {frozenset({ashmere.id_of(key), brackholme.id_of(key)}) for key in "fm"}


def test_three_councils_have_one_preferred(engine: Engine, ashmere: Feed, brackholme: Feed) -> None:
    coppergate = Feed(engine, COPPERGATE)
    ashmere.publish({"a": at(outside_m=3.0, **MERE)})
    brackholme.publish({"b": at(14, **MERE)})
    coppergate.publish({"c": at(28, outside_m=9.0, **MERE)})
    assert brackholme.rows("duplicate_of")[0]["duplicate_of"] is None
    assert {feed.rows()[0]["duplicate_of"] for feed in (ashmere, coppergate)} == {brackholme.id_of("b")}
    assert len(brackholme.rows("also_published_by")[0]["also_published_by"]) == 2


def test_two_features_of_one_feed_are_not_joined_through_a_third(
    engine: Engine, ashmere: Feed, brackholme: Feed
) -> None:
    coppergate = Feed(engine, COPPERGATE)
    ashmere.publish({"one": at(0, **MERE), "two": at(40, **MERE)})
    brackholme.publish({"b": at(13, **MERE)})
    coppergate.publish({"c": at(29, **MERE)})
    assert sorted(decisions(engine)) == ["open", "same", "same"]
    assert {row["duplicate_of"] for row in ashmere.rows()} != {brackholme.id_of("b")}


@pytest.mark.parametrize(
    ("ours", "theirs", "preferred"),
    [
        ({"outside_m": 12.0, "postcode": "AA1 1AA"}, {}, "theirs"),
        ({"postcode": "AA1 1AA"}, {}, "ours"),
    ],
    ids=["its own council's", "the richer"],
)
def test_which_is_preferred(
    engine: Engine, ashmere: Feed, brackholme: Feed, ours: Row, theirs: Row, preferred: str
) -> None:
    ashmere.publish({"a": at(**MERE, **ours)})
    brackholme.publish({"b": at(3, **MERE, **theirs)})
    assert (ashmere.rows()[0]["duplicate_of"] is None) == (preferred == "ours")
    assert (brackholme.rows()[0]["duplicate_of"] is None) == (preferred == "theirs")


def test_what_changed_last_is_preferred(ashmere: Feed, brackholme: Feed) -> None:
    brackholme.publish({"b": at(3, **MERE)}, MONDAY)
    ashmere.publish({"a": at(**MERE)}, MONDAY + WEEK)
    assert ashmere.rows()[0]["duplicate_of"] is None
    brackholme.publish({"b": at(3, notes="Mended.", **MERE)}, MONDAY + 2 * WEEK)
    assert ashmere.rows()[0]["duplicate_of"] == brackholme.id_of("b")
    assert brackholme.rows()[0]["duplicate_of"] is None


def test_a_duplicate_is_free_when_the_preferred_ends(engine: Engine, ashmere: Feed, brackholme: Feed) -> None:
    ashmere.publish({"a": at(**MERE), "far": at(900, name="Far")})
    brackholme.publish({"b": at(3, outside_m=3.0, **MERE)})
    for week in (1, 2):
        ashmere.publish({"far": at(900, name="Far")}, MONDAY + week * WEEK)
    assert pairs(engine) == []
    assert brackholme.rows("duplicate_of, also_published_by") == [{"duplicate_of": None, "also_published_by": None}]
    assert duplicates(engine) == 0


def test_an_automatic_pair_goes_when_it_no_longer_holds(engine: Engine, ashmere: Feed, brackholme: Feed) -> None:
    ashmere.publish({"a": at(**MERE)})
    brackholme.publish({"b": at(3, **MERE)})
    assert duplicates(engine) == 1
    brackholme.publish({"b": at(300, **MERE)})
    assert pairs(engine) == [] and duplicates(engine) == 0
    assert ashmere.rows("also_published_by") == [{"also_published_by": None}]


def test_what_is_published_unchanged_changes_no_pair(engine: Engine, ashmere: Feed, brackholme: Feed) -> None:
    ashmere.publish({"a": at(**MERE)})
    brackholme.publish({"b": at(3, **MERE)})
    before = pairs(engine, "*"), ashmere.rows("*"), brackholme.rows("*")
    ashmere.publish({"a": at(**MERE)}, MONDAY + WEEK)
    assert (pairs(engine, "*"), ashmere.rows("*"), brackholme.rows("*")) == before
    assert revision(engine) == 2


def test_many_features_are_compared_in_bulk_with_the_same_result(
    engine: Engine, ashmere: Feed, brackholme: Feed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("datasets.store.matching.borders.BULK", 3)
    ours = {f"a{n}": at(100 * n, name=f"Stop {n}") for n in range(30)}
    ashmere.publish(ours)
    brackholme.publish({f"b{n}": at(100 * n + 5, 300 * (n % 3 == 0), name=f"Stop {n}") for n in range(30)})
    assert decisions(engine) == ["same"] * 20
    assert sum(row["duplicate_of"] is not None for row in ashmere.rows() + brackholme.rows()) == 20


def _changes(engine: Engine, number: int) -> list[Row]:
    return query(engine, "SELECT * FROM layers.change WHERE revision = :r ORDER BY cause, id", r=number)
