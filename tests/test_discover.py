"""Discovery: any address gets a verdict with a next step; of what it offers, each dataset that fits a layer becomes a
feed with its evidence, and nothing is added that is not sure."""

import json
from collections.abc import Iterator, Mapping
from types import SimpleNamespace
from typing import Any, cast

import pytest

from datasets.city import City, Council, read_city
from datasets.errors import CitywideError, RunFailed
from datasets.issues import issue_codes
from datasets.layer import find_layer
from datasets.settings import read_settings
from harvesters.adapters.contract import Adapter, Dataset, Found
from harvesters.discovery.discover import Discovery, discover, discovery_document, organisation_feeds
from harvesters.discovery.fit import best_fit, fit, owner_of
from harvesters.web.ask import Request, ask
from harvesters.web.session import Session
from tests.builders import Answer, Loopback, served

ASHMERE = Council(gss="X09000001", name="Ashmere")
PAGE = {"Content-Type": "text/html"}
LONG = b" " * 5000
TITLES = [
    ("Public Toilets", "public-toilets", True),
    ("toilets_2025.csv", "public-toilets", True),
    ("Community Libraries", "libraries", True),
    ("Mobile library stops", "mobile-library-stops", True),
    ("Libraries: visits and loans 2024", None, False),
    ("Conservation Areas", "conservation-areas", True),
    ("Conservation area appraisal documents", None, False),
    ("Sites of importance for nature conservation", "conservation-areas", False),
    ("Polling stations", "polling-stations", True),
    ("Polling districts", "polling-districts", True),
    ("Article 4 directions", "article-4-areas", True),
    ("Tree Preservation Orders", "tree-preservation-orders", True),
    ("TPO areas", "tree-preservation-zones", True),
    ("TPO trees", "protected-trees", True),
    ("Street trees", "street-trees", True),
    ("Brownfield Land Register 2024", "brownfield-land", True),
    ("Listed Buildings", "listed-building-outlines", True),
    ("Locally listed buildings", None, False),
    ("Electric vehicle charging points", "ev-chargepoints", True),
    ("Air quality monitoring sites", "air-quality-sites", True),
    ("Air Quality Management Areas", None, False),
    ("Premises licences", "licensed-premises", True),
    ("Recycling banks", "recycling-sites", True),
    ("Recycling rate by ward", None, False),
    ("Parks and open spaces", "parks-and-green-spaces", True),
    ("Car parks", None, False),
    ("Schools", "schools", True),
    ("Primary school catchment areas", None, False),
    ("Grit bins", "grit-bins", True),
    ("Gritting routes", None, False),
]
OWNERS = [
    ({"publisher": "Ashmere Borough Council"}, "https://data.example.org", "Ashmere", "publisher"),
    ({"title": "Toilets in Ashmere"}, "https://data.example.org", "Ashmere", "title"),
    ({}, "https://opendata.ashmere.gov.uk/x.csv", "Ashmere", "host"),
    ({}, "https://ashmerecouncil.opendata.example.org/x.csv", "Ashmere", "host"),
    ({}, "https://example.org/geoserver/borough_of_ashmere/wfs", "Ashmere", "address"),
    ({"publisher": "Ashmere and Dunmoor Councils"}, "https://data.example.org", None, ""),
    ({}, "https://newashmere.gov.uk/x.csv", None, ""),
]


@pytest.fixture(scope="module")
def city() -> City:
    return read_city(read_settings({}))


@pytest.fixture
def site() -> Iterator[Loopback]:
    with served() as site:
        yield site


def dataset(title: str = "Public toilets", **given: Any) -> Dataset:
    return Dataset(title, given.pop("url", "https://example.org/toilets.csv"), **given)


def portal(*datasets: Dataset, title: str = "Data", total: int | None = None, note: str = "") -> Mapping[str, Adapter]:
    """One platform, whose every address offers these."""
    found = Found("file", title, "https://example.org", datasets, total, note)
    made = SimpleNamespace(TITLE="A portal", DESCRIBES=True, probe=lambda url, params, session: found)
    return {"file": cast(Adapter, made)}


def offered(session: Session, city: City, *datasets: Dataset, **more: Any) -> Discovery:
    return discover("https://example.org", session, city, portal(*datasets, **more))


@pytest.mark.parametrize(("title", "layer", "sure"), TITLES)
def test_a_title_says_which_layer_a_dataset_fits(title: str, layer: str | None, sure: bool) -> None:
    found = best_fit(dataset(title))
    assert (found.layer if found else None, bool(found and found.sure)) == (layer, sure)


def test_columns_that_only_one_layer_knows_speak_for_it() -> None:
    vague = dataset("Places", description="Every public convenience and toilet.")
    assert best_fit(vague) is None
    told = dataset("Places", description=vague.description, fields=("RADARKeyNeeded", "BabyChange", "Name"))
    found = best_fit(told)
    assert found and found.layer == "public-toilets" and not found.sure
    assert "BabyChange (baby_change)" in found.evidence[1] and "Name" not in found.evidence[1]


def test_shapes_of_the_wrong_kind_speak_against_a_layer() -> None:
    toilets = find_layer("public-toilets")
    assert fit(toilets, dataset(geometry="point")).sure
    lines = fit(toilets, dataset(geometry="line"))
    assert not lines.sure and lines.evidence[-1] == "but its shapes are lines"


def test_a_table_without_any_place_is_not_sure_and_says_so(session: Session, city: City) -> None:
    fields = ("Name", "Opened", "Staff")
    [offer] = offered(session, city, dataset("Libraries in Ashmere", geometry="none", fields=fields)).offers
    assert not offer.sure and offer.trouble.startswith("No geometry")
    with_postcode = dataset("Libraries in Ashmere", geometry="none", fields=(*fields, "Postcode"))
    [offer] = offered(session, city, with_postcode).offers
    assert offer.sure and not offer.trouble


@pytest.mark.parametrize(("told", "url", "name", "by"), OWNERS)
def test_whose_data_it_is_comes_with_its_evidence(
    city: City, told: dict[str, str], url: str, name: str | None, by: str
) -> None:
    owner = owner_of(dataset(told.get("title", "Toilets"), url=url, publisher=told.get("publisher", "")), "", city)
    assert (owner.council.name if owner else None) == name and (owner is None or by in owner.evidence)


def test_a_council_nobody_names_has_to_be_said(session: Session, city: City) -> None:
    discovery = offered(session, city, dataset())
    [offer] = discovery.proposals
    assert offer.feed is None and offer.needs == ("council",) and "--council NAME" in discovery.next_step
    named = discover("https://example.org", session, ASHMERE, portal(dataset()))
    assert named.offers[0].feed and named.offers[0].feed.id == "ashmere-public-toilets"
    assert "--council ashmere --add" in named.next_step


def test_several_datasets_of_one_layer_have_ids_of_their_own(session: Session) -> None:
    vague = dataset("Conservation", url="https://example.org/c.csv")
    found = discover(
        "https://example.org", session, ASHMERE, portal(vague, dataset("Conservation areas"), dataset("Toilets"))
    )
    assert [offer.feed.id for offer in found.offers if offer.feed] == [
        "ashmere-conservation-areas-2", "ashmere-conservation-areas", "ashmere-public-toilets",
    ]  # fmt: skip


def test_a_licence_is_never_guessed(session: Session) -> None:
    told = [dataset(licence=words) for words in ("uk-ogl", "see our website", "")]
    found = discover("https://example.org", session, ASHMERE, portal(*told))
    assert [offer.feed.licence for offer in found.offers if offer.feed] == ["OGL-UK-3.0", "unknown", "unknown"]


def test_a_catalogues_entry_may_be_of_another_platform(session: Session) -> None:
    listed = dataset(own={"platform": "wfs"}, params={"type": "toilets"})
    unknown = dataset(own={"platform": "gopher"})
    first, second = discover("https://example.org", session, ASHMERE, portal(listed, unknown)).offers
    assert first.feed and first.feed.platform == "wfs" and first.sure
    assert "no adapter for the platform 'gopher'" in second.trouble and not second.sure


def test_a_very_large_portal_says_how_much_of_it_was_looked_at(session: Session, city: City) -> None:
    note = "The first 1 of 10,000 datasets are listed."
    found = offered(session, city, dataset("Gritting routes"), total=10_000, note=note)
    assert found.verdict == "A portal: 10,000 datasets." and found.note == note and not found.proposals
    assert "No dataset fits a layer" in found.next_step


def test_the_demo_portal_is_recognised_and_gives_a_feed_for_each_layer(
    councils: str, session: Session, city: City
) -> None:
    found = discover(f"{councils}/ferncliffe/data", session, city)
    assert (found.platform, found.total, len(found.proposals)) == ("ckan", 4, 4)
    assert all(offer.sure for offer in found.offers)
    assert {offer.feed.licence for offer in found.offers if offer.feed} == {"OGL-UK-3.0"}


def test_a_file_is_a_platform_of_its_own(councils: str, session: Session, city: City) -> None:
    found = discover(f"{councils}/ashmere/public-toilets.csv", session, city)
    assert found.platform == "file" and found.offers[0].sure


def test_no_question_is_asked_twice(site: Loopback, session: Session, city: City) -> None:
    site.answers["/"] = Answer(b"<html><title>Welcome</title>" + LONG, headers=PAGE)
    discover(site.url, session, city)
    # The home page is asked for as it comes, and once more in the language of catalogues.
    questions = [path for path in site.asked if path != "/"]
    assert len(questions) == len(set(questions)) and site.asked.count("/") <= 2


def test_a_page_is_nobodys_platform_and_says_what_to_do(site: Loopback, session: Session, city: City) -> None:
    site.answers["/toilets"] = Answer(b"<html><title>Find a toilet</title>" + LONG, headers=PAGE)
    found = discover(site["/toilets"], session, city)
    assert (found.platform, found.code) == (None, "E-NOTDATA") and "Find a toilet" in found.verdict
    assert found.next_step == issue_codes()["E-NOTDATA"].fix


def test_a_page_for_signing_in_is_told_as_one(site: Loopback, session: Session, city: City) -> None:
    form = b'<html><title>Portal</title><form><input type="password"></form>' + LONG
    site.answers["/portal"] = Answer(form, headers=PAGE)
    found = discover(site["/portal"], session, city)
    assert found.code == "E-AUTH" and "sign in" in found.verdict


@pytest.mark.parametrize(
    ("address", "code"),
    [
        ("http://10.0.0.7/data", "E-ADDRESS"),
        ("http://169.254.169.254/latest/meta-data", "E-ADDRESS"),
        ("http://data.ashmere.invalid/", "E-DNS"),
        ("ftp://example.org/toilets.csv", "E-HTTP"),
        ("http://", "E-HTTP"),
    ],
)
def test_an_address_that_cannot_be_asked_is_a_verdict(session: Session, city: City, address: str, code: str) -> None:
    found = discover(address, session, city)
    assert (found.platform, found.code) == (None, code) and found.verdict and found.next_step


def test_trouble_of_one_adapter_with_its_own_paths_does_not_hide_another(session: Session) -> None:
    def refuse(url: str, params: Mapping[str, str], session: Session) -> Found | None:
        raise RunFailed("E-HTTP", "no such address")

    other = SimpleNamespace(TITLE="Another", DESCRIBES=True, probe=refuse)
    both = {"ckan": cast(Adapter, other), **portal(dataset())}
    assert discover("https://example.org", session, ASHMERE, both).platform == "file"


def test_an_expired_token_is_told_rather_than_a_path_that_is_not_there(session: Session, city: City) -> None:
    said = {"arcgis": RunFailed("E-AUTH", "Token expired."), "file": RunFailed("E-HTTP", "no such address")}

    def failing(failure: RunFailed) -> Adapter:
        def probe(url: str, params: Mapping[str, str], session: Session) -> Found | None:
            raise failure

        return cast(Adapter, SimpleNamespace(TITLE="", DESCRIBES=True, probe=probe))

    found = discover("https://example.org", session, city, {name: failing(one) for name, one in said.items()})
    assert (found.code, found.verdict) == ("E-AUTH", "Token expired.")


def test_the_document_is_plain_json_and_its_feeds_can_be_added(session: Session, city: City) -> None:
    found = offered(session, city, dataset("Toilets of Ashmere", count=7), dataset("Gritting routes"))
    document = json.loads(json.dumps(discovery_document(found)))
    toilets, gritting = document["datasets"]
    assert document["platform"] == "file" and toilets["count"] == 7 and gritting["proposal"] is None
    assert {"layer", "score", "sure", "evidence", "council", "needs", "feed"} == set(toilets["proposal"])
    assert toilets["proposal"]["feed"]["council"] == ASHMERE.gss


def test_an_answer_too_long_to_keep_is_asked_for_again(
    site: Loopback, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    from harvesters.web import remember

    monkeypatch.setattr(remember, "MOST_BYTES", 10)
    site.answers |= {"/short": Answer(b"123"), "/long": Answer(b"1234567890123")}
    remembering = remember.RememberingSession(session)
    bodies = [ask(remembering, Request(site[path])).body for path in ("/short", "/short", "/long", "/long")]
    assert [len(body) for body in bodies] == [3, 3, 13, 13]
    assert site.asked == ["/short", "/long", "/long"]


def test_a_whole_organisation_becomes_feeds_or_says_why_not(councils: str, site: Loopback, session: Session) -> None:
    ferncliffe = Council(gss="X09000006", name="Ferncliffe")
    feeds = organisation_feeds(f"{councils}/ferncliffe/data", "ferncliffe", ferncliffe, session)
    assert len(feeds) == 4 and {(feed.council, feed.platform) for feed in feeds} == {("X09000006", "ckan")}
    with pytest.raises(CitywideError, match="has no such address"):
        organisation_feeds(site.url, "ashmere", ASHMERE, session)
