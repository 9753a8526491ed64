"""Ashmere publishes CSV files in the columns of the LGA schemas, on the National Grid, with dates as people write
them. Saved by a spreadsheet: with a byte order mark, or in the code page of Windows."""

from pathlib import Path

import polars as pl
import shapely

from harvesters.demo.city import DemoCity
from harvesters.demo.publication import Publication, Quirk, publications

ORDER = 0
FILES = {
    "public-toilets": "ashmere/public-toilets.csv",
    "conservation-areas": "ashmere/conservation-areas.csv",
    "libraries": "ashmere/libraries.csv",
    "polling-stations": "ashmere/polling-stations.csv",
}
WEEK = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_DAY = "%d/%m/%Y"


def publish(city: DemoCity, folder: Path) -> list[Publication]:
    """Writes Ashmere's four files."""
    toilets = city.features_of("public-toilets", ORDER)
    areas = city.features_of("conservation-areas", ORDER)
    libraries = city.features_of("libraries", ORDER)
    stations = city.features_of("polling-stations", ORDER)
    outlines = pl.Series(shapely.to_wkt(city.shapes_of(ORDER), rounding_precision=1))
    _save(_toilets(toilets), folder / FILES["public-toilets"])
    _save(_areas(areas, outlines), folder / FILES["conservation-areas"])
    _save(_libraries(libraries), folder / FILES["libraries"], encoding="cp1252")
    _save(_stations(stations), folder / FILES["polling-stations"])
    cp1252 = Quirk("W-ENCODING-GUESSED", 1, "saved as Windows-1252, which the server does not say")
    contact = Quirk("personal-column-dropped", len(libraries), "the column Contact Name, which no layer publishes")
    return publications(city, ORDER, FILES, {"libraries": (cp1252, contact)})


def _toilets(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.select(
        ExtractDate=pl.lit("01/10/2026"),
        OrganisationURI=pl.lit("http://example.org/id/borough/ashmere"),
        OrganisationLabel=pl.lit("Ashmere"),
        ServiceTypeURI=pl.lit("http://id.esd.org.uk/service/579"),
        ServiceTypeLabel=pl.lit("Public toilets"),
        RefNo="reference",
        LocationText="name",
        StreetAddress="address",
        Postcode="postcode",
        UPRN="uprn",
        CoordinateReferenceSystem=pl.lit("OSGB36"),
        GeoX="easting",
        GeoY="northing",
        Category=pl.col("category").str.to_lowercase(),
        AccessibleCategory=pl.col("accessible_category").str.to_lowercase(),
        RADARKeyNeeded=yes_no("radar_key_needed"),
        BabyChange=yes_no("baby_change"),
        ChangingPlace=yes_no("changing_place"),
        FullTimeStaffing=yes_no("staffed"),
        PartOfCommunityScheme=yes_no("community_scheme"),
        CommunitySchemeName=pl.when("community_scheme").then(pl.lit("Ashmere Welcomes You")),
        ChargeAmount=(pl.col("pence") / 100).round(2),
        InfoURL=pl.lit("https://www.ashmere.example.org/toilets"),
        OpeningHours="opening_hours",
        ManagedBy=pl.lit("Ashmere Street Services"),
        ReportEmail=pl.lit("street.services@ashmere.example.org"),
        ReportTel="report_tel",
        Notes=pl.when("changing_place").then(pl.lit("Hoist – ask at reception for the sling; £5 deposit")),
    )


def _areas(frame: pl.DataFrame, outlines: pl.Series) -> pl.DataFrame:
    return frame.select(
        pl.col("reference").alias("Reference"),
        pl.col("name").alias("Conservation Area"),
        pl.col("designation_date").dt.strftime(_DAY).alias("Designated Date"),
        pl.col("amended_date").dt.strftime(_DAY).alias("Amended Date"),
        outlines.alias("WKT"),
    )


def _libraries(frame: pl.DataFrame) -> pl.DataFrame:
    open_times = pl.col("opens") + "-" + pl.col("closes")
    return frame.select(
        pl.lit("Ashmere").alias("Local authority"),
        pl.col("reference").alias("Branch code"),
        pl.col("name").alias("Library name"),
        pl.col("address").str.split(", ").list.get(0).alias("Address 1"),
        pl.col("address").str.split(", ").list.get(1).alias("Address 2"),
        pl.col("postcode").alias("Postcode"),
        pl.col("uprn").alias("UPRN"),
        yes_no("statutory").alias("Statutory"),
        pl.col("library_type").alias("Type of library"),
        pl.col("year_opened").alias("Year opened"),
        *((pl.lit("") if day == "Sunday" else open_times).alias(f"{day} staffed hours") for day in WEEK),
        pl.lit("Branch librarian on duty").alias("Contact Name"),
        pl.lit("libraries@ashmere.example.org").alias("Email address"),
        pl.col("telephone").alias("Telephone"),
        pl.lit("https://www.ashmere.example.org/libraries").alias("URL"),
        pl.lit("Café open 10–4; printing £0.20 a page").alias("Notes"),
        pl.col("easting").alias("GeoX"),
        pl.col("northing").alias("GeoY"),
    )


def _stations(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.select(
        pl.col("reference").alias("Polling Station Number"),
        pl.col("name").alias("Polling Station Name"),
        pl.col("address").alias("Polling Station Address"),
        pl.col("postcode").alias("Postcode"),
        pl.col("uprn").alias("UPRN"),
        pl.col("districts").alias("Polling Districts"),
        pl.col("ward").alias("Ward"),
        pl.col("election_date").dt.strftime(_DAY).alias("Election Date"),
        pl.col("easting").alias("GeoX"),
        pl.col("northing").alias("GeoY"),
    )


def yes_no(column: str) -> pl.Expr:
    """A flag as councils write it."""
    return pl.when(column).then(pl.lit("yes")).otherwise(pl.lit("no"))


def _save(frame: pl.DataFrame, path: Path, encoding: str = "utf-8-sig") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(frame.write_csv(line_terminator="\r\n").encode(encoding))
