"""The place stage: coordinates, shapes or postcodes become checked WGS 84 geometry, and rows without a place go."""

from dataclasses import dataclass

import numpy as np
import polars as pl
import shapely

from datasets.crs import Floats
from datasets.errors import RunHeld
from datasets.feed import Location
from datasets.issues import Issues, feed_issue, row_issues
from datasets.vocabulary import Action, GeometryKind
from harvesters.batch import ROW_NO, Batch, Geometries, Opened
from harvesters.location.fit import POINTS, fit, points, spread
from harvesters.location.gather import Rows, gather_places, row_values
from harvesters.location.numbers import Mask
from harvesters.location.outside import metres_outside
from harvesters.location.precision import COARSE_M
from harvesters.location.resolve import PLACED_BY, Resolved, Status
from harvesters.surroundings import Surroundings

_DROPPED = {
    Status.NO_LOCATION: "no location",
    Status.INVALID_COORDINATES: "invalid coordinates",
    Status.NULL_ISLAND: "null-island",
    Status.OUT_OF_BOUNDS: "out of bounds",
    Status.UNKNOWN_POSTCODE: "unknown postcode",
    Status.UNKNOWN_UPRN: "unknown UPRN",
    Status.NOT_FIXABLE: "invalid geometry - not fixable",
    Status.WRONG_SHAPE: "Unexpected geom type",
}
_LOOKED_UP = [PLACED_BY.index(way) for way in ("uprn", "postcode")]
_SAME_PLACE_ROWS = 10
_FAR_M = 50.0


@dataclass(frozen=True)
class Placement:
    """How the locations were read: the reference system, one phrase that says how it is known, and the share of
    features outside the council's boundary, None without a boundary."""

    crs: str
    how: str
    outside_share: float | None
    one_place: str | None = None


def place(
    batch: Batch,
    opened: Opened,
    location: Location,
    alternatives: tuple[Location, ...],
    kind: GeometryKind,
    surroundings: Surroundings,
) -> tuple[Batch, Placement, Issues]:
    """The rows that have a place, with `geometry`, `placed`, `outside_m` and `precision_m`; each other row is dropped
    with an issue.

    Rows whose `location` says nothing are placed from `alternatives` in their order and, where the layer holds
    points, from the row's UPRN or its postcode.
    """
    places = gather_places(batch, opened, location, alternatives, kind, surroundings)
    shapes, issues = _shaped(batch, places, kind)
    kept = places.ok
    metres = metres_outside(shapes[kept], surroundings.boundary)
    placed = batch if kept.all() else batch.keep(pl.Series(kept))
    placed = Batch(placed.frame, shapes[kept]).with_columns(
        placed=pl.Series(places.by[kept], dtype=pl.UInt8).replace_strict(
            dict(enumerate(PLACED_BY)), return_dtype=pl.String
        ),
        outside_m=pl.Series(metres, dtype=pl.Float64, nan_to_null=True),
        precision_m=pl.Series(np.round(places.precision[kept], 2), dtype=pl.Float64, nan_to_null=True),
    )
    issues = places.issues + issues + _dropped(batch, opened, location, places) + _outside_issues(placed, metres)
    issues += _coarse_issues(places) if kind is GeometryKind.POINT else []
    share = float(np.isfinite(metres).mean()) if surroundings.boundary is not None and len(metres) else None
    return placed, Placement(places.crs, places.how, share, _one_place(places)), issues


def _shaped(batch: Batch, places: Resolved, kind: GeometryKind) -> tuple[Geometries, Issues]:
    """The geometry of every placed row; rows whose shape will not do lose their place."""
    shapes = np.full(len(places.lon), None, dtype=np.object_)
    extended = np.zeros(len(shapes), dtype=np.bool_)
    if places.shapes is not None:
        extended = places.ok & (shapely.get_type_id(places.shapes) > 0)
    single = places.ok & ~extended
    shapes[single] = points(places.lon[single], places.lat[single])
    issues = _fit_shapes(batch, places, shapes, np.flatnonzero(extended), kind) if extended.any() else []
    bare = int(np.isin(shapely.get_type_id(shapes[places.ok]), POINTS).sum())
    if bare and kind is GeometryKind.AREA:
        message = "Some places are points where the layer holds areas; they are published as points."
        issues.append(feed_issue("Unexpected geom type", message, count=bare))
    return shapes, issues


def _fit_shapes(batch: Batch, places: Resolved, shapes: Geometries, rows: Rows, kind: GeometryKind) -> Issues:
    """Fills in the shapes of `rows`, which are not points."""
    assert places.shapes is not None
    fitted = fit(places.shapes[rows], kind)
    if fitted.too_large.sum() > places.ok.sum() / 2:
        raise RunHeld("E-WRONG-LAYER", "Most shapes are areas or lines of some size, where the layer holds points.")
    shapes[rows] = fitted.shapes
    places.status[rows[fitted.unfixable]] = Status.NOT_FIXABLE
    places.status[rows[fitted.unfit]] = Status.WRONG_SHAPE
    shrunk = rows[fitted.reduced]
    places.precision[shrunk] = np.maximum(places.precision[shrunk], spread(places.shapes[shrunk]) / 2)
    numbers = batch.frame[ROW_NO]
    issues: Issues = []
    for code, mask in (("invalid geometry - fixed", fitted.mended), ("Unexpected geom type", fitted.reduced)):
        if mask.any():
            issues.append(row_issues(code, numbers.gather(rows[mask]), action=Action.FIXED))
    return issues


def _one_place(places: Resolved) -> str | None:
    """Says so when most rows were given one and the same place, such as the town hall's. What more than half of the
    rows share is the median; rows at a postcode's middle may well share it."""
    given = places.ok & ~np.isin(places.by, _LOOKED_UP)
    lon, lat = places.lon[given], places.lat[given]
    if len(lon) < _SAME_PLACE_ROWS:
        return None
    middle = np.median(lon), np.median(lat)
    same = int(((lon == middle[0]) & (lat == middle[1])).sum())
    if same <= len(lon) / 2:
        return None
    where = f"longitude {middle[0]:.5f}, latitude {middle[1]:.5f}"
    return f"{same} of {len(lon)} rows are at one and the same place ({where})."


def _coarse_issues(places: Resolved) -> Issues:
    """One issue for all points that are stated coarsely. Those that were looked up are told of one by one."""
    coarse = places.ok & (places.precision > COARSE_M) & ~np.isin(places.by, _LOOKED_UP)
    if not coarse.any():
        return []
    farthest = float(places.precision[coarse].max())
    message = f"Some places may be off by more than {COARSE_M:.0f} metres, the worst by {farthest:,.0f} m."
    return [feed_issue("precision-low", message, action=Action.KEPT, count=int(coarse.sum()))]


def _dropped(batch: Batch, opened: Opened, location: Location, places: Resolved) -> Issues:
    issues: Issues = []
    for status, code in _DROPPED.items():
        rows = np.flatnonzero(places.status == status)
        if len(rows):
            issues.append(
                row_issues(
                    code,
                    batch.frame[ROW_NO].gather(rows),
                    action=Action.DROPPED,
                    values=row_values(opened, location, places, rows),
                )
            )
    return issues


def _outside_issues(placed: Batch, metres: Floats) -> Issues:
    if not len(metres) or placed.geometry is None:
        return []
    doubted: Mask = np.isfinite(metres) & ((metres > _FAR_M) | (shapely.get_type_id(placed.geometry) > 0))
    if not doubted.any():
        return []
    values = pl.Series(np.round(metres[doubted])).cast(pl.Int64).cast(pl.String) + " m"
    rows = placed.frame[ROW_NO].filter(pl.Series(doubted))
    return [row_issues("outside-owner-boundary", rows, action=Action.KEPT, values=values)]
