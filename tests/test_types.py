"""Text becomes typed values column by column; every value that is refused or tidied is an issue with its row."""

from collections.abc import Sequence

import polars as pl
import pytest

from datasets.issues import all_issues
from datasets.layer import LayerField, find_layer
from datasets.vocabulary import FieldType
from harvesters.batch import ROW_NO, Batch
from harvesters.type import share_valid, type_values

TOILETS = find_layer("public-toilets")
LIBRARIES = find_layer("libraries")


def typed(field: str, values: Sequence[str | None], layer=TOILETS):
    """The values in the field's type, and each issue of the field as (code, action, row number, value)."""
    frame = pl.DataFrame(
        {ROW_NO: range(2, len(values) + 2), field: values}, schema={ROW_NO: pl.Int64, field: pl.String}
    )
    batch, parts = type_values(Batch(frame), layer)
    issues = all_issues(parts).filter((pl.col("field") == field) & (pl.col("code") != "missing value"))
    told = issues.select("code", "action", "row_no", "value").rows()
    return batch.frame[field].to_list(), told


def test_yes_and_no_in_every_form_are_flags() -> None:
    words = ["Yes", "Y", "TRUE", "1", "x", "No", "n", "False", "0"]
    assert typed("baby_change", words) == ([True] * 5 + [False] * 4, [])


def test_a_flag_with_more_words_counts_by_its_first_and_says_so() -> None:
    values, issues = typed("accessible", ["Yes (RADAR key)", "No - see notes", "none", "Yes"])
    assert values == [True, False, False, True]
    assert [issue[:3] for issue in issues] == [("value-tidied", "fixed", row) for row in (2, 3)]


def test_what_is_neither_yes_nor_no_is_blanked_with_its_value_told() -> None:
    assert typed("accessible", ["perhaps", "Yes"]) == ([None, True], [("invalid flag", "blanked", 2, "perhaps")])


@pytest.mark.parametrize(
    ("written", "pounds"),
    [("0.20", 0.2), ("£0.20", 0.2), ("20p", 0.2), ("50 pence", 0.5), ("Free", 0), ("No charge", 0), ("1 GBP", 1)],
)
def test_money_is_pounds_however_it_is_written(written: str, pounds: float) -> None:
    assert typed("charge", [written])[0] == [pounds]


def test_pence_and_words_turned_into_pounds_are_issues() -> None:
    assert [issue[:3] for issue in typed("charge", ["0.20", "20p", "Free"])[1]] == [
        ("value-tidied", "fixed", 3),
        ("value-tidied", "fixed", 4),
    ]


@pytest.mark.parametrize(
    ("written", "code"), [("ask inside", "invalid decimal"), ("-1", "too small"), ("20", "too large"), ("nan", None)]
)
def test_money_that_cannot_be_is_blanked(written: str, code: str | None) -> None:
    values, issues = typed("charge", [written, "0.5"])
    assert values == [None, 0.5] and len(issues) == 1
    assert code is None or issues == [(code, "blanked", 2, written)]


def test_codes_are_found_by_their_synonyms_and_the_rest_is_blanked() -> None:
    values, issues = typed("category", ["Female and Male", "ladies & gents", "URINAL", "robots"])
    assert values == ["Female and Male", "Female and Male", "Male urinal", None]
    assert issues[0] == ("invalid category value", "blanked", 5, "robots")
    assert [issue[2] for issue in issues[1:]] == [3, 4]


def test_whole_numbers_may_come_with_a_decimal_point_and_no_others() -> None:
    values, issues = typed("year_opened", ["1906", "1906.0", "1906.5", "about 1906", "19066"], LIBRARIES)
    assert values == [1906, 1906, None, None, None]
    assert [issue[0] for issue in issues] == ["invalid integer", "invalid integer", "too large"]


def test_uprns_lose_their_zeros_and_decimals_with_an_issue_each() -> None:
    values, issues = typed("uprn", ["10001234567", "010001234568", "10001234569.0"])
    assert values == ["10001234567", "10001234568", "10001234569"]
    assert [issue[:3] for issue in issues] == [("value-tidied", "fixed", 3), ("value-tidied", "fixed", 4)]


def test_a_uprn_in_a_spreadsheets_short_form_is_refused() -> None:
    values, issues = typed("uprn", ["1.00E+11", "10001234567"])
    assert values == [None, "10001234567"] and issues == [("invalid UPRN", "blanked", 2, "1.00E+11")]


def test_a_column_of_uprns_that_excel_rounded_is_refused_but_one_round_number_is_not() -> None:
    rounded = ["100012300000", "100012400000", "100012500000", "100012645678"]
    assert typed("uprn", rounded)[0] == [None, None, None, "100012645678"]
    assert [issue[2] for issue in typed("uprn", rounded)[1]] == [2, 3, 4]
    honest = [*(str(10001234567 + number) for number in range(9)), "10001200000"]
    assert typed("uprn", honest) == (honest, [])


def test_a_uprn_of_nought_is_none_without_an_issue() -> None:
    assert typed("uprn", ["0", "-", None]) == ([None, None, None], [])


@pytest.mark.parametrize("written", ["AB1 2CD", "ab1 2cd", "AB12CD", " ab1  2cd "])
def test_postcodes_have_one_form(written: str) -> None:
    values, issues = typed("postcode", [written])
    assert values == ["AB1 2CD"]
    assert bool(issues) == (written != "AB1 2CD")


@pytest.mark.parametrize("written", ["AB1", "somewhere", "AB1 2C", "12345"])
def test_what_is_no_postcode_is_blanked(written: str) -> None:
    assert typed("postcode", [written]) == ([None], [("invalid postcode", "blanked", 2, written)])


def test_a_telephone_number_gets_its_zero_back() -> None:
    values, issues = typed("report_tel", ["1632960001", "01632 960001", "+44 1632 960001"])
    assert values == ["01632960001", "01632 960001", "+44 1632 960001"]
    assert issues == [("value-tidied", "fixed", 2, "1632960001")]


@pytest.mark.parametrize(
    ("written", "address"),
    [
        ("https://example.org/a", "https://example.org/a"),
        ("www.example.org", "https://www.example.org"),
        ('<a href="https://example.org/a">More</a>', "https://example.org/a"),
        ("HTTP://example.org", "http://example.org"),
        ("see the web site", None),
        ("javascript:alert(1)", None),
    ],
)
def test_web_addresses_are_whole_or_blanked(written: str, address: str | None) -> None:
    values, issues = typed("documentation_url", [written])
    assert values == [address]
    assert [issue[0] for issue in issues] == ([] if address == written else [issues[0][0]])


def test_an_e_mail_address_loses_its_scheme_and_a_list_of_them_is_refused() -> None:
    values, issues = typed("report_email", ["mailto:a@example.org", "a@example.org, b@example.org"])
    assert values == ["a@example.org", None]
    assert [issue[0] for issue in issues] == ["invalid e-mail", "value-tidied"]


def test_words_that_mean_nothing_are_empty_and_lines_become_commas() -> None:
    values, issues = typed("address", ["n/a", " TBC ", "#N/A", "1 Mere Lane\r\nAshmere ", "The\u00a0Green,"])
    assert values == [None, None, None, "1 Mere Lane, Ashmere", "The Green"] and issues == []


def test_a_required_value_that_is_missing_is_an_issue_of_its_row() -> None:
    frame = pl.DataFrame({ROW_NO: [2, 3], "postcode": ["AB1 2CD", None]})
    issues = all_issues(type_values(Batch(frame), LIBRARIES)[1])
    assert issues.select("code", "row_no", "field").rows() == [("missing value", 3, "postcode")]


def test_fields_without_a_column_are_empty_in_their_own_type() -> None:
    batch, issues = type_values(Batch(pl.DataFrame({ROW_NO: [2, 3]})), TOILETS)
    kinds = {name: batch.frame[name].dtype for name in ("charge", "accessible", "name", "start_date")}
    assert kinds == {"charge": pl.Float64, "accessible": pl.Boolean, "name": pl.String, "start_date": pl.String}
    assert issues == [] and set(TOILETS.fields) <= set(batch.frame.columns)


def test_several_codes_in_one_value_are_a_list_and_an_unknown_one_is_told() -> None:
    field = LayerField(title="", description="", type=FieldType.CODES, codes={"A": ("ay",), "B": ()})
    layer = TOILETS.model_copy(update={"fields": {"kinds": field}})
    values, issues = typed("kinds", ["A; b", "ay;z", None], layer)
    assert values == [["A", "B"], ["A"], None]
    assert [issue[0] for issue in issues] == ["invalid category value"]


def test_the_share_of_valid_values_counts_only_filled_ones() -> None:
    postcode = TOILETS.fields["postcode"]
    assert share_valid(postcode, pl.Series(["AB1 2CD", None, "no", None])) == 0.5
    assert share_valid(postcode, pl.Series([None, None], dtype=pl.String)) == 0.0
