"""A take-down purges a resource and all that came of it, proves it, and never takes the same again."""

import json

import pytest
from sqlalchemy import text

from datasets.errors import CitywideError
from datasets.store.feeds import save_feed
from datasets.store.versions.takedown import Receipt, last_resource, take_down
from datasets.vocabulary import Outcome
from portal.commands.takedown import document, told
from tests.builders import Desk, csv_bytes, feed_of, query, saying, toilet, toilets

SECRET = "Zebedee Quillfeather"


def leaking(count: int = 5) -> list[dict[str, object]]:
    return [*toilets(count), toilet(90, Name=SECRET)]


def down(desk: Desk, sha256: str | None = None) -> Receipt:
    engine, feed = desk.tools.engine, desk.feed.id
    archive = desk.tools.archive
    return take_down(engine, feed, sha256 or last_resource(engine, feed), "It names a person.", by="operator",
                     worker="test", erase=archive.erase)  # fmt: skip


def dump(desk: Desk) -> str:
    tables = query(
        desk.tools.engine,
        "SELECT format('%I.%I', schemaname, tablename) AS name FROM pg_tables"
        " WHERE schemaname IN ('citywide', 'layers')",
    )
    with desk.tools.engine.connect() as connection:
        rows = [connection.execute(text(f"SELECT t::text FROM {table['name']} t")).scalars() for table in tables]  # noqa: S608
        return "\n".join(row for table in rows for row in table)


def test_nothing_of_it_is_left_and_the_receipt_proves_it(desk: Desk) -> None:
    sha256 = desk.harvest(leaking()).values["resource_sha256"]
    assert SECRET in dump(desk)
    receipt = down(desk)
    assert receipt.proven and receipt.purged["features"] == 6 and set(receipt.left.values()) == {0}
    assert SECRET not in dump(desk) and not desk.tools.archive.path(sha256).exists()
    assert SECRET not in json.dumps(document(receipt)) + "\n".join(told(receipt))


def test_what_it_said_before_a_change_goes_too_and_the_rest_stays(desk: Desk) -> None:
    first = desk.harvest(leaking()).values["resource_sha256"]
    desk.harvest([*toilets(5), toilet(90, Name="Convenience 90")])
    receipt = down(desk, first)
    assert (receipt.purged["features"], receipt.purged["changes"], receipt.other_features) == (5, 6, 1)
    assert SECRET not in dump(desk) and [row["name"] for row in desk.rows()] == ["Convenience 90"]


def test_tombstones_without_content_stay(desk: Desk) -> None:
    desk.harvest(leaking())
    ids = {row["feature_id"] for row in desk.rows()}
    down(desk)
    ended = query(desk.tools.engine, "SELECT feature_id, cause, before, geom FROM layers.change WHERE op = 'end'")
    assert {row["feature_id"] for row in ended} == ids
    assert {(row["cause"], row["before"], row["geom"]) for row in ended} == {("take-down", None, None)}


def test_the_same_bytes_are_never_taken_again_nor_the_same_records_in_others(desk: Desk) -> None:
    sha256 = desk.harvest(leaking()).values["resource_sha256"]
    down(desk)
    again = csv_bytes(leaking()).replace(b"\n", b"\r\n")
    for content in (csv_bytes(leaking()), again):
        report = desk.harvest(content, accept=saying("We want it.", "taken-down"))
        assert (report.outcome, report.code) == (Outcome.HELD, "taken-down")
    assert not desk.tools.archive.path(sha256).exists() and desk.rows() == [] and SECRET not in dump(desk)


def test_a_mended_file_is_taken_and_its_features_have_the_addresses_they_had(desk: Desk) -> None:
    desk.harvest(leaking())
    before = {row["reference"]: row["feature_id"] for row in desk.rows()}
    down(desk)
    report = desk.harvest(toilets(5))
    assert report.outcome is Outcome.PUBLISHED, report.message
    assert {row["reference"]: row["feature_id"] for row in desk.rows()}.items() <= before.items()


def test_a_file_that_was_held_and_never_published_can_be_taken_down(desk: Desk) -> None:
    held = desk.harvest([toilet(1, Notes="Ring 07700 900456")])
    receipt = down(desk)
    assert held.outcome is Outcome.HELD and receipt.proven and receipt.purged["features"] == 0


def test_the_file_stays_for_another_feed_that_has_the_same_bytes(desk: Desk) -> None:
    sha256 = desk.harvest(leaking()).values["resource_sha256"]
    other = Desk(desk.tools, desk.path.parent, feed_of("ashmere-park-toilets"))
    save_feed(desk.tools.engine, other.feed)
    other.harvest(leaking())
    receipt = down(desk)
    assert (receipt.kept_for, receipt.file_deleted) == (("ashmere-park-toilets",), False)
    assert desk.rows() == [] and len(other.rows()) == 6 and desk.tools.archive.path(sha256).exists()
    assert down(other).file_deleted and SECRET not in dump(desk)


def test_what_a_feed_never_read_cannot_be_taken_down(desk: Desk) -> None:
    with pytest.raises(CitywideError, match="read nothing"):
        last_resource(desk.tools.engine, desk.feed.id)
    desk.harvest(toilets(2))
    with pytest.raises(CitywideError, match="has read no resource abc"):
        down(desk, "abc")
