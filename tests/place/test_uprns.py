"""Rows without coordinates are placed by their UPRN where the gazetteer has it, before any postcode, and say so; of
forty million UPRNs only those in and near the city are loaded."""

import polars as pl
import pytest
from town import BOUNDARY, CITY, COUNCIL, Outcome, find_postcodes, table, xy

from datasets.errors import RegisterError
from datasets.store import uprns as loading
from datasets.store.engine import connect
from datasets.store.migrate import migrate
from datasets.store.places import count_places, find_uprns, places_revision
from datasets.store.places import find_postcodes as find_loaded_postcodes
from datasets.store.uprns import LoadedUprns, has_uprns, load_uprns
from datasets.vocabulary import GeometryKind
from harvesters.surroundings import PLACES_SCHEMA, Surroundings

HEADER = "UPRN,X_COORDINATE,Y_COORDINATE,LATITUDE,LONGITUDE\n"
HOUSES = {"10001": (-0.1281, 51.5078), "10002": (-0.1131, 51.5166)}
ASKED = []


def known(codes):
    ASKED.append(codes.len())
    rows = [(code, *HOUSES[code]) for code in codes if code in HOUSES]
    return pl.DataFrame(rows, schema=PLACES_SCHEMA, orient="row")


AROUND = Surroundings(CITY, COUNCIL, BOUNDARY, find_postcodes, known)


def placed(columns, **given):
    return Outcome(table(columns), around=AROUND, **given)


def test_a_uprn_places_a_row_and_says_so():
    made = placed({"Name": ["a", "b"], "UPRN": ["10001", "000000010002"]})
    assert made.lonlat == [HOUSES["10001"], HOUSES["10002"]]
    assert made.batch.frame["placed"].to_list() == ["uprn", "uprn"] and made.codes["at-uprn"] == 2
    assert made.batch.frame["precision_m"].to_list() == [10.0, 10.0]


def test_a_uprn_comes_before_a_postcode_and_a_postcode_where_nobody_knows_the_uprn():
    made = placed({"UPRN": ["10001", "777", "10002"], "Postcode": ["AB1 1AB", "AB1 1AB", None]})
    assert made.batch.frame["placed"].to_list() == ["uprn", "postcode", "uprn"]
    assert "unknown UPRN" not in made.codes


def test_a_uprn_that_nobody_knows_is_named():
    made = placed({"UPRN": ["10001", "777", "10002"]})
    assert made.issue("unknown UPRN")["row_no"] == 3 and made.issue("unknown UPRN")["value"] == "777"


def test_coordinates_come_before_a_uprn():
    made = placed(
        {"X": [530012.3, None], "Y": [180423.4, None], "N": ["1", "2"]}, location=xy("X", "Y"), uprn=["10002"] * 2
    )
    assert made.batch.frame["placed"].to_list() == ["coordinates", "uprn"]


def test_the_gazetteer_is_asked_once_for_a_whole_file():
    ASKED.clear()
    placed({"X": [None] * 500, "Y": [None] * 500}, location=xy("X", "Y"), uprn=["10001", "10002"] * 250)
    assert ASKED == [2]


def test_an_area_is_never_placed_by_its_uprn():
    made = placed({"UPRN": ["10001", "10002"]}, kind=GeometryKind.AREA)
    assert made.batch.frame.is_empty() and made.codes["no location"] == 2


def test_numbers_under_another_name_are_no_uprns():
    with pytest.raises(AssertionError):
        placed({"Count": ["10001", "10002"]})


@pytest.fixture
def engine(fresh_database_url):
    engine = connect(fresh_database_url)
    migrate(engine, CITY)
    return engine


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "osopenuprn.csv"
    rows = ["1,530012.0,180423.0,51.507791,-0.1278", "2,400000.0,600000.0,55.29,-2.0", "x,530012.0,180423.0,51.5,-0.1"]
    path.write_text("\ufeff" + HEADER + "\n".join(rows) + "\n0042,531023.0,181434.0,51.516643,-0.113065")
    return path


@pytest.mark.parametrize("block", [40, 1 << 20])
def test_the_citys_uprns_are_loaded_block_by_block(engine, path, monkeypatch, block):
    monkeypatch.setattr(loading, "_BLOCK_BYTES", block)
    assert has_uprns(path) and load_uprns(engine, CITY, path) == LoadedUprns(kept=2, left_out=2)
    wanted = pl.Series(["1", "2", "42", None])
    assert sorted(find_uprns(engine, wanted).rows()) == [("1", -0.1278, 51.507791), ("42", -0.113065, 51.516643)]
    assert find_loaded_postcodes(engine, wanted).is_empty()
    assert (count_places(engine, CITY, "uprn"), count_places(engine, CITY)) == (2, 0)


def test_loading_again_replaces_and_is_counted(engine, path):
    load_uprns(engine, CITY, path)
    path.write_text(HEADER + "1,530012.0,180423.0,51.6,-0.2\n")
    load_uprns(engine, CITY, path)
    assert sorted(find_uprns(engine, pl.Series(["1", "42"])).rows())[0] == ("1", -0.2, 51.6)
    assert places_revision(engine) == 2 and count_places(engine, CITY, "uprn") == 2


def test_uprns_on_the_grid_alone_are_converted(engine, tmp_path):
    path = tmp_path / "grid.csv"
    path.write_text("uprn,x_coordinate,y_coordinate\n7,530012,180423\n")
    load_uprns(engine, CITY, path)
    ((_, lon, lat),) = find_uprns(engine, pl.Series(["7"])).rows()
    assert (lon, lat) == (pytest.approx(-0.128, abs=1e-3), pytest.approx(51.5078, abs=1e-3))


def test_a_file_without_one_uprn_of_the_city_is_refused(engine, path):
    path.write_text(HEADER + "2,400000.0,600000.0,55.29,-2.0\n")
    with pytest.raises(RegisterError, match="not one of 1 rows has a UPRN and a place in Elms"):
        load_uprns(engine, CITY, path)


@pytest.mark.parametrize("header", ["postcode,lon,lat\n", "UPRN,ward\n", ""])
def test_other_files_are_no_uprns(tmp_path, header):
    (tmp_path / "other.csv").write_text(header)
    assert not has_uprns(tmp_path / "other.csv")
