"""Catalogues in the `data.json` of DCAT-US, as Socrata, ArcGIS Hub, DKAN and DataPress give them: plain JSON with the
names of the standard, read without any JSON-LD context."""

from collections.abc import Mapping
from typing import Any

from harvesters.platforms.catalogues.record import Distribution, Listing, Record, ids_of


def read_dcat_us(document: Mapping[str, Any], source: str) -> Listing:
    """The catalogue; records that are broken are counted and never lose others."""
    records = [_record(entry, source) for entry in document["dataset"]]
    told = tuple(record for record in records if record)
    return Listing(_text(document.get("title")), told, spoilt=len(records) - len(told), next=_next(document))


def _record(entry: Any, source: str) -> Record | None:
    title = _text(entry.get("title")) if isinstance(entry, dict) else ""
    if not title:
        return None
    distributions = entry.get("distribution")
    listed = distributions if isinstance(distributions, list) else [distributions]
    found = [_distribution(one) for one in listed if isinstance(one, dict)]
    # Schema 1.0 had no list of distributions: the dataset itself had an address (DCAT-US, "What's new in 1.1").
    found += [_distribution(entry)] if not found and ("accessURL" in entry or "downloadURL" in entry) else []
    page = _text(entry.get("landingPage"))
    return Record(
        ids=ids_of(_text(entry.get("@id")), _text(entry.get("identifier")), source, title),
        title=title,
        distributions=tuple(found),
        description=_text(entry.get("description")),
        licence=_text(entry.get("license")) or _text(entry.get("rights")),
        publisher=_text(entry.get("publisher")),
        page=page if page.startswith("http") else None,
        updated=_text(entry.get("modified")) or _text(entry.get("issued")) or None,
    )


def _distribution(entry: Mapping[str, Any]) -> Distribution:
    urls = [_text(entry.get(name)) for name in ("downloadURL", "accessURL", "accessUrl", "webService")]
    said = [_text(entry.get(name)) for name in ("format", "mediaType")]
    return Distribution(
        urls=tuple(url for url in urls if url),
        said=tuple(word for word in said if word),
        title=_text(entry.get("title")),
        id=_text(entry.get("@id")),
        licence=_text(entry.get("license")),
    )


def _text(value: Any) -> str:
    """The words in a value that may be a text, a list of texts, or an object with a name."""
    if isinstance(value, list):
        return _text(value[0]) if value else ""
    if isinstance(value, dict):
        named = next((value[name] for name in ("name", "title", "@id", "@value", "label") if name in value), "")
        return _text(named)
    return str(value).strip() if isinstance(value, str | int | float) else ""


def _next(document: Mapping[str, Any]) -> str | None:
    """A page that the catalogue names as the next one; few do, and not all in the same way."""
    view = document.get("hydra:view") or document.get("view")
    named = view if isinstance(view, dict) else document
    return _text(named.get("hydra:next") or named.get("next")) or None
