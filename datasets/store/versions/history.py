"""The history of a feature: each of its versions, what changed from one to the next, and why."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from math import cos, radians
from typing import Any

import numpy as np
import shapely
from sqlalchemy import Engine, RowMapping, select, text
from sqlalchemy.exc import ProgrammingError

from datasets.errors import CitywideError
from datasets.layer import Layer, layers
from datasets.store import tables
from datasets.store.layer_tables import SCHEMA, layer_table
from datasets.vocabulary import Cause, Operation

METRES_PER_DEGREE = 111_320.0
SAID = ("placed", "outside_m", "precision_m", "duplicate_of", "rung", "key")
"""Columns beside the layer's fields that say something of a feature; the others change with every version."""

State = Mapping[str, Any]


@dataclass(frozen=True)
class Version:
    """A feature from one revision until the next that touched it, or None while it stands so. `changed` has the old
    and the new value by column; `moved_m` is how far its shape went in metres, None where it did not. `stands` are its
    columns but `geom`, None once it ended."""

    revision: int
    until: int | None
    at: datetime
    op: Operation
    cause: Cause
    feed: str
    run: int | None
    reason: str | None
    changed: Mapping[str, tuple[Any, Any]]
    moved_m: float | None
    stands: State | None


def versions(engine: Engine, layer: Layer, feature_id: str) -> list[Version]:
    """Every version of the feature, oldest first; none when the layer never had it."""
    with engine.connect() as connection:
        rows = connection.execute(text(_statement(layer)), {"layer": layer.id, "id": feature_id}).mappings().all()
        states = {row["since"]: row for row in rows if row["since"] is not None and row["since"] != row["revision"]}
        happened = {row["revision"]: row for row in rows if row["revision"] is not None}
        revisions = sorted({*states, *happened})
        log = tables.revision
        query = select(log).where(log.c.layer == layer.id, log.c.revision.in_(revisions))
        logged = {row["revision"]: row for row in connection.execute(query).mappings()}
    found: list[Version] = []
    for revision, until in zip(revisions, [*revisions[1:], None], strict=True):
        before = states.get(_last(states, revision)) if found and found[-1].stands is not None else None
        found.append(_version(layer, revision, until, before, states.get(revision), happened, logged))
    return found


def layer_of_feature(engine: Engine, feature_id: str) -> Layer:
    """The layer that has or had the feature; CitywideError when none ever did."""
    with engine.connect() as connection:
        for layer in layers().values():
            parts = {"id": feature_id, "layer": layer.id}
            try:
                if connection.execute(text(_KNOWN.format(table=layer.table)), parts).scalar_one():
                    return layer
            except ProgrammingError:
                # A layer that was defined after the database was last brought up to date.
                connection.rollback()
    raise CitywideError(f"There is no feature {feature_id!r}, and there never was.")


_KNOWN = """
    SELECT EXISTS (SELECT FROM layers.{table} WHERE feature_id = :id)
        OR EXISTS (SELECT FROM layers.change WHERE feature_id = :id AND layer = :layer)
    """


def _last(states: Mapping[int, RowMapping], before: int) -> int:
    return max((revision for revision in states if revision < before), default=-1)


def _version(
    layer: Layer,
    revision: int,
    until: int | None,
    before: RowMapping | None,
    after: RowMapping | None,
    happened: Mapping[int, RowMapping],
    logged: Mapping[int, RowMapping],
) -> Version:
    """One version out of the rows that say how it was, what was done, and what brought the revision."""
    row, entry = happened.get(revision), logged.get(revision)
    told = row if row is not None else entry
    assert told is not None, f"revision {revision} of {layer.id} is in no log"
    state = after or before or row
    return Version(
        revision=revision,
        until=until,
        at=told["at"],
        op=Operation(row["op"]) if row is not None else Operation.INSERT,
        cause=Cause(told["cause"]),
        feed=state["feed_id"] if state is not None else "",
        run=told["run"],
        reason=entry["reason"] if entry is not None else None,
        changed=_changed(layer, before, after) if before is not None and after is not None else {},
        moved_m=_moved(before, after) if before is not None and after is not None else None,
        stands=after["stands"] if after is not None else None,
    )


def _changed(layer: Layer, before: RowMapping, after: RowMapping) -> dict[str, tuple[Any, Any]]:
    old, new = before["stands"] or {}, after["stands"] or {}
    names = (*layer.fields, *SAID)
    return {name: (old.get(name), new.get(name)) for name in names if old.get(name) != new.get(name)}


def _moved(before: RowMapping, after: RowMapping) -> float | None:
    """Metres from where a shape was to where it is: of points the way, of others how far the outlines lie apart at
    most."""
    if before["shape"] == after["shape"] or before["shape"] is None or after["shape"] is None:
        return None
    old, new = shapely.from_wkb([bytes(before["shape"]), bytes(after["shape"])])
    along = METRES_PER_DEGREE * cos(radians(old.centroid.y))
    flat = [
        shapely.transform(shape, lambda places: places * np.array([along, METRES_PER_DEGREE])) for shape in (old, new)
    ]
    return float(shapely.hausdorff_distance(*flat))


def _statement(layer: Layer) -> str:
    """Every change of a feature with how it was before, and how it stands."""
    told = ", ".join(f't."{column.name}"' for column in layer_table(layer).columns if column.name != "geom")
    return f"""
        SELECT since, revision, op, cause, run, feed_id, at, before AS stands, ST_AsBinary(geom) AS shape
        FROM {SCHEMA}.change WHERE feature_id = :id AND layer = :layer
        UNION ALL
        SELECT revision, NULL, NULL, NULL, NULL, feed_id, NULL,
               (SELECT to_jsonb(told) FROM (SELECT {told}) told), ST_AsBinary(geom)
        FROM {SCHEMA}.{layer.table} t WHERE feature_id = :id
        """  # noqa: S608
