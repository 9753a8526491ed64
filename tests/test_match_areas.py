"""Areas are matched by what both cover, in square metres of the National Grid."""

import pytest
from sqlalchemy import Engine

from datasets.layer import find_layer
from tests.neighbours import ASHMERE, BRACKHOLME, Feed, decisions, pairs, square

LAYER = find_layer("conservation-areas")
OLD_TOWN = {"name": "Old Town"}


@pytest.mark.parametrize(
    ("east", "side", "expected"),
    [(1, 200, ["same"]), (0, 110, ["open"]), (150, 200, []), (200, 200, []), (1000, 200, [])],
    ids=["the same", "a part", "a corner", "its neighbour", "elsewhere"],
)
def test_areas_of_two_councils(engine: Engine, east: float, side: float, expected: list[str]) -> None:
    Feed(engine, ASHMERE, layer=LAYER).publish({"a": square(0, 0, 200, **OLD_TOWN)})
    Feed(engine, BRACKHOLME, layer=LAYER).publish({"b": square(east, 0, side, **OLD_TOWN)})
    assert decisions(engine) == expected


def test_an_area_s_pair_states_what_both_cover(engine: Engine) -> None:
    Feed(engine, ASHMERE, layer=LAYER).publish({"a": square(0, 0, 200, **OLD_TOWN)})
    Feed(engine, BRACKHOLME, layer=LAYER).publish({"b": square(0, 0, 180, **OLD_TOWN)})
    [pair] = pairs(engine, "round(overlap::numeric, 2) AS overlap, distance_m, evidence")
    assert (float(pair["overlap"]), pair["distance_m"]) == (1.0, None)
    assert pair["evidence"].endswith("of the smaller and 81 % of the larger is in both; names 100 % alike")
