"""A feature's digest tells two versions of it apart and says nothing else; a layer's extent is kept without reading
the layer."""

from datetime import UTC, datetime, timedelta
from hashlib import md5
from typing import Any

import numpy as np
import polars as pl
import pytest
import shapely
from sqlalchemy import Engine

from datasets.store.publishing import publish as publishing
from datasets.store.publishing.compare import Changes, differing
from datasets.store.publishing.extent import NOWHERE, grown
from datasets.store.publishing.rows import digests, hexadecimal, mint_ids, well_known
from tests.builders import query
from tests.test_publish import MONDAY, Shelf

PLACES = np.array([shapely.Point(-1.5, 52), shapely.Point(-1.6, 52.1)])
SAID = pl.DataFrame({"key": ["a", "b"], "name": ["Ash Lane", None], "free": [True, False], "charge": [0.2, None]})
SAID = SAID.with_columns(kinds=pl.Series([["men", "women"], []]))
HASHES = ["97f121a613c5de4aca523191a688a640", "c85cb1322a02376dcc818334efc961f5"]


def hashes(said: pl.DataFrame = SAID, places: np.ndarray = PLACES) -> list[str]:
    return hexadecimal(digests(said, well_known(places))).to_list()


@pytest.fixture
def shelf(engine: Engine) -> Shelf:
    return Shelf(engine)


def extent(shelf: Shelf) -> tuple[int, list[float]]:
    [layer] = query(shelf.engine, "SELECT features, extent FROM citywide.layer WHERE id = 'public-toilets'")
    return layer["features"], layer["extent"]


def test_a_digest_is_the_same_on_every_machine_and_in_every_version() -> None:
    assert hashes() == HASHES


def test_a_field_added_to_a_layer_changes_no_digest_of_a_feature_that_lacks_it() -> None:
    added = SAID.with_columns(managed_by=pl.Series([None, "Ashmere Council"]), note=pl.lit(None, pl.String))
    mixed = added.select("managed_by", *SAID.columns, "note")
    assert hashes(mixed)[0] == hashes()[0] and hashes(mixed)[1] != hashes()[1]


@pytest.mark.parametrize(
    "change",
    [{"key": "c"}, {"name": "Ash Road"}, {"name": ""}, {"free": False}, {"charge": 0.25}, {"kinds": ["men"]}],
    ids=str,
)
def test_every_change_of_a_value_changes_the_digest(change: dict[str, object]) -> None:
    rows = [{**row, **change} for row in SAID.to_dicts()]
    changed = hashes(pl.DataFrame(rows, schema=SAID.schema))
    was = {(str(row), digest) for row, digest in zip(SAID.to_dicts(), hashes(), strict=True)}
    now = {(str(row), digest) for row, digest in zip(rows, changed, strict=True)}
    assert len({digest for _, digest in was | now}) == len(was | now) and now != was


def test_values_that_change_their_columns_and_shapes_that_move_change_the_digest() -> None:
    moved = np.array([shapely.Point(-1.5, 52.0000001), PLACES[1]])
    assert hashes(SAID.rename({"key": "name", "name": "key"}))[0] != hashes()[0]
    assert hashes(places=moved)[0] != hashes()[0] and hashes(places=moved)[1] == hashes()[1]


def test_a_digest_does_not_depend_on_the_features_beside_it() -> None:
    assert hashes(SAID[1:], PLACES[1:]) == hashes()[1:] and hashes(SAID[:0], PLACES[:0]) == []


@pytest.mark.parametrize(
    "shapes",
    [
        [*PLACES],
        [shapely.Point(1, 2, 3), PLACES[0]],
        [shapely.Point(), PLACES[0]],
        [None, PLACES[0]],
        [shapely.LineString([(0, 0), (1, 1)]), PLACES[0]],
        [],
    ],
    ids=["points", "height", "empty", "none", "line", "nothing"],
)
def test_shapes_are_written_as_geos_writes_them(shapes: list[object]) -> None:
    array = np.array(shapes, dtype=object)
    assert well_known(array).to_list() == shapely.to_wkb(array, byte_order=1).tolist()


def test_an_id_is_the_start_of_the_md5_of_what_it_is_minted_of() -> None:
    keys = pl.Series(["tpo/1", "é\x1f2"])
    assert mint_ids("trees|X1|", keys).to_list() == [md5(f"trees|X1|{key}".encode()).hexdigest()[:20] for key in keys]


def test_only_what_is_not_held_as_it_is_differs() -> None:
    held = digests(SAID, well_known(PLACES)).with_columns(fid=pl.Series([7, 8]))
    now = digests(SAID.with_columns(free=pl.lit(True)), well_known(PLACES))
    places, fids = differing(now, held)
    assert (places.tolist(), fids.to_list()) == ([1], [8])


def test_an_extent_grows_by_what_is_new_and_is_not_known_once_something_left_its_edge() -> None:
    before, inside, edge = np.array([0.0, 0, 9, 9]), np.array([1.0, 1, 2, 2]), np.array([1.0, 1, 2, 9])
    new = np.array([shapely.Point(-1, 5)])
    assert grown(before, [inside], new).tolist() == [-1, 0, 9, 9]
    assert grown(before, [inside, edge], new) is None
    assert grown(NOWHERE, [], new).tolist() == [-1, 5, -1, 5] and grown(before, [], new[:0]).tolist() == [0, 0, 9, 9]


def test_the_layers_extent_shrinks_when_its_outermost_feature_moves_or_ends(shelf: Shelf) -> None:
    names = {"a": "Ash Lane", "bb": "Birch Road", "ccc": "Cherry Way"}
    shelf.publish(names)
    features, (west, _, east, _) = extent(shelf)
    shelf.publish(names, geometry=[shapely.Point(west + x, 52) for x in (0, 0.0001, 0.0002)])
    assert extent(shelf) == (3, [west, 52, pytest.approx(west + 0.0002), 52]) and east > west + 0.001
    week = timedelta(days=7)
    for day in (MONDAY + week, MONDAY + 2 * week):
        shelf.publish({"a": "Ash Lane", "bb": "Birch Road"}, day, geometry=[shapely.Point(west, 52)] * 2)
    assert (features, extent(shelf)) == (3, (2, [west, 52, west, 52]))


def test_a_layer_without_features_has_no_extent(shelf: Shelf) -> None:
    shelf.publish({"a": "Ash Lane"})
    for day in (8, 16):
        shelf.publish({}, datetime(2026, 3, 2 + day, tzinfo=UTC))
    assert extent(shelf) == (0, None)
    shelf.publish({"a": "Ash Lane"}, MONDAY + timedelta(days=30))
    assert extent(shelf)[0] == 1 and extent(shelf)[1] is not None


def test_features_that_stand_as_they_are_are_not_read(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    read, compare = [], publishing.compare

    def watched(held: pl.DataFrame, *rest: Any, **given: Any) -> Changes:
        read.append(held.height)
        return compare(held, *rest, **given)

    monkeypatch.setattr(publishing, "compare", watched)
    shelf.publish({"a": "Ash Lane", "b": "Birch Road", "c": "Cherry Way"})
    shelf.publish({"a": "Ash Lane", "b": "Beech Road", "d": "Dale View"})
    assert read == [0, 2]
