"""Coppergate publishes GeoJSON from a script of its own: one point the wrong way round, one without a place, and
conservation areas left on the National Grid without a word about it."""

import json
from collections.abc import Iterable
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import shapely

from harvesters.demo.city import DemoCity
from harvesters.demo.land import points_in_degrees
from harvesters.demo.publication import Publication, Quirk, publications

ORDER = 2
FILES = {
    "public-toilets": "coppergate/public-toilets.geojson",
    "conservation-areas": "coppergate/conservation-areas.geojson",
    "libraries": "coppergate/libraries.geojson",
    "polling-stations": "coppergate/polling-stations.geojson",
}
_UNPLACED = {
    "type": "Feature",
    "properties": {"toilet_id": "WC-C99999", "name": "Planned public toilets", "address": "To be decided"},
    "geometry": None,
}
_QUIRKS = {
    "public-toilets": (
        Quirk("WGS84 flipped", 1, "the first toilet has latitude before longitude"),
        Quirk("no location", 1, "a planned toilet that has no place yet", extra_rows=1),
    ),
    "conservation-areas": (Quirk("CRS contradicted", 1, "National Grid coordinates without a crs member"),),
}


def publish(city: DemoCity, folder: Path) -> list[Publication]:
    """Writes Coppergate's four files."""
    columns = {
        "public-toilets": _toilets,
        "conservation-areas": _areas,
        "libraries": _libraries,
        "polling-stations": _stations,
    }
    for layer, path in FILES.items():
        frame = city.features_of(layer, ORDER)
        geometries = _outlines(city) if layer == "conservation-areas" else _points(frame)
        if layer == "public-toilets":
            geometries[0]["coordinates"].reverse()
        extra = [_UNPLACED] if layer == "public-toilets" else []
        rows = columns[layer](frame).iter_rows(named=True)
        _save(folder / path, layer, _features(rows, geometries), extra)
    return publications(city, ORDER, FILES, _QUIRKS)


def _toilets(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.select(
        toilet_id="reference",
        name="name",
        address="address",
        postcode="postcode",
        category="category",
        accessible="accessible",
        baby_change="baby_change",
        radar_key="radar_key_needed",
        charge=(pl.col("pence") / 100).round(2),
        opening_hours="opening_hours",
        operator=pl.lit("Coppergate Parks"),
    )


def _areas(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.select(
        ca_ref="reference",
        ca_name="name",
        year_designated=pl.col("designation_date").dt.year(),
        notes=pl.when("crosses").then(pl.lit("Continues in the next borough.")),
    )


def _libraries(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.select(
        library_id="reference",
        library_name="name",
        address="address",
        postcode="postcode",
        uprn="uprn",
        library_type="library_type",
        year_opened="year_opened",
        opening_hours=pl.lit("Mon-Fri ") + pl.col("opens") + "-" + pl.col("closes"),
        email=pl.lit("libraries@coppergate.example.org"),
        telephone="telephone",
        website=pl.lit("https://www.coppergate.example.org/libraries"),
    )


def _stations(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.select(
        polling_station_id="reference",
        polling_station_name="name",
        polling_station_address="address",
        postcode="postcode",
        uprn="uprn",
        polling_district_code="districts",
        ward="ward",
        election_date=pl.col("election_date").cast(pl.String),
    )


def _points(frame: pl.DataFrame) -> list[dict[str, Any]]:
    places = np.column_stack(points_in_degrees(frame)).tolist()
    return [{"type": "Point", "coordinates": place} for place in places]


def _outlines(city: DemoCity) -> list[dict[str, Any]]:
    return [json.loads(text) for text in shapely.to_geojson(city.shapes_of(ORDER))]


def _features(rows: Iterable[dict[str, Any]], geometries: list[dict[str, Any]]) -> Iterable[dict[str, Any]]:
    for row, geometry in zip(rows, geometries, strict=True):
        yield {"type": "Feature", "properties": row, "geometry": geometry}


def _save(path: Path, name: str, features: Iterable[dict[str, Any]], extra: list[dict[str, Any]]) -> None:
    """The collection, one feature to a line, so that a large one is never held twice."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.write(f'{{"type": "FeatureCollection", "name": "{name}", "features": [')
        between = "\n"
        for feature in chain(features, extra):
            file.write(between + json.dumps(feature, ensure_ascii=False))
            between = ",\n"
        file.write("\n]}\n")
