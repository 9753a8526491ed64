"""A server of OGC API Features is read by its own `next` links, to the end or to an honest "incomplete"; a link to
itself or to another server is refused, and the national grid is asked for where it really comes."""

from collections.abc import Mapping
from typing import Any

import pytest

from datasets.errors import RunFailed
from harvesters.adapters import ogcapi
from harvesters.web.session import Session
from tests.adapters.reading import Read, describe, read_all
from tests.peers.answering import Reply, json_reply
from tests.peers.ogcapi import GRID, OgcApiServer, serving_ogcapi
from tests.peers.wfs import WfsServer, serving_wfs

TREES = {"collection": "trees"}


def read(server: OgcApiServer, session: Session, size: int = 500) -> Read:
    with serving_ogcapi(server):
        return read_all(ogcapi, server.url, TREES, session, size=size)


def test_a_server_lists_its_collections_of_features_and_no_others(session: Session) -> None:
    with serving_ogcapi(OgcApiServer(42, matched=42)) as server:
        found = ogcapi.probe(server.url, {}, session)
    assert found is not None and (found.title, found.total) == ("Ashmere", 1)
    one = found.datasets[0]
    assert (one.title, one.licence, one.count, one.geometry, one.crs) == (
        "Trees", "https://example.org/licence", 42, "point", "OGC:CRS84",
    )  # fmt: skip
    assert one.fields == ("id", "species", "height")


def test_of_several_licences_none_is_the_collections(session: Session) -> None:
    with serving_ogcapi(OgcApiServer(42, licences=("https://example.org/a", "https://example.org/b"))) as server:
        assert describe(ogcapi, server.url, TREES, session).licence in (None, "")


@pytest.mark.parametrize("path", ["/collections/trees", "/collections/trees/items?limit=10&f=json"])
def test_the_address_of_a_collection_means_that_collection(path: str, session: Session) -> None:
    with serving_ogcapi(OgcApiServer(42)) as server:
        dataset = describe(ogcapi, server.url + path, {}, session)
    assert (dataset.url, dict(dataset.params)) == (f"{server.url}/", TREES)


@pytest.mark.parametrize("path", ["/dataset/trees", "/ows?service=WFS&request=GetCapabilities", "/trees.geojson"])
def test_an_address_that_plainly_belongs_elsewhere_costs_no_question(path: str, session: Session) -> None:
    with serving_ogcapi(OgcApiServer(42)) as server:
        assert ogcapi.probe(server.url + path, {}, session) is None
    assert server.asked == []


def test_a_site_that_answers_with_something_else_is_no_ogc_api(session: Session) -> None:
    with serving_wfs(WfsServer(7)) as server:
        assert ogcapi.probe(f"{server.url}/maps", {}, session) is None
    assert len(server.asked) == 1


def test_a_collection_that_is_not_there_is_named(session: Session) -> None:
    with serving_ogcapi(OgcApiServer(1)) as server, pytest.raises(RunFailed, match="has no collection 'benches'"):
        ogcapi.probe(server.url, {"collection": "benches"}, session)


@pytest.mark.parametrize("more", [{"matched": 1203}, {}, {"cap": 100}, {"ids": False}, {"wants_f": True}])
def test_a_collection_is_read_to_the_end(more: Mapping[str, Any], session: Session) -> None:
    done = read(OgcApiServer(1203, **more), session)
    assert (done.tally.rows, done.tally.duplicates, done.short) == (1203, 0, None)


def test_a_server_that_stops_before_its_own_number_is_incomplete(session: Session) -> None:
    done = read(OgcApiServer(1203, matched=1203, follows="nowhere"), session)
    assert done.short == "The server declares 1,203 rows and sent 500."


def test_a_full_page_without_next_and_without_a_number_proves_nothing(session: Session) -> None:
    done = read(OgcApiServer(1203, follows="nowhere"), session)
    assert done.short == "Nothing the server said shows that the last page was the last."


@pytest.mark.parametrize(
    ("follows", "code"), [("itself", "E-PAGELOOP"), ("first", "E-PAGELOOP"), ("host", "E-ADDRESS")]
)
def test_links_that_lead_nowhere_good_are_refused(follows: str, code: str, session: Session) -> None:
    with pytest.raises(RunFailed) as failed:
        read(OgcApiServer(1203, follows=follows), session)
    assert failed.value.code == code


def test_a_proxy_that_ends_tls_does_not_make_another_server_of_it() -> None:
    page = ogcapi.FeaturePage(
        1, (), None, "", rest={"links": [{"rel": "next", "href": "http://maps.example.org/b?c=1"}]}
    )
    assert ogcapi._next("https://maps.example.org/a", page, "maps.example.org") == "https://maps.example.org/b?c=1"


def test_addresses_from_inside_a_proxy_are_not_followed_for_the_items(session: Session) -> None:
    done = read(OgcApiServer(42, inside="http://internal.example.org:8080"), session)
    assert (done.tally.rows, done.short) == (42, None)


def test_the_national_grid_is_asked_for_where_it_is_offered(session: Session) -> None:
    server = OgcApiServer(1203, grid=True, matched=1203)
    done = read(server, session)
    assert (done.dataset.crs, done.tally.rows, done.short) == ("EPSG:27700", 1203, None)
    assert f"crs={GRID}" in server.asked[-1] and b"[530000.1," in done.pages[-1]


def test_a_grid_that_is_only_said_is_not_believed(session: Session) -> None:
    done = read(OgcApiServer(10, grid=True, lies=True), session)
    assert (done.dataset.crs, done.dataset.own["crs"], done.tally.rows) == ("OGC:CRS84", "", 10)


def test_a_server_in_trouble_is_asked_for_less(session: Session) -> None:
    server = OgcApiServer(1203, faults=[json_reply({"code": "ServerError"}, 500)])
    done = read(server, session)
    assert (done.tally.rows, done.short) == (1203, None)
    assert any("limit=250" in line and "before" in line for line in server.asked)


@pytest.mark.parametrize(
    "problem", [{"code": "InvalidParameterValue", "description": "No more"}, {"title": "Bad", "detail": "No more"}]
)
def test_an_error_in_a_200_is_told_in_the_servers_words(problem: Mapping[str, str], session: Session) -> None:
    with pytest.raises(RunFailed, match=r"answered with an error: .*No more"):
        read(OgcApiServer(1203, faults=[json_reply(problem)] * 9), session)


class Disordered(OgcApiServer):
    """Sends a row of the first page again on the last one, instead of another."""

    def _items(self, query: Mapping[str, str]) -> Reply:
        if int(query.get("before", 0)) + int(query["limit"]) < self.count:
            return super()._items(query)
        body = super()._items(query).body
        return Reply(body.replace(b'"1202"', b'"0003"').replace(b"-0.1202", b"-0.1003"))


@pytest.mark.parametrize("ids", [True, False])
def test_a_row_that_comes_twice_is_seen_with_and_without_ids(ids: bool, session: Session) -> None:
    done = read(Disordered(1203, cap=500, matched=1203, ids=ids), session)
    assert (done.tally.rows, done.short) == (1203, "1 rows came twice, so others may not have come at all.")


def test_few_features_without_ids_are_asked_for_at_once(session: Session) -> None:
    done = read(OgcApiServer(6003, matched=6003, ids=False), session, size=0)
    assert (done.tally.pages, done.tally.rows, done.short) == (1, 6003, None)


@pytest.mark.parametrize("trouble", [json_reply({"description": "limit"}, 400), json_reply({}, 500)])
def test_features_without_ids_are_asked_for_in_pages_where_one_answer_is_too_much(
    trouble: Reply, session: Session
) -> None:
    class Small(OgcApiServer):
        def _items(self, query: Mapping[str, str]) -> Reply:
            return trouble if int(query["limit"]) > 5_000 else super()._items(query)

    done = read(Small(6003, matched=6003, ids=False), session, size=0)
    assert (done.tally.rows, done.tally.duplicates, done.short) == (6003, 0, None) and done.tally.pages >= 2
