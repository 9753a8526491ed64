"""A council's page says which layers it provides, which are missing, and how its feeds did."""


def test_every_council_stands_in_every_layer(page, rows):
    rows.feed(layer="conservation-areas")
    assert "Northmere Waiting Missing Missing Missing" in page("/councils").text


def test_a_council_shows_what_it_provides_and_what_is_missing(page, rows):
    rows.feed()
    rows.run()
    rows.features(4)
    text = page("/councils/northmere").text
    assert "Northmere (GSS code E99000001) has a feed for 1 of the 4 layers." in text
    assert "Public toilets In 4" in text
    assert "Missing: Conservation areas, Libraries and Polling stations." in text


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
