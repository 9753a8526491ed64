"""Chosen real files through the whole pipeline: what each ends as, how many features it becomes and in which reference
system, and that the features lie at their council. The traps are repaired and reported, or held; none is published
wrong."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

import psycopg
import pytest

from datasets.settings import Settings
from datasets.vocabulary import Outcome
from harvesters.run import RunReport, Tools
from tests.builders import counts, query
from tests.real.trial import EVERYONE, FOLDER, RealFile, run_trial, trial

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(not FOLDER.is_dir(), reason="the folder of real files, ../shared/data, is not here"),
]


@dataclass(frozen=True)
class Expected:
    """What a file ends as: rows read, features, the reference system, and the issues that tell of its flaws."""

    rows: int | None
    features: int | None
    crs: str = ""
    code: str | None = None
    outcome: str = "published"
    issues: tuple[tuple[str, int], ...] = ()


def held(code: str, rows: int | None = None, features: int | None = None, crs: str = "") -> Expected:
    return Expected(rows, features, crs, code, "held")


FILES = {
    # The address answers with another layer, which lies at sea.
    "conservation-areas/chichester-district-council/f9114ac1.gml": held("E-MOSTLY-OUTSIDE", 2, 1),
    # Polling areas where stations are wanted.
    "polling-stations/islington/POLLING_AREA.shp": held("E-WRONG-LAYER", 50),
    "polling-stations/islington/PollingStations.csv": Expected(50, 50, "EPSG:27700"),
    # Nine rows at 0,0.
    "polling-stations/lichfield/Lichfield_District_Council_Polling_Station_Locations.csv": Expected(
        79, 70, "EPSG:27700", issues=(("null-island", 9),)
    ),
    # numberReturned="0" with 26 members.
    "conservation-areas/kettering-borough-council/289ba18e.gml": Expected(
        26, 26, "EPSG:27700", issues=(("E-COUNT", 1),)
    ),
    # GeoJSON in British National Grid that says so; the areas of a whole county.
    "conservation-areas/nottingham-city-council/043fd72c.geojson": held("E-MOSTLY-OUTSIDE", 174, 171, "EPSG:27700"),
    "polling-stations/bristol/bristol_polling.json": Expected(155, 149, "EPSG:27700", issues=(("duplicate row", 6),)),
    # Two districts' areas in one file.
    "conservation-areas/babergh-district-council/ea8b5f08.gml": held("E-MOSTLY-OUTSIDE", 62, 62, "EPSG:27700"),
    # lat before lng.
    "polling-stations/greenwich/PollingStations.csv": Expected(120, 120, "EPSG:4326"),
    # Latitude and longitude in one column, among nineteen that are of no use and two that name people.
    "polling-stations/ribble/RESPONSE TO FOI NO 2916.csv": Expected(
        44, 44, "EPSG:4326", issues=(("personal-column-dropped", 88),)
    ),
    "conservation-areas/london-borough-of-camden/b85206c9.kml": Expected(
        210, 208, "EPSG:4326", issues=(("W-MULTI-LAYER", 1), ("duplicate row", 2))
    ),
    "conservation-areas/london-borough-of-camden/planning-data-format.csv": Expected(46, 46, "EPSG:4326"),
    # Both systems at once, which differ in three rows.
    "polling-stations/dundee/SV_POLLING_STATIONS.csv": Expected(
        89, 89, "EPSG:4326", issues=(("coordinates disagree", 3),)
    ),
    "public-toilets/camden/Public_toilets.csv": Expected(47, 47, "EPSG:4326"),
    "public-toilets/lambeth/LambethCommunityToilets.csv": Expected(
        30, 30, "EPSG:27700", issues=(("value-tidied", 30),)
    ),
    "libraries/lambeth/LambethLibraries.csv": Expected(10, 10, "EPSG:27700"),
    # Loose files that belong together, in either case.
    "polling-stations/warrington/Polling Stations 2015 Up to date.mif": Expected(100, 100, "EPSG:27700"),
    "polling-stations/reading/Polling Stations 2015.TAB": Expected(52, 52, "EPSG:27700"),
    "polling-stations/watford/Watford_Polling_Stations.shp": Expected(34, 34, "EPSG:27700"),
    "polling-stations/wokingham/POLLING_STATIONS_font_point.shp": Expected(50, 50, "EPSG:27700"),
    "conservation-areas/bracknell-forest-council/56645ee4.zip": Expected(6, 6, "EPSG:27700"),
    # Ragged rows.
    "polling-stations/preston/Polling_Stations.csv": Expected(
        83, 79, "EPSG:27700", issues=(("ragged row", 4), ("invalid coordinates", 2), ("unknown UPRN", 1))
    ),
    # Axis order of WFS 1.1 and 2.0.
    "conservation-areas/south-oxfordshire-district-council/07b84ead.gml": Expected(72, 72),
    "conservation-areas/city-of-london-corporation/fa971146.gml": Expected(27, 27),
    "polling-stations/conwy/Conwy CBC Polling Stations (with UPRN) 20160407.xlsx": Expected(77, 77, "EPSG:27700"),
    "polling-stations/glasgow/GlasgowPollingPlaceLocations.xls": Expected(267, 267, "EPSG:27700"),
    "public-toilets/wandsworth/Public & Community Toilets in Wandsworth.kml": Expected(94, 94, "EPSG:4326"),
    # No header, and one column.
    "polling-stations/basingstoke/161-15 polling station addresses.csv": held("E-FIELD-MISSING", 130),
    # Two empty columns above a table of postcodes that the gazetteer has not.
    "public-toilets/lambeth/lambeth_raw.xls": held("no location", 17),
    "polling-stations/north-kestevan/polling stations.txt": Expected(None, None, "", "E-FORMAT", "failed"),
}


@dataclass(frozen=True)
class Tried:
    tools: Tools
    reports: dict[str, RunReport]
    files: dict[str, RealFile]


@pytest.fixture(scope="module")
def tried(
    settings: Settings, database_url: str, template: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Tried]:
    """The chosen files harvested in a city of every council."""
    name = f"{template}_real"
    with psycopg.connect(database_url, autocommit=True) as server:
        server.execute(f"CREATE DATABASE {name} TEMPLATE {template}".encode())
        url = urlsplit(database_url)._replace(path=f"/{name}").geturl()
        own = replace(settings, home=tmp_path_factory.mktemp("real"))
        with trial(EVERYONE, own, url) as (tools, feeds):
            chosen = [(file, feed) for file, feed in feeds if file.path in FILES]
            reports = {file.path: run_trial(tools, file, feed) for file, feed in chosen}
            yield Tried(tools, reports, {file.path: file for file, _ in chosen})
        server.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


@pytest.mark.parametrize("path", FILES)
def test_a_file_ends_as_it_should(tried: Tried, path: str) -> None:
    report, expected = tried.reports[path], FILES[path]
    assert (report.outcome, report.code) == (expected.outcome, expected.code), report.message
    assert (report.values.get("rows_read"), report.values.get("features")) == (expected.rows, expected.features)
    assert str(report.values.get("crs", "")).startswith(expected.crs)
    found = counts(report)
    assert {code: found.get(code) for code, _ in expected.issues} == dict(expected.issues)


def test_features_lie_in_or_within_500_metres_of_their_council(tried: Tried) -> None:
    """Measured by PostGIS, and not by what the pipeline says of itself."""
    far = {path: rows for path, report in tried.reports.items() if (rows := far_rows(tried.tools, report))}
    # Its northing is of another place in the file itself.
    assert far == {"polling-stations/preston/Polling_Stations.csv": [64]}


def test_a_row_far_from_the_council_is_reported(tried: Tried) -> None:
    issues = tried.reports["polling-stations/preston/Polling_Stations.csv"].issues
    assert issues.filter(issues["code"] == "outside-owner-boundary")["row_no"].to_list() == [64]


def test_the_wrong_layer_is_told_by_its_name(tried: Tried) -> None:
    report = tried.reports["conservation-areas/chichester-district-council/f9114ac1.gml"]
    assert "The file's own layer is called 'aonb', which is not conservation areas." in report.message


def test_what_is_held_or_failed_leaves_no_feature(tried: Tried) -> None:
    stopped = {report.feed.id for report in tried.reports.values() if report.outcome is not Outcome.PUBLISHED}
    tables = ("public_toilets", "libraries", "polling_stations", "conservation_areas")
    union = " UNION ALL ".join(f"SELECT feed_id FROM layers.{table}" for table in tables)  # noqa: S608
    assert stopped & {row["feed_id"] for row in query(tried.tools.engine, union)} == set()


def test_no_run_broke_on_our_side(tried: Tried) -> None:
    assert {path: report.message for path, report in tried.reports.items() if report.code == "E-FAULT"} == {}
    assert set(tried.reports) == set(FILES)


def test_a_known_place_is_where_it_is(tried: Tried) -> None:
    """Brixton library stands at 51.461 N, 0.115 W."""
    feed = tried.reports["libraries/lambeth/LambethLibraries.csv"].feed.id
    statement = (
        "SELECT ST_X(geom) AS lon, ST_Y(geom) AS lat FROM layers.libraries WHERE feed_id = :feed AND name ILIKE :n"
    )
    [row] = query(tried.tools.engine, statement, feed=feed, n="%brixton%")
    assert (row["lon"], row["lat"]) == (pytest.approx(-0.1155, abs=0.002), pytest.approx(51.4612, abs=0.002))


def far_rows(tools: Tools, report: RunReport) -> list[int]:
    """The row numbers of the features more than 500 m from their council."""
    statement = f"""
        SELECT t.row_no FROM layers.{report.feed.layer.replace("-", "_")} t JOIN citywide.boundary b USING (council)
        WHERE t.feed_id = :feed AND NOT ST_DWithin(t.geom::geography, b.geom::geography, 500)
    """  # noqa: S608
    return [row["row_no"] for row in query(tools.engine, statement, feed=report.feed.id)]
