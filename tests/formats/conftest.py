"""Opening what a test wrote, as the harvest would: bytes under a name that says nothing, and a name beside."""

from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from datasets.issues import all_issues
from datasets.settings import read_settings
from harvesters.batch import Opened
from harvesters.open import open_resource

Opener = Callable[..., Opened]


@pytest.fixture
def opened(tmp_path: Path) -> Opener:
    """Opens text, bytes or a path; `limit` is the most that may be unpacked."""

    def open_it(content: str | bytes | Path, name: str, *, limit: int = 1 << 30, **arguments: object) -> Opened:
        path = content if isinstance(content, Path) else tmp_path / "0f1e2d"
        if not isinstance(content, Path):
            path.write_bytes(content.encode() if isinstance(content, str) else content)
        settings = read_settings({"CITYWIDE_HOME": str(tmp_path), "CITYWIDE_MAX_UNPACKED_BYTES": str(limit)})
        return open_resource(path, name=name, settings=settings, work=tmp_path / "work", **arguments)  # type: ignore[arg-type]

    return open_it


@pytest.fixture
def codes() -> Callable[[Opened], dict[str, int]]:
    """How many rows each issue code stands for."""

    def count(opened: Opened) -> dict[str, int]:
        frame = all_issues(opened.issues).group_by("code").agg(pl.col("count").sum())
        return dict(frame.iter_rows())

    return count
