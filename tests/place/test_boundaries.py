"""Boundaries load from any file with a column of GSS codes, in any system; what is missing or wrong is named."""

import json

import numpy as np
import pytest
import shapely
from town import CITY, COUNCIL

from datasets.city import Council
from datasets.crs import wgs84_to_bng
from datasets.errors import RegisterError
from datasets.settings import CHECKOUT
from datasets.store.boundaries import boundaries_revision, councils_without_boundary, load_boundaries, read_boundary
from datasets.store.engine import connect
from datasets.store.migrate import migrate

SECOND = Council(gss="E09999902", name="Birchford")
PAIR = CITY.model_copy(update={"council": (COUNCIL, SECOND)})
SQUARE = shapely.box(-0.2, 51.4, -0.1, 51.5)
NEXT = shapely.box(-0.1, 51.4, 0.0, 51.5)
LONDON = CHECKOUT.parent / "shared/data/boundaries/london"


@pytest.fixture
def engine(fresh_database_url):
    engine = connect(fresh_database_url)
    migrate(engine, PAIR)
    return engine


def geojson(folder, rows, crs=None):
    """A file of features, each a shape and its properties."""
    features = [
        {"type": "Feature", "properties": columns, "geometry": json.loads(shapely.to_geojson(shape))}
        for shape, columns in rows
    ]
    member = {"crs": {"type": "name", "properties": {"name": crs}}} if crs else {}
    path = folder / "boundaries.geojson"
    path.write_text(json.dumps({"type": "FeatureCollection", **member, "features": features}))
    return path


def test_the_column_is_found_by_its_values(engine, tmp_path):
    rows = [
        (SQUARE, {"ward": "E05000001", "area_code": COUNCIL.gss}),
        (NEXT, {"ward": "E05000002", "area_code": "E09999902"}),
        (NEXT, {"ward": "E05000003", "area_code": "E09000033"}),
    ]
    assert load_boundaries(engine, PAIR, geojson(tmp_path, rows), "made up") == 2
    assert read_boundary(engine, COUNCIL.gss).equals(SQUARE)
    assert read_boundary(engine, COUNCIL.gss).geom_type == "MultiPolygon"
    assert read_boundary(engine, "E09000033") is None


def test_grid_boundaries_are_converted(engine, tmp_path):
    on_grid = shapely.transform(SQUARE, lambda vertices: np.column_stack(wgs84_to_bng(*vertices.T)))
    path = geojson(tmp_path, [(on_grid, {"LAD23CD": COUNCIL.gss})], "urn:ogc:def:crs:EPSG::27700")
    load_boundaries(engine, PAIR, path, "made up")
    assert read_boundary(engine, COUNCIL.gss).hausdorff_distance(SQUARE) < 1e-6


def test_rows_of_one_council_become_one_boundary(engine, tmp_path):
    rows = [(SQUARE, {"lad": COUNCIL.gss}), (NEXT, {"lad": COUNCIL.gss})]
    assert load_boundaries(engine, PAIR, geojson(tmp_path, rows), "wards") == 1
    assert read_boundary(engine, COUNCIL.gss).area == pytest.approx(0.02)


def test_loading_again_replaces_and_is_counted(engine, tmp_path):
    assert boundaries_revision(engine) == 0
    load_boundaries(engine, PAIR, geojson(tmp_path, [(SQUARE, {"c": COUNCIL.gss})]), "first")
    load_boundaries(engine, PAIR, geojson(tmp_path, [(NEXT, {"c": SECOND.gss})]), "second")
    assert boundaries_revision(engine) == 2
    assert councils_without_boundary(engine, PAIR) == [COUNCIL]


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"name": "Elmsworth"}, "no column holds GSS codes"),
        ({"code": "E09000033"}, "column code has GSS codes, but of no council of Elms"),
    ],
)
def test_a_file_without_the_citys_codes_is_refused(engine, tmp_path, columns, said):
    with pytest.raises(RegisterError, match=said):
        load_boundaries(engine, PAIR, geojson(tmp_path, [(SQUARE, columns)]), "wrong")
    assert boundaries_revision(engine) == 0


def test_a_boundary_that_is_a_point_is_refused(engine, tmp_path):
    with pytest.raises(RegisterError, match="E09999901 is not an area"):
        load_boundaries(engine, PAIR, geojson(tmp_path, [(shapely.Point(0, 51), {"c": COUNCIL.gss})]), "wrong")


@pytest.mark.parametrize(("name", "said"), [("missing.geojson", "no such file"), ("broken.geojson", "cannot be read")])
def test_a_file_that_cannot_be_read_is_named(engine, tmp_path, name, said):
    (tmp_path / "broken.geojson").write_text("{ this is not GeoJSON")
    with pytest.raises(RegisterError, match=f"{name}.*{said}"):
        load_boundaries(engine, PAIR, tmp_path / name, "wrong")


@pytest.mark.real
@pytest.mark.skipif(not LONDON.is_dir(), reason="the folder of real files, ../shared/data, is not here")
@pytest.mark.parametrize("name", ["boroughs-2013.geojson", "england_topo_lad.json"])
def test_real_boundaries_load(engine, name):
    camden = Council(gss="E09000007", name="Camden")
    city = CITY.model_copy(update={"council": (camden, Council(gss="E09000028", name="Southwark"))})
    assert load_boundaries(engine, city, LONDON / name, "ONS") == 2
    assert read_boundary(engine, "E09000007").contains(shapely.Point(-0.14, 51.54))
