"""pygeoapi as a library: one API object for a snapshot at one address, without its configuration file and globals."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from pygeoapi import l10n
from pygeoapi.api import API, APIRequest, describe_collections, get_collection_schema, landing_page
from pygeoapi.api.itemtypes import get_collection_item, get_collection_items, get_collection_queryables
from pygeoapi.util import UrlPrefetcher, render_j2_template

from ogc.provider import Source, SyncPool
from ogc.query import CRS84, DEFAULT_LIMIT, LARGEST_LIMIT
from ogc.schema import queryables
from ogc.snapshot import Collection, Snapshot

TEMPLATES = Path(__file__).parent / "templates"
LANGUAGE = "en-GB"


@dataclass(frozen=True)
class Look:
    """What the pages need from the portal."""

    style_url: str | None = None


class Engine(API):  # type: ignore[misc]  # pygeoapi has no types
    """pygeoapi's API object. Its own constructor sets up the logging and character sets of the whole process and
    copies the configuration; this one sets the same attributes on the object alone."""

    def __init__(self, snapshot: Snapshot, address: str, pool: SyncPool, look: Look) -> None:
        self.config = _configuration(snapshot, address, pool, look)
        self.tpl_config = {**self.config, "resources": {}}
        self.openapi = ""
        self.api_headers: dict[str, str] = {}
        self.base_url = address
        self.prefetcher = UrlPrefetcher()
        self.locales = l10n.get_locales(self.config)
        self.default_locale = self.locales[0]
        self.pretty_print = False

    def landing(self, form: str) -> str:
        return self._ask(landing_page, {"f": form})

    def collections(self, form: str) -> str:
        return self._ask(describe_collections, {"f": form})

    def collection(self, form: str, name: str) -> str:
        return self._ask(describe_collections, {"f": form}, name)

    def queryables(self, form: str, name: str) -> str:
        return self._ask(get_collection_queryables, {"f": form}, name)

    def schema(self, form: str, name: str) -> str:
        return self._ask(get_collection_schema, {"f": form}, name)

    def items(self, parameters: Mapping[str, str], name: str) -> str:
        return self._ask(get_collection_items, {**parameters, "offset": "0"}, name)

    def item(self, form: str, name: str, feature_id: str) -> str:
        return self._ask(get_collection_item, {"f": form}, name, feature_id)

    def page(self, template: str, content: Mapping[str, object]) -> str:
        """An HTML page that pygeoapi has no function for, made as it makes its own."""
        _forget_configurations()
        page: str = render_j2_template(
            self.tpl_config, self.tpl_config["server"]["templates"], template, content, self.default_locale
        )
        return page

    def _ask(self, function: Callable[..., tuple[Any, int, str]], parameters: Mapping[str, str], *of: str) -> str:
        _forget_configurations()
        request = SimpleNamespace(headers={}, query_params=dict(parameters), scope={"path": ""})
        _, status, content = function(self, APIRequest(request, self.locales), *of)
        if status != 200:
            raise RuntimeError(f"pygeoapi answered {status}: {content[:500]}")
        return content


class _Forgetful(dict[object, object]):
    """Keeps nothing."""

    def __setitem__(self, key: object, value: object) -> None:
        pass


def _forget_configurations() -> None:
    """pygeoapi keeps the first configuration that a page was made from for the life of the process, whatever API
    object the next page is of."""
    if not isinstance(l10n._cfg_cache, _Forgetful):
        l10n._cfg_cache = _Forgetful()


def _configuration(snapshot: Snapshot, address: str, pool: SyncPool, look: Look) -> dict[str, Any]:
    city = snapshot.city
    return {
        "server": {
            "url": address,
            "encoding": "utf-8",
            "languages": [LANGUAGE],
            "limits": {"default_items": DEFAULT_LIMIT, "max_items": LARGEST_LIMIT, "on_exceed": "throttle"},
            "templates": {"path": str(TEMPLATES)},
            "style_url": look.style_url,
        },
        "metadata": {
            "identification": {
                "title": f"{city.title}: open data API",
                "description": f"Data that the councils of {city.title} publish, as one feed. {city.description}",
                "keywords": ["open data", city.title],
                "url": address.removesuffix("/ogc") + "/",
            },
        },
        "resources": {
            name: _resource(collection, address, Source(collection, pool, address))
            for name, collection in snapshot.collections.items()
        },
    }


def _resource(collection: Collection, address: str, source: Source) -> dict[str, Any]:
    layer = collection.layer
    schema_url = f"{address}/collections/{layer.id}/schema?f=json"
    links = [
        {"rel": "describedby", "type": "application/schema+json", "title": "Schema of a feature", "href": schema_url},
        *(
            {"rel": "license", "type": "text/html", "title": licence.title, "href": licence.url}
            for _, licence in collection.licences
            if licence.url
        ),
    ]
    provider = {
        "type": "feature",
        "name": "ogc.provider.CityFeatures",
        "data": source,
        "id_field": "id",
        "title_field": "name",
        "properties": list(queryables(layer)),
        "include_extra_query_parameters": True,
        "crs": [CRS84],
        "storage_crs": CRS84,
    }
    return {
        "type": "collection",
        "title": collection.title,
        "description": layer.description,
        "keywords": list(layer.keywords),
        "links": links,
        "extents": {"spatial": {"bbox": [list(collection.extent)], "crs": CRS84}},
        "providers": [provider],
    }


def parsed(content: str) -> dict[str, Any]:
    """A JSON document that pygeoapi made."""
    document: dict[str, Any] = json.loads(content)
    return document
