"""Dunmoor publishes zipped Shapefiles, whose field names end after ten characters. It publishes no libraries. The
names of its toilet fields say so little that its feed states the mapping by hand."""

from pathlib import Path

import numpy as np
import polars as pl
import shapely
from numpy.typing import NDArray

from datasets.feed import Converter, FieldRule
from harvesters.demo.city import DemoCity
from harvesters.demo.publication import Publication, Quirk, publications
from harvesters.demo.vector import GRID, write_zipped_shapefile

ORDER = 3
FILES = {
    "public-toilets": "dunmoor/public-toilets.zip",
    "conservation-areas": "dunmoor/conservation-areas.zip",
    "polling-stations": "dunmoor/polling-stations.zip",
}
TOILET_MAPPING = {
    "reference": FieldRule(column="ASSETNO"),
    "name": FieldRule(column="TXT_1"),
    "address": FieldRule(column="TXT_2"),
    "postcode": FieldRule(column="PCODE"),
    "category": FieldRule(
        column="SEX",
        converter=Converter.LOOKUP,
        values={"MF": "Female and Male", "U": "Unisex", "F": "Female", "M": "Male"},
    ),
    "accessible": FieldRule(column="FACILITIES", converter=Converter.CONTAINS, words=("accessible",)),
    "baby_change": FieldRule(column="FACILITIES", converter=Converter.CONTAINS, words=("baby",)),
    "charge": FieldRule(column="PRICE_PENC", converter=Converter.PENCE),
    "opening_hours": FieldRule(column="HOURS_TXT"),
}
_QUIRKS = {"conservation-areas": (Quirk("invalid geometry - fixed", 1, "the first outline crosses itself"),)}


def publish(city: DemoCity, folder: Path) -> list[Publication]:
    """Writes Dunmoor's three files."""
    columns = {"public-toilets": _toilets, "conservation-areas": _areas, "polling-stations": _stations}
    for layer, path in FILES.items():
        frame = city.features_of(layer, ORDER)
        if layer == "conservation-areas":
            shapes = _with_a_crossed_outline(city)
        else:
            shapes = shapely.points(frame["easting"].to_numpy(), frame["northing"].to_numpy())
        write_zipped_shapefile(folder / path, columns[layer](frame), shapes, crs=GRID)
    return publications(city, ORDER, FILES, _QUIRKS)


def _toilets(frame: pl.DataFrame) -> pl.DataFrame:
    accessible = pl.when("accessible").then(pl.lit("accessible"))
    baby = pl.when("baby_change").then(pl.lit("baby changing"))
    return frame.select(
        ASSETNO="reference",
        TXT_1="name",
        TXT_2="address",
        PCODE="postcode",
        SEX=pl.col("category").replace({"Female and Male": "MF", "Unisex": "U", "Female": "F", "Male": "M"}),
        FACILITIES=pl.concat_str(pl.lit("basin"), accessible, baby, separator=", ", ignore_nulls=True),
        PRICE_PENC="pence",
        HOURS_TXT="opening_hours",
    )


def _areas(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.select(
        CA_REF="reference",
        CA_NAME="name",
        DATE_DESIG="designation_date",
        AMENDDATE="amended_date",
    )


def _stations(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.select(
        STATIONNO="reference",
        STATNAME="name",
        STATION_AD="address",
        POSTCODE="postcode",
        POLL_DIST="districts",
        WARD_NAME="ward",
    )


def _with_a_crossed_outline(city: DemoCity) -> NDArray[np.object_]:
    """Dunmoor's outlines, two neighbouring vertices of the first one the wrong way about."""
    shapes = city.shapes_of(ORDER)
    for place in range(1, shapely.get_num_coordinates(shapes[0]) - 2):
        ring = shapely.get_coordinates(shapes[0])
        ring[[place, place + 1]] = ring[[place + 1, place]]
        # Where the outline bends one way and then the other, a swap crosses nothing.
        if not shapely.Polygon(ring).is_valid:
            shapes[0] = shapely.Polygon(ring)
            break
    return shapes
