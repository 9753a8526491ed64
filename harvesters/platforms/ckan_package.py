"""What a CKAN package offers: its resources told apart into files, tables of the DataStore and services of other
platforms, and the one among them that a feed would read. Pure: no request is made here."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from datasets.errors import RegisterError, RunFailed
from datasets.licence import find_licence
from harvesters.adapters.contract import Dataset
from harvesters.platforms.links import FORMATS, Link, best_of, format_of, link_of, name_of
from harvesters.platforms.problem import noted

NOT_DATASETS = ("harvest", "showcase", "application")
NAMES = 8
_TABLE_RANK = 10 + FORMATS.index("csv")


@dataclass(frozen=True)
class Wanted:
    """What a feed asks of a dataset: a resource by id or name, its rows from the DataStore, and whether only what the
    CKAN adapter itself reads will do."""

    resource: str = ""
    datastore: bool = False
    own_only: bool = False


@dataclass(frozen=True)
class Package:
    """One dataset as its portal describes it; `raw` is CKAN's own document."""

    portal: str
    id: str
    name: str
    title: str
    raw: Mapping[str, Any]

    @classmethod
    def read(cls, portal: str, document: Any) -> "Package":
        """The dataset of `package_show`; RunFailed when the answer is something else."""
        # DKAN answers package_show with a list of one.
        document = document[0] if isinstance(document, list) and document else document
        if not isinstance(document, dict) or not isinstance(document.get("resources"), list):
            raise RunFailed("E-PLATFORM", "The portal's answer is not a dataset.")
        name = str(document.get("name") or "")
        return cls(portal, str(document.get("id") or name), name, str(document.get("title") or name).strip(), document)

    @property
    def public(self) -> bool:
        """Whether it is a dataset that everybody may read."""
        hidden = self.raw.get("private") in (True, "true", "True") or self.raw.get("state", "active") != "active"
        return not hidden and self.raw.get("type") not in NOT_DATASETS

    def describe(self) -> tuple[Dataset, ...]:
        """The dataset as one, for a list of many. Where a person has to choose, `own` says so as its `problem`."""
        best = best_of(self._offers(Wanted()))
        return (self._described(*best[0], {}) if len(best) == 1 else self._troubled(best, Wanted()),)

    def describe_each(self, wanted: Wanted) -> Iterator[Dataset]:
        """The dataset by itself; once for each resource where several would do and none is preferred."""
        best = best_of(self._offers(wanted))
        if not best or (len(best) > 1 and wanted.own_only):
            yield self._troubled(best, wanted)
            return
        for resource, link in best:
            named = {"resource": _id(resource)} if wanted.resource or len(best) > 1 else {}
            yield self._described(resource, link, named)

    def _offers(self, wanted: Wanted) -> Iterator[tuple[Mapping[str, Any], Link]]:
        for resource in self._resources():
            if wanted.resource and wanted.resource not in (resource.get("id"), resource.get("name")):
                continue
            link = self._link(resource, wanted)
            if link and not (wanted.own_only and link.platform not in ("file", "ckan")):
                yield resource, link

    def _resources(self) -> list[Mapping[str, Any]]:
        return [r for r in self.raw["resources"] if isinstance(r, dict) and r.get("state", "active") == "active"]

    def _link(self, resource: Mapping[str, Any], wanted: Wanted) -> Link | None:
        """Where the rows are; a link of platform `ckan` is a table of the DataStore."""
        url, table = str(resource.get("url") or ""), resource.get("datastore_active") in (True, "true", "True")
        if table and (wanted.datastore or resource.get("url_type") == "datastore" or "/datastore/dump/" in url):
            return Link("ckan", url, "DataStore", _TABLE_RANK)
        if wanted.datastore:
            return None
        link = link_of(url, *_said(resource))
        if link is None and table:
            return Link("ckan", url, "DataStore", _TABLE_RANK)
        if link is None and wanted.resource and url.startswith("http"):
            return Link("file", url, str(resource.get("format") or "unknown"), _TABLE_RANK)
        return link

    def _described(self, resource: Mapping[str, Any], link: Link, named: Mapping[str, str]) -> Dataset:
        own: dict[str, Any] = {"portal": self.portal, "dataset": self.name, "resource": _id(resource)}
        url, params = self.portal, {"dataset": self.id, **named}
        if link.platform == "ckan":
            own["datastore"] = _id(resource)
        elif link.platform == "file":
            own["file"] = self._file(resource, link)
        else:
            own |= {"platform": link.platform, "url": link.url, "params": dict(link.params)}
            url, params = link.url, dict(link.params)
        title = self.title if "resource" not in named else f"{self.title}: {resource.get('name') or _id(resource)}"
        mark = self._watermark(resource, link)
        return self._dataset(title, url, params, own, watermark=mark, formats=(link.format,))

    def _file(self, resource: Mapping[str, Any], link: Link) -> dict[str, Any]:
        name = name_of(link.url)
        if not name or not format_of(name):
            name = f"{name or self.name}.{format_of(link.url, *_said(resource)) or ''}".rstrip(".")
        return {"url": link.url, "name": name, "media_type": resource.get("mimetype") or None}

    def _troubled(self, best: list[tuple[Mapping[str, Any], Link]], wanted: Wanted) -> Dataset:
        """The dataset without a resource to read, and in `own` why there is none."""
        about, has = f"Dataset {self.name!r}", f"it has {self._names()}."
        services = [link for _, link in self._offers(Wanted(wanted.resource)) if link.platform not in ("file", "ckan")]
        named = [r for r in self._resources() if wanted.resource in (r.get("id"), r.get("name"))]
        code, held = "E-FORMAT", False
        if best:
            names = ", ".join(repr(r.get("name") or _id(r)) for r, _ in best[:NAMES])
            ask = "name one as `resource` in the feed's params"
            message = f"{about} has {len(best)} resources that would do; {ask}: {names}."
            code, held = "W-MULTI-LAYER", True
        elif wanted.resource and not named:
            code, message = "E-PLATFORM", f"{about} has no resource {wanted.resource!r}; {has}"
        elif wanted.datastore:
            code, message = "E-PLATFORM", f"{about} has no table in the portal's DataStore; {has}"
        elif services:
            there = f"{services[0].url}; state that address with platform {services[0].platform!r}"
            code, message = "E-PLATFORM", f"{about} is a service at {there}."
        else:
            message = f"{about} has no resource we can read; {has}"
        own = {"portal": self.portal, "dataset": self.name, **noted(code, message, held=held)}
        formats = tuple(dict.fromkeys(link.format for _, link in best))
        return self._dataset(self.title, self.portal, {"dataset": self.id}, own, formats=formats)

    def _dataset(
        self, title: str, url: str, params: Mapping[str, str], own: Mapping[str, Any], *,
        formats: tuple[str, ...], watermark: str | None = None,
    ) -> Dataset:  # fmt: skip
        organisation = self.raw.get("organization")
        return Dataset(
            title=title,
            url=url,
            params=params,
            description=str(self.raw.get("notes") or ""),
            licence=self._licence(),
            publisher=str(organisation.get("title") or "") if isinstance(organisation, dict) else "",
            page=f"{self.portal}/dataset/{self.name}",
            updated=max(self._stamps(self._resources()), default=None),
            watermark=watermark,
            formats=formats,
            own=own,
        )

    def _watermark(self, resource: Mapping[str, Any], link: Link) -> str | None:
        """The latest stamp, where it can be trusted: the portal stamps a file that was uploaded to it whenever it is
        replaced, but learns nothing of a file elsewhere. Rows of the DataStore may change without a stamp, unless the
        package says when it was refreshed (as Toronto's does)."""
        refreshed = str(self.raw.get("last_refreshed") or "")
        uploaded = link.platform == "file" and resource.get("url_type") == "upload" and resource.get("last_modified")
        if not (uploaded or (link.platform in ("file", "ckan") and refreshed)):
            return None
        return f"{_id(resource)} {max([*self._stamps([resource]), refreshed])}"

    def _stamps(self, resources: list[Mapping[str, Any]]) -> list[str]:
        stamps = [self.raw.get("last_refreshed")]
        stamps += [resource.get(name) for resource in resources for name in ("last_modified", "created")]
        return [str(stamp) for stamp in stamps if stamp]

    def _licence(self) -> str:
        """The first way of saying the licence that the register knows, else the first that says anything."""
        extras = self.raw.get("extras")
        extra = (
            {e.get("key"): e.get("value") for e in extras if isinstance(e, dict)} if isinstance(extras, list) else {}
        )
        said = [self.raw.get(name) for name in ("license_id", "license_url", "license_title")]
        said += [extra.get(name) for name in ("license_url", "licence_url", "licence", "license")]
        words = [str(text).strip() for text in said if text and text != "notspecified"]
        return next((text for text in words if _known(text)), words[0] if words else "unknown")

    def _names(self) -> str:
        names = [f"{r.get('name') or _id(r)} ({r.get('format') or 'no format'})" for r in self._resources()]
        return ", ".join(names[:NAMES]) or "none"


def _said(resource: Mapping[str, Any]) -> tuple[str | None, ...]:
    return tuple(resource.get(name) for name in ("format", "mimetype", "resource_locator_protocol"))


def _id(resource: Mapping[str, Any]) -> str:
    return str(resource.get("id") or resource.get("name") or "")


def _known(text: str) -> bool:
    try:
        return find_licence(text) != "unknown"
    except RegisterError:
        return False
