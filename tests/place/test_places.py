"""The gazetteer loads from any CSV of postcodes with degrees or grid metres, and answers for many postcodes at once."""

import polars as pl
import pytest
from town import CITY

from datasets.errors import RegisterError
from datasets.settings import CHECKOUT
from datasets.store.engine import connect
from datasets.store.migrate import migrate
from datasets.store.places import find_postcodes, load_places, places_revision

TRAFFORD = CHECKOUT.parent / "shared/data/postcodes/trafford_postcodes.csv"
PLACE = ("AB11AA", -0.127801, 51.507402)


@pytest.fixture
def engine(fresh_database_url):
    engine = connect(fresh_database_url)
    migrate(engine, CITY)
    return engine


def found(engine, *codes):
    return find_postcodes(engine, pl.Series(codes, dtype=pl.String)).sort("code").rows()


@pytest.mark.parametrize(
    "content",
    [
        "postcode,lon,lat\nAB1 1AA,-0.127801,51.507402\n",
        "\ufeffPostcode,Latitude,Longitude\nab11aa,51.507402,-0.127801\n",
        'pcd,pcds,oseast1m,osnrth1m,lat,long\n"AB1 1AA","AB1 1AA",1,2,51.507402,-0.127801\n',
    ],
)
def test_postcodes_with_degrees_load(engine, tmp_path, content):
    (tmp_path / "places.csv").write_text(content)
    assert load_places(engine, tmp_path / "places.csv") == 1
    assert found(engine, "AB11AA") == [PLACE]


@pytest.mark.parametrize(
    "content", ['"AB1 1AA",10,530027,180380,"E92"\n', "pcds,oseast1m,osnrth1m\nAB1 1AA,530027,180380\n"]
)
def test_postcodes_on_the_grid_load_with_or_without_a_header(engine, tmp_path, content):
    (tmp_path / "places.csv").write_text(content)
    load_places(engine, tmp_path / "places.csv")
    ((code, lon, lat),) = found(engine, "AB11AA")
    assert (code, lon, lat) == (PLACE[0], pytest.approx(PLACE[1], abs=1e-3), pytest.approx(PLACE[2], abs=1e-3))


def test_a_folder_loads_with_all_its_files(engine, tmp_path):
    (tmp_path / "ab.csv").write_text('"AB1 1AA",10,530027,180380\n')
    (tmp_path / "ac.csv").write_text('"AC1 1AA",10,530027,180380\n')
    assert load_places(engine, tmp_path) == 2


def test_loading_again_replaces_and_is_counted(engine, tmp_path):
    path = tmp_path / "places.csv"
    for lon in (-0.1, -0.2):
        path.write_text(f"postcode,lon,lat\nAB1 1AA,{lon},51.5\nAB1 1AB,-0.3,51.6\n")
        load_places(engine, path)
    assert found(engine, "AB11AA", "AB11AB") == [("AB11AA", -0.2, 51.5), ("AB11AB", -0.3, 51.6)]
    assert places_revision(engine) == 2


def test_rows_without_a_place_are_left_out(engine, tmp_path):
    (tmp_path / "places.csv").write_text(
        "pcds,lat,long\nAB1 1AA,99.999999,0\nAB1 1AB,,\nAB1 1AD,51.5,-0.1\nnone,51,0\n"
    )
    assert load_places(engine, tmp_path / "places.csv") == 1


def test_postcodes_that_are_not_known_are_not_in_the_answer(engine):
    assert found(engine, "AB11AA", None) == []
    assert find_postcodes(engine, pl.Series([], dtype=pl.String)).is_empty()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("name,lon,lat\nx,1,2\n", "no column is called postcode"),
        ("postcode,ward\nAB1 1AA,x\n", "no columns lon and lat"),
        ("postcode,lon,lat\nAB1 1AA,0,0\n", "not one row"),
        ("", "is no CSV of postcodes"),
    ],
)
def test_a_file_that_is_no_gazetteer_is_refused(engine, tmp_path, content, said):
    (tmp_path / "places.csv").write_text(content)
    with pytest.raises(RegisterError, match=said):
        load_places(engine, tmp_path / "places.csv")


@pytest.mark.real
@pytest.mark.skipif(not TRAFFORD.is_file(), reason="the folder of real files, ../shared/data, is not here")
def test_a_real_gazetteer_loads(engine):
    assert load_places(engine, TRAFFORD) == 11264
    ((_, lon, lat),) = found(engine, "M339DN")
    assert -2.5 < lon < -2.2 and 53.3 < lat < 53.5
