"""Pairs of features of two versions that lie near each other, or cover nearly the same ground. Made for whole columns:
a million points that all moved a little are a few million pairs."""

from typing import Protocol

import numpy as np
import polars as pl
import shapely
from numpy.typing import NDArray
from shapely import STRtree

from datasets.store.publishing.rows import Shapes

NAMED_M = 50.0
"""So far a thing of the same name may have moved."""

OVERLAP = 0.9
"""Two areas are one thing where what both cover is more than this share of either."""

_METRES_PER_DEGREE = 111_320.0
_CANDIDATES = pl.Schema({"place": pl.Int64, "fid": pl.Int64, "metres": pl.Float64})
_WORDLESS = r"[^\p{L}\p{N}]+"


class Placed(Protocol):
    """A frame with `id` and, where the features have one, `name`; shapes parallel to it, WGS 84."""

    @property
    def frame(self) -> pl.DataFrame: ...

    @property
    def shapes(self) -> Shapes: ...


def near_pairs(new: Placed, held: Placed, metres: float) -> pl.DataFrame:
    """`place`, `fid` and `metres` of points that lie within so many metres, and of areas that cover each other: for
    those the metres are no distance, but smaller the more they cover."""
    ours, theirs = (_in_metres(side.shapes, new.shapes) for side in (new, held))
    areal = [shapely.get_dimensions(shapes) == 2 for shapes in (ours, theirs)]
    found = [_points_within(ours, theirs, ~areal[0], ~areal[1], metres), _covering(ours, theirs, *areal)]
    rows, others, apart = (np.concatenate(parts) for parts in zip(*found, strict=True))
    return _as_pairs(new, held, rows, others, apart)


def same_name_pairs(new: Placed, held: Placed) -> pl.DataFrame:
    """`place`, `fid` and `metres` of features that have the same name and whose middles lie within NAMED_M."""
    if "name" not in new.frame.columns or "name" not in held.frame.columns:
        return pl.DataFrame(schema=_CANDIDATES)
    ours, theirs = (_named_cells(side, new.shapes) for side in (new, held))
    around = pl.DataFrame({"dx": [-1, 0, 1] * 3, "dy": [-1] * 3 + [0] * 3 + [1] * 3}, schema_overrides={"dx": pl.Int64})
    wider = ours.join(around, how="cross").with_columns(
        cell_x=pl.col("cell_x") + pl.col("dx"), cell_y=pl.col("cell_y") + pl.col("dy")
    )
    both = wider.join(theirs, on=["called", "cell_x", "cell_y"])
    metres = ((pl.col("x") - pl.col("x_right")) ** 2 + (pl.col("y") - pl.col("y_right")) ** 2).sqrt()
    return both.select(place="id", fid="id_right", metres=metres).filter(pl.col("metres") <= NAMED_M)


def same_name_areas(new: Placed, held: Placed) -> pl.DataFrame:
    """`place`, `fid` and `metres` of areas that alone have their name on either side and cover more than half of the
    smaller of them: one that was made larger. As in `near_pairs` the metres are no distance."""
    if "name" not in new.frame.columns or "name" not in held.frame.columns:
        return pl.DataFrame(schema=_CANDIDATES)
    ours, theirs = (
        side.frame.select("id", called=_called())
        .with_row_index("at")
        .filter(pl.Series(shapely.get_dimensions(side.shapes) == 2) & ~pl.col("called").is_duplicated())
        for side in (new, held)
    )
    both = ours.join(theirs, on="called")
    mine, its = new.shapes[both["at"].to_numpy()], held.shapes[both["at_right"].to_numpy()]
    smaller = np.minimum(shapely.area(mine), shapely.area(its))
    covered = shapely.area(shapely.intersection(mine, its)) > smaller / 2
    found = both.filter(pl.Series(covered))
    return found.select(place="id", fid="id_right", metres=pl.lit(0.0)).cast(_CANDIDATES)


def _called() -> pl.Expr:
    """A name as names are compared."""
    plain = pl.col("name").str.to_lowercase().str.replace_all(_WORDLESS, " ").str.strip_chars()
    return pl.when(plain != "").then(plain)


def _named_cells(side: Placed, origin: Shapes) -> pl.DataFrame:
    """The features with a name, each with its middle in metres and the cell of NAMED_M that it lies in."""
    middle = shapely.get_coordinates(shapely.centroid(_in_metres(side.shapes, origin)))
    cells = np.floor(middle / NAMED_M).astype(np.int64)
    return side.frame.select(
        "id",
        called=_called(),
        x=pl.Series(middle[:, 0]),
        y=pl.Series(middle[:, 1]),
        cell_x=pl.Series(cells[:, 0]),
        cell_y=pl.Series(cells[:, 1]),
    ).filter(pl.col("called").is_not_null())


def _in_metres(shapes: Shapes, origin: Shapes) -> Shapes:
    """Degrees as metres of a plane that touches the ground at the middle of `origin`: a city is small enough."""
    degrees = shapely.get_coordinates(shapes)
    middle = float(np.nanmean(shapely.bounds(origin)[:, 1]))
    scale = np.array([np.cos(np.radians(middle)) * _METRES_PER_DEGREE, _METRES_PER_DEGREE])
    return np.asarray(shapely.set_coordinates(shapes.copy(), degrees * scale), dtype=np.object_)


Found = tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]


def _points_within(
    ours: Shapes, theirs: Shapes, of_ours: NDArray[np.bool_], of_theirs: NDArray[np.bool_], metres: float
) -> Found:
    rows, others = np.flatnonzero(of_ours), np.flatnonzero(of_theirs)
    if not len(rows) or not len(others):
        return _nothing()
    mine, its = STRtree(theirs[others]).query(ours[rows], predicate="dwithin", distance=metres)
    rows, others = rows[mine], others[its]
    return rows, others, np.asarray(shapely.distance(ours[rows], theirs[others]), dtype=np.float64)


def _covering(ours: Shapes, theirs: Shapes, of_ours: NDArray[np.bool_], of_theirs: NDArray[np.bool_]) -> Found:
    """Areas of which more than OVERLAP of either is covered by both; told in metres, so that a tenth of a percent is
    less than what makes two points ambiguous."""
    rows, others = np.flatnonzero(of_ours), np.flatnonzero(of_theirs)
    if not len(rows) or not len(others):
        return _nothing()
    mine, its = STRtree(theirs[others]).query(ours[rows], predicate="intersects")
    rows, others = rows[mine], others[its]
    sizes = np.maximum(shapely.area(ours[rows]), shapely.area(theirs[others]))
    likely = np.minimum(shapely.area(ours[rows]), shapely.area(theirs[others])) > sizes * OVERLAP
    rows, others, sizes = rows[likely], others[likely], sizes[likely]
    share = shapely.area(shapely.intersection(ours[rows], theirs[others])) / sizes
    same = share > OVERLAP
    return rows[same], others[same], np.asarray((1 - share[same]) * 10, dtype=np.float64)


def _nothing() -> Found:
    return np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.float64)


def _as_pairs(
    new: Placed, held: Placed, rows: NDArray[np.int64], others: NDArray[np.int64], metres: NDArray[np.float64]
) -> pl.DataFrame:
    return pl.DataFrame(
        {"place": new.frame["id"].gather(rows), "fid": held.frame["id"].gather(others), "metres": metres},
        schema=_CANDIDATES,
    )
