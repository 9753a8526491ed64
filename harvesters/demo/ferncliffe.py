"""Ferncliffe has a CKAN portal. Its files are exports of an old system: tabs or semicolons, a header used twice, blank
rows, a total at the end, a station at 0,0, references given out twice, and libraries known by postcode alone."""

import json
from pathlib import Path

import polars as pl
import shapely

from harvesters.demo.ashmere import yes_no
from harvesters.demo.city import DemoCity
from harvesters.demo.publication import Publication, Quirk, publications

ORDER = 5
PORTAL = "ferncliffe/data"
CATALOGUE = f"{PORTAL}/catalogue.json"
"""The portal's datasets, which the server answers CKAN's actions from; never served itself."""

FILES = {
    "public-toilets": f"{PORTAL}/files/toilets.tsv",
    "conservation-areas": f"{PORTAL}/files/conservation.csv",
    "libraries": f"{PORTAL}/files/libraries.csv",
    "polling-stations": f"{PORTAL}/files/stations.csv",
}
BLANK_ROWS = 3
SHARED_REFERENCES = 2
_NOWHERE_POSTCODE = "ZZ99 9ZZ"


def publish(city: DemoCity, folder: Path) -> list[Publication]:
    """Writes Ferncliffe's four files and the catalogue of its portal."""
    toilets = _toilets(city.features_of("public-toilets", ORDER))
    stations = city.features_of("polling-stations", ORDER)
    libraries = city.features_of("libraries", ORDER)
    _save(folder, "public-toilets", toilets, separator="\t")
    _save(folder, "conservation-areas", _areas(city))
    _save(folder, "libraries", _libraries(libraries))
    _save(folder, "polling-stations", _stations(stations))
    text = json.dumps(_catalogue(folder), indent=1)
    (folder / CATALOGUE).write_text(text + "\n", encoding="utf-8", newline="\n")
    quirks = {
        "public-toilets": (Quirk("W-DUPLICATE-HEADER", 1, "two columns called Notes"),),
        "libraries": (
            Quirk("at-postcode-centroid", len(libraries), "no coordinates, only postcodes"),
            Quirk("unknown postcode", 1, "a library whose postcode there is not", extra_rows=1),
        ),
        "polling-stations": (
            Quirk("blank row", BLANK_ROWS, "rows of semicolons only", extra_rows=BLANK_ROWS),
            Quirk("not a record", 1, "the total below the list", extra_rows=1),
            Quirk("null-island", 1, "a station at 0,0", extra_rows=1),
            Quirk("reference not unique", 2 * SHARED_REFERENCES, "pairs of stations that share a reference"),
        ),
    }
    return publications(city, ORDER, FILES, quirks)


def _toilets(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.select(
        pl.col("reference").alias("Ref No"),
        pl.col("name").alias("Facility"),
        pl.col("address").alias("Location"),
        pl.col("postcode").alias("Postcode"),
        pl.lit("Checked in September").alias("Notes"),
        pl.col("opening_hours").alias("Opening Hours"),
        yes_no("accessible").alias("Disabled"),
        yes_no("baby_change").alias("Baby Change"),
        (pl.col("pence") / 100).round(2).alias("Charge"),
        pl.col("easting").alias("Easting"),
        pl.col("northing").alias("Northing"),
        pl.lit("").alias("Notes "),
    )


def _areas(city: DemoCity) -> pl.DataFrame:
    outlines = shapely.to_wkt(city.shapes_of(ORDER), rounding_precision=1)
    return city.features_of("conservation-areas", ORDER).select(
        pl.col("reference").alias("Ref"),
        pl.col("name").alias("Area name"),
        pl.col("designation_date").dt.strftime("%d/%m/%Y").alias("Date of designation"),
        pl.Series(outlines).alias("Geometry"),
    )


def _libraries(frame: pl.DataFrame) -> pl.DataFrame:
    listed = frame.select(
        pl.col("name").alias("Library"),
        pl.col("address").alias("Address"),
        pl.col("postcode").alias("Postcode"),
        (pl.lit("Mon-Sat ") + pl.col("opens") + "-" + pl.col("closes")).alias("Opening Hours"),
        pl.lit("libraries@ferncliffe.example.org").alias("E-mail"),
        pl.col("telephone").alias("Telephone"),
    )
    lost = listed.head(1).with_columns(
        Library=pl.lit("Library at Sea"), Address=pl.lit("The Lightship"), Postcode=pl.lit(_NOWHERE_POSTCODE)
    )
    return pl.concat([listed, lost])


def _stations(frame: pl.DataFrame) -> pl.DataFrame:
    number = pl.int_range(pl.len())
    shared = (number % 2 == 1) & (number < 2 * SHARED_REFERENCES)
    listed = frame.select(
        pl.when(shared).then(pl.col("reference").shift(1)).otherwise("reference").alias("Ref"),
        pl.col("name").alias("Polling Station"),
        pl.col("address").alias("Address"),
        pl.col("postcode").alias("Postcode"),
        pl.col("districts").alias("Polling Districts"),
        pl.col("ward").alias("Ward"),
        pl.col("easting").cast(pl.String).alias("Easting"),
        pl.col("northing").cast(pl.String).alias("Northing"),
    )
    blank = pl.DataFrame({name: [None] * BLANK_ROWS for name in listed.columns}, schema=listed.schema)
    tail = pl.DataFrame(
        [
            ("PS-F99999", "Lifeboat Station", "At sea", None, "FZZ", None, "0", "0"),
            ("Total", str(len(listed)), None, None, None, None, None, None),
        ],
        schema=listed.schema,
        orient="row",
    )
    middle = len(listed) // 2
    return pl.concat([listed.head(middle), blank, listed.tail(-middle), tail])


def _save(folder: Path, layer: str, frame: pl.DataFrame, separator: str = ";") -> None:
    path = folder / FILES[layer]
    path.parent.mkdir(parents=True, exist_ok=True)
    header = separator.join(name.strip() for name in frame.columns)
    rows = frame.write_csv(separator=separator, include_header=False)
    path.write_text(f"{header}\n{rows}", encoding="utf-8", newline="\n")


def _catalogue(folder: Path) -> list[dict[str, object]]:
    """The datasets as an officer describes them; addresses are relative to the server."""
    return [
        {
            "name": layer,
            "title": f"{layer.replace('-', ' ').capitalize()} in Ferncliffe",
            "notes": f"The council's list of {layer.replace('-', ' ')}, exported every month.",
            "path": path,
            "format": "TSV" if path.endswith(".tsv") else "CSV",
            "size": (folder / path).stat().st_size,
        }
        for layer, path in FILES.items()
    ]
