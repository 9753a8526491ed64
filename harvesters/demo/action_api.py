"""CKAN's action API as Ferncliffe's portal speaks it: the reading actions a harvester calls, in CKAN's envelope and
with CKAN's errors."""

import json
import re
from collections.abc import Callable, Mapping
from html import escape
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response

from harvesters.demo import ferncliffe

ORGANISATION = "ferncliffe"
ROWS_MAX = 1000
_MODIFIED = "2026-10-01T09:00:00.000000"
_TERM = re.compile(r'^[+]?(\w+):("?)([^"]*)\2$')

Params = Mapping[str, Any]


class ActionError(Exception):
    """What CKAN says no with: an HTTP status and the `error` member."""

    def __init__(self, status: int, error: Mapping[str, Any]) -> None:
        super().__init__(str(error))
        self.status = status
        self.error = error


class ActionApi:
    """Answers from the catalogue file that `write_councils` left under `folder`, read anew each time."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def answer(self, request: Request) -> Response:
        """One action. An unknown one gets a bare string, as CKAN gives it."""
        name = request.path_params["action"]
        action = ACTIONS.get(name)
        if action is None:
            return JSONResponse(f"Bad request - Action name not known: {name}", status_code=400)
        portal = f"{str(request.base_url).rstrip('/')}/{ferncliffe.PORTAL}"
        envelope = {"help": f"{portal}/api/3/action/help_show?name={name}"}
        try:
            result = action(self._packages(portal), await _params(request))
        except ActionError as error:
            return JSONResponse({**envelope, "success": False, "error": error.error}, status_code=error.status)
        return JSONResponse({**envelope, "success": True, "result": result})

    def dataset_page(self, request: Request) -> Response:
        """The page a person sees, which is not data."""
        entries = {entry["name"]: entry for entry in self._entries()}
        entry = entries.get(request.path_params["name"])
        if entry is None:
            return HTMLResponse("<!doctype html><title>404</title><h1>Dataset not found</h1>", status_code=404)
        title, notes = escape(entry["title"]), escape(entry["notes"])
        return HTMLResponse(f"<!doctype html><title>{title}</title><h1>{title}</h1><p>{notes}</p>")

    def _entries(self) -> list[dict[str, Any]]:
        entries: list[dict[str, Any]] = json.loads((self._folder / ferncliffe.CATALOGUE).read_text(encoding="utf-8"))
        return entries

    def _packages(self, portal: str) -> list[dict[str, Any]]:
        return [_package(entry, portal) for entry in self._entries()]


def package_list(packages: list[dict[str, Any]], params: Params) -> list[str]:
    names = sorted(package["name"] for package in packages)
    start = _number(params, "offset", 0)
    return names[start : start + _number(params, "limit", len(names))]


def package_show(packages: list[dict[str, Any]], params: Params) -> dict[str, Any]:
    wanted = _required(params, "id")
    for package in packages:
        if wanted in (package["id"], package["name"]):
            return package
    raise _not_found()


def package_search(packages: list[dict[str, Any]], params: Params) -> dict[str, Any]:
    found = [package for package in packages if _matches(package, params)]
    found.sort(key=lambda package: package["id"])
    start, rows = _number(params, "start", 0), min(_number(params, "rows", 10), ROWS_MAX)
    return {
        "count": len(found),
        "facets": {},
        "search_facets": {},
        "sort": params.get("sort", "score desc, metadata_modified desc"),
        "results": found[start : start + rows],
    }


def organization_list(packages: list[dict[str, Any]], params: Params) -> list[str]:
    return [ORGANISATION]


def organization_show(packages: list[dict[str, Any]], params: Params) -> dict[str, Any]:
    organisation = _organisation()
    if _required(params, "id") not in (organisation["id"], organisation["name"]):
        raise _not_found()
    with_datasets = str(params.get("include_datasets", "false")).lower() in ("true", "1", "yes")
    listed = {"packages": packages[:10]} if with_datasets else {}
    return {**organisation, "package_count": len(packages), **listed}


def status_show(packages: list[dict[str, Any]], params: Params) -> dict[str, Any]:
    return {"ckan_version": "2.11.3", "site_title": "Ferncliffe open data", "extensions": []}


ACTIONS: Mapping[str, Callable[[list[dict[str, Any]], Params], Any]] = {
    action.__name__: action
    for action in (package_list, package_show, package_search, organization_list, organization_show, status_show)
}


def _package(entry: Mapping[str, Any], portal: str) -> dict[str, Any]:
    name, organisation = entry["name"], _organisation()
    page = f"{portal}/dataset/{name}"
    table = {"name": entry["title"], "format": entry["format"], "size": entry["size"]}
    table["url"] = f"{portal.removesuffix(ferncliffe.PORTAL)}{entry['path']}"
    documentation = {"name": "About this list", "format": "HTML", "size": None, "url": page}
    return {
        "id": _id(f"dataset/{name}"),
        "name": name,
        "title": entry["title"],
        "notes": entry["notes"],
        "type": "dataset",
        "state": "active",
        "private": False,
        "isopen": True,
        "license_id": "uk-ogl",
        "license_title": "UK Open Government Licence (OGL)",
        "license_url": "http://reference.data.gov.uk/id/open-government-licence",
        "metadata_created": _MODIFIED,
        "metadata_modified": _MODIFIED,
        "owner_org": organisation["id"],
        "organization": organisation,
        "tags": [{"name": name, "display_name": name, "state": "active"}],
        "groups": [],
        "extras": [{"key": "update-frequency", "value": "monthly"}],
        "num_resources": 2,
        "resources": [_resource(name, 0, documentation), _resource(name, 1, table)],
    }


def _resource(package: str, position: int, described: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "id": _id(f"dataset/{package}/resource/{position}"),
        "package_id": _id(f"dataset/{package}"),
        "position": position,
        "state": "active",
        "datastore_active": False,
        "last_modified": _MODIFIED,
        "created": _MODIFIED,
        "mimetype": None,
        **described,
    }


def _organisation() -> dict[str, Any]:
    return {
        "id": _id("organization/ferncliffe"),
        "name": ORGANISATION,
        "title": "Ferncliffe Borough Council",
        "type": "organization",
        "is_organization": True,
        "state": "active",
        "approval_status": "approved",
    }


def _matches(package: Mapping[str, Any], params: Params) -> bool:
    query = str(params.get("q", "")).strip()
    if query not in ("", "*:*") and query.lower() not in f"{package['title']} {package['notes']}".lower():
        return False
    return all(_has(package, term) for term in str(params.get("fq", "")).split())


def _has(package: Mapping[str, Any], term: str) -> bool:
    parsed = _TERM.match(term)
    if parsed is None:
        raise ActionError(409, {"__type": "Search Query Error", "message": f"Search Query is invalid: {term!r}"})
    name, _, value = parsed.groups()
    values = {
        "organization": {package["organization"]["name"]},
        "owner_org": {package["owner_org"]},
        "name": {package["name"]},
        "id": {package["id"]},
        "license_id": {package["license_id"]},
        "res_format": {resource["format"] for resource in package["resources"]},
        "tags": {tag["name"] for tag in package["tags"]},
    }
    return value in values.get(name, set())


async def _params(request: Request) -> Params:
    if request.method == "GET":
        return request.query_params
    try:
        body = json.loads(await request.body() or b"{}")
    except ValueError as error:
        raise ActionError(400, {"__type": "Bad Request", "message": f"JSON Error: {error}"}) from None
    return body if isinstance(body, dict) else {}


def _required(params: Params, name: str) -> str:
    if not params.get(name):
        raise ActionError(409, {"__type": "Validation Error", name: ["Missing value"]})
    return str(params[name])


def _number(params: Params, name: str, default: int) -> int:
    text = str(params.get(name, default))
    if not text.isdecimal():
        raise ActionError(409, {"__type": "Validation Error", name: ["Invalid integer"]})
    return int(text)


def _not_found() -> ActionError:
    return ActionError(404, {"__type": "Not Found Error", "message": "Not found"})


def _id(name: str) -> str:
    return str(uuid5(NAMESPACE_URL, f"https://data.ferncliffe.example.org/{name}"))
