"""Rules change the text before it is typed: each action, the order in which rules count, what each leaves behind."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl
import pytest

from datasets.issues import all_issues
from datasets.layer import find_layer
from datasets.rule import Rule
from datasets.store.rules import NamedRule
from harvesters.batch import ROW_NO, Batch, Opened
from harvesters.mend import Mended, mend
from harvesters.type import type_values


def rule(action: str, field: str = "charge", name: str = "rule 1", **given: Any) -> NamedRule:
    return NamedRule(name, Rule(field=field, action=action, reason="The council said so.", **given))


def mended(rules: Sequence[NamedRule], **columns: Sequence[str | None]) -> tuple[Mended, list[tuple[Any, ...]]]:
    """What is left, and the issues as (code, action, row number, value as written, message)."""
    rows = range(2, len(next(iter(columns.values()))) + 2)
    frame = pl.DataFrame({ROW_NO: rows, **columns}, schema={ROW_NO: pl.Int64, **dict.fromkeys(columns, pl.String)})
    places = np.array([f"place {row}" for row in rows], dtype=object)
    opened = Opened("CSV", frame, frame.height, [], geometry=places)
    done, issues = mend(Batch(frame, places), opened, rules)
    return done, all_issues(issues).select("code", "action", "row_no", "value", "message").rows()


def test_a_value_is_replaced_whatever_its_case_and_blanks() -> None:
    done, issues = mended([rule("replace", pattern="20 pence piece", value="0.20")], charge=["20 Pence  piece ", "50p"])
    assert done.batch.frame["charge"].to_list() == ["0.20", "50p"]
    told = "Replaced with '0.20' by rule 1: The council said so."
    assert issues == [("patch", "fixed", 2, "20 Pence  piece ", told)]


def test_a_value_is_emptied() -> None:
    done, issues = mended([rule("blank", pattern="ask")], charge=["ask", "0.5"])
    assert done.batch.frame["charge"].to_list() == [None, "0.5"]
    assert issues == [("patch", "blanked", 2, "ask", "Emptied by rule 1: The council said so.")]


def test_a_whole_field_is_emptied_where_no_value_is_named() -> None:
    done, issues = mended([rule("blank")], charge=["1", None, "2"])
    assert done.batch.frame["charge"].to_list() == [None, None, None] and [row[2] for row in issues] == [2, 4]


def test_empty_values_are_filled_and_those_that_mean_nothing_too() -> None:
    done, issues = mended([rule("default", value="0")], charge=[None, "n/a", "0.5"])
    assert done.batch.frame["charge"].to_list() == ["0", "0", "0.5"]
    assert [issue[:4] for issue in issues] == [
        ("default-value", "fixed", 2, None),
        ("default-value", "fixed", 3, "n/a"),
    ]


def test_a_field_without_a_column_is_filled_in_every_row() -> None:
    done, issues = mended([rule("default", value="0")], name=["A", "B"])
    assert done.batch.frame["charge"].to_list() == ["0", "0"] and len(issues) == 2


def test_rows_are_left_out_of_the_batch_and_of_the_resource() -> None:
    done, issues = mended([rule("skip-row", "name", pattern="test")], name=["Park", "TEST", None])
    assert done.batch.frame[ROW_NO].to_list() == done.opened.records[ROW_NO].to_list() == [2, 4]
    assert done.batch.geometry is not None and done.opened.geometry is not None
    assert done.batch.geometry.tolist() == done.opened.geometry.tolist() == ["place 2", "place 4"]
    assert issues == [("patch", "dropped", 3, "TEST", "The row was left out by rule 1: The council said so.")]


def test_numbers_without_a_unit_get_the_feeds_and_others_keep_their_own() -> None:
    done, issues = mended([rule("units", "height", value="ft")], height=["12", "3 m", "tall", None])
    assert done.batch.frame["height"].to_list() == ["12 ft", "3 m", "tall", None]
    told = "Numbers without a unit were read as ft by rule 1: The council said so."
    assert issues == [("patch", "fixed", None, None, told)]


def test_a_value_is_kept_as_written_by_the_type_stage() -> None:
    done, issues = mended([rule("keep", "report_tel", pattern="1632960001")], report_tel=["1632960001", "1632960002"])
    typed, tidied = type_values(done.batch, find_layer("public-toilets"), done.as_is)
    assert typed.frame["report_tel"].to_list() == ["1632960001", "01632 960002"]
    assert all_issues(tidied)["row_no"].to_list() == [3] and [issue[1] for issue in issues] == ["kept"]


def test_a_kept_value_is_out_of_reach_of_the_rules_behind() -> None:
    keep, replace = rule("keep", pattern="5p"), rule("replace", pattern="5p", value="0.50", name="rule 2")
    assert mended([keep, replace], charge=["5p"])[0].batch.frame["charge"].to_list() == ["5p"]
    assert mended([replace, keep], charge=["5p"])[0].batch.frame["charge"].to_list() == ["0.50"]


def test_the_first_rule_for_a_value_counts_and_no_other_touches_what_it_made() -> None:
    rules = [rule("replace", pattern="a", value="b"), rule("replace", pattern="b", value="c", name="rule 2")]
    done, issues = mended(rules, charge=["a", "b"])
    assert done.batch.frame["charge"].to_list() == ["b", "c"]
    assert [issue[4].split(" by ")[1][:6] for issue in issues] == ["rule 1", "rule 2"]


def test_what_one_rule_empties_another_may_fill() -> None:
    rules = [rule("blank", pattern="ask"), rule("default", value="0", name="rule 2")]
    assert mended(rules, charge=["ask", None])[0].batch.frame["charge"].to_list() == ["0", "0"]


@pytest.mark.parametrize("value", ["other", None])
def test_a_rule_for_another_value_does_nothing(value: str | None) -> None:
    for action, given in (("replace", {"value": "x"}), ("blank", {}), ("skip-row", {}), ("keep", {})):
        done, issues = mended([rule(action, pattern="this", **given)], charge=[value])
        assert done.batch.frame["charge"].to_list() == [value] and issues == [] and done.as_is == {}


def test_without_rules_nothing_is_touched() -> None:
    done, issues = mended([], charge=["20 pence"])
    assert done.batch.frame["charge"].to_list() == ["20 pence"] and issues == []
