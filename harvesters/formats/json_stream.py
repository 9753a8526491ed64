"""Reading a JSON document one feature at a time: a city's features as one tree of Python objects would take ten
times the memory of the file."""

import json
import re
from collections.abc import Generator, Iterator
from pathlib import Path

from datasets.errors import RunFailed

Member = tuple[str | None, object]
"""A member of a top-level object, each item of its `features` singly; name None for a value on its own."""

END = object()
"""Yielded as a value, with name None, where a top-level object ends."""

SPACE = re.compile(r"[\s\x1e\ufeff]*")
DECODER = json.JSONDecoder()


def read_text(path: Path) -> tuple[str, str]:
    """The document and its encoding; JSON is UTF-8 by its standard, but Windows text is met."""
    content = path.read_bytes()
    encoding = json.detect_encoding(content[:4])
    try:
        return content.decode(encoding), encoding
    except UnicodeDecodeError:
        return content.decode("cp1252", "replace"), "windows-1252"


def members(text: str, name: str) -> Iterator[Member]:
    """All members of all top-level values of `text`, in order."""
    try:
        at = _skip(text, 0)
        while at < len(text):
            if text[at] == "{":
                at = yield from _object(text, at)
                yield None, END
            elif text[at] == "[":
                at = yield from _items(text, at, None)
            else:
                raise json.JSONDecodeError("Expecting value", text, at)
            at = _skip(text, at)
    except json.JSONDecodeError as error:
        raise _refused(error, text, name) from None
    except RecursionError:
        raise RunFailed("E-FORMAT", f"{name} is JSON nested too deep.") from None
    except ValueError as error:
        raise RunFailed("E-FORMAT", f"{name} is not JSON that can be read: {error}.") from None


def _refused(error: json.JSONDecodeError, text: str, name: str) -> RunFailed:
    if error.msg.startswith("Unterminated") or error.pos >= len(text.rstrip()) - 8:
        return RunFailed("E-TRUNCATED", f"{name} is JSON that ends too early; it was cut off.")
    where = f"line {error.lineno}, column {error.colno}"
    return RunFailed("E-FORMAT", f"{name} is not JSON that can be read: {error.msg} at {where}.")


def _object(text: str, at: int) -> Generator[Member, None, int]:
    at = _skip(text, at + 1)
    if text[at : at + 1] == "}":
        return at + 1
    while True:
        if text[at : at + 1] != '"':
            raise json.JSONDecodeError("Expecting property name", text, at)
        key, at = DECODER.raw_decode(text, at)
        at = _skip(text, _expect(text, _skip(text, at), ":"))
        if key == "features" and text[at : at + 1] == "[":
            at = yield from _items(text, at, key)
        else:
            value, at = DECODER.raw_decode(text, at)
            yield key, value
        at = _skip(text, at)
        if text[at : at + 1] == "}":
            return at + 1
        at = _skip(text, _expect(text, at, ","))


def _items(text: str, at: int, key: str | None) -> Generator[Member, None, int]:
    at = _skip(text, at + 1)
    if text[at : at + 1] == "]":
        if key is not None:
            yield key, []
        return at + 1
    while True:
        value, at = DECODER.raw_decode(text, at)
        yield key, value
        at = _skip(text, at)
        if text[at : at + 1] == "]":
            return at + 1
        at = _skip(text, _expect(text, at, ","))


def _skip(text: str, at: int) -> int:
    found = SPACE.match(text, at)
    return found.end() if found else at


def _expect(text: str, at: int, mark: str) -> int:
    if text[at : at + 1] != mark:
        raise json.JSONDecodeError(f"Expecting {mark!r}", text, at)
    return at + 1
