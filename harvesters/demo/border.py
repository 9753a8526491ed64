"""What stands at the border of two boroughs and is published by both: the demo city's one known pair of twins."""

from functools import cache

import numpy as np
import polars as pl
import shapely

from harvesters.demo.land import boroughs
from harvesters.demo.postcodes import postcodes

NAMES = ("Boundary Bridge Public Toilets", "Boundary bridge public toilets")
APART_M = 12
_STEP_M = 20


def with_one_at_the_border(toilets: pl.DataFrame) -> pl.DataFrame:
    """The toilets, of which the last of the first borough and the last of the second are one. Each council has its own
    spelling, reference and idea of where it is."""
    frame = toilets.with_row_index("row")
    if not {0, 1} <= set(frame["borough"].unique()):
        return toilets
    for order, name in enumerate(NAMES):
        inland, postcode = _stands(order)
        own = {"name": name, "address": "Boundary Bridge", "postcode": postcode, "community_scheme": False}
        own |= {"easting": round(inland.x, 1), "northing": round(inland.y, 1)}
        chosen = pl.col("row") == frame.filter(pl.col("borough") == order)["row"].max()
        frame = frame.with_columns(
            pl.when(chosen).then(pl.lit(value)).otherwise(pl.col(column)).alias(column) for column, value in own.items()
        )
    return frame.drop("row")


@cache
def _stands(order: int) -> tuple[shapely.Point, str]:
    """Where the borough at `order` says that it stands, a few metres on its own side, and its postcode there."""
    middle = _at_the_border()
    _, nearest = _nearest(order, np.array([middle], dtype=object))
    return boroughs()[order].shape.intersection(middle.buffer(APART_M)).centroid, nearest[0]


@cache
def _at_the_border() -> shapely.Point:
    """The place on the border of the first two boroughs that is nearest to postcodes of both."""
    first, second = (borough.shape for borough in boroughs()[:2])
    border = shapely.line_merge(first.boundary.intersection(second.boundary))
    longest = max(shapely.get_parts(border), key=shapely.length)
    along = shapely.line_interpolate_point(longest, np.arange(_STEP_M, longest.length, _STEP_M))
    farther = np.maximum(_nearest(0, along)[0], _nearest(1, along)[0])
    return along[farther.argmin()]


def _nearest(order: int, places: np.ndarray) -> tuple[np.ndarray, list[str]]:
    """How far the nearest postcode of the borough is from each place, in metres, and which it is."""
    mine = postcodes().filter(pl.col("borough") == order)
    apart = shapely.distance(places[:, None], shapely.points(mine.select("easting", "northing").to_numpy())[None, :])
    return apart.min(axis=1), mine["postcode"].gather(apart.argmin(axis=1)).to_list()
