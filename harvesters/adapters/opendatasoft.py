"""The adapter for Opendatasoft portals (now Huwise), by the Explore API 2.1.

A dataset always comes whole, by its export. The records service ends at 10,000 rows, so that paging could never read
more than an export does, and what it may read the export may too. The export is CSV, because a CSV has a line for
every record: whether the GeoJSON one leaves out records without a geometry is not documented. Points are there as
"lat, lon" and shapes as GeoJSON in a cell, both of which are understood when the file is opened.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, quote, unquote, urlsplit

from datasets.errors import RunFailed
from harvesters.adapters.contract import Dataset, Download, Found, Tally, proven
from harvesters.location.axes import paired_columns
from harvesters.platforms.table_portal import TablePortal
from harvesters.web.ask import with_query
from harvesters.web.session import Session

TITLE = "An Opendatasoft portal"
DESCRIBES = True

API = "/api/explore/v2.1"
LISTED_AT_ONCE = 100
"""The most the catalogue gives at once."""

_DATASET = re.compile(
    r"^/(?:explore/(?:embed/)?(?:dataset|assets)|api/(?:explore/)?v2(?:\.\d)?/catalog/datasets)/([^/]+)"
)
_OLD_DATASET = re.compile(r"^/api/datasets/1\.0/(?!search\b)([^/]+)")
_HOME = re.compile(r"^/(?:explore|pages?|map|api/(?:explore/)?v2)(?:[./]|$)")
_KINDS = (("polygon", "area"), ("linestring", "line"), ("point", "point"))


class _Portal(TablePortal):
    ERROR = ("error_code",)
    LOST = ", or does not show it; look for it on the portal."


def probe(url: str, params: Mapping[str, str], session: Session) -> Found | None:
    """The portal, or the one dataset that the address or `params["dataset"]` names."""
    parts = urlsplit(url)
    portal = _Portal(f"{parts.scheme}://{parts.netloc}", session)
    if wanted := params.get("dataset"):
        return _one(portal, portal.asked(_address(portal.base, wanted), wanted))
    if guess := _dataset_in(parts.path, parts.query):
        described = portal.guessed(_address(portal.base, guess), guess)
        return _one(portal, described) if isinstance(described, dict) and "dataset_id" in described else None
    return _catalogue(portal) if parts.path in ("", "/") or _HOME.match(parts.path) else None


def pages(dataset: Dataset, since: str | None) -> Download:
    """The whole dataset as one file. The portal's Last-Modified stands still while rows change (etalab/transport-site
    issue 1604), so nothing is asked on condition."""
    wanted = dataset.params["dataset"]
    how = {"limit": -1, "delimiter": ";", "timezone": "UTC", "use_labels": "false", "epsg": 4326}
    address = with_query(f"{_address(dataset.url, wanted)}/exports/csv", how)
    return Download(address, f"{wanted}.csv", "text/csv", conditional=False)


def complete(dataset: Dataset, tally: Tally) -> str | None:
    """As many rows as the portal counts. An export that breaks off half-way is still an answer of status 200."""
    return proven(dataset, tally)


def _dataset_in(path: str, query: str) -> str | None:
    """The dataset's id in the address of a page or of the API, the old ones included."""
    found = _DATASET.match(path) or _OLD_DATASET.match(path)
    if found:
        return unquote(found[1])
    asked = parse_qs(query).get("dataset", [""])[0]
    return asked or None if path.startswith("/api/records/1.0/") else None


def _catalogue(portal: _Portal) -> Found | None:
    """The portal's list of datasets, as far as MOST_LISTED; those without rows are left out."""
    base = portal.base
    if (listed := portal.listed(lambda offset: _catalogue_address(base, offset), "total_count")) is None:
        return None
    entries, total = listed
    found = {entry["dataset_id"]: entry for entry in entries if entry.get("has_records", True)}
    datasets = tuple(_described(base, entry, _metas(entry).get("records_count")) for entry in found.values())
    note = f"The first {len(entries):,} of {total:,} datasets are listed." if total > len(entries) else ""
    return Found("opendatasoft", portal.host, base, datasets, total, note)


def _catalogue_address(base: str, offset: int) -> str:
    wanted = {"limit": LISTED_AT_ONCE, "offset": offset, "order_by": "dataset_id"}
    return with_query(f"{base}{API}/catalog/datasets", wanted)


def _one(portal: _Portal, described: Mapping[str, Any]) -> Found:
    base = portal.base
    wanted = str(described["dataset_id"])
    if not described.get("has_records", True):
        raise RunFailed("E-PLATFORM", f"{wanted!r} has no rows on the portal, only files or links.")
    if not described.get("data_visible", True):
        raise RunFailed("E-AUTH", f"The rows of {wanted!r} are not public; ask their owner to publish them.")
    counted = portal.asked(with_query(f"{_address(base, wanted)}/records", {"limit": 0}), wanted)
    if not isinstance(counted, dict) or not isinstance(counted.get("total_count"), int):
        raise RunFailed("E-PLATFORM", f"{portal.host} does not say how many rows {wanted!r} has.")
    dataset = _described(base, described, counted["total_count"])
    return Found("opendatasoft", portal.host, base, (dataset,), 1)


def _described(base: str, entry: Mapping[str, Any], count: int | None) -> Dataset:
    metas = _metas(entry)
    wanted = str(entry["dataset_id"])
    fields = {str(field["name"]): str(field.get("type", "")) for field in entry.get("fields") or []}
    geometry = _geometry(metas, fields)
    latest = _latest(metas)
    return Dataset(
        title=str(metas.get("title") or wanted),
        url=base,
        params={"dataset": wanted},
        description=str(metas.get("description") or ""),
        licence=str(metas.get("license") or metas.get("license_url") or ""),
        publisher=str(metas.get("publisher") or ""),
        page=f"{base}/explore/dataset/{quote(wanted)}/",
        count=count,
        updated=metas.get("data_processed") or metas.get("modified"),
        watermark=f"{latest.isoformat()} {count}" if latest else None,
        crs="EPSG:4326" if {"geo_point_2d", "geo_shape"} & set(fields.values()) else None,
        geometry=geometry,
        fields=tuple(fields),
        formats=("csv", "json", "geojson"),
    )


def _metas(entry: Mapping[str, Any]) -> Mapping[str, Any]:
    metas: Mapping[str, Any] = (entry.get("metas") or {}).get("default") or {}
    return metas


def _latest(metas: Mapping[str, Any]) -> datetime | None:
    """The latest stamp there is. `modified` may be typed in by hand: one in the future would hide every change."""
    soon = datetime.now(UTC) + timedelta(days=1)
    stamps = []
    for name in ("data_processed", "modified"):
        try:
            moment = datetime.fromisoformat(str(metas.get(name)))
        except ValueError:
            continue
        stamps.append(moment if moment.tzinfo else moment.replace(tzinfo=UTC))
    return max((stamp.astimezone(UTC) for stamp in stamps if stamp < soon), default=None)


def _geometry(metas: Mapping[str, Any], fields: Mapping[str, str]) -> str | None:
    """The largest kind that the portal found in the rows, else what the fields' types allow."""
    seen = " ".join(str(kind) for kind in metas.get("geometry_types") or []).lower()
    for word, kind in _KINDS:
        if word in seen:
            return kind
    if "geo_shape" in fields.values():
        return None
    return "point" if "geo_point_2d" in fields.values() or paired_columns(list(fields)) else "none"


def _address(base: str, wanted: str) -> str:
    return f"{base}{API}/catalog/datasets/{quote(wanted, safe='@')}"
