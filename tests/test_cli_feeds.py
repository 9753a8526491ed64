"""`citywide feeds discover`, `feeds probe` and the ways to add feeds: tables for people, documents for programs, exit
statuses that mean something, and nothing harvested by any of them."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest
from typer.testing import CliRunner, Result

from datasets.city import read_city
from datasets.feed import shipped_feeds
from datasets.settings import read_settings
from datasets.store.engine import connect
from datasets.store.migrate import migrate
from portal.commands.feeds import app
from tests.builders import Answer, csv_bytes, served, toilets

LAYERS = ("conservation-areas", "libraries", "polling-stations", "public-toilets")
FERNCLIFFE = {f"ferncliffe-{layer}" for layer in LAYERS}

WRONG = [
    ("discover", 2, "Missing argument"),
    ("discover https://example.org --council Camden", 1, "not a council of Merebank"),
    ("probe", 2, "name one or more feeds, or say --all"),
    ("probe nobody-toilets", 1, "There is no feed 'nobody-toilets'"),
    ("add http://example.org/x --council Ashmere --layer libraries --platform gopher", 1, "no platform 'gopher'"),
    ("add http://example.org/x --council Ashmere --layer libraries --param type", 2, "NAME=VALUE"),
]


@pytest.fixture
def home(tmp_path: Path, database_url: str, demo_template: str) -> Iterator[dict[str, str]]:
    """The environment of a demo city that has no feeds."""
    name = f"{demo_template}_feeds"
    with psycopg.connect(database_url, autocommit=True) as server:
        server.execute(f"CREATE DATABASE {name} TEMPLATE {demo_template}".encode())
        yield environment(tmp_path, urlsplit(database_url)._replace(path=f"/{name}").geturl())
        server.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


def environment(home: Path, database_url: str, city: str = "demo") -> dict[str, str]:
    return {
        "CITYWIDE_CITY": city,
        "CITYWIDE_HOME": str(home),
        "CITYWIDE_DATABASE_URL": database_url,
        "CITYWIDE_ALLOW_LOOPBACK": "1",
    }


def feeds(home: dict[str, str], *arguments: str) -> Result:
    """What `citywide feeds …` prints, and its exit status."""
    return CliRunner().invoke(app, arguments, env=home)


@pytest.mark.parametrize("command", ["discover", "probe"])
def test_a_command_says_what_it_is_for(home: dict[str, str], command: str) -> None:
    done = feeds(home, command, "--help")
    assert done.exit_code == 0 and "Nothing is" in done.stdout and "Exits 4" in done.stdout


@pytest.mark.parametrize(("line", "status", "said"), WRONG)
def test_a_wrong_line_is_told_with_a_status(home: dict[str, str], line: str, status: int, said: str) -> None:
    done = feeds(home, *line.split())
    plain = " ".join(re.sub("[│╭╮╰╯─]", " ", done.stderr).split())
    assert (done.exit_code, done.stdout) == (status, "") and said in plain


def test_a_discovery_says_what_fits_why_and_what_next(home: dict[str, str], councils: str) -> None:
    done = feeds(home, "discover", f"{councils}/ferncliffe/data")
    assert done.exit_code == 0 and not done.stderr
    assert "A CKAN portal: 4 datasets." in done.stdout
    assert "Libraries in Ferncliffe fits libraries (70%, sure)" in done.stdout
    assert "its publisher is 'Ferncliffe Borough Council'" in done.stdout
    assert "--add" in done.stdout.splitlines()[-1]


def test_a_discovery_as_json_holds_feeds_that_can_be_added(home: dict[str, str], councils: str, tmp_path: Path) -> None:
    done = feeds(home, "discover", f"{councils}/ashmere/public-toilets.csv", "--json")
    [dataset] = json.loads(done.stdout)["datasets"]
    assert dataset["proposal"]["sure"] and dataset["proposal"]["feed"]["id"] == "ashmere-public-toilets"
    document = tmp_path / "feed.toml"
    document.write_text(
        "\n".join(f"{name} = {json.dumps(value)}" for name, value in dataset["proposal"]["feed"].items())
    )
    assert feeds(home, "add", "--document", str(document)).exit_code == 0


def test_what_is_sure_can_be_added_and_then_answers(home: dict[str, str], councils: str) -> None:
    address = f"{councils}/ferncliffe/data"
    done = json.loads(feeds(home, "discover", address, "--add", "--json").stdout)
    assert set(done["added"]) == FERNCLIFFE and not done["skipped"]
    again = feeds(home, "discover", address, "--add")
    assert again.exit_code == 0 and again.stdout.count("stands already") == 4
    probed = feeds(home, "probe", "--all", "--json")
    assert probed.exit_code == 0
    assert {one["feed"]: one["state"] for one in json.loads(probed.stdout)} == dict.fromkeys(FERNCLIFFE, "answers")


def test_nobodys_address_exits_4_and_nothing_sure_to_add_3(home: dict[str, str], councils: str) -> None:
    done = feeds(home, "discover", councils)
    assert done.exit_code == 4 and "answered with a web page" in done.stdout
    unsure = feeds(
        home, "discover", f"{councils}/ferncliffe/data/files/conservation.csv", "--council", "Dunmoor", "--add"
    )
    assert unsure.exit_code == 3 and "not sure" in unsure.stdout and "Added" not in unsure.stdout


def test_a_feed_that_does_not_answer_exits_4_with_the_next_step(home: dict[str, str], councils: str) -> None:
    add = ("add", f"{councils}/gone.csv", "--council", "Dunmoor", "--layer", "libraries", "--id", "gone")
    assert feeds(home, *add).exit_code == 0
    done = feeds(home, "probe", "gone")
    assert done.exit_code == 4 and "404" in done.stdout and "Check that the address" in done.stdout
    assert "0 of 1 answer, 0 wait for a person, 1 failed." in done.stdout


def test_any_platform_can_be_named_with_what_it_wants(home: dict[str, str]) -> None:
    add = ("add", "https://example.org/wfs", "--council", "Dunmoor", "--layer", "libraries", "--platform", "wfs")
    assert feeds(home, *add, "--param", "type=ns:libraries").exit_code == 0
    shown = json.loads(feeds(home, "show", "dunmoor-libraries").stdout)
    assert (shown["platform"], shown["params"]) == ("wfs", {"type": "ns:libraries"})


def test_shipped_feeds_are_added_once(tmp_path: Path, fresh_database_url: str) -> None:
    home = environment(tmp_path, fresh_database_url, "greater-manchester")
    migrate(connect(fresh_database_url), read_city(read_settings(home)))
    count = len(shipped_feeds("greater-manchester"))
    told = [feeds(home, "add", "--shipped").stdout for _ in range(2)]
    assert told[0].startswith(f"Added {count} feeds.") and told[1].startswith(f"Added 0 feeds; {count} stand already.")


def test_a_city_without_shipped_feeds_says_how_to_find_some(home: dict[str, str]) -> None:
    done = feeds(home, "add", "--shipped")
    assert done.exit_code == 0 and "feeds discover URL" in done.stdout


def test_a_check_of_an_address_for_a_feed_reads_that_address(home: dict[str, str]) -> None:
    """And not the feed's own, of which it would say that all is well."""
    with served({"/good.csv": Answer(csv_bytes(toilets(5)))}) as site:
        added = feeds(home, "add", site["/good.csv"], "--council", "Ashmere", "--layer", "public-toilets",
                      "--licence", "OGL-UK-3.0", "--id", "ashmere-toilets")  # fmt: skip
        assert added.exit_code == 0, added.output
        assert feeds(home, "check", "--feed", "ashmere-toilets").exit_code == 0
        wrong = feeds(home, "check", site["/gone.csv"], "--feed", "ashmere-toilets")
    assert wrong.exit_code == 4 and "no such address (404)" in wrong.output
