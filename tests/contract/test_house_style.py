"""The house style that a program can check: short functions and files, words that say something, no address of a
package registry, no path of one machine, a reason for every dependency."""

import ast
import re
import tomllib
from pathlib import Path

import pytest
from checkout import CHECKOUT, modules, written

EMPTY_WORDS = {"util", "utils", "helper", "helpers", "common", "misc", "base", "manager", "process", "handle"}
EMPTY_WORDS |= {"data", "info"}
REGISTRIES = [
    ".".join(parts)
    for parts in (
        ("pypi", "org"), ("pythonhosted", "org"), ("registry", "npmjs"), ("crates", "io"), ("proxy", "golang", "org"),
        ("deb", "debian", "org"), ("docker", "io"), ("ghcr", "io"), ("conda", "anaconda"),
    )
]  # fmt: skip
"""Spelt in parts, so that this file names none of them."""

MACHINE = re.compile(r"(?<![\w.])/(?:work|root|home/(?!linuxbrew)\w+|Users/\w+|mnt)/[\w.]")
GIVEN_NAMES = {"handle_starttag", "handle_endtag", "handle_data", "data"}
"""Named by a library, or by PostgreSQL, whose word for its folder is data."""

PROSE = (
    ".py",
    ".md",
    ".toml",
    ".sh",
    ".yml",
    ".yaml",
    ".html",
    ".njk",
    ".css",
    ".scss",
    ".js",
    ".json",
    ".lock",
    ".txt",
    "",
)


@pytest.mark.parametrize("forbidden", REGISTRIES)
def test_no_file_names_a_package_registry(forbidden: str) -> None:
    naming = [
        str(path.relative_to(CHECKOUT)) for path in written() if path.suffix in PROSE and forbidden in text_of(path)
    ]
    assert naming == []


def test_no_file_names_a_path_of_one_machine() -> None:
    found = {
        str(path.relative_to(CHECKOUT)): hit[0]
        for path in written()
        if path.suffix in PROSE and path.name != "test_house_style.py" and (hit := MACHINE.search(text_of(path)))
    }
    assert found == {}


def test_every_dependency_has_its_reason_beside_it() -> None:
    text = (CHECKOUT / "pyproject.toml").read_text(encoding="utf-8")
    project = tomllib.loads(text)["project"]
    wanted = [*project["dependencies"], *(one for group in project["optional-dependencies"].values() for one in group)]
    reasons = {re.sub(r"\\", "", found[1]): found[2] for found in re.finditer(r'^\s*"([^"]+)",\s*# (.+)$', text, re.M)}
    assert wanted and [one for one in wanted if len(reasons.get(one, "")) < 5] == []


def test_the_lock_pins_every_package_with_its_hashes() -> None:
    packages = re.split(r"\n(?=\w)", (CHECKOUT / "requirements.lock").read_text(encoding="utf-8").strip())
    pinned = re.compile(r"[\w.\[\]-]+==\S+( ; [^\\]+)? \\(\n    --hash=sha256:[0-9a-f]{64}( \\)?)+")
    assert len(packages) > 40 and [one[:60] for one in packages if not pinned.fullmatch(one)] == []


def test_functions_fit_a_screen_and_files_stay_short() -> None:
    """What a function does, that is: the options of a command are a list."""
    long = [
        f"{path}: {node.name}"
        for path, tree in modules().items()
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (node.end_lineno or 0) - node.body[0].lineno >= 40
        and not path.startswith("datasets/store/migrations/")
    ]
    assert long == []
    assert [path for path in modules() if len((CHECKOUT / path).read_text(encoding="utf-8").splitlines()) >= 400] == []


def test_names_say_something() -> None:
    named = [
        f"{path}: {name}"
        for path, tree in modules().items()
        for name in [path.rpartition("/")[2].removesuffix(".py"), *(names_in(tree))]
        if EMPTY_WORDS & set(re.sub(r"([a-z])([A-Z])", r"\1_\2", name).lower().split("_")) and name not in GIVEN_NAMES
    ]
    assert named == []


def test_every_module_says_what_it_is() -> None:
    silent = [path for path, tree in modules().items() if tree.body and not ast.get_docstring(tree)]
    assert silent == []


def test_no_promise_of_later_work_is_left_in_the_code() -> None:
    later = re.compile(r"\b(TO" r"DO|FIX" r"ME|XX" r"X|HA" r"CK)\b")
    found = [
        str(path.relative_to(CHECKOUT)) for path in written() if path.suffix == ".py" and later.search(text_of(path))
    ]
    assert found == []


def text_of(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace")


def names_in(tree: ast.Module) -> list[str]:
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    return [node.name for node in ast.walk(tree) if isinstance(node, kinds)]
