"""Items: what a portal or a site says of one service or file. The id of an item stays when its title, its service and
the site's name for it change."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from datasets.errors import RunFailed
from harvesters.adapters.contract import Dataset
from harvesters.platforms.arcgis.layer import Brief, moment, plain_text, question
from harvesters.web.ask import Refused
from harvesters.web.session import Session

ARCGIS_ONLINE = "https://www.arcgis.com"
FILES = {"CSV": ".csv", "GeoJson": ".geojson", "Shapefile": ".zip", "Microsoft Excel": ".xlsx", "KML": ".kml",
         "GeoPackage": ".gpkg"}  # fmt: skip
"""Types of items that are files we read, with the ending of each."""


@dataclass(frozen=True)
class Item:
    """One item. `url` is that of its service or layer, `layer` the number of the one layer that is meant, if any."""

    portal: str
    id: str
    title: str
    type: str = ""
    url: str = ""
    layer: int | None = None
    description: str = ""
    licence: str = ""
    publisher: str = ""
    modified: int | None = None
    count: int | None = None

    @property
    def page(self) -> str:
        return f"{self.portal}/home/item.html?id={self.id}"

    @property
    def ending(self) -> str:
        """That of its file; empty for what is no file."""
        return FILES.get(self.type, "")

    def file(self) -> Dataset:
        """The item as one file. Its stamp moves whenever the file is replaced, and at other times too."""
        return replace(
            self._dataset(self.title, {}),
            watermark=None if self.modified is None else str(self.modified),
            formats=(self.ending.removeprefix("."),),
            own={
                "download": f"{self.portal}/sharing/rest/content/items/{self.id}/data",
                "name": f"{self.id}{self.ending}",
                "item": self.id,
            },
        )

    def named(self, brief: Brief, several: bool) -> Dataset:
        """One layer of the item's service, of which only the name is known."""
        title = f"{self.title}: {brief.name}" if several else self.title
        return replace(self._dataset(title, {"layer": str(brief.number)}), geometry=brief.geometry)

    def dressed(self, dataset: Dataset, several: bool) -> Dataset:
        """A layer's own description with what the item says better."""
        number = dataset.url.rstrip("/").rpartition("/")[2]
        title = f"{self.title}: {dataset.title}" if several else self.title
        return replace(
            dataset,
            title=title,
            url=self.page,
            params={"layer": number, **dataset.params},
            description=self.description or dataset.description,
            licence=self.licence,
            publisher=self.publisher or dataset.publisher,
            page=self.page,
            updated=dataset.updated or moment(self.modified),
            own={**dataset.own, "item": self.id},
        )

    def _dataset(self, title: str, params: Mapping[str, str]) -> Dataset:
        return Dataset(
            title, self.page, params, self.description, self.licence, self.publisher, self.page, self.count,
            moment(self.modified),
        )  # fmt: skip


def portal_item(portal: str, item: str, session: Session) -> Item:
    """The item as its portal describes it; RunFailed when it is gone or not public."""
    try:
        told = question(session, f"{portal}/sharing/rest/content/items/{item}")
    except Refused as refusal:
        raise RunFailed("E-PLATFORM", f"{portal} has no public item {item}: {refusal.said or refusal}") from None
    return read_item(told, item, portal)


def read_item(told: Mapping[str, Any], item: str, portal: str) -> Item:
    """An item in the words of a portal, which a site's catalogue uses as well, adding some of its own."""
    structured = told.get("structuredLicense") or {}
    licence = told.get("license")
    named = licence if isinstance(licence, str) and licence not in ("custom", "none") else ""
    modified = told.get("modified")
    return Item(
        portal=portal,
        id=item,
        title=str(told.get("title") or told.get("name") or item),
        type=str(told.get("type") or ""),
        url=str(told.get("url") or "").strip(),
        description=plain_text(told.get("description") or told.get("snippet")),
        licence=str(structured.get("url") or named or plain_text(told.get("licenseInfo"))),
        publisher=plain_text(told.get("source") or told.get("accessInformation")) or str(told.get("owner") or ""),
        modified=modified if isinstance(modified, int) else None,
    )
