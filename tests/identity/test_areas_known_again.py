"""An area keeps its id when it is renamed and drawn alike, or made larger under its name; another area on nearly the
same ground, or of the same name elsewhere, is another."""

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from datasets.store.feeds import save_feed
from harvesters.run import Tools
from tests.builders import LAT, LON, Desk, feed_of

SIDE = 0.002


@pytest.fixture
def areas(tools: Tools, tmp_path: Path) -> Desk:
    desk = Desk(tools, tmp_path, feed_of("ashmere-areas", layer="conservation-areas"))
    save_feed(tools.engine, desk.feed)
    desk.harvest(drawn([("A1", "Mere End", 0, 1.0), ("A2", "Sluice Lane", 3, 1.0), ("A3", "The Green", 6, 1.0)]))
    return desk


def drawn(areas: Sequence[tuple[str, str, float, float]]) -> bytes:
    """Squares by reference, name, place along a line, and how wide they are."""
    features = []
    for reference, name, at, width in areas:
        west, east = LON + at * SIDE, LON + (at + width) * SIDE
        ring = [[west, LAT], [east, LAT], [east, LAT + SIDE], [west, LAT + SIDE], [west, LAT]]
        shape = {"type": "Polygon", "coordinates": [ring]}
        features.append({"type": "Feature", "properties": {"Reference": reference, "Name": name}, "geometry": shape})
    return json.dumps({"type": "FeatureCollection", "features": features}).encode()


def ids(desk: Desk) -> dict[str, str]:
    rows = desk.rows("name, feature_id, missing_since")
    return {row["name"]: row["feature_id"] for row in rows if row["missing_since"] is None}


def test_an_area_drawn_alike_keeps_its_id_under_another_name_and_reference(areas: Desk) -> None:
    before = ids(areas)
    areas.harvest(drawn([("B1", "Mere End Village", 0, 1.0), ("A2", "Sluice Lane", 3, 1.0), ("A3", "The Green", 6, 1)]))
    assert ids(areas)["Mere End Village"] == before["Mere End"]


def test_an_area_made_larger_keeps_its_id_under_its_name(areas: Desk) -> None:
    before = ids(areas)
    areas.harvest(drawn([("B1", "Mere End", 0, 1.9), ("A2", "Sluice Lane", 3, 1.0), ("A3", "The Green", 6, 1.0)]))
    assert ids(areas)["Mere End"] == before["Mere End"]


@pytest.mark.parametrize(
    "other",
    [("B1", "Mere Rise", 0.05, 1.0), ("B1", "Mere End", 1.2, 1.0)],
    ids=["another name on nearly the same ground", "its name beside it"],
)
def test_another_area_is_another(areas: Desk, other: tuple[str, str, float, float]) -> None:
    before = ids(areas)
    areas.harvest(drawn([other, ("A2", "Sluice Lane", 3, 1.0), ("A3", "The Green", 6, 1.0)]))
    assert ids(areas)[other[1]] != before["Mere End"]
