"""`citywide coverage`, `quality` and `tasks`: what they list, in which form, and how they refuse."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from datasets.settings import Settings
from tests.test_cli import citywide


@pytest.fixture(scope="module")
def city(settings: Settings) -> Iterator[Path]:
    """A demo city without a feed, brought up to date."""
    folder = settings.home / "command-line-quality"
    folder.mkdir()
    folder.chmod(0o755)
    assert citywide(folder, "migrate").returncode == 0
    yield folder


def test_coverage_is_a_row_for_each_council_as_csv(city: Path) -> None:
    lines = citywide(city, "coverage", "brownfield-land", "--csv").stdout.splitlines()
    assert lines[0].startswith("layer,council,gss,state,expected,")
    assert lines[1].startswith("brownfield-land,Ashmere,X09000001,missing,statutory,")
    assert len(lines) == 7


def test_coverage_of_one_council_is_json(city: Path) -> None:
    rows = json.loads(citywide(city, "coverage", "--council", "Ashmere", "--json").stdout)
    assert {row["council"] for row in rows} == {"Ashmere"}
    assert {row["level"] for row in rows} == {None}


def test_quality_of_every_layer_or_of_one(city: Path) -> None:
    assert {row["score"] for row in json.loads(citywide(city, "quality", "--json").stdout)} == {0}
    assert "libraries: 0 of 100 points, level none." in citywide(city, "quality", "libraries").stdout


def test_tasks_are_listed_muted_and_gone(city: Path) -> None:
    listed = ("tasks", "Ashmere", "--layer", "brownfield-land", "--json")
    [task] = json.loads(citywide(city, *listed).stdout)
    assert task["title"] == "The council provides no data for this layer, and is expected to"
    assert "Muted" in citywide(city, "tasks", "mute", task["id"], "--reason", "There is none.").stdout
    assert json.loads(citywide(city, *listed).stdout) == []
    assert json.loads(citywide(city, *listed, "--muted").stdout)[0]["reason"] == "There is none."


@pytest.mark.parametrize(
    ("command", "status", "told"),
    [
        ("coverage moon-bases", 1, "There is no layer 'moon-bases'"),
        ("coverage --council Camden", 1, "not a council of Merebank"),
        ("quality moon-bases", 1, "There is no feed or layer 'moon-bases'"),
        ("tasks Camden", 1, "not a council of Merebank"),
        ("tasks mute abc --reason why", 1, "There is no open task 'abc'"),
        ("tasks mute abc", 2, "--reason"),
    ],
)
def test_what_cannot_be_answered_is_one_line_and_a_status(city: Path, command: str, status: int, told: str) -> None:
    done = citywide(city, *command.split())
    assert (done.returncode, done.stderr.count("\n")) == (status, 1)
    assert told in done.stderr
