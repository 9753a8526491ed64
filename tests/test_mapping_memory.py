"""What is settled of columns: a person's word, then what a publish used; kept over restarts, used before any proposal,
and evidence for other feeds of the same layer."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest
from sqlalchemy import Engine
from typer.testing import CliRunner, Result

from datasets.errors import CitywideError
from datasets.feed import FieldRule
from datasets.layer import find_layer
from datasets.store import confirmed as columns
from datasets.store import runs
from datasets.store.confirmed import (
    PUBLISHED_RUN,
    Settled,
    SettledElsewhere,
    confirm,
    settled,
    settled_elsewhere,
    withdraw,
)
from datasets.store.engine import connect
from datasets.store.feeds import remove_feed, save_feed
from datasets.vocabulary import Outcome
from harvesters.columns.mapping import SURE
from harvesters.columns.memory import Memory, count_votes
from harvesters.columns.propose import propose_fields
from harvesters.map import propose
from harvesters.rules import rules_hash
from portal.commands.feeds import app
from tests.builders import BRACKHOLME, Desk, csv_bytes, feed_of, query, table, toilet, toilets
from tests.test_mapping import AROUND, MADE_UP

LAYER = find_layer("public-toilets")
NAME, TITLE = FieldRule(column="Name"), FieldRule(column="Title")


@pytest.fixture
def feed(engine: Engine) -> Engine:
    save_feed(engine, feed_of())
    return engine


def settle(engine: Engine, feed_id: str, rules: Mapping[str, FieldRule]) -> None:
    with engine.begin() as connection:
        columns.settle(connection, feed_id, rules)


def by(engine: Engine) -> dict[str, tuple[str | None, str]]:
    return {name: (one.rule.column, one.by) for name, one in settled(engine, "ashmere-toilets").items()}


def test_a_persons_word_outlasts_what_runs_publish(feed: Engine) -> None:
    confirm(feed, "ashmere-toilets", {"name": TITLE}, "A. N. Officer")
    settle(feed, "ashmere-toilets", {"name": NAME, "notes": FieldRule(column="Info")})
    assert by(feed) == {"name": ("Title", "A. N. Officer"), "notes": ("Info", PUBLISHED_RUN)}


def test_a_publish_replaces_what_the_one_before_settled_and_forgets_what_it_fills_no_more(feed: Engine) -> None:
    settle(feed, "ashmere-toilets", {"name": NAME, "notes": FieldRule(column="Info")})
    settle(feed, "ashmere-toilets", {"name": TITLE})
    assert by(feed) == {"name": ("Title", PUBLISHED_RUN)}


def test_what_did_not_change_is_not_written_again(feed: Engine) -> None:
    settle(feed, "ashmere-toilets", {"name": NAME})
    [before] = query(feed, "SELECT at, xmin::text FROM citywide.confirmed_column")
    settle(feed, "ashmere-toilets", {"name": NAME})
    assert query(feed, "SELECT at, xmin::text FROM citywide.confirmed_column") == [before]


@pytest.mark.parametrize("who", ["", " ", PUBLISHED_RUN])
def test_a_confirmation_needs_somebody(feed: Engine, who: str) -> None:
    with pytest.raises(CitywideError, match="needs the name"):
        confirm(feed, "ashmere-toilets", {"name": NAME}, who)


def test_a_confirmation_can_be_taken_back(feed: Engine) -> None:
    confirm(feed, "ashmere-toilets", {"name": NAME, "notes": TITLE}, "operator")
    withdraw(feed, "ashmere-toilets", ["name"])
    assert set(by(feed)) == {"notes"}


def test_other_feeds_of_the_layer_are_asked_and_no_others(feed: Engine) -> None:
    for number, layer in enumerate(("public-toilets", "libraries", "public-toilets")):
        other = feed_of(f"other-{number}", council=BRACKHOLME, layer=layer)
        save_feed(feed, other)
        settle(feed, other.id, {"name": NAME, "address": FieldRule(columns=("A", "B"), converter="join")})
    remove_feed(feed, "other-2")
    settle(feed, "ashmere-toilets", {"name": TITLE})
    assert settled_elsewhere(feed, "public-toilets", "ashmere-toilets") == [SettledElsewhere("other-0", "name", "Name")]


def remembering(**columns: tuple[str, str]) -> Memory:
    """Columns by field that are settled, each with who says so."""
    return Memory({name: Settled(name, FieldRule(column=column), who) for name, (column, who) in columns.items()})


BOTH = {"Name": MADE_UP["name"], "Title": MADE_UP["road"]}


@pytest.mark.parametrize(("who", "confidence"), [("operator", 1.0), (PUBLISHED_RUN, 0.99)])
def test_a_settled_column_is_used_before_any_proposal(who: str, confidence: float) -> None:
    found = propose(feed_of(), LAYER, table(BOTH), AROUND, remembering(name=("Title", who))).find("name")
    assert found and (found.rule.column, found.confidence) == ("Title", confidence)


def test_what_the_feed_states_comes_before_what_is_settled() -> None:
    stated = feed_of(mapping={"name": {"column": "Name"}})
    found = propose(stated, LAYER, table(BOTH), AROUND, remembering(name=("Title", "operator"))).find("name")
    assert found and found.rule.column == "Name"


def test_a_column_that_a_person_gives_away_is_no_longer_what_a_run_used_it_for() -> None:
    memory = remembering(name=("Name", PUBLISHED_RUN), notes=("Name", "operator"))
    mapping = propose(feed_of(), LAYER, table(BOTH), AROUND, memory)
    assert {one.field for one in mapping.fields if one.rule.column == "Name"} == {"notes"}


@pytest.mark.parametrize("column", ["Gone", "Name"])
def test_what_is_settled_of_a_column_that_is_gone_or_a_field_that_is_none_is_left_out(column: str) -> None:
    mapping = propose(feed_of(), LAYER, table(BOTH), AROUND, remembering(colour=(column, "operator")))
    assert mapping.find("colour") is None


@pytest.mark.parametrize(("feeds", "sure"), [(0, False), (1, False), (2, True), (5, True)])
def test_an_unknown_name_is_sure_once_enough_feeds_say_what_it_is(feeds: int, sure: bool) -> None:
    votes = count_votes([SettledElsewhere(f"feed-{n}", "name", "VNM_TXT") for n in range(feeds)])
    found = propose_fields(LAYER, table({"vnm_txt": MADE_UP["name"]}), (), votes)
    assert [one.confidence >= SURE for one in found] == ([sure] if feeds else [])
    assert not sure or f"so called at {feeds} other feeds" in found[0].evidence


@pytest.mark.parametrize(("feeds", "sure"), [(0, True), (1, True), (4, False)])
def test_a_known_name_that_other_feeds_use_for_something_else_is_doubted(feeds: int, sure: bool) -> None:
    votes = count_votes([SettledElsewhere(f"feed-{n}", "managed_by", "Facility") for n in range(feeds)])
    [found] = [one for one in propose_fields(LAYER, table({"Facility": MADE_UP["name"]}), (), votes)][:1]
    assert (found.field == "name" and found.confidence >= SURE) is sure


def test_names_that_a_reader_made_up_say_nothing_elsewhere() -> None:
    votes = count_votes([SettledElsewhere(f"feed-{n}", "name", "column_1") for n in range(9)])
    assert propose_fields(LAYER, table({"column_1": MADE_UP["name"]}), (), votes) == []


def test_a_published_run_settles_its_mapping(desk: Desk) -> None:
    desk.harvest(toilets(5))
    kept = by(desk.tools.engine)
    assert kept["name"] == ("Name", PUBLISHED_RUN) and kept["reference"] == ("Ref", PUBLISHED_RUN)


def test_a_held_run_settles_nothing(desk: Desk) -> None:
    desk.harvest([toilet(n, Easting=300_000, Northing=200_000) for n in range(60)])
    assert by(desk.tools.engine) == {}


def test_settling_what_was_used_does_not_make_an_unchanged_feed_be_read_again(desk: Desk) -> None:
    desk.harvest(toilets(5))
    assert desk.harvest(toilets(5)).values["decided_by"] == "same bytes"


def rules(desk: Desk) -> str:
    return rules_hash(desk.feed, LAYER, desk.tools.city, desk.tools.engine)


def test_a_persons_word_changes_how_a_feed_is_read_and_a_runs_does_not(desk: Desk) -> None:
    before = rules(desk)
    settle(desk.tools.engine, desk.feed.id, {"name": NAME})
    assert rules(desk) == before
    confirm(desk.tools.engine, desk.feed.id, {"name": TITLE}, "operator")
    assert rules(desk) != before


def test_a_mapping_survives_a_restart_and_a_better_looking_column(desk: Desk) -> None:
    """`Site name` was used once; the exact `Name` that comes later does not take its place."""
    first = [{"Site name" if key == "Name" else key: value for key, value in row.items()} for row in toilets(6)]
    desk.harvest(first)
    again = Desk(desk.tools, desk.path.parent, desk.feed)
    report = again.harvest([{**row, "Name": f"Brand {n}"} for n, row in enumerate(first)])
    assert report.outcome is Outcome.UNCHANGED
    assert {row["name"] for row in again.rows("name")} == {f"Convenience {n}" for n in range(1, 7)}


def test_a_confirmed_column_is_read_at_the_next_harvest_of_the_same_bytes(desk: Desk) -> None:
    rows = [{**toilet(n), "Known as": f"The {n}"} for n in range(1, 6)]
    desk.harvest(rows)
    confirm(desk.tools.engine, desk.feed.id, {"name": FieldRule(column="Known as")}, "operator")
    assert desk.harvest(rows).diff.updated == 5  # type: ignore[union-attr]
    assert {row["name"] for row in desk.rows("name")} == {f"The {n}" for n in range(1, 6)}


@pytest.fixture
def home(tmp_path: Path, database_url: str, demo_template: str) -> Iterator[dict[str, str]]:
    """The environment of a demo city with one feed, and a file of it at `toilets.csv`."""
    name = f"{demo_template}_confirm"
    url = urlsplit(database_url)._replace(path=f"/{name}").geturl()
    with psycopg.connect(database_url, autocommit=True) as server:
        server.execute(f"CREATE DATABASE {name} TEMPLATE {demo_template}".encode())
        engine = connect(url)
        save_feed(engine, feed_of())
        engine.dispose()
        (tmp_path / "toilets.csv").write_bytes(csv_bytes([{**toilet(n), "Tittle": f"No. {n}"} for n in range(1, 9)]))
        yield {"CITYWIDE_CITY": "demo", "CITYWIDE_HOME": str(tmp_path), "CITYWIDE_DATABASE_URL": url}
        server.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


def confirmed(home: dict[str, str], *arguments: str) -> Result:
    path = Path(home["CITYWIDE_HOME"]) / "toilets.csv"
    return CliRunner().invoke(app, ["confirm", "ashmere-toilets", "--file", str(path), *arguments], env=home)


def test_the_command_shows_and_keeps_the_mapping(home: dict[str, str]) -> None:
    done = confirmed(home, "--map", "notes=Tittle")
    assert done.exit_code == 0 and "a name seen before" in done.stdout and "kept" in done.stdout
    assert "Harvest it with: citywide harvest ashmere-toilets" in done.stdout
    document = json.loads(confirmed(home, "--json").stdout)
    kept = {line["field"]: (line["columns"], line["evidence"]) for line in document["confirmed"]}
    assert kept["notes"] == (["Tittle"], "confirmed by operator") and kept["name"][0] == ["Name"]


def test_the_command_takes_back_what_was_said(home: dict[str, str]) -> None:
    confirmed(home, "--map", "notes=Tittle")
    document = json.loads(confirmed(home, "--forget", "notes", "--json").stdout)
    assert "notes" not in {line["field"] for line in document["confirmed"]} and document["unmapped"] == ["Tittle"]


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (["--map", "name=Nowhere"], 4, "names 'Nowhere', which the file does not have"),
        (["--map", "colour=Name"], 1, "mapping names 'colour', which public-toilets does not have"),
        (["--map", "name"], 2, "FIELD=COLUMN"),
    ],
)
def test_a_wrong_confirmation_is_told_and_nothing_is_kept(
    home: dict[str, str], arguments: list[str], status: int, said: str
) -> None:
    done = confirmed(home, *arguments)
    assert done.exit_code == status and said in " ".join(done.stderr.split())
    engine = connect(home["CITYWIDE_DATABASE_URL"])
    assert by(engine) == {}
    engine.dispose()


def test_what_a_run_settled_is_kept_with_its_record(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    def killed(*given: object) -> None:
        runs_end(*given)  # type: ignore[arg-type]
        raise SystemExit

    runs_end = runs.end_run
    monkeypatch.setattr(runs, "end_run", killed)
    with pytest.raises(SystemExit):
        desk.harvest(toilets(2))
    assert "name" in settled(desk.tools.engine, desk.feed.id)
