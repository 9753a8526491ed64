"""The adapter for CKAN portals, action API version 3. The only place that imports ckanapi.

A feed names a dataset, and the resource where the dataset holds several that would do. An organisation is a list of
datasets, from which `citywide feeds add` makes one feed each.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Never

import requests
from ckanapi import CKANAPIError, NotAuthorized, NotFound, RemoteCKAN, ValidationError

from datasets.errors import RunFailed, RunHeld
from datasets.feed import Feed
from harvesters.adapters.address import ResourceAddress, name_of
from harvesters.session import READ_SECONDS, Session

PAGE_ROWS = 100
FORMATS = (
    *("geojson", "gpkg", "geopackage", "fgb", "flatgeobuf", "geoparquet", "shp", "shapefile", "zip"),
    *("kml", "kmz", "gml", "tab", "mif", "csv", "tsv", "xlsx", "xlsm", "xls", "ods", "json", "esri json"),
)
"""Formats we read, best first: those that carry geometry and its reference system before tables."""


@dataclass(frozen=True)
class CkanDataset:
    """One dataset as its portal describes it."""

    id: str
    name: str
    title: str
    licence: str
    page: str
    resources: tuple[Mapping[str, Any], ...]


def resource_address(feed: Feed, session: Session) -> ResourceAddress:
    """The one resource of the feed's dataset that is to be fetched.

    RunHeld when several would do and the feed does not say which; RunFailed when the portal does not answer, or the
    dataset or resource is not there.
    """
    dataset = read_dataset(feed.url, feed.params.get("dataset", ""), session)
    usable = [r for r in dataset.resources if _format(r) in FORMATS and r.get("url")]
    if wanted := feed.params.get("resource"):
        usable = [r for r in dataset.resources if wanted in (r.get("id"), r.get("name")) and r.get("url")]
        if not usable:
            raise RunFailed(
                "E-PLATFORM", f"Dataset {dataset.name!r} has no resource {wanted!r}; it has {_names(dataset)}."
            )
    if not usable:
        raise RunFailed("E-FORMAT", f"Dataset {dataset.name!r} has no resource we can read; it has {_names(dataset)}.")
    best = min(FORMATS.index(_format(r)) if _format(r) in FORMATS else 0 for r in usable)
    chosen = [r for r in usable if _format(r) not in FORMATS or FORMATS.index(_format(r)) == best]
    if len(chosen) > 1:
        raise RunHeld(
            "W-MULTI-LAYER",
            f"Dataset {dataset.name!r} has {len(chosen)} resources that would do; name one as `resource` in the "
            f"feed's params: {', '.join(repr(r.get('name') or r.get('id')) for r in chosen[:8])}.",
        )
    url = str(chosen[0]["url"])
    return ResourceAddress(url, name_of(url) or f"{dataset.name}.{_format(chosen[0])}", chosen[0].get("mimetype"))


def read_dataset(url: str, dataset: str, session: Session) -> CkanDataset:
    """One dataset of the portal at `url`, by name or id."""
    if not dataset:
        raise RunFailed("E-PLATFORM", "The feed does not name a `dataset` in its params.")
    return _dataset(url, _call(url, session, "package_show", {"id": dataset}))


def organisation_datasets(url: str, organisation: str, session: Session) -> list[CkanDataset]:
    """Every dataset of an organisation, in the order of their ids; pages by what the server really returns."""
    found: dict[str, CkanDataset] = {}
    start = 0
    while True:
        query = {"fq": f'organization:"{organisation}"', "sort": "id asc", "rows": PAGE_ROWS, "start": start}
        answer = _call(url, session, "package_search", query)
        if not isinstance(answer, dict) or not isinstance(answer.get("results"), list):
            raise RunFailed("E-PLATFORM", "The portal's answer is not a list of datasets.")
        results = answer["results"]
        for dataset in (_dataset(url, package) for package in results):
            found[dataset.id] = dataset
        start += len(results)
        if not results or start >= int(answer.get("count", 0)):
            return list(found.values())


def _dataset(url: str, package: Any) -> CkanDataset:
    # DKAN answers package_show with a list of one.
    package = package[0] if isinstance(package, list) and package else package
    if not isinstance(package, dict) or not isinstance(package.get("resources"), list):
        raise RunFailed("E-PLATFORM", "The portal's answer is not a dataset.")
    return CkanDataset(
        id=str(package.get("id", "")),
        name=str(package.get("name", "")),
        title=str(package.get("title") or package.get("name", "")),
        licence=str(package.get("license_id") or "unknown"),
        page=f"{url.rstrip('/')}/dataset/{package.get('name', '')}",
        resources=tuple(package["resources"]),
    )


def _call(url: str, session: Session, action: str, parameters: dict[str, Any]) -> Any:
    """One action. ckanapi has no time limit of its own and sends POST unless told otherwise."""
    portal = RemoteCKAN(url, user_agent=session.headers["User-Agent"], get_only=True, session=session)
    try:
        return portal.call_action(action, parameters, requests_kwargs={"timeout": READ_SECONDS})
    except NotFound:
        raise RunFailed("E-PLATFORM", f"The portal at {url} has no {parameters.get('id', 'such entry')!r}.") from None
    except NotAuthorized:
        raise RunFailed(
            "E-HTTP", f"The portal at {url} does not let us read {parameters.get('id', 'this')!r}."
        ) from None
    except (ValidationError, CKANAPIError) as error:
        _refuse(url, str(error))
    except ValueError:
        _refuse(url, "not the JSON of a CKAN action")
    except requests.RequestException as error:
        raise session.failure(url, error) from None


def _refuse(url: str, said: str) -> Never:
    raise RunFailed("E-PLATFORM", f"The portal at {url} answered: {' '.join(said.split())[:200]}") from None


def _format(resource: Mapping[str, Any]) -> str:
    """The resource's format in lower case; its free-text field, else the ending of its address."""
    said = str(resource.get("format") or "").strip().lower().removeprefix(".")
    ending = name_of(str(resource.get("url") or "")).rpartition(".")[2].lower()
    return said if said in FORMATS else ending


def _names(dataset: CkanDataset) -> str:
    names = [f"{r.get('name') or r.get('id')} ({r.get('format') or 'no format'})" for r in dataset.resources]
    return ", ".join(names[:8]) or "none"
