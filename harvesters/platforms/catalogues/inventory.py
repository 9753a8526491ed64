"""Inventories in the XML schema of the Local Government Association (schemas.esd.org.uk/inventory), which English
councils publish beside their open data pages."""

from typing import Any

from harvesters.platforms.catalogues.record import Distribution, Listing, Record, ids_of

ROOT = "{http://schemas.esd.org.uk/inventory}Inventory"
_NS = {"inv": "http://schemas.esd.org.uk/inventory"}


def read_inventory(root: Any, source: str) -> Listing:
    """The inventory's active datasets; those without a title are counted as broken."""
    found = root.findall("inv:Datasets/inv:Dataset", _NS)
    active = [element for element in found if element.get("Active", "True").lower() != "false"]
    told = tuple(_record(element, source) for element in active if _text(element, "inv:Title"))
    return Listing(_text(root, "inv:Metadata/inv:Title"), told, spoilt=len(active) - len(told))


def _record(element: Any, source: str) -> Record:
    title = _text(element, "inv:Title")
    resources = element.findall("inv:Resources/inv:Resource", _NS)
    found = [
        _distribution(resource, rendition)
        for resource in resources
        if resource.get("Type") != "Document" and resource.get("Active", "True").lower() != "false"
        for rendition in resource.findall("inv:Renditions/inv:Rendition", _NS)
    ]
    stamps = [one.get("Modified") for one in (element, *resources) if one.get("Modified")]
    return Record(
        ids=ids_of("", _text(element, "inv:Identifier"), source, title),
        title=title,
        distributions=tuple(found),
        description=_text(element, "inv:Description"),
        licence=_text(element, "inv:Rights"),
        publisher=_text(element, "inv:RightsHolder"),
        updated=max(stamps, default=None),
    )


def _distribution(resource: Any, rendition: Any) -> Distribution:
    media_type = _text(rendition, "inv:MimeType")
    return Distribution(
        urls=(_text(rendition, "inv:Identifier"),),
        said=(media_type,) if media_type else (),
        title=_text(resource, "inv:Title") or _text(rendition, "inv:Title"),
        id=_text(resource, "inv:Identifier"),
    )


def _text(element: Any, path: str) -> str:
    return " ".join((element.findtext(path, "", _NS) or "").split())
