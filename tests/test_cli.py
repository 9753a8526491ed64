"""The command line: every command has help, an exit status that means something, and errors of one line."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from datasets.settings import Settings
from tests.builders import csv_bytes, toilets

COMMANDS = [
    "up", "serve", "migrate", "harvest", "status", "feeds", "feeds add", "feeds list", "feeds show", "feeds remove",
    "feeds check", "layers", "layers list", "layers show", "layers new", "boundaries", "boundaries load", "places",
    "places load",
    "takedown", "coverage", "quality", "tasks", "tasks list", "tasks mute", "tasks unmute",
    "matches", "matches list", "matches decide", "matches find",
]  # fmt: skip

WRONG = [
    ("nonsense", 2, "No such command 'nonsense'."),
    ("harvest", 2, "name one or more feeds, or say --all"),
    ("harvest nobody-toilets", 1, "There is no feed 'nobody-toilets'."),
    ("harvest --all --accept E-SHRUNK --reason meant", 2, "--accept goes with exactly one feed"),
    ("harvest a-toilets b-toilets --accept E-SHRUNK --reason meant", 2, "--accept goes with exactly one feed"),
    ("harvest a-toilets --accept E-SHRUNK", 2, "say which gate, and why"),
    ("harvest a-toilets --reason meant", 2, "say which gate, and why"),
    ("harvest a-toilets --accept E-SHRANK --reason meant", 2, "there is no gate 'E-SHRANK'"),
    ("harvest a-toilets --accept E-NOTHING-USABLE --reason meant", 2, "cannot be accepted"),
    ("takedown nobody-toilets --reason leak", 1, "There is no feed 'nobody-toilets'."),
    ("takedown nobody-toilets", 2, "--reason"),
    ("feeds add", 2, "URL is needed"),
    ("feeds add ftp://example.org/x.csv --council Ashmere --layer libraries", 1, "http:// or https://"),
    ("feeds add http://example.org/x.csv --council Camden --layer libraries", 1, "not a council of Merebank"),
    ("feeds add http://example.org/x.csv --council Ashmere --layer trees", 1, "There is no layer 'trees'"),
    ("feeds add http://example.org/x.csv --council Ashmere --layer libraries --licence beer", 1, "not a licence"),
    ("feeds add http://example.org/x.csv --council Ashmere --layer libraries --location xy:A,B:c", 2, "EPSG code"),
    ("feeds check /no/such/file --council Ashmere --layer libraries", 1, "There is no file"),
    ("feeds remove nobody-toilets", 1, "There is no feed"),
    ("layers show trees", 1, "There is no layer 'trees'"),
    ("matches decide 7 perhaps --reason seen", 2, "neither same nor different"),
    ("matches decide 7 same", 2, "--reason"),
    ("matches decide 7 same --reason seen", 1, "There is no pair 7"),
    ("matches list trees", 1, "There is no layer 'trees'"),
    ("serve --port 99999", 2, "--port"),
]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, settings: Settings) -> Iterator[Path]:
    # Beside the session's own home, because the account that runs PostgreSQL for root may not enter pytest's folder.
    folder = settings.home / "command-line"
    folder.mkdir()
    folder.chmod(0o755)
    yield folder


def citywide(home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {key: value for key, value in os.environ.items() if not key.startswith("CITYWIDE_")}
    environment["CITYWIDE_HOME"] = str(home)
    command = [str(Path(sys.executable).parent / "citywide"), *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_says_what_it_is_for(home: Path, command: str) -> None:
    done = citywide(home, *command.split(), "--help")
    assert done.returncode == 0 and "Usage" in done.stdout and not done.stderr


@pytest.mark.parametrize(("line", "status", "said"), WRONG)
def test_an_error_is_one_line_with_a_status(home: Path, line: str, status: int, said: str) -> None:
    done = citywide(home, *line.split())
    assert (done.returncode, done.stdout) == (status, "")
    assert said in done.stderr and len(done.stderr.strip().splitlines()) == 1


def test_a_check_reports_in_json(home: Path) -> None:
    file = home / "toilets.csv"
    file.write_bytes(csv_bytes(toilets(5)))
    done = citywide(home, "feeds", "check", str(file), "--layer", "public-toilets", "--council", "Ashmere", "--json")
    report = json.loads(done.stdout)
    assert done.returncode == 0
    wanted = {"format", "encoding", "crs", "mapping", "rows_read", "features", "issues", "outside_boundary", "outcome"}
    assert wanted <= set(report)
    assert (report["format"], report["rows_read"], report["features"], report["outcome"]) == ("CSV", 5, 5, "published")
    assert all({"code", "severity", "count", "examples"} <= set(issue) for issue in report["issues"])


def test_a_check_of_a_file_that_would_be_held_exits_3_and_one_that_cannot_be_used_4(home: Path) -> None:
    held, failed = home / "held.csv", home / "failed.csv"
    held.write_text("Name,Colour\nOne,red\nTwo,blue\n")
    failed.write_text("<!doctype html><html><body>Sign in</body></html>")
    fit = ("--layer", "public-toilets", "--council", "Ashmere")
    assert citywide(home, "feeds", "check", str(held), *fit).returncode == 3
    done = citywide(home, "feeds", "check", str(failed), *fit)
    assert done.returncode == 4 and "Traceback" not in done.stderr


def test_a_mapping_can_be_tried_before_it_is_stated(home: Path) -> None:
    file = home / "odd.csv"
    file.write_text("Ort,RW,HW\n" + "".join(f"Ort {n},{650_000 + n},{404_000 + n}\n" for n in range(5)))
    fit = ("--layer", "public-toilets", "--council", "Ashmere", "--json")
    assert citywide(home, "feeds", "check", str(file), *fit).returncode == 3
    stated = ("--map", "name=Ort", "--location", "xy:RW,HW:27700")
    report = json.loads(citywide(home, "feeds", "check", str(file), *fit, *stated).stdout)
    assert report["features"] == 5 and report["mapping"]["stated"]


def test_a_feed_that_stands_is_not_replaced_unless_asked(home: Path) -> None:
    add = ("feeds", "add", "http://example.org/a.csv", "--council", "Ashmere", "--layer", "libraries")
    assert citywide(home, *add, "--licence", "OGL-UK-3.0").returncode == 0
    again = citywide(home, *add)
    assert again.returncode == 1 and "already" in again.stderr
    assert citywide(home, *add, "--replace").returncode == 0
    assert json.loads(citywide(home, "feeds", "show", "ashmere-libraries").stdout)["licence"] == "unknown"


def test_a_database_keeps_to_its_city(home: Path) -> None:
    environment = {**os.environ, "CITYWIDE_HOME": str(home), "CITYWIDE_CITY": "london"}
    command = [str(Path(sys.executable).parent / "citywide"), "status"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 1 and "serves Merebank, not London" in done.stderr


def test_status_names_the_councils_that_are_not_in(home: Path) -> None:
    done = citywide(home, "status")
    assert done.returncode == 0 and "missing: Ashmere" in done.stdout
