"""The DCAT adapter: catalogues in every language they are published in, page by page, each dataset with the best way to
harvest it; one broken record never loses others, and nothing but the catalogue itself is fetched."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from datasets.errors import RunFailed, RunHeld
from harvesters.adapters import dcat, find_adapter
from harvesters.adapters.contract import Dataset, Download, Found, Tally
from harvesters.web.session import Session
from tests.adapters.reading import describe
from tests.builders import Answer, Loopback, served

RECORDED = Path(__file__).parents[3] / "shared" / "data" / "portal-responses"
LAYER = "https://maps.example.org/arcgis/rest/services/Toilets/FeatureServer/0"
CONTEXT = {"dcat": "http://www.w3.org/ns/dcat#", "dct": "http://purl.org/dc/terms/"}
PREFIXES = "@prefix dcat: <http://www.w3.org/ns/dcat#> .\n@prefix dct: <http://purl.org/dc/terms/> .\n"
TURTLE = (
    PREFIXES
    + """@prefix foaf: <http://xmlns.com/foaf/0.1/> .
<https://data.example.org/> a dcat:Catalog ; dct:title "Ashmere open data" ;
  dcat:dataset <https://data.example.org/d/1> .
<https://data.example.org/d/1> a dcat:Dataset ; dct:title "Toilettes"@fr, "Public toilets"@en ; dct:identifier "t-1" ;
  dct:publisher [ a foaf:Organization ; foaf:name "Ashmere" ] ; dct:modified "2026-05-01" ;
  dcat:landingPage <https://data.example.org/toilets> ;
  dct:license <http://www.nationalarchives.gov.uk/doc/open-government-licence/version/3/> ;
  dcat:distribution <https://data.example.org/d/1/csv>, <https://data.example.org/d/1/page> .
<https://data.example.org/d/1/csv> a dcat:Distribution ; dct:title "As a table" ;
  dcat:downloadURL <https://data.example.org/get?id=7> ;
  dcat:mediaType <https://www.iana.org/assignments/media-types/text/csv> .
<https://data.example.org/d/1/page> a dcat:Distribution ; dcat:accessURL <https://data.example.org/toilets> .
"""
)
XML = """<?xml version="1.0" encoding="utf-8"?>
<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns:dct="http://purl.org/dc/terms/"
    xmlns:dcat="http://www.w3.org/ns/dcat#">
  <dcat:Dataset rdf:about="https://data.example.org/d/1"><dct:title>Public toilets</dct:title>
    <dcat:distribution><dcat:Distribution><dcat:accessURL rdf:resource="https://data.example.org/t.csv"/>
    </dcat:Distribution></dcat:distribution></dcat:Dataset>
</rdf:RDF>"""


@pytest.fixture
def site() -> Iterator[Loopback]:
    with served() as site:
        yield site


def found_at(site: Loopback, session: Session, body: str | bytes | dict[str, Any], path: str = "/catalog.ttl") -> Found:
    text = json.dumps(body) if isinstance(body, dict) else body
    site.answers[path] = Answer(text.encode() if isinstance(text, str) else text)
    found = dcat.probe(site[path], {}, session)
    assert found is not None and found.platform == "dcat"
    return found


def entry(title: str, *distributions: dict[str, str], **more: object) -> dict[str, Any]:
    return {"title": title, "identifier": title.lower(), "distribution": list(distributions), **more}


def link(url: str, form: str = "", **more: str) -> dict[str, str]:
    return {"downloadURL": url, "format": form, **more}


def only(found: Found) -> Dataset:
    assert len(found.datasets) == 1
    return found.datasets[0]


def test_turtle_is_read_with_its_words_in_english(site: Loopback, session: Session) -> None:
    found = found_at(site, session, TURTLE)
    dataset = only(found)
    assert (found.title, dataset.title, dataset.publisher) == ("Ashmere open data", "Public toilets", "Ashmere")
    assert dataset.licence == "http://www.nationalarchives.gov.uk/doc/open-government-licence/version/3/"
    assert (dataset.updated, dataset.page) == ("2026-05-01", "https://data.example.org/toilets")
    assert (dataset.url, dataset.params, dataset.own["platform"]) == ("https://data.example.org/get?id=7", {}, "file")
    assert dataset.formats == ("CSV",) and site.asked == ["/catalog.ttl"]


def test_rdf_xml_is_known_by_its_root(site: Loopback, session: Session) -> None:
    dataset = only(found_at(site, session, XML, "/catalogue"))
    assert (dataset.title, dataset.url) == ("Public toilets", "https://data.example.org/t.csv")


@pytest.mark.parametrize("entity", ['<!ENTITY a "aaaa">', '<!ENTITY a SYSTEM "file:///etc/passwd">'])
def test_xml_that_brings_its_own_definitions_is_refused(site: Loopback, session: Session, entity: str) -> None:
    spoilt = XML.replace("<rdf:RDF ", f"<!DOCTYPE rdf:RDF [{entity}]><rdf:RDF ", 1).replace("Public toilets", "&a;")
    site.answers["/catalog.rdf"] = Answer(spoilt.encode())
    with pytest.raises(RunFailed, match="brings its own definitions"):
        dcat.probe(site["/catalog.rdf"], {"dataset": "https://data.example.org/d/1"}, session)


@pytest.mark.parametrize("wrapped", ["@graph", "dcat:dataset"])
def test_one_broken_record_of_json_ld_never_loses_others(site: Loopback, session: Session, wrapped: str) -> None:
    good = {"@id": "https://e.org/1", "@type": "dcat:Dataset", "dct:title": "Toilets"}
    good |= {"dcat:distribution": {"dcat:accessURL": {"@id": LAYER}}}
    bad = {
        "@id": "https://e.org/2",
        "@type": "dcat:Dataset",
        "dct:title": {"@value": ["T"], "@language": 7, "@list": 1},
    }
    nameless = {"@id": "https://e.org/3", "@type": "dcat:Dataset"}
    found = found_at(site, session, {"@context": CONTEXT, wrapped: [bad, good, nameless]}, "/dcat.jsonld")
    assert [d.url for d in found.datasets] == [LAYER] and "too broken to tell" in found.note


@pytest.mark.parametrize("how", ["text", "list", "import", "scoped"])
def test_a_context_that_would_have_to_be_fetched_is_replaced_by_our_own(
    site: Loopback, session: Session, how: str
) -> None:
    there = site["/context.jsonld"]
    scoped = {**CONTEXT, "dcat:distribution": {"@id": "dcat:distribution", "@context": there}}
    context = {"text": there, "list": [there, CONTEXT], "import": {**CONTEXT, "@import": there}, "scoped": scoped}[how]
    record = {"@type": "dcat:Dataset", "@id": "https://e.org/1", "dct:title": "Toilets"}
    record |= {"dcat:distribution": {"dcat:accessURL": {"@id": LAYER}}}
    found = found_at(site, session, {"@context": context, "@graph": [record]}, "/dcat.jsonld")
    assert only(found).url == LAYER and site.asked == ["/dcat.jsonld"]


def test_data_json_is_read_whatever_a_record_is_like(site: Loopback, session: Session) -> None:
    records: list[Any] = [
        entry("Toilets", link("https://e.org/t.csv", "CSV"), link(LAYER, "ArcGIS GeoServices REST API")),
        entry("Bins", {"accessURL": "https://e.org/b.geojson", "mediaType": "application/vnd.geo+json"}),
        {"identifier": "no title"}, "nonsense", None,
        entry("Old", accessURL="https://e.org/old.kml") | {"distribution": None},
    ]  # fmt: skip
    found = found_at(
        site, session, {"conformsTo": "https://project-open-data.cio.gov", "dataset": records}, "/data.json"
    )
    assert [(d.own["platform"], d.url) for d in found.datasets] == [
        ("arcgis", LAYER), ("file", "https://e.org/b.geojson"), ("file", "https://e.org/old.kml")
    ]  # fmt: skip
    assert found.note.startswith("3 records are too broken")


def test_identifiers_that_are_none_or_repeated_do_not_merge_datasets(site: Loopback, session: Session) -> None:
    records = [entry(title, link(f"https://e.org/{title}.csv"), identifier="TBC") for title in ("A", "B")]
    records += [entry(title, link(f"https://e.org/{title}.csv"), identifier="same") for title in ("C", "D")]
    found = found_at(site, session, {"dataset": records}, "/data.json")
    assert [d.own["dataset"].removeprefix(site.url) for d in found.datasets] == [
        "/data.json#A", "/data.json#B", "same", "/data.json#D"
    ]  # fmt: skip
    with pytest.raises(RunFailed, match="2 datasets are called 'same'"):
        dcat.probe(site["/data.json"], {"dataset": "same"}, session)
    assert describe(dcat, site["/data.json"], {"dataset": site["/data.json#D"]}, session).title == "D"


def test_a_service_that_only_has_a_name_for_a_dataset_adds_none(site: Loopback, session: Session) -> None:
    stub = TURTLE + "<https://e.org/wfs> a dcat:DataService ; dcat:servesDataset [ a dcat:Dataset ] ."
    found = found_at(site, session, stub)
    assert len(found.datasets) == 1 and found.note == ""


@pytest.mark.parametrize(
    ("view", "word"), [("PartialCollectionView", "next"), ("PagedCollection", "nextPage")], ids=["new", "old"]
)
def test_pages_named_by_hydra_are_followed(site: Loopback, session: Session, view: str, word: str) -> None:
    for number in (1, 2, 3):
        more = f'; <http://www.w3.org/ns/hydra/core#{word}> "/catalog.ttl?page={number + 1}"' if number < 3 else ""
        kind = f"<https://e.org/view{number}> a <http://www.w3.org/ns/hydra/core#{view}> {more} .\n"
        body = kind + TURTLE.replace("/d/1", f"/d/{number}")
        site.answers["/catalog.ttl" + (f"?page={number}" if number > 1 else "")] = Answer(body.encode())
    found = dcat.probe(site["/catalog.ttl"], {}, session)
    assert found is not None and [d.own["dataset"][-1] for d in found.datasets] == ["1", "2", "3"]
    assert site.asked == ["/catalog.ttl", "/catalog.ttl?page=2", "/catalog.ttl?page=3"]


def paged(following: str) -> bytes:
    return (TURTLE + f"[] <http://www.w3.org/ns/hydra/core#next> <{following}> .").encode()


def test_a_page_that_names_itself_or_repeats_is_a_loop(site: Loopback, session: Session) -> None:
    site.answers["/catalog.ttl"] = Answer(paged("/catalog.ttl"))
    with pytest.raises(RunFailed, match="names an earlier page") as failed:
        dcat.probe(site["/catalog.ttl"], {}, session)
    assert failed.value.code == "E-PAGELOOP"
    site.answers |= {
        "/catalog.ttl": Answer(paged("/catalog.ttl?page=2")),
        "/catalog.ttl?page=2": Answer(paged("/catalog.ttl?page=3")),
    }
    with pytest.raises(RunFailed, match="the same page again") as failed:
        dcat.probe(site["/catalog.ttl"], {}, session)
    assert failed.value.code == "E-PAGELOOP"


def test_a_next_page_on_another_host_is_refused(site: Loopback, session: Session) -> None:
    site.answers["/catalog.ttl"] = Answer(paged("http://169.254.169.254/catalog.ttl?page=2"))
    with pytest.raises(RunFailed, match=r"is on another host, 169\.254\.169\.254"):
        dcat.probe(site["/catalog.ttl"], {}, session)
    assert site.asked == ["/catalog.ttl"]


def test_a_catalogue_of_exactly_a_hundred_is_asked_for_more(site: Loopback, session: Session) -> None:
    numbers = {"/data.json": range(100), "/data.json?page=2": range(100, 130)}
    for path, listed in numbers.items():
        records = [entry(f"Set {number}", link(f"https://e.org/{number}.csv")) for number in listed]
        site.answers[path] = Answer(json.dumps({"dataset": records}).encode())
    found = dcat.probe(site["/data.json"], {}, session)
    assert found is not None and found.total == 130 and site.asked == list(numbers)


def test_a_portal_that_repeats_itself_or_refuses_ends_the_guess(site: Loopback, session: Session) -> None:
    records = [entry(f"Set {number}", link(f"https://e.org/{number}.csv")) for number in range(100)]
    found = found_at(site, session, {"dataset": records}, "/data.json")
    assert found.total == 100 and site.asked[-1] == "/data.json?page=2"
    site.answers["/data.json?page=2"] = site.answers["/data.json"]
    assert found_at(site, session, {"dataset": records}, "/data.json").total == 100


def test_only_the_first_thousand_are_described(
    site: Loopback, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dcat, "LISTED", 3)
    records = [entry(f"Set {number}", link(f"https://e.org/{number}.csv")) for number in range(5)]
    found = found_at(site, session, {"dataset": records}, "/data.json")
    assert len(found.datasets) == 3 and found.total is None and "there are more" in found.note
    assert describe(dcat, site["/data.json"], {"dataset": "set 4"}, session).title == "Set 4"


def test_a_feed_reads_the_catalogue_anew_and_follows_a_file_that_moves(site: Loopback, session: Session) -> None:
    for year in (2025, 2026):
        body = {"dataset": [entry("Toilets", link(f"https://e.org/{year}/t.csv", license="OGL"))]}
        site.answers["/data.json"] = Answer(json.dumps(body).encode())
        dataset = describe(dcat, site["/data.json"], {"dataset": "toilets"}, session)
        assert dcat.pages(dataset, None) == Download(f"https://e.org/{year}/t.csv", "t.csv", None)
        assert (dataset.url, dataset.params, dataset.licence) == (site["/data.json"], {"dataset": "toilets"}, "OGL")
        assert dcat.complete(dataset, Tally(1, 1)) is None


def test_distributions_that_would_do_alike_are_held_until_one_is_named(site: Loopback, session: Session) -> None:
    both = entry("Toilets", link("https://e.org/25.csv", title="2025"), link("https://e.org/26.csv", title="2026"))
    dataset = only(found_at(site, session, {"dataset": [both]}, "/data.json"))
    with pytest.raises(RunHeld, match=r"2 distributions that would do; .*'2025', '2026'"):
        dcat.pages(dataset, None)
    with pytest.raises(RunHeld, match="2 distributions"):
        dcat.probe(dataset.url, dataset.params, session)
    named = describe(dcat, dataset.url, {**dataset.params, "distribution": "2026"}, session)
    assert named.own["file"]["url"] == "https://e.org/26.csv"


def test_a_dataset_of_pages_only_says_what_it_has(site: Loopback, session: Session) -> None:
    page = entry("Toilets", {"accessURL": "https://e.org/toilets", "title": "A page"})
    dataset = only(found_at(site, session, {"dataset": [page]}, "/data.json"))
    assert dataset.formats == ()
    with pytest.raises(RunFailed, match="no distribution we can read; it has A page"):
        dcat.probe(dataset.url, dataset.params, session)
    with pytest.raises(RunFailed, match="has no dataset 'bins'"):
        dcat.probe(dataset.url, {"dataset": "bins"}, session)


def test_a_service_is_left_to_its_own_adapter(
    site: Loopback, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def probe(url: str, params: object, session: Session) -> Found:
        asked.append(url)
        layer = Dataset("Layer 0", url, count=3, crs="EPSG:27700", geometry="point", fields=("Name",), watermark="7")
        return Found("arcgis", "Toilets", url, (layer,))

    monkeypatch.setattr(find_adapter("arcgis"), "probe", probe)
    monkeypatch.setattr(find_adapter("arcgis"), "complete", lambda dataset, tally: f"{dataset.url} {dataset.fields}")
    found_at(site, session, {"dataset": [entry("Toilets", link(LAYER), license="OGL")]}, "/data.json")
    dataset = describe(dcat, site["/data.json"], {"dataset": "toilets"}, session)
    assert asked == [LAYER] and (dataset.title, dataset.count, dataset.watermark) == ("Toilets", 3, "7")
    assert (dataset.url, dataset.licence, dataset.geometry) == (site["/data.json"], "OGL", "point")
    kept = Dataset(**{**vars(dataset), "own": json.loads(json.dumps(dataset.own))})
    assert dcat.complete(kept, Tally(3, 1)) == f"{LAYER} ('Name',)"


def test_a_home_page_is_looked_behind_and_other_addresses_are_not(site: Loopback, session: Session) -> None:
    assert dcat.probe(site.url, {}, session) is None and site.asked == ["/data.json", "/catalog.ttl"]
    found_at(site, session, {"dataset": [entry("Toilets", link("https://e.org/t.csv"))]}, "/data.json")
    found = dcat.probe(site["/"], {}, session)
    assert found is not None and found.url == site["/data.json"]
    site.asked.clear()
    for path in ("/t.csv", "/arcgis/rest/services/T/FeatureServer", "/dataset/toilets", "/ows?service=WFS"):
        assert dcat.probe(site[path], {}, session) is None
    assert site.asked == []


@pytest.mark.parametrize(
    "body", [b"<!doctype html><title>A</title>", b'{"type": "FeatureCollection"}', b"[1]", b"<a/>", b"x"]
)
def test_what_is_no_catalogue_is_none(site: Loopback, session: Session, body: bytes) -> None:
    site.answers["/feed"] = Answer(body)
    assert dcat.probe(site["/feed"], {}, session) is None


def test_turtle_that_breaks_off_is_told_so(site: Loopback, session: Session) -> None:
    site.answers["/catalog.ttl"] = Answer(TURTLE[:-40].encode())
    with pytest.raises(RunFailed, match="cannot be read") as failed:
        dcat.probe(site["/catalog.ttl"], {}, session)
    assert failed.value.code == "E-FORMAT"


@pytest.mark.real
@pytest.mark.skipif(not RECORDED.exists(), reason="the folder of real council files is not here")
@pytest.mark.parametrize(
    ("path", "title", "datasets", "layers"),
    [
        ("city-of-edinburgh/edinburgh.json", "City of Edinburgh Council Open Spatial Data Portal", 44, 44),
        ("highland/highland.json", "Highland Council Open Map Data", 22, 22),
        ("north-lanarkshire/north_lanarkshire.json", "North Lanarkshire Council - GIS Open Data", 21, 20),
    ],
)
def test_recorded_hub_feeds_lead_to_the_layers_behind_them(
    site: Loopback, session: Session, path: str, title: str, datasets: int, layers: int
) -> None:
    found = found_at(site, session, (RECORDED / "arcgis-hub-dcat" / path).read_bytes(), "/api/feed/dcat-ap/2.0.1.json")
    assert (found.title, found.total) == (title, datasets)
    assert sum(d.own.get("platform") == "arcgis" and "/rest/services/" in d.url for d in found.datasets) == layers
    assert all("item.html?id=" in d.own["dataset"] for d in found.datasets)


@pytest.mark.real
@pytest.mark.skipif(not RECORDED.exists(), reason="the folder of real council files is not here")
def test_the_recorded_inventory_of_a_council_lists_its_tables(site: Loopback, session: Session) -> None:
    found = found_at(
        site, session, (RECORDED / "lga-inventory/colchester/inventory.xml").read_bytes(), "/inventory.xml"
    )
    assert found.title.startswith("Inventory covering") and found.total == len(found.datasets) == 75
    assert sum(d.own.get("platform") == "file" for d in found.datasets) == 69
    assert {d.formats for d in found.datasets} == {("CSV",), ()}
    assert {d.licence for d in found.datasets} == {"http://www.nationalarchives.gov.uk/doc/open-government-licence/"}


def test_a_page_of_rdf_that_would_take_all_memory_is_refused_with_what_to_do(site: Loopback, session: Session) -> None:
    site.answers["/catalog.ttl"] = Answer(TURTLE.encode() + b"#" * (8 << 20))
    with pytest.raises(RunFailed, match="larger than 8,388,608 bytes; give the address of") as failed:
        dcat.probe(site["/catalog.ttl"], {}, session)
    assert failed.value.code == "E-TOOLARGE"
