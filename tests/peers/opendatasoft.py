"""An Opendatasoft portal as documented, for tests: nobody outside the vendor can install one.

Each behaviour names where it is written down. `help.opendatasoft.com` is the vendor's reference of the Explore API 2.1;
other names are public clients that met the behaviour.
"""

import csv
import io
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from tests.peers.answering import Reply, answering, json_reply, web_page

MOST_AT_ONCE, MOST_BY_PAGING = 100, 10_000
CATALOGUE = "/api/explore/v2.1/catalog/datasets"


@dataclass(frozen=True)
class Table:
    """A dataset: `fields` are names with types; a geo_point_2d is a pair (lon, lat), a geo_shape a GeoJSON geometry."""

    id: str
    title: str
    fields: Mapping[str, str]
    rows: Sequence[Mapping[str, Any]] = ()
    licence: str = "Open Government Licence v3.0"
    data_processed: str = "2026-06-16T12:01:00+00:00"
    modified: str = "2026-06-16T12:00:00+00:00"
    geometry_types: tuple[str, ...] = ()
    has_records: bool = True
    data_visible: bool = True


@dataclass
class OpendatasoftPortal:
    """The portal. `interrupted_after`: exports break off after so many rows. `quota`: so many requests a day are
    answered. `others` pads the catalogue."""

    tables: Sequence[Table]
    interrupted_after: int | None = None
    quota: int | None = None
    others: int = 0
    url: str = ""
    asked: list[str] = field(default_factory=list)

    def answer(self, path: str, query: Mapping[str, str], headers: Mapping[str, str]) -> Reply:
        if self.quota is not None and len(self.asked) > self.quota:
            return _out_of_quota()
        if path == CATALOGUE:
            return self._catalogue(query)
        found = re.fullmatch(rf"{CATALOGUE}/([^/]+)(?:/(records|exports)(?:/(\w+))?)?", path)
        if not found:
            return web_page(404)
        table = next((table for table in self.tables if table.id == found[1]), None)
        if table is None:
            return json_reply({"error_code": "ODSQLError", "message": "Unknown dataset"}, 404)
        if found[2] is None:
            return json_reply(_described(table))
        return self._records(table, query) if found[2] == "records" else self._export(table, found[3], query)

    def _catalogue(self, query: Mapping[str, str]) -> Reply:
        tables = [*self.tables, *(Table(f"t-{n:05d}", f"Table {n}", {"a": "text"}) for n in range(self.others))]
        start, limit = int(query.get("offset", 0)), int(query.get("limit", 10))
        listed = [_described(table) for table in tables[start : start + limit]]
        return _refused_paging(start, limit) or json_reply({"total_count": len(tables), "results": listed})

    def _records(self, table: Table, query: Mapping[str, str]) -> Reply:
        # limit is 10 unless stated (help.opendatasoft.com, records).
        start, limit = int(query.get("offset", 0)), int(query.get("limit", 10))
        page = [dict(row) for row in table.rows[start : start + limit]]
        return _refused_paging(start, limit) or json_reply({"total_count": len(table.rows), "results": page})

    def _export(self, table: Table, form: str, query: Mapping[str, str]) -> Reply:
        if unknown := [name for name in query.get("select", "").split(",") if name and name not in table.fields]:
            # help.opendatasoft.com: 400 with message and error_code; the words as clients record them.
            said = f"ODSQL query is malformed: Unknown field: {unknown[0]}"
            return json_reply({"error_code": "ODSQLError", "message": said}, 400)
        rows = list(table.rows)
        body = _as_csv(table, rows, query) if form == "csv" else json.dumps([dict(row) for row in rows]).encode()
        if self.interrupted_after is not None:
            # An export is streamed, so that a late fault comes after the 200. The words are of an export that asked for
            # too high an offset (lbpd-ripa-data-annual at data.longbeach.gov).
            body = _as_csv(table, rows[: self.interrupted_after], query)
            body += b"Streaming interrupted due to the following error: timeout (error_code: InternalError)\r\n"
        # Last-Modified stands still while rows change (etalab/transport-site issue 1604).
        still = {"Content-Type": "text/csv", "Last-Modified": "Mon, 01 Jan 2024 00:00:00 GMT"}
        return Reply(body, 200, still)


@contextmanager
def opendatasoft(*tables: Table, **manners: Any) -> Iterator[OpendatasoftPortal]:
    """The portal with these datasets, while the context lasts."""
    portal = OpendatasoftPortal(tables, **manners)
    with answering(portal):
        yield portal


def _described(table: Table) -> dict[str, Any]:
    # Members as help.opendatasoft.com has them in the schema `dataset`.
    metas = {
        "title": table.title, "license": table.licence, "publisher": "Ashmere Borough Council",
        "modified": table.modified, "data_processed": table.data_processed, "records_count": len(table.rows),
        "geometry_types": list(table.geometry_types) or None, "description": "<p>Kept by the council.</p>",
    }  # fmt: skip
    fields = [{"name": name, "label": name.title(), "type": kind} for name, kind in table.fields.items()]
    return {
        "dataset_id": table.id, "has_records": table.has_records, "data_visible": table.data_visible,
        "fields": fields, "features": ["analyze"], "metas": {"default": metas},
    }  # fmt: skip


def _refused_paging(start: int, limit: int) -> Reply | None:
    # The words of the refusals as clients record them, for `limit` and for the sum with `offset`.
    if not -1 <= limit <= MOST_AT_ONCE:
        said = f"Invalid value for limit API parameter: {limit} was found but -1 <= limit <= 100 is expected."
    elif start + limit > MOST_BY_PAGING:
        found = f"{start + limit} was found but <= 10000 is expected."
        said = f"Invalid value for sum of offset + limit API parameter: {found}"
    else:
        return None
    return json_reply({"error_code": "InvalidRESTParameterError", "message": said}, 400)


def _out_of_quota() -> Reply:
    # help.opendatasoft.com, "Quotas": another key than other errors have, and when the quota begins anew.
    said = "Too many requests on the domain. Please contact the domain administrator."
    content = {
        "errorcode": 10002, "reset_time": "2026-06-17T00:00:00Z", "limit_time_unit": "day", "call_limit": 10000,
        "error": said,
    }  # fmt: skip
    return json_reply(content, 429, {"X-RateLimit-Remaining": "0", "Retry-After": "0"})


def _as_csv(table: Table, rows: Sequence[Mapping[str, Any]], query: Mapping[str, str]) -> bytes:
    # help.opendatasoft.com, "Exporting in CSV": `;` between cells unless `delimiter` says otherwise, a byte-order mark
    # since 2.1; names or, with use_labels, labels above.
    text = io.StringIO()
    writer = csv.writer(text, delimiter=query.get("delimiter", ";"))
    labels = query.get("use_labels", "false") == "true"
    writer.writerow([name.title() if labels else name for name in table.fields])
    for row in rows:
        writer.writerow([_cell(row.get(name), kind) for name, kind in table.fields.items()])
    return text.getvalue().encode("utf-8-sig")


def _cell(value: Any, kind: str) -> str:
    """A point is "lat, lon" and a shape its GeoJSON, as portals' CSV files have them."""
    if value is None:
        return ""
    if kind == "geo_point_2d":
        lon, lat = value
        return f"{lat}, {lon}"
    return json.dumps(value) if kind == "geo_shape" else str(value)
