"""Discovery knows every platform by its home page, its API, its service and one of its datasets, and whatever such an
address is refused for is told with the next step."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from datasets.city import City, Council, read_city
from datasets.settings import read_settings
from harvesters.discovery.discover import Discovery, discover
from harvesters.web.session import Session
from tests.builders import Answer
from tests.builders import served as published
from tests.peers.arcgis import ArcgisServer, served
from tests.peers.ogcapi import OgcApiServer, serving_ogcapi
from tests.peers.opendatasoft import OpendatasoftPortal, Table, opendatasoft
from tests.peers.socrata import SocrataPortal, View, socrata
from tests.peers.wfs import WfsServer, serving_wfs

EDINBURGH = Path(__file__).parents[2] / "shared/data/portal-responses/arcgis-hub-dcat/city-of-edinburgh/edinburgh.json"
ASHMERE = Council(gss="X09000001", name="Ashmere")
TOILETS = View("toil-1234", "Public toilets", {"name": "text", "radar_key": "text", "postcode": "text"})
LOOS = Table("public-toilets", "Public toilets", {"name": "text", "place": "geo_point_2d"})
MOST_QUESTIONS = 14
"""What a stranger's home page costs before it is known; a service's own address costs far less."""

Peer = SocrataPortal | OpendatasoftPortal | OgcApiServer | WfsServer
PEERS: list[tuple[str, str, Callable[[], AbstractContextManager[Peer]], str]] = [
    ("socrata", "home", lambda: socrata(TOILETS), ""),
    ("socrata", "page", lambda: socrata(TOILETS), "/People-Places/Public-toilets/toil-1234"),
    ("socrata", "rows", lambda: socrata(TOILETS), "/resource/toil-1234.json"),
    ("opendatasoft", "home", lambda: opendatasoft(LOOS), ""),
    ("opendatasoft", "page", lambda: opendatasoft(LOOS), "/explore/dataset/public-toilets/table/"),
    ("ogcapi", "landing page", lambda: serving_ogcapi(OgcApiServer(12)), "/"),
    ("ogcapi", "collection", lambda: serving_ogcapi(OgcApiServer(12)), "/collections/trees"),
    ("wfs", "service", lambda: serving_wfs(WfsServer(12)), "/geoserver/wfs"),
    ("wfs", "question", lambda: serving_wfs(WfsServer(12)), "/ows?service=WFS&request=GetFeature&typeName=app:trees"),
]


@pytest.fixture(scope="module")
def city() -> City:
    return read_city(read_settings({}))


@pytest.mark.parametrize(("platform", "kind", "peer", "path"), PEERS, ids=[f"{p}-{kind}" for p, kind, _, _ in PEERS])
def test_a_platform_is_recognised_by_any_of_its_addresses(
    session: Session, city: City, platform: str, kind: str, peer: Callable[[], AbstractContextManager[Peer]], path: str
) -> None:
    with peer() as server:
        found = discover(f"{server.url}{path}", session, city)
    assert (found.platform, len(found.offers)) == (platform, 1), found.verdict
    assert len(server.asked) <= MOST_QUESTIONS


@pytest.mark.parametrize("path", ["", "/arcgis/rest/services", "SERVICE", "LAYER"])
def test_arcgis_is_recognised_as_a_site_a_folder_a_service_or_a_layer(session: Session, path: str) -> None:
    with served(ArcgisServer(rows=12)) as server:
        address = {"SERVICE": server.service, "LAYER": server.url}.get(path, f"{server.site}{path}")
        found = discover(address, session, ASHMERE)
    assert found.platform == "arcgis" and found.offers, found.verdict


def test_a_layer_of_arcgis_comes_with_what_a_person_needs_to_judge_it(session: Session) -> None:
    with served(ArcgisServer(rows=12)) as server:
        [offer] = discover(server.url, session, ASHMERE).offers
    assert offer.dataset.count == 12 and offer.dataset.geometry == "point"
    assert offer.sure and offer.fit and "its shapes are points" in offer.fit.evidence
    assert offer.feed and (offer.feed.platform, offer.feed.id) == ("arcgis", "ashmere-public-toilets")


def test_a_layer_without_geometry_is_not_added_by_itself(session: Session) -> None:
    with served(ArcgisServer(rows=12, geometry="none")) as server:
        found = discover(server.url, session, ASHMERE)
    assert found.platform == "arcgis" and not any(offer.sure for offer in found.offers)


def test_a_service_that_wants_a_token_says_so(session: Session, city: City) -> None:
    with served(ArcgisServer(rows=12, token=True)) as server:
        found = discover(server.url, session, city)
    assert (found.platform, found.code) == (None, "E-AUTH") and "token" in found.next_step


def test_a_portal_of_ten_thousand_datasets_is_listed_in_bounded_time(session: Session) -> None:
    with opendatasoft(LOOS, others=9_999) as portal:
        found = discover(portal.url, session, ASHMERE)
    assert found.total == 10_000 and len(found.offers) <= 1_000 and found.note
    assert _added(found) == ["ashmere-public-toilets"]


def _added(found: Discovery) -> list[str]:
    return [offer.feed.id for offer in found.proposals if offer.sure and offer.feed]


@pytest.mark.real
@pytest.mark.skipif(not EDINBURGH.is_file(), reason="the folder of real answers is not here")
def test_a_real_hubs_catalogue_proposes_what_it_has_and_doubts_what_sounds_like_it(session: Session) -> None:
    catalogue = Answer(EDINBURGH.read_bytes(), headers={"Content-Type": "application/json"})
    with published({"/data.json": catalogue}) as site:
        found = discover(site["/data.json"], session, ASHMERE)
    sure = {offer.dataset.title: offer.sure for offer in found.proposals}
    assert (found.platform, found.total) == ("dcat", 44)
    doubted = {"Local Nature Conservation Sites"}
    assert {title for title, is_sure in sure.items() if not is_sure} == doubted
    assert set(sure) - doubted == {
        *("Conservation Areas", "Grit Bins", "Listed Buildings", "Polling District Boundaries 2022"),
        *("Polling Stations 2022", "Tree Preservation Orders", "Trees"),
    }
