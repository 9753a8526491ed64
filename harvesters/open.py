"""The open stage: any resource on disk becomes columns of text, with its geometry and what it says of itself."""

from collections.abc import Callable, Mapping
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
from harvesters.formats.siblings import wanted_siblings
from harvesters.formats.sniff import Kind, sniff
from harvesters.formats.source import Source
from harvesters.formats.spreadsheets import read_workbook
from harvesters.formats.vector import read_flatgeobuf, read_geopackage, read_mif, read_shapefile, read_tab

__all__ = ["open_resource", "wanted_siblings"]


def open_resource(
    path: Path,
    *,
    name: str,
    media_type: str | None = None,
    layer: str | None = None,
    sheet: str | None = None,
    siblings: Mapping[str, Path] | None = None,
    settings: Settings,
    work: Path,
) -> Opened:
    """The records of the resource at `path`. Its kind is told from its bytes, then from `name`, then from
    `media_type`; `layer` and `sheet` choose where there are several; `siblings` are the files fetched beside it,
    by lower-case extension; `work` is a scratch folder.

    RunFailed says in one sentence why it cannot be read; RunHeld asks a person to name a layer.
    """
    given = {suffix.lower(): sibling for suffix, sibling in (siblings or {}).items()}
    source = Source(path, name, media_type, layer, sheet, settings, work, given)
    kind = sniff(source)
    if kind is not Kind.ZIP:
        return _read(source, kind)
    inner, issues = unpack(source)
    kind = sniff(inner)
    if kind is Kind.ZIP:
        raise RunFailed("E-FORMAT", f"{name} is a zip file within a zip file; publish one of them.")
    opened = _read(inner, kind)
    return replace(opened, format=f"zipped {opened.format}", issues=issues + opened.issues)


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
