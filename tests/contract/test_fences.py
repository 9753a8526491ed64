"""Who may import whom, and the fences inside the rooms: each thing that must stay in one place is in that place."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest
from checkout import CHECKOUT, ROOMS, importers, imports, modules, texts

STAGES = {
    "harvesters.fetch": "fetch",
    "harvesters.apart.reading": "open_apart",
    "harvesters.screen": "screen",
    "harvesters.map": "apply",
    "harvesters.mend": "mend",
    "harvesters.type": "type_values",
    "harvesters.place": "place",
    "harvesters.key": "key",
    "harvesters.gate": "gate",
    "datasets.store.publishing.publish": "publish",
}
DDL = re.compile(r"\b(CREATE|ALTER|DROP)\s+(\w+\s+){0,2}(TABLE|SCHEMA|INDEX|EXTENSION|DATABASE|SEQUENCE|VIEW)\b")
WRITES = re.compile(r"\b(INSERT\s+INTO|UPDATE\s+\w+(\.\w+)?\s+SET|DELETE\s+FROM|TRUNCATE|COPY\s+\S+\s+FROM)\b", re.I)


def test_the_import_contracts_are_kept() -> None:
    command = Path(sys.executable).with_name("lint-imports")
    ran = subprocess.run([command, "--no-cache"], cwd=CHECKOUT, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout[-2000:]
    assert "0 broken" in ran.stdout


@pytest.mark.parametrize(
    ("module", "where"),
    [
        ("ckanapi", "harvesters/adapters/ckan.py"),
        ("pygeoapi", "ogc/"),
        ("alembic", "datasets/store/"),
        ("typer", "portal/"),
        ("jinja2", "portal/"),
        (
            "pyogrio",
            ("harvesters/formats/", "harvesters/location/", "datasets/store/boundaries.py", "harvesters/demo/"),
        ),
        ("fastexcel", "harvesters/formats/"),
        ("rapidfuzz", ("harvesters/columns/naming.py", "harvesters/values/codes.py", "datasets/likeness.py")),
        ("phonenumbers", ("harvesters/values/", "harvesters/personal/phone.py")),
        ("stdnum", "harvesters/personal/"),
        ("olefile", "harvesters/formats/workbook_internals.py"),
        ("opening_hours", "harvesters/values/hours.py"),
        ("owslib", "harvesters/adapters/wfs.py"),
        ("rdflib", ("harvesters/adapters/dcat.py", "harvesters/platforms/catalogues/")),
        ("procrastinate", ("datasets/store/queue.py", "portal/worker.py")),
        ("pyseccomp", "harvesters/apart/confine.py"),
        ("tenacity", "harvesters/web/ask.py"),
    ],
)
def test_a_library_stays_behind_its_fence(module: str, where: str | tuple[str, ...]) -> None:
    found = importers(module)
    assert found, f"nothing imports {module} any more"
    assert {path for path in found if not path.startswith(where)} == set()


def test_lists_of_names_are_asked_for_in_one_place() -> None:
    """By their locale's name, so that no import statement tells it."""
    naming = {path for path, tree in modules().items() for text in texts(tree) if text.startswith("faker")}
    assert naming == {"harvesters/personal/people.py"} and importers("faker") == set()


def test_the_environment_is_read_in_the_settings_alone() -> None:
    readers = {
        path
        for path, tree in modules().items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and node.attr in ("environ", "environb", "getenv", "getenvb")
    }
    readers |= importers("os", "environ") | importers("os", "getenv")
    assert readers == {"datasets/settings.py"}


def test_the_order_of_a_harvest_is_in_two_places_alone() -> None:
    """The run's, and that of the stages between opening a resource and the gates, which a rebuild repeats."""
    for module, name in STAGES.items():
        # A rebuild publishes what it replays on a ground of its own.
        found = importers(module, name) - {"datasets/store/versions/replay.py"}
        assert found in ({"harvesters/run.py"}, {"harvesters/harmonise.py"}), f"{module}.{name}"


def test_ddl_is_in_the_store_alone() -> None:
    spoken = {path for path, tree in modules().items() for text in texts(tree) if DDL.search(text)}
    assert spoken and {path for path in spoken if not path.startswith("datasets/store/")} == set()


def test_the_web_side_writes_nothing_to_the_database() -> None:
    web = {path: tree for path, tree in modules().items() if path.startswith(("ogc/", "portal/"))}
    assert {path for path, tree in web.items() for text in texts(tree) if WRITES.search(text)} == set()
    for name in ("insert", "update", "delete"):
        assert {path for path in importers("sqlalchemy", name) if path in web} == set()


def test_no_room_is_imported_inside_a_function() -> None:
    """A late import hides a cycle."""
    late = {
        path
        for path, tree in modules().items()
        for function in ast.walk(tree)
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
        for module, _ in imports(function)
        if module.split(".")[0] in ROOMS
    }
    assert late == set()


def test_nothing_reads_settings_at_import() -> None:
    early = {
        path
        for path, tree in modules().items()
        for statement in tree.body
        if not isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
        for node in ast.walk(statement)
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") in ("read_settings", "connect", "read_city")
    }
    assert early == set()
