"""Workbooks give the sheet that holds the records, with numbers, dates and times as the shortest text."""

import pytest
from workbooks import write_ods, write_xlsx

from datasets.errors import RunFailed

TOILETS = [["Name", "Postcode", "Cost"], ["Ashby", "AB1 2CD", 0.2], ["Mill Lane", "AB1 3EF", 0], ["Hall", "AB1 4GH", 1]]


def test_cells_become_the_shortest_text(opened, tmp_path):
    rows = [["Name", "UPRN", "Opened", "Checked", "From", "Free", "Cost"],
            ["Ashby", 100012749365.0, ("date", 43831), ("datetime", 43831.5), ("time", 0.75), True, 0.1]]  # fmt: skip
    table = opened(write_xlsx(tmp_path / "a", {"S": rows}), "toilets.xlsx")
    assert table.format == "XLSX"
    expected = (2, "Ashby", "100012749365", "2020-01-01", "2020-01-01T12:00:00", "18:00:00", "true", "0.1")
    assert table.records.row(0) == expected


def test_a_cell_with_an_error_is_empty(opened, tmp_path):
    rows = [*TOILETS, ["Hut", "#N/A", "#DIV/0!"]]
    assert opened(write_xlsx(tmp_path / "a", {"S": rows}), "t.xlsx").records.row(3) == (5, "Hut", None, None)


def test_a_hundred_thousand_formatted_empty_rows_do_no_harm(opened, tmp_path, codes):
    rows = [*TOILETS, *([[None] * 3] * 100_000)]
    table = opened(write_xlsx(tmp_path / "a", {"S": rows}), "t.xlsx")
    assert table.records.height == 3
    assert table.rows_read == 3 + codes(table).get("blank row", 0)


def test_row_numbers_are_those_of_the_sheet_below_titles(opened, tmp_path, codes):
    rows = [["Public toilets of Ashby"], [None], *TOILETS]
    table = opened(write_xlsx(tmp_path / "a", {"S": rows}, first_row=3), "t.xlsx")
    assert table.columns == ["Name", "Postcode", "Cost"]
    assert table.records["row_no"].to_list() == [6, 7, 8]
    assert codes(table) == {"W-PREAMBLE": 1}


def test_guidance_before_the_records_is_passed_over(opened, tmp_path, codes):
    guidance = [[f"Paragraph {n} of how to fill this in, at length."] for n in range(60)]
    contents = [["Sheet", "What it holds"], ["1", "Guidance"], ["2", "Toilets"]]
    sheets = {"How to": guidance, "Contents": contents, "Toilets 2024": TOILETS}
    table = opened(write_xlsx(tmp_path / "a", sheets, macros=True), "t.xlsm")
    assert (table.format, table.layer_name, table.records.height) == ("XLSM", "Toilets 2024", 3)
    assert codes(table) == {"W-MULTI-SHEET": 1}


def test_the_sheet_that_the_feed_names_is_read(opened, tmp_path):
    book = write_xlsx(tmp_path / "a", {"North": TOILETS, "South": [TOILETS[0], ["Hut", "AB9 9ZZ", 3]]})
    assert opened(book, "t.xlsx", sheet="south").records["Name"].to_list() == ["Hut"]
    with pytest.raises(RunFailed, match="no sheet called East; it has North, South"):
        opened(book, "t.xlsx", sheet="East")


def test_a_hidden_sheet_is_not_chosen(opened, tmp_path):
    book = write_xlsx(tmp_path / "a", {"Old": [*TOILETS, *TOILETS[1:] * 9], "New": TOILETS}, hidden=["Old"])
    assert opened(book, "t.xlsx").layer_name == "New"


def test_opendocument_is_read(opened, tmp_path):
    table = opened(write_ods(tmp_path / "a", {"Toilets": TOILETS}), "t.ods")
    assert table.format == "ODS"
    assert table.records.row(0) == (2, "Ashby", "AB1 2CD", "0.2")


def test_one_cell_in_the_far_corner_is_refused_before_it_takes_all_memory(opened, tmp_path):
    far = [["Name", *[None] * 800, "x"]]
    rows = [*far, *[["a"]] * 99_999, [*[None] * 801, "x"]]
    with pytest.raises(RunFailed, match="far corner"):
        opened(write_xlsx(tmp_path / "a", {"S": rows}), "t.xlsx")


def test_a_broken_workbook_fails_in_a_sentence(opened, tmp_path):
    book = write_xlsx(tmp_path / "a", {"S": TOILETS})
    content = book.read_bytes().replace(b"xl/workbook.xml", b"xl/warkbook.xml")
    with pytest.raises(RunFailed) as refused:
        opened(content, "t.xlsx")
    assert refused.value.code == "E-FORMAT"


def test_damage_inside_a_sheet_fails_in_a_sentence(opened, tmp_path):
    content = bytearray(write_xlsx(tmp_path / "a", {"S": TOILETS * 50}).read_bytes())
    at = content.index(b"xl/worksheets/sheet1.xml") + 40
    content[at : at + 30] = bytes(30)
    with pytest.raises(RunFailed) as refused:
        opened(bytes(content), "t.xlsx")
    assert refused.value.code == "E-TRUNCATED"
