"""Reading TOML registers and documents, refusing a bad line by file and key.

Separate because every register (cities, layers, licences, issue codes, feeds) must refuse in the same words.
"""

import re
import tomllib
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from datasets.errors import RegisterError

_PASSWORD = re.compile(r"//[^/@\s]*@")
"""The name and password in an address, which nobody should find in a log."""

Entry = TypeVar("Entry", bound=BaseModel)


def read_toml(path: Path) -> dict[str, Any]:
    """The document at `path`; RegisterError names the file and line when it is not TOML."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise RegisterError(f"{path.name}: there is no such file in {path.parent}.") from None
    except UnicodeDecodeError:
        raise RegisterError(f"{path.name}: the file is not UTF-8 text.") from None
    except tomllib.TOMLDecodeError as error:
        raise RegisterError(f"{path.name}: not valid TOML: {error}.") from None


def read_document(path: Path, model: type[Entry]) -> Entry:
    """One document of `model` from the whole file."""
    return check_entry(read_toml(path), model, path.name)


def read_register(path: Path, model: type[Entry]) -> dict[str, Entry]:
    """A register: each top-level table is one entry of `model`, by its key, in the file's order."""
    return {key: check_entry(value, model, path.name, key) for key, value in read_toml(path).items()}


def check_entry(value: object, model: type[Entry], file: str, key: str = "") -> Entry:
    """`value` as `model`; RegisterError names the file and the first wrong key."""
    try:
        return model.model_validate(value)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        where = ".".join(str(part) for part in ((key,) if key else ()) + first["loc"])
        said = first["msg"].removeprefix("Value error, ").rstrip(".")
        found = _PASSWORD.sub("//…@", repr(first["input"]))
        if first["loc"] and first["type"] != "missing" and found not in said:
            said += f" (found {found:.80})"
        raise RegisterError(": ".join(part for part in (file, where, f"{said}.") if part)) from None
