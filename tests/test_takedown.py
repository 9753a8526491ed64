"""A take-down purges a resource and all that came of it, proves it, and never takes the same again."""

import json
from typing import Any

import pytest
from sqlalchemy import text

from datasets.errors import CitywideError
from datasets.feed import FieldRule
from datasets.layer import find_layer
from datasets.rule import Rule
from datasets.store.confirmed import confirm
from datasets.store.feeds import save_feed
from datasets.store.quality import feed_figures
from datasets.store.rules import Scope, add_rule
from datasets.store.versions.purge import PROOFS, PURGES
from datasets.store.versions.takedown import Receipt, finish_takedowns, last_resource, resources_read, take_down
from datasets.vocabulary import Outcome, RuleAction
from portal.commands.takedown import document, told
from portal.worker import sweep
from tests.builders import Desk, csv_bytes, feed_of, query, saying, toilet, toilets

SECRET = "Zebedee Quillfeather"


PAIR = (
    "INSERT INTO citywide.match_pair (layer, a, b, score, evidence, decision, by, at)"
    " VALUES ('public-toilets', :ours, '~', 1, 'same name', 'open', 'automatic', now())"
)
PLANTED = (
    PAIR,
    "INSERT INTO citywide.fetch (run, url, error) VALUES (:run, 'https://example.org', 'said something')",
    "INSERT INTO citywide.task (id, council, layer, feed, kind, code, count, message, run, state, first_seen, "
    "open_since, last_seen) SELECT 'abc', council, layer, id, 'held', 'x', 1, 'said', :run, 'open', now(), now(), now()"
    " FROM citywide.feed WHERE id = :feed",
    "INSERT INTO citywide.reading (feed, dataset, file, pages, rows, bytes, size)"
    " VALUES (:feed, '{}', 'x', 1, 1, 1, 1)",
)


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


def test_a_secret_that_came_with_an_earlier_file_goes_with_the_last_one(desk: Desk) -> None:
    first = desk.harvest(leaking()).values["resource_sha256"]
    middle = desk.harvest([*leaking(), toilet(91)]).values["resource_sha256"]
    last = desk.harvest([*leaking(), toilet(91), toilet(92)]).values["resource_sha256"]
    receipt = down(desk)
    assert receipt.proven and receipt.purged["features"] == 8 and receipt.other_features == 0
    assert receipt.resources[0] == last and set(receipt.resources) == {first, middle, last}
    assert SECRET not in dump(desk) and not any(desk.tools.archive.path(sha256).exists() for sha256 in (first, middle))
    assert desk.harvest(leaking()).code == "taken-down"


def test_what_an_earlier_file_alone_held_stays(desk: Desk) -> None:
    first = desk.harvest([toilet(1)]).values["resource_sha256"]
    desk.harvest([toilet(1, Name="Renamed"), toilet(90, Name=SECRET)])
    receipt = down(desk)
    assert receipt.proven and first not in receipt.resources and desk.tools.archive.path(first).exists()
    kept = query(desk.tools.engine, "SELECT before ->> 'name' AS name FROM layers.change WHERE before IS NOT NULL")
    assert [row["name"] for row in kept] == ["Convenience 1"] and SECRET not in dump(desk)


def test_it_is_not_proven_while_a_later_file_that_held_the_same_stands(desk: Desk) -> None:
    first = desk.harvest(leaking()).values["resource_sha256"]
    later = desk.harvest([*leaking(), toilet(91)]).values["resource_sha256"]
    receipt = down(desk, first)
    assert receipt.shared_with == (later,) and not receipt.proven and set(receipt.left.values()) == {0}
    assert f"--resource {later}" in "\n".join(told(receipt)) and document(receipt)["proven"] is False
    assert down(desk, later).proven and not desk.tools.archive.path(later).exists()


def killed(sha256: str) -> bool:
    raise KeyboardInterrupt


def refused(sha256: str) -> bool:
    raise PermissionError(sha256)


def down_with(desk: Desk, erase: Any) -> Receipt:
    engine, feed = desk.tools.engine, desk.feed.id
    return take_down(engine, feed, last_resource(engine, feed), "Why.", by="operator", worker="test", erase=erase)


def test_one_that_was_killed_before_the_file_went_is_finished_by_calling_it_again(desk: Desk) -> None:
    desk.harvest(toilets(1, 50))
    sha256 = desk.harvest(leaking()).values["resource_sha256"]
    with pytest.raises(KeyboardInterrupt):
        down_with(desk, killed)
    assert desk.tools.archive.path(sha256).exists()
    receipt = down(desk)
    assert receipt.proven and receipt.resource_sha256 == sha256 and receipt.purged["features"] == 6
    assert not desk.tools.archive.path(sha256).exists()
    assert len(query(desk.tools.engine, "SELECT FROM citywide.run WHERE rules_hash = 'taken down'")) == 1


def test_one_that_was_killed_before_the_file_went_is_finished_by_the_worker(desk: Desk) -> None:
    sha256 = desk.harvest(leaking()).values["resource_sha256"]
    with pytest.raises(KeyboardInterrupt):
        down_with(desk, killed)
    sweep(desk.tools)
    assert not desk.tools.archive.path(sha256).exists()
    assert query(desk.tools.engine, "SELECT receipt -> 'file_deleted' AS gone FROM citywide.takedown") == [
        {"gone": True}
    ]
    assert finish_takedowns(desk.tools.engine, killed) == 0


def test_a_file_that_cannot_be_deleted_is_told_and_tried_again(desk: Desk) -> None:
    desk.harvest(leaking())
    receipt = down_with(desk, refused)
    assert not receipt.proven and "a worker tries again" in "\n".join(told(receipt))
    assert finish_takedowns(desk.tools.engine, desk.tools.archive.erase) == 1


def test_a_file_kept_for_another_feed_goes_once_that_feed_has_it_no_more(desk: Desk) -> None:
    sha256 = desk.harvest(leaking()).values["resource_sha256"]
    other = Desk(desk.tools, desk.path.parent, feed_of("ashmere-park-toilets"))
    save_feed(desk.tools.engine, other.feed)
    other.harvest(leaking())
    down(desk)
    with pytest.raises(KeyboardInterrupt):
        down_with(other, killed)
    assert finish_takedowns(desk.tools.engine, desk.tools.archive.erase) == 2
    assert not desk.tools.archive.path(sha256).exists()


def test_rules_that_quote_what_is_purged_go_and_others_stay(desk: Desk) -> None:
    engine, scope = desk.tools.engine, Scope("public-toilets")
    for pattern, value in ((SECRET.upper(), "Convenience 90"), ("Convenience 77", "Elsewhere")):
        rule = Rule(field="name", action=RuleAction.REPLACE, pattern=pattern, value=value, reason="So.", by="Ann")
        add_rule(engine, rule, scope)
    desk.harvest(leaking())
    assert down(desk).purged["rules"] == 1
    assert [row["pattern"] for row in query(engine, "SELECT pattern FROM citywide.rule")] == ["Convenience 77"]
    assert SECRET.lower() not in dump(desk).lower()


def test_pairs_of_it_go_and_what_people_confirmed_stays(desk: Desk) -> None:
    engine = desk.tools.engine
    first = desk.harvest(leaking()).values["resource_sha256"]
    desk.harvest([*toilets(5), toilet(90, Name="Convenience 90")])
    confirm(engine, desk.feed.id, {"name": FieldRule(column="Name")}, "Ann")
    query(engine, PAIR, ours=desk.rows()[-1]["feature_id"])
    receipt = down(desk, first)
    assert receipt.purged["pairs"] == 1 and query(engine, "SELECT FROM citywide.match_pair") == []
    assert [row["by"] for row in query(engine, "SELECT by FROM citywide.confirmed_column")] == ["Ann"]


def test_figures_are_counted_with_it(desk: Desk) -> None:
    desk.harvest(leaking())
    down(desk)
    layer = find_layer("public-toilets")
    stored = query(desk.tools.engine, "SELECT f.features, f.revision = l.revision AS fresh FROM citywide.feed_figures f"
                   " JOIN citywide.layer l ON l.id = f.layer")  # fmt: skip
    assert stored == [{"features": 0, "fresh": True}]
    with desk.tools.engine.connect() as connection:
        assert feed_figures(connection, [layer])[desk.feed.id].features == 0


def test_each_purge_has_a_proof() -> None:
    assert list(PROOFS) == ["features", *PURGES]


def test_each_proof_finds_what_its_purge_left(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = desk.tools.engine
    rule = Rule(field="name", action=RuleAction.REPLACE, pattern=SECRET, value="x", reason="So.", by="Ann")
    add_rule(engine, rule, Scope("public-toilets"))
    first = desk.harvest(leaking())
    desk.harvest([*toilets(5), toilet(90, Name="Convenience 90")])
    for statement in PLANTED:
        query(engine, statement, feed=desk.feed.id, run=first.run_id, ours=desk.rows()[-1]["feature_id"])
    for kind in PURGES:
        monkeypatch.setitem(PURGES, kind, "SELECT")
    receipt = down(desk, first.values["resource_sha256"])
    assert not receipt.proven and {kind for kind, count in receipt.left.items() if not count} == {"features"}


def test_of_several_files_a_person_says_which(desk: Desk) -> None:
    desk.harvest(leaking())
    desk.harvest(toilets(6))
    newest, oldest = resources_read(desk.tools.engine, desk.feed.id)
    assert newest.sha256 == last_resource(desk.tools.engine, desk.feed.id) and newest.read_at > oldest.read_at
    down(desk, oldest.sha256)
    assert [row.sha256 for row in resources_read(desk.tools.engine, desk.feed.id)] == [newest.sha256]
