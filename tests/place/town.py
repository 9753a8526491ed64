"""A made-up town for the tests of locations: one council around 51.5 N 0.1 W, and files as they are opened."""

from collections.abc import Mapping, Sequence

import numpy as np
import polars as pl
import shapely

from datasets.city import City, Council
from datasets.feed import Location, LocationKind
from datasets.issues import all_issues
from datasets.vocabulary import GeometryKind
from harvesters.batch import ROW_NO, Batch, DeclaredCrs, Opened
from harvesters.locate import find_location
from harvesters.place import place
from harvesters.surroundings import Surroundings

WEST, SOUTH, EAST, NORTH = -0.2, 51.45, 0.0, 51.55
COUNCIL = Council(gss="E09999901", name="Elmsworth")
CITY = City(title="Elms", description="A town", extent=(-0.5, 51.3, 0.3, 51.7), boundary_source="", council=(COUNCIL,))
BOUNDARY = shapely.box(WEST, SOUTH, EAST, NORTH)
GAZETTEER = {"AB11AA": (-0.11, 51.51), "AB11AB": (-0.12, 51.52), "AB11AD": (-0.13, 51.53)}

EASTINGS = (530012, 531023, 532034, 533045)
NORTHINGS = (180423, 181434, 182445, 183456)
LONGITUDES = (-0.128, -0.113065, -0.098124, -0.083178)
LATITUDES = (51.507791, 51.516643, 51.525494, 51.534342)
"""The same four places twice."""

TRUE = [(-0.128, 51.5078), (-0.1131, 51.5166), (-0.0981, 51.5255), (-0.0832, 51.5343)]


def surroundings(boundary: shapely.Geometry | None = BOUNDARY) -> Surroundings:
    return Surroundings(CITY, COUNCIL, boundary, find_postcodes)


def find_postcodes(codes: pl.Series) -> pl.DataFrame:
    known = [(code, *GAZETTEER[code]) for code in codes.to_list() if code in GAZETTEER]
    schema = {"code": pl.String, "lon": pl.Float64, "lat": pl.Float64}
    return pl.DataFrame(known, schema=schema, orient="row")


def table(columns: Mapping[str, Sequence[object]]) -> Opened:
    """A CSV of these columns."""
    texts = {name: [None if value is None else str(value) for value in values] for name, values in columns.items()}
    records = pl.DataFrame(texts, schema=dict.fromkeys(texts, pl.String))
    return Opened(
        "CSV", records.with_row_index(ROW_NO, 2).with_columns(pl.col(ROW_NO).cast(pl.Int64)), records.height, []
    )


def drawn(
    shapes: Sequence[object], epsg: int | None = None, where: str = ".prj", **columns: Sequence[object]
) -> Opened:
    """A file with these shapes."""
    opened = table({"Name": [f"n{number}" for number in range(len(shapes))], **columns})
    geometry = np.array(shapes, dtype=np.object_)
    crs = None if epsg is None else DeclaredCrs(epsg, where, f"EPSG:{epsg}")
    return Opened("Shapefile", opened.records, opened.rows_read, [], geometry=geometry, crs=crs)


def xy(x: str, y: str, crs: int | None = None) -> Location:
    return Location(kind=LocationKind.XY, columns=(x, y), crs=crs)


GEOMETRY = Location(kind=LocationKind.GEOMETRY)


class Outcome:
    """What the place stage made of a file."""

    def __init__(
        self,
        opened: Opened,
        location: Location | None = None,
        *alternatives: Location,
        kind: GeometryKind = GeometryKind.POINT,
        around: Surroundings | None = None,
        **fields: Sequence[object],
    ) -> None:
        around = around or surroundings()
        if location is None:
            found = find_location(opened, around)
            assert found is not None
            location, alternatives = found.location, found.alternatives
        batch = Batch(opened.records.select(ROW_NO).with_columns(**{k: pl.Series(v) for k, v in fields.items()}))
        self.batch, self.placement, issues = place(batch, opened, location, alternatives, kind, around)
        self.issues = all_issues(issues)
        dropped = self.issues.filter(pl.col("action") == "dropped")
        assert opened.records.height == self.batch.frame.height + dropped.height

    @property
    def shapes(self) -> np.ndarray:
        assert self.batch.geometry is not None
        return self.batch.geometry

    @property
    def lonlat(self) -> list[tuple[float, float]]:
        return [(round(x, 4), round(y, 4)) for x, y in shapely.get_coordinates(self.shapes)]

    @property
    def codes(self) -> dict[str, int]:
        """How many rows each issue code stands for."""
        return dict(self.issues.group_by("code").agg(pl.col("count").sum()).iter_rows())

    def issue(self, code: str) -> dict[str, object]:
        return self.issues.filter(pl.col("code") == code).row(0, named=True)
