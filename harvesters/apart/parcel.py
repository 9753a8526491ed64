"""What crosses between a harvest and the child process that reads its file: the order there, the records back.

The columns come back as Arrow files in the scratch folder, everything else as JSON. Nothing is unpickled that comes
out of the child: it has read a stranger's file, and is not believed further than its columns.
"""

import json
import struct
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import polars as pl
import shapely

from datasets.issues import all_issues
from harvesters.apart.confine import Limits
from harvesters.batch import DeclaredCrs, Opened

LENGTH = struct.Struct(">I")
"""Goes before an order and before an answer."""
STATUS = struct.Struct(">i")
"""Comes after the answer, or instead of it: the exit code of the child, or the signal that ended it, negative."""

LOG = "reader.log"
"""In the scratch folder: what the readers' libraries print."""
BATCH_ROWS = 100_000
RECORDS, SHAPES, ISSUES = "records.arrow", "shapes.arrow", "issues.arrow"


@dataclass(frozen=True)
class Order:
    """What a child is to do: call `read` with `arguments` within `limits` and leave what it opened in `work`."""

    read: Callable[..., Opened]
    arguments: Mapping[str, Any]
    limits: Limits
    work: Path


def pack(opened: Opened, folder: Path) -> bytes:
    """Writes the columns of `opened` to `folder`, and gives all the rest of it."""
    _write(opened.records, folder / RECORDS)
    _write(all_issues(opened.issues), folder / ISSUES)
    if opened.geometry is not None:
        shapes = pl.Series("wkb", shapely.to_wkb(opened.geometry, include_srid=True), dtype=pl.Binary)
        _write(shapes.to_frame(), folder / SHAPES)
    rest = {
        "format": opened.format,
        "rows_read": opened.rows_read,
        "encoding": opened.encoding,
        "layer_name": opened.layer_name,
        "crs": asdict(opened.crs) if opened.crs else None,
        "has_geometry": opened.geometry is not None,
    }
    return json.dumps(rest).encode()


def unpack(rest: Mapping[str, Any], folder: Path) -> Opened:
    """What was packed into `folder`."""
    issues = pl.read_ipc(folder / ISSUES)
    return Opened(
        format=rest["format"],
        records=pl.read_ipc(folder / RECORDS),
        rows_read=rest["rows_read"],
        issues=[] if issues.is_empty() else [issues],
        encoding=rest["encoding"],
        layer_name=rest["layer_name"],
        geometry=shapely.from_wkb(pl.read_ipc(folder / SHAPES)["wkb"].to_numpy()) if rest["has_geometry"] else None,
        crs=DeclaredCrs(**rest["crs"]) if rest["crs"] else None,
    )


def _write(frame: pl.DataFrame, path: Path) -> None:
    # Compressed, a large frame is written and read sooner than a disk takes it; by batches, by all cores at once.
    frame.write_ipc(path, compression="lz4", record_batch_size=BATCH_ROWS)
