"""Formats that GDAL and Polars read: their columns as text, their CRS, and their files whole."""

import json
import struct

import numpy as np
import polars as pl
import pyogrio
import pytest
import shapely

from datasets.errors import RunFailed, RunHeld
from harvesters.fetch import keep_local
from harvesters.fetching.archive import Archive
from harvesters.formats.siblings import wanted_siblings

POINTS = shapely.points([[530000.0, 180000.0], [530100.0, 180100.0]])


def write(path, driver, *, crs="EPSG:27700", name="Café", **options):
    columns = {
        "Name": np.array([name, "Hall"], dtype=object),
        "Beds": np.array([1, 2], dtype=np.int64),
        "Cost": np.array([1.0, 0.25]),
        "Opened": np.array(["2020-01-02", "NaT"], dtype="datetime64[D]"),
    }
    pyogrio.raw.write(
        path,
        shapely.to_wkb(POINTS),
        list(columns.values()),
        list(columns),
        driver=driver,
        crs=crs,
        geometry_type="Point",
        **options,
    )
    return path


@pytest.fixture
def whole(opened, tmp_path):
    """Opens a file as the harvest would, with the files beside it that it needs."""

    def open_it(path, *, without=(), **arguments):
        for suffix in without:
            path.with_suffix(suffix).unlink()
        kept = keep_local(path, Archive(tmp_path / "archive"))
        return opened(kept.archived.path, kept.name, **arguments)

    return open_it


def is_right(table, where):
    assert table.records.rows() == [(1, "Café", "1", "1", "2020-01-02"), (2, "Hall", "2", "0.25", None)]
    assert table.geometry[1].wkt == "POINT (530100 180100)"
    assert (table.crs.epsg, table.crs.where) == (27700, where)


@pytest.mark.parametrize(
    ("driver", "suffix", "format", "where"),
    [("GPKG", ".gpkg", "GeoPackage", "gpkg_contents"), ("FlatGeobuf", ".fgb", "FlatGeobuf", "header"),
     ("ESRI Shapefile", ".shp", "Shapefile", ".prj"), ("MapInfo File", ".tab", "MapInfo TAB", "CoordSys"),
     ("MapInfo File", ".mif", "MapInfo MIF", "CoordSys")],
)  # fmt: skip
def test_columns_geometry_and_crs_are_read(whole, tmp_path, driver, suffix, format, where):
    options = {"SPATIAL_INDEX": "NO"} if suffix == ".fgb" else {}
    if driver == "MapInfo File":
        options = {"BOUNDS": "0,0,700000,1300000", "ENCODING": "CP1252"}
    path = write(tmp_path / f"places{suffix}", driver, **options)
    table = whole(path)
    assert table.format.removeprefix("zipped ") == format
    is_right(table, where)


@pytest.mark.parametrize(
    ("written", "cpg"), [("UTF-8", "UTF-8"), ("CP1252", None), ("CP1252", "UTF-8"), ("UTF-8", None)]
)
def test_the_encoding_of_a_shapefile_is_found_even_where_the_cpg_lies(whole, tmp_path, written, cpg):
    path = write(tmp_path / "places.shp", "ESRI Shapefile", layer_options={"ENCODING": written})
    if cpg:
        path.with_suffix(".cpg").write_text(cpg)
    assert whole(path, without=() if cpg else (".cpg",)).records["Name"][0] == "Café"


def test_mapinfo_text_of_no_stated_encoding_is_recoded(whole, tmp_path):
    path = write(tmp_path / "places.mif", "MapInfo File", name="Cafe", BOUNDS="0,0,700000,1300000")
    rows = path.with_suffix(".mid")
    rows.write_bytes(rows.read_bytes().replace(b"Cafe", "Café".encode("cp1252")))
    table = whole(path)
    is_right(table, "CoordSys")
    assert table.encoding == "CP1252"


def test_a_shapefile_without_prj_declares_nothing(whole, tmp_path):
    path = write(tmp_path / "places.shp", "ESRI Shapefile")
    assert whole(path, without=(".prj", ".shx")).crs is None


def test_a_shapefile_without_its_columns_is_refused(opened, tmp_path):
    path = write(tmp_path / "places.shp", "ESRI Shapefile")
    with pytest.raises(RunFailed, match=r"without its \.dbf"):
        opened(path, "places.shp")


def test_a_cut_shapefile_is_truncated(whole, tmp_path):
    path = write(tmp_path / "places.shp", "ESRI Shapefile")
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(RunFailed) as refused:
        whole(path)
    assert refused.value.code == "E-TRUNCATED"


def test_a_table_that_refers_to_other_tables_is_refused(opened):
    with pytest.raises(RunFailed, match="refers to other tables"):
        opened('!table\n!version 100\nOpen Table "x"\nCreate View y As Select * From x\n', "view.tab")


def test_layers_that_differ_need_a_person_unless_one_is_named(opened, tmp_path):
    path = write(tmp_path / "places.gpkg", "GPKG", layer="toilets")
    wkb = shapely.to_wkb(POINTS)
    pyogrio.raw.write(path, wkb, [np.array([1, 2])], ["Other"], driver="GPKG", layer="trees", crs="EPSG:27700",
                      geometry_type="Point", append=True)  # fmt: skip
    with pytest.raises(RunHeld, match="toilets, trees"):
        opened(path, "places.gpkg")
    assert opened(path, "places.gpkg", layer="trees").columns == ["Other"]


def test_the_archived_file_is_left_as_it_was(opened, tmp_path):
    archive = tmp_path / "archive"
    archive.mkdir()
    path = write(archive / "places.gpkg", "GPKG")
    before = path.read_bytes()
    opened(path, "places.gpkg")
    assert path.read_bytes() == before and list(archive.iterdir()) == [path]


@pytest.mark.parametrize(
    ("about", "epsg"),
    [({}, 4326), ({"crs": None}, None), ({"crs": {"id": {"authority": "EPSG", "code": 27700}}}, 27700)],
)
def test_geoparquet_is_read_with_the_crs_in_its_metadata(opened, tmp_path, about, epsg):
    frame = pl.DataFrame({"name": ["a", "b"], "tags": [["x"], None], "geom": list(shapely.to_wkb(POINTS))})
    geo = {"version": "1.0.0", "primary_column": "geom", "columns": {"geom": {"encoding": "WKB", **about}}}
    frame.write_parquet(tmp_path / "p", metadata={"geo": json.dumps(geo)})
    table = opened(tmp_path / "p", "places.parquet")
    assert table.format == "GeoParquet" and table.records.rows() == [(1, "a", '["x"]'), (2, "b", None)]
    assert table.geometry[0].x == 530000 and (table.crs.epsg if table.crs else None) == epsg


def test_siblings_are_told_from_the_bytes():
    shape = struct.pack(">i", 9994) + bytes(96)
    assert wanted_siblings("x", shape) == (".dbf", ".shx", ".prj", ".cpg")
    assert wanted_siblings("x.tab", b"!table\n!version 300\n") == (".dat", ".map", ".id", ".ind")
    assert wanted_siblings("x.MIF", b'Version 300\nDelimiter ","\nColumns 2\n') == (".mid",)
    assert wanted_siblings("x.shp", b"<html>Not found</html>") == ()


def test_a_cut_table_beside_a_shapefile_is_noticed(whole, tmp_path):
    path = write(tmp_path / "places.shp", "ESRI Shapefile")
    table = path.with_suffix(".dbf")
    table.write_bytes(table.read_bytes()[:-30])
    with pytest.raises(RunFailed, match=r"The \.dbf file") as refused:
        whole(path)
    assert refused.value.code == "E-TRUNCATED"


def test_a_mif_with_fewer_shapes_than_rows_is_noticed(whole, tmp_path):
    path = write(tmp_path / "places.mif", "MapInfo File", name="Ashby", BOUNDS="0,0,700000,1300000")
    content = path.read_text()
    path.write_text(content[: content.rindex("Point")])
    with pytest.raises(RunFailed, match="shapes, but") as refused:
        whole(path)
    assert refused.value.code == "E-TRUNCATED"
