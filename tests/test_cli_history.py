"""What became of features, and taking it back, on the command line."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from datasets.settings import Settings
from tests.builders import csv_bytes, toilet, toilets
from tests.test_cli import citywide

FEED = "ashmere-public-toilets"


@pytest.fixture(scope="module")
def home(settings: Settings) -> Iterator[Path]:
    folder = settings.home / "history"
    folder.mkdir()
    folder.chmod(0o755)
    where = ("https://example.org/t.csv", "--council", "Ashmere", "--layer", "public-toilets")
    assert citywide(folder, "feeds", "add", *where, "--licence", "OGL-UK-3.0").returncode == 0
    for number, rows in enumerate((toilets(3), [toilet(1, Name="Wrong"), *toilets(3, 2)])):
        (folder / f"{number}.csv").write_bytes(csv_bytes(rows))
        assert citywide(folder, "harvest", FEED, "--from", str(folder / f"{number}.csv")).returncode == 0
    assert "1 changed back, 1 ended" in citywide(folder, "rollback", FEED, "--reason", "Wrong names").stdout
    yield folder


def test_changes_lead_page_by_page_to_what_stands(home: Path) -> None:
    first = json.loads(citywide(home, "changes", "public-toilets", "--since", "1", "--limit", "2", "--json").stdout)
    assert [change["op"] for change in first["changes"]] == ["update", "insert"]
    line = ("changes", "public-toilets", "--since", "1", "--after", first["after"], "--json")
    rest = json.loads(citywide(home, *line).stdout)
    assert sorted((change["op"], change["cause"]) for change in rest["changes"]) == [
        ("end", "roll-back"),
        ("update", "roll-back"),
    ]


def test_a_features_history_says_what_changed_and_why(home: Path) -> None:
    page = json.loads(citywide(home, "changes", "public-toilets", "--since", "1", "--json").stdout)
    told = citywide(home, "history", page["changes"][0]["feature_id"]).stdout
    assert "name: Convenience 1 → Wrong" in told and "roll-back" in told and "Wrong names." in told


def test_a_layer_is_printed_as_it_stood(home: Path) -> None:
    then = json.loads(citywide(home, "as-of", "public-toilets", "--revision", "2", "--format", "geojson").stdout)
    assert {feature["properties"]["name"] for feature in then["features"]} >= {"Wrong", "Convenience 4"}
    assert "Ashmere" in citywide(home, "as-of", "public-toilets", "--at", "2020-01-01").stdout
    assert citywide(home, "as-of", "public-toilets").returncode == 2


def test_a_rebuild_says_whether_it_gives_what_stands(home: Path) -> None:
    done = citywide(home, "rebuild", "public-toilets")
    assert done.returncode == 0 and "equals what stands at revision 3" in done.stdout


def test_a_rebuild_opens_gates_by_code_and_reason_as_a_harvest_does(home: Path) -> None:
    for wrong in (
        ("--accept", "E-SHRUNK", "--reason", "Meant"),
        ("--apply", "--accept", "E-SHRUNK"),
        ("--apply", "--accept", "licence-share-alike", "--reason", "Meant"),
    ):
        assert citywide(home, "rebuild", "public-toilets", *wrong).returncode == 2
