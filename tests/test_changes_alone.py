"""Where a platform can say what changed, a run reads that alone; what went away is noticed all the same, and only a
read of everything ends it."""

import pytest

from datasets.vocabulary import Outcome
from tests.builders import counts, query
from tests.changing_layer import Layer, ending


def test_only_what_was_edited_since_is_read_and_changes_but_ends_nothing(layer: Layer) -> None:
    layer.harvest()
    layer.edit(30, edited=(7,), renamed=(7,))
    report = layer.harvest()
    assert (report.outcome, report.values["reach"], report.values["decided_by"]) == (
        Outcome.PUBLISHED, "changes", "rows compared",
    )  # fmt: skip
    assert report.diff is not None and (report.diff.updated, report.diff.total) == (1, 1)
    assert len(layer.rows()) == 40 and layer.missing() == []


def test_a_row_that_is_new_is_read_alone(layer: Layer) -> None:
    layer.harvest()
    layer.edit(30, rows=41, edited=(41,))
    report = layer.harvest()
    assert report.diff is not None and (report.diff.inserted, report.diff.total) == (1, 1)
    assert (report.values["reach"], report.values["rows_read"], len(layer.rows())) == ("changes", 1, 41)


@pytest.mark.parametrize("edited", [(7,), ()], ids=["beside an edit", "alone"])
def test_a_row_that_went_away_is_noticed_by_the_number_and_all_is_read_in_the_same_run(
    layer: Layer, edited: tuple[int, ...]
) -> None:
    layer.harvest()
    layer.edit(30, rows=[n for n in range(1, 41) if n != 9], edited=edited, renamed=edited)
    report = layer.harvest()
    assert (report.outcome, report.values["reach"]) == (Outcome.PUBLISHED, "full") and report.diff is not None
    assert (report.diff.missing, report.diff.ended, report.diff.updated) == (1, 0, len(edited))
    assert layer.missing() == ["Convenience 9"] and len(layer.rows()) == 40


def test_a_row_that_came_and_went_again_does_not_stay(layer: Layer) -> None:
    layer.harvest()
    layer.edit(30, rows=41, edited=(41,))
    layer.harvest()
    layer.edit(60, rows=40, edited=())
    layer.harvest()
    assert layer.missing() == ["Convenience 41"]


def test_a_row_that_came_and_went_again_does_not_stay_though_nothing_changed_in_between(layer: Layer) -> None:
    layer.harvest()
    layer.edit(30, rows=45, edited=(41, 42, 43, 44, 45))
    layer.harvest()
    assert ending(layer.harvest()) == (Outcome.UNCHANGED, "watermark")
    layer.edit(60, rows=40, edited=())
    layer.harvest()
    assert layer.missing() == [f"Convenience {number}" for number in range(41, 46)]


def test_what_is_missing_ends_by_a_read_of_everything_and_never_by_a_stamp(layer: Layer) -> None:
    layer.harvest()
    layer.edit(30, rows=39)
    layer.harvest()
    query(layer.tools.engine, "UPDATE layers.public_toilets SET missing_since = missing_since - interval '8 days'")
    report = layer.harvest()
    assert layer.server.pages == 3 and ending(report) == (Outcome.PUBLISHED, "same bytes")
    assert report.diff is not None and report.diff.ended == 1 and len(layer.rows()) == 39


def test_a_read_of_changes_that_breaks_off_is_made_again_from_the_same_moment(layer: Layer) -> None:
    layer.harvest()
    layer.edit(30, edited=tuple(range(1, 31)), renamed=(7, 29), error_page=2, error={"code": 500, "message": "no"})
    report = layer.harvest()
    assert counts(report)["E-TRUNCATED"] == 1 and "Renamed 29" not in {row["name"] for row in layer.rows()}
    layer.edit(30, error_page=None)
    assert layer.harvest().values["decided_by"] == "rows compared"
    assert {"Renamed 7", "Renamed 29"} <= {row["name"] for row in layer.rows()}


def test_one_row_that_is_edited_out_of_the_city_holds_nothing_up(layer: Layer) -> None:
    layer.harvest()
    layer.edit(30, edited=(1,), away=True)
    assert layer.harvest().outcome is not Outcome.HELD


def test_a_platform_without_a_stamp_on_its_rows_is_read_in_full(layer: Layer) -> None:
    layer.server.tracking = False
    layer.harvest()
    layer.edit(30, renamed=(7,))
    report = layer.harvest()
    assert (report.values["reach"], layer.server.pages) == ("full", 3) and report.diff is not None
    assert report.diff.updated == 1


def test_a_gate_that_changes_alone_shut_is_not_on_the_record_of_the_whole_read(layer: Layer) -> None:
    layer.harvest()
    layer.edit(30, edited=(7,))
    layer.server.away = True
    report = layer.harvest()
    assert (report.outcome, report.values["reach"]) == (Outcome.PUBLISHED, "full")
    assert "gates" not in report.values
