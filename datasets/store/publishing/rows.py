"""Features as rows of a table: what tells two versions of one apart, the ids they get, their order, their COPY text.

Worked out here and not by the server, because then only what is new or changed has to cross to it.
"""

import io
import operator
import os
import socket
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from functools import reduce
from hashlib import blake2b
from typing import cast

import numpy as np
import polars as pl
import polars_hash as plh
import psycopg
import shapely
from numpy.typing import NDArray
from psycopg import sql
from psycopg.copy import QueuedLibpqWriter

Shapes = NDArray[np.object_]
Places = NDArray[np.int64]
Portions = Iterator[tuple[pl.Series, tuple[pl.Series, ...]]]
Cursor = psycopg.ClientCursor[tuple[object, ...]]

PORTION = 50_000
"""Features that are made ready at a time, while as many are on their way."""

DIGEST_BYTES = np.dtype([("fid", ">i8"), ("high", ">u8"), ("low", ">u8")])
"""A held feature's fid and the halves of its digest, as the server packs them."""

_HILBERT_BITS = 12
_POINT = np.dtype([("order", "u1"), ("type", "<u4"), ("xy", "<f8", 2)])
"""A point as WKB."""
_SHAPE = " shape"
"""Counts as the column of shapes; no field is called so."""
_SEND_BYTES = 2 << 20


class FeatureLines:
    """Features as lines for COPY, made when they are asked for: most of them while the server is busy with others.
    `content` are the columns of `frame` that say what a feature is, with its shape."""

    def __init__(self, frame: pl.DataFrame, shapes: Shapes, content: Sequence[str]) -> None:
        self.keys = frame["key"]
        self.columns = (*content, "key", "row_no", "content_hash", "geom")
        """The columns of a line."""
        self._content, self._identity = frame.select(content), frame.select("key", "row_no")
        self._said = frame.select("key", *content)
        self._shapes = shapes

    def digests(self) -> pl.DataFrame:
        """The digest of every feature, as `high` and `low`."""
        starts = range(0, max(len(self.keys), 1), PORTION)
        return pl.concat(self._digests(slice(start, start + PORTION)) for start in starts)

    def portions(self, places: Places) -> Portions:
        """The features at these places, PORTION of them at a time: their keys, and the parts of their lines."""
        for start in range(0, len(places), PORTION):
            chosen = places[start : start + PORTION]
            identity, shapes = self._identity[chosen], well_known(self._shapes[chosen])
            hashes = hexadecimal(digests(self._said[chosen], shapes))
            # Polars writes the digits several times faster than GEOS does.
            digits = shapes.bin.encode("hex").fill_null("")
            yield identity["key"], (as_lines(self._content[chosen]), as_lines(identity), hashes, digits)

    def _digests(self, chosen: slice) -> pl.DataFrame:
        return digests(self._said[chosen], well_known(self._shapes[chosen]))

    def along_hilbert_curve(self, places: Places) -> Places:
        """The places in the order in which neighbours stand near each other."""
        return places[hilbert_order(self._shapes[places])]


def joined(*columns: pl.Series | str) -> pl.Series:
    """Lines put together of parts of them, which are columns or the same text for all."""
    parts = [pl.lit(part) for part in columns]
    return pl.select(pl.concat_str(parts, separator="\t")).to_series()


def as_lines(frame: pl.DataFrame) -> pl.Series:
    """Each row as a line of COPY's text format, its columns parted by tabs and nulls left empty."""
    texts = frame.select(pl.col(pl.String))
    special = texts.select(pl.all().str.contains(r"[\\\t\r\n]").any()).row(0) if texts.width else ()
    escaped = {name for name, has_special in zip(texts.columns, special, strict=True) if has_special}
    columns = [_as_text(frame, name, escaped) for name in frame.columns]
    return frame.select(pl.concat_str(columns, separator="\t")).to_series()


def digests(said: pl.DataFrame, shapes: pl.Series) -> pl.DataFrame:
    """A digest of each row and its shape, as `high` and `low`; of no use against someone who wants two to be the same.

    Every value counts by the name of its column, and nulls count for nothing, so that a field added to a layer changes
    no feature that lacks it.
    """
    rows = said.with_columns(shapes.alias(_SHAPE))
    named = [name for name in rows.columns if rows[name].null_count() < rows.height]
    halves = {
        half: reduce(operator.xor, (_digest(rows, name, half) for name in named), pl.lit(0, pl.UInt64))
        for half in ("high", "low")
    }
    return rows.select(**halves) if named else rows.clear().select(**halves).clear()


def hexadecimal(digests: pl.DataFrame) -> pl.Series:
    """Digests as 32 digits."""
    halves = [plh.col(half).bytes.to_be().bin.encode("hex") for half in ("high", "low")]
    return digests.select(content_hash=pl.concat_str(halves)).to_series()


def mint_ids(begin: str, keys: pl.Series) -> pl.Series:
    """An id for each key: a digest of `begin` and the key, the same in every database."""
    whole = pl.select(key=pl.lit(begin) + keys)
    return whole.select(feature_id=plh.col("key").nchash.md5().str.head(20)).to_series()


def well_known(shapes: Shapes) -> pl.Series:
    """Shapes as WKB, null where there is none."""
    if len(shapes) and not shapely.get_type_id(shapes).any() and not shapely.has_z(shapes).any():
        coordinates = shapely.get_coordinates(shapes)
        if len(coordinates) == len(shapes):
            # Points alone, none of them empty: several times faster than through GEOS.
            written = np.empty(len(shapes), _POINT)
            written["order"], written["type"], written["xy"] = 1, 1, coordinates
            return pl.Series(written.view(f"V{_POINT.itemsize}").tolist(), dtype=pl.Binary)
    return pl.Series(shapely.to_wkb(shapes, byte_order=1).tolist(), dtype=pl.Binary)


def hilbert_order(shapes: Shapes) -> Places:
    """The order in which neighbours stand near each other, by the middle of each shape's bounds."""
    west, south, east, north = np.nan_to_num(shapely.bounds(shapes)).T
    x, y = _cells(west + east), _cells(south + north)
    place = np.zeros_like(x)
    for bit in range(_HILBERT_BITS - 1, -1, -1):
        right, up = x >> bit & 1, y >> bit & 1
        place = place << 2 | (3 * right ^ up)
        below = up - 1
        mirrored = -right & below
        x, y = x ^ mirrored, y ^ mirrored
        exchanged = (x ^ y) & below
        x, y = x ^ exchanged, y ^ exchanged
    return np.argsort(place, kind="stable").astype(np.int64)


def copy_into(cursor: Cursor, table: sql.Composable, columns: Sequence[str], parts: Iterable[pl.Series]) -> None:
    """Adds the lines of all parts to a table. One part is made while the one before it is on its way."""
    names = sql.SQL(", ").join(map(sql.Identifier, columns))
    statement = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT text, NULL '')").format(table, names)
    _enlarge_send_buffer(cursor)
    with cursor.copy(statement, writer=QueuedLibpqWriter(cursor)) as copy:
        for lines in parts:
            copy.write(lines.str.join("\n", ignore_nulls=False).cast(pl.Binary).item() + b"\n")


def _enlarge_send_buffer(cursor: Cursor) -> None:
    """The thread that sends must wait for this one whenever the buffer is empty; a large one keeps the server busy."""
    with socket.socket(fileno=os.dup(cursor.connection.pgconn.socket)) as sending:
        sending.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BYTES)


def read_digests(cursor: Cursor, packed: sql.Composed, values: Mapping[str, object]) -> pl.DataFrame:
    """`fid`, `high` and `low` of DIGEST_BYTES, packed into few cells by the query: a row of its own for each would cost
    several times as much on the way."""
    with psycopg.Cursor(cursor.connection) as binary:
        found = binary.execute(packed, values, binary=True).fetchall()
    rows = np.frombuffer(b"".join(cell for (cell,) in found), DIGEST_BYTES)
    native = rows.astype(DIGEST_BYTES.newbyteorder("="))
    return pl.DataFrame({name: native[name] for name in ("fid", "high", "low")})


def read_rows(cursor: Cursor, query: sql.Composable, values: Mapping[str, object], schema: pl.Schema) -> pl.DataFrame:
    """All rows of a query as columns, which is several times faster than row by row."""
    buffer = io.BytesIO()
    with cursor.copy(sql.SQL("COPY ({}) TO STDOUT (FORMAT csv)").format(query), values) as copy:
        for block in copy:
            buffer.write(block)
    if not buffer.tell():
        return pl.DataFrame(schema=schema)
    buffer.seek(0)
    return pl.read_csv(buffer, has_header=False, schema=schema, empty_string_is_null=False)


def _cells(middles: NDArray[np.float64]) -> NDArray[np.int32]:
    """Each number as a cell of their range."""
    low, high = middles.min(initial=np.inf), middles.max(initial=-np.inf)
    cells: NDArray[np.int32] = ((middles - low) / ((high - low) or 1) * (2**_HILBERT_BITS - 1)).astype(np.int32)
    return cells


def _digest(rows: pl.DataFrame, name: str, half: str) -> pl.Expr:
    """Half of a digest of each value of a column, 0 for nulls."""
    seed = int.from_bytes(blake2b(f"{half} {name}".encode(), digest_size=8).digest(), "big")
    column: pl.Expr = plh.col(name)
    if isinstance(rows.schema[name], pl.List):
        column = column.list.join("\x1f")
    elif rows.schema[name] not in (pl.String, pl.Binary):
        column = plh.col(name).bytes.to_le()
    return cast(plh.HExpr, column).nchash.xxh3_64(seed=seed).fill_null(0)


def _as_text(frame: pl.DataFrame, name: str, escaped: Container[str]) -> pl.Expr:
    """A column as COPY reads it; values of codelists hold nothing that an array would need to escape."""
    column = pl.col(name)
    if frame[name].null_count() == frame.height:
        return pl.lit("")
    if isinstance(frame.schema[name], pl.List):
        quoted = pl.lit('{"') + column.list.join('","') + pl.lit('"}')
        return pl.when(column.list.len() == 0).then(pl.lit("{}")).otherwise(quoted).fill_null("")
    if name in escaped:
        for character, written in (("\\", r"\\"), ("\t", r"\t"), ("\r", r"\r"), ("\n", r"\n")):
            column = column.str.replace_all(character, written, literal=True)
    return column.cast(pl.String).fill_null("")
