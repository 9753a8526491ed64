"""A harvest run: the only place that knows the order of the stages, and where provenance is stamped.

A run ends published, unchanged, held or failed. Held and failed runs leave the last good data as it is. Running again
is always safe.
"""

import hashlib
import logging
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import polars as pl
from sqlalchemy import Engine

from datasets.city import City
from datasets.errors import CitywideError, RunHeld, RunStopped
from datasets.feed import Feed
from datasets.issues import Issues, all_issues, issue_codes
from datasets.layer import Layer, find_layer
from datasets.settings import Settings
from datasets.store import boundaries, places, runs
from datasets.store.publish import Diff, Slice, end_missing, publish
from datasets.vocabulary import Action, Outcome
from harvesters.archive import Archive
from harvesters.batch import Batch, Opened
from harvesters.fetch import Fetched, Receipt, fetch, keep_local
from harvesters.formats.counts import is_whole
from harvesters.gate import OUTSIDE_M, Candidate, LastPublish, gate
from harvesters.key import key
from harvesters.map import apply, check_is_sure, other_layer, propose
from harvesters.mapping import Mapping
from harvesters.open import open_resource
from harvesters.place import Placement, place
from harvesters.screen import screen
from harvesters.session import Session
from harvesters.surroundings import Surroundings
from harvesters.type import type_values

logger = logging.getLogger(__name__)

Tell = Callable[[str, int, int | None], None]
"""Called as a run goes on: the stage, how much of it is done, and how much there is where that is known."""


@dataclass(frozen=True)
class Tools:
    """What every run needs and none owns."""

    engine: Engine
    settings: Settings
    city: City
    session: Session

    @property
    def archive(self) -> Archive:
        return Archive(self.settings.archive)


@dataclass
class Record:
    """What is known of a run so far; kept even when the run stops half-way. `values` are columns of the run table."""

    values: dict[str, Any] = field(default_factory=dict)
    issues: Issues = field(default_factory=list)
    receipts: list[Receipt] = field(default_factory=list)


@dataclass(frozen=True)
class Harmonised:
    """A resource brought into its layer's shape, ready for the gates."""

    batch: Batch
    mapping: Mapping
    candidate: Candidate
    complete: bool


@dataclass(frozen=True)
class RunReport:
    """How a run ended, in words and figures. `values` and `issues` are what the run's page shows."""

    run_id: int | None
    feed: Feed
    outcome: Outcome
    code: str | None
    message: str
    values: dict[str, Any]
    issues: pl.DataFrame
    diff: Diff | None = None


def harvest(feed: Feed, tools: Tools, tell: Tell, *, path: Path | None = None, accept: str | None = None) -> RunReport:
    """Fetches, harmonises and publishes one feed. `path` stands in for the feed's address; `accept` is a person's
    reason for opening every gate that is shut for these bytes."""
    run_id = runs.begin_run(tools.engine, feed.id)
    record = Record()
    diff, code, interrupt = None, None, None
    try:
        outcome, message, diff = _harvest(feed, tools, record, tell, run_id, path, accept)
        record.values |= _counted(diff)
    except RunStopped as stopped:
        outcome, code, message = _stop_outcome(stopped), stopped.code, str(stopped)
        if accept and outcome is Outcome.HELD:
            message += " This cannot be accepted; it has to be mended."
    except CitywideError as error:
        outcome, code, message = Outcome.FAILED, "E-FAULT", str(error)
    except (Exception, KeyboardInterrupt) as error:
        outcome, code, message = Outcome.FAILED, "E-FAULT", _fault(error)
        interrupt = error if isinstance(error, KeyboardInterrupt) else None
        if interrupt is None:
            logger.exception("run %s of feed %s broke", run_id, feed.id)
    _end(tools, run_id, outcome, code, message, record)
    if interrupt is not None:
        raise interrupt
    return RunReport(run_id, feed, outcome, code, message, record.values, all_issues(record.issues), diff)


def check(feed: Feed, tools: Tools, tell: Tell, *, path: Path | None = None) -> RunReport:
    """The same stages without a run, without publishing: what a harvest of the feed would say."""
    record = Record()
    outcome, code, message = Outcome.PUBLISHED, None, ""
    try:
        fetched = _fetch(feed, tools, record, tell, path)
        harmonised = _harmonise(fetched, feed, tools, record, tell)
        shut = gate(feed, harmonised.candidate, _last_publish(feed, tools))
        message = f"{harmonised.batch.frame.height:,} features would be published."
        if shut:
            outcome, code, message = Outcome.HELD, shut[0].code, " ".join(str(held) for held in shut)
    except RunStopped as stopped:
        outcome, code, message = _stop_outcome(stopped), stopped.code, str(stopped)
    except CitywideError:
        raise
    except Exception as error:
        logger.exception("check of %s broke", feed.url)
        outcome, code, message = Outcome.FAILED, "E-FAULT", _fault(error)
    return RunReport(None, feed, outcome, code, message, record.values, all_issues(record.issues))


def _harvest(
    feed: Feed, tools: Tools, record: Record, tell: Tell, run_id: int, path: Path | None, accept: str | None
) -> tuple[Outcome, str, Diff]:
    engine, layer = tools.engine, find_layer(feed.layer)
    fetched = _fetch(feed, tools, record, tell, path)
    sha256 = fetched.archived.sha256
    runs.keep_resource(engine, sha256, fetched.archived.size, fetched.name, fetched.media_type)
    record.values["rules_hash"] = _rules_hash(feed, layer, tools.city, engine)
    last = runs.last_good_run(engine, feed.id)
    if last and (last.resource_sha256, last.rules_hash) == (sha256, record.values["rules_hash"]):
        record.values |= last.reading
        diff = Diff()
        if last.reading["complete"]:
            diff = end_missing(engine, layer, feed.id, run_id, datetime.now(UTC))
        outcome = Outcome.PUBLISHED if diff.total else Outcome.UNCHANGED
        return outcome, "The bytes are the same as last time." + _told(diff), diff
    harmonised = _harmonise(fetched, feed, tools, record, tell)
    _open_gates(feed, harmonised, tools, run_id, sha256, accept)
    batch = harmonised.batch
    assert batch.geometry is not None
    tell("publish", 0, batch.frame.height)
    new = Slice(batch.frame, batch.geometry, feed.id, feed.council, sha256, run_id, harmonised.complete)
    diff = publish(engine, layer, new, datetime.now(UTC))
    tell("publish", batch.frame.height, batch.frame.height)
    return Outcome.PUBLISHED, f"{batch.frame.height:,} features." + _told(diff), diff


def _fetch(feed: Feed, tools: Tools, record: Record, tell: Tell, path: Path | None) -> Fetched:
    if path is not None:
        fetched = keep_local(path, tools.archive)
    else:
        fetched = fetch(
            feed, tools.session, tools.archive, tools.settings, record.receipts,
            lambda done, total: tell("fetch", done, total),
        )  # fmt: skip
    record.values["resource_sha256"] = fetched.archived.sha256
    return fetched


def _harmonise(fetched: Fetched, feed: Feed, tools: Tools, record: Record, tell: Tell) -> Harmonised:
    """Open, screen, map, type, place, key. What each finds goes into the record at once, so that a stop keeps it."""
    layer = find_layer(feed.layer)
    opened = _open(fetched, feed, tools, record, tell)
    surroundings = _surroundings(feed, tools)
    tell("map", 0, opened.records.height)
    mapping = propose(feed, layer, opened, surroundings)
    record.values["mapping"] = mapping.document()
    check_is_sure(mapping, layer, opened)
    batch, issues = apply(mapping, opened)
    record.issues += issues
    tell("type", 0, opened.records.height)
    batch, issues = type_values(batch, layer)
    record.issues += issues
    tell("place", 0, opened.records.height)
    assert mapping.location is not None
    found = mapping.location
    batch, placement, issues = place(batch, opened, found.location, found.alternatives, layer.geometry, surroundings)
    record.issues += issues
    record.values |= {"crs": f"{placement.crs}: {placement.how}", "outside_boundary": placement.outside_share}
    tell("key", 0, batch.frame.height)
    last = runs.last_good_run(tools.engine, feed.id)
    batch, rung, issues = key(batch, layer, last.rung if last else None)
    record.issues += issues
    record.values |= {"rung": rung.value, "features": batch.frame.height}
    _check_no_row_vanished(opened, batch, record)
    candidate = Candidate(
        features=batch.frame.height,
        rung=rung,
        columns=_columns_read(mapping.document()),
        file_columns=tuple(opened.columns),
        far_outside=_far_outside(batch, placement),
        doubts=_doubts(layer, opened, placement),
    )
    return Harmonised(batch, mapping, candidate, is_whole(opened.issues))


def _open(fetched: Fetched, feed: Feed, tools: Tools, record: Record, tell: Tell) -> Opened:
    tell("open", 0, None)
    with tools.archive.scratch() as work:
        opened = open_resource(
            fetched.archived.path,
            name=fetched.name,
            media_type=fetched.media_type,
            layer=feed.source_layer,
            sheet=feed.sheet,
            settings=tools.settings,
            work=work,
        )
    opened = screen(opened)
    record.issues += opened.issues
    record.values |= {
        "format": opened.format,
        "encoding": opened.encoding,
        "columns": opened.columns,
        "rows_read": opened.rows_read,
        "complete": is_whole(opened.issues),
    }
    return opened


def _surroundings(feed: Feed, tools: Tools) -> Surroundings:
    return Surroundings(
        city=tools.city,
        council=tools.city.find_council(feed.council),
        boundary=boundaries.read_boundary(tools.engine, feed.council),
        find_postcodes=lambda codes: places.find_postcodes(tools.engine, codes),
    )


def _far_outside(batch: Batch, placement: Placement) -> float | None:
    if placement.outside_share is None:
        return None
    return float((batch.frame["outside_m"] > OUTSIDE_M).fill_null(False).mean() or 0)  # type: ignore[arg-type]


def _doubts(layer: Layer, opened: Opened, placement: Placement) -> tuple[tuple[str, str], ...]:
    found = (("E-WRONG-LAYER", other_layer(layer, opened)), ("same place", placement.one_place))
    return tuple((code, message) for code, message in found if message)


def _open_gates(feed: Feed, harmonised: Harmonised, tools: Tools, run_id: int, sha256: str, accept: str | None) -> None:
    """RunHeld for the first gate that is shut and that nobody has opened for these bytes."""
    last = _last_publish(feed, tools)
    shut = [
        held
        for held in gate(feed, harmonised.candidate, last)
        if not runs.is_accepted(tools.engine, feed.id, held.code, sha256)
    ]
    if accept:
        for held in shut:
            runs.accept(tools.engine, feed.id, run_id, held.code, sha256, accept, "operator")
        shut = []
    if shut:
        raise RunHeld(shut[0].code, " ".join(str(held) for held in shut))


def _last_publish(feed: Feed, tools: Tools) -> LastPublish | None:
    good = runs.last_good_run(tools.engine, feed.id)
    if good is None:
        return None
    return LastPublish(good.reading["features"], good.rung, _columns_read(good.reading["mapping"]))


def _columns_read(mapping: dict[str, Any]) -> tuple[str, ...]:
    """The columns a mapping document reads, the location's included."""
    location = mapping.get("location") or {"columns": []}
    return tuple([*location["columns"], *(c for mapped in mapping["fields"] for c in mapped["columns"])])


def _check_no_row_vanished(opened: Opened, batch: Batch, record: Record) -> None:
    """Rows read = features + rows left out with a stated reason."""
    issues = all_issues(record.issues).filter(pl.col("action") == Action.DROPPED.value)
    rows = issues.filter(pl.col("row_no").is_not_null())["row_no"].n_unique()
    counted = issues.filter(pl.col("row_no").is_null() & pl.col("field").is_null())["count"].sum()
    if opened.rows_read != batch.frame.height + rows + counted:
        raise RuntimeError(
            f"{opened.rows_read} rows were read, {batch.frame.height} are features and {rows + counted} were left out"
        )


def _end(tools: Tools, run_id: int, outcome: Outcome, code: str | None, message: str, record: Record) -> None:
    receipts = [asdict(receipt) for receipt in record.receipts]
    values = {**record.values, "code": code, "message": message}
    runs.end_run(tools.engine, run_id, outcome, values, receipts, all_issues(record.issues))


def _stop_outcome(stopped: RunStopped) -> Outcome:
    return Outcome.HELD if isinstance(stopped, RunHeld) else Outcome.FAILED


def _counted(diff: Diff) -> dict[str, Any]:
    counts = asdict(diff)
    return {name: counts[name] for name in ("inserted", "updated", "ended", "missing", "restored", "revision")}


def _told(diff: Diff) -> str:
    parts = [
        f"{count:,} {word}"
        for count, word in (
            (diff.inserted, "new"),
            (diff.updated, "changed"),
            (diff.restored, "back"),
            (diff.missing, "missing"),
            (diff.ended, "ended"),
        )
        if count
    ]
    return f" {', '.join(parts)}." if parts else ""


def _fault(error: BaseException) -> str:
    if isinstance(error, KeyboardInterrupt):
        return "The run was interrupted."
    return f"{issue_codes()['E-FAULT'].title} ({type(error).__name__}); the last good data stays up."


def _rules_hash(feed: Feed, layer: Layer, city: City, engine: Engine) -> str:
    """Changes whenever the same bytes could come out differently, for whatever reason."""
    loads = f"{boundaries.boundaries_revision(engine)}/{places.places_revision(engine)}"
    rules = (_code_hash(), layer.digest, _reading_rules(feed), city.model_dump_json(), loads)
    return hashlib.sha256("|".join(rules).encode()).hexdigest()[:32]


def _reading_rules(feed: Feed) -> str:
    """The part of a feed's document that decides how its bytes are read, not where they come from."""
    kept = {"council", "layer", "licence", "sheet", "source_layer", "mapping", "location"}
    return feed.model_dump_json(include=kept)


@cache
def _code_hash() -> str:
    """The code that reads bytes: this room without the demo city, and what the kernel lends it."""
    here = Path(__file__).parent
    kernel = here.parent / "datasets"
    paths = [path for path in here.rglob("*.py") if "demo" not in path.relative_to(here).parts]
    digest = hashlib.sha256()
    for path in sorted([*paths, kernel / "crs.py", kernel / "licences.toml"]):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]
