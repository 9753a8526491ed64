"""Collections, a collection, its queryables and its schema: built from the layer table and the definitions."""

from starlette.testclient import TestClient

from datasets.layer import find_layer, layers
from ogc.query import RESERVED
from ogc.schema import PROVENANCE, published_fields


def test_every_layer_in_the_database_is_a_collection(client: TestClient) -> None:
    document = client.get("/ogc/collections").json()
    assert [one["id"] for one in document["collections"]] == sorted(layers())


def test_a_collection_says_what_it_is_and_where_its_features_are(client: TestClient) -> None:
    document = client.get("/ogc/collections/public-toilets").json()
    hrefs = {link["rel"]: link["href"] for link in document["links"] if link["type"] == "application/geo+json"}
    assert document["title"] == "Public toilets"
    assert document["itemType"] == "feature"
    assert document["extent"]["spatial"]["bbox"] == [[1.0, 51.0, 2.0, 52.0]]
    assert hrefs["items"] == "http://fernport.test/ogc/collections/public-toilets/items?f=json"


def test_a_collection_names_licences_and_attributions_of_its_feeds(client: TestClient) -> None:
    document = client.get("/ogc/collections/public-toilets").json()
    licence = next(link for link in document["links"] if link["rel"] == "license")
    assert licence["href"].startswith("https://www.nationalarchives.gov.uk/doc/open-government-licence/version/3")
    assert "© Birchley 2024" in document["attribution"]
    assert "Open Government Licence v3.0" in document["attribution"]


def test_no_document_links_to_a_format_that_is_not_there(client: TestClient) -> None:
    for path in ("/ogc/", "/ogc/collections", "/ogc/collections/libraries"):
        assert "ld+json" not in client.get(path).text


def test_all_links_of_a_collection_lead_somewhere(client: TestClient) -> None:
    links = client.get("/ogc/collections/conservation-areas").json()["links"]
    hrefs = [link["href"] for link in links if "fernport" in link["href"]]
    assert {href: client.get(href, follow_redirects=False).status_code for href in hrefs} == dict.fromkeys(hrefs, 200)


def test_queryables_are_the_fields_and_council_feed_and_duplicates(client: TestClient) -> None:
    answer = client.get("/ogc/collections/public-toilets/queryables")
    fields = published_fields(find_layer("public-toilets"))
    assert answer.headers["content-type"] == "application/schema+json"
    assert list(answer.json()["properties"]) == ["geometry", *fields, "council", "feed", "duplicates"]
    assert answer.json()["properties"]["category"]["enum"] == list(fields["category"].codes)
    assert answer.json()["properties"]["accessible"]["title"] == "Accessible"


def test_every_queryable_is_accepted_as_a_parameter(client: TestClient) -> None:
    for name, schema in client.get("/ogc/collections/public-toilets/queryables").json()["properties"].items():
        if name != "geometry":
            value = schema.get("enum", [{"boolean": "true", "number": "1.5", "integer": "1"}.get(schema["type"], "x")])[
                0
            ]
            assert client.get("/ogc/collections/public-toilets/items", params={name: value}).status_code == 200, name


def test_the_schema_names_each_property_that_features_have_in_order(client: TestClient) -> None:
    schema = client.get("/ogc/collections/public-toilets/schema").json()["properties"]
    feature = client.get("/ogc/collections/public-toilets/items").json()["features"][0]
    assert [name for name in schema if name != "geometry"] == list(feature["properties"])
    assert schema["geometry"]["format"] == "geometry-point"


def test_no_field_of_any_layer_hides_a_provenance_property_or_a_parameter() -> None:
    for layer in layers().values():
        assert not set(layer.fields) & {*PROVENANCE, *RESERVED, "geometry"}, layer.id


def test_fields_that_may_hold_personal_data_are_never_published() -> None:
    layer = find_layer("libraries")
    private = layer.fields["notes"].model_copy(update={"personal": True})
    changed = layer.model_copy(update={"fields": {**layer.fields, "notes": private}})
    assert set(layer.fields) - set(published_fields(changed)) == {"notes"}
