"""The change ladder and the gates, through the real pipeline: the cheapest thing that can tell that nothing changed
decides, and is recorded; stamps that lie are found out; what is missing only ends when a whole read says so."""

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from datasets.feed import Feed
from datasets.store.feeds import save_feed
from datasets.vocabulary import Outcome
from harvesters.run import RunReport, Tools, harvest
from tests.builders import LAT, LON, Desk, counts, csv_bytes, feed_of, query, quiet, toilet, toilets
from tests.peers.answering import Reply, answering
from tests.peers.arcgis import EDITED, ArcgisServer, served

EVERYTHING = "*, ctid::text, xmin::text"
STILL = "Mon, 02 Mar 2026 09:00:00 GMT"


@dataclass
class FileSite:
    """A web server with one file. Its stamps are as given and may stand still; it answers conditions as it should."""

    body: bytes
    stamps: Mapping[str, str] = field(default_factory=dict)
    honours: bool = True
    url: str = ""
    asked: list[str] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)

    def answer(self, path: str, query: Mapping[str, str], headers: Mapping[str, str]) -> Reply:
        conditions = {"ETag": headers.get("If-None-Match"), "Last-Modified": headers.get("If-Modified-Since")}
        same = self.honours and any(value and self.stamps.get(name) == value for name, value in conditions.items())
        reply = (
            Reply(b"", 304, self.stamps) if same else Reply(self.body, 200, {**self.stamps, "Content-Type": "text/csv"})
        )
        self.statuses.append(reply.status)
        return reply


class RenamingServer(ArcgisServer):
    """The same server, whose toilets may get another name."""

    renamed: tuple[int, ...] = ()
    away: bool = False
    """Whether the first row of every page lies in the sea."""

    def _rendered(self, places: Sequence[int], more: bool, shapes: bool) -> bytes:
        body = super()._rendered(places, more, shapes)
        for number in self.renamed:
            body = body.replace(b'"Convenience %d"' % number, b'"Renamed %d"' % number)
        return re.sub(rb'"x":[0-9.]+', b'"x":100000.00', body, count=1) if self.away else body


@pytest.fixture
def layer(tools: Tools) -> Iterator["Layer"]:
    server = RenamingServer(rows=40, max_record_count=15, tracking=True)
    with served(server):
        feed = feed_of(platform="arcgis", url=server.url)
        save_feed(tools.engine, feed)
        yield Layer(tools, feed, server)


@dataclass
class Layer:
    """A feed of an ArcGIS layer."""

    tools: Tools
    feed: Feed
    server: RenamingServer

    def harvest(self) -> RunReport:
        self.server.pages = 0
        return harvest(self.feed, self.tools, quiet)

    def edit(self, minutes: int, **changes: Any) -> None:
        """The layer changes so long after the last edit that the simulator knows."""
        for name, value in {"last_edit": EDITED + minutes * 60_000, **changes}.items():
            setattr(self.server, name, value)

    def rows(self, columns: str = "*") -> list[dict[str, Any]]:
        return query(self.tools.engine, f"SELECT {columns} FROM layers.public_toilets ORDER BY key")  # noqa: S608

    def missing(self) -> list[str]:
        return [row["name"] for row in self.rows() if row["missing_since"]]


def days_pass(tools: Tools, days: float) -> None:
    """Every run so far lies so many days further back."""
    moved = ", ".join(f"{name} = {name} - make_interval(hours => :hours)" for name in ("started_at", "ended_at"))
    query(tools.engine, f"UPDATE citywide.run SET {moved}", hours=round(days * 24))  # noqa: S608


def ending(report: RunReport) -> tuple[Outcome, str | None]:
    return report.outcome, report.values.get("decided_by")


def read_file(tools: Tools, site: FileSite) -> RunReport:
    feed = feed_of(url=f"{site.url}/toilets.csv")
    save_feed(tools.engine, feed)
    return harvest(feed, tools, quiet)


def test_a_stamp_of_the_platform_that_stands_still_asks_for_no_page(layer: Layer) -> None:
    first = layer.harvest()
    before = layer.rows(EVERYTHING)
    assert ending(first) == (Outcome.PUBLISHED, "rows compared") and layer.server.pages == 3
    assert ending(layer.harvest()) == (Outcome.UNCHANGED, "watermark")
    assert layer.server.pages == 0 and layer.rows(EVERYTHING) == before


def test_a_run_that_was_decided_by_a_stamp_leaves_what_the_next_one_needs(layer: Layer) -> None:
    layer.harvest()
    layer.harvest()
    report = layer.harvest()
    assert ending(report) == (Outcome.UNCHANGED, "watermark") and report.values["features"] == 40


@pytest.mark.parametrize(
    "stamps", [{"ETag": '"one"'}, {"Last-Modified": STILL}, {"ETag": '"a"', "Last-Modified": STILL}]
)
def test_a_server_that_says_not_modified_sends_nothing(tools: Tools, stamps: Mapping[str, str]) -> None:
    site = FileSite(csv_bytes(toilets(3)), stamps)
    with answering(site):
        read_file(tools, site)
        assert ending(read_file(tools, site)) == (Outcome.UNCHANGED, "conditional request")
        assert ending(read_file(tools, site)) == (Outcome.UNCHANGED, "conditional request")
    assert site.statuses == [200, 304, 304]


def test_a_file_that_changed_with_its_entity_tag_is_read(tools: Tools) -> None:
    site = FileSite(csv_bytes(toilets(3)), {"ETag": '"one"', "Last-Modified": STILL})
    with answering(site):
        read_file(tools, site)
        site.body, site.stamps = csv_bytes(toilets(4)), {"ETag": '"two"', "Last-Modified": STILL}
        assert ending(read_file(tools, site)) == (Outcome.PUBLISHED, "rows compared")


def test_a_date_that_stands_still_hides_no_other_body(tools: Tools) -> None:
    site = FileSite(csv_bytes(toilets(3)), {"Last-Modified": STILL}, honours=False)
    with answering(site):
        read_file(tools, site)
        site.body = csv_bytes(toilets(4))
        report = read_file(tools, site)
    assert (report.outcome, report.values["features"]) == (Outcome.PUBLISHED, 4)


def test_a_server_that_always_says_not_modified_is_found_out_after_thirty_days(tools: Tools) -> None:
    site = FileSite(csv_bytes(toilets(3)), {"Last-Modified": STILL})
    with answering(site):
        read_file(tools, site)
        site.body = csv_bytes(toilets(4))
        days_pass(tools, 2)
        assert ending(read_file(tools, site)) == (Outcome.UNCHANGED, "conditional request")
        days_pass(tools, 29)
        assert ending(read_file(tools, site)) == (Outcome.PUBLISHED, "rows compared")


def test_a_stamp_that_stands_still_is_not_believed_for_more_than_thirty_days(layer: Layer) -> None:
    layer.harvest()
    layer.server.renamed = (7,)
    days_pass(layer.tools, 2)
    assert ending(layer.harvest()) == (Outcome.UNCHANGED, "watermark")
    days_pass(layer.tools, 29)
    report = layer.harvest()
    assert ending(report) == (Outcome.PUBLISHED, "rows compared") and report.values["reach"] == "full"
    assert layer.server.pages == 3 and "Renamed 7" in {row["name"] for row in layer.rows()}


def test_rules_that_changed_are_applied_to_everything_whatever_the_stamps_say(layer: Layer) -> None:
    layer.harvest()
    layer.feed = layer.feed.model_copy(update={"licence": "CC-BY-4.0"})
    report = layer.harvest()
    assert (report.values["reach"], report.values["decided_by"]) == (
        "full",
        "rows compared",
    ) and layer.server.pages == 3


def test_the_same_bytes_are_opened_no_further(desk: Desk) -> None:
    desk.harvest(toilets(3))
    report = desk.harvest(toilets(3))
    assert ending(report) == (Outcome.UNCHANGED, "same bytes") and report.values["features"] == 3


def collection(rows: Sequence[Mapping[str, object]], first: int = 1, noise: float = 0.0, **members: object) -> bytes:
    """The rows as a service's answer, numbered by it from `first` on."""
    features = [
        {
            "type": "Feature",
            "id": f"toilets.fid-{first:x}_{number:x}",
            "properties": {"OBJECTID": first + number, **row},
            "geometry": {"type": "Point", "coordinates": [LON + number / 1000 + noise, LAT]},
        }
        for number, row in enumerate(rows)
    ]  # fmt: skip
    return json.dumps({"type": "FeatureCollection", **members, "features": features}).encode()


def turned(content: bytes) -> bytes:
    plain = json.loads(content)
    return json.dumps({**plain, "features": plain["features"][::-1]}).encode()


SAME = {
    "another order": lambda rows: turned(collection(rows)),
    "another time": lambda rows: collection(rows, timeStamp="2026-06-01T10:00:00Z"),
    "other numbers": lambda rows: collection(rows, first=500),
    "noise": lambda rows: collection(rows, noise=2e-10),
    "other spaces": lambda rows: json.dumps(json.loads(collection(rows)), indent=1).encode(),
}


@pytest.mark.parametrize("again", SAME.values(), ids=list(SAME))
def test_the_same_records_in_other_bytes_touch_nothing(
    desk: Desk, again: Callable[[Sequence[Mapping[str, object]]], bytes]
) -> None:
    rows = [{name: value for name, value in row.items() if "ing" not in name[-3:]} for row in toilets(12)]
    desk.harvest(collection(rows, timeStamp="2026-05-01T10:00:00Z"))
    before = desk.rows(EVERYTHING)
    assert ending(desk.harvest(again(rows))) == (Outcome.UNCHANGED, "same content")
    assert len(before) == 12 and desk.rows(EVERYTHING) == before


@pytest.mark.parametrize(
    "other", [{"noise": 2e-5}, {"rows": toilets(11)}, {"rows": [toilet(1, Name="New"), *toilets(11, 2)]}]
)
def test_records_that_differ_are_compared_row_by_row(desk: Desk, other: dict[str, Any]) -> None:
    desk.harvest(collection(toilets(12)))
    report = desk.harvest(collection(**{"rows": toilets(12), **other}))
    assert report.values["decided_by"] == "rows compared" and report.diff is not None
    assert report.diff.total == (12 if "noise" in other else 1)


def test_a_row_that_only_repeats_another_is_another_content(desk: Desk) -> None:
    desk.harvest(csv_bytes(toilets(3)))
    assert desk.harvest(csv_bytes([*toilets(3), toilet(3)])).values["decided_by"] == "rows compared"


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


def test_a_column_that_servers_number_anew_is_content_where_the_mapping_reads_it(desk: Desk) -> None:
    rows = [{**toilet(n), "timestamp": f"Convenience {n}"} for n in range(1, 4)]
    for row in rows:
        del row["Name"]
    desk.feed = feed_of(mapping={"name": {"column": "timestamp"}})
    for names in ("Convenience", "Convenience", "Renamed"):
        report = desk.harvest([{**row, "timestamp": f"{names} {n}"} for n, row in enumerate(rows)])
    assert report.outcome is Outcome.PUBLISHED and {row["name"][:7] for row in desk.rows()} == {"Renamed"}


def test_an_empty_feed_is_published_when_a_person_says_that_it_is_meant(desk: Desk) -> None:
    desk.harvest(toilets(3))
    header = csv_bytes(toilets(1)).splitlines(keepends=True)[0]
    assert desk.harvest(header).outcome is Outcome.HELD
    report = desk.harvest(header, accept="they were all sold")
    assert report.outcome is Outcome.PUBLISHED and report.diff is not None and report.diff.missing == 3


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


@pytest.mark.parametrize("content", [b"Ref,Name,Address,Easting,Northing\n", collection([])], ids=["csv", "geojson"])
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
