"""The councils' files: each opens with the library that its format names, holds the rows it is said to hold with just
the flaws it is said to have, and is the same to the byte for the same seed."""

import json
import zipfile
from pathlib import Path

import fastexcel
import numpy as np
import polars as pl
import pyogrio
import pytest
import shapely

from datasets.issues import issue_codes
from harvesters.demo import brackholme
from harvesters.demo.city import DemoCity, make_city
from harvesters.demo.councils import demo_feeds, write_councils
from harvesters.demo.publication import Publication

Publications = dict[str, Publication]


def test_the_same_seed_writes_the_same_bytes(publications: Publications, folder: Path, tmp_path: Path) -> None:
    write_councils(make_city(), tmp_path)
    written = sorted(path.relative_to(tmp_path) for path in tmp_path.rglob("*") if path.is_file())
    assert len(written) == len(publications) + 1
    for path in written:
        assert (tmp_path / path).read_bytes() == (folder / path).read_bytes(), path


def test_writing_again_into_the_same_folder_replaces_every_file(tmp_path: Path) -> None:
    write_councils(make_city(features=300), tmp_path)
    for publication in write_councils(make_city(features=200), tmp_path):
        assert _rows(tmp_path / publication.path) == publication.rows, publication.feed_id


def test_there_is_a_file_for_every_feed_and_a_feed_for_every_file(publications: Publications) -> None:
    feeds = demo_feeds("http://127.0.0.1:8080/")
    assert [feed.id for feed in feeds] == list(publications) and len(feeds) == 23
    assert "dunmoor-libraries" not in publications
    assert feeds[0].url == "http://127.0.0.1:8080/ashmere/public-toilets.csv"


def test_ferncliffes_feeds_name_datasets_of_its_portal_and_one_borough_has_another_licence() -> None:
    feeds = {feed.id: feed for feed in demo_feeds("http://127.0.0.1:8080")}
    stations = feeds["ferncliffe-polling-stations"]
    assert (stations.platform, stations.params) == ("ckan", {"dataset": "polling-stations"})
    assert stations.url == "http://127.0.0.1:8080/ferncliffe/data"
    assert {feed.id.split("-")[0] for feed in feeds.values() if feed.licence == "CC-BY-4.0"} == {"eastwold"}
    assert [feed.id for feed in feeds.values() if feed.mapping] == ["dunmoor-public-toilets"]


def test_every_file_holds_as_many_rows_as_it_is_said_to(publications: Publications, folder: Path) -> None:
    said = {publication.feed_id: publication.rows for publication in publications.values()}
    assert {feed_id: _rows(folder / publications[feed_id].path) for feed_id in said} == said


def test_features_between_all_files_are_the_citys(publications: Publications, city: DemoCity) -> None:
    assert sum(publication.features for publication in publications.values()) == city.features


def test_every_quirk_is_named_by_a_code_of_the_issue_register(publications: Publications) -> None:
    codes = {quirk.code for publication in publications.values() for quirk in publication.quirks}
    assert len(codes) >= 14 and codes <= set(issue_codes())


def test_ashmere_writes_a_byte_order_mark_and_one_file_in_the_code_page_of_windows(
    publications: Publications, folder: Path
) -> None:
    assert (folder / "ashmere/public-toilets.csv").read_bytes().startswith(b"\xef\xbb\xbfExtractDate,")
    libraries = (folder / "ashmere/libraries.csv").read_bytes()
    assert "Café open 10–4; printing £0.20".encode("cp1252") in libraries
    with pytest.raises(UnicodeDecodeError):
        libraries.decode()


def test_brackholme_puts_guidance_before_the_rows_and_lost_digits_of_three_uprns(
    publications: Publications, folder: Path
) -> None:
    workbook = fastexcel.read_excel(folder / "brackholme/libraries.xlsx")
    assert workbook.sheet_names == ["Guidance", "Libraries"]
    frame = workbook.load_sheet("Libraries", header_row=2).to_polars()
    assert frame["UPRN"].str.contains(r"E\+").sum() == brackholme.ROUNDED_UPRNS


def test_brackholmes_dates_come_back_as_dates(publications: Publications, folder: Path, city: DemoCity) -> None:
    sheet = fastexcel.read_excel(folder / "brackholme/conservation-areas.xlsx").load_sheet("Areas", header_row=2)
    designated = sheet.to_polars()["Date of Designation"].cast(pl.Date)
    assert designated.to_list() == city.features_of("conservation-areas", 1)["designation_date"].to_list()


def test_coppergate_swaps_one_point_and_leaves_areas_on_the_grid(publications: Publications, folder: Path) -> None:
    toilets = json.loads((folder / "coppergate/public-toilets.geojson").read_text())
    points = [f["geometry"]["coordinates"] for f in toilets["features"] if f["geometry"]]
    assert [place for place in points if place[0] > 10] == [points[0]]
    areas = json.loads((folder / "coppergate/conservation-areas.geojson").read_text())
    assert "crs" not in areas
    assert shapely.get_coordinates(shapely.geometry.shape(areas["features"][0]["geometry"])).min() > 390_000


def test_dunmoors_shapefiles_have_short_names_a_prj_and_one_crossed_outline(
    publications: Publications, folder: Path
) -> None:
    with zipfile.ZipFile(folder / "dunmoor/conservation-areas.zip") as archive:
        assert {Path(name).suffix for name in archive.namelist()} == {".shp", ".shx", ".dbf", ".prj", ".cpg"}
        assert archive.testzip() is None
    meta, _, geometry, _ = pyogrio.raw.read(folder / "dunmoor/conservation-areas.zip")
    assert meta["crs"] == "EPSG:27700" and max(map(len, meta["fields"])) <= 10
    assert np.flatnonzero(~shapely.is_valid(shapely.from_wkb(geometry))).tolist() == [0]


def test_eastwolds_geopackage_has_a_second_layer_beside_the_stations(publications: Publications, folder: Path) -> None:
    layers = pyogrio.list_layers(folder / "eastwold/polling-stations.gpkg")
    assert dict(layers) == {"polling_districts": "Polygon", "polling_stations": "Point"}


def test_ferncliffes_stations_have_their_blank_total_and_null_island_rows(
    publications: Publications, folder: Path
) -> None:
    frame = pl.read_csv(folder / "ferncliffe/data/files/stations.csv", separator=";", infer_schema=False)
    features = publications["ferncliffe-polling-stations"].features
    assert frame.filter(pl.all_horizontal(pl.all().is_null())).height == 3
    assert frame.filter((pl.col("Easting") == "0") & (pl.col("Northing") == "0")).height == 1
    assert frame.filter(pl.col("Ref") == "Total")["Polling Station"].to_list() == [str(features)]
    assert frame.filter(pl.col("Ref").is_not_null() & pl.col("Ref").is_duplicated()).height == 4


def test_ferncliffes_libraries_have_no_coordinates_and_its_toilets_a_header_twice(
    publications: Publications, folder: Path
) -> None:
    libraries = (folder / "ferncliffe/data/files/libraries.csv").read_text().splitlines()
    assert libraries[0] == "Library;Address;Postcode;Opening Hours;E-mail;Telephone"
    assert "ZZ99 9ZZ" in libraries[-1]
    assert (folder / "ferncliffe/data/files/toilets.tsv").read_text().splitlines()[0].split("\t").count("Notes") == 2


@pytest.mark.parametrize(
    "name", ["dunmoor/polling-stations.zip", "eastwold/public-toilets.kml", "eastwold/libraries.gpkg"]
)
def test_points_written_through_gdal_lie_in_their_borough(
    publications: Publications, folder: Path, city: DemoCity, name: str
) -> None:
    publication = next(p for p in publications.values() if str(p.path) == name)
    meta, _, geometry, _ = pyogrio.raw.read(folder / name)
    points = shapely.from_wkb(geometry)
    truth = city.features_of(publication.layer, city.boroughs.index(publication.borough))
    if meta["crs"] == "EPSG:27700":
        assert np.abs(shapely.get_x(points) - truth["easting"].to_numpy()).max() < 0.01
    else:
        west, south, east, north = shapely.total_bounds(points)
        assert 1.6 < west < east < 2.0 and 53.4 < south < north < 53.6


def _rows(path: Path) -> int:
    if path.suffix in (".csv", ".tsv"):
        encoding = "cp1252" if path.match("ashmere/libraries.csv") else "utf-8"
        return path.read_text(encoding).count("\n") - 1
    if path.suffix == ".xlsx":
        return int(fastexcel.read_excel(path).load_sheet(1, header_row=2).height)
    layer = "polling_stations" if path.match("eastwold/polling-stations.gpkg") else 0
    return int(pyogrio.read_info(path, layer=layer, force_feature_count=True)["features"])
