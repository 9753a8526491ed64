"""A CKAN portal with one dataset in its DataStore, for what a real CKAN cannot be made to do; the real one is started
by `tests.peers.ckan`."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from tests.builders import EAST, NORTH
from tests.peers.answering import Reply, answering, json_reply

DATASET, RESOURCE = "b7a1c1de-0000-4000-8000-000000000001", "b7a1c1de-0000-4000-8000-000000000002"
DEFAULT_LIMIT = 100


@dataclass
class DataStore:
    """Misbehaviour is switched on by the arguments; pages are counted from 1.

    `cap` is `ckan.datastore.search.rows_max`: a greater limit is lowered to it and echoed so, with status 200 (CKAN
    docs, "DataStore extension", `datastore_search`: "limit ... upper limit 32000"). `sorts`: DKAN knows no `sort=_id`
    and refuses it. Without a sort there is "no order guarantee", and with `overlap` a tenth of each page comes again.
    `broken` is given as the answer for the page `broken_page`.
    """

    rows: int = 1000
    cap: int = 32_000
    sorts: bool = True
    overlap: bool = False
    package: Mapping[str, Any] = field(default_factory=dict)
    resources: Sequence[Mapping[str, Any]] | None = None
    broken: Reply | None = None
    broken_page: int = 0
    gone: int = 0
    """So many rows are counted and never given."""
    url: str = ""
    asked: list[str] = field(default_factory=list)
    _pages: int = 0

    def answer(self, path: str, query: Mapping[str, str], headers: Mapping[str, str]) -> Reply:
        action = path.removeprefix("/api/3/action/")
        if action == "package_show":
            return _says(self._shown() if query.get("id") in (DATASET, "toilets") else None)
        if action == "resource_show":
            return _says({"id": RESOURCE, "package_id": DATASET} if query.get("id") == RESOURCE else None)
        if action == "datastore_search":
            return self._search(query)
        return json_reply("Bad request - Action name not known: " + action, 400)

    def _shown(self) -> dict[str, Any]:
        dump = f"{self.url}/datastore/dump/{RESOURCE}"
        table = {"id": RESOURCE, "name": "Toilets", "format": "CSV", "url": dump, "url_type": "datastore"}
        given = self.resources if self.resources is not None else [{**table, "datastore_active": True}]
        return {"id": DATASET, "name": "toilets", "title": "Toilets", "resources": list(given), **self.package}

    def _search(self, query: Mapping[str, str]) -> Reply:
        limit, offset = min(int(query.get("limit", DEFAULT_LIMIT)), self.cap), int(query.get("offset", 0))
        if "sort" in query and not self.sorts:
            error = {"__type": "Validation Error", "sort": ["field _id not in table"]}
            return json_reply({"success": False, "error": error}, 409)
        self._pages += limit > 0
        if self.broken and self._pages == self.broken_page and limit:
            return self.broken
        back = limit // 10 if self.overlap and offset and "sort" not in query else 0
        numbers = range(offset - back + 1, min(offset - back + limit, self.rows - self.gone) + 1)
        fields = [{"id": "_id", "type": "int"}, *({"id": n, "type": "text"} for n in ("Name", "Easting", "Northing"))]
        found = {"fields": fields, "records": [_row(number) for number in numbers], "total": self.rows}
        return _says({"resource_id": RESOURCE, "limit": limit, "offset": offset, **found})


@contextmanager
def datastore(**behaviour: Any) -> Iterator[DataStore]:
    """The portal, while the context lasts."""
    portal = DataStore(**behaviour)
    with answering(portal):
        yield portal


def _row(number: int) -> dict[str, Any]:
    east, north = EAST + number % 1000, NORTH + number // 1000
    return {"_id": number, "Name": f"Toilet {number}", "Easting": str(east), "Northing": str(north)}


def _says(result: Any) -> Reply:
    if result is None:
        return json_reply({"success": False, "error": {"__type": "Not Found Error", "message": "Not found"}}, 404)
    return json_reply({"help": "", "success": True, "result": result})
