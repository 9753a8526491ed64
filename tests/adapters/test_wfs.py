"""A WFS of any version and behaviour is read whole or said to be incomplete: pages begin after what really came,
tables without a key are asked for in another way, an exception report is never data, and ids made up for the moment are
none."""

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import asdict
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from datasets.errors import RunFailed
from harvesters.adapters import wfs
from harvesters.platforms.feature_pages import read_gml_page, read_json_page, read_xml
from harvesters.web.ask import Refused, ServerTrouble
from harvesters.web.session import Session
from tests.adapters.reading import Read, describe, read_all
from tests.peers.answering import Reply
from tests.peers.ogcapi import OgcApiServer, serving_ogcapi
from tests.peers.wfs import WfsServer, capabilities, exception, geojson, serving_wfs

TREES = {"type": "app:trees"}
RECORDED = sorted((Path(__file__).parents[3] / "shared/data/portal-responses/wfs-errors").glob("*/*.xml"))


def read(server: WfsServer, session: Session, size: int = 500) -> Read:
    with serving_wfs(server):
        return read_all(wfs, f"{server.url}/wfs", TREES, session, size=size)


def questions(server: WfsServer, word: str = "GetFeature") -> list[dict[str, str]]:
    """The query of each question of that kind, in lower case words."""
    queries = [parse_qs(urlsplit(line).query) for line in server.asked]
    plain = [{name.lower(): values[0] for name, values in query.items()} for query in queries]
    return [query for query in plain if query["request"] == word and query.get("resulttype") != "hits"]


@pytest.mark.parametrize("version", ["2.0.0", "1.1.0", "1.0.0"])
def test_every_version_is_read_to_the_end(version: str, session: Session) -> None:
    done = read(WfsServer(1203, version=version), session)
    assert (done.tally.rows, done.tally.duplicates, done.short) == (1203, 0, None)


def test_a_service_lists_its_types_with_what_a_person_needs_to_choose(session: Session) -> None:
    with serving_wfs(WfsServer(42)) as server:
        found = wfs.probe(f"{server.url}/geoserver/web/", {}, session)
    assert found is not None and (found.title, found.total) == ("Ashmere", 1)
    one = found.datasets[0]
    assert (one.title, one.licence, one.count, one.crs, one.geometry) == (
        "Trees", "Open Government Licence", 42, "EPSG:27700", "point",
    )  # fmt: skip
    assert one.url == f"{server.url}/geoserver/ows" and one.fields == ("species", "id", "height")


def test_an_address_with_a_question_in_it_means_the_type_it_asks_for(session: Session) -> None:
    with serving_wfs(WfsServer(7)) as server:
        asked = "/ows?service=WFS&version=1.0.0&request=GetFeature&typeName=trees&maxFeatures=50&map=city&bbox=1,2,3,4"
        dataset = describe(wfs, server.url + asked, {}, session)
    assert (dataset.url, dict(dataset.params)) == (f"{server.url}/ows?map=city", TREES)
    assert dataset.own["version"] == "2.0.0"


@pytest.mark.parametrize(
    "path", ["/dataset/trees", "/arcgis/rest/services/Trees/FeatureServer", "/trees.csv", "/wfs3/"]
)
def test_an_address_that_plainly_belongs_elsewhere_costs_no_question(path: str, session: Session) -> None:
    with serving_wfs(WfsServer(7)) as server:
        assert wfs.probe(server.url + path, {}, session) is None
    assert server.asked == []


def test_a_site_that_answers_with_something_else_is_not_a_wfs(session: Session) -> None:
    with serving_ogcapi(OgcApiServer(7)) as server:
        assert wfs.probe(server.url, {}, session) is None
    assert len(server.asked) == 1


def test_an_address_that_says_wfs_and_is_none_is_told_apart(session: Session) -> None:
    with serving_ogcapi(OgcApiServer(7)) as server, pytest.raises(RunFailed, match=r"has no such address|not XML"):
        wfs.probe(f"{server.url}/wfs", {}, session)


def test_a_type_that_is_not_there_is_named_with_those_that_are(session: Session) -> None:
    with (
        serving_wfs(WfsServer(7)) as server,
        pytest.raises(RunFailed, match="has no layer 'benches'; it has app:trees"),
    ):
        wfs.probe(f"{server.url}/wfs", {"type": "benches"}, session)


def test_a_server_that_caps_its_pages_is_read_whole(session: Session) -> None:
    server = WfsServer(1200, cap=500)
    done = read(server, session, size=2000)
    assert (done.tally.rows, done.short) == (1200, None)
    assert [q.get("startindex") for q in questions(server)[-3:]] == [None, "500", "1000"]


def test_a_cap_that_counts_only_to_itself_is_found_out(session: Session) -> None:
    done = read(WfsServer(1203, cap=500, capped_hits=True), session)
    assert done.dataset.count is None
    assert (done.tally.rows, done.short) == (1203, None)


def test_a_small_layer_is_asked_for_without_start_index(session: Session) -> None:
    server = WfsServer(37, keyed=False, sorts=False)
    done = read(server, session)
    assert (done.tally.rows, done.short) == (37, None)
    assert all("startindex" not in query for query in questions(server))


def test_a_table_without_a_key_is_read_in_the_order_of_a_column(session: Session) -> None:
    server = WfsServer(1203, keyed=False)
    done = read(server, session)
    assert (done.tally.rows, done.short) == (1203, None)
    assert questions(server)[-1]["sortby"] == "id"


def test_a_table_that_cannot_be_sorted_either_comes_in_one_answer(session: Session) -> None:
    server = WfsServer(1203, keyed=False, sorts=False)
    done = read(server, session)
    assert (done.tally.rows, done.tally.pages, done.short) == (1203, 1, None)
    assert questions(server)[-1]["count"] == "1203"


def test_a_table_that_is_too_large_for_one_answer_is_refused_in_the_servers_words(session: Session) -> None:
    with pytest.raises(Refused, match="Cannot do natural order without a primary key"):
        read(WfsServer(wfs.WHOLE_ROWS + 1, keyed=False, sorts=False), session)


def test_a_server_that_ignores_start_index_is_asked_for_everything_at_once(session: Session) -> None:
    done = read(WfsServer(1203, pages=False), session)
    assert (done.tally.rows, done.tally.pages, done.short) == (1203, 1, None)


def test_a_capped_server_that_ignores_start_index_is_incomplete(session: Session) -> None:
    done = read(WfsServer(1203, pages=False, cap=500), session)
    assert done.short == "The server declares 1,203 rows and sent 500."


@pytest.mark.parametrize(("said", "short"), [("900", True), ("1500", True), ("unknown", False)])
def test_a_number_that_does_not_agree_with_the_rows_is_never_complete(said: str, short: bool, session: Session) -> None:
    done = read(WfsServer(1203, matched=said), session)
    assert bool(done.short) is short
    assert short or done.tally.rows == 1203


def test_a_server_that_sends_rows_when_asked_for_hits_is_read_to_an_empty_page(session: Session) -> None:
    done = read(WfsServer(1203, hits=False, matched="unknown"), session)
    assert (done.dataset.count, done.tally.rows, done.tally.ended) == (None, 1203, "an empty page")


def test_ids_made_up_for_the_moment_are_no_keys(session: Session) -> None:
    server = WfsServer(10, keyed=False)
    body = server._features({"count": "10"}).body
    assert b'gml:id="trees.fid-' in body
    assert read_gml_page(body, "example.org").keys == ()


def test_two_answers_with_other_stamps_and_ids_have_the_same_mark() -> None:
    server = WfsServer(10, keyed=False)
    first, second = (server._features({"count": "10"}).body for _ in range(2))
    assert first != second
    assert read_gml_page(first, "h").mark == read_gml_page(second, "h").mark


def test_ids_that_features_share_are_left_out_of_the_account() -> None:
    body = WfsServer(10)._features({"count": "10"}).body.replace(b'gml:id="trees.0003"', b'gml:id="trees.0004"')
    page = read_gml_page(body, "example.org")
    assert (page.rows, page.keys, len(set(page.contents()))) == (10, (), 10)


@pytest.mark.parametrize("geojson", [True, False])
def test_features_are_known_again_by_what_they_hold_under_other_ids(geojson: bool) -> None:
    bodies = [WfsServer(10)._features({"count": "10", "outputformat": "json" if geojson else ""}).body]
    bodies += [bodies[0].replace(b'"trees.', b'"trees.fid-4a_')]
    first, second = (read_json_page(body, "h") if geojson else read_gml_page(body, "h") for body in bodies)
    assert bodies[0] != bodies[1] and first.contents() == second.contents() and len(set(first.contents())) == 10


def test_rows_without_ids_that_come_in_no_order_are_no_whole(session: Session) -> None:
    server = WfsServer(1203, keyed=False, geojson=False)
    usual = server._features

    def overlapping(words: Mapping[str, str]) -> Reply:
        start = int(words.get("startindex", 0))
        return usual({**words, "startindex": str(start - 7)} if start else words)

    server._features = overlapping  # type: ignore[method-assign]
    done = read(server, session)
    assert done.short is not None and "came twice, so others may not have come" in done.short


def test_a_fault_that_may_pass_is_asked_again(session: Session) -> None:
    fault = exception("java.io.IOException: This connection has been closed.")
    done = read(WfsServer(1203, faults=[fault, fault]), session)
    assert (done.tally.rows, done.short) == (1203, None)


def test_geojson_is_taken_where_it_comes_in_the_grid(session: Session) -> None:
    done = read(WfsServer(1203, geojson=True), session)
    assert (done.tally.rows, done.dataset.own["format"], done.short) == (1203, "application/json", None)
    assert done.pages[0].startswith(b'{"type":"FeatureCollection"')


def test_geojson_in_degrees_is_not_taken_for_the_grid(session: Session) -> None:
    done = read(WfsServer(30, geojson=True, degrees=True), session)
    assert done.dataset.own["format"] == "" and done.pages[0].startswith(b"<wfs:FeatureCollection")


def test_data_that_is_kept_in_degrees_is_not_turned_into_the_grid_by_the_server(session: Session) -> None:
    server = WfsServer(30, kept_in=4326)
    done = read(server, session)
    assert done.dataset.crs == "EPSG:4326" and not any("srsname" in asked.lower() for asked in server.asked)


def test_an_exception_in_xml_is_seen_where_geojson_was_asked_for(session: Session) -> None:
    sample = Reply(geojson(0, 1, "1203", degrees=False))
    with pytest.raises(Refused, match="No such layer"):
        read(WfsServer(1203, geojson=True, faults=[sample, *[exception("No such layer")] * 20]), session)


@pytest.fixture(params=RECORDED, ids=lambda path: path.stem)
def recorded(request: pytest.FixtureRequest) -> Iterator[bytes]:
    yield request.param.read_bytes()


@pytest.mark.real
@pytest.mark.skipif(not RECORDED, reason="../shared/data is not on this machine")
def test_recorded_exception_reports_are_faults_that_may_pass(recorded: bytes) -> None:
    with pytest.raises(ServerTrouble, match=r"answered with an error: .*(closed|terminating connection)"):
        read_gml_page(recorded, "example.org")


@pytest.mark.parametrize(
    ("body", "refusal"),
    [
        (b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>', "document type"),
        ('<?xml version="1.0" encoding="UTF-16"?><!DOCTYPE a><a/>'.encode("utf-16"), "document type"),
        (b"<FeatureCollection><member>", "ends too early"),
        (b"<FeatureCollection><truncatedResponse/></FeatureCollection>", "broke off"),
        (b"<rss/>", "holds no features"),
    ],
)
def test_xml_that_is_no_page_is_refused(body: bytes, refusal: str) -> None:
    with pytest.raises(RunFailed, match=refusal):
        read_gml_page(body, "example.org")


@pytest.mark.parametrize("version", ["2.0.0", "1.1.0"])
def test_capabilities_that_leave_much_out_are_read_all_the_same(version: str) -> None:
    bare = capabilities(version, None, offers_geojson=False).replace("<Title>Trees</Title>", "<MetadataURL/>")
    bare = bare.replace("urn:ogc:def:crs:EPSG::4326", "").replace(
        "<FeatureTypeList>", "<FeatureTypeList><FeatureType/>"
    )
    service = wfs._read_capabilities("http://example.org/wfs", read_xml(bare.encode(), "example.org"))
    assert [kind.title for kind in service.types.values()] == ["app:trees"]


def test_a_dataset_is_plain_json_so_that_a_read_can_be_taken_up(session: Session) -> None:
    server: AbstractContextManager[WfsServer] = serving_wfs(WfsServer(5))
    with server as peer:
        first, second = (describe(wfs, f"{peer.url}/wfs", TREES, session) for _ in range(2))
    assert asdict(first) == asdict(second) and isinstance(first.own["sorts"], list)


def test_few_features_without_ids_are_asked_for_at_once(session: Session) -> None:
    done = read(WfsServer(6003, keyed=False), session, size=0)
    assert (done.tally.rows, done.tally.pages, done.tally.duplicates, done.short) == (6003, 1, 0, None)


@pytest.mark.parametrize("trouble", [exception("Too many features", 400), Reply(status=500)])
def test_features_without_ids_are_asked_for_in_pages_where_one_answer_is_too_much(
    trouble: Reply, session: Session
) -> None:
    class Small(WfsServer):
        def _features(self, words: Mapping[str, str]) -> Reply:
            return trouble if int(words.get("count", 0)) > 5_000 else super()._features(words)

    done = read(Small(6003, keyed=False), session, size=0)
    assert (done.tally.rows, done.tally.duplicates, done.short) == (6003, 0, None) and done.tally.pages >= 2
