"""The ArcGIS adapter on answers recorded from real servers and sites, read in place; skipped where they are absent."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from harvesters.adapters.contract import Dataset
from harvesters.platforms.arcgis.catalogue import feed_items, old_items
from harvesters.platforms.arcgis.item import Item
from harvesters.platforms.arcgis.layer import read_layer
from harvesters.platforms.arcgis.pages import LayerPages

RECORDED = Path(__file__).parents[3] / "shared" / "data" / "portal-responses"
LAYER = "https://example.org/arcgis/rest/services/Open/MapServer/1"

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(not RECORDED.exists(), reason="the recorded answers of ../shared/data are not here"),
]


def recorded(path: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((RECORDED / path).read_text(encoding="utf-8"))
    return content


def layer(name: str) -> Dataset:
    path = f"arcgis-featureserver/_us-shape-only/{name}"
    return read_layer(LAYER, recorded(path))


@pytest.mark.parametrize(
    ("name", "crs", "shape", "oid", "size", "paged", "coded"),
    [
        ("us-ca-carson__us-ca-carson-metadata.json", "EPSG:2229", "point", "OBJECTID", 500, False, False),
        ("us-fl-polk__us-fl-polk-metadata.json", None, "point", "OBJECTID", 1000, False, True),
        ("us-il-chicago__metadata.json", "EPSG:3857", "area", "OBJECTID", 2000, True, False),
        ("us-il-cook__metadata.json", "EPSG:3435", "point", "OBJECTID", 500, False, False),
        ("us-mo-columbia__us-mo-columbia-metadata.json", "ESRI:102697", "point", "OBJECTID", 500, False, False),
    ],
)
def test_a_layer_of_every_version_is_understood(
    name: str, crs: str | None, shape: str, oid: str, size: int, paged: bool, coded: bool
) -> None:
    dataset = layer(name)
    own: Mapping[str, Any] = dataset.own
    assert (dataset.geometry, own["oid"], own["size"], own["paged"], own["coded"]) == (shape, oid, size, paged, coded)
    assert crs is None or dataset.crs == crs


@pytest.mark.parametrize(
    ("name", "rows"),
    [
        ("us-ca-carson__us-ca-carson-0.json", 6),
        ("us-il-cook__page-partial.json", 2),
        ("us-mo-columbia__us-mo-columbia-0.json", 43),
    ],
)
def test_a_recorded_page_is_the_last_when_the_count_is_reached(name: str, rows: int) -> None:
    body = (RECORDED / "arcgis-featureserver/_us-shape-only" / name).read_bytes()
    page = LayerPages(LAYER, 500, "OBJECTID", count=rows).read({"offset": 0}, 500, body)
    assert (page.rows, len(page.keys), page.next) == (rows, rows, None)


def test_a_recorded_list_of_ids_becomes_ranges() -> None:
    body = (RECORDED / "arcgis-featureserver/_us-shape-only/us-ca-carson__us-ca-carson-ids-only.json").read_bytes()
    page = LayerPages(LAYER, 50, "OBJECTID").read({"ids": True}, 50, body)
    assert page.next is not None and (page.next["left"], page.next["cuts"][0]) == (
        len(json.loads(body)["objectIds"]),
        70193,
    )


@pytest.mark.parametrize(
    ("name", "entries"),
    [
        ("highland/highland.json", 22),
        ("city-of-edinburgh/edinburgh.json", 44),
        # Its 21st entry is the site itself, which calls its own home page a service.
        ("north-lanarkshire/north_lanarkshire.json", 20),
    ],
)
def test_every_entry_of_a_recorded_feed_is_an_item_with_its_layer(name: str, entries: int) -> None:
    items = feed_items(recorded(f"arcgis-hub-dcat/{name}"))
    assert len(items) == entries
    for item in items:
        assert (
            isinstance(item, Item) and len(item.id) == 32 and item.layer is not None and "/rest/services/" in item.url
        )


@pytest.mark.parametrize(("name", "layers"), [("moray/moray.json", 20), ("renfrewshire/renfrew.json", 19)])
def test_every_record_of_a_recorded_search_is_a_layer_with_its_count(name: str, layers: int) -> None:
    items = [item for item in old_items(recorded(f"arcgis-hub-search-v3/{name}")) if item.url]
    assert len(items) == layers
    assert all(len(item.id) == 32 and item.layer is not None and item.count and item.licence for item in items)


def test_the_licence_of_a_recorded_record_is_its_address() -> None:
    item = old_items(recorded("arcgis-hub-search-v3/renfrewshire/renfrew.json"))[0]
    assert item.licence == "http://www.nationalarchives.gov.uk/doc/open-government-licence/version/3/"
