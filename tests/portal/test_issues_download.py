"""All issues of a run come as CSV, and nothing in it runs as a formula when a spreadsheet opens it."""

import csv
import io

import pytest

from portal.pages.issues import safe_cell


def download(browser, run):
    answer = browser.get(f"/runs/{run}/issues.csv")
    assert answer.headers["content-type"].startswith("text/csv")
    assert len(answer.content) == int(answer.headers["content-length"])
    return list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"))))


def test_every_issue_is_there_in_the_order_of_its_rows(browser, rows):
    rows.feed()
    run = rows.run()
    for row_no in (9, None, *range(30, 60)):
        rows.issue(run, "invalid postcode", row_no=row_no, value="SE1", field="postcode")
    found = download(browser, run)
    assert [line["row"] for line in found] == ["", "9", *(str(number) for number in range(30, 60))]
    assert found[1]["title"] == "Not a postcode" and found[1]["how"] == "Write the full postcode."


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\n", "＝"])
def test_a_value_that_looks_like_a_formula_is_defused(browser, rows, start):
    rows.feed()
    run = rows.run()
    rows.issue(run, "invalid postcode", row_no=2, value=f'{start}HYPERLINK("x")', message=f"{start}cmd|' /C calc'!A0")
    found = download(browser, run)[0]
    assert found["value"].startswith("'") and found["message"].startswith("'")


def test_numbers_stay_numbers():
    assert [safe_cell(text) for text in ("-0.127", "+44", "-1+1", "12")] == ["-0.127", "+44", "'-1+1", "12"]


def test_a_run_without_issues_gives_the_header_alone(browser, rows):
    rows.feed()
    assert download(browser, rows.run()) == []


def test_a_run_that_is_none_is_not_found(browser):
    assert browser.get("/runs/1/issues.csv").status_code == 404
