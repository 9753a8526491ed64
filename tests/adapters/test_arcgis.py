"""The contract of the ArcGIS adapter, against a simulator of an ArcGIS server: every address finds its layers, every
row comes once however a server pages, and a read that is not whole says so.

The paging rules are those of Esri's documentation of Query (Feature Service/Layer); the tests of answers recorded from
real servers are in test_arcgis_recorded.py."""

import json
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest

from datasets.errors import RunFailed
from harvesters.adapters import arcgis
from harvesters.adapters.contract import Dataset, Download
from harvesters.formats.notices import notice, with_names
from harvesters.platforms.arcgis.catalogue import site_found
from harvesters.web.session import Session
from tests.adapters.reading import Read, describe, read_all
from tests.peers.arcgis import EDITED, FILE_ITEM, ITEM, SLUG, ArcgisServer, served


def read(server: ArcgisServer, session: Session, size: int = 0, since: str | None = None) -> Read:
    with served(server):
        return read_all(arcgis, server.url, {}, session, size=size, since=since)


def references(result: Read) -> list[str]:
    """The reference of every row, in the order in which they came."""
    return [row["attributes"]["Reference"] for page in result.pages for row in json.loads(page).get("features", [])]


def described(server: ArcgisServer, session: Session) -> Dataset:
    with served(server):
        return describe(arcgis, server.url, {}, session)


def test_a_layer_is_described_by_two_questions(session: Session) -> None:
    server = ArcgisServer(rows=7)
    dataset = described(server, session)
    assert (dataset.title, dataset.count, dataset.crs, dataset.geometry) == ("Toilets", 7, "EPSG:27700", "point")
    assert dataset.fields == ("OBJECTID", "Reference", "Name", "Address", "Fee", "Edited")
    assert dataset.updated == "2026-05-28T20:26:40+00:00" and dataset.url == server.url
    assert len(server.asked) == 2


def test_a_layer_is_known_by_the_address_of_one_of_its_queries(session: Session) -> None:
    with served(ArcgisServer(rows=3)) as server:
        dataset = describe(arcgis, f"{server.url}/query?where=1%3D1&f=geojson", {}, session)
    assert dataset.url == server.url


def test_a_service_lists_its_layers_but_no_groups(session: Session) -> None:
    with served(ArcgisServer(rows=3)) as server:
        found = arcgis.probe(server.service, {}, session)
        one = describe(arcgis, server.service, {"layer": "0"}, session)
    assert found is not None and [dataset.url for dataset in found.datasets] == [server.url] == [one.url]


@pytest.mark.parametrize(
    "ending", ["/arcgis/rest/services", "/arcgis/rest/services/", "/arcgis/rest", "/arcgis/rest/services/Open"]
)
def test_a_server_lists_each_service_once_as_features(ending: str, session: Session) -> None:
    with served(ArcgisServer(rows=3)) as server:
        found = arcgis.probe(server.site + ending, {}, session)
    assert found is not None and [dataset.url for dataset in found.datasets] == [server.url]


def test_an_item_page_leads_to_its_layer_and_licence(session: Session) -> None:
    with served(ArcgisServer(rows=3)) as server:
        dataset = describe(arcgis, f"{server.site}/portal/home/item.html?id={ITEM}&sublayer=0", {}, session)
        again = describe(arcgis, dataset.url, dataset.params, session)
    assert dataset.params == {"layer": "0"} and dataset == again
    assert (dataset.title, dataset.licence, dataset.count) == ("Public toilets", "OGL", 3)


def test_an_item_that_is_a_file_is_downloaded(session: Session) -> None:
    with served(ArcgisServer()) as server:
        dataset = describe(arcgis, f"{server.site}/portal/home/item.html?id={FILE_ITEM}", {}, session)
    way = arcgis.pages(dataset, None)
    assert isinstance(way, Download) and way.name == f"{FILE_ITEM}.csv" and way.url.endswith(f"{FILE_ITEM}/data")


@pytest.mark.parametrize("ending", ["", "/", "/search", "/pages/open-data"])
def test_a_hub_site_lists_its_catalogue_by_item_and_layer(ending: str, session: Session) -> None:
    with served(ArcgisServer(rows=3)) as server:
        found = arcgis.probe(server.site + ending, {}, session)
        assert found is not None and found.total == 1
        listed = found.datasets[0]
        dataset = describe(arcgis, listed.url, listed.params, session)
    assert listed.url == f"{server.site}/portal/home/item.html?id={ITEM}" and listed.params == {"layer": "0"}
    assert dataset.count == 3 and listed.publisher == "Ashmere Council"


def test_a_site_whose_search_fails_is_listed_by_its_feeds(session: Session) -> None:
    with served(ArcgisServer(rows=3, search=False)) as server:
        found = site_found(server.site, session, sure=True)
    assert found is not None and [(d.title, d.params) for d in found.datasets] == [("Public toilets", {"layer": "0"})]


@pytest.mark.parametrize("page", [f"/datasets/{ITEM}_0/about", f"/datasets/{ITEM}/explore", f"/datasets/{SLUG}/about"])
def test_a_page_of_a_site_is_known_by_its_item_never_by_its_name(page: str, session: Session) -> None:
    with served(ArcgisServer(rows=3)) as server:
        dataset = describe(arcgis, server.site + page, {}, session)
    assert dataset.url.endswith(f"/portal/home/item.html?id={ITEM}") and dataset.params == {"layer": "0"}


def test_a_portal_lists_its_public_services_and_files(session: Session) -> None:
    with served(ArcgisServer(rows=3)) as server:
        found = arcgis.probe(f"{server.site}/portal/home/", {}, session)
    assert found is not None and [dataset.title for dataset in found.datasets] == ["Public toilets", "Bins"]


@pytest.mark.parametrize(
    "url", ["https://example.org/toilets.csv", "https://data.example.org/dataset/toilets", "ftp://x/"]
)
def test_an_address_of_something_else_costs_nothing(url: str, session: Session) -> None:
    assert arcgis.probe(url, {}, session) is None


def test_a_site_that_is_no_hub_costs_one_question(session: Session) -> None:
    with served(ArcgisServer(search=False)) as server:
        assert arcgis.probe(server.site, {}, session) is None
    assert len(server.asked) == 1


def test_all_rows_come_once_in_pages(session: Session) -> None:
    result = read(ArcgisServer(rows=1_234, max_record_count=500, page_cap=500), session)
    assert result.short is None and len(set(references(result))) == 1_234
    assert result.tally.ended == "exceededTransferLimit is not set" and len(result.pages) == 1 + 3


@pytest.mark.parametrize("flagged", [True, False, None])
def test_a_server_that_gives_fewer_rows_than_asked_for_loses_none(flagged: bool | None, session: Session) -> None:
    result = read(ArcgisServer(rows=1_200, page_cap=500, flagged=flagged), session)
    assert result.short is None and result.tally.rows == 1_200


def test_short_and_empty_pages_are_not_the_end_while_more_follow(session: Session) -> None:
    result = read(ArcgisServer(rows=900, max_record_count=300, short_pages={1: 120, 2: 0, 3: 50}), session)
    assert result.short is None and len(set(references(result))) == 900


def test_a_server_that_always_says_more_follow_is_left_when_all_rows_are_there(session: Session) -> None:
    result = read(ArcgisServer(rows=500, max_record_count=300, endless=True), session)
    assert result.short is None and result.tally.rows == 500


def test_endless_empty_pages_end_without_proof(session: Session) -> None:
    server = ArcgisServer(rows=500, max_record_count=300, endless=True, counts=False)
    result = read(server, session)
    assert result.short is not None and result.tally.rows == 500 and server.pages < 7


def test_a_layer_that_cannot_count_is_whole_when_the_server_says_so(session: Session) -> None:
    result = read(ArcgisServer(rows=500, max_record_count=300, counts=False), session)
    assert result.dataset.count is None and result.short is None and result.tally.rows == 500


def test_the_same_page_for_every_offset_is_a_loop(session: Session) -> None:
    with pytest.raises(RunFailed) as raised:
        read(ArcgisServer(rows=900, max_record_count=300, loops=True), session)
    assert raised.value.code == "E-PAGELOOP"


@pytest.mark.parametrize("admits", [True, False])
def test_a_layer_without_pagination_is_read_by_ranges_of_ids(admits: bool, session: Session) -> None:
    server = ArcgisServer(rows=2_500, max_record_count=1_000, pagination=False, admits_no_pagination=admits, step=7)
    result = read(server, session)
    assert result.short is None and result.tally.ended == "every id was asked for"
    assert len(set(references(result))) == 2_500


def test_a_range_of_ids_that_is_too_much_is_asked_for_in_parts(session: Session) -> None:
    server = ArcgisServer(rows=2_500, max_record_count=1_000, pagination=False, page_cap=300)
    result = read(server, session)
    assert result.short is None and len(set(references(result))) == 2_500


def test_an_empty_layer_without_pagination_ends(session: Session) -> None:
    result = read(ArcgisServer(rows=0, pagination=False), session)
    assert result.short is None and result.tally.rows == 0


def test_a_server_in_trouble_is_asked_for_fewer_rows(session: Session) -> None:
    result = read(ArcgisServer(rows=900, max_record_count=800, too_many=400), session)
    assert result.short is None and result.tally.rows == 900


def test_an_error_told_with_status_200_is_tried_again(session: Session) -> None:
    result = read(ArcgisServer(rows=900, max_record_count=300, error_page=3, trouble_times=1), session)
    assert result.short is None and result.tally.rows == 900


def test_an_error_that_stays_breaks_the_read_off(session: Session) -> None:
    result = read(ArcgisServer(rows=900, max_record_count=300, error_page=3), session)
    assert result.short is not None and "error 400: Unable to complete operation" in result.short
    assert result.tally.rows == 600


def test_the_page_of_a_firewall_is_no_data(session: Session) -> None:
    with pytest.raises(RunFailed) as raised:
        read(ArcgisServer(rows=900, max_record_count=300, rejected_page=2), session)
    assert raised.value.code == "E-BLOCKED"


def test_a_layer_that_wants_a_token_says_so(session: Session) -> None:
    with pytest.raises(RunFailed, match="wants a token") as raised:
        read(ArcgisServer(token=True), session)
    assert raised.value.code == "E-AUTH"


def test_a_layer_that_is_gone_says_so(session: Session) -> None:
    with served(ArcgisServer()) as server, pytest.raises(RunFailed, match="Service not found"):
        arcgis.probe(f"{server.site}/arcgis/rest/services/Open/Gone/FeatureServer/0", {}, session)


def test_a_table_is_read_without_shapes(session: Session) -> None:
    result = read(ArcgisServer(rows=5, geometry="none"), session)
    assert (result.dataset.geometry, result.dataset.crs) == ("none", None)
    assert result.tally.rows == 5 and b'"geometry":' not in result.pages[-1]


def test_shapes_come_in_the_layers_own_reference_system(session: Session) -> None:
    result = read(ArcgisServer(rows=5, geometry="Polygon"), session)
    page = json.loads(result.pages[-1])
    assert result.dataset.geometry == "area" and page["spatialReference"]["latestWkid"] == 27700


def test_the_names_of_coded_values_come_before_the_rows(session: Session) -> None:
    result = read(ArcgisServer(rows=5, kind="MapServer", domains_in_pages=False), session)
    fees = next(f for f in json.loads(result.pages[0])["fields"] if f["name"] == "Fee")
    assert [one["name"] for one in fees["domain"]["codedValues"]] == ["Free", "Charged"]
    assert "domain" not in result.pages[1].decode() and result.short is None


def test_the_watermark_moves_with_the_stamps_and_the_count(session: Session) -> None:
    server = ArcgisServer(rows=5)
    first = described(server, session).watermark
    server.last_edit = EDITED + 1
    second = described(server, session).watermark
    server.rows = 4
    assert first and len({first, second, described(server, session).watermark}) == 3


def test_a_map_server_has_the_latest_edit_as_its_watermark(session: Session) -> None:
    server = ArcgisServer(rows=5, kind="MapServer", tracking=True, edited=(3,))
    assert described(server, session).watermark == f"{EDITED}/5"


@pytest.mark.parametrize("given", [{"view": True}, {"last_edit": None}, {"kind": "MapServer"}])
def test_a_stamp_that_nobody_vouches_for_is_no_watermark(given: dict[str, object], session: Session) -> None:
    assert described(replace(ArcgisServer(rows=5), **given), session).watermark is None  # type: ignore[arg-type]


def test_only_what_was_edited_since_is_read_where_edits_are_tracked(session: Session) -> None:
    server = ArcgisServer(rows=900, tracking=True, edited=(7, 700))
    result = read(server, session, since=f"{EDITED - 1}/900")
    assert result.dataset.increments and references(result) == ["T0000007", "T0000700"]
    assert any("timestamp '2026-05-28 20:16:39'" in asked.replace("+", " ") for asked in server.asked)


def test_a_layer_that_tracks_no_edits_takes_no_increments(session: Session) -> None:
    assert not described(ArcgisServer(rows=5), session).increments


def test_a_long_condition_is_sent_as_a_form(session: Session) -> None:
    wanted = ",".join(f"'T{number:07d}'" for number in range(1, 400))
    with served(ArcgisServer(rows=900)) as server:
        result = read_all(arcgis, server.url, {"where": f"Reference IN ({wanted})"}, session)
    assert result.short is None and result.tally.rows == 399 and server.posted == 1


def test_a_renumbered_layer_has_the_same_references(session: Session) -> None:
    before, after = (references(read(ArcgisServer(rows=9, first_oid=oid), session)) for oid in (1, 5_000))
    assert before == after


def test_the_layers_limits_are_noted(session: Session) -> None:
    limits = described(ArcgisServer(rows=1, max_record_count=300), session).own["limits"]
    assert limits == {"maxRecordCount": 300, "standardMaxRecordCount": 16_000, "tileMaxRecordCount": 8_000}


def test_what_comes_between_the_pages_is_told_from_rows(session: Session, tmp_path: Path) -> None:
    result = read(ArcgisServer(rows=5, kind="MapServer", domains_in_pages=False, pagination=False), session)
    told = []
    for number, body in enumerate(result.pages):
        path = tmp_path / f"{number}.json"
        path.write_bytes(body)
        told.append(notice(path))
    assert told == [{"Fee": {"0": "Free", "1": "Charged"}}, {}, None]


def test_codes_become_names_unless_the_page_has_named_them_itself(tmp_path: Path) -> None:
    records, names = pl.DataFrame({"Fee": ["0", None]}), {"Fee": {"0": "Free"}, "Gone": {"1": "Yes"}}
    page = tmp_path / "page.json"
    page.write_bytes(b'{"features":[]}')
    assert with_names(records, names, page)["Fee"].to_list() == ["Free", None]
    page.write_bytes(b'{"fields":[{"domain":{"codedValues":[]}}],"features":[]}')
    assert with_names(records, names, page)["Fee"].to_list() == ["0", None]
