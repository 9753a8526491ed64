"""GML as WFS servers send it, versions 1.0 to 2.0."""

import re
from pathlib import Path

from datasets.errors import RunFailed
from datasets.issues import Issues
from harvesters.batch import DeclaredCrs, Opened
from harvesters.formats.counts import count_issue
from harvesters.formats.crs import declared
from harvesters.formats.features import build_features
from harvesters.formats.gdal import LayerRead, list_layers, read_layer
from harvesters.formats.layers import chosen_layers, joined
from harvesters.formats.source import Source
from harvesters.formats.wellformed import refuse_bad_xml

OPTIONS = {"DOWNLOAD_SCHEMA": "NO"}
BOUNDS = frozenset({"lowerCorner", "upperCorner", "coordinates"})
STANDARD = ("name", "description", "identifier")


def read_gml(source: Source) -> Opened:
    """The features of a GML document, with an issue where the server counted another number of them."""
    refuse_bad_xml(source)
    path = _without_clashes(source)
    layers = list_layers(path, source, "GML", **OPTIONS)
    if not layers:
        raise RunFailed("E-EMPTY", f"{source.name} is sound, but there is not one feature in it.")
    chosen = chosen_layers(layers, source)
    layer, issues = joined(chosen, layers, lambda one: read_layer(path, source, one, **OPTIONS))
    columns = layer.columns.drop([name for name in BOUNDS if name in layer.columns])
    return build_features(
        columns,
        layer.geometry,
        format="GML",
        crs=_crs(source, layer),
        issues=issues + _count_issues(source, len(layer.geometry)),
        unreadable=layer.unreadable,
        curves=layer.curves,
        layer_name=layer.name,
        encoding=_encoding(source.head(200)),
    )


def _without_clashes(source: Source) -> Path:
    """The document under a name GDAL knows. GDAL drops the namespaces, so where features have both gml:name and a
    name of their own it would keep one; then ours is renamed in a copy."""
    path = source.linked(".gml")
    content = source.path.read_bytes()
    clashing = [
        word
        for word in STANDARD
        if f"<gml:{word}>".encode() in content and re.search(rb"<(?!gml:)[\w.-]+:%b[ />]" % word.encode(), content)
    ]
    if not clashing:
        return path
    for word in clashing:
        content = re.sub(rb"(</?gml:)%b(?=[ />])" % word.encode(), rb"\1gml_%b" % word.encode(), content)
    path.unlink()
    path.write_bytes(content)
    return path


def _crs(source: Source, layer: LayerRead) -> DeclaredCrs | None:
    """The srsName as it is written; GDAL has already put longitude first where the name means latitude first."""
    found = re.search(rb"""srsName\s*=\s*["']([^"']+)""", source.head(1 << 20))
    stated = found.group(1).decode("utf-8", "replace") if found else None
    where = f"srsName {stated}" if stated else "srsName"
    if layer.crs:
        return declared(layer.crs, where)
    return declared(stated, where) if stated else None


def _count_issues(source: Source, received: int) -> Issues:
    head = source.head(1 << 16)
    for word in ("numberReturned", "numberOfFeatures", "numberMatched"):
        found = re.search(rb"""\b%b\s*=\s*["'](\d+)["']""" % word.encode(), head)
        if found and int(found.group(1)) != received:
            return [count_issue(word, int(found.group(1)), received)]
    return []


def _encoding(head: bytes) -> str:
    found = re.search(rb"""<\?xml[^>]*encoding\s*=\s*["']([\w-]+)""", head)
    return found.group(1).decode().lower() if found else "utf-8"
