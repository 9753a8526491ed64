"""The change ladder, through the real pipeline: the cheapest thing that can tell that nothing changed decides, and is
recorded; stamps that lie are found out."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from datasets.store.feeds import save_feed
from datasets.vocabulary import Outcome
from harvesters.run import RunReport, Tools, harvest
from tests.builders import LAT, LON, Desk, csv_bytes, feed_of, quiet, toilet, toilets
from tests.changing_layer import Layer, days_pass, ending
from tests.peers.answering import Reply, answering

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


def test_a_column_that_servers_number_anew_is_content_where_the_mapping_reads_it(desk: Desk) -> None:
    rows = [{**toilet(n), "timestamp": f"Convenience {n}"} for n in range(1, 4)]
    for row in rows:
        del row["Name"]
    desk.feed = feed_of(mapping={"name": {"column": "timestamp"}})
    for names in ("Convenience", "Convenience", "Renamed"):
        report = desk.harvest([{**row, "timestamp": f"{names} {n}"} for n, row in enumerate(rows)])
    assert report.outcome is Outcome.PUBLISHED and {row["name"][:7] for row in desk.rows()} == {"Renamed"}
