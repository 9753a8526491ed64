"""`citywide rules`: adding, listing and removing rules, and the sentences for what makes no sense."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest
from typer.testing import CliRunner, Result

from portal.commands.rules import app

CHARGE = ("--layer", "public-toilets", "--field", "charge", "--reason", "The council said so.")


@pytest.fixture
def home(tmp_path: Path, database_url: str, demo_template: str) -> Iterator[dict[str, str]]:
    """The environment of a demo city that has no rules."""
    name = f"{demo_template}_rules"
    with psycopg.connect(database_url, autocommit=True) as server:
        server.execute(f"CREATE DATABASE {name} TEMPLATE {demo_template}".encode())
        address = urlsplit(database_url)._replace(path=f"/{name}").geturl()
        yield {"CITYWIDE_CITY": "demo", "CITYWIDE_HOME": str(tmp_path), "CITYWIDE_DATABASE_URL": address}
        server.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


def rules(home: dict[str, str], *arguments: str) -> Result:
    return CliRunner().invoke(app, arguments, env=home)


def test_a_rule_is_added_listed_and_removed(home: dict[str, str]) -> None:
    done = rules(home, "add", *CHARGE, "--replace", "20 pence piece", "--with", "0.20", "--by", "ops")
    number = re.search(r"Added rule (\d+)", done.output)
    assert number and done.exit_code == 0, done.output
    listed = rules(home, "list").output
    assert "“20 pence piece” → “0.20”" in listed and "public-toilets" in listed and "ops" in listed
    assert f"Removed rule {number[1]}." in rules(home, "remove", number[1]).output
    assert "20 pence piece" not in rules(home, "list").output


@pytest.mark.parametrize(
    ("what", "told"),
    [
        (["--blank", "ask"], "empty “ask”"),
        (["--keep", "ask"], "keep “ask” as written"),
        (["--skip-row", "ask"], "leave out rows with “ask”"),
        (["--default", "0"], "fill with “0”"),
        (["--council", "Ashmere", "--blank", "x"], "public-toilets of Ashmere"),
    ],
)
def test_each_action_is_listed_in_words(home: dict[str, str], what: list[str], told: str) -> None:
    assert rules(home, "add", *CHARGE, *what).exit_code == 0
    assert told in rules(home, "list").output


def test_programs_get_a_document(home: dict[str, str]) -> None:
    rules(home, "add", *CHARGE, "--council", "Ashmere", "--blank", "ask")
    found = json.loads(rules(home, "list", "--council", "Ashmere", "--json").output)
    assert [(one["council"], one["action"], one["pattern"]) for one in found] == [("X09000001", "blank", "ask")]
    assert json.loads(rules(home, "list", "--council", "Brackholme", "--json").output) == []


@pytest.mark.parametrize(
    ("arguments", "status", "told"),
    [
        (["add", *CHARGE], 2, "Say one thing to do"),
        (["add", *CHARGE, "--blank", "a", "--keep", "b"], 2, "Say one thing to do"),
        (["add", *CHARGE, "--replace", "a"], 1, "needs a value"),
        (["add", *CHARGE, "--default", "lots"], 1, "such as 0.20"),
        (["add", *CHARGE[2:], "--blank", "a"], 2, "Say which --layer"),
        (["add", *CHARGE, "--council", "Camden", "--blank", "a"], 1, "not a council of"),
        (["add", *CHARGE, "--feed", "nobody", "--blank", "a"], 1, "There is no feed 'nobody'"),
        (["remove", "99"], 1, "There is no rule 99"),
    ],
)
def test_what_makes_no_sense_is_one_sentence(
    home: dict[str, str], arguments: list[str], status: int, told: str
) -> None:
    done = rules(home, *arguments)
    assert done.exit_code == status and told in done.output, done.output
