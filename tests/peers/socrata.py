"""A Socrata portal as documented, for tests: nobody outside Tyler can install one.

Each behaviour names where it is written down. `dev.socrata.com` is the vendor's documentation; issues are of public
clients that met it.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from tests.peers.answering import Reply, answering, json_reply, web_page

DEFAULT_LIMIT = 1_000
"""dev.socrata.com/docs/paging: `$limit` is 1,000 unless stated."""
REGION = ":@computed_region_ab12_cd34"
"""The regions Socrata adds to tables with a point, which no publisher wrote."""

Row = Mapping[str, Any]


@dataclass(frozen=True)
class View:
    """A view: `columns` are field names with data types, `rows` their values with `:id` and `:updated_at`."""

    id: str
    name: str
    columns: Mapping[str, str]
    rows: Sequence[Row] = ()
    hidden: tuple[str, ...] = ()
    rows_updated_at: int = 1_780_000_000
    view_last_modified: int = 1_770_000_000
    asset_type: str = "dataset"
    view_type: str = "tabular"
    parent: str | None = None
    licence: str = "Open Government Licence v3.0"
    private: bool = False
    grouped: bool = False


@dataclass
class SocrataPortal:
    """The portal. `unordered`: `$order` is ignored, and pages overlap by a tenth. `most_rows` caps a page without
    a word. `busy` so many requests are throttled. `token`: nobody is answered without one. `others` pads the catalogue.
    """

    views: Sequence[View]
    unordered: bool = False
    most_rows: int | None = None
    busy: int = 0
    token: bool = False
    others: int = 0
    url: str = ""
    asked: list[str] = field(default_factory=list)

    def answer(self, path: str, query: Mapping[str, str], headers: Mapping[str, str]) -> Reply:
        if self.busy:
            # dev.socrata.com/docs/app-tokens: "If you are throttled …, you will receive a status code 429 response".
            self.busy -= 1
            return _error(429, "too_many_requests", "You have made too many requests.", {"Retry-After": "0"})
        if self.token and "X-App-Token" not in headers:
            # The shape and words that the `windy` client's tests recorded (fixture invalid_app_token.json).
            return _error(403, "permission_denied", "Invalid app_token specified")
        if path == "/api/catalog/v1":
            return self._catalogue(query)
        if found := re.fullmatch(r"/(api/views|resource)/(\w{4}-\w{4})\.json", path):
            return self._of_view(found[1], found[2], query)
        return web_page(404)

    def _catalogue(self, query: Mapping[str, str]) -> Reply:
        # The shape of results as public clients record it: resource, classification, metadata, permalink; limit is 100
        # unless stated. Without `domains` it answers for every portal on earth.
        if query.get("domains") != "127.0.0.1":
            return json_reply({"results": [], "resultSetSize": 10_000})
        entries = [self._entry(view) for view in self.views if view.asset_type == query.get("only")]
        entries += [self._entry(View(f"p{n:03d}-{n:04d}", f"Table {n}", {"a": "text"})) for n in range(self.others)]
        start, limit = int(query.get("offset", 0)), int(query.get("limit", 100))
        return json_reply({"results": entries[start : start + limit], "resultSetSize": len(entries)})

    def _entry(self, view: View) -> dict[str, Any]:
        resource = {
            "id": view.id, "name": view.name, "description": "", "attribution": "Ashmere Borough Council",
            "type": view.asset_type, "updatedAt": "2026-05-28T20:26:40.000Z",
            "data_updated_at": "2026-05-28T20:26:40.000Z", "parent_fxf": [view.parent] if view.parent else [],
            "columns_field_name": [*view.columns, REGION],
            "columns_datatype": [*(kind.capitalize() for kind in view.columns.values()), "Number"],
        }  # fmt: skip
        metadata = {"domain": "127.0.0.1", "license": view.licence}
        return {"resource": resource, "metadata": metadata, "permalink": f"{self.url}/d/{view.id}"}

    def _of_view(self, service: str, wanted: str, query: Mapping[str, str]) -> Reply:
        view = next((view for view in self.views if view.id == wanted), None)
        if view is None:
            # As the portal's own front end has it in its tests: code not_found, error true, "Cannot find view with id".
            return _error(404, "not_found", f"Cannot find view with id {wanted}")
        if view.private:
            # dev.socrata.com/docs/response-codes: 403 "You're not authorized to access this resource".
            return _error(403, "permission_denied", "You must be logged in to access this resource")
        return json_reply(_metadata(view)) if service == "api/views" else self._rows(view, query)

    def _rows(self, view: View, query: Mapping[str, str]) -> Reply:
        if refusal := _refusal(view, query):
            return refusal
        select = query.get("$select", "*")
        if select.startswith("count(*)"):
            return json_reply([_counted(view, select)])
        rows = [row for row in view.rows if _is_after(row, query.get("$where", ""))]
        start, limit = int(query.get("$offset", 0)), int(query.get("$limit", DEFAULT_LIMIT))
        limit = min(limit, self.most_rows or limit)
        length = max(0, min(limit, len(rows) - start))
        if self.unordered:
            # Clients that forget `$order` meet this: as many rows as there are, a tenth of them twice and another tenth
            # never (sodapy issues 79 and 85). Here even `$order` does not help.
            start = start * 9 // 10
        elif order := query.get("$order"):
            rows.sort(key=lambda row: [str(row.get(name, "")) for name in order.split(",")])
        names = _names(view, select)
        # A null is left out of a row altogether, as clients found in 2026.
        page = [{out: row[name] for name, out in names.items() if row.get(name) is not None} for row in rows]
        return json_reply(page[start : start + length])


@contextmanager
def socrata(*views: View, **manners: Any) -> Iterator[SocrataPortal]:
    """The portal with these views, while the context lasts."""
    portal = SocrataPortal(views, **manners)
    with answering(portal):
        yield portal


def _metadata(view: View) -> dict[str, Any]:
    # Members as portals publish them under `meta.view` of rows.json and as clients read them: rowsUpdatedAt in seconds,
    # columns with fieldName, dataTypeName and flags, license with name; modifyingViewUid of what a map is drawn from.
    columns = [
        {"fieldName": name, "dataTypeName": kind, "name": name.title(), "flags": ["hidden"]}
        if name in view.hidden
        else {"fieldName": name, "dataTypeName": kind, "name": name.title()}
        for name, kind in view.columns.items()
    ]
    region = {"fieldName": REGION, "dataTypeName": "number", "name": "Wards"}
    parent = {"modifyingViewUid": view.parent} if view.parent else {}
    return {
        "id": view.id, "name": view.name, "assetType": view.asset_type, "viewType": view.view_type,
        "attribution": "Ashmere Borough Council", "rowsUpdatedAt": view.rows_updated_at,
        "viewLastModified": view.view_last_modified, "licenseId": "OGL", "license": {"name": view.licence},
        "columns": [*columns, region] if columns else [], **parent,
    }  # fmt: skip


def _refusal(view: View, query: Mapping[str, str]) -> Reply | None:
    said = ",".join(query.get(name, "") for name in ("$select", "$order", "$where"))
    if re.search(r"(?<!\*),\s*\*", query.get("$select", "")) and not query["$select"].startswith(":*"):
        # `:id,*` answers 400, met by several clients; a star comes first.
        return _error(400, "query.soql.unexpected-token", "Could not parse SoQL query: unexpected star")
    if view.grouped and (":id" in said or ":updated_at" in said):
        # soql-analyzer's NoSuchColumn error; a view that groups rows has no system fields.
        return _error(400, "query.soql.no-such-column", "Query coordinator error: query.soql.no-such-column; :id")
    return None


def _counted(view: View, select: str) -> dict[str, str]:
    # Numbers come as text in JSON (dev.socrata.com/docs/datatypes/number).
    counted = {"row_total": str(len(view.rows))}
    stamps = [str(row[":updated_at"]) for row in view.rows if ":updated_at" in row]
    return counted | ({"latest_change": max(stamps)} if "max(:updated_at)" in select and stamps else {})


def _is_after(row: Row, where: str) -> bool:
    found = re.fullmatch(r":updated_at > '([^']*)'", where)
    return found is None or str(row[":updated_at"]) > found[1]


def _names(view: View, select: str) -> dict[str, str]:
    """Which members a row has, and what they are called."""
    names: dict[str, str] = {}
    for part in select.split(","):
        name, _, alias = part.strip().partition(" as ")
        if name == "*":
            names |= {column: column for column in view.columns}
        elif name == ":*":
            names |= {column: column for column in (":id", ":created_at", ":updated_at")}
        else:
            names[name] = alias or name
    return names


def _error(status: int, code: str, message: str, headers: Mapping[str, str] | None = None) -> Reply:
    # Two shapes are met: `code` from the portal, `errorCode` from the query engine.
    name = "errorCode" if code.startswith("query.") else "code"
    return json_reply({name: code, "error": True, "message": message}, status, headers)
