"""GeoJSON in every shape it is met: collections, single features, bare geometries, lists of collections, one
feature to a line. Esri JSON, which looks alike, is handed on."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import polars as pl

from datasets.errors import RunFailed
from datasets.issues import Issues, feed_issue, row_issues
from datasets.vocabulary import Action
from harvesters.batch import DeclaredCrs, Geometries, Opened
from harvesters.formats.counts import count_issue, more_issue
from harvesters.formats.crs import declared
from harvesters.formats.esri_json import build_esri
from harvesters.formats.features import build_features
from harvesters.formats.json_stream import END, members, read_text
from harvesters.formats.json_table import Table, build_rows, is_row, table_within
from harvesters.formats.shapes import GEOMETRY_TYPES, geometries_of
from harvesters.formats.source import Source
from harvesters.formats.table import trimmed
from harvesters.formats.values import as_text

CHUNK = 20_000
GUESSED = "The file is not UTF-8; it was read as Windows-1252."
NO_COLUMN = "\x00"
"""Stands for the columns of features without properties, which a frame needs to know their number."""


@dataclass
class Gathered:
    """What came out of a document so far: its plain members, and its features as columns and geometries."""

    plain: dict[str, Any] = field(default_factory=dict)
    waiting: list[dict[str, Any]] = field(default_factory=list)
    frames: list[pl.DataFrame] = field(default_factory=list)
    geometries: list[Geometries] = field(default_factory=list)
    unreadable: list[int] = field(default_factory=list)
    mended: list[int] = field(default_factory=list)
    table: Table = field(default_factory=Table)
    count: int = 0
    objects: int = 0
    strangers: int = 0
    empty: bool = False
    esri: bool = False


def read_json(source: Source) -> Opened:
    """The features of a GeoJSON or Esri JSON document, or the rows of a JSON table; RunFailed says what other JSON
    is."""
    text, encoding = read_text(source.path)
    gathered = Gathered()
    for name, value in members(text, source.name):
        _gather(gathered, name, value)
    if "error" in gathered.plain and not gathered.count and not gathered.waiting:
        raise RunFailed("E-PLATFORM", f"The service answered with an error: {_said(gathered.plain['error'])}")
    if gathered.esri:
        return build_esri(gathered.plain, gathered.waiting, encoding=encoding, strangers=gathered.strangers)
    _flush(gathered)
    issues = [] if encoding != "windows-1252" else [feed_issue("W-ENCODING-GUESSED", GUESSED)]
    if not gathered.count:
        table = gathered.table if gathered.table.is_met else table_within(gathered.plain)
        if table is not None:
            return build_rows(table, encoding=encoding, issues=issues)
        raise _nothing(gathered, source)
    issues += _count_issues(gathered)
    if gathered.mended:
        message = "The polygon's ring was not in a list of rings."
        issues.append(
            row_issues(
                "invalid geometry - fixed", gathered.mended, action=Action.FIXED, field="geometry", message=message
            )
        )
    return build_features(
        pl.concat(gathered.frames, how="diagonal").drop(NO_COLUMN, strict=False),
        np.concatenate(gathered.geometries),
        format="GeoJSON sequence" if gathered.objects > 1 else "GeoJSON",
        crs=_crs(gathered.plain.get("crs")),
        issues=issues,
        unreadable=gathered.unreadable,
        layer_name=as_text(gathered.plain.get("name")),
        encoding=encoding,
        strangers=gathered.strangers,
    )


def _gather(gathered: Gathered, name: str | None, value: Any) -> None:
    if value is END:
        gathered.objects += 1
        _add_whole(gathered, gathered.plain)
    elif name is None and is_row(value):
        gathered.table.add(value)
    elif name is None and isinstance(value, dict):
        features = value.get("features")
        gathered.plain |= {key: member for key, member in value.items() if key not in ("features", "type")}
        _add_whole(gathered, value)
        _add(gathered, features if isinstance(features, list) else [])
    elif name == "features":
        gathered.empty = gathered.empty or value == []
        _add(gathered, [] if value == [] else [value])
    elif name is not None:
        gathered.plain[name] = value


def _add_whole(gathered: Gathered, members: dict[str, Any]) -> None:
    """A top-level object that is itself a feature or a geometry."""
    kind = members.get("type")
    if kind == "Feature":
        _add(gathered, [dict(members)])
        gathered.plain = {key: value for key, value in gathered.plain.items() if key == "crs"}
    elif kind in GEOMETRY_TYPES:
        _add(gathered, [{"geometry": dict(members), "properties": {}}])
        gathered.plain = {}


def _add(gathered: Gathered, features: Iterable[Any]) -> None:
    for feature in features:
        if not isinstance(feature, dict):
            gathered.strangers += 1
            continue
        gathered.esri = gathered.esri or ("attributes" in feature and "properties" not in feature)
        gathered.waiting.append(feature)
    if len(gathered.waiting) >= CHUNK and not gathered.esri:
        _flush(gathered)


def _flush(gathered: Gathered) -> None:
    features, gathered.waiting = gathered.waiting, []
    if not features:
        return
    properties = [feature.get("properties") or {} for feature in features]
    properties = [value if isinstance(value, dict) else {"properties": value} for value in properties]
    keys = list(dict.fromkeys(key for value in properties for key in value))
    columns = {key: [_plain(value.get(key)) for value in properties] for key in keys}
    ids = [as_text(feature.get("id")) for feature in features]
    if "id" not in columns and any(value is not None for value in ids):
        columns = {"id": ids, **columns}
    columns = columns or {NO_COLUMN: [None] * len(features)}
    frame = trimmed(pl.DataFrame(columns, schema=dict.fromkeys(columns, pl.String)))
    shapes = [_nested(gathered, place, feature.get("geometry")) for place, feature in enumerate(features)]
    geometries, unreadable = geometries_of(shapes)
    gathered.frames.append(frame)
    gathered.geometries.append(geometries)
    gathered.unreadable += [gathered.count + place for place in unreadable]
    gathered.count += len(features)


def _plain(value: Any) -> str | None:
    return value if value is None or type(value) is str else as_text(value)


def _nested(gathered: Gathered, place: int, member: Any) -> Any:
    """The geometry, with the one ring of a polygon in a list of rings where that was forgotten."""
    if isinstance(member, dict) and member.get("type") == "Polygon":
        match member.get("coordinates"):
            case [[int() | float(), *_], *_] as ring:
                gathered.mended.append(gathered.count + place + 1)
                return {"type": "Polygon", "coordinates": [ring]}
    return member


def _crs(member: Any) -> DeclaredCrs | None:
    """The old `crs` member, or WGS 84 where there is none, as RFC 7946 has it."""
    if not isinstance(member, dict):
        return DeclaredCrs(4326, "GeoJSON default", "OGC:CRS84")
    properties = member.get("properties")
    properties = properties if isinstance(properties, dict) else {}
    stated = properties.get("name") or properties.get("code") or properties.get("href") or properties
    return declared(str(stated), "crs member")


def _count_issues(gathered: Gathered) -> Issues:
    """What a server says of the whole beside what it sent of it."""
    plain = gathered.plain
    properties = plain.get("properties")
    exceeded = plain.get("exceededTransferLimit") or (
        isinstance(properties, dict) and properties.get("exceededTransferLimit")
    )
    if exceeded is True:
        return [more_issue(gathered.count)]
    for key in ("numberMatched", "totalFeatures", "numberReturned"):
        stated = plain.get(key)
        if isinstance(stated, int) and stated != gathered.count:
            return [count_issue(key, stated, gathered.count)]
    return []


def _said(error: Any) -> str:
    if isinstance(error, dict):
        error = error.get("message") or error.get("details") or error
    return str(as_text(error))[:500]


def _nothing(gathered: Gathered, source: Source) -> RunFailed:
    bare_list = not (gathered.objects or gathered.table.strangers)
    if gathered.empty or bare_list or gathered.plain.get("type") == "FeatureCollection":
        return RunFailed("E-EMPTY", f"{source.name} is sound, but there is not one feature in it.")
    if gathered.plain.get("type") == "Topology":
        return RunFailed("E-FORMAT", f"{source.name} is TopoJSON, which is not read; publish it as GeoJSON.")
    return RunFailed("E-FORMAT", f"{source.name} is JSON, but neither GeoJSON, Esri JSON nor a list of rows.")
