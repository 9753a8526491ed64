"""A layer's page says which councils are in, what its fields are, whose licence holds, and how to get the features."""

from dataclasses import replace

from portal_rows import SOUTHMERE
from starlette.testclient import TestClient

from datasets.layer import layers
from portal.app import create_app


def test_every_layer_is_listed_with_its_description(page):
    text = page("/layers").text
    assert all(layer.title in text and layer.description in text for layer in layers().values())


def test_layers_that_no_council_publishes_stand_apart_at_the_end_of_the_list(page, rows):
    rows.feed()
    text = page("/layers").text
    apart = text.index("No council publishes these here yet")
    assert text.index("Public toilets") < apart < text.index("Street trees")
    assert "Councils in" not in text[apart:]


def test_coverage_has_every_council_with_state_and_count(page, rows):
    rows.feed()
    rows.run()
    rows.features(2)
    rows.feed("southmere-toilets", council=SOUTHMERE)
    text = page("/layers/public-toilets").text
    assert "Northmere In 2" in text
    assert "Southmere Waiting 0 – – southmere-toilets" in text
    assert "Saint Osyth's Missing 0 – – none" in text


def test_a_failed_council_keeps_its_features_and_says_when_it_was_last_good(page, rows):
    rows.feed()
    rows.run(days_ago=3)
    rows.features(2)
    rows.run("failed", message="The address answered with a web page.")
    text = page("/layers/public-toilets").text
    assert "Northmere Failed 2" in text
    assert "; last good check" in text


def test_fields_are_told_with_type_and_values(page):
    text = page("/layers/public-toilets").text
    assert "radar_key_needed RADAR key needed Yes or no (true or false)" in text
    assert "Values: Female, Male, Female and Male, Unisex" in text


def test_the_licence_and_words_of_each_council_stand_there(page, rows):
    rows.feed(attribution="© Northmere Borough Council")
    rows.feed("southmere-toilets", council=SOUTHMERE)
    text = page("/layers/public-toilets").text
    assert "Northmere Open Government Licence v3.0 © Northmere Borough Council" in text
    assert "Southmere Open Government Licence v3.0 Contains public sector information" in text


def test_the_example_uses_the_address_the_reader_uses(page):
    found = page("/layers/public-toilets")
    assert "curl 'https://mereshire.example.org/ogc/collections/public-toilets/items?f=json&limit=100'" in found.text
    assert "/ogc/collections/public-toilets/items" in found.links


def test_the_example_uses_the_public_address_where_the_operator_states_one(city_settings, city_database_url):
    settings = replace(city_settings, public_url="https://open.example.org")
    with TestClient(create_app(settings, city_database_url)) as browser:
        assert "curl &#39;https://open.example.org/ogc/" in browser.get("/layers/public-toilets").text


def test_revisions_lead_to_the_runs_that_made_them(page, rows):
    rows.feed()
    number = rows.run(revision=7, inserted=2, updated=0, ended=1)
    found = page("/layers/public-toilets")
    assert f"Northmere Run {number} 2 new and 1 ended" in found.text
    assert f"/runs/{number}" in found.links


def test_a_layer_without_anything_says_so(page):
    text = page("/layers/libraries").text
    assert "No council has a feed for this layer yet." in text
    assert "Nothing has been published in this layer yet" in text
    assert "There is nothing to license yet." in text


def test_quality_is_told_in_words_and_numbers_with_reasons(page, rows):
    rows.feed()
    rows.run(complete=True, rung="reference")
    rows.features(2)
    text = page("/layers/public-toilets").text
    assert "of 100 points; level" in text
    assert "Coverage 1 of 1 All 1 councils that are in or expected provide it." in text
    assert "Freshness 25 of 25" in text


def test_why_councils_are_expected_to_provide_it_stands_there(page):
    text = page("/layers/brownfield-land").text
    assert "Councils must publish this by law." in text
    assert "Town and Country Planning (Brownfield Land Register) Regulations 2017, since 31 December 2017" in text
    assert "Expected and missing: Northmere, Saint Osyth's and Southmere." in text


def test_a_councils_quality_stands_beside_its_state(page, rows):
    rows.feed()
    rows.task("no location", run=rows.run(complete=True, rung="reference"))
    rows.features(2)
    text = page("/layers/public-toilets").text
    assert "northmere-toilets Some, 70 of 100, 1 open task" in text
    assert "Expected and missing" not in text
