"""A run's page says how it ended, what became of every row, and what is wrong with how to mend it."""

from portal_rows import MAPPING


def test_a_published_run_says_so_in_one_sentence(page, rows):
    rows.feed()
    run = rows.run(rows_read=3, features=3, inserted=2, updated=1, ended=0)
    assert "Published The feed holds 3 public toilets: 2 new and 1 changed." in page(f"/runs/{run}").text


def test_rows_read_are_features_and_rows_left_out_by_reason(page, rows):
    rows.feed()
    run = rows.run(rows_read=1_003, features=1_000)
    rows.issue(run, "no location", row_no=7, action="dropped")
    rows.issue(run, "blank row", action="dropped", count=2)
    text = page(f"/runs/{run}").text
    assert "1,003 rows read = 1,000 features + 3 rows left out." in text
    assert "Rows left out, by reason Reason Rows The row is empty 2 There is no location 1" in text


def test_a_row_that_vanished_without_a_reason_is_shown_as_such(page, rows):
    rows.feed()
    run = rows.run(rows_read=5, features=3)
    rows.issue(run, "no location", row_no=7, action="dropped")
    assert "No reason recorded 1" in page(f"/runs/{run}").text


def test_it_says_what_the_file_is_and_how_that_is_known(page, rows):
    rows.feed()
    crs = "EPSG:27700: the .prj says so"
    run = rows.run(format="Shapefile", encoding="cp1252", crs=crs, resource_sha256=rows.resource(), mapping=MAPPING)
    text = page(f"/runs/{run}").text
    assert f"Format Shapefile Character encoding cp1252 Coordinate system {crs}" in text
    assert "toilets.csv, 12.3 kB, text/csv" in text
    assert "Name Site Name 98% an alias of the layer" in text


def test_a_failed_run_says_why_how_to_mend_it_and_what_stayed_up(page, rows):
    rows.feed()
    good = rows.run(days_ago=9)
    run = rows.run("failed", code="E-NOTDATA", message="It answered with a web page.")
    found = page(f"/runs/{run}")
    assert "Failed It answered with a web page." in found.text
    assert "Use the address of the file or service itself" in found.text
    assert f"in run {good}, stayed up." in found.text and f"/runs/{good}" in found.links


def test_issues_have_a_title_a_remedy_someone_to_mend_them_and_a_count(page, rows):
    rows.feed()
    run = rows.run()
    rows.issue(run, "invalid postcode", row_no=4, field="postcode", value="SE1", action="blanked")
    rows.issue(run, "OSGB", action="fixed", severity="info", responsibility="platform", count=1_200)
    text = page(f"/runs/{run}").text
    assert "Not a postcode 1 Warning Write the full postcode. the council" in text
    assert "British National Grid coordinates were converted 1,200 Info Nothing to do. Citywide" in text
    assert "Row 4 Postcode SE1 Value left blank" in text


def test_twenty_examples_are_shown_and_the_rest_is_in_the_download(page, rows):
    rows.feed()
    run = rows.run()
    for row_no in range(2, 27):
        rows.issue(run, "invalid postcode", row_no=row_no, value=f"wrong {row_no}")
    found = page(f"/runs/{run}")
    assert "Not a postcode: the first 20 of 25" in found.text
    assert "wrong 21" in found.text and "wrong 22" not in found.text
    assert f"/runs/{run}/issues.csv" in found.links


def test_a_run_under_way_says_so(page, rows):
    rows.feed()
    run = rows.run(None)
    assert "The run is under way" in page(f"/runs/{run}").text


def test_an_issue_whose_code_was_retired_is_still_shown(page, rows):
    rows.feed()
    run = rows.run()
    rows.issue(run, "a code of old")
    assert "a code of old" in page(f"/runs/{run}").text
