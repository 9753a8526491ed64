"""A harvest run: what it ends as, what it leaves behind, and that a run that is held, fails, breaks or is interrupted
leaves the last good data as it is."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import replace

import pytest

from datasets.store import runs
from datasets.store.feeds import save_feed
from datasets.vocabulary import Outcome
from harvesters import harmonise as harmonising
from harvesters.run import RunReport, check, harvest
from tests.builders import (
    ASHMERE,
    LAT,
    LON,
    Answer,
    Desk,
    counts,
    csv_bytes,
    feed_of,
    query,
    quiet,
    saying,
    served,
    toilet,
    toilets,
)

EVERYTHING = "*, ctid::text, xmin::text"


def last_run(desk: Desk) -> dict[str, object]:
    return query(desk.tools.engine, "SELECT * FROM citywide.run ORDER BY id DESC LIMIT 1")[0]


def layer_row(desk: Desk) -> dict[str, object]:
    return query(desk.tools.engine, "SELECT *, xmin::text FROM citywide.layer WHERE id = 'public-toilets'")[0]


def days_pass(desk: Desk, days: int) -> None:
    """Moves what is missing so many days into the past."""
    statement = "UPDATE layers.public_toilets SET missing_since = missing_since - make_interval(days => :days)"
    query(desk.tools.engine, statement, days=days)


def test_a_published_run_says_what_it_read_and_what_changed(desk: Desk) -> None:
    report = desk.harvest(toilets(3))
    run = last_run(desk)
    assert (report.outcome, run["outcome"], run["state"]) == (Outcome.PUBLISHED, "published", "ended")
    assert (run["rows_read"], run["features"], run["inserted"], run["revision"]) == (3, 3, 3, 1)
    assert (run["format"], run["encoding"], run["rung"], run["complete"]) == ("CSV", "utf-8", "reference", True)
    assert str(run["crs"]).startswith("EPSG:27700") and run["columns"] == list(toilet(1))
    assert run["mapping"]["location"]["columns"] == ["Easting", "Northing"]  # type: ignore[index]


def test_a_feature_leads_back_to_its_bytes_and_row(desk: Desk) -> None:
    content = csv_bytes(toilets(3))
    desk.harvest(content)
    [row] = [row for row in desk.rows() if row["reference"] == "T002"]
    sha256 = hashlib.sha256(content).hexdigest()
    assert (row["resource_sha256"], row["row_no"], row["council"], row["feed_id"]) == (
        sha256, 3, ASHMERE, desk.feed.id,
    )  # fmt: skip
    assert desk.tools.archive.path(sha256).read_bytes() == content
    assert content.decode().splitlines()[row["row_no"] - 1].startswith("T002,")


def test_the_same_bytes_again_are_unchanged_without_touching_a_row(desk: Desk) -> None:
    desk.harvest(toilets(30))
    before, layer = desk.rows(EVERYTHING), layer_row(desk)
    report = desk.harvest(toilets(30))
    assert (report.outcome, report.message) == (Outcome.UNCHANGED, "The bytes are the same as last time.")
    assert desk.rows(EVERYTHING) == before and layer_row(desk) == layer
    assert (
        query(desk.tools.engine, "SELECT count(*) AS n FROM citywide.issue WHERE run = :r", r=report.run_id)[0]["n"]
        == 0
    )


def test_the_same_rows_in_other_bytes_are_published_without_touching_a_row(desk: Desk) -> None:
    desk.harvest(toilets(3))
    before = desk.rows(EVERYTHING)
    report = desk.harvest(csv_bytes(toilets(3)).replace(b"\n", b"\r\n"))
    assert (report.outcome, report.values["decided_by"]) == (Outcome.UNCHANGED, "same content")
    assert desk.rows(EVERYTHING) == before


def test_a_changed_mapping_reads_the_same_bytes_again(desk: Desk) -> None:
    desk.harvest(toilets(3))
    desk.feed = feed_of(mapping={"notes": {"constant": "Merged"}})
    assert desk.harvest(toilets(3)).outcome is Outcome.PUBLISHED
    assert {row["notes"] for row in desk.rows()} == {"Merged"}


def test_a_new_address_for_the_same_bytes_reads_nothing_again(desk: Desk) -> None:
    desk.harvest(toilets(3))
    desk.feed = feed_of(url="https://example.org/moved.csv")
    assert desk.harvest(toilets(3)).outcome is Outcome.UNCHANGED


def test_what_is_gone_ends_when_unchanged_bytes_confirm_it_a_week_later(desk: Desk) -> None:
    desk.harvest(toilets(3))
    assert desk.harvest(toilets(2)).diff.missing == 1  # type: ignore[union-attr]
    assert desk.harvest(toilets(2)).outcome is Outcome.UNCHANGED
    days_pass(desk, 8)
    report = desk.harvest(toilets(2))
    assert (report.outcome, report.diff.ended) == (Outcome.PUBLISHED, 1)  # type: ignore[union-attr]
    assert desk.keys() == ["t001", "t002"]


def test_the_harvest_after_such_an_end_knows_the_last_good_one(desk: Desk) -> None:
    desk.harvest(toilets(3))
    desk.harvest(toilets(2))
    days_pass(desk, 8)
    desk.harvest(toilets(2))
    assert desk.harvest(toilets(2)).outcome is Outcome.UNCHANGED
    report = desk.harvest([{"Site Name" if n == "Name" else n: v for n, v in row.items()} for row in toilets(4)])
    assert (report.outcome, report.code) == (Outcome.HELD, "W-SCHEMA-DRIFT")
    assert desk.harvest(toilets(4)).outcome is Outcome.PUBLISHED


def test_a_read_that_the_server_says_is_short_misses_nothing(desk: Desk) -> None:
    desk.harvest(geojson_bytes(toilets(5)))
    report = desk.harvest(geojson_bytes(toilets(4), numberMatched=5))
    assert counts(report)["E-SHORT"] == 1 and last_run(desk)["complete"] is False
    assert (report.outcome, report.diff.missing) == (Outcome.UNCHANGED, 0)  # type: ignore[union-attr]
    days_pass(desk, 8)
    assert desk.harvest(geojson_bytes(toilets(4), numberMatched=5)).outcome is Outcome.UNCHANGED
    assert len(desk.rows()) == 5


def test_every_row_read_is_a_feature_or_dropped_with_a_reason(desk: Desk) -> None:
    rows = [
        *toilets(20),
        toilet(21, Easting="", Northing=""),
        toilet(22, Easting="0", Northing="0"),
        toilet(23, Easting="somewhere 12", Northing="up 3"),
        toilet(24, Easting=400000, Northing=100000),
        toilet(1),
    ]
    report = desk.harvest(csv_bytes(rows) + b",,,,,\n")
    dropped = report.issues.filter(report.issues["action"] == "dropped")
    assert dict(dropped.select("row_no", "code").iter_rows()) == {
        22: "no location",
        23: "null-island",
        24: "invalid coordinates",
        25: "out of bounds",
        26: "duplicate row",
        27: "blank row",
    }
    assert (report.values["rows_read"], report.values["features"]) == (26, 20)


def test_a_row_that_vanished_without_a_reason_breaks_the_run(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.harvest(toilets(3))
    key = harmonising.key
    monkeypatch.setattr(harmonising, "key", lambda batch, *rest: key(batch.keep(batch.frame["row_no"] > 2), *rest))
    report = desk.harvest(toilets(4))
    assert (report.outcome, report.code) == (Outcome.FAILED, "E-FAULT")
    assert len(desk.rows()) == 3


def test_a_stage_that_breaks_ends_the_run_without_harm_and_without_a_traceback_in_words(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.harvest(toilets(3))
    before = desk.rows(EVERYTHING)
    monkeypatch.setattr(harmonising, "place", lambda *_: 1 / 0)
    report = desk.harvest(toilets(4))
    assert (report.outcome, report.code) == (Outcome.FAILED, "E-FAULT")
    assert report.message == "Something broke on our side (ZeroDivisionError); the last good data stays up."
    assert desk.rows(EVERYTHING) == before and last_run(desk)["state"] == "ended"


def test_an_interrupt_ends_the_run_and_goes_on_to_its_caller(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(harmonising, "place", interrupted)
    with pytest.raises(KeyboardInterrupt):
        desk.harvest(toilets(3))
    assert (last_run(desk)["state"], last_run(desk)["outcome"]) == ("ended", "failed")


def test_a_run_left_by_a_killed_program_is_ended_and_the_next_one_publishes(desk: Desk) -> None:
    left = runs.begin_run(desk.tools.engine, desk.feed.id, "a program that is gone")
    query(desk.tools.engine, "UPDATE citywide.run SET lease_until = now() - interval '1 second'")
    assert desk.harvest(toilets(3)).outcome is Outcome.PUBLISHED
    states = query(desk.tools.engine, "SELECT id, state, outcome FROM citywide.run ORDER BY id")
    assert states[0] == {"id": left, "state": "ended", "outcome": "failed"}


def test_a_publish_that_the_database_refuses_leaves_everything_as_it_was(desk: Desk) -> None:
    desk.harvest(toilets(3))
    before, layer = desk.rows(EVERYTHING), layer_row(desk)
    query(desk.tools.engine, "ALTER TABLE layers.public_toilets ADD CHECK (name <> 'Convenience 4')")
    report = desk.harvest([toilet(1, Name="Renamed"), *toilets(3, first=2)])
    assert (report.outcome, report.code) == (Outcome.FAILED, "E-FAULT")
    assert desk.rows(EVERYTHING) == before and layer_row(desk) == layer


def test_progress_is_told_stage_by_stage_in_order(desk: Desk) -> None:
    told: list[str] = []
    desk.path.write_bytes(csv_bytes(toilets(3)))
    harvest(desk.feed, desk.tools, lambda stage, done, total: told.append(stage), path=desk.path)
    assert list(dict.fromkeys(told)) == ["open", "map", "type", "place", "key", "publish"]


def test_issues_are_kept_with_row_field_value_and_who_mends_it(desk: Desk) -> None:
    report = desk.harvest([toilet(n, Postcode=code) for n, code in enumerate(("nowhere", "ZZ1 1AA", "ZZ1 1AB"))])
    [issue] = query(
        desk.tools.engine, "SELECT * FROM citywide.issue WHERE run = :r AND code = 'invalid postcode'", r=report.run_id
    )
    assert (issue["row_no"], issue["field"], issue["value"]) == (2, "postcode", "nowhere")
    assert (issue["severity"], issue["responsibility"], issue["action"]) == ("warning", "publisher", "blanked")


def test_personal_columns_are_left_out_and_reported(desk: Desk) -> None:
    report = desk.harvest([toilet(n, **{"Key Holder Surname": "A. Nonymous"}) for n in range(3)])
    assert counts(report)["personal-column-dropped"] == 3
    assert "Key Holder Surname" not in report.values["columns"]
    assert "Nonymous" not in str(desk.rows())


def test_checking_a_feed_says_what_a_harvest_would_and_writes_nothing(desk: Desk) -> None:
    desk.path.write_bytes(csv_bytes(toilets(3)))
    report = check(desk.feed, desk.tools, quiet, path=desk.path)
    assert (report.outcome, report.run_id, report.values["features"]) == (Outcome.PUBLISHED, None, 3)
    assert report.message == "3 features would be published."
    assert desk.rows() == [] and query(desk.tools.engine, "SELECT FROM citywide.run") == []
    assert not desk.tools.archive.path(report.values["resource_sha256"]).exists()


def test_checking_what_a_run_has_read_leaves_its_file_alone(desk: Desk) -> None:
    desk.harvest(toilets(3))
    report = check(desk.feed, desk.tools, quiet, path=desk.path)
    assert desk.tools.archive.path(report.values["resource_sha256"]).exists()


def test_checking_a_feed_that_would_be_held_says_every_reason(desk: Desk) -> None:
    rows = [toilet(n, Easting=653_000 + 40 * n, Northing=409_300) for n in range(5)]
    desk.path.write_bytes(csv_bytes(rows))
    report = check(feed_of(licence="unknown"), desk.tools, quiet, path=desk.path)
    assert (report.outcome, report.code) == (Outcome.HELD, "licence-unknown")
    assert (
        "licence" in report.message and "100% of the features lie more than 500 m outside the council" in report.message
    )


def test_accepting_opens_the_gates_for_the_same_bytes_only(desk: Desk) -> None:
    desk.harvest(toilets(100))
    assert held(desk, toilets(20)).code == "E-SHRUNK"
    report = desk.harvest(toilets(20), accept=saying("The council closed them.", "E-SHRUNK"))
    assert (report.outcome, report.diff.missing) == (Outcome.PUBLISHED, 80)  # type: ignore[union-attr]
    [approval] = query(desk.tools.engine, "SELECT gate, reason, resource_sha256, run FROM citywide.approval")
    assert (approval["gate"], approval["reason"]) == ("E-SHRUNK", "The council closed them.")
    assert (approval["resource_sha256"], approval["run"]) == (report.values["resource_sha256"], report.run_id)
    desk.harvest(toilets(100))
    assert desk.harvest(toilets(20)).outcome is Outcome.PUBLISHED
    desk.harvest(toilets(100))
    assert held(desk, toilets(19)).code == "E-SHRUNK"


def test_after_an_accepted_loss_the_feed_is_measured_against_what_was_accepted(desk: Desk) -> None:
    desk.harvest(toilets(100))
    desk.harvest(toilets(20), accept=saying("The council closed them.", "E-SHRUNK"))
    assert desk.harvest(toilets(21)).outcome is Outcome.PUBLISHED


def test_accepting_one_feed_opens_no_gate_of_another(desk: Desk) -> None:
    desk.feed = feed_of(licence="unknown")
    save_feed(desk.tools.engine, desk.feed)
    desk.harvest(toilets(3), accept=saying("Told by telephone.", "licence-unknown"))
    other = feed_of("ashmere-other-toilets", licence="unknown")
    save_feed(desk.tools.engine, other)
    desk.feed = other
    assert held(desk, toilets(3)).code == "licence-unknown"


def test_a_licence_that_is_taken_back_holds_the_same_bytes(desk: Desk) -> None:
    desk.harvest(toilets(3))
    desk.feed = feed_of(licence="ODbL-1.0")
    assert held(desk, toilets(3)).code == "licence-share-alike"


def test_two_feeds_of_one_council_stand_side_by_side(desk: Desk) -> None:
    desk.harvest(toilets(3))
    other = Desk(desk.tools, desk.path.parent, feed_of("ashmere-park-toilets"))
    save_feed(desk.tools.engine, other.feed)
    other.harvest(toilets(3))
    ids = [row["feature_id"] for one in (desk, other) for row in one.rows()]
    assert len(set(ids)) == 6 and layer_row(desk)["features"] == 6


def test_a_feed_of_a_council_that_left_the_city_fails_in_words(desk: Desk) -> None:
    elsewhere = replace(desk.tools, city=desk.tools.city.model_copy(update={"council": desk.tools.city.council[1:]}))
    desk.path.write_bytes(csv_bytes(toilets(3)))
    report = harvest(desk.feed, elsewhere, quiet, path=desk.path)
    assert report.outcome is Outcome.FAILED and "is not a council of Merebank" in report.message


def test_a_feed_is_fetched_from_its_address_with_a_receipt(desk: Desk) -> None:
    content = csv_bytes(toilets(3))
    with served({"/toilets.csv": Answer(content, headers={"Content-Type": "text/csv", "ETag": '"one"'})}) as site:
        report = harvest(feed_of(url=site["/toilets.csv"]), desk.tools, quiet)
    [receipt] = query(desk.tools.engine, "SELECT * FROM citywide.fetch WHERE run = :r", r=report.run_id)
    assert (receipt["status"], receipt["bytes"], receipt["etag"]) == (200, len(content), '"one"')
    assert report.outcome is Outcome.PUBLISHED and receipt["resource_sha256"] == report.values["resource_sha256"]


def geojson_bytes(rows: Sequence[dict[str, object]], **members: object) -> bytes:
    """The rows as a service's answer, a little apart from each other."""
    features = [
        {
            "type": "Feature",
            "properties": row,
            "geometry": {"type": "Point", "coordinates": [LON + number / 1000, LAT]},
        }
        for number, row in enumerate(rows)
    ]
    return json.dumps({"type": "FeatureCollection", **members, "features": features}).encode()


def held(desk: Desk, rows: Sequence[dict[str, object]]) -> RunReport:
    """The report of a harvest that must be held and leave everything as it is."""
    before = desk.rows(EVERYTHING)
    report = desk.harvest(rows)
    assert report.outcome is Outcome.HELD and desk.rows(EVERYTHING) == before
    return report
