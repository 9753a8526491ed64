"""A council's page says which layers it provides, which are missing, and how its feeds did."""

from datasets.layer import layers


def test_every_council_stands_in_every_layer(page, rows):
    rows.feed(layer="conservation-areas")
    states = ["Waiting" if layer == "conservation-areas" else "Missing" for layer in layers()]
    assert f"Northmere {' '.join(states)} Saint Osyth's" in page("/councils").text


def test_a_council_shows_what_it_provides_and_what_is_missing(page, rows):
    rows.feed()
    rows.run()
    rows.features(4)
    text = page("/councils/northmere").text
    assert f"Northmere (GSS code E99000001) has a feed for 1 of the {len(layers())} layers." in text
    assert "Public toilets In 4" in text
    missing = [layer.title for layer in layers().values() if layer.id != "public-toilets"]
    assert f"Missing: {', '.join(missing[:-1])} and {missing[-1]}." in text


def test_a_feed_shows_its_last_outcome_and_what_it_said(page, rows):
    feed = rows.feed()
    number = rows.run("failed", message="The host name does not exist.")
    found = page("/councils/northmere")
    assert f"Run {number}" in found.text and "The host name does not exist." in found.text
    assert {f"/feeds/{feed}", f"/runs/{number}"} <= set(found.links)


def test_a_council_without_feeds_says_so(page):
    assert "No feed of Southmere is registered yet." in page("/councils/southmere").text


def test_a_name_with_an_apostrophe_has_a_page(page):
    assert "Saint Osyth's (GSS code E99000003)" in page("/councils/saint-osyth-s").text


def test_what_is_expected_and_missing_is_said_with_its_reason(page, rows):
    text = page("/councils/northmere").text
    assert "Brownfield land Missing 0 – – Statutory, missing" in text
    assert "Public toilets Missing 0 – – Encouraged –" in text


def test_open_tasks_say_since_when_and_how_to_mend_them(page, rows):
    rows.feed()
    run = rows.run()
    rows.task("no location", run=run, count=3)
    text = page("/councils/northmere").text
    assert "There is no location Public toilets, northmere-toilets Error 3" in text
    assert "Add coordinates, or a full postcode." in text


def test_a_layer_that_must_be_provided_and_is_not_is_a_task(page, rows):
    said = "The council provides no data for this layer, and is expected to Brownfield land, no feed Warning"
    assert said in page("/councils/northmere").text
    rows.feed(layer="brownfield-land")
    assert said not in page("/councils/northmere").text
