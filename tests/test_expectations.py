"""What a layer expects of each council's part of it: what falls short is a gate that is shut, told in figures."""

from typing import Any

import polars as pl
import pytest
import shapely

from datasets.issues import row_issues
from datasets.layer import Expectations, Layer, find_layer
from datasets.vocabulary import Action
from harvesters.batch import ROW_NO, Batch
from harvesters.gates.expectations import Measured, expect, measure
from tests.builders import LAT, LON, Desk, saying, toilets


def layer(**given: Any) -> Layer:
    return find_layer("public-toilets").model_copy(update={"expectations": Expectations(**given)})


def shut(found: Measured, last: Measured | None = None, **given: Any) -> dict[str, str]:
    return {held.code: str(held) for held in expect(layer(**given), found, last)}


def test_what_meets_every_expectation_passes() -> None:
    found = Measured(100, {"address": 0.9}, {"category": 0.5}, 0.5, (LON, LAT))
    assert shut(found, Measured(80, middle=(LON, LAT)), filled={"address": 0.9}, features=(1, 100)) == {}


@pytest.mark.parametrize(("share", "passes"), [(0.9, True), (0.89, False)])
def test_a_field_that_is_emptier_than_expected_is_held(share: float, passes: bool) -> None:
    found = shut(Measured(100, {"address": share}), filled={"address": 0.9})
    assert (found == {}) is passes
    assert passes or found["E-EXPECTATION-FILLED"] == "Address is filled in 89% (at least 90% is expected)."


def test_codes_that_nobody_knows_are_held() -> None:
    assert set(shut(Measured(100, known={"category": 0.49}))) == {"E-EXPECTATION-CODES"}
    assert shut(Measured(100, known={"category": 0.5})) == {}


def test_references_that_repeat_are_held() -> None:
    assert set(shut(Measured(100, repeated=0.51))) == {"E-EXPECTATION-REPEATED"}


@pytest.mark.parametrize(("features", "passes"), [(1, False), (2, True), (9, True), (10, False)])
def test_as_many_features_as_no_council_has_are_held(features: int, passes: bool) -> None:
    assert (shut(Measured(features), features=(2, 9)) == {}) is passes


@pytest.mark.parametrize(("now", "passes"), [(125, True), (126, False)])
def test_a_feed_that_is_many_times_what_it_was_is_held(now: int, passes: bool) -> None:
    assert (shut(Measured(now), Measured(25)) == {}) is passes


def test_features_that_lie_elsewhere_than_last_time_are_held_and_the_way_is_told() -> None:
    found = shut(Measured(50, middle=(LON, LAT + 0.1)), Measured(50, middle=(LON, LAT)))
    assert "moved by 11.1 km" in found["E-EXPECTATION-MOVED"]
    assert shut(Measured(50, middle=(LON, LAT + 0.04)), Measured(50, middle=(LON, LAT))) == {}


def test_of_a_few_features_no_share_is_judged() -> None:
    assert shut(Measured(9, {"address": 0.0}, {"category": 0.0}, 1.0), filled={"address": 1.0}) == {}


def test_a_batch_is_measured_by_its_fields_codes_references_and_middle() -> None:
    frame = pl.DataFrame({ROW_NO: [2, 3, 4, 5], "reference": ["a", "a", "b", None], "category": ["Male", *[None] * 3]})
    places = shapely.points([(1.0, 53.0), (1.2, 53.2), (1.2, 53.2), (9.0, 9.0)])
    unknown = row_issues("invalid category value", [3, 4, 5], action=Action.BLANKED, field="category")
    found = measure(Batch(frame, places), layer(filled={"reference": 1}), [unknown])
    assert (found.features, found.filled, found.known) == (4, {"reference": 0.75}, {"category": 0.25})
    assert found.repeated == pytest.approx(1 / 3) and found.middle == (1.2, pytest.approx(53.1))


def test_a_feed_that_moved_is_held_until_a_person_says_that_it_is_right(desk: Desk) -> None:
    desk.harvest(toilets(20))
    moved = [{**row, "Northing": int(str(row["Northing"])) + 5_500} for row in toilets(20)]
    report = desk.harvest(moved)
    codes = {gate["code"] for gate in report.values["gates"]}
    assert "E-EXPECTATION-MOVED" in codes
    assert desk.harvest(moved, accept=saying("Surveyed anew.", *codes)).values["middle"] is not None
