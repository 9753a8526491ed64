"""Every place says how far it may be off, by how it was stated; coarse points are told of in one issue."""

import numpy as np
import pytest
import shapely
from town import EASTINGS, GEOMETRY, NORTHINGS, Outcome, drawn, table, xy

from datasets.feed import Location, LocationKind
from datasets.vocabulary import GeometryKind
from tests.builders import toilet, toilets

CLOSE = (530012.4, 531023.1, 532034.7, 533045.9), (180423.2, 181434.8, 182445.3, 183456.6)


def precision(made: Outcome) -> list[float | None]:
    return made.batch.frame["precision_m"].to_list()


@pytest.mark.parametrize(
    ("x", "y", "metres"),
    [
        (EASTINGS, NORTHINGS, 1.0),
        (*CLOSE, 0.1),
        ((530010, 531020, 532030, 533040), (180420, 181430, 182440, 183450), 10.0),
        ((530100, 531200, 532300, 533300), (180400, 181400, 182400, 183300), 100.0),
        ((-0.128012, -0.113065, -0.098124), (51.507791, 51.516643, 51.525494), 0.11),
        ((-0.1281, -0.1137, -0.0983), (51.5078, 51.5167, 51.5255), 11.1),
        ((-0.12801234567891, -0.11306512345678), (51.50779112345678, 51.51664312345678), 0.01),
    ],
    ids=["metres", "decimetres", "ten metres", "hundred metres", "six decimals", "four decimals", "a conversion"],
)
def test_coordinates_are_as_precise_as_they_are_written(x, y, metres):
    found = precision(Outcome(table({"X": x, "Y": y}), xy("X", "Y")))
    assert found == pytest.approx([metres] * len(x), abs=0.01)


def test_one_coarse_row_among_fine_ones_says_so():
    made = Outcome(table({"X": (*CLOSE[0], 531000.0), "Y": (*CLOSE[1], 181000.0)}), xy("X", "Y"))
    assert precision(made) == pytest.approx([0.1] * 4 + [1000.0])
    assert made.issue("precision-low")["count"] == 1


def test_a_round_number_in_one_coordinate_alone_is_chance():
    made = Outcome(table({"X": (*CLOSE[0], 531000.0), "Y": (*CLOSE[1], 181434.3)}), xy("X", "Y"))
    assert precision(made)[4] == pytest.approx(0.1) and "precision-low" not in made.codes


@pytest.mark.parametrize(
    ("reference", "metres"), [("TQ 300 804", 100.0), ("TQ 3001 8042", 10.0), ("TQ3001280423", 1.0)]
)
def test_a_grid_reference_is_as_precise_as_its_square(reference, metres):
    location = Location(kind=LocationKind.GRID_REFERENCE, columns=("Ref",))
    made = Outcome(table({"Ref": [reference] * 3}), location)
    assert precision(made) == [metres] * 3 and ("precision-low" in made.codes) == (metres > 10)


def test_a_postcodes_middle_is_coarse_and_told_row_by_row():
    made = Outcome(table({"Postcode": ["AB1 1AA", "AB1 1AB"]}))
    assert precision(made) == [100.0, 100.0]
    assert made.codes["at-postcode-centroid"] == 2 and "precision-low" not in made.codes


def test_a_building_that_became_its_point_may_be_off_by_half_its_size():
    houses = [shapely.box(x, y, x + 60, y + 80) for x, y in zip(*CLOSE, strict=True)]
    found = precision(Outcome(drawn(houses, 27700), GEOMETRY))
    assert found == pytest.approx([50.0] * 4, abs=2)


def test_areas_that_stay_areas_are_not_told_of():
    field = shapely.box(530000, 180000, 530500, 180500)
    made = Outcome(drawn([field, field], 27700), kind=GeometryKind.AREA)
    assert "precision-low" not in made.codes and np.isfinite(precision(made)).all()


def test_what_is_published_says_how_precise_it_is(desk):
    desk.harvest([*toilets(20), toilet(21)])
    assert {row["precision_m"] for row in desk.rows("precision_m")} == {10.0}
