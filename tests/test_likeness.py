"""How likely two features are one thing: each rule with a pair that it passes and one that it does not."""

from typing import Any

import numpy as np
import polars as pl
import pytest
import shapely

from datasets.layer import Layer, find_layer
from datasets.likeness import OPEN, SAME, name_likeness, normalised, score_areas, score_points, told_by

TOILETS = find_layer("public-toilets")
AREAS = find_layer("conservation-areas")
METRE = 1 / 111_320


def layer_with_numbers() -> Layer:
    fields = {**TOILETS.fields, "uprn": TOILETS.fields["uprn"].model_copy(update={"national": True})}
    return TOILETS.model_copy(update={"fields": fields})


def pair(layer: Layer, ours: dict[str, Any], theirs: dict[str, Any], metres: float = 5) -> pl.DataFrame:
    told = told_by(layer)
    values: dict[str, Any] = {"x_a": 1.0, "x_b": 1.0, "y_a": 53.0, "y_b": 53.0 + metres * METRE}
    for name in ("name", *told["numbers"], *told["words"], *told["kinds"]):
        values |= {f"{name}_a": ours.get(name), f"{name}_b": theirs.get(name)}
    for name in told["numbers"]:
        values |= {f"{name}_repeats_a": ours.get("repeats", False), f"{name}_repeats_b": theirs.get("repeats", False)}
    text = {key: pl.String for key, value in values.items() if value is None}
    return pl.DataFrame({key: [value] for key, value in values.items()}, schema_overrides=text)


def verdict(ours: dict[str, Any], theirs: dict[str, Any], metres: float = 5) -> str:
    layer = layer_with_numbers()
    scored = score_points(layer, pair(layer, ours, theirs, metres))
    if scored.is_empty():
        return "nothing"
    return "same" if scored["score"][0] >= SAME else "open"


@pytest.mark.parametrize(
    ("ours", "theirs", "metres", "expected"),
    [
        ("Mere Lane Toilets", "Toilets, Mere Ln", 10, "same"),
        ("Mere Lane", "Mere Lane", 39, "nothing"),
        ("Mere Lane", "Mere Lane", 30, "open"),
        ("Mere Lane", "Mere Lane", 41, "nothing"),
        ("Mere Lane", "Station Road", 0, "nothing"),
        ("Towerford Avenue", "Towerfield Avenue", 3, "open"),
        ("Mere Lane Ladies", "Mere Lane Gents", 0, "nothing"),
        ("Park North", "Park South", 0, "nothing"),
        ("Stand 12", "Stand 13", 0, "nothing"),
        ("Stand 12", "Stand 12", 0, "same"),
        ("Public Toilets", "WC", 5, "open"),
        ("Public Toilets", "WC", 35, "nothing"),
        (None, "Mere Lane", 5, "open"),
    ],
)
def test_names_and_distance(ours: str | None, theirs: str, metres: float, expected: str) -> None:
    assert verdict({"name": ours}, {"name": theirs}, metres) == expected


@pytest.mark.parametrize(
    ("ours", "theirs", "expected"),
    [
        ({"uprn": "100"}, {"uprn": "100"}, "same"),
        ({"uprn": "100"}, {"uprn": "200"}, "nothing"),
        ({"uprn": "100"}, {"uprn": None}, "nothing"),
        ({"uprn": "100", "repeats": True}, {"uprn": "100"}, "nothing"),
        ({"uprn": "100", "category": "Male"}, {"uprn": "100", "category": "Female"}, "open"),
    ],
    ids=["equal", "other", "one has none", "shared by two of one feed", "of another kind"],
)
def test_a_number_that_is_the_same_whoever_publishes_it(
    ours: dict[str, Any], theirs: dict[str, Any], expected: str
) -> None:
    assert verdict({"name": "Mere Lane", **ours}, {"name": "Quay Street", **theirs}) == expected


def test_another_number_speaks_louder_than_the_same_name_and_place() -> None:
    same = {"name": "Mere Lane"}
    assert verdict({**same, "uprn": "100"}, {**same, "uprn": "200"}, 0) == "nothing"
    assert verdict(same, {**same, "uprn": "200"}, 0) == "same"


@pytest.mark.parametrize(("theirs", "expected"), [("Male", "open"), ("Female", "same"), (None, "same")])
def test_things_of_another_kind_are_not_taken_to_be_one(theirs: str | None, expected: str) -> None:
    ours = {"name": "Mere Lane", "category": "Female"}
    assert verdict(ours, {"name": "Mere Lane", "category": theirs}, 2) == expected


@pytest.mark.parametrize(
    ("ours", "theirs", "expected"),
    [("Quercus robur", "Acer campestre", False), ("Quercus robur", "Quercus Robur", True)],
)
def test_two_trees_of_a_border_street_are_told_apart_by_their_species(ours: str, theirs: str, expected: bool) -> None:
    trees = TOILETS.model_copy(update={"natural_key": ("address",), "match_radius_m": 3})
    scored = score_points(trees, pair(trees, {"address": ours}, {"address": theirs}, 2))
    assert (scored.height == 1) == expected and (scored["score"] < SAME).all()


def test_the_evidence_is_told_in_words() -> None:
    layer = layer_with_numbers()
    ours = {"name": "Mere Lane", "uprn": "100", "category": "Male"}
    scored = score_points(layer, pair(layer, ours, {**ours, "category": "Female"}, 5))
    assert scored["evidence"].to_list() == [
        "5.0 m apart; names 100 % alike; same UPRN 100; Who it is for differs: Male, Female"
    ]


def areas(a: shapely.Polygon, b: shapely.Polygon, names: tuple[str | None, str | None]) -> float:
    shapes = [np.array([shape], dtype=object) for shape in (a, b)]
    scored = score_areas(AREAS, pair(AREAS, {"name": names[0]}, {"name": names[1]}), *shapes)
    return float(scored["score"][0]) if scored.height else 0.0


SQUARE = shapely.box(0, 0, 200, 200)


@pytest.mark.parametrize(
    ("other", "names", "least", "below"),
    [
        (shapely.box(1, 1, 201, 201), ("Old Town", "Old Town"), SAME, 1.1),
        (shapely.box(1, 1, 201, 201), (None, None), SAME, 1.1),
        (shapely.box(1, 1, 201, 201), ("Old Town", "Harbour"), OPEN, SAME),
        (shapely.box(0, 0, 200, 180), ("Old Town", "Old Town"), SAME, 1.1),
        (shapely.box(0, 0, 200, 130), ("Old Town", "Old Town"), OPEN, SAME),
        (shapely.box(0, 0, 200, 90), ("Old Town", "Old Town"), OPEN, SAME),
        (shapely.box(0, 0, 200, 90), ("Old Town", "Harbour"), 0, OPEN),
        (shapely.box(100, 100, 300, 300), ("Old Town", "Old Town"), 0, OPEN),
        (shapely.box(200, 0, 400, 200), ("Old Town", "Old Town"), 0, 0.01),
        (shapely.box(198.5, 0, 400, 200), ("Old Town", "Old Town"), 0, 0.01),
        (shapely.Point(100, 100), ("Old Town", "Old Town"), OPEN, SAME),
        (shapely.Point(300, 100), ("Old Town", "Old Town"), 0, 0.01),
    ],
    ids=[
        "all but the same",
        "the same without names",
        "the same under other names",
        "most of it",
        "much of it",
        "a part of it, named the same",
        "a part of it, named otherwise",
        "a corner",
        "touching",
        "a sliver",
        "its point",
        "a point outside",
    ],
)
def test_areas(other: shapely.Geometry, names: tuple[str, str], least: float, below: float) -> None:
    assert least <= areas(SQUARE, other, names) < below
    assert least <= areas(other, SQUARE, names[::-1]) < below


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("The Café, Mere Ln.", "cafe mere lane"),
        ("St. Mary's Rd", "st marys road"),
        ("High St", "high street"),
        ("Public Toilets", None),
        ("", None),
        (None, None),
    ],
)
def test_names_are_compared_without_what_says_nothing(given: str | None, expected: str | None) -> None:
    assert normalised(pl.Series([given], dtype=pl.String), ["toilets"]).to_list() == [expected]


def test_no_name_is_like_nothing() -> None:
    names = pl.Series(["mere lane", None, None], dtype=pl.String)
    assert name_likeness(names, pl.Series([None, "mere lane", None], dtype=pl.String)).to_list() == [None] * 3
