"""The stages that bring a resource into its layer's shape, in their order: map, mend, type, place, key.

Apart from the run, because a rebuild goes through them as well, with what the archive holds.
"""

from dataclasses import dataclass

import polars as pl

from datasets.feed import Feed
from datasets.issues import all_issues
from datasets.layer import Layer
from datasets.store import boundaries, places
from datasets.store.rules import rules_for
from datasets.vocabulary import Action
from harvesters.batch import Batch, Opened
from harvesters.columns.drift import find_drift
from harvesters.columns.mapping import Mapping
from harvesters.columns.memory import recall
from harvesters.columns.never_taken import without_people
from harvesters.content import SERVER_COLUMNS, content_hash
from harvesters.context import Context, Record, Tools
from harvesters.gate import OUTSIDE_M, Candidate
from harvesters.gates.approvals import columns_read
from harvesters.gates.expectations import measure
from harvesters.key import key
from harvesters.map import apply, check_is_sure, other_layer, propose
from harvesters.mend import mend
from harvesters.personal.scan import SUSPECTED, doubt, suspects
from harvesters.personal.small_numbers import without_small_numbers
from harvesters.place import Placement, place
from harvesters.surroundings import Surroundings
from harvesters.type import type_values


@dataclass(frozen=True)
class Harmonised:
    """A resource brought into its layer's shape, ready for the gates."""

    batch: Batch
    candidate: Candidate


def harmonise(opened: Opened, context: Context) -> Harmonised:
    """Map, mend, type, place, key. What each finds goes into the record at once, so that a stop keeps it."""
    feed, tools, record, tell, layer = context.feed, context.tools, context.record, context.tell, context.layer
    surroundings = _surroundings(feed, tools)
    opened, issues = without_people(opened, layer)
    record.issues += issues
    tell("map", 0, opened.records.height)
    mapping, doubts, batch = _map(opened, context, surroundings)
    mended, issues = mend(batch, opened, rules_for(tools.engine, feed))
    opened, record.issues = mended.opened, record.issues + issues
    record.issues += suspects(mended.batch.frame, layer)
    tell("type", 0, opened.records.height)
    batch, issues = type_values(mended.batch, layer, mended.as_is)
    record.issues += issues
    batch, issues = without_small_numbers(batch, layer)
    record.issues += issues
    tell("place", 0, opened.records.height)
    assert mapping.location is not None
    found = mapping.location
    batch, placement, issues = place(batch, opened, found.location, found.alternatives, layer.geometry, surroundings)
    record.issues += issues
    record.values |= {"crs": f"{placement.crs}: {placement.how}", "outside_boundary": placement.outside_share}
    tell("key", 0, batch.frame.height)
    batch, rung, issues = key(batch, layer, context.last.rung if context.last else None, opened)
    record.issues += issues
    record.values |= {"rung": rung.value, "features": batch.frame.height}
    _check_no_row_vanished(opened, batch, record)
    candidate = Candidate(
        features=batch.frame.height,
        rung=rung,
        complete=record.values["complete"],
        far_outside=_far_outside(batch, placement),
        doubts=(*doubts, *_doubts(layer, opened, placement, record)),
        measured=measure(batch, layer, record.issues),
        declared=record.licence,
    )
    record.values["middle"] = candidate.measured.middle
    return Harmonised(batch, candidate)


def _map(
    opened: Opened, context: Context, surroundings: Surroundings
) -> tuple[Mapping, tuple[tuple[str, str], ...], Batch]:
    """The mapping and what it gives, with what a person must say of columns that changed."""
    feed, layer, record = context.feed, context.layer, context.record
    memory = recall(context.tools.engine, feed, context.last)
    mapping = propose(feed, layer, opened, surroundings, memory)
    record.values["mapping"] = mapping.document()
    columns = columns_read(mapping.document())
    if SERVER_COLUMNS & {name.lower() for name in columns}:
        # What servers number anew is content all the same where the mapping reads it.
        record.values["content_hash"] = content_hash(opened, columns)
    drift = find_drift(feed, layer, opened, mapping, memory.last)
    record.issues += drift.issues
    check_is_sure(mapping, layer, opened, drift.doubts)
    batch, issues = apply(mapping, opened)
    record.issues += issues
    return mapping, drift.doubts, batch


def _surroundings(feed: Feed, tools: Tools) -> Surroundings:
    return Surroundings(
        city=tools.city,
        council=tools.city.find_council(feed.council),
        boundary=boundaries.read_boundary(tools.engine, feed.council),
        find_postcodes=lambda codes: places.find_postcodes(tools.engine, codes),
        find_uprns=lambda codes: places.find_uprns(tools.engine, codes),
    )


def _far_outside(batch: Batch, placement: Placement) -> float | None:
    if placement.outside_share is None:
        return None
    return float((batch.frame["outside_m"] > OUTSIDE_M).fill_null(False).mean() or 0)  # type: ignore[arg-type]


def _doubts(layer: Layer, opened: Opened, placement: Placement, record: Record) -> tuple[tuple[str, str], ...]:
    found = (
        ("E-WRONG-LAYER", other_layer(layer, opened)),
        ("same place", placement.one_place),
        (SUSPECTED, doubt(record.issues)),
    )
    return tuple((code, message) for code, message in found if message)


def _check_no_row_vanished(opened: Opened, batch: Batch, record: Record) -> None:
    """Rows read = features + rows left out with a stated reason."""
    issues = all_issues(record.issues).filter(pl.col("action") == Action.DROPPED.value)
    rows = issues.filter(pl.col("row_no").is_not_null())["row_no"].n_unique()
    counted = issues.filter(pl.col("row_no").is_null() & pl.col("field").is_null())["count"].sum()
    if opened.rows_read != batch.frame.height + rows + counted:
        raise RuntimeError(
            f"{opened.rows_read} rows were read, {batch.frame.height} are features and {rows + counted} were left out"
        )
