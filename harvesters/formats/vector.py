"""The formats that GDAL reads as they are: Shapefile, MapInfo, GeoPackage, FlatGeobuf."""

import re
import struct
from pathlib import Path

from datasets.errors import RunFailed
from datasets.issues import Issues
from harvesters.batch import DeclaredCrs, Opened
from harvesters.formats.crs import declared
from harvesters.formats.features import build_features
from harvesters.formats.gdal import LayerRead, list_layers, read_layer
from harvesters.formats.layers import chosen_layers, joined
from harvesters.formats.source import Source

UTF8_SEQUENCE = re.compile(rb"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}")


def read_shapefile(source: Source) -> Opened:
    """The features of a Shapefile with the files beside it."""
    if ".dbf" not in source.siblings:
        raise RunFailed("E-FORMAT", f"{source.name} comes without its .dbf file, which holds the columns.")
    head = source.head(100)
    declared_size = 2 * struct.unpack(">i", head[24:28])[0] if len(head) >= 28 else 100
    if source.path.stat().st_size < declared_size:
        raise RunFailed("E-TRUNCATED", f"{source.name} is shorter than it says; it was cut off.")
    _refuse_cut_table(source, ".dbf")
    path = _beside(source, ".shp")
    encoding = _dbf_encoding(source)
    layer, issues = _read(source, path, "ESRI Shapefile", encoding)
    where = ".prj" if ".prj" in source.siblings else ""
    crs = declared(layer.crs, where) if layer.crs and where else None
    return _opened(layer, "Shapefile", crs, issues, encoding)


def read_tab(source: Source) -> Opened:
    """The features of a MapInfo table with the files beside it."""
    text = source.head().decode("latin-1").lower()
    if "create view" in text or "isseamless" in text or "raster" in text:
        raise RunFailed("E-FORMAT", f"{source.name} refers to other tables or pictures and holds no rows itself.")
    missing = [part for part in (".dat", ".map", ".id") if part not in source.siblings]
    if missing:
        raise RunFailed("E-FORMAT", f"{source.name} comes without {', '.join(missing)}, which belong beside it.")
    _refuse_cut_table(source, ".dat")
    return _mapinfo(source, "MapInfo TAB", _beside(source, ".tab"), source.siblings[".dat"])


def read_mif(source: Source) -> Opened:
    """The features of a MapInfo interchange file with its .mid beside it."""
    if ".mid" not in source.siblings:
        raise RunFailed("E-FORMAT", f"{source.name} comes without its .mid file, which holds the columns.")
    opened = _mapinfo(source, "MapInfo MIF", _beside(source, ".mif"), source.siblings[".mid"])
    with source.siblings[".mid"].open("rb") as file:
        lines = sum(bool(line.strip()) for line in file)
    if lines != opened.records.height:
        said = f"{source.name} holds {opened.records.height} shapes, but its .mid file {lines} rows; one was cut off."
        raise RunFailed("E-TRUNCATED", said)
    return opened


def read_geopackage(source: Source) -> Opened:
    """The features of one layer of a GeoPackage."""
    if b"GPKG" not in source.head(100)[60:80] and b"GP1" not in source.head(100)[60:80] and source.suffix != ".gpkg":
        raise RunFailed("E-FORMAT", f"{source.name} is an SQLite database, but not a GeoPackage.")
    layer, issues = _read(source, source.linked(".gpkg", copied=True), "GPKG", None)
    return _opened(layer, "GeoPackage", declared(layer.crs, "gpkg_contents") if layer.crs else None, issues, "utf-8")


def read_flatgeobuf(source: Source) -> Opened:
    """The features of a FlatGeobuf file."""
    layer, issues = _read(source, source.linked(".fgb"), "FlatGeobuf", None)
    return _opened(layer, "FlatGeobuf", declared(layer.crs, "header") if layer.crs else None, issues, "utf-8")


def _mapinfo(source: Source, format: str, path: Path, table: Path) -> Opened:
    charset = re.search(rb'charset\s+"([^"]+)"', source.head(), re.I)
    neutral = charset is None or charset.group(1).lower() == b"neutral"
    encoding = _encoding_of(table.read_bytes()) if neutral else None
    layer, issues = _read(source, path, "MapInfo File", encoding)
    stated = re.search(rb"coordsys", source.head(), re.I) or format == "MapInfo TAB"
    crs = declared(layer.crs, "CoordSys") if layer.crs and stated else None
    return _opened(
        layer, format, crs, issues, encoding or (charset.group(1).decode("ascii", "replace") if charset else None)
    )


def _read(source: Source, path: Path, driver: str, encoding: str | None) -> tuple[LayerRead, Issues]:
    layers = list_layers(path, source, driver)
    chosen = chosen_layers(layers, source)
    return joined(chosen, layers, lambda layer: read_layer(path, source, layer, encoding=encoding))


def _opened(layer: LayerRead, format: str, crs: DeclaredCrs | None, issues: Issues, encoding: str | None) -> Opened:
    return build_features(
        layer.columns,
        layer.geometry,
        format=format,
        crs=crs,
        issues=issues,
        unreadable=layer.unreadable,
        curves=layer.curves,
        layer_name=layer.name,
        encoding=encoding,
    )


def _beside(source: Source, extension: str) -> Path:
    """The main file in the scratch folder with its siblings under the same stem."""
    for suffix, path in source.siblings.items():
        source.within(path, source.name).linked(suffix)
    return source.linked(extension)


def _refuse_cut_table(source: Source, suffix: str) -> None:
    """Both dBASE and MapInfo's .dat begin with their number of rows, where they begin and how long one is."""
    path = source.siblings[suffix]
    with path.open("rb") as file:
        head = file.read(32)
    if len(head) == 32:
        rows, start, length = struct.unpack("<IHH", head[4:12])
    if len(head) < 32 or path.stat().st_size < start + rows * length:
        raise RunFailed("E-TRUNCATED", f"The {suffix} file of {source.name} is shorter than it says; it was cut off.")


def _dbf_encoding(source: Source) -> str:
    """The .cpg where its word holds for every byte, else what the bytes are."""
    content = source.siblings[".dbf"].read_bytes()
    if ".cpg" in source.siblings:
        stated = source.siblings[".cpg"].read_bytes()[:40].decode("ascii", "ignore").strip().lower()
        stated = {"1252": "cp1252", "ansi 1252": "cp1252", "65001": "utf-8", "88591": "iso-8859-1"}.get(stated, stated)
        try:
            content.decode(stated)
            return stated.upper()
        except (LookupError, UnicodeDecodeError):
            pass
    return _encoding_of(content)


def _encoding_of(content: bytes) -> str:
    body = content[content.find(b"\r") + 1 :] if b"\r" in content[:4096] else content
    high = len(re.findall(rb"[\x80-\xff]", body))
    good = sum(len(match) for match in UTF8_SEQUENCE.findall(body))
    return "UTF-8" if good and good >= 0.9 * high else "CP1252"
