"""The adapters, one module for each platform, found by their names."""

import pkgutil
from functools import cache
from importlib import import_module
from typing import cast

from datasets.errors import CitywideError
from harvesters.adapters.contract import Adapter

_CONTRACT = "contract"


@cache
def platforms() -> tuple[str, ...]:
    """The names of all platforms, in alphabetical order."""
    return tuple(sorted(m.name for m in pkgutil.iter_modules(__path__) if m.name != _CONTRACT and not m.ispkg))


def find_adapter(platform: str) -> Adapter:
    """The adapter of a platform; CitywideError names those there are."""
    if platform not in platforms():
        raise CitywideError(f"There is no platform {platform!r}; there are {', '.join(platforms())}.")
    return cast(Adapter, import_module(f"{__name__}.{platform}"))
