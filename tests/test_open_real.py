"""Real files of councils open with the number of rows that they hold, in the format and CRS they are in.

The manifest beside the files is believed but for the exceptions listed here, each with its reason.
"""

import csv
from dataclasses import replace
from functools import cache
from pathlib import Path

import polars as pl
import pytest

from datasets.errors import RunFailed
from datasets.issues import all_issues
from datasets.settings import CHECKOUT, read_settings
from harvesters.batch import Opened
from harvesters.fetch import keep_local
from harvesters.fetching.archive import Archive
from harvesters.open import open_resource

FOLDER = CHECKOUT.parent / "shared" / "data"
pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(not FOLDER.is_dir(), reason="the folder of real files, ../shared/data, is not here"),
]

NOT_DATA = {
    "JSON": "E-FORMAT",
    "TopoJSON": "E-FORMAT",
    "XML": "E-FORMAT",
    "OWS ExceptionReport": "E-PLATFORM",
    "fixed-layout text report": "E-FORMAT",
}
ROWS = {
    # The header is repeated five times among the rows, and a note follows two empty rows: 177 records.
    "polling-stations/liverpool/Polling Stations 2015.xls": 177,
}
FORMATS = {"TAB": "MapInfo TAB", "MIF": "MapInfo MIF"}


@cache
def manifest() -> list[dict[str, str]]:
    if not FOLDER.is_dir():
        return []
    with (FOLDER / "MANIFEST.csv").open(encoding="utf-8") as file:
        return [row for row in csv.DictReader(file) if "sidecar" not in row["format"]]


def opening(name: str, work: Path) -> Opened:
    kept = keep_local(FOLDER / name, Archive(work / "archive"))
    opened = open_resource(kept.archived.path, name=kept.name, settings=read_settings({}), work=work)
    bundled = not name.endswith(".zip") and kept.name.endswith(".zip")
    return replace(opened, format=opened.format.removeprefix("zipped ")) if bundled else opened


def issues(table: Opened) -> dict[str, int]:
    return dict(all_issues(table.issues).group_by("code").agg(pl.col("count").sum()).iter_rows())


@pytest.mark.parametrize("row", [r for r in manifest() if r["format"] not in NOT_DATA], ids=lambda row: row["path"])
def test_every_data_file_opens_with_its_rows(row, tmp_path):
    table = opening(row["path"], tmp_path)
    format = FORMATS.get(row["format"], row["format"].split(" (")[0])
    assert table.format == format
    assert table.records.height == ROWS.get(row["path"], int(row["rows"]))
    dropped = all_issues(table.issues).filter(action="dropped")["count"].sum()
    assert table.rows_read == table.records.height + dropped
    if table.crs and table.crs.where != "GeoJSON default" and row["crs"].startswith("EPSG:"):
        assert table.crs.epsg == int(row["crs"][5:].split(" ")[0].split(",")[0])


@pytest.mark.parametrize("row", [r for r in manifest() if r["format"] in NOT_DATA], ids=lambda row: row["path"])
def test_every_other_file_fails_in_a_sentence(row, tmp_path):
    with pytest.raises(RunFailed) as refused:
        opening(row["path"], tmp_path)
    assert refused.value.code == NOT_DATA[row["format"]]


def test_windows_text_is_read(tmp_path):
    table = opening("polling-stations/hyndburn/POLL.CSV", tmp_path)
    assert table.encoding == "windows-1252" and issues(table) == {"W-ENCODING-GUESSED": 1}
    assert not table.records.select(pl.any_horizontal(pl.all().cast(pl.String).str.contains("\ufffd")).any()).item()


def test_a_byte_order_mark_is_no_part_of_the_first_name(tmp_path):
    table = opening("public-toilets/barking-and-dagenham/barking_raw.csv", tmp_path)
    assert table.encoding == "utf-8-sig"
    assert table.columns[:4] == ["Location", "Postcode", "Grid Ref X", "Grid Ref Y"]


def test_a_header_on_row_three_is_found(tmp_path):
    table = opening("public-toilets/lambeth/lambeth_raw.xls", tmp_path)
    assert table.format == "XLS" and table.columns[0] == "Site Name"
    assert table.records["row_no"][0] == 4 and issues(table)["W-PREAMBLE"] == 2


def test_esri_json_is_read(tmp_path):
    table = opening("polling-stations/bristol/bristol_polling.json", tmp_path)
    assert (table.crs.epsg, table.crs.where) == (27700, "spatialReference")
    assert table.records["UPRN"][0] == "000000085625" and 300_000 < table.geometry[0].x < 400_000


def test_two_layers_of_a_kml_are_one(tmp_path):
    table = opening("conservation-areas/london-borough-of-camden/b85206c9.kml", tmp_path)
    assert table.records["layer"].value_counts().sort("layer").rows() == [("Layer0", 199), ("Layer1", 11)]
    assert "conservation_area_name" in table.columns and "altitudeMode" not in table.columns


def test_a_service_that_counts_nought_is_reported(tmp_path):
    table = opening("conservation-areas/kettering-borough-council/289ba18e.gml", tmp_path)
    assert issues(table) == {"E-COUNT": 1} and table.rows_read == 26
    assert table.records["name_5"][1] == "Wilbarston Conservation Area"


def test_latitude_first_is_turned_round(tmp_path):
    table = opening("conservation-areas/bolsover-district-council/17934a9d.gml", tmp_path)
    assert (table.crs.epsg, table.crs.where) == (4258, "srsName urn:ogc:def:crs:EPSG::4258")
    assert -2 < table.geometry[0].centroid.x < 0 and 53 < table.geometry[0].centroid.y < 54


def test_repeated_names_and_lines_inside_quotes(tmp_path):
    table = opening("polling-stations/ribble/RESPONSE TO FOI NO 2916.csv", tmp_path)
    assert {"Navigation ID", "Navigation ID_2"} <= set(table.columns)
    assert table.records["row_no"].to_list() == list(range(2, 46)) and "\n" in table.records["Address"][0]


@pytest.mark.parametrize(
    ("name", "width"),
    [
        ("polling-stations/basingstoke/161-15 polling station addresses.csv", 1),
        ("mobile-library-stops/birmingham/birmingham.csv", 10),
    ],
)
def test_a_file_without_a_header_keeps_its_first_row(name, width, tmp_path):
    table = opening(name, tmp_path)
    assert issues(table) == {"W-NO-HEADER": 1} and table.records["row_no"][0] == 1
    assert table.columns == [f"column_{n}" for n in range(1, width + 1)]


def test_of_two_sheets_the_larger_is_read_and_the_other_named(tmp_path):
    table = opening("polling-stations/mendip/139-04-02 Polling Stations.xlsx", tmp_path)
    assert table.layer_name == "S + F"
    message = all_issues(table.issues).filter(code="W-MULTI-SHEET")["message"].item()
    assert "Wells" in message and "may hold records too" in message


def test_blank_rows_have_their_numbers(tmp_path):
    table = opening("polling-stations/barnet/DataStructure-Table 1.csv", tmp_path)
    assert table.columns == ["NAME", "TYPE", "LENGTH", "DESCRIPTION"]
    blank = all_issues(table.issues).filter(code="blank row")
    assert blank.height == 2 and not set(blank["row_no"]) & set(table.records["row_no"])


def test_the_register_is_read_and_not_the_guidance_around_it(tmp_path):
    table = opening("brownfield-land/brentwood/brentwood.xlsm", tmp_path)
    assert (table.format, table.layer_name) == ("XLSM", "Data")
    assert table.records["PermissionDate"][0] == "2014-01-10" and table.records["GeoY"][0] == "193740"


@pytest.mark.parametrize(
    ("name", "epsg", "where"),
    [("bristol/bristol_areas.kmz", 4326, "KML"), ("boston/Polling Districts May 2015.TAB", 27700, "CoordSys"),
     ("warrington/polling_districts 2012TAB.mif", 27700, "CoordSys")],
)  # fmt: skip
def test_polling_districts_in_three_formats(name, epsg, where, tmp_path):
    table = opening(f"polling-districts/{name}", tmp_path)
    assert (table.crs.epsg, table.crs.where) == (epsg, where)
    assert all(shape is not None and "Polygon" in shape.geom_type for shape in table.geometry)


def test_one_dataset_in_two_formats_is_read_once(tmp_path):
    table = opening("conservation-areas/sedgemoor-district-council/1ee42cda.zip", tmp_path)
    assert table.format == "zipped Shapefile" and issues(table) == {"W-MULTI-LAYER": 1}
