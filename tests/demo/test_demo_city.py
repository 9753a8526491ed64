"""The demo city: six boroughs that tile it, features that lie in their borough, all of it the same for the same seed,
and none of it to be taken for a real place."""

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import shapely
from convertbng.cutil import convert_lonlat

from datasets.city import read_city
from datasets.errors import CitywideError
from datasets.settings import read_settings
from harvesters.demo.benchmark import write_benchmark_csv
from harvesters.demo.city import LAYERS, WITHOUT_LIBRARIES, DemoCity, make_city
from harvesters.demo.land import boroughs, extent
from harvesters.demo.references import write_boundaries, write_postcodes

POINT_LAYERS = [layer for layer in LAYERS if layer != "conservation-areas"]


def test_the_shipped_city_document_agrees_with_the_generator() -> None:
    document = read_city(read_settings({"CITYWIDE_CITY": "demo"}))
    assert document.extent == extent()
    assert [(c.gss, c.name, c.slug) for c in document.council] == [(b.gss, b.name, b.slug) for b in boroughs()]


def test_the_national_grid_reaches_the_whole_city_and_ten_kilometres_around_it() -> None:
    west, south, east, north = shapely.total_bounds([borough.shape for borough in boroughs()])
    x, y = np.meshgrid(np.arange(west - 10_000, east + 10_001, 500), np.arange(south - 10_000, north + 10_001, 500))
    assert not np.isnan(convert_lonlat(x.ravel(), y.ravel())).any()


def test_the_boroughs_tile_the_city_and_share_their_borders_exactly() -> None:
    shapes = [borough.shape for borough in boroughs()]
    assert all(shape.geom_type == "Polygon" and shape.is_valid and not shape.interiors for shape in shapes)
    assert all(200 < shapely.get_num_coordinates(shape) < 700 for shape in shapes)
    assert shapely.coverage_is_valid(shapes)
    assert shapely.coverage_union_all(shapes).geom_type == "Polygon"


def test_the_boundary_file_keeps_shared_borders_in_degrees(city: DemoCity, tmp_path: Path) -> None:
    write_boundaries(city, tmp_path / "boundaries.geojson")
    document = json.loads((tmp_path / "boundaries.geojson").read_text())
    assert [f["properties"]["GSS_CODE"] for f in document["features"]] == [b.gss for b in boroughs()]
    assert shapely.coverage_is_valid([shapely.geometry.shape(f["geometry"]) for f in document["features"]])


def test_the_gazetteer_has_two_thousand_postcodes_of_an_area_there_is_not(city: DemoCity, tmp_path: Path) -> None:
    write_postcodes(city, tmp_path / "postcodes.csv")
    frame = pl.read_csv(tmp_path / "postcodes.csv")
    assert frame.columns == ["postcode", "easting", "northing"]
    assert len(frame) == frame["postcode"].n_unique() == 2004
    assert frame["postcode"].str.contains(r"^ZZ(1[0-2]?|[2-9]) [0-9][A-Z]{2}$").all()


@pytest.mark.parametrize("features", [200, 4000, 25_000])
def test_there_are_exactly_as_many_features_as_were_asked_for(features: int) -> None:
    assert make_city(features=features).features == features


def test_fewer_features_than_can_be_shared_out_are_refused() -> None:
    with pytest.raises(CitywideError, match="at least 200 features, not 199"):
        make_city(features=199)


def test_a_large_city_is_mostly_polling_stations_and_toilets() -> None:
    counts = {layer: len(frame) for layer, frame in make_city(features=100_000).layers.items()}
    assert counts["public-toilets"] + counts["polling-stations"] > 98_000
    assert 60 < counts["libraries"] < counts["conservation-areas"] < 1_000


def test_every_borough_has_every_layer_but_for_one_gap(city: DemoCity) -> None:
    empty = [(la, order) for la in LAYERS for order in range(6) if city.features_of(la, order).is_empty()]
    assert empty == [("libraries", WITHOUT_LIBRARIES)]


@pytest.mark.parametrize("layer", POINT_LAYERS)
def test_every_point_lies_in_its_borough_near_its_postcode(city: DemoCity, layer: str) -> None:
    for order, borough in enumerate(city.boroughs):
        frame = city.features_of(layer, order).join(city.postcodes, on="postcode", suffix="_of_postcode")
        assert shapely.contains_xy(borough.shape, frame.select("easting", "northing").to_numpy()).all()
        offset = frame.select(pl.col(axis) - pl.col(f"{axis}_of_postcode") for axis in ("easting", "northing"))
        assert (np.hypot(*offset.to_numpy().T) < 211).all()


@pytest.mark.parametrize("layer", LAYERS)
def test_references_are_unique_within_a_layer(city: DemoCity, layer: str) -> None:
    assert city.layers[layer]["reference"].is_unique().all()


@pytest.mark.parametrize("layer", ["libraries", "conservation-areas"])
def test_no_two_libraries_or_areas_share_a_name_however_many_there_are(layer: str) -> None:
    assert make_city(features=300_000).layers[layer]["name"].is_unique().all()


def test_areas_lie_in_their_borough_but_for_those_said_to_cross(city: DemoCity) -> None:
    for order, borough in enumerate(city.boroughs):
        crosses = city.features_of("conservation-areas", order)["crosses"].to_numpy()
        shapes = city.shapes_of(order)
        inside = shapely.area(shapely.intersection(shapes, borough.shape)) / shapely.area(shapes)
        assert (inside[~crosses] > 0.9999).all()
        assert crosses.any() and ((inside[crosses] > 0.6) & (inside[crosses] < 0.97)).all()


def test_areas_are_valid_and_some_have_several_parts(city: DemoCity) -> None:
    assert shapely.is_valid(city.shapes).all()
    vertices = shapely.get_num_coordinates(city.shapes)
    assert vertices.min() >= 30 and vertices.max() <= 203
    assert {"Polygon", "MultiPolygon"} == {shape.geom_type for shape in city.shapes}


def test_another_seed_gives_other_features_in_the_same_boroughs(city: DemoCity) -> None:
    other = make_city(seed=1)
    assert other.boroughs == city.boroughs and other.postcodes.equals(city.postcodes)
    assert not other.layers["public-toilets"].equals(city.layers["public-toilets"])


def test_the_benchmark_file_has_twelve_columns_inside_the_first_borough(tmp_path: Path) -> None:
    write_benchmark_csv(tmp_path / "toilets.csv", rows=5_000)
    frame = pl.read_csv(tmp_path / "toilets.csv")
    assert frame.shape == (5_000, 12) and frame["Reference"].is_unique().all()
    assert shapely.contains_xy(boroughs()[0].shape, frame.select("Easting", "Northing").to_numpy()).all()


def test_the_changed_benchmark_file_differs_in_just_its_share_of_rows(tmp_path: Path) -> None:
    write_benchmark_csv(tmp_path / "before.csv", rows=5_000)
    write_benchmark_csv(tmp_path / "after.csv", rows=5_000, changed_share=0.01)
    before, after = ((tmp_path / name).read_text().splitlines() for name in ("before.csv", "after.csv"))
    assert sum(old != new for old, new in zip(before, after, strict=True)) == 50
