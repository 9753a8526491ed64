"""Esri JSON, as ArcGIS servers answer: attributes with types and coded values, rings without holes marked."""

from datetime import datetime, timedelta
from typing import Any

import numpy as np
import polars as pl
import shapely

from harvesters.batch import DeclaredCrs, Geometries, Opened
from harvesters.formats.counts import more_issue
from harvesters.formats.crs import declared
from harvesters.formats.features import build_features
from harvesters.formats.values import as_text

EPOCH = datetime(1970, 1, 1)


def build_esri(plain: dict[str, Any], features: list[dict[str, Any]], *, encoding: str, strangers: int) -> Opened:
    """The features of an Esri feature set; `plain` are its other members."""
    attributes = [feature.get("attributes") or {} for feature in features]
    fields = {
        field["name"]: field for field in plain.get("fields") or [] if isinstance(field, dict) and "name" in field
    }
    keys = list(dict.fromkeys(key for values in attributes for key in values))
    columns = {key: _column([values.get(key) for values in attributes], fields.get(key, {})) for key in keys}
    geometry, unreadable = _geometries([feature.get("geometry") for feature in features])
    issues = []
    if plain.get("exceededTransferLimit") is True:
        issues.append(more_issue(len(features)))
    return build_features(
        pl.DataFrame(columns, schema=dict.fromkeys(columns, pl.String)),
        geometry,
        format="Esri JSON",
        crs=_crs(plain.get("spatialReference")),
        issues=issues,
        unreadable=unreadable,
        layer_name=as_text(plain.get("name")),
        encoding=encoding,
        strangers=strangers,
    )


def _column(values: list[Any], field: dict[str, Any]) -> list[str | None]:
    domain = field.get("domain")
    coded = domain.get("codedValues") if isinstance(domain, dict) else None
    if coded:
        names = {
            as_text(entry["code"]): as_text(entry["name"]) for entry in coded if "code" in entry and "name" in entry
        }
        return [names.get(as_text(value), as_text(value)) for value in values]
    if field.get("type") == "esriFieldTypeDate":
        return [_date(value) for value in values]
    return [as_text(value) for value in values]


def _date(value: Any) -> str | None:
    """Milliseconds since 1970 as a date, with the time where it is not midnight."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        return as_text(value)
    try:
        moment = EPOCH + timedelta(milliseconds=value)
    except (OverflowError, ValueError):
        return as_text(value)
    text = moment.isoformat(timespec="seconds")
    return text[:10] if text.endswith("T00:00:00") else f"{text}Z"


def _crs(member: Any) -> DeclaredCrs | None:
    if not isinstance(member, dict):
        return None
    stated = member.get("latestWkid") or member.get("wkid")
    if isinstance(stated, int) and stated > 32767 and stated not in (102100, 102113, 900913):
        return declared(f"ESRI:{stated}", "spatialReference")
    return declared(str(stated or member.get("wkt") or ""), "spatialReference") if stated or member.get("wkt") else None


def _geometries(members: list[Any]) -> tuple[Geometries, list[int]]:
    out: Geometries = np.full(len(members), None, dtype=object)
    unreadable, places, positions = [], [], []
    for place, member in enumerate(members):
        if not isinstance(member, dict):
            continue
        try:
            if "x" not in member:
                out[place] = _geometry(member)
            elif member["x"] not in (None, "NaN") and member.get("y") not in (None, "NaN"):
                positions.append((float(member["x"]), float(member["y"])))
                places.append(place)
        except (shapely.errors.ShapelyError, ValueError, TypeError, KeyError, IndexError):
            unreadable.append(place)
    if places:
        out[places] = shapely.points(np.array(positions))
    return out, unreadable


def _geometry(member: dict[str, Any]) -> shapely.Geometry | None:
    if "points" in member:
        return shapely.MultiPoint(member["points"]) if member["points"] else None
    if "paths" in member:
        lines = [shapely.LineString(path) for path in member["paths"]]
        return _one_or_many(lines, shapely.MultiLineString)
    if "rings" in member:
        return _polygons([shapely.LinearRing(ring) for ring in member["rings"]])
    raise ValueError("a shape with curves or of an unknown kind")


def _polygons(rings: list[shapely.LinearRing]) -> shapely.Geometry | None:
    """Rings that run clockwise are outlines; the others are holes in the smallest outline around them."""
    outlines = [ring for ring in rings if not ring.is_ccw]
    holes: list[list[shapely.LinearRing]] = [[] for _ in outlines]
    areas = [shapely.Polygon(ring) for ring in outlines]
    alone = []
    for ring in rings:
        if not ring.is_ccw:
            continue
        inside = shapely.Point(ring.coords[0])
        around = [place for place, area in enumerate(areas) if area.covers(inside)]
        if around:
            holes[min(around, key=lambda place: areas[place].area)].append(ring)
        else:
            alone.append(shapely.Polygon(ring))
    polygons = [shapely.Polygon(ring, inner) for ring, inner in zip(outlines, holes, strict=True)]
    return _one_or_many(polygons + alone, shapely.MultiPolygon)


def _one_or_many(parts: list[Any], many: Any) -> shapely.Geometry | None:
    return (parts[0] if len(parts) == 1 else many(parts)) if parts else None
