"""Ways in which servers are known to misbehave, each through the real pipeline: the verdict, the words, what decided,
and above all that what stood before stands after. Rows 1 to 12 are about services; the rest is in
`test_matrix_contents`."""

from dataclasses import replace

import pytest

from datasets.vocabulary import Outcome
from harvesters.run import Tools
from harvesters.web import ask as asking
from tests.builders import (
    LAT,
    LON,
    Answer,
    Loopback,
    csv_bytes,
    query,
    toilets,
)  # fmt: skip
from tests.misbehaviour.feeds import (
    Council,
    OgcApiToilets,
    WfsToilets,
    ckan,
    council,
    file,
    ogcapi,
    toilets_view,
    wfs,
)
from tests.peers.answering import Reply, answering, json_reply, web_page
from tests.peers.arcgis import EDITED, REQUEST_REJECTED, ArcgisServer
from tests.peers.datastore import datastore
from tests.peers.opendatasoft import Table, opendatasoft
from tests.peers.socrata import socrata

BROKEN = {"code": 400, "message": "Unable to complete operation.", "details": []}


# 1: caps page at 500 though 2000 asked, count says 1,200


def test_01_an_arcgis_server_that_caps_its_pages_gives_every_row(arcgis: tuple[ArcgisServer, Council]) -> None:
    server, feed = arcgis
    server.rows, server.max_record_count, server.page_cap = 1_200, 2_000, 500
    feed.whole(1_200)
    assert server.pages == 3


def test_01_a_wfs_that_caps_its_pages_gives_every_row(tools: Tools) -> None:
    server = WfsToilets(1_200, cap=500)
    with answering(server):
        wfs(tools, server).whole(1_200)


@pytest.mark.parametrize("matched", [1_200, None])
def test_01_an_ogc_api_that_caps_its_pages_gives_every_row(tools: Tools, matched: int | None) -> None:
    server = OgcApiToilets(1_200, cap=500, matched=matched)
    with answering(server):
        ogcapi(tools, server).whole(1_200)


# 2: short page with exceededTransferLimit, then an empty one with it, then the rest


def test_02_short_and_empty_pages_are_not_the_end_while_more_follow(arcgis: tuple[ArcgisServer, Council]) -> None:
    server, feed = arcgis
    server.short_pages = {1: 5, 2: 0}
    feed.whole(60)


# 3: 200 and an error of code 400 on page 3


def test_03_an_error_told_with_200_is_tried_again_then_the_read_is_short(arcgis: tuple[ArcgisServer, Council]) -> None:
    server, feed = arcgis
    feed.whole(60)
    server.last_edit, server.pages, server.error_page, server.error = EDITED + 1, 0, 3, BROKEN
    report = feed.short("E-TRUNCATED")
    assert server.pages == 2 + asking.TRIES and "The read broke off after 40 rows" in report.message
    assert len(feed.rows()) == 60


# 4: 200 and the page of a firewall


def test_04_the_page_of_a_firewall_in_place_of_a_file_leaves_the_host_alone(tools: Tools, site: Loopback) -> None:
    site.answers["/toilets.csv"] = Answer(csv_bytes(toilets(3)))
    feed = file(tools, site)
    feed.whole(3)
    site.answers["/toilets.csv"] = Answer(REQUEST_REJECTED, headers={"Content-Type": "text/html"})
    feed.stopped(Outcome.FAILED, "E-BLOCKED")
    report = feed.stopped(Outcome.FAILED, "E-COOLING")
    assert len(site.asked) == 2 and "refuses us with a firewall; we ask it again after" in report.message


def test_04_the_page_of_a_firewall_among_pages_leaves_the_host_alone(arcgis: tuple[ArcgisServer, Council]) -> None:
    server, feed = arcgis
    feed.whole(60)
    server.last_edit, server.pages, server.rejected_page = EDITED + 1, 0, 2
    feed.stopped(Outcome.FAILED, "E-BLOCKED")
    asked = len(server.asked)
    feed.stopped(Outcome.FAILED, "E-COOLING")
    assert server.pages == 2 and len(server.asked) == asked


# 5: unordered pages with an overlap of 10 %


def test_05_overlapping_pages_of_socrata_are_never_complete(tools: Tools, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harvesters.adapters.socrata.ROWS", 20)
    with socrata(toilets_view(range(100))) as portal:
        feed = council(tools, platform="socrata", url=portal.url, params={"dataset": "abcd-1234"})
        feed.whole(100)
        portal.unordered, portal.views = True, [replace(portal.views[0], rows_updated_at=1_790_000_000)]
        assert "came twice" in feed.short("E-SHORT").message
        assert len(feed.rows()) == 100


def test_05_overlapping_pages_of_a_datastore_are_never_complete(tools: Tools) -> None:
    with datastore(rows=100, cap=30) as portal:
        feed = ckan(tools, portal.url)
        feed.whole(100)
        portal.sorts, portal.overlap = False, True
        feed.short("E-SHORT")
        assert len(feed.rows()) == 100


# 6: the limit that a DataStore says it applied


def test_06_the_limit_that_a_datastore_applies_is_asked_for_from_then_on(tools: Tools) -> None:
    with datastore(rows=100, cap=32) as portal:
        ckan(tools, portal.url).whole(100)
        asked = [line for line in portal.asked if "offset=" in line]
    assert ["limit=32000" in line for line in asked] == [True, False, False, False]
    assert all("limit=32&" in line for line in asked[1:])


# 7: success false with 200; quoted text; a web page


@pytest.mark.parametrize(
    ("reply", "code", "words"),
    [
        (json_reply({"success": False, "error": {"message": "Table is being rebuilt"}}), "E-PLATFORM", "being rebuilt"),
        (json_reply("Bad request - JSON Error: no rows today"), "E-PLATFORM", "no rows today"),
        (web_page(), "E-NOTDATA", "answered with a web page: 'Ashmere'"),
    ],
    ids=["success false", "quoted text", "web page"],
)
def test_07_what_a_datastore_says_instead_of_rows_is_told(tools: Tools, reply: Reply, code: str, words: str) -> None:
    with datastore(rows=50, cap=20) as portal:
        feed = ckan(tools, portal.url)
        feed.whole(50)
        portal.broken, portal.broken_page, portal._pages = reply, 2, 0
        assert words in feed.stopped(Outcome.FAILED, code).message


# 8: 400 beyond 10,000 records; 9: an export whose Last-Modified stands still


def ods_table(rows: int, stamp: str = "2026-06-16T12:01:00+00:00") -> Table:
    fields = {"asset_id": "text", "name": "text", "address": "text", "geo_point_2d": "geo_point_2d"}
    made = [
        {
            "asset_id": f"WC-{n}",
            "name": f"Toilet {n}",
            "address": f"{n} Row",
            "geo_point_2d": (LON + n % 100 / 1e4, LAT),
        }
        for n in range(rows)
    ]
    return Table("toilets", "Public toilets", fields, made, data_processed=stamp, geometry_types=("Point",))


def test_08_more_rows_than_paging_could_reach_come_by_the_export(tools: Tools) -> None:
    with opendatasoft(ods_table(10_050)) as portal:
        feed = council(tools, platform="opendatasoft", url=portal.url, params={"dataset": "toilets"})
        feed.whole(10_050)
        assert sum("/exports/" in line for line in portal.asked) == 1
        assert not [line for line in portal.asked if "/records" in line and "limit=0" not in line]


def test_09_an_export_whose_date_stands_still_is_compared_by_its_content(tools: Tools) -> None:
    with opendatasoft(ods_table(5)) as portal:
        feed = council(tools, platform="opendatasoft", url=portal.url, params={"dataset": "toilets"})
        feed.whole(5)
        portal.tables = [ods_table(6, "2026-06-17T12:01:00+00:00")]
        assert feed.whole(6).values["decided_by"] == "rows compared"
        portal.tables = [ods_table(6, "2026-06-18T12:01:00+00:00")]
        assert feed.harvest().values["decided_by"] == "same bytes"


# 10: no primary key, 400 on startIndex


@pytest.mark.parametrize("sorts", [True, False], ids=["sorted instead", "all at once instead"])
def test_10_a_wfs_without_a_primary_key_is_asked_in_another_way(tools: Tools, sorts: bool) -> None:
    server = WfsToilets(1_200, cap=None if not sorts else 500, keyed=False, sorts=sorts)
    with answering(server):
        wfs(tools, server).whole(1_200)
    assert any("sortBy=" in line for line in server.asked) is sorts


# 11: the same page for every offset; next is the page itself; next is on another host


@pytest.mark.parametrize(
    ("follows", "code"), [("first", "E-PAGELOOP"), ("itself", "E-PAGELOOP"), ("host", "E-ADDRESS")]
)
def test_11_an_ogc_api_that_leads_astray_is_left(tools: Tools, follows: str, code: str) -> None:
    server = OgcApiToilets(60, cap=20, matched=60)
    with answering(server):
        feed = ogcapi(tools, server)
        feed.whole(60)
        server.follows = follows
        feed.stopped(Outcome.FAILED, code)


def test_11_an_arcgis_server_that_gives_the_same_page_for_every_offset_is_left(
    arcgis: tuple[ArcgisServer, Council],
) -> None:
    server, feed = arcgis
    feed.whole(60)
    server.last_edit, server.loops = EDITED + 1, True
    for _ in range(2):
        feed.stopped(Outcome.FAILED, "E-PAGELOOP")


@pytest.mark.parametrize(
    ("following", "code"), [("/catalog.ttl", "E-PAGELOOP"), ("http://elsewhere.example.org/catalog.ttl", "E-ADDRESS")]
)
def test_11_a_catalogue_that_leads_astray_is_left(tools: Tools, site: Loopback, following: str, code: str) -> None:
    catalogue = (
        "@prefix dcat: <http://www.w3.org/ns/dcat#> . @prefix dct: <http://purl.org/dc/terms/> .\n"
        '<https://example.org/d/1> a dcat:Dataset ; dct:title "Toilets" ; dcat:distribution '
        f'[ dcat:downloadURL <{site["/toilets.csv"]}> ; dct:format "CSV" ] .\n'
    )
    site.answers |= {"/catalog.ttl": Answer(catalogue.encode()), "/toilets.csv": Answer(csv_bytes(toilets(3)))}
    feed = file(tools, site, "/catalog.ttl", platform="dcat", params={"dataset": "https://example.org/d/1"})
    feed.whole(3)
    elsewhere = catalogue.replace("d/1", "d/2") + f"[] <http://www.w3.org/ns/hydra/core#next> <{following}> ."
    site.answers["/catalog.ttl"] = Answer(elsewhere.encode())
    feed.stopped(Outcome.FAILED, code)


# 12: other timestamps and made-up ids, the same data


def test_12_made_up_ids_and_times_of_a_wfs_are_no_change(tools: Tools) -> None:
    server = WfsToilets(30, keyed=False)
    with answering(server):
        feed = wfs(tools, server)
        feed.whole(30)
        before = feed.rows("*, xmin::text")
        report = feed.harvest()
    assert len(query(tools.engine, "SELECT FROM citywide.resource")) == 2
    assert (report.outcome, report.values["decided_by"]) == (Outcome.UNCHANGED, "same content")
    assert feed.rows("*, xmin::text") == before


# Beside the matrix: a layer that is edited while it is read


def test_a_layer_that_changes_while_it_is_read_ends_nothing_and_is_read_again(
    arcgis: tuple[ArcgisServer, Council],
) -> None:
    server, feed = arcgis
    feed.whole(60)
    server.last_edit, server.rows = EDITED + 1, [n for n in range(1, 62) if n != 9]
    server.during = lambda page: setattr(server, "last_edit", EDITED + page)
    feed.short("E-CHANGING")
    assert len(feed.rows()) == 61
    server.during = lambda page: None
    report = feed.harvest()
    assert (report.values["complete"], report.diff and report.diff.missing) == (True, 1)
