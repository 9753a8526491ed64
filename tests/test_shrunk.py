"""A feed that is much smaller than it was, or empty, is held until a person or a second day says that it is meant; a
read that is not whole ends nothing."""

import pytest

from datasets.vocabulary import Outcome
from tests.builders import Desk, counts, csv_bytes, saying, toilets
from tests.changing_layer import Layer, days_pass

EVERYTHING = "*, ctid::text, xmin::text"
EMPTY = b'{"type": "FeatureCollection", "features": []}'


def test_a_shrunk_read_is_held_and_the_old_data_stays(layer: Layer) -> None:
    layer.server.rows = 100
    layer.harvest()
    before = layer.rows(EVERYTHING)
    layer.edit(30, rows=60)
    report = layer.harvest()
    assert (report.outcome, report.code) == (Outcome.HELD, "E-SHRUNK") and layer.rows(EVERYTHING) == before


def test_a_shrunk_read_that_is_not_whole_is_published_and_ends_nothing(layer: Layer) -> None:
    layer.server.rows = 100
    layer.harvest()
    layer.server.tracking = False
    layer.edit(30, renamed=(3,), error_page=3, error={"code": 500, "message": "out of memory"})
    report = layer.harvest()
    assert report.outcome is Outcome.PUBLISHED and counts(report)["E-TRUNCATED"] == 1 and report.diff is not None
    assert (report.diff.updated, report.diff.total, layer.missing()) == (1, 1, [])


def test_a_short_read_is_read_in_full_again_whatever_the_stamp_says(layer: Layer) -> None:
    layer.edit(0, error_page=3, error={"code": 500, "message": "out of memory"})
    assert counts(layer.harvest())["E-TRUNCATED"] == 1 and len(layer.rows()) == 30
    layer.edit(0, error_page=None)
    assert layer.harvest().values["decided_by"] == "rows compared" and len(layer.rows()) == 40


@pytest.mark.parametrize("content", [b"Ref,Name,Address,Easting,Northing\n", EMPTY], ids=["csv", "geojson"])
def test_no_rows_at_all_are_held_and_end_nothing(desk: Desk, content: bytes) -> None:
    desk.harvest(toilets(5))
    before = desk.rows(EVERYTHING)
    for _ in range(2):
        report = desk.harvest(content)
        assert (report.outcome, report.code) == (Outcome.HELD, "E-SHRUNK")
        days_pass(desk.tools, 2)
    assert desk.rows(EVERYTHING) == before


def test_an_empty_layer_is_held_too(layer: Layer) -> None:
    layer.harvest()
    layer.edit(30, rows=0)
    report = layer.harvest()
    assert (report.outcome, report.code) == (Outcome.HELD, "E-SHRUNK") and len(layer.rows()) == 40


@pytest.mark.parametrize(("hours", "outcome"), [(23, Outcome.HELD), (25, Outcome.PUBLISHED)])
def test_a_shrunk_read_that_stays_the_same_for_a_day_is_believed(desk: Desk, hours: int, outcome: Outcome) -> None:
    desk.harvest(toilets(60))
    assert desk.harvest(toilets(20)).outcome is Outcome.HELD
    days_pass(desk.tools, hours / 24)
    assert desk.harvest(toilets(20)).outcome is outcome


def test_a_shrunk_read_that_differs_from_the_one_of_yesterday_is_held_again(desk: Desk) -> None:
    desk.harvest(toilets(60))
    desk.harvest(toilets(20))
    days_pass(desk.tools, 2)
    assert desk.harvest(toilets(21)).outcome is Outcome.HELD


def test_a_feed_that_was_whole_in_between_is_not_believed_to_have_shrunk(desk: Desk) -> None:
    desk.harvest(toilets(60))
    desk.harvest(toilets(20))
    days_pass(desk.tools, 1)
    assert desk.harvest(toilets(61)).outcome is Outcome.PUBLISHED
    days_pass(desk.tools, 1)
    assert desk.harvest(toilets(20)).outcome is Outcome.HELD


def test_a_short_read_never_lowers_what_a_shrunk_one_is_measured_by(layer: Layer) -> None:
    layer.server.rows = 100
    layer.harvest()
    layer.server.tracking = False
    layer.edit(30, error_page=3, error={"code": 500, "message": "out of memory"})
    assert layer.harvest().values["features"] == 30
    layer.edit(60, rows=30, error_page=None)
    report = layer.harvest()
    assert (report.outcome, report.code) == (Outcome.HELD, "E-SHRUNK")


def test_an_empty_feed_is_published_when_a_person_says_that_it_is_meant(desk: Desk) -> None:
    desk.harvest(toilets(3))
    header = csv_bytes(toilets(1)).splitlines(keepends=True)[0]
    assert desk.harvest(header).outcome is Outcome.HELD
    report = desk.harvest(header, accept=saying("they were all sold", "E-SHRUNK"))
    assert report.outcome is Outcome.PUBLISHED and report.diff is not None and report.diff.missing == 3
