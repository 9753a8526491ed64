"""The files of this checkout as the contracts read them."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

CHECKOUT = Path(__file__).parents[2]
ROOMS = ("portal", "harvesters", "ogc", "datasets")
_MADE = {".git", ".venv", ".citywide", ".hypothesis", "node_modules", "__pycache__", "static", "dist"}


def written() -> Iterator[Path]:
    """Every file that people wrote; what tools made is left out."""
    for path in sorted(CHECKOUT.rglob("*")):
        parts = path.relative_to(CHECKOUT).parts
        made = any(part in _MADE or part.endswith(("_cache", ".egg-info")) for part in parts)
        if path.is_file() and not path.is_symlink() and not made:
            yield path


@cache
def modules() -> dict[str, ast.Module]:
    """The rooms' modules, parsed, by their path."""
    paths = [
        path for room in ROOMS for path in sorted((CHECKOUT / room).rglob("*.py")) if "node_modules" not in path.parts
    ]
    return {str(path.relative_to(CHECKOUT)): ast.parse(path.read_text(encoding="utf-8")) for path in paths}


def imports(tree: ast.AST) -> Iterator[tuple[str, str]]:
    """Each import as (module, name); the name is empty where the module itself is imported."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, "") for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from ((node.module, alias.name) for alias in node.names)


def importers(module: str, name: str = "") -> set[str]:
    """The files of the rooms that import the module, anything below it, or the name from it."""
    found = set()
    for path, tree in modules().items():
        for imported, imported_name in imports(tree):
            below = imported == module or imported.startswith(f"{module}.") or f"{imported}.{imported_name}" == module
            if (below and not name) or (imported, imported_name) == (module, name):
                found.add(path)
    return found


def texts(tree: ast.AST) -> Iterator[str]:
    """Every text in the code, docstrings left out."""
    spoken = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in spoken:
            yield node.value
