"""Opendatasoft: every address of a portal leads to its datasets, a dataset comes whole by its export whatever its size,
an export that breaks off is noticed, and no row is lost for want of a geometry."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from datasets.errors import RunFailed
from datasets.feed import LocationKind
from datasets.layer import find_layer
from datasets.settings import read_settings
from harvesters.adapters import opendatasoft as adapter
from harvesters.adapters.contract import Dataset, Download, Tally
from harvesters.batch import Opened
from harvesters.map import propose
from harvesters.open import open_resource
from harvesters.web.ask import Request, ask
from harvesters.web.session import Session
from tests.adapters.reading import describe
from tests.builders import feed_of
from tests.peers.answering import web_page
from tests.peers.opendatasoft import CATALOGUE, OpendatasoftPortal, Table, opendatasoft
from tests.test_mapping import AROUND

FIELDS = {"asset_id": "text", "name": "text", "address": "text", "geo_point_2d": "geo_point_2d", "opened": "date"}
ROWS: list[dict[str, Any]] = [
    {"asset_id": "WC-01", "name": "Quay Street", "address": "1 Quay Street", "geo_point_2d": (1.70601, 53.50491)},
    {
        "asset_id": "WC-07",
        "name": "Mere; the café",
        "address": 'The "Mere"\nAshmere',
        "geo_point_2d": (1.7072, 53.5052),
    },
    {"asset_id": "WC-12", "name": "Not placed yet", "address": "3 Chalk Row", "geo_point_2d": None},
    {"asset_id": "WC-15", "name": "Osier Row", "address": "2 Osier Row", "geo_point_2d": (1.7083, 53.5063)},
]


def toilets(**changes: Any) -> Table:
    return replace(Table("public-toilets", "Public toilets", FIELDS, ROWS, geometry_types=("Point",)), **changes)


def probed(portal: OpendatasoftPortal, session: Session, dataset: str = "public-toilets") -> Dataset:
    return describe(adapter, portal.url, {"dataset": dataset}, session)


def opened(dataset: Dataset, session: Session, folder: Path) -> Opened:
    """What the open stage makes of the dataset's download."""
    way = adapter.pages(dataset, None)
    path = folder / "resource"
    path.write_bytes(ask(session, Request(way.url)).body)
    settings = read_settings({"CITYWIDE_HOME": str(folder)})
    return open_resource(path, name=way.name, media_type=way.media_type, settings=settings, work=folder / "work")


@pytest.mark.parametrize(
    "path",
    [
        "/explore/dataset/public-toilets/", "/explore/dataset/public-toilets/table/?disjunctive.ward&sort=name",
        "/explore/embed/dataset/public-toilets/map/", f"{CATALOGUE}/public-toilets",
        f"{CATALOGUE}/public-toilets/exports/csv?limit=-1", "/api/v2/catalog/datasets/public-toilets/records",
        "/api/records/1.0/search/?dataset=public-toilets&rows=10", "/api/datasets/1.0/public-toilets/",
    ],
)  # fmt: skip
def test_any_address_of_a_dataset_is_recognised(path: str, session: Session) -> None:
    with opendatasoft(toilets()) as portal:
        found = adapter.probe(portal.url + path, {}, session)
        assert found is not None
        assert [dataset.params for dataset in found.datasets] == [{"dataset": "public-toilets"}]


@pytest.mark.parametrize("path", ["", "/", "/explore/?sort=modified", "/pages/home/", "/api/explore/v2.1/console"])
def test_a_portals_home_page_leads_to_its_datasets(path: str, session: Session) -> None:
    with opendatasoft(toilets(), Table("leaflets", "Leaflets", {}, has_records=False)) as portal:
        found = adapter.probe(portal.url + path, {}, session)
        assert found is not None and found.total == 2
        [listed] = found.datasets
        assert (listed.title, listed.count, listed.geometry) == ("Public toilets", 4, "point")
        assert listed.licence == "Open Government Licence v3.0"
        assert len(portal.asked) == 1


def test_a_very_large_portal_is_listed_in_part_and_says_so(session: Session) -> None:
    with opendatasoft(others=12_000) as portal:
        found = adapter.probe(portal.url, {}, session)
        assert found is not None and (len(found.datasets), found.total) == (1_000, 12_000)
        assert found.note == "The first 1,000 of 12,000 datasets are listed."


def test_an_address_that_plainly_lies_elsewhere_costs_no_request(session: Session) -> None:
    with opendatasoft(toilets()) as portal:
        assert adapter.probe(f"{portal.url}/arcgis/rest/services", {}, session) is None
        assert adapter.probe(f"{portal.url}/dataset/toilets", {}, session) is None
        assert portal.asked == []


def test_a_site_of_another_kind_is_none(session: Session) -> None:
    with opendatasoft() as portal:
        elsewhere = f"{portal.url}/api/datasets/1.0/trees"
        portal.answer = lambda *_: web_page(404)  # type: ignore[method-assign]
        assert adapter.probe(portal.url, {}, session) is None
        assert adapter.probe(elsewhere, {}, session) is None


def test_a_dataset_comes_whole_by_its_export(session: Session) -> None:
    many = [{**ROWS[0], "asset_id": f"WC-{n}"} for n in range(12_000)]
    with opendatasoft(toilets(rows=many)) as portal:
        dataset = probed(portal, session)
        way = adapter.pages(dataset, None)
        assert isinstance(way, Download) and way.name == "public-toilets.csv"
        assert ask(session, Request(way.url)).body.count(b"WC-") == dataset.count == 12_000
        assert not any("offset" in asked for asked in portal.asked)


def test_the_records_service_would_end_at_ten_thousand(session: Session) -> None:
    with opendatasoft(toilets()) as portal, pytest.raises(RunFailed, match="InvalidRESTParameterError"):
        ask(session, Request(f"{portal.url}{CATALOGUE}/public-toilets/records?limit=100&offset=9950"))


def test_the_servers_dates_are_not_trusted(session: Session) -> None:
    with opendatasoft(toilets()) as portal:
        assert adapter.pages(probed(portal, session), None).conditional is False


def test_rows_without_a_point_come_too(session: Session, tmp_path: Path) -> None:
    with opendatasoft(toilets()) as portal:
        dataset = probed(portal, session)
        got = opened(dataset, session, tmp_path)
    assert got.rows_read == 4
    assert adapter.complete(dataset, Tally(got.rows_read, 1)) is None
    assert got.records["name"].to_list() == [row["name"] for row in ROWS]
    assert got.columns == ["asset_id", "name", "address", "geo_point_2d", "opened"]


def test_points_are_found_and_fields_are_mapped(session: Session, tmp_path: Path) -> None:
    with opendatasoft(toilets()) as portal:
        mapping = propose(
            feed_of(), find_layer("public-toilets"), opened(probed(portal, session), session, tmp_path), AROUND
        )
    columns = {one.field: one.rule.column for one in mapping.fields}
    assert (columns["reference"], columns["name"], columns["address"]) == ("asset_id", "name", "address")
    assert mapping.location is not None and mapping.location.confidence >= 0.9
    assert (mapping.location.location.kind, mapping.location.location.columns) == (LocationKind.PAIR, ("geo_point_2d",))


def test_shapes_are_found_before_the_points_in_their_middle(session: Session, tmp_path: Path) -> None:
    square = [[[1.7, 53.5], [1.71, 53.5], [1.71, 53.51], [1.7, 53.5]]]
    row = {
        "name": "Mill Lane",
        "geo_point_2d": (1.705, 53.505),
        "geo_shape": {"coordinates": square, "type": "Polygon"},
    }
    fields = {"name": "text", "geo_point_2d": "geo_point_2d", "geo_shape": "geo_shape"}
    with opendatasoft(
        toilets(fields=fields, rows=[row, {**row, "name": "Quay"}], geometry_types=("Polygon",))
    ) as portal:
        dataset = probed(portal, session)
        got = opened(dataset, session, tmp_path)
    mapping = propose(feed_of(layer="conservation-areas"), find_layer("conservation-areas"), got, AROUND)
    assert dataset.geometry == "area"
    assert mapping.location is not None and mapping.location.location.columns == ("geo_shape",)


def test_an_export_that_breaks_off_is_not_complete(session: Session, tmp_path: Path) -> None:
    with opendatasoft(toilets(), interrupted_after=1) as portal:
        dataset = probed(portal, session)
        got = opened(dataset, session, tmp_path)
    assert adapter.complete(dataset, Tally(got.rows_read, 1)) == "The server declares 4 rows and sent 2."


@pytest.mark.parametrize(
    "change",
    [{"data_processed": "2026-06-17T00:00:00+00:00"}, {"modified": "2026-06-18T00:00:00Z"}, {"rows": ROWS[:3]}],
)
def test_the_watermark_differs_when_rows_may_have_changed(change: dict[str, Any], session: Session) -> None:
    marks = []
    for table in (toilets(), toilets(**change)):
        with opendatasoft(table) as portal:
            marks.append(probed(portal, session).watermark)
    assert marks[0] == "2026-06-16T12:01:00+00:00 4" != marks[1]


def test_a_date_typed_in_for_the_future_hides_no_change(session: Session) -> None:
    with opendatasoft(toilets(modified="2099-01-01T00:00:00+00:00")) as portal:
        assert probed(portal, session).watermark == "2026-06-16T12:01:00+00:00 4"


@pytest.mark.parametrize(
    ("table", "code", "words"),
    [
        (toilets(id="trees"), "E-PLATFORM", "has no dataset 'public-toilets', or does not show it"),
        (toilets(has_records=False), "E-PLATFORM", "'public-toilets' has no rows on the portal, only files or links"),
        (toilets(data_visible=False), "E-AUTH", "The rows of 'public-toilets' are not public"),
    ],
)
def test_a_dataset_that_cannot_be_read_says_why(table: Table, code: str, words: str, session: Session) -> None:
    with opendatasoft(table) as portal, pytest.raises(RunFailed, match=words) as failure:
        probed(portal, session)
    assert failure.value.code == code


def test_a_question_the_portal_does_not_understand_is_refused_in_its_words(session: Session) -> None:
    with opendatasoft(toilets()) as portal, pytest.raises(RunFailed, match="Unknown field: ward"):
        ask(session, Request(f"{portal.url}{CATALOGUE}/public-toilets/exports/csv?select=ward"))


def test_a_used_up_quota_is_trouble_that_passes(session: Session) -> None:
    with opendatasoft(toilets(), quota=1) as portal, pytest.raises(RunFailed, match="too often"):
        probed(portal, session)


@pytest.mark.parametrize(
    ("fields", "seen", "geometry"),
    [
        ({"name": "text"}, (), "none"),
        ({"easting": "double", "northing": "double"}, (), "point"),
        ({"shape": "geo_shape"}, (), None),
        ({"shape": "geo_shape"}, ("LineString", "MultiLineString"), "line"),
    ],
)
def test_the_portal_or_the_fields_tell_the_geometry(
    fields: dict[str, str], seen: tuple[str, ...], geometry: str | None, session: Session
) -> None:
    with opendatasoft(toilets(fields=fields, geometry_types=seen)) as portal:
        assert probed(portal, session).geometry == geometry
