"""JSON out of a stranger's answer: no deeper than anybody who walks through it can follow."""

import json
from collections.abc import Iterable
from typing import Any

from datasets.errors import RunFailed

MOST_NESTED = 100
"""No data is nested so deep; Python gives up at a thousand, in the midst of whatever it does."""


def read_json(text: bytes | str, server: str) -> Any:
    """The value. ValueError when it is no JSON, RunFailed when it is nested too deep."""
    try:
        value = json.loads(text)
    except RecursionError:
        raise _too_deep(server) from None
    layer = _containers([value])
    for _ in range(MOST_NESTED):
        if not layer:
            break
        layer = _containers(inner for one in layer for inner in (one.values() if isinstance(one, dict) else one))
    if layer:
        raise _too_deep(server)
    return value


def _containers(values: Iterable[Any]) -> list[Any]:
    return [one for one in values if isinstance(one, dict | list)]


def _too_deep(server: str) -> RunFailed:
    return RunFailed("E-FORMAT", f"{server} sent JSON nested too deep.")
