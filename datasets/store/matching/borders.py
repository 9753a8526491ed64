"""Which features of a layer lie near enough to one of another feed that they may be one thing.

A few features are looked up through the geometry index; of many, all that lies around them is taken out and compared in
a tree, which takes a tenth of the time for a million.
"""

from typing import cast

import numpy as np
import polars as pl
import shapely
from numpy.typing import NDArray
from psycopg import sql

from datasets.layer import Layer
from datasets.store.layer_tables import SCHEMA
from datasets.store.publishing.rows import Cursor, read_rows
from datasets.vocabulary import GeometryKind

BULK = 20_000
"""From so many features on they are compared in a tree, with all that lies in their box and around it."""
PAIRS = pl.Schema({"a": pl.Int64, "b": pl.Int64})
"""The fids of two features, the lower first."""

_PLACES = pl.Schema({"fid": pl.Int64, "feed": pl.Int32, "x": pl.Float64, "y": pl.Float64})
_METRES_PER_DEGREE = 110_500.0
"""Rather too few, so that nothing near is overlooked; who scores a pair measures it."""
_CELLS = 2_000
CROWD = 2
_SAMPLE, _PORTION = 5_000, 100_000
_STEPS = 3
_WHOLE = 0.5
"""Of a layer of which so much is asked about, all of it is read, and no box is looked for."""


def near_pairs(cursor: Cursor, layer: Layer, fids: pl.Series) -> pl.DataFrame:
    """Pairs of near features of different feeds, of schema PAIRS: all that these features have, all that their partners
    have and all that theirs have. Points are near within the layer's match radius, areas when their boxes touch."""
    if layer.geometry is GeometryKind.POINT:
        if layer.match_radius_m <= 0:
            return PAIRS.to_frame()
        if len(fids) >= BULK:
            return _in_bulk(cursor, layer, fids)
    found, asked, frontier = PAIRS.to_frame(), fids, fids
    for _ in range(_STEPS):
        if frontier.is_empty():
            break
        found = pl.concat([found, _pairs_of(cursor, layer, frontier)]).unique()
        ends = ends_of(found)
        frontier = ends.filter(~ends.is_in(asked.implode()))
        asked = pl.concat([asked, frontier])
    return found


def ends_of(pairs: pl.DataFrame) -> pl.Series:
    """Every feature of the pairs, once."""
    return pl.concat([pairs["a"], pairs["b"].alias("a")]).unique()


def as_array(values: pl.Series) -> str:
    """Numbers or ids as PostgreSQL reads an array."""
    return "{" + ",".join(map(str, values)) + "}"


def _pairs_of(cursor: Cursor, layer: Layer, fids: pl.Series) -> pl.DataFrame:
    """The pairs of these features alone, through the geometry index."""
    query = """
        SELECT DISTINCT least(a.fid, b.fid), greatest(a.fid, b.fid)
        FROM unnest(%(fids)s::bigint[]) AS wanted (fid) JOIN {table} a USING (fid)
        JOIN {table} b ON b.feed_id <> a.feed_id
             AND b.geom && ST_Expand(a.geom, %(reach)s / cos(radians(ST_YMax(a.geom))), %(reach)s)
        """
    values = {"fids": as_array(fids), "reach": _reach(layer) / _METRES_PER_DEGREE}
    return read_rows(cursor, sql.SQL(query).format(table=_table(layer)), values, PAIRS)


def _in_bulk(cursor: Cursor, layer: Layer, fids: pl.Series) -> pl.DataFrame:
    """All pairs of points among these and whatever lies in their box and around it."""
    query = """
        SELECT t.fid, array_position(feeds.ids, t.feed_id), ST_X(ST_Centroid(geom)), ST_Y(ST_Centroid(geom))
        FROM {table} t, (SELECT array_agg(id) AS ids FROM citywide.feed WHERE layer = %(layer)s) feeds
        WHERE {around}
        """
    names = {"table": _table(layer), "around": _around(cursor, layer, fids)}
    places = read_rows(cursor, sql.SQL(query).format(**names), {"layer": layer.id}, _PLACES)
    if places.is_empty():
        return PAIRS.to_frame()
    found, feeds = places["fid"].to_numpy(), places["feed"].to_numpy()
    x, y = _as_metres(places["x"].to_numpy(), places["y"].to_numpy())
    kept = _beside_another_feed(x, y, feeds, _reach(layer))
    points = shapely.points(x[kept], y[kept])
    tree = shapely.STRtree(points)
    reach = _narrowed(tree, points, _reach(layer))
    parts = [PAIRS.to_frame()]
    for start in range(0, len(points), _PORTION):
        first, second = tree.query(points[start : start + _PORTION], predicate="dwithin", distance=reach)
        first, second = kept[first + start], kept[second]
        apart = (found[first] < found[second]) & (feeds[first] != feeds[second])
        parts.append(pl.DataFrame({"a": found[first[apart]], "b": found[second[apart]]}, schema=PAIRS))
    return pl.concat(parts)


def _narrowed(tree: shapely.STRtree, points: NDArray[np.object_], reach: float) -> float:
    """The reach at which a point has at most CROWD others around it on average. Where things stand so closely,
    nearness tells little, and all pairs of a million would not fit in memory."""
    sample = points[:: max(1, len(points) // _SAMPLE)]
    around = tree.query(sample, predicate="dwithin", distance=reach).shape[1] / max(1, len(sample)) - 1
    return reach if around <= CROWD else reach * float(np.sqrt(CROWD / around))


def _around(cursor: Cursor, layer: Layer, fids: pl.Series) -> sql.Composable:
    """What is true of a feature that lies in the box of these, or as many steps of partners around it as are asked
    for; of every feature, where most of the layer is asked about."""
    cursor.execute("SELECT features FROM citywide.layer WHERE id = %s", [layer.id])
    [(features,)] = cursor.fetchall()
    if len(fids) >= _WHOLE * cast(int, features):
        return sql.SQL("true")
    query = """
        SELECT ST_XMin(box), ST_YMin(box), ST_XMax(box), ST_YMax(box)
        FROM (SELECT ST_Extent(geom) AS box FROM unnest(%s::bigint[]) AS wanted (fid) JOIN {table} USING (fid)) e
        """
    cursor.execute(sql.SQL(query).format(table=_table(layer)), [as_array(fids)])
    west, south, east, north = (cast(float, bound) for bound in cursor.fetchall()[0])
    up = _STEPS * _reach(layer) / _METRES_PER_DEGREE
    across = up / float(np.cos(np.radians(max(abs(south - up), abs(north + up)))))
    bounds = sql.SQL(", ").join(map(sql.Literal, (west - across, south - up, east + across, north + up)))
    return sql.SQL("t.geom && ST_MakeEnvelope({}, 4326)").format(bounds)


def _as_metres(x: NDArray[np.float64], y: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Degrees as metres that are nowhere longer than they should be."""
    shortest = np.cos(np.radians(np.abs(y).max()))
    return (x - x.min()) * shortest * _METRES_PER_DEGREE, (y - y.min()) * _METRES_PER_DEGREE


def _beside_another_feed(
    x: NDArray[np.float64], y: NDArray[np.float64], feeds: NDArray[np.int32], reach: float
) -> NDArray[np.int64]:
    """The places of points in a cell that holds, or has beside it, points of more than one feed: of most layers, a few
    along the borders."""
    across, up = (np.floor(along / max(reach, along.max() / _CELLS)).astype(np.int64) + 1 for along in (x, y))
    shape = (int(across.max()) + 2, int(up.max()) + 2)
    cells = pl.DataFrame({"cell": across * shape[1] + up, "feed": feeds})
    bounds = cells.group_by("cell").agg(low=pl.min("feed"), high=pl.max("feed"))
    low, high = np.full(shape, np.iinfo(np.int32).max, np.int32), np.full(shape, -1, np.int32)
    low.flat[bounds["cell"].to_numpy()], high.flat[bounds["cell"].to_numpy()] = bounds["low"], bounds["high"]
    mixed = _spread(low, np.minimum) < _spread(high, np.maximum)
    return np.flatnonzero(mixed[across, up])


def _spread(cells: NDArray[np.int32], keep: np.ufunc) -> NDArray[np.int32]:
    """Each cell with what the cells around it hold."""
    for axis in (0, 1):
        before, after = np.roll(cells, 1, axis), np.roll(cells, -1, axis)
        cells = keep(keep(cells, before), after)
    return cells


def _reach(layer: Layer) -> float:
    return layer.match_radius_m if layer.geometry is GeometryKind.POINT else 0.0


def _table(layer: Layer) -> sql.Identifier:
    return sql.Identifier(SCHEMA, layer.table)
