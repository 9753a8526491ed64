"""In real files of councils the location is found where the manifest beside them says that it is, and the rows land
at the council. Files whose rows are elsewhere for a good reason are listed with it."""

import csv
import re
from functools import cache
from pathlib import Path

import polars as pl
import pyogrio.raw
import pytest
import shapely
from town import Outcome

from datasets.city import City, Council
from datasets.errors import RunHeld
from datasets.feed import Location, LocationKind
from datasets.settings import CHECKOUT, read_settings
from datasets.vocabulary import GeometryKind
from harvesters.batch import Opened
from harvesters.columns.mapping import SURE
from harvesters.fetch import keep_local
from harvesters.fetching.archive import Archive
from harvesters.locate import FoundLocation, find_location
from harvesters.open import open_resource
from harvesters.surroundings import Surroundings

FOLDER = CHECKOUT.parent / "shared" / "data"
pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(not FOLDER.is_dir(), reason="the folder of real files, ../shared/data, is not here"),
]

KINDS = {
    "public-toilets": GeometryKind.POINT,
    "libraries": GeometryKind.POINT,
    "polling-stations": GeometryKind.POINT,
    "conservation-areas": GeometryKind.AREA,
}
ELSEWHERE = {
    "conservation-areas/babergh-district-council/ea8b5f08.gml": "published for two districts together",
    "conservation-areas/chichester-district-council/f9114ac1.gml": "another layer answers there, out at sea",
    "conservation-areas/nottingham-city-council/043fd72c.geojson": "published for the whole county",
    "polling-stations/lichfield/Lichfield_District_Council_Polling_Station_Locations.shp": "has the constituency's too",
    "polling-stations/ryedale/Polling Stations Malton and Thirsk 07 05 2015.csv": "has the constituency's too",
}
UNITED_KINGDOM = (-8.7, 49.8, 1.9, 60.9)


@cache
def manifest() -> list[dict[str, str]]:
    if not FOLDER.is_dir():
        return []
    with (FOLDER / "MANIFEST.csv").open(encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["path"].split("/")[0] in KINDS]
    return [row for row in rows if "sidecar" not in row["format"] and "report" not in row["format"]]


@cache
def boundaries() -> dict[str, shapely.Geometry]:
    meta, _, wkb, columns = pyogrio.raw.read(FOLDER / "boundaries/england/local-authorities-2013.geojson")
    return dict(zip(columns[list(meta["fields"]).index("code")], shapely.from_wkb(wkb), strict=True))


@cache
def gazetteer() -> pl.DataFrame:
    places = pl.read_csv(FOLDER / "postcodes/trafford_postcodes.csv")
    return places.select(pl.col("postcode").str.replace_all(" ", "").alias("code"), "lon", "lat")


def around(row: dict[str, str]) -> Surroundings:
    council = Council(gss=row["gss"] or "E00000000", name=row["council"])
    city = City(title="All", description="", extent=UNITED_KINGDOM, boundary_source="", council=(council,))
    known = gazetteer()
    return Surroundings(
        city, council, boundaries().get(row["gss"]), lambda codes: known.join(codes.to_frame("code"), on="code")
    )


def opening(row: dict[str, str], work: Path) -> Opened:
    kept = keep_local(FOLDER / row["path"], Archive(work / "archive"))
    return open_resource(kept.archived.path, name=kept.name, settings=read_settings({}), work=work)


def expected(row: dict[str, str]) -> tuple[LocationKind, tuple[str, ...]] | None:
    """What the manifest's words on the CRS mean; None where it says that there are no coordinates."""
    words = row["crs"]
    if words.startswith("none"):
        return None
    if degrees := re.search(r"\(lat in (.+?), lon in (.+?)\)", words):
        return LocationKind.XY, (degrees[2], degrees[1])
    if "one" in words and "text field" in words:
        return LocationKind.PAIR, ()
    if words.startswith("WKT"):
        return LocationKind.WKT, ()
    if columns := re.fullmatch(r"EPSG:27700 \((.+)/(.+)\)", words):
        return LocationKind.XY, (columns[1], columns[2])
    return LocationKind.GEOMETRY, ()


def agrees(found: FoundLocation | None, wanted: tuple[LocationKind, tuple[str, ...]] | None) -> bool:
    if wanted is None:
        return found is None or found.location.kind is LocationKind.POSTCODE
    every: tuple[Location, ...] = () if found is None else (found.location, *found.alternatives)
    kind, columns = wanted
    return any(one.kind is kind and (not columns or one.columns == columns) for one in every)


@pytest.mark.parametrize("row", manifest(), ids=lambda row: row["path"])
def test_locations_are_found_and_lie_at_the_council(row, tmp_path):
    opened = opening(row, tmp_path)
    found = find_location(opened, around(row))
    assert agrees(found, expected(row)), found
    if found is None:
        return
    assert found.confidence >= SURE
    if row["path"] == "polling-stations/islington/POLLING_AREA.shp":
        with pytest.raises(RunHeld, match="areas"):
            Outcome(opened, around=around(row))
        return
    made = Outcome(opened, around=around(row), kind=KINDS[row["path"].split("/")[0]])
    assert made.batch.frame.height >= 0.88 * opened.records.height
    far = (made.batch.frame["outside_m"].fill_null(0) > 500).mean()
    assert (far > 0.03) == (row["path"] in ELSEWHERE)
