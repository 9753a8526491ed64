"""The type stage as a whole: every field in its type, issues with their rows, values kept as written."""

import polars as pl
from columns import TOILETS, field_of, layer_of

from datasets.issues import all_issues
from datasets.layer import find_layer
from datasets.vocabulary import FieldType
from harvesters.batch import ROW_NO, Batch
from harvesters.distinct import SAMPLE
from harvesters.type import share_valid, type_values


def test_words_that_mean_nothing_are_empty_and_lines_become_commas() -> None:
    texts = ["n/a", " TBC ", "#N/A", "nan", "Not known", "1 Mere Lane\r\nAshmere ", "The\u00a0Green,"]
    batch, issues = type_values(Batch(pl.DataFrame({ROW_NO: range(2, 9), "address": texts})), TOILETS)
    assert batch.frame["address"].to_list() == [None] * 5 + ["1 Mere Lane, Ashmere", "The Green"]
    assert all_issues(issues).is_empty()


def test_capital_letters_stay() -> None:
    batch, _ = type_values(Batch(pl.DataFrame({ROW_NO: [2], "name": [" MERE LANE "]})), TOILETS)
    assert batch.frame["name"].to_list() == ["MERE LANE"]


def test_a_required_value_that_is_missing_is_an_issue_of_its_row() -> None:
    frame = pl.DataFrame({ROW_NO: [2, 3], "postcode": ["AB1 2CD", None]})
    issues = all_issues(type_values(Batch(frame), find_layer("libraries"))[1])
    assert issues.select("code", "row_no", "field").rows() == [("missing value", 3, "postcode")]


def test_fields_without_a_column_are_empty_in_their_own_type() -> None:
    batch, issues = type_values(Batch(pl.DataFrame({ROW_NO: [2, 3]})), TOILETS)
    kinds = {name: batch.frame[name].dtype for name in ("charge", "accessible", "name", "start_date")}
    assert kinds == {"charge": pl.Float64, "accessible": pl.Boolean, "name": pl.String, "start_date": pl.String}
    assert issues == [] and set(TOILETS.fields) <= set(batch.frame.columns)


def test_the_share_of_valid_values_counts_only_filled_ones() -> None:
    postcode = TOILETS.fields["postcode"]
    assert share_valid(postcode, pl.Series(["AB1 2CD", None, "no", None])) == 0.5
    assert share_valid(postcode, pl.Series([None, None], dtype=pl.String)) == 0.0


def test_a_doubted_value_is_not_valid() -> None:
    phone = field_of(FieldType.PHONE)
    assert share_valid(phone, pl.Series(["020 7946 0123", "ask inside"])) == 0.5


def test_values_that_repeat_are_parsed_once_and_told_for_each_row() -> None:
    texts = ["20p", "free", "tenpence", None] * (SAMPLE // 2)
    frame = pl.DataFrame({ROW_NO: range(len(texts)), "charge": texts})
    batch, issues = type_values(Batch(frame), TOILETS)
    assert batch.frame["charge"].to_list() == [0.2, 0.0, None, None] * (SAMPLE // 2)
    counts = all_issues(issues).group_by("code", "message").len().sort("code", "message").rows()
    each = SAMPLE // 2
    assert counts == [
        ("invalid decimal", None, each),
        ("value-tidied", "Taken as 0.0.", each),
        ("value-tidied", "Taken as 0.2.", each),
    ]


def test_a_derived_field_is_filled_from_the_other_and_never_from_a_column() -> None:
    hours = field_of(FieldType.TIME_RANGES)
    osm = field_of(FieldType.OSM_HOURS, derived_from="hours")
    frame = pl.DataFrame({ROW_NO: [2, 3], "hours": ["Mon-Fri 9am-5pm", "when it suits"], "osm": ["24/7", "24/7"]})
    batch, issues = type_values(Batch(frame), layer_of(osm=osm, hours=hours))
    assert batch.frame["osm"].to_list() == ["Mo-Fr 09:00-17:00", None]
    assert batch.frame["hours"].to_list() == ["Mon-Fri 9am-5pm", "when it suits"] and issues == []


def test_a_value_kept_as_written_is_what_the_type_takes_or_refused() -> None:
    frame = pl.DataFrame({ROW_NO: [2, 3, 4], "report_tel": ["1632960001"] * 3, "uprn": ["0100", "100", "0101"]})
    rows = pl.Series([True, True, False])
    batch, issues = type_values(Batch(frame), TOILETS, {"report_tel": rows, "uprn": rows})
    assert batch.frame["report_tel"].to_list() == ["1632960001", "1632960001", "01632 960001"]
    assert batch.frame["uprn"].to_list() == [None, "100", "101"]
    told = all_issues(issues).select("code", "field", "row_no").sort("field", "row_no").rows()
    assert told == [("value-tidied", "report_tel", 4), ("invalid UPRN", "uprn", 2), ("value-tidied", "uprn", 4)]


def test_text_that_is_kept_as_written_is_not_read_as_hours() -> None:
    hours, osm = field_of(FieldType.TIME_RANGES), field_of(FieldType.OSM_HOURS, derived_from="hours")
    frame = pl.DataFrame({ROW_NO: [2, 3], "hours": ["24 hours", "24 hours"]})
    batch, _ = type_values(Batch(frame), layer_of(hours=hours, osm=osm), {"hours": pl.Series([True, False])})
    assert batch.frame["osm"].to_list() == [None, "24/7"]
