"""A feed's page says where the data comes from, how it is read, and how every run of it went."""

from portal_rows import MAPPING, NOW, TOILETS


def test_it_says_where_the_data_comes_from(page, rows):
    rows.feed(cadence="weekly", document={"documentation_url": "https://example.org/about", "contact_role": "GIS team"})
    text = page(f"/feeds/{TOILETS}").text
    for said in ("https://data.example.org/northmere-toilets.csv", "A file at a web address", "Weekly", "GIS team"):
        assert said in text


def test_the_mapping_in_use_has_confidence_and_evidence(page, rows):
    rows.feed()
    rows.run(mapping=MAPPING)
    text = page(f"/feeds/{TOILETS}").text
    assert "Name Site Name 98% an alias of the layer" in text
    assert "Location GeoX, GeoY, EPSG:27700 90% by values" in text
    assert "Columns not used: Comments." in text


def test_a_held_feed_says_why_and_that_the_good_data_stays_up(page, rows):
    rows.feed()
    rows.run(days_ago=5)
    rows.run("held", message="Far fewer rows than last time.")
    text = page(f"/feeds/{TOILETS}").text
    assert "Far fewer rows than last time." in text
    assert "stays up." in text.split("See run")[1]


def test_a_held_feed_that_was_never_good_does_not_promise_data(page, rows):
    rows.feed()
    rows.run("held", message="It is not sure which column is which.", mapping=MAPPING)
    text = page(f"/feeds/{TOILETS}").text
    assert "Nothing of this feed has been published yet." in text
    assert "Not in use: as" in text


def test_a_removed_feed_still_has_its_page_and_says_so(page, rows):
    rows.feed(removed_at=NOW)
    number = rows.run()
    found = page(f"/feeds/{TOILETS}")
    assert "This feed was removed on" in found.text
    assert f"/runs/{number}" in found.links
    assert "The feed was removed on" in page(f"/runs/{number}").text


def test_a_feed_without_a_run_says_so(page, rows):
    rows.feed()
    assert "This feed has not been harvested yet." in page(f"/feeds/{TOILETS}").text


def test_older_runs_are_a_page_away(page, rows):
    rows.feed()
    numbers = [rows.run("unchanged", days_ago=50 - day) for day in range(25)]
    newest = page(f"/feeds/{TOILETS}")
    older = page(f"/feeds/{TOILETS}?before={numbers[5]}")
    assert f"/feeds/{TOILETS}?before={numbers[5]}#runs" in newest.links
    assert f"/runs/{numbers[5]}" in newest.links and f"/runs/{numbers[4]}" not in newest.links
    assert f"/runs/{numbers[4]}" in older.links and f"/runs/{numbers[0]}" in older.links


def test_a_run_number_that_is_none_is_refused(browser, rows):
    rows.feed()
    for before in ("x", "-1", "9" * 30, ""):
        assert browser.get(f"/feeds/{TOILETS}?before={before}").status_code == 400


def test_quality_says_why_and_how_to_mend_it(page, rows):
    rows.feed()
    rows.task("no location", run=rows.run(complete=True, rung="reference"))
    rows.features(2)
    text = page(f"/feeds/{TOILETS}").text
    assert "Issues 10 of 15 Open tasks by severity: 1 error. Mend the severest task first." in text
    assert "What the next level wants:" in text


def test_a_feed_of_which_nothing_is_served_scores_nothing(page, rows):
    rows.feed()
    assert "0 of 100 points; level none." in page(f"/feeds/{TOILETS}").text
