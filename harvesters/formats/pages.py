"""A resource that was read page by page: a tar of the pages as the server sent them, in order. Each is read as a file
of its kind, and then they are put together."""

import shutil
import tarfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath

import numpy as np
import polars as pl

from datasets.errors import RunFailed
from datasets.issues import Issues, all_issues
from datasets.vocabulary import Action
from harvesters.batch import ROW_NO, DeclaredCrs, Geometries, Opened
from harvesters.formats.counts import without_counts
from harvesters.formats.notices import Names, notice, with_names
from harvesters.formats.source import Source

ENDING = ".pages.tar"
PAGES_TOGETHER = 64
"""So many pages become one piece of memory at a time, which bounds what is held twice."""
NAMELESS = "W-NO-HEADER"


@dataclass
class Pages:
    """What was read so far. `row` is the number of the last row of the last page."""

    name: str
    read: int = 0
    row: int = 0
    rows_read: int = 0
    frames: list[pl.DataFrame] = field(default_factory=list)
    waiting: list[pl.DataFrame] = field(default_factory=list)
    geometries: list[Geometries | int] = field(default_factory=list)
    issues: Issues = field(default_factory=list)
    first: Opened | None = None
    crs: DeclaredCrs | None = None
    names: Names = field(default_factory=dict)


def read_pages(source: Source, read: Callable[[Source], Opened]) -> Opened:
    """The records of all pages, numbered through; `read` opens one of them. What a page says of the number of records
    is left out, for it is said of the whole."""
    pages = Pages(source.name)
    for page in _members(source):
        told = notice(page.path)
        if told is not None:
            pages.names = {**pages.names, **told}
            continue
        pages.read += 1
        try:
            opened = read(page)
            _add(pages, replace(opened, records=with_names(opened.records, pages.names, page.path)))
        except RunFailed as failed:
            if failed.code != "E-EMPTY":
                raise
    if pages.first is None:
        raise RunFailed("E-EMPTY", f"{source.name} has {pages.read} page(s), but there is not one record in them.")
    _join(pages)
    return Opened(
        format=f"{pages.first.format}, {pages.read} page{'s' if pages.read > 1 else ''}",
        records=pl.concat(pages.frames, how="diagonal"),
        rows_read=pages.rows_read,
        issues=_alike_together(pages.issues),
        encoding=pages.first.encoding,
        layer_name=pages.first.layer_name,
        geometry=_shapes(pages.geometries),
        crs=pages.crs,
    )


def _members(source: Source) -> Iterator[Source]:
    """Each page as a file in a folder of its own: GDAL would believe what it noted of the page before."""
    folder = source.work / "page"
    try:
        with tarfile.open(source.path, "r:") as archive:
            for number, member in enumerate(archive, start=1):
                content = archive.extractfile(member)
                if content is None:
                    raise RunFailed("E-FORMAT", f"{source.name} holds {member.name}, which is not a page.")
                ending = PurePosixPath(member.name).suffix
                folder.mkdir(parents=True)
                path = folder / f"as_sent{ending}"
                path.write_bytes(content.read())
                page = source.within(path, f"{source.name.removesuffix(ENDING)} page {number}{ending}")
                yield replace(page, work=folder)
                shutil.rmtree(folder)
    except (tarfile.TarError, EOFError) as error:
        raise RunFailed("E-TRUNCATED", f"{source.name} cannot be unpacked: {error}.") from None


def _add(pages: Pages, opened: Opened) -> None:
    """One more page, its rows numbered on from the last one's."""
    if opened.records.is_empty():
        return
    first = pages.first or opened
    if opened.format != first.format or (_is_nameless(opened) and not _is_nameless(first)):
        words = f"{opened.format}{' without a header' if _is_nameless(opened) else ''}"
        raise RunFailed("E-FORMAT", f"Page {pages.read} of {pages.name} is {words}, unlike those before it.")
    if opened.crs and pages.crs and _meaning(opened.crs) != _meaning(pages.crs):
        systems = f"{opened.crs.definition}, those before it in {pages.crs.definition}"
        raise RunFailed("E-FORMAT", f"Page {pages.read} of {pages.name} has its shapes in {systems}; harvest it again.")
    issues = all_issues(without_counts(opened.issues))
    numbers = pl.concat([opened.records[ROW_NO], issues["row_no"].drop_nulls()])
    pages.waiting.append(opened.records.with_columns(pl.col(ROW_NO) + pages.row))
    pages.geometries.append(opened.records.height if opened.geometry is None else opened.geometry)
    pages.issues += [issues.with_columns(pl.col("row_no") + pages.row)] if not issues.is_empty() else []
    pages.row += max(opened.rows_read, *numbers.top_k(1))
    pages.rows_read += opened.rows_read
    pages.first, pages.crs = first, pages.crs or opened.crs
    if len(pages.waiting) >= PAGES_TOGETHER:
        _join(pages)


def _join(pages: Pages) -> None:
    if pages.waiting:
        pages.frames.append(pl.concat(pages.waiting, how="diagonal", rechunk=True))
        pages.waiting = []


def _is_nameless(opened: Opened) -> bool:
    return any(NAMELESS in part["code"] for part in opened.issues)


def _meaning(crs: DeclaredCrs) -> object:
    return crs.epsg or crs.definition


def _shapes(parts: list[Geometries | int]) -> Geometries | None:
    """The geometries of all pages; a number stands for so many rows of a page that has none."""
    if all(isinstance(part, int) for part in parts):
        return None
    return np.concatenate([np.full(part, None, dtype=object) if isinstance(part, int) else part for part in parts])


def _alike_together(issues: Issues) -> Issues:
    """What is said of every page in the same words is said once of all: rows left out are added up, all else stands."""
    found = all_issues(issues)
    if found.is_empty():
        return []
    of_all = found.filter(pl.col("row_no").is_null())
    keys = [name for name in found.columns if name != "count"]
    left_out = pl.col("action").first() == Action.DROPPED.value
    count = pl.when(left_out).then(pl.col("count").sum()).otherwise(pl.col("count").max())
    once = of_all.group_by(keys, maintain_order=True).agg(count).select(found.columns)
    return [part for part in (found.filter(pl.col("row_no").is_not_null()), once) if not part.is_empty()]
