"""The adapter for CKAN portals, action API version 3. The only place that imports ckanapi.

A feed names a `dataset`, and the `resource` where the dataset holds several that would do. Rows come from the
resource's file, or, page by page, from CKAN's DataStore where there is no file or the feed says `datastore: yes`.
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import requests
from ckanapi import CKANAPIError, NotAuthorized, NotFound, RemoteCKAN, ServerIncompatibleError

from datasets.errors import RunFailed
from harvesters.adapters.contract import Cursor, Dataset, Download, Found, Page, Pages, Tally, proven
from harvesters.platforms.ckan_package import Package, Wanted
from harvesters.platforms.contents import content_keys, json_content
from harvesters.platforms.links import format_of, service_of
from harvesters.platforms.problem import OF_THE_HOST, problem_of
from harvesters.web.ask import MOST_BYTES, TRIES, Request, persevere, with_query
from harvesters.web.json_text import read_json
from harvesters.web.session import CONNECT_SECONDS, READ_SECONDS, Session, arriving
from harvesters.web.verdict import is_web_page

TITLE = "A CKAN portal"
DESCRIBES = True
PAGE_ROWS = 200
LISTED = 1000
"""At most so many datasets of a portal are described."""
SHOWN = 50
"""At most so many where the portal cannot search and each has to be asked for."""
DATASTORE_ROWS = 32000
"""What a DataStore gives at most in one answer unless its operator changed `ckan.datastore.search.rows_max`."""
UNORDERED = "total reached, rows in no order"

_API = re.compile(r"^(.*?)/api(?:/[123])?(?:/(?:action|rest|search|util)(?:/.*)?)?/?$")
_PAGE = re.compile(
    r"^(?P<portal>.*?)/(?P<kind>dataset|organization|group)(?:/(?P<name>[^/]+)(?:/resource/(?P<resource>[^/]+))?)?(?:/.*)?$"
)
_DUMP = re.compile(r"^(?P<portal>.*?)/datastore/dump/(?P<resource>[^/]+)$")
_ELSEWHERE = ("/explore", ".arcgis.com", ".opendatasoft.com", ".socrata.com")


@dataclass(frozen=True)
class _Address:
    """What an address names: under `named` a dataset, resource, organization or group, else the portal. `portals` are
    where its API may be, the likeliest first. `sure`: hardly anything but a CKAN portal has such an address."""

    portals: tuple[str, ...]
    sure: bool
    named: Mapping[str, str]

    @property
    def dataset(self) -> str:
        return self.named.get("dataset", "")

    @property
    def resource(self) -> str:
        return self.named.get("resource", "")

    @property
    def organization(self) -> str:
        return self.named.get("organization", "")

    @property
    def group(self) -> str:
        return self.named.get("group", "")


class _NotCkan(RunFailed):
    """What answered speaks another language."""


def probe(url: str, params: Mapping[str, str], session: Session) -> Found | None:
    """A portal, one of its organisations or groups, or one dataset with the resource that would be harvested."""
    address = _address_of(url, params)
    if address is None:
        return None
    if params and not (address.dataset or address.resource or address.organization):
        raise RunFailed("E-PLATFORM", "The feed does not name a `dataset` in its params.")
    failure: RunFailed | None = None
    for portal in address.portals:
        try:
            return _found(_Portal(portal, session, TRIES if params or address.sure else 1), address, params)
        except _NotCkan as error:
            failure = failure or error
        except RunFailed as error:
            if address.sure or params or error.code in OF_THE_HOST:
                raise
    if params and failure:
        raise failure
    return None


def pages(dataset: Dataset, since: str | None) -> Pages | Download:
    """The rows of the DataStore, or the file; RunHeld or RunFailed says why neither can be chosen."""
    if problem := problem_of(dataset):
        raise problem
    if "datastore" in dataset.own:
        return _Rows(dataset.own["portal"], dataset.own["datastore"])
    if "file" in dataset.own:
        return Download(**dataset.own["file"])
    raise RunFailed("E-PLATFORM", f"{dataset.title!r} is harvested by another adapter: {dataset.own.get('platform')}.")


def complete(dataset: Dataset, tally: Tally) -> str | None:
    """A file that arrived whole is complete; the DataStore's rows are when they are as many as it counts, each once."""
    if "datastore" not in dataset.own:
        return None
    if tally.ended == UNORDERED and tally.pages > 1:
        return "The portal does not sort its rows, so some may have come twice and others not at all."
    return proven(dataset, tally)


def _address_of(url: str, params: Mapping[str, str]) -> _Address | None:
    parts = urlsplit(url)
    site, query = f"{parts.scheme}://{parts.netloc}", {n: v[0] for n, v in parse_qs(parts.query).items()}
    named = {"dataset": params.get("dataset", ""), "resource": params.get("resource", "")}
    named["organization"] = params.get("organisation", "")
    path = parts.path.rstrip("/")
    if any(word in path if word[0] == "/" else parts.netloc.endswith(word) for word in _ELSEWHERE):
        return None
    if found := _API.match(path):
        inner = {"dataset": query.get("id", ""), "resource": query.get("resource_id", "")}
        inner = inner if path.endswith(("package_show", "datastore_search")) else {}
        return _Address((site + found.group(1),), "/action" in path, _either(named, inner))
    if found := _PAGE.match(path) or _DUMP.match(path):
        groups = {name: value or "" for name, value in found.groupdict().items()}
        kind, name = groups.get("kind", ""), groups.get("name", "")
        inner = {"resource": groups.get("resource", ""), **({kind: name} if kind else {})}
        return _Address(_portals(parts.scheme, parts.netloc, groups["portal"]), bool(name), _either(named, inner))
    if not params and (service_of(url) or format_of(path) or parts.query):
        return None
    return _Address(tuple(dict.fromkeys((site + path, site))) if not params else (site + path,), False, named)


def _portals(scheme: str, host: str, path: str) -> tuple[str, ...]:
    """Where the API of a page may be: beside it, or, as for data.gov.uk, at the host's name without `www`."""
    hosts = (host, host.removeprefix("www."))
    return tuple(dict.fromkeys(f"{scheme}://{one}{path}" for one in hosts))


def _either(first: Mapping[str, str], second: Mapping[str, str]) -> dict[str, str]:
    return {name: first.get(name) or second.get(name, "") for name in {**first, **second}}


def _found(portal: "_Portal", address: _Address, params: Mapping[str, str]) -> Found:
    if address.dataset or address.resource:
        return _one(portal, address, params)
    if address.organization:
        return _listing(portal, f'organization:"{address.organization}"', address.organization)
    if address.group:
        return _listing(portal, f'groups:"{address.group}"', address.group)
    try:
        return _listing(portal, "", urlsplit(portal.url).netloc)
    except _NotCkan:
        raise
    except RunFailed as error:
        if error.code != "E-PLATFORM":
            raise
        return _shown_one_by_one(portal)


def _one(portal: "_Portal", address: _Address, params: Mapping[str, str]) -> Found:
    dataset = address.dataset
    if not dataset:
        shown = portal.call("resource_show", {"id": address.resource})
        dataset = str(shown.get("package_id", "")) if isinstance(shown, dict) else ""
    package = Package.read(portal.url, portal.call("package_show", {"id": dataset}))
    if not package.public:
        raise RunFailed("E-PLATFORM", f"Dataset {package.name!r} is not published; it is private or deleted.")
    wanted = Wanted(address.resource, params.get("datastore", "").lower() in ("yes", "true", "1"), bool(params))
    described = list(package.describe_each(wanted))
    if params:
        [dataset_found] = described[:1]
        if problem := problem_of(dataset_found):
            raise problem
        described = [replace(dataset_found, params=dict(params))]
    counted = tuple(_counted(portal, one) for one in described)
    return Found("ckan", package.title, portal.url, counted, len(counted))


def _counted(portal: "_Portal", dataset: Dataset) -> Dataset:
    """The dataset with the number of rows and the columns of its DataStore table, if that is what will be read."""
    if "datastore" not in dataset.own:
        return dataset
    result = portal.call("datastore_search", {"resource_id": dataset.own["datastore"], "limit": 0})
    if not isinstance(result, dict) or not isinstance(result.get("fields"), list):
        raise RunFailed("E-PLATFORM", f"The DataStore of {portal.url} answered with something that is not a table.")
    fields = tuple(str(one.get("id")) for one in result["fields"] if isinstance(one, dict) and one.get("id") != "_id")
    total = result.get("total")
    return replace(dataset, fields=fields, count=total if isinstance(total, int) else None)


def _listing(portal: "_Portal", filtered: str, title: str) -> Found:
    """Every dataset that fits, in the order of their ids; pages by what the server really returns."""
    found: dict[str, Package] = {}
    start, total = 0, 0
    while len(found) < LISTED:
        query = {
            "q": "*:*",
            "sort": "id asc",
            "rows": PAGE_ROWS,
            "start": start,
            **({"fq": filtered} if filtered else {}),
        }
        answer = portal.call("package_search", query)
        if not isinstance(answer, dict) or not isinstance(answer.get("results"), list):
            raise RunFailed("E-PLATFORM", "The portal's answer is not a list of datasets.")
        results, total = answer["results"], int(answer.get("count") or 0)
        before = len(found)
        for package in _readable(portal, results):
            found[package.id] = package
        start += len(results)
        if not results or start >= total or (len(found) == before and start > LISTED):
            break
    listed = tuple(d for package in list(found.values())[:LISTED] if package.public for d in package.describe())
    note = f"The first {LISTED:,} of {total:,} datasets are described." if total > LISTED else ""
    return Found("ckan", title, portal.url, listed, total, note)


def _shown_one_by_one(portal: "_Portal") -> Found:
    """What a portal offers that cannot search: DKAN, and CKAN while its search engine is down."""
    names = portal.call("package_list", {})
    if not isinstance(names, list):
        raise RunFailed("E-PLATFORM", "The portal's answer is not a list of datasets.")
    shown = [portal.call("package_show", {"id": str(name)}) for name in names[:SHOWN]]
    listed = tuple(d for package in _readable(portal, shown) if package.public for d in package.describe())
    note = "The portal cannot search its datasets"
    note += f", so only the first {SHOWN} are described." if len(names) > SHOWN else "; each was asked for by name."
    return Found("ckan", urlsplit(portal.url).netloc, portal.url, listed, len(names), note)


def _readable(portal: "_Portal", packages: list[Any]) -> Iterator[Package]:
    """The packages that are datasets; what else a portal keeps among them is passed over."""
    for package in packages:
        try:
            yield Package.read(portal.url, package)
        except RunFailed:
            continue


class _Portal:
    """The actions of one portal, through ckanapi. It stands between ckanapi and our session, to put a limit on time
    and size, neither of which ckanapi has, and to try again where that may help."""

    def __init__(self, url: str, session: Session, tries: int) -> None:
        self.url = url.rstrip("/")
        self._tries = tries
        self._session = session
        self._text = ""
        self._remote = RemoteCKAN(self.url, user_agent=session.headers["User-Agent"], get_only=True, session=self)
        self._remote.base_url = "api/3/action/"

    def call(self, action: str, parameters: Mapping[str, Any]) -> Any:
        """What the action gives. _NotCkan when the answer is none of CKAN's, RunFailed when CKAN says no."""
        about = parameters.get("id") or parameters.get("resource_id") or "such entry"
        try:
            return self._remote.call_action(action, dict(parameters))
        except NotFound:
            raise RunFailed("E-PLATFORM", f"The portal at {self.url} has no {about!r}.") from None
        except NotAuthorized:
            raise RunFailed("E-AUTH", f"The portal at {self.url} does not let us read {about!r}.") from None
        except (CKANAPIError, ServerIncompatibleError, KeyError, ValueError):
            said = said_by(self._text)
            kind = _NotCkan if said is None else RunFailed
            words = said if said is not None else f"something that CKAN does not say: {_one_line(self._text)!r}"
            raise kind("E-PLATFORM", f"The portal at {self.url} answered: {words or 'nothing'}.") from None

    def get(self, url: str, **asked: Any) -> "_Said":
        """What ckanapi calls: one GET, its status and text."""
        asked["timeout"] = (CONNECT_SECONDS, READ_SECONDS)
        said = persevere(lambda: self._get_once(url, asked), self._tries, self._session.sleep)
        self._text = said.text
        return said

    def _get_once(self, url: str, asked: Mapping[str, Any]) -> "_Said":
        body = b""
        try:
            with self._session.get(url, stream=True, **asked) as response:
                for part in arriving(response, READ_SECONDS):
                    body += part
                    if len(body) > MOST_BYTES:
                        raise RunFailed("E-TOOLARGE", f"One answer of {self.url} is larger than {MOST_BYTES:,} bytes.")
        except requests.RequestException as error:
            raise self._session.failure(url, error) from None
        if response.status_code not in (400, 403, 404, 409) or is_web_page(response.headers, body):
            self._session.check(response.url, response.status_code, response.headers, body)
        with suppress(ValueError):
            # ckanapi makes sense of everything but JSON that is nested too deep.
            read_json(body, urlsplit(self.url).netloc)
        return _Said(response.status_code, body.decode("utf-8", "replace"))


@dataclass(frozen=True)
class _Said:
    """The part of a response that ckanapi reads."""

    status_code: int
    text: str


class _Rows:
    """A DataStore table in pages, sorted by its row number. The limit that the answer says it applied is asked for from
    then on: CKAN lowers a greater one without a word (docs of `datastore_search`)."""

    ending = ".json"

    def __init__(self, portal: str, resource: str) -> None:
        self.first: Cursor = {"offset": 0}
        self.size = DATASTORE_ROWS
        self._url = f"{portal}/api/3/action/datastore_search"
        self._resource = resource

    def request(self, cursor: Cursor, size: int) -> Request:
        limit = min(size, cursor.get("limit", size))
        query = {"resource_id": self._resource, "limit": limit, "offset": cursor["offset"]}
        return Request(with_query(self._url, query if cursor.get("unsorted") else {**query, "sort": "_id"}))

    def read(self, cursor: Cursor, size: int, body: bytes) -> Page:
        text = body.decode("utf-8", "replace")
        result = _result(text)
        records, total = result.get("records"), result.get("total")
        if not isinstance(records, list) or not isinstance(total, int):
            raise RunFailed("E-PLATFORM", "The DataStore's answer has no `records` or no `total`.")
        numbers = [str(row["_id"]) for row in records if isinstance(row, dict) and "_id" in row]
        hashed = len(numbers) < len(records)
        keys = content_keys(map(json_content, records)) if hashed else numbers
        page = Page(len(records), keys, None, hashed=hashed)
        reached = cursor["offset"] + len(records)
        if reached >= total:
            return replace(page, ended=UNORDERED if cursor.get("unsorted") else "total reached")
        if not records:
            return Page(0, [], None)
        applied = result.get("limit")
        limit = min(size, applied) if isinstance(applied, int) and applied > 0 else size
        return replace(page, next={**cursor, "offset": reached, "limit": limit})

    def instead(self, cursor: Cursor, refusal: str) -> Cursor | None:
        """Without an order, where the server knows none: DKAN sorts in another way."""
        return {"offset": 0, "unsorted": True} if "sort" in refusal.lower() and not cursor.get("unsorted") else None


def _result(text: str) -> Mapping[str, Any]:
    try:
        answer = read_json(text, "The DataStore")
    except ValueError:
        answer = None
    result = answer.get("result") if isinstance(answer, dict) and answer.get("success") else None
    if isinstance(result, dict):
        return result
    raise RunFailed("E-PLATFORM", f"The DataStore answered: {said_by(text) or _one_line(text) or 'nothing'}.")


def said_by(text: str) -> str | None:
    """CKAN's own words out of an answer; None when it is not CKAN that speaks."""
    try:
        answer = read_json(text, "The portal")
    except ValueError:
        return None
    if isinstance(answer, str) and answer.lower().startswith("bad request"):
        return _one_line(answer)
    if not isinstance(answer, dict) or "success" not in answer:
        return None
    error = answer.get("error")
    said = error.get("message") if isinstance(error, dict) else error
    return _one_line(str(said or error or "an error without words"))


def _one_line(text: str) -> str:
    return " ".join(text.split())[:200].rstrip(".")
