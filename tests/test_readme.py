"""README is true: its shell lines are run, in order, against a city that `make run` brought up from this checkout."""

import os
import re
import shlex
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.request import urlopen

import pytest

CHECKOUT = Path(__file__).parents[1]
BLOCKS = re.findall(
    r"^```sh\n(.*?)^```", (CHECKOUT / "README.md").read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE
)
LINES = [line.split("   #")[0].strip() for block in BLOCKS for line in block.splitlines() if line.strip()]
VERBS = [line for line in LINES if line.startswith("make ")]
COMMANDS = [line for line in LINES if not line.startswith("make ")]
START_SECONDS = 120


@dataclass(frozen=True)
class Running:
    """A city brought up by `make run`."""

    program: subprocess.Popen[str]
    port: int
    environment: dict[str, str]

    def shell(self, line: str) -> subprocess.CompletedProcess[str]:
        """A line of README, with this city's port and home."""
        line = line.replace("127.0.0.1:8000", f"127.0.0.1:{self.port}")
        line = line.replace(".citywide/", f"{self.environment['CITYWIDE_HOME']}/")
        return subprocess.run(
            line, shell=True, cwd=CHECKOUT, env=self.environment, capture_output=True, text=True, timeout=120
        )


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    home = tmp_path_factory.mktemp("readme")
    home.chmod(0o755)
    environment = {key: value for key, value in os.environ.items() if not key.startswith("CITYWIDE_")}
    environment["CITYWIDE_HOME"] = str(home)
    port = _free_port()
    program = subprocess.Popen(
        ["make", "run", f"PORT={port}"], cwd=CHECKOUT, env=environment, text=True, stderr=subprocess.PIPE,
        stdin=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    try:
        _wait_for_page(program, port)
        yield Running(program, port, environment)
    finally:
        if program.poll() is None:
            os.killpg(program.pid, signal.SIGINT)
        program.communicate(timeout=60)


def test_readme_begins_with_its_two_commands() -> None:
    assert [verb.split()[1] for verb in VERBS[:2]] == ["run", "test"]


def test_the_verbs_of_readme_are_verbs_of_the_makefile() -> None:
    makefile = (CHECKOUT / "Makefile").read_text(encoding="utf-8")
    for verb in VERBS:
        assert f"\n{verb.split()[1]}: ##" in makefile


def test_ci_runs_the_test_command_of_readme() -> None:
    assert "make test" in (CHECKOUT / ".ci" / "run").read_text(encoding="utf-8")


@pytest.mark.parametrize("line", COMMANDS)
def test_a_command_of_readme_works(running: Running, line: str) -> None:
    done = running.shell(line)
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout.strip()


def test_another_councils_data_is_held_as_readme_says(running: Running) -> None:
    add, harvest, remove = (line for line in COMMANDS if "dunmoor-libraries" in line or "feeds add" in line)
    running.shell(add)
    assert "exit status 3" in running.shell(harvest).stdout
    running.shell(remove)


def test_the_api_answers_with_the_councils_features_that_readme_asks_for(running: Running) -> None:
    line = next(line for line in COMMANDS if "council=X09000002&" in line or line.endswith("council=X09000002'"))
    address = shlex.split(line)[1].replace("127.0.0.1:8000", f"127.0.0.1:{running.port}")
    with urlopen(address) as answer:
        body = answer.read().decode()
    assert set(re.findall(r'"council":"(\w+)"', body)) == {"X09000002"}


SMALL = "--rows 3000 --rounds 1 --councils 1 --wait 0"


@pytest.mark.parametrize(
    "verb",
    [
        f"bench ARGS='{SMALL} --only harvest --only paging --only feeds --only kill'",
        f"bench ARGS='{SMALL} --only borders --only history --only scale'",
        "real ARGS='london --only lambeth'",
    ],
)
def test_measuring_works_on_a_small_scale(verb: str) -> None:
    done = subprocess.run(f"make {verb}", shell=True, cwd=CHECKOUT, capture_output=True, text=True, timeout=280)
    assert done.returncode == 0, done.stdout + done.stderr


def test_ctrl_c_ends_the_city_and_its_database(running: Running) -> None:
    sockets = Path(running.environment["CITYWIDE_HOME"], "postgres", "postmaster.pid")
    assert sockets.exists()
    os.killpg(running.program.pid, signal.SIGINT)
    _, said = running.program.communicate(timeout=60)
    assert "Citywide is down." in said
    assert not sockets.exists()


def _wait_for_page(program: subprocess.Popen[str], port: int) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and program.poll() is None:
        try:
            with urlopen(f"http://127.0.0.1:{port}/health", timeout=2) as answer:
                assert answer.status == 200
                return
        except OSError:
            time.sleep(0.2)
    raise AssertionError(f"make run did not come up: {program.stderr.read() if program.poll() is not None else 'late'}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
