"""One layer or table of an ArcGIS service as it describes itself: fields, shapes, number of rows, the last change."""

import html
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from datasets.errors import RunFailed
from harvesters.adapters.contract import Dataset
from harvesters.platforms.arcgis.pages import answered
from harvesters.web.ask import TRIES, Refused, Request, ServerTrouble, ask, persevere, with_query
from harvesters.web.session import Session

FEWEST_AT_ONCE = 500
"""What a server of version 10.0, which does not tell its maximum, gives at once."""
MOST_POINTS, MOST_SHAPES = 10_000, 2_000
"""Rows in one page, however many a server would give: some allow 100,000 polygons."""

_SHAPES = {"Point": "point", "Multipoint": "point", "Polyline": "line", "Polygon": "area", "Envelope": "area",
           "MultiPatch": "area"}  # fmt: skip
_ROWLESS = ("Group Layer", "Raster Layer", "Raster Catalog Layer", "Mosaic Layer", "Image Layer", "Annotation Layer",
            "Network Analysis Layer", "Utility Network Layer")  # fmt: skip
_MERCATOR = (102100, 102113, 900913)


@dataclass(frozen=True)
class Brief:
    """What a service says of one of its layers."""

    number: int
    name: str
    geometry: str | None


def question(session: Session, url: str, parameters: Mapping[str, object] | None = None, tries: int = TRIES) -> Any:
    """The members of the answer to one question; errors told with status 200 are raised as any others."""
    request = Request(with_query(url, {**(parameters or {}), "f": "json"}))
    return persevere(lambda: answered(url, ask(session, request, tries=1).body), tries, session.sleep)


def service_layers(session: Session, service: str, tries: int = TRIES) -> tuple[str, Sequence[Brief]]:
    """The service's name and those of its layers and tables that have rows."""
    described = question(session, service, tries=tries)
    listed = [*(described.get("layers") or []), *(described.get("tables") or [])]
    known = [one for one in listed if isinstance(one, dict) and isinstance(one.get("id"), int)]
    briefs = [
        Brief(one["id"], str(one.get("name") or one["id"]), _shape(one))
        for one in known
        if one.get("type") not in _ROWLESS and not one.get("subLayerIds")
    ]
    document = described.get("documentInfo") or {}
    return str(document.get("Title") or described.get("mapName") or ""), briefs


def describe_layer(session: Session, url: str, where: str = "1=1") -> Dataset:
    """The layer at `url` as it stands; RunFailed when it has no rows to ask for."""
    described = question(session, url)
    dataset = read_layer(url, described, where)
    count = _count(session, url, where)
    stamp = _last_edit(session, url, described, where) if _stamped(url, described) or count is not None else None
    return replace(
        dataset,
        count=count,
        updated=moment(stamp),
        watermark=None if stamp is None else f"{stamp}/{'' if count is None else count}",
        increments=bool(dataset.own["edited"]) and stamp is not None,
    )


def read_layer(url: str, described: Mapping[str, Any], where: str = "1=1") -> Dataset:
    """What a layer's description tells; RunFailed when it has no rows to ask for."""
    _check_queryable(url, described)
    geometry = _shape(described)
    return Dataset(
        title=str(described.get("name") or url),
        url=url,
        params={"where": where} if where != "1=1" else {},
        description=plain_text(described.get("description")),
        publisher=plain_text(described.get("copyrightText")),
        crs=_crs(described) if geometry != "none" else None,
        geometry=geometry,
        fields=tuple(f["name"] for f in _fields(described) if f.get("type") != "esriFieldTypeGeometry"),
        formats=(url.rstrip("/").split("/")[-2],),
        own=_own(url, described, where),
    )


def moment(stamp: object) -> str | None:
    """Milliseconds since 1970 as an ISO moment."""
    if not isinstance(stamp, int | float) or isinstance(stamp, bool) or not 0 < stamp < 1e14:
        return None
    return datetime.fromtimestamp(stamp / 1000, UTC).isoformat(timespec="seconds")


def plain_text(value: object) -> str:
    """A description or a licence without its HTML; an address that is only linked to is kept."""
    if not isinstance(value, str):
        return ""
    text = " ".join(html.unescape(re.sub(r"<[^>]*>", " ", value)).split())
    link = re.search(r"""href=["']?(https?://[^"'\s>]+)""", value)
    return text or (link[1] if link else "")


def _check_queryable(url: str, described: Mapping[str, Any]) -> None:
    kind = described.get("type")
    if kind in _ROWLESS or not _fields(described):
        below = [str(one.get("id")) for one in described.get("subLayers") or [] if isinstance(one, dict)]
        instead = f"; it holds the layers {', '.join(below[:20])}" if below else ""
        raise RunFailed("E-PLATFORM", f"{url} is a {(kind or 'thing').lower()} without rows of its own{instead}.")
    # Version 10.0 does not list what a layer is capable of.
    if described.get("capabilities") is not None and "query" not in str(described["capabilities"]).lower():
        raise RunFailed("E-PLATFORM", f"The owner of {url} does not allow it to be queried.")


def _own(url: str, described: Mapping[str, Any], where: str) -> dict[str, Any]:
    """What reading the rows needs to know."""
    able = described.get("advancedQueryCapabilities") or {}
    most = described.get("maxRecordCount")
    point = _shape(described) in ("point", "none")
    size = most if isinstance(most, int) and most > 0 else FEWEST_AT_ONCE
    limits = ("maxRecordCount", "standardMaxRecordCount", "tileMaxRecordCount")
    return {
        "layer": url,
        "where": where,
        "oid": _oid(described),
        "global_id": described.get("globalIdField") or None,
        "item": described.get("serviceItemId"),
        # The other two limits hold for queries of resultType standard and tile, which are made for drawing.
        "limits": {name: described[name] for name in limits if isinstance(described.get(name), int)},
        "size": min(size, MOST_POINTS if point else MOST_SHAPES),
        "paged": bool(able.get("supportsPagination") or described.get("supportsPagination")),
        "sorted": bool(able.get("supportsOrderBy", described.get("supportsAdvancedQueries", False))),
        "shapes": _shape(described) != "none",
        "coded": any((field.get("domain") or {}).get("codedValues") for field in _fields(described)),
        "edited": _edit_field(described) if _in_utc(described) else "",
    }


def _count(session: Session, url: str, where: str) -> int | None:
    """None where a layer cannot count its rows (openaddresses/pyesridump#75, #101)."""
    try:
        counted = question(session, f"{url}/query", {"where": where, "returnCountOnly": "true"}, tries=2)
    except Refused:
        return None
    except ServerTrouble as trouble:
        # An error told with status 200 is the layer's; any other is the server's, and must not pass for this.
        if trouble.code == "E-PLATFORM":
            return None
        raise
    count = counted.get("count")
    return count if isinstance(count, int) else None


def _last_edit(session: Session, url: str, described: Mapping[str, Any], where: str) -> int | None:
    """The latest stamp that can be trusted, in milliseconds."""
    if _stamped(url, described):
        return max(_stamps(described))
    field = _edit_field(described)
    able = described.get("advancedQueryCapabilities") or {}
    if not field or not (able.get("supportsStatistics") or described.get("supportsStatistics")):
        return None
    wanted = [{"statisticType": "max", "onStatisticField": field, "outStatisticFieldName": "latest"}]
    try:
        found = question(session, f"{url}/query", {"where": where, "outStatistics": json.dumps(wanted)}, tries=2)
        latest = next(iter(found["features"][0]["attributes"].values()))
    except (Refused, ServerTrouble, LookupError, TypeError, AttributeError, StopIteration):
        return None
    return int(latest) if isinstance(latest, int | float) and latest > 0 else None


def _stamped(url: str, described: Mapping[str, Any]) -> bool:
    """Whether every change of the rows moves the layer's stamps. They are kept by hosted services; of others the stamp
    knows only edits made through the service, and of a view not all that are made to its source."""
    hosted = (urlsplit(url).hostname or "").endswith(".arcgis.com") or "/hosted/" in url.lower()
    told = "dataLastEditDate" in (described.get("editingInfo") or {})
    return bool(_stamps(described)) and (hosted or told) and not described.get("isView")


def _stamps(described: Mapping[str, Any]) -> list[int]:
    editing = described.get("editingInfo") or {}
    kinds = ("lastEditDate", "dataLastEditDate", "schemaLastEditDate")
    return [editing[kind] for kind in kinds if isinstance(editing.get(kind), int) and editing[kind] > 0]


def _edit_field(described: Mapping[str, Any]) -> str:
    """The field in which the service itself notes when a row was edited; one that people fill in tells nothing."""
    field = (described.get("editFieldsInfo") or {}).get("editDateField")
    names = {one["name"].lower(): one["name"] for one in _fields(described)}
    return str(names.get(str(field).lower(), "")) if field else ""


def _in_utc(described: Mapping[str, Any]) -> bool:
    """Whether a moment in a condition means UTC; a service may be set to another zone."""
    reference = (described.get("editFieldsInfo") or {}).get("dateFieldsTimeReference")
    reference = reference or described.get("dateFieldsTimeReference") or {}
    zone = str(reference.get("timeZone") or reference.get("timeZoneIANA") or "UTC")
    return zone.upper() in ("UTC", "ETC/UTC") and described.get("useStandardizedQueries") is not False


def _oid(described: Mapping[str, Any]) -> str:
    typed = [field["name"] for field in _fields(described) if field.get("type") == "esriFieldTypeOID"]
    return str(described.get("objectIdField") or next(iter(typed), ""))


def _shape(described: Mapping[str, Any]) -> str | None:
    kind = described.get("geometryType")
    if isinstance(kind, str):
        return _SHAPES.get(kind.removeprefix("esriGeometry"))
    return "none" if described.get("type") == "Table" or "fields" in described else None


def _crs(described: Mapping[str, Any]) -> str | None:
    """The system that shapes come in unless another is asked for: that of the layer's extent."""
    reference = (described.get("extent") or {}).get("spatialReference") or described.get("sourceSpatialReference") or {}
    code = reference.get("latestWkid") or reference.get("wkid")
    if not isinstance(code, int):
        return None
    if code in _MERCATOR:
        return "EPSG:3857"
    return f"{'ESRI' if code > 32767 else 'EPSG'}:{code}"


def _fields(described: Mapping[str, Any]) -> list[dict[str, Any]]:
    fields = described.get("fields") or []
    return [field for field in fields if isinstance(field, dict) and isinstance(field.get("name"), str)]
