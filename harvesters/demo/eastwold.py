"""Eastwold publishes what its desktop GIS exports: KML, GML and GeoPackage, one of them with a second layer beside the
one that is meant."""

from pathlib import Path

import numpy as np
import polars as pl
import shapely
from numpy.typing import NDArray

from harvesters.demo.ashmere import yes_no
from harvesters.demo.city import DemoCity
from harvesters.demo.land import points_in_degrees
from harvesters.demo.publication import Publication, Quirk, publications
from harvesters.demo.vector import DEGREES, GRID, write_vector

ORDER = 4
FILES = {
    "public-toilets": "eastwold/public-toilets.kml",
    "conservation-areas": "eastwold/conservation-areas.gml",
    "libraries": "eastwold/libraries.gpkg",
    "polling-stations": "eastwold/polling-stations.gpkg",
}
STATION_LAYER = "polling_stations"
"""The feed has to name it: the districts lie in the same GeoPackage."""

_QUIRKS = {"polling-stations": (Quirk("W-MULTI-LAYER", 1, "the polling districts in the same GeoPackage"),)}


def publish(city: DemoCity, folder: Path) -> list[Publication]:
    """Writes Eastwold's four files."""
    _write_toilets(city.features_of("public-toilets", ORDER), folder / FILES["public-toilets"])
    _write_areas(city, folder / FILES["conservation-areas"])
    _write_libraries(city.features_of("libraries", ORDER), folder / FILES["libraries"])
    _write_stations(city, folder / FILES["polling-stations"])
    return publications(city, ORDER, FILES, _QUIRKS)


def _write_toilets(frame: pl.DataFrame, path: Path) -> None:
    columns = frame.select(
        Name="name",
        Reference="reference",
        Address="address",
        Postcode="postcode",
        Accessible=yes_no("accessible"),
        RadarKey=yes_no("radar_key_needed"),
        BabyChange=yes_no("baby_change"),
        OpeningHours="opening_hours",
    )
    write_vector(path, columns, _in_degrees(frame), driver="KML", crs=DEGREES, layer="PublicToilets")


def _write_areas(city: DemoCity, path: Path) -> None:
    columns = city.features_of("conservation-areas", ORDER).select(
        site_ref="reference",
        site_name="name",
        designation_date=pl.col("designation_date").cast(pl.String),
        document_url=pl.lit("https://www.eastwold.example.org/conservation/") + pl.col("reference") + ".pdf",
    )
    shapes = city.shapes_of(ORDER)
    write_vector(
        path, columns, shapes, driver="GML", crs=GRID, layer="ConservationAreas", FORMAT="GML3.2", XSISCHEMA="OFF"
    )


def _write_libraries(frame: pl.DataFrame, path: Path) -> None:
    columns = frame.select(
        library_id="reference",
        library_name="name",
        address="address",
        postcode="postcode",
        uprn="uprn",
        statutory=yes_no("statutory"),
        type_of_library="library_type",
        year_opened="year_opened",
        opening_hours=pl.lit("Tue-Sat ") + pl.col("opens") + "-" + pl.col("closes"),
        telephone="telephone",
    )
    write_vector(path, columns, _in_degrees(frame), driver="GPKG", crs=DEGREES, layer="libraries")


def _write_stations(city: DemoCity, path: Path) -> None:
    frame = city.features_of("polling-stations", ORDER)
    columns = frame.select(
        station_id="reference",
        polling_place_name="name",
        address="address",
        postcode="postcode",
        uprn="uprn",
        district_code="districts",
        ward="ward",
        election_date="election_date",
    )
    names, districts = _districts(city)
    write_vector(path, names, districts, driver="GPKG", crs=GRID, layer="polling_districts")
    points = shapely.points(frame["easting"].to_numpy(), frame["northing"].to_numpy())
    write_vector(path, columns, points, driver="GPKG", crs=GRID, layer=STATION_LAYER, append=True)


def _districts(city: DemoCity) -> tuple[pl.DataFrame, NDArray[np.object_]]:
    """A district around each ward's postcodes, roughly."""
    mine = city.postcodes.filter(pl.col("borough") == ORDER)
    names = mine["ward"].unique(maintain_order=True)
    hulls = [
        shapely.MultiPoint(mine.filter(pl.col("ward") == name).select("easting", "northing").to_numpy()).convex_hull
        for name in names
    ]
    return pl.DataFrame({"district": names}), np.array(hulls, dtype=object)


def _in_degrees(frame: pl.DataFrame) -> NDArray[np.object_]:
    points: NDArray[np.object_] = shapely.points(*points_in_degrees(frame))
    return points
