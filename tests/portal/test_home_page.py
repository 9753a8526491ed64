"""The first page says what Citywide is, what is in, and what happened last."""


def test_it_says_in_two_sentences_what_citywide_is(page):
    assert "gathers the open data that each council publishes" in page("/").text
    assert "Every feature says which council, file, row and licence it came from." in page("/").text


def test_a_layer_has_its_count_and_how_many_of_the_councils_are_in(page, rows):
    rows.feed()
    rows.run()
    rows.features(3)
    assert "Public toilets 3 1 of 3; 2 missing" in page("/").text


def test_the_latest_runs_are_listed_with_their_outcome(page, rows):
    rows.feed()
    number = rows.run("held", message="Far fewer rows.")
    assert f"/runs/{number}" in page("/").links
    assert "Public toilets of Northmere Held" in page("/").text


def test_without_a_feed_it_says_so(page):
    assert "No feed is registered yet, so there is nothing to harvest." in page("/").text


def test_with_a_feed_and_no_run_it_says_so(page, rows):
    rows.feed()
    assert "Feeds are registered, but none has been harvested yet." in page("/").text


def test_layers_that_no_council_publishes_stand_apart_at_the_end(page, rows):
    rows.feed()
    text = page("/").text
    apart = text.index("No council publishes these here yet:")
    assert text.index("Public toilets 0") < apart < text.index("Street trees")
    assert "Public toilets" not in text[apart : text.index("Latest runs")]
