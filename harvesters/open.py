"""The open stage: any resource on disk becomes columns of text, with its geometry and what it says of itself."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from datasets.errors import RunFailed
from datasets.settings import Settings
from harvesters.batch import Opened
from harvesters.formats.archives import unpack, unpack_kmz
from harvesters.formats.delimited import read_delimited
from harvesters.formats.geojson import read_json
from harvesters.formats.geoparquet import read_parquet
from harvesters.formats.gml import read_gml
from harvesters.formats.kml import read_kml
from harvesters.formats.pages import read_pages
from harvesters.formats.sniff import Kind, sniff
from harvesters.formats.source import Source
from harvesters.formats.spreadsheets import read_workbook
from harvesters.formats.vector import read_flatgeobuf, read_geopackage, read_mif, read_shapefile, read_tab


def open_resource(
    path: Path,
    *,
    name: str,
    media_type: str | None = None,
    layer: str | None = None,
    sheet: str | None = None,
    settings: Settings,
    work: Path,
) -> Opened:
    """The records of the resource at `path`. Its kind is told from its bytes, then from `name`, then from
    `media_type`; `layer` and `sheet` choose where there are several; `work` is a scratch folder. What is kept in
    several files comes as a zip of them, and what was read page by page as a tar of the pages.

    RunFailed says in one sentence why it cannot be read; RunHeld asks a person to name a layer.
    """
    source = Source(path, name, media_type, layer, sheet, settings, work, {})
    kind = sniff(source)
    if kind is Kind.PAGES:
        return read_pages(source, _read_page)
    if kind is not Kind.ZIP:
        return _read(source, kind)
    inner, issues = unpack(source)
    kind = sniff(inner)
    if kind in (Kind.ZIP, Kind.PAGES):
        raise RunFailed("E-FORMAT", f"{name} is a zip file within a zip file; publish one of them.")
    opened = _read(inner, kind)
    return replace(opened, format=f"zipped {opened.format}", issues=issues + opened.issues)


def _read_page(page: Source) -> Opened:
    kind = sniff(page)
    if kind in (Kind.ZIP, Kind.PAGES):
        raise RunFailed("E-FORMAT", f"{page.name} is an archive, not a page.")
    return READERS[kind](page)


def _read_kmz(source: Source) -> Opened:
    return replace(read_kml(unpack_kmz(source)), format="KMZ")


READERS: dict[Kind, Callable[[Source], Opened]] = {
    Kind.DELIMITED: read_delimited,
    Kind.WORKBOOK: read_workbook,
    Kind.JSON: read_json,
    Kind.GML: read_gml,
    Kind.KML: read_kml,
    Kind.KMZ: _read_kmz,
    Kind.SHAPEFILE: read_shapefile,
    Kind.TAB: read_tab,
    Kind.MIF: read_mif,
    Kind.GEOPACKAGE: read_geopackage,
    Kind.FLATGEOBUF: read_flatgeobuf,
    Kind.PARQUET: read_parquet,
}


def _read(source: Source, kind: Kind) -> Opened:
    opened = READERS[kind](source)
    if opened.records.is_empty():
        raise RunFailed("E-EMPTY", f"{source.name} holds columns, but not one row.")
    return opened
