"""Brackholme publishes Excel workbooks: a sheet of guidance first, a title above the header, prices as people say
them, latitude and longitude in one cell, and references to property that Excel rounded."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import polars as pl
import shapely

from harvesters.demo.city import DemoCity
from harvesters.demo.land import points_in_degrees, to_degrees
from harvesters.demo.publication import Publication, Quirk, publications
from harvesters.demo.workbook import Cell, write_workbook

ORDER = 1
FILES = {
    "public-toilets": "brackholme/public-toilets.xlsx",
    "conservation-areas": "brackholme/conservation-areas.xlsx",
    "libraries": "brackholme/libraries.xlsx",
    "polling-stations": "brackholme/polling-stations.xlsx",
}
ROUNDED_UPRNS = 3
_GUIDANCE: Sequence[Sequence[Cell]] = (
    ("How to use this workbook",),
    (),
    ("1.", "The list is on the next sheet."),
    ("2.", "Blank cells mean that we do not know."),
    ("3.", "Questions: opendata@brackholme.example.org"),
)


def publish(city: DemoCity, folder: Path) -> list[Publication]:
    """Writes Brackholme's four workbooks."""
    sheets = {
        "public-toilets": ("Toilets", _toilets(city.features_of("public-toilets", ORDER))),
        "conservation-areas": ("Areas", _areas(city)),
        "libraries": ("Libraries", _libraries(city.features_of("libraries", ORDER))),
        "polling-stations": ("Stations", _stations(city.features_of("polling-stations", ORDER))),
    }
    every = (
        Quirk("W-MULTI-SHEET", 1, "a sheet of guidance before the rows"),
        Quirk("W-PREAMBLE", 1, "a title and an empty line above the header"),
    )
    rounded = Quirk("invalid UPRN", ROUNDED_UPRNS, "UPRNs that Excel turned into 9.91E+11")
    for layer, (name, frame) in sheets.items():
        title = f"Brackholme Borough Council: {layer.replace('-', ' ')}, October 2026"
        write_workbook(folder / FILES[layer], [("Guidance", _GUIDANCE), (name, _below(title, frame))])
    quirks = {layer: (*every, rounded) if layer == "libraries" else every for layer in FILES}
    return publications(city, ORDER, FILES, quirks)


def _below(title: str, frame: pl.DataFrame) -> Iterator[Sequence[Cell]]:
    yield (title,)
    yield ()
    yield frame.columns
    yield from frame.iter_rows()


def _toilets(frame: pl.DataFrame) -> pl.DataFrame:
    lon, lat = (pl.Series(values).round(6).cast(pl.String) for values in points_in_degrees(frame))
    price = pl.when(pl.col("pence") == 0).then(pl.lit("Free")).otherwise(pl.col("pence").cast(pl.String) + "p")
    return frame.select(
        pl.col("reference").alias("Site Ref"),
        pl.col("name").alias("Site Name"),
        pl.col("address").alias("Address"),
        pl.col("postcode").alias("Postcode"),
        pl.col("category").replace("Female and Male", "Ladies and Gents").alias("Toilet Type"),
        y_n("accessible").alias("Disabled Access"),
        y_n("radar_key_needed").alias("RADAR Key"),
        y_n("baby_change").alias("Baby Changing"),
        price.alias("Charge"),
        pl.col("opening_hours").alias("Opening Times"),
        (lat + ", " + lon).alias("Lat/Lng"),
    )


def _areas(city: DemoCity) -> pl.DataFrame:
    outlines = shapely.to_wkt(to_degrees(city.shapes_of(ORDER)), rounding_precision=6)
    return city.features_of("conservation-areas", ORDER).select(
        pl.col("reference").alias("CA Ref"),
        pl.col("name").alias("CA Name"),
        pl.col("designation_date").alias("Date of Designation"),
        pl.col("amended_date").alias("Amended"),
        pl.Series(outlines).alias("WKT"),
    )


def _libraries(frame: pl.DataFrame) -> pl.DataFrame:
    lon, lat = points_in_degrees(frame)
    rounded = pl.int_range(pl.len()) < ROUNDED_UPRNS
    return frame.select(
        pl.col("reference").alias("Library Code"),
        pl.col("name").alias("Library Name"),
        pl.col("address").alias("Address"),
        pl.col("postcode").alias("Postcode"),
        pl.when(rounded).then(pl.lit("9.91E+11")).otherwise(pl.col("uprn").cast(pl.String)).alias("UPRN"),
        pl.col("library_type").alias("Library Type"),
        pl.col("year_opened").alias("Year Opened"),
        (pl.lit("Mon-Sat ") + pl.col("opens") + "-" + pl.col("closes")).alias("Opening Hours"),
        pl.lit("libraries@brackholme.example.org").alias("Email"),
        pl.col("telephone").alias("Telephone"),
        pl.Series(lat).alias("Latitude"),
        pl.Series(lon).alias("Longitude"),
    )


def _stations(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.select(
        pl.col("reference").alias("Station Number"),
        pl.col("name").alias("Polling Place"),
        pl.col("address").alias("Address"),
        pl.col("postcode").alias("Postcode"),
        pl.col("uprn").alias("UPRN"),
        pl.col("districts").alias("Polling District"),
        pl.col("ward").alias("Ward"),
        pl.col("election_date").alias("Election Date"),
        pl.col("easting").alias("Easting"),
        pl.col("northing").alias("Northing"),
    )


def y_n(column: str) -> pl.Expr:
    """A flag in one letter."""
    return pl.when(column).then(pl.lit("Y")).otherwise(pl.lit("N"))
