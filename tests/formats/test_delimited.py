"""Delimited text becomes columns of text, whatever its separator, encoding and shape.

Rows are numbered as a spreadsheet shows them. Rows kept and rows left out with an issue make up the rows read. The
fast reader and the careful one give the same records.
"""

import pytest

from datasets.errors import RunFailed

PLAIN = "Name,Postcode,Easting\nAshby Library,AB1 2CD,501234\nMill Lane,AB1 3EF,501300\n"


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_the_separator_is_found(opened, separator):
    table = opened(PLAIN.replace(",", separator), "places.csv")
    assert table.format == ("TSV" if separator == "\t" else "CSV")
    assert table.records.rows() == [(2, "Ashby Library", "AB1 2CD", "501234"), (3, "Mill Lane", "AB1 3EF", "501300")]
    assert table.issues == [] and table.rows_read == 2 and table.crs is None and table.geometry is None


@pytest.mark.parametrize(
    ("encoding", "said"),
    [("utf-8", "utf-8"), ("utf-8-sig", "utf-8-sig"), ("utf-16", "utf-16"), ("utf-16-le", "utf-16-le"),
     ("cp1252", "windows-1252")],
)  # fmt: skip
def test_the_encoding_is_found(opened, encoding, said):
    table = opened((PLAIN + "Café – “Blå”,AB1 2CD,5\n").encode(encoding), "places.csv")
    assert table.records["Name"][2] == "Café – “Blå”"
    assert table.encoding == said
    assert table.columns[0] == "Name"


def test_the_encoding_is_decided_by_the_last_byte_too(opened, codes):
    table = opened((PLAIN + "x,y,1\n" * 200_000).encode() + "Café,AB1 2CD,5\n".encode("cp1252"), "places.csv")
    assert table.records["Name"][-1] == "Café" and table.records.height == 200_003
    assert codes(table) == {"W-ENCODING-GUESSED": 1}


def test_utf8_with_one_windows_byte_among_it_keeps_both(opened):
    content = "Name,Town\nLlŷn,Pwllheli\nTŷ Mawr,Y Felinheli\n".encode() + "Café,Bala\n".encode("cp1252")
    assert opened(content, "places.csv").records["Name"].to_list() == ["Llŷn", "Tŷ Mawr", "Café"]


def test_lines_above_the_header_are_reported_and_counted_in_row_numbers(opened, codes):
    table = opened("Polling stations\nPublished by Ashby,,\n\n" + PLAIN, "places.csv")
    assert table.columns == ["Name", "Postcode", "Easting"]
    assert table.records["row_no"].to_list() == [5, 6]
    assert codes(table) == {"W-PREAMBLE": 3}


def test_a_file_without_a_header_gets_numbered_columns_and_keeps_its_first_row(opened, codes):
    table = opened(PLAIN.split("\n", 1)[1], "places.csv")
    assert table.columns == ["column_1", "column_2", "column_3"]
    assert table.records["row_no"].to_list() == [1, 2]
    assert codes(table) == {"W-NO-HEADER": 1}


def test_one_column_of_addresses_has_no_header(opened, codes):
    table = opened('"Ashby Hall, Mill Lane, Ashby"\n"Scout Hut, High Street, Ashby"\n', "places.csv")
    assert table.records.height == 2 and "W-NO-HEADER" in codes(table)


def test_column_names_are_tidied_and_made_unique(opened, codes):
    table = opened('" Name ",Ref,Ref,,"Opening\nhours"\na,1,2,x,9\n', "places.csv")
    assert table.columns == ["Name", "Ref", "Ref_2", "column_4", "Opening hours"]
    assert codes(table) == {"W-DUPLICATE-HEADER": 2}


def test_a_made_up_name_never_takes_the_name_of_another_column(opened):
    assert opened("Ref,Ref,Ref_2,row_no\n1,2,3,4\n", "a.csv").columns == ["Ref", "Ref_3", "Ref_2", "row_no_2"]


def test_ragged_rows_are_kept_with_an_issue(opened):
    table = opened(PLAIN + "Short,AB1 4GH\nLong,AB1 5JK,5,extra\n", "places.csv")
    assert table.records["row_no"].to_list() == [2, 3, 4, 5]
    assert table.records["column_4"].to_list() == [None, None, None, "extra"]
    ragged = next(part for part in table.issues if part["code"][0] == "ragged row")
    assert ragged["row_no"].to_list() == [4, 5] and set(ragged["action"]) == {"kept"}


def test_a_short_row_is_not_hidden_by_a_comma_inside_quotes(opened, codes):
    table = opened('Name,Ref\n"Mill Lane, Ashby",1\nHall\n', "places.csv")
    assert table.records.rows() == [(2, "Mill Lane, Ashby", "1"), (3, "Hall", None)]
    assert codes(table) == {"ragged row": 1}


def test_line_ends_inside_quotes_do_not_count_as_rows(opened):
    table = opened('Name,Address\nHall,"Mill Lane\nAshby"\nHut,"High Street"\n', "places.csv")
    assert table.records["row_no"].to_list() == [2, 3]
    assert table.records["Address"][0] == "Mill Lane\nAshby"


@pytest.mark.parametrize("ends", ["\r\n", "\r"])
def test_other_line_ends_are_read(opened, ends):
    assert opened(PLAIN.replace("\n", ends), "places.csv").records["Easting"].to_list() == ["501234", "501300"]


def test_marks_out_of_place_are_text(opened):
    table = opened('Name,Width\n12" pipe hall,3\nThe "Old" Mill,4\n', "places.csv")
    assert table.records["Name"].to_list() == ['12" pipe hall', 'The "Old" Mill']


def test_a_quotation_mark_that_is_never_closed_fails(opened):
    with pytest.raises(RunFailed, match="never closed"):
        opened('Name,Ref\n"Hall,1\n' + "Hut,2\n" * 5000, "places.csv")


def test_blank_rows_totals_and_repeated_headers_are_left_out_with_a_reason(opened, codes):
    table = opened(PLAIN + ",,\n\nName,Postcode,Easting\nHut,AB1 9ZZ,5\nTotal,,1002539\n", "places.csv")
    assert table.records["row_no"].to_list() == [2, 3, 7]
    assert codes(table) == {"blank row": 2, "not a record": 2}
    assert table.rows_read == table.records.height + 4


def test_a_place_called_total_is_a_record(opened):
    assert opened(PLAIN + "Total Fitness Hall,AB1 9ZZ,5\n", "places.csv").records.height == 3


def test_a_hundred_thousand_phantom_rows_and_columns_make_few_issues(opened, codes):
    commas = "," * 2000
    rows = "".join(f"{line}{commas}\n" for line in PLAIN.splitlines()) + ",,\n" * 50_000
    table = opened(rows, "places.csv")
    assert table.columns == ["Name", "Postcode", "Easting"]
    assert codes(table) == {"blank row": 50_000}
    assert sum(part.height for part in table.issues) == 1001


def test_outer_white_space_goes_and_empty_is_null(opened):
    table = opened('Name,Ref,Note\n\u00a0 Hall \u00a0,"", \n', "places.csv")
    assert table.records.rows() == [(2, "Hall", None, None)]


def test_a_printed_report_is_refused_in_a_sentence(opened):
    report = " Station   Place\n\n" + " 1         Ashby Hall, Mill Lane\n           AA         Ashby\n" * 20
    with pytest.raises(RunFailed, match="printed report") as refused:
        opened(report, "stations.txt")
    assert refused.value.code == "E-FORMAT"


def test_a_line_without_end_is_refused_without_reading_it_all(opened, tmp_path):
    endless = tmp_path / "endless"
    with endless.open("wb") as file:
        file.write(b"Name,Ref\n")
        file.truncate(4 << 30)
        file.seek(9)
        file.write(b"x" * (20 << 20))
    with pytest.raises(RunFailed, match="more than 16 MB"):
        opened(endless, "places.csv")


@pytest.mark.parametrize("content", [b"", b"\n\n  \n", b"\xef\xbb\xbf", b"Name,Postcode,Easting\n", b",,,\n,,,\n"])
def test_a_file_without_rows_is_empty(opened, content):
    with pytest.raises(RunFailed) as refused:
        opened(content, "places.csv")
    assert refused.value.code == "E-EMPTY"
