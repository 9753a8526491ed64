"""Socrata: every address of a portal leads to its datasets, rows come once each in the order of their ids, a read
that is not whole says so, and what the portal refuses is told in a sentence a person can act on."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from datasets.errors import RunFailed
from datasets.feed import LocationKind
from datasets.layer import find_layer
from datasets.settings import read_settings
from harvesters.adapters import socrata as adapter
from harvesters.content import SERVER_COLUMNS
from harvesters.map import propose
from harvesters.open import open_resource
from harvesters.web.ask import ServerTrouble
from harvesters.web.session import Session
from tests.adapters.reading import Read, describe, read_all
from tests.builders import feed_of
from tests.peers.answering import web_page
from tests.peers.socrata import SocrataPortal, View, socrata
from tests.test_mapping import AROUND

COLUMNS = {"site_ref": "text", "site_name": "text", "place": "point", "surveyor": "text"}
LATEST = "2026-06-01T10:00:00.000Z"


def rows(count: int, **last: Any) -> list[dict[str, Any]]:
    """Rows in another order than that of their ids, the first with nothing but its id."""
    made = [
        {
            ":id": f"row-{n * 7919 % count:05d}", ":updated_at": f"2026-05-{n % 28 + 1:02d}T09:00:00.000Z",
            "site_ref": f"WC{n}", "site_name": f"Toilet {n}", "surveyor": "A. Person",
            "place": {"type": "Point", "coordinates": [1.7 + n / 1e5, 53.5]},
        }
        for n in range(count)
    ]  # fmt: skip
    made[0] = {":id": made[0][":id"], ":updated_at": LATEST}
    return made


def toilets(count: int = 25, **changes: Any) -> View:
    return replace(View("abcd-1234", "Public toilets", COLUMNS, rows(count), hidden=("surveyor",)), **changes)


def read(portal: SocrataPortal, session: Session, **how: Any) -> Read:
    return read_all(adapter, portal.url, {"dataset": "abcd-1234"}, session, **how)


def records(got: Read) -> list[dict[str, Any]]:
    return [row for page in got.pages for row in json.loads(page)]


@pytest.mark.parametrize(
    "path",
    [
        "/d/abcd-1234", "/Environment/Public-toilets/abcd-1234", "/Environment/Public-toilets/abcd-1234/about_data",
        "/resource/abcd-1234.json?$limit=5", "/api/views/abcd-1234.json", "/api/v3/views/abcd-1234/query.json",
    ],
)  # fmt: skip
def test_any_address_of_a_dataset_is_recognised(path: str, session: Session) -> None:
    with socrata(toilets()) as portal:
        found = adapter.probe(portal.url + path, {}, session)
        assert found is not None
        assert [dataset.params for dataset in found.datasets] == [{"dataset": "abcd-1234"}]


@pytest.mark.parametrize("path", ["", "/", "/browse?category=Environment", "/data.json"])
def test_a_portals_home_page_leads_to_its_datasets(path: str, session: Session) -> None:
    with socrata(toilets(), View("wxyz-9876", "Map", {}, asset_type="map", parent="abcd-1234")) as portal:
        found = adapter.probe(portal.url + path, {}, session)
        assert found is not None and found.total == 1
        [listed] = found.datasets
        assert (listed.title, listed.licence, listed.geometry) == (
            "Public toilets",
            "Open Government Licence v3.0",
            "point",
        )
        assert listed.fields == tuple(COLUMNS) and listed.url == portal.url
        assert len(portal.asked) == 1


def test_a_very_large_portal_is_listed_in_part_and_says_so(session: Session) -> None:
    with socrata(others=9_999) as portal:
        found = adapter.probe(portal.url, {}, session)
        assert found is not None and (len(found.datasets), found.total) == (1_000, 9_999)
        assert found.note == "The first 1,000 of 9,999 datasets are listed."
        assert len(portal.asked) == 5


@pytest.mark.parametrize("path", ["/waste/collections.html", "/arcgis/rest/services", "/geoserver/ows"])
def test_an_address_that_plainly_lies_elsewhere_costs_no_request(path: str, session: Session) -> None:
    with socrata(toilets()) as portal:
        assert adapter.probe(portal.url + path, {}, session) is None
        assert portal.asked == []


def test_a_site_that_only_looks_like_a_portal_is_none(session: Session) -> None:
    with socrata() as portal:
        portal.answer = lambda *_: web_page()  # type: ignore[method-assign]
        assert adapter.probe(portal.url, {}, session) is None
        assert adapter.probe(f"{portal.url}/parks/city-hall", {}, session) is None


def test_a_dataset_is_described_as_it_stands(session: Session) -> None:
    with socrata(toilets()) as portal:
        dataset = describe(adapter, portal.url, {"dataset": "abcd-1234"}, session)
    assert (dataset.count, dataset.geometry, dataset.crs) == (25, "point", "EPSG:4326")
    assert dataset.publisher == "Ashmere Borough Council"
    assert dataset.watermark == f"{LATEST} 1780000000 25"
    assert dataset.updated == "2026-05-28T20:26:40+00:00"
    assert dataset.increments


@pytest.mark.parametrize(
    "change", [{"rows_updated_at": 1_790_000_000}, {"view_last_modified": 1_790_000_000}, {"rows": rows(24)}]
)
def test_the_watermark_differs_when_rows_may_have_changed(change: dict[str, Any], session: Session) -> None:
    marks = []
    for view in (toilets(), toilets(**change)):
        with socrata(view) as portal:
            marks.append(describe(adapter, portal.url, {"dataset": "abcd-1234"}, session).watermark)
    assert marks[0] != marks[1]


def test_hidden_and_system_columns_are_not_asked_for(session: Session) -> None:
    with socrata(toilets()) as portal:
        got = read(portal, session)
        assert got.dataset.fields == ("site_ref", "site_name", "place")
        assert {name for row in records(got) for name in row} == {"fid", "site_ref", "site_name", "place"}


def test_the_row_id_never_passes_for_a_reference(session: Session) -> None:
    with socrata(toilets(columns={**COLUMNS, "fid": "text"})) as portal:
        dataset = describe(adapter, portal.url, {"dataset": "abcd-1234"}, session)
        assert dataset.own["key"] == "ogc_fid"
    assert set(adapter._KEY_NAMES) <= SERVER_COLUMNS


@pytest.mark.parametrize("size", [1, 7, 25, 26, 1_000])
def test_every_row_comes_once_in_the_order_of_ids(size: int, session: Session) -> None:
    with socrata(toilets()) as portal:
        got = read(portal, session, size=size)
        assert got.short is None
        assert [row["fid"] for row in records(got)] == [f"row-{n:05d}" for n in range(25)]


def test_a_server_that_gives_less_than_asked_is_read_to_its_end(session: Session) -> None:
    with socrata(toilets(1_200), most_rows=500) as portal:
        got = read(portal, session)
        assert (got.tally.rows, got.tally.pages, got.short) == (1_200, 3, None)
        assert got.tally.ended == "a short last page, and the 1,200 rows declared"


def test_pages_that_overlap_are_never_complete(session: Session) -> None:
    with socrata(toilets(1_000), unordered=True) as portal:
        got = read(portal, session, size=100)
        assert (got.tally.rows, got.tally.duplicates) == (1_000, 90)
        assert got.short is not None and "rows came twice" in got.short


def test_a_read_with_fewer_rows_than_counted_is_not_complete(session: Session) -> None:
    with socrata(toilets()) as portal:
        dataset = replace(describe(adapter, portal.url, {"dataset": "abcd-1234"}, session), count=30)
        got = read(portal, session)
        assert adapter.complete(dataset, got.tally) == "The server declares 30 rows and sent 25."


def test_a_view_without_row_ids_is_put_in_order_by_its_columns(session: Session) -> None:
    with socrata(toilets(grouped=True)) as portal:
        got = read(portal, session, size=10)
        assert (got.tally.rows, got.short, got.dataset.increments) == (25, None, False)
        assert "$order=site_ref,site_name&" in portal.asked[-1]
        assert "fid" not in records(got)[1]


def test_only_what_changed_since_is_read(session: Session) -> None:
    with socrata(toilets()) as portal:
        got = read(portal, session, since="2026-05-20T12:00:00.000Z 1770000000 25")
        assert got.tally.ended == f"an empty page after {got.tally.rows} rows"
        assert "$where=:updated_at > '2026-05-20T11:00:00.000Z'&$order=:updated_at,:id" in portal.asked[-1]
        assert got.tally.rows == 1 + sum(row[":updated_at"][:10] > "2026-05-20" for row in rows(25)[1:])


def test_a_map_leads_to_the_dataset_it_is_drawn_from(session: Session) -> None:
    drawn = View("wxyz-9876", "Map of toilets", {}, asset_type="map", parent="abcd-1234")
    with socrata(toilets(), drawn) as portal:
        found = adapter.probe(f"{portal.url}/d/wxyz-9876", {}, session)
        assert found is not None and found.datasets[0].params == {"dataset": "abcd-1234"}
        assert found.note == "'Map of toilets' is drawn from the dataset abcd-1234, which is what is read."


@pytest.mark.parametrize(("kind", "geometry"), [("multipolygon", "area"), ("line", "line"), ("number", "none")])
def test_the_columns_tell_the_geometry(kind: str, geometry: str, session: Session) -> None:
    with socrata(toilets(columns={"site_ref": "text", "shape": kind})) as portal:
        assert describe(adapter, portal.url, {"dataset": "abcd-1234"}, session).geometry == geometry


@pytest.mark.parametrize(
    ("view", "code", "words"),
    [
        (toilets(private=True), "E-AUTH", "does not show the dataset 'abcd-1234' to the public: You must be logged in"),
        (toilets(id="zzzz-9999"), "E-PLATFORM", "has no dataset 'abcd-1234'. It may have been published anew"),
        (toilets(columns={}, view_type="href"), "E-PLATFORM", "'Public toilets' has no rows on the portal"),
    ],
)
def test_a_dataset_that_cannot_be_read_says_why(view: View, code: str, words: str, session: Session) -> None:
    with socrata(view) as portal, pytest.raises(RunFailed, match=words) as failure:
        adapter.probe(portal.url, {"dataset": "abcd-1234"}, session)
    assert failure.value.code == code


def test_a_portal_that_wants_a_token_says_so(session: Session) -> None:
    with socrata(toilets(), token=True) as portal:
        with pytest.raises(RunFailed, match="wants an application token: Invalid app_token specified") as failure:
            adapter.probe(portal.url, {"dataset": "abcd-1234"}, session)
        assert failure.value.code == "E-AUTH"
        with pytest.raises(RunFailed, match="application token"):
            adapter.probe(portal.url, {}, session)


def test_a_token_asked_for_half_way_says_so(session: Session) -> None:
    with socrata(toilets()) as portal:
        pages = adapter.pages(describe(adapter, portal.url, {"dataset": "abcd-1234"}, session), None)
        with pytest.raises(RunFailed, match="application token"):
            pages.instead(pages.first, '{"message": "Invalid app_token specified"}')


def test_a_throttled_read_is_asked_again(session: Session) -> None:
    with socrata(toilets(), busy=2) as portal:
        assert read(portal, session).short is None


def test_a_page_cut_off_in_the_middle_is_trouble_that_may_pass(session: Session) -> None:
    with socrata(toilets()) as portal:
        pages = adapter.pages(describe(adapter, portal.url, {"dataset": "abcd-1234"}, session), None)
        for body in (b'[{"fid": "row-1"}, {"fi', b'{"error": true, "message": "Internal"}'):
            with pytest.raises(ServerTrouble):
                pages.read(pages.first, 10, body)


def test_a_table_of_very_many_columns_is_asked_for_with_a_star(session: Session) -> None:
    many = {f"a_rather_long_name_of_column_number_{n}": "text" for n in range(200)}
    with socrata(toilets(columns={**COLUMNS, **many})) as portal:
        assert read(portal, session).short is None
        assert "$select=*,:id as fid" in portal.asked[-1]


@pytest.mark.parametrize(
    ("kind", "place", "location"),
    [
        ("point", {"type": "Point", "coordinates": [1.70601, 53.50491]}, LocationKind.GEOMETRY),
        ("location", {"latitude": "53.50491", "longitude": "1.70601", "human_address": "{}"}, LocationKind.XY),
    ],
)
def test_points_are_found_and_fields_are_mapped(
    kind: str, place: Any, location: LocationKind, session: Session, tmp_path: Path
) -> None:
    own = [{**row, "place": place} for row in rows(5)[1:]]
    with socrata(toilets(columns={**COLUMNS, "place": kind}, rows=own)) as portal:
        (tmp_path / "page").write_bytes(read(portal, session).pages[0])
    settings = read_settings({"CITYWIDE_HOME": str(tmp_path)})
    opened = open_resource(tmp_path / "page", name="1.json", settings=settings, work=tmp_path / "work")
    mapping = propose(feed_of(), find_layer("public-toilets"), opened, AROUND)
    columns = {one.field: one.rule.column for one in mapping.fields}
    assert (columns["reference"], columns["name"]) == ("site_ref", "site_name")
    assert mapping.location is not None
    assert (mapping.location.location.kind, mapping.location.confidence >= 0.9) == (location, True)
