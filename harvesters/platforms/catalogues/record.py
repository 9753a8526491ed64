"""Catalogue records: one dataset as a catalogue tells of it, with the distributions it can be had by."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from harvesters.adapters.contract import Dataset
from harvesters.platforms.links import Link, best_of, link_of, name_of
from harvesters.platforms.problem import noted

NAMES = 8
_PLACEHOLDERS = ("", "-", "todo", "tbc", "tbd", "n/a", "na", "none", "null", "unknown", "test")
_LASTING = re.compile(r"item\.html\?id=[0-9a-f]{32}")


@dataclass(frozen=True)
class Distribution:
    """One way to get at a dataset: its addresses, the likeliest to hold data first, and the catalogue's words of its
    format, the surest first."""

    urls: tuple[str, ...]
    said: tuple[str, ...] = ()
    title: str = ""
    id: str = ""
    licence: str = ""

    @property
    def link(self) -> Link | None:
        """What it leads to, None when that cannot be harvested."""
        found = [link for url in self.urls if (link := link_of(url, *self.said, self.title))]
        return min(found, key=lambda link: link.rank, default=None)

    def is_called(self, name: str) -> bool:
        return name in (self.id, self.title, *self.urls, *self.said)


@dataclass(frozen=True)
class Record:
    """One dataset of a catalogue. `ids` are all it answers to; the first is what a feed states."""

    ids: tuple[str, ...]
    title: str
    distributions: tuple[Distribution, ...]
    description: str = ""
    licence: str = ""
    publisher: str = ""
    page: str | None = None
    updated: str | None = None

    def best(self, distribution: str = "") -> list[tuple[Distribution, Link]]:
        """The distributions that are best to harvest: one, several as good as each other, or none. With a name, only
        those called so."""
        called = [d for d in self.distributions if not distribution or d.is_called(distribution)]
        ranked = best_of((one, link) for one in called if (link := one.link))
        unlike = {(link.url, tuple(link.params.items())): (one, link) for one, link in ranked}
        return list(unlike.values())

    def described(self, catalogue: str) -> Dataset:
        """The dataset as its own feed would state it, with the adapter's name as `platform` in `own`; as a feed of the
        catalogue, with the problem noted, where nothing or no one distribution can be read."""
        best = self.best()
        own: dict[str, Any] = {"catalogue": catalogue, "dataset": self.ids[0]}
        if len(best) != 1:
            own |= self.problem(best)
            formats = tuple(dict.fromkeys(link.format for _, link in best))
            return self.dataset(catalogue, {"dataset": self.ids[0]}, own, formats=formats)
        [(distribution, link)] = best
        own |= {"platform": link.platform, "url": link.url, "params": dict(link.params)}
        own |= {"file": file_of(link, distribution)} if link.platform == "file" else {}
        made = self.dataset(link.url, dict(link.params), own, formats=(link.format,))
        return replace(made, licence=distribution.licence or made.licence)

    def dataset(
        self, url: str, params: Mapping[str, str], own: Mapping[str, Any], formats: tuple[str, ...] = ()
    ) -> Dataset:
        """The record's words about itself, under this address."""
        return Dataset(
            title=self.title,
            url=url,
            params=params,
            description=self.description,
            licence=self.licence,
            publisher=self.publisher,
            page=self.page,
            updated=self.updated,
            formats=formats,
            own=own,
        )

    def problem(self, best: list[tuple[Distribution, Link]]) -> Mapping[str, Any]:
        """Why none of these distributions, or none more than another, can be read."""
        about = f"Dataset {self.title!r}"
        if best:
            ask = "name one as `distribution` in the feed's params"
            names = ", ".join(repr(one.title or one.id or link.url) for one, link in best[:NAMES])
            message = f"{about} has {len(best)} distributions that would do; {ask}: {names}."
            return noted("W-MULTI-LAYER", message, held=True)
        said = [one.title or " ".join(one.said[:1]) or " ".join(one.urls[:1]) for one in self.distributions]
        has = ", ".join(said[:NAMES]) or "none"
        return noted("E-FORMAT", f"{about} has no distribution we can read; it has {has}.")


@dataclass(frozen=True)
class Listing:
    """One page of a catalogue. `spoilt` counts records too broken to tell; `next` is the address of the next page."""

    title: str
    records: tuple[Record, ...]
    spoilt: int = 0
    next: str | None = None


def ids_of(uri: str, identifier: str, source: str, title: str) -> tuple[str, ...]:
    """What a record answers to, the most lasting first: its own address, its identifier, its catalogue with its title
    (the order of ckanext-dcat). Placeholders are no identifiers, and ArcGIS Hub's addresses are made of titles, so that
    there the item's number comes first."""
    uri, identifier = ("" if i.strip().lower() in _PLACEHOLDERS else i.strip() for i in (uri, identifier))
    found = (identifier, uri) if _LASTING.search(identifier) else (uri, identifier)
    return tuple(dict.fromkeys(i for i in (*found, f"{source}#{title}") if i))


def file_of(link: Link, distribution: Distribution) -> Mapping[str, Any]:
    """What a download of the file needs to know."""
    media_type = next((said for said in distribution.said if re.fullmatch(r"\w+/[\w.+-]+", said)), None)
    ending = "zip" if link.format == "Shapefile" else link.format.lower()
    name = name_of(link.url)
    return {"url": link.url, "name": name if "." in name else f"{name or 'file'}.{ending}", "media_type": media_type}
