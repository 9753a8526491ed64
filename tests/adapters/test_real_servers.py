"""MapServer, QGIS Server, pygeoapi and tipg as Debian and the package index have them, serving files of councils and of
the demo city: every version, capped or not, with and without a key, is read whole, and every page opens."""

import io
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pyogrio
import pytest

from datasets.errors import RunFailed
from datasets.settings import Settings
from harvesters.adapters import ogcapi, wfs
from harvesters.adapters.contract import Adapter
from harvesters.batch import Opened
from harvesters.demo.city import make_city
from harvesters.demo.councils import write_councils
from harvesters.open import open_resource
from harvesters.web.session import Session
from tests.adapters.reading import Read, read_all
from tests.peers.mapserver import mapserver
from tests.peers.pygeoapi_stock import pygeoapi
from tests.peers.qgis_server import qgis_server
from tests.peers.served import Served
from tests.peers.tipg import tipg

pytestmark = pytest.mark.peers

DATA = Path(__file__).parents[3] / "shared/data"
FEATURES = 4_000
CAP = 100
ROWS = 12_345


@pytest.fixture(scope="module")
def layers(tmp_path_factory: pytest.TempPathFactory) -> list[Served]:
    """The demo city's polling stations, in GeoPackage with a column of ids and without, in GeoJSON, and real files
    where they are."""
    folder = tmp_path_factory.mktemp("demo")
    write_councils(make_city(features=FEATURES), folder)
    stations = folder / "eastwold/polling-stations.gpkg"
    geojson = folder / "coppergate/polling-stations.geojson"
    demo = [
        Served("stations", stations, "polling_stations", "Point", 27700, "station_id"),
        Served("keyless", stations, "polling_stations", "Point", 27700),
        Served("plain", geojson, "polling-stations", "Point", 4326, "polling_station_id"),
    ]
    real = [
        Served("trees", DATA / "trees/st-albans/tpo-trees.geojson", "tpo-trees", "Point", 4326, "reference"),
        Served("listed", DATA / "listed-buildings/lambeth/72337bce.geojson", "Listed_Buildings", "Polygon", 4326),
    ]
    return [*demo, *(layer for layer in real if layer.path.exists())]


def rows_of(layer: Served) -> int:
    return int(pyogrio.read_info(layer.path, layer=layer.layer, force_feature_count=True)["features"])


def assert_whole(adapter: Adapter, url: str, word: str, layers: list[Served], session: Session) -> list[Read]:
    """Reads every layer; all rows came, and the adapter says so."""
    done = [read_all(adapter, url, {word: layer.name}, session) for layer in layers]
    assert [(read.tally.rows, read.short) for read in done] == [(rows_of(layer), None) for layer in layers]
    return done


@pytest.fixture
def opened(settings: Settings, tmp_path: Path) -> Callable[[Read], Opened]:
    """Opens the pages as the pipeline does."""

    def open_pages(read: Read) -> Opened:
        ending = ".json" if read.pages[0].lstrip().startswith(b"{") else ".gml"
        path = tmp_path / "feed.pages.tar"
        with tarfile.open(path, "w") as tar:
            for number, body in enumerate(read.pages, 1):
                member = tarfile.TarInfo(f"{number:06d}{ending}")
                member.size = len(body)
                tar.addfile(member, io.BytesIO(body))
        return open_resource(path, name=path.name, settings=settings, work=tmp_path)

    return open_pages


@pytest.fixture(scope="module", params=[None, CAP], ids=["uncapped", "capped"])
def mapserver_url(
    request: pytest.FixtureRequest, layers: list[Served], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    kept = layers if request.param is None else layers[:2]
    with mapserver(tmp_path_factory.mktemp("mapserver"), kept, cap=request.param, geojson=True) as server:
        yield server.url


@pytest.fixture(scope="module")
def qgis_url(layers: list[Served], tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with qgis_server(tmp_path_factory.mktemp("qgis"), layers) as url:
        yield url


@pytest.mark.parametrize("version", ["2.0.0", "1.1.0", "1.0.0"])
def test_mapserver_is_read_whole_over_wfs(
    version: str, mapserver_url: str, layers: list[Served], session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wfs, "READERS", {version: wfs.READERS[version]})
    done = assert_whole(wfs, f"{mapserver_url}/?service=WFS", "type", layers[:2], session)
    assert {read.dataset.own["version"] for read in done} == {version}
    assert {read.dataset.crs for read in done} == {"EPSG:27700"}
    assert done[0].dataset.licence == "Open Government Licence v3.0"


def test_mapserver_pages_of_real_files_open(
    layers: list[Served], session: Session, opened: Callable[[Read], Opened], tmp_path: Path
) -> None:
    if not layers[3:]:
        pytest.skip("../shared/data is not on this machine")
    with mapserver(tmp_path, layers[3:]) as server:
        for read in assert_whole(wfs, f"{server.url}/", "type", layers[3:], session):
            table = opened(read)
            assert table.records.height == read.tally.rows and table.crs is not None and table.crs.epsg == 27700


def test_mapserver_is_read_whole_over_ogc_api(mapserver_url: str, layers: list[Served], session: Session) -> None:
    assert_whole(ogcapi, f"{mapserver_url}/city/ogcapi", "collection", layers[:1], session)


def test_mapserver_without_a_key_says_what_is_wrong_over_ogc_api(mapserver_url: str, session: Session) -> None:
    # MapServer 8 answers 500: "Missing required featureid metadata".
    with pytest.raises(RunFailed, match="500"):
        ogcapi.probe(f"{mapserver_url}/city/ogcapi", {"collection": "keyless"}, session)


@pytest.mark.parametrize("version", ["1.1.0", "1.0.0"])
def test_qgis_server_is_read_whole_over_wfs(
    version: str, qgis_url: str, layers: list[Served], session: Session, opened: Callable[[Read], Opened],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(wfs, "READERS", {version: wfs.READERS[version]})
    for read in assert_whole(wfs, qgis_url, "type", layers, session):
        assert opened(read).records.height == read.tally.rows


def test_qgis_server_is_read_whole_over_ogc_api(
    qgis_url: str, layers: list[Served], session: Session, opened: Callable[[Read], Opened]
) -> None:
    for read in assert_whole(ogcapi, f"{qgis_url}/wfs3/", "collection", layers, session):
        assert opened(read).records.height == read.tally.rows


def test_qgis_server_with_a_low_limit_is_read_whole(layers: list[Served], session: Session, tmp_path: Path) -> None:
    with qgis_server(tmp_path, layers[:1], cap=10) as url:
        done = assert_whole(ogcapi, f"{url}/wfs3", "collection", layers[:1], session)
    assert done[0].tally.pages > 1


@pytest.mark.parametrize("most", [10_000, 10])
def test_stock_pygeoapi_is_read_whole(
    most: int, layers: list[Served], session: Session, opened: Callable[[Read], Opened], tmp_path: Path
) -> None:
    with pygeoapi(tmp_path, layers[2:3], most=most) as url:
        found = ogcapi.probe(url, {}, session)
        done = assert_whole(ogcapi, url, "collection", layers[2:3], session)
    assert found is not None and found.datasets[0].licence == "https://example.org/licence"
    assert opened(done[0]).records.height == rows_of(layers[2])


def test_stock_pygeoapi_that_offers_the_grid_is_asked_for_the_degrees_it_keeps(
    layers: list[Served], session: Session, opened: Callable[[Read], Opened], tmp_path: Path
) -> None:
    with pygeoapi(tmp_path, layers[2:3], grid=True) as url:
        done = assert_whole(ogcapi, url, "collection", layers[2:3], session)
    assert done[0].dataset.crs == "OGC:CRS84"
    assert abs(opened(done[0]).geometry[0].x) < 10


@pytest.fixture
def trees_database(fresh_database_url: str) -> str:
    with psycopg.connect(fresh_database_url, autocommit=True) as connection:
        for name, key in (("keyed", "int PRIMARY KEY"), ("keyless", "int")):
            connection.execute(f"CREATE TABLE {name} (id {key}, geom geometry(Point, 27700))".encode())
            rows = "SELECT i, ST_SetSRID(ST_Point(530000 + i, 180000), 27700) FROM generate_series(1, $1) i"
            connection.cursor().execute(f"INSERT INTO {name} {rows}".replace("$1", str(ROWS)).encode())
    return fresh_database_url


def test_stock_tipg_is_read_whole_with_and_without_a_key(trees_database: str, session: Session, tmp_path: Path) -> None:
    with tipg(tmp_path, trees_database) as url:
        done = {name: read_all(ogcapi, url, {"collection": f"public.{name}"}, session) for name in ("keyed", "keyless")}
    assert (done["keyed"].tally.rows, done["keyed"].short) == (ROWS, None)
    assert (done["keyless"].tally.rows, done["keyless"].short) == (ROWS, None)
