"""The adapter for Socrata portals (Tyler Data & Insights): the catalogue of the portal's own domain, metadata by the
views API, rows by SODA 2.1. SODA 3 is left alone: it answers nobody without an application token.

Rows come as plain JSON whatever they hold. GeoJSON has room for one geometry only, and what it does with a row that has
none is not documented.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from datasets.errors import RunFailed
from harvesters.adapters.contract import Cursor, Dataset, Found, Page, Pages, Tally, proven
from harvesters.location.axes import paired_columns
from harvesters.platforms.contents import content_keys, json_content
from harvesters.platforms.table_portal import MOST_LISTED, TablePortal, sentence_in
from harvesters.web.ask import Refused, Request, ServerTrouble, ask_json, with_query
from harvesters.web.json_text import read_json
from harvesters.web.session import Session

TITLE = "A Socrata portal"
DESCRIBES = True

LISTED_AT_ONCE = 200
ROWS, ROWS_WITH_SHAPES = 10_000, 2_000
"""Rows in a page: points and plain values are short, outlines of areas may be very long."""
LONGEST_SELECT = 4_000
"""Beyond so many letters of column names, all columns are asked for with a star: servers refuse long addresses."""
OVERLAP = timedelta(hours=1)
"""Rows of a draft carry the time they were written, not the time at which the draft was published."""

_ID = re.compile(r"^([a-z0-9]{4}-[a-z0-9]{4})(?:\.[a-z]+)?$")
_HOME_PATHS = ("", "browse", "datasets", "catalog", "data.json", "api/catalog/v1")
_DRAWINGS = ("map", "chart", "visualization", "geo")
_GEOMETRY = {
    **dict.fromkeys(("point", "location", "multipoint"), "point"),
    **dict.fromkeys(("line", "multiline"), "line"),
    **dict.fromkeys(("polygon", "multipolygon"), "area"),
}
_BY_ID, _BY_COLUMNS = ":id", "columns"
_KEY_NAMES = ("fid", "ogc_fid", "gml_id", "objectid", "objectid_1")
"""What `:id` is called in the pages, the first that no column has. No stage takes these names for the council's
reference, and the content's hash leaves them out: a full replacement numbers all rows anew."""


class _Portal(TablePortal):
    ERROR = ('"error"', '"code"')
    LOST = ". It may have been published anew under another id; look for it on the portal."

    def closed(self, refusal: Refused) -> RunFailed | None:
        locked = "app_token" in refusal.said or "app token" in refusal.said.lower()
        return _locked(self.base, refusal.said) if locked else None


def probe(url: str, params: Mapping[str, str], session: Session) -> Found | None:
    """The portal, or the one dataset that the address or `params["dataset"]` names by its 4x4 id."""
    parts = urlsplit(url)
    portal = _Portal(f"{parts.scheme}://{parts.netloc}", session)
    if wanted := params.get("dataset"):
        return _one(portal, portal.asked(_view_address(portal.base, _checked(wanted)), wanted))
    ids = [found[1] for segment in parts.path.split("/") if (found := _ID.match(segment))]
    if ids:
        view = portal.guessed(_view_address(portal.base, ids[-1]), ids[-1])
        return _one(portal, view) if isinstance(view, dict) and view.get("id") == ids[-1] else None
    return _catalogue(portal) if parts.path.strip("/") in _HOME_PATHS else None


def pages(dataset: Dataset, since: str | None) -> Pages:
    """All rows in the order of their ids, or those changed since an earlier watermark in the order of change."""
    size = ROWS if dataset.geometry in ("point", "none", None) else ROWS_WITH_SHAPES
    return RowPages(dataset, _changed_after(since), {"offset": 0, "order": _BY_ID}, size)


def complete(dataset: Dataset, tally: Tally) -> str | None:
    """Every row once, as many as `count(*)` says, up to a page that ends them."""
    return proven(dataset, tally) or (None if tally.ended else "No page told that it was the last.")


@dataclass
class RowPages:
    """Pages of `/resource/{id}.json`. Without an order Socrata repeats and skips rows (sodapy issues 79 and 85)."""

    dataset: Dataset
    changed_after: str | None
    first: Cursor
    size: int
    ending: str = ".json"

    def request(self, cursor: Cursor, size: int) -> Request:
        own = self.dataset.own
        by_id = cursor["order"] == _BY_ID
        names = ",".join(own["columns"])
        select = [names] if len(names) <= LONGEST_SELECT else ["*"]
        # A star must come first: `:id,*` is refused.
        select += [f":id as {own['key']}"] if by_id else []
        query: dict[str, object] = {"$select": ",".join(select)}
        if self.changed_after:
            query |= {"$where": f":updated_at > '{self.changed_after}'", "$order": ":updated_at,:id"}
        else:
            query["$order"] = ":id" if by_id else ",".join(own["sortable"])
        query |= {"$limit": size, "$offset": cursor["offset"]}
        return Request(with_query(own["rows"], query))

    def read(self, cursor: Cursor, size: int, body: bytes) -> Page:
        rows, key = _rows(body, self.dataset), self.dataset.own["key"]
        hashed = not all(key in row for row in rows)
        keys = content_keys(map(json_content, rows)) if hashed else [str(row[key]) for row in rows]
        page = Page(len(rows), keys, None, hashed=hashed)
        done = cursor["offset"] + len(rows)
        count = self.dataset.count
        if not rows:
            return Page(0, (), None, f"an empty page after {done:,} rows")
        if len(rows) < size and count is not None and done >= count and not self.changed_after:
            return replace(page, ended=f"a short last page, and the {count:,} rows declared")
        return replace(page, next={**cursor, "offset": done})

    def instead(self, cursor: Cursor, refusal: str) -> Cursor | None:
        """Views that group rows have no `:id`; their rows can only be put in order by what they hold."""
        if "token" in refusal.lower():
            raise _locked(self.dataset.url, refusal)
        without_id = "no-such-column" in refusal or ":id" in refusal
        if cursor["order"] == _BY_ID and without_id and self.dataset.own["sortable"] and not self.changed_after:
            return {"offset": 0, "order": _BY_COLUMNS}
        return None


def _rows(body: bytes, dataset: Dataset) -> list[dict[str, Any]]:
    host = urlsplit(dataset.url).netloc
    try:
        answer = read_json(body, host)
    except ValueError:
        raise ServerTrouble("E-TRUNCATED", f"{host} broke off in the middle of a page.") from None
    if not isinstance(answer, list) or not all(isinstance(row, dict) for row in answer):
        raise ServerTrouble("E-PLATFORM", f"{host} answered: {sentence_in(body.decode('utf-8', 'replace'))}")
    return answer


def _catalogue(portal: _Portal) -> Found | None:
    """The portal's list of datasets, as far as MOST_LISTED. Its own domain answers for the central catalogue, so that
    nobody has to know whether that lies in America or in Europe."""
    base = portal.base
    if (listed := portal.listed(lambda offset: _catalogue_address(base, offset), "resultSetSize")) is None:
        return None
    entries, total = listed
    found = {entry["resource"]["id"]: _listed(base, entry) for entry in entries[:MOST_LISTED]}
    note = f"The first {len(found):,} of {total:,} datasets are listed." if total > len(found) else ""
    return Found("socrata", portal.host, base, tuple(found.values()), total, note)


def _catalogue_address(base: str, offset: int) -> str:
    """A page of the catalogue. Without `domains` it lists every portal there is."""
    domain = urlsplit(base).hostname or ""
    wanted = {"domains": domain, "search_context": domain, "only": "dataset", "limit": LISTED_AT_ONCE, "offset": offset}
    return with_query(f"{base}/api/catalog/v1", wanted)


def _listed(base: str, entry: Mapping[str, Any]) -> Dataset:
    resource = entry["resource"]
    names = resource.get("columns_field_name") or []
    types = [str(kind).lower() for kind in resource.get("columns_datatype") or []]
    fields = tuple(name for name in names if not name.startswith(":"))
    return Dataset(
        title=str(resource.get("name") or resource["id"]),
        url=base,
        params={"dataset": str(resource["id"])},
        description=str(resource.get("description") or ""),
        licence=str((entry.get("metadata") or {}).get("license") or ""),
        publisher=str(resource.get("attribution") or ""),
        page=entry.get("permalink") or f"{base}/d/{resource['id']}",
        updated=resource.get("data_updated_at") or resource.get("updatedAt"),
        geometry=_geometry(types, fields),
        fields=fields,
        formats=("json", "geojson", "csv"),
    )


def _one(portal: _Portal, view: Mapping[str, Any]) -> Found:
    note = ""
    if parent := _drawn_from(view):
        note = f"{view.get('name')!r} is drawn from the dataset {parent}, which is what is read."
        view = portal.asked(_view_address(portal.base, parent), parent)
    if view.get("viewType") not in (None, "tabular", "geo") or not _columns(view):
        raise RunFailed(
            "E-PLATFORM", f"{view.get('name')!r} has no rows on the portal: it is a file, a link or a page."
        )
    return Found("socrata", portal.host, portal.base, (_described(portal, view),), 1, note)


def _drawn_from(view: Mapping[str, Any]) -> str | None:
    """The dataset that a map or chart shows; None of one that holds rows itself, as saved filters do."""
    if (view.get("assetType") or view.get("displayType")) not in _DRAWINGS:
        return None
    children = view.get("childViews") or []
    parent = view.get("modifyingViewUid") or (children[0] if len(children) == 1 else None)
    return str(parent) if parent else None


def _described(portal: _Portal, view: Mapping[str, Any]) -> Dataset:
    base, wanted = portal.base, str(view["id"])
    columns = _columns(view)
    names = tuple(columns)
    rows = f"{base}/resource/{wanted}.json"
    count, latest = _count(portal, rows, wanted)
    stamp = max((int(view[name]) for name in ("rowsUpdatedAt", "viewLastModified") if view.get(name)), default=0)
    geometry = _geometry(columns.values(), names)
    licence = view.get("license") or {}
    return Dataset(
        title=str(view.get("name") or wanted),
        url=base,
        params={"dataset": wanted},
        description=str(view.get("description") or ""),
        licence=str(licence.get("name") or view.get("licenseId") or ""),
        publisher=str(view.get("attribution") or ""),
        page=f"{base}/d/{wanted}",
        count=count,
        updated=_moment(view.get("rowsUpdatedAt")),
        # The first word is where a read of changes begins. Deleted rows show in the other two only.
        watermark=f"{latest or '-'} {stamp} {count}" if latest or stamp else None,
        crs="EPSG:4326" if set(columns.values()) & set(_GEOMETRY) else None,
        geometry=geometry,
        fields=names,
        formats=("json", "geojson", "csv"),
        increments=latest is not None,
        own={
            "rows": rows,
            "columns": list(names),
            "sortable": [name for name, kind in columns.items() if kind in ("text", "number", "calendar_date")],
            "key": next((name for name in _KEY_NAMES if name not in names), "_id"),
        },
    )


def _count(portal: _Portal, rows: str, wanted: str) -> tuple[int, str | None]:
    """How many rows there are, and when the latest of them changed; None where rows carry no such stamp."""
    total = "count(*) as row_total"
    try:
        answer = ask_json(portal.session, rows, {"$select": f"{total},max(:updated_at) as latest_change"})
    except Refused as refusal:
        if refusal.status != 400:
            raise portal.explained(wanted, refusal) from None
        answer = portal.asked(with_query(rows, {"$select": total}), wanted)
    match answer:
        case [{"row_total": number, "latest_change": str(latest)}]:
            return int(str(number)), latest
        case [{"row_total": number}]:
            return int(str(number)), None
    raise RunFailed("E-PLATFORM", f"{portal.host} does not say how many rows {wanted!r} has.")


def _columns(view: Mapping[str, Any]) -> dict[str, str]:
    """The names and types of the columns that are the dataset's own and meant to be seen."""
    return {
        str(column["fieldName"]): str(column.get("dataTypeName", "")).lower()
        for column in view.get("columns") or []
        if not str(column["fieldName"]).startswith(":") and "hidden" not in (column.get("flags") or [])
    }


def _geometry(types: Any, names: tuple[str, ...]) -> str:
    kinds = {_GEOMETRY[kind] for kind in types if kind in _GEOMETRY}
    order = [kind for kind in ("area", "line", "point") if kind in kinds]
    return order[0] if order else ("point" if paired_columns(names) else "none")


def _view_address(base: str, wanted: str) -> str:
    return f"{base}/api/views/{wanted}.json"


def _locked(url: str, said: str) -> RunFailed:
    return RunFailed(
        "E-AUTH",
        f"{urlsplit(url).netloc} wants an application token: {sentence_in(said)} Ask its owner to let everybody read"
        " the dataset, or register a file of it instead.",
    )


def _checked(wanted: str) -> str:
    if not _ID.match(wanted):
        raise RunFailed("E-PLATFORM", f"{wanted!r} is not the id of a Socrata dataset, such as abcd-1234.")
    return wanted


def _changed_after(since: str | None) -> str | None:
    """The moment from which changes are read, out of the watermark of the read before."""
    if since is None or since.startswith("-"):
        return None
    latest = datetime.fromisoformat(since.split()[0])
    return (latest.replace(tzinfo=latest.tzinfo or UTC) - OVERLAP).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")


def _moment(seconds: Any) -> str | None:
    return datetime.fromtimestamp(int(seconds), UTC).isoformat() if seconds else None
