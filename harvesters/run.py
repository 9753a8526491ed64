"""A harvest run: the only place that knows the order of the stages, and where provenance is stamped.

A run ends published, unchanged, held or failed. Held and failed runs leave the last good data as it is. Running again
is always safe.
"""

import logging
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from datasets.errors import CitywideError, RunFailed, RunHeld, RunStopped
from datasets.feed import Feed
from datasets.issues import feed_issue
from datasets.layer import Layer
from datasets.store import runs
from datasets.store.publishing.publish import Diff, Slice, end_missing, publish
from datasets.store.readings import Readings, Unkept
from datasets.store.runs import LeaseLost
from datasets.store.schedule import plan_next
from datasets.vocabulary import Decider, Outcome, Reach
from harvesters.adapters import find_adapter
from harvesters.adapters.contract import Tally
from harvesters.apart.reading import make_ready, open_apart
from harvesters.batch import Opened
from harvesters.content import content_hash
from harvesters.context import Context, Record, RunReport, Tell, Tools
from harvesters.fetch import Fetched, Fetcher, Known, Unchanged, fetch, incomplete, keep_local
from harvesters.formats.counts import is_whole
from harvesters.gate import Candidate, check_terms, gate
from harvesters.gates.approvals import Acceptance, columns_read, last_publish, open_gates, quarantine, refuse_taken_down
from harvesters.gates.rekeying import tell_ids
from harvesters.harmonise import Harmonised, harmonise
from harvesters.heartbeat import Heartbeat, worker_name
from harvesters.ladder import UNCHANGED_BY, known_before, rows_are_gone
from harvesters.personal.conceal import concealed, concealed_issues, concealed_name
from harvesters.screen import screen
from harvesters.words import told_diff, told_fault, told_short

__all__ = ["Acceptance", "RunReport", "Tell", "Tools", "check", "harvest", "nothing_read", "open_fetched", "shut_gates"]

logger = logging.getLogger(__name__)


def harvest(
    feed: Feed, tools: Tools, tell: Tell, *, path: Path | None = None, accept: Acceptance | None = None
) -> RunReport:
    """Fetches, harmonises and publishes one feed. `path` stands in for the feed's address; `accept` is a person's
    reason for opening gates that are shut for these bytes. FeedBusy when another program is at it."""
    run_id = runs.begin_run(tools.engine, feed.id, worker_name())
    record = Record()
    diff, code, interrupt = None, None, None
    with Heartbeat(tools.engine, run_id) as heartbeat:
        told = heartbeat.beside(tell)
        last = runs.last_good_run(tools.engine, feed.id)
        context = Context(feed, tools, record, told, last, Readings(tools.engine, feed.id, run_id))
        try:
            outcome, message, diff = _harvest(context, run_id, path, accept, heartbeat)
            record.values |= _counted(diff)
        except RunStopped as stopped:
            outcome, code, message = _stop_outcome(stopped), stopped.code, str(stopped)
            if accept and outcome is Outcome.HELD and not record.values.get("gates"):
                message += " This cannot be accepted; it has to be mended."
        except CitywideError as error:
            outcome, code, message = Outcome.FAILED, "E-FAULT", str(error)
        except (Exception, KeyboardInterrupt) as error:
            outcome, code, message = Outcome.FAILED, "E-FAULT", told_fault(error)
            interrupt = error if isinstance(error, KeyboardInterrupt) else None
            if interrupt is None:
                logger.exception("run %s of feed %s broke", run_id, feed.id)
    message, issues = concealed(message), concealed_issues(record.issues)
    try:
        _end(feed, tools, run_id, outcome, code, message, record, issues)
    except LeaseLost as lost:
        outcome, code, message = Outcome.FAILED, "E-FAULT", str(lost)
    if interrupt is not None:
        raise interrupt
    return RunReport(run_id, feed, outcome, code, message, record.values, issues, diff)


def check(feed: Feed, tools: Tools, tell: Tell, *, path: Path | None = None) -> RunReport:
    """The same stages without a run, without publishing: what a harvest of the feed would say."""
    record = Record()
    context = Context(feed, tools, record, tell, runs.last_good_run(tools.engine, feed.id), Unkept())
    outcome, code, message = Outcome.PUBLISHED, None, ""
    try:
        fetched = _fetch(context, path, Known())
        assert isinstance(fetched, Fetched)
        harmonised = harmonise(open_fetched(fetched, context), context)
        candidate = harmonised.candidate
        shut = [*quarantine(record.issues), *gate(feed, candidate, last_publish(context.last))]
        shut = tell_ids(context, harmonised.batch, shut, complete=candidate.complete)
        message = f"{harmonised.batch.frame.height:,} features would be published."
        if shut:
            outcome, code, message = Outcome.HELD, shut[0].code, " ".join(str(held) for held in shut)
    except RunStopped as stopped:
        if isinstance(stopped, RunFailed) and _is_emptied(stopped, context):
            stopped = _emptied(context)
        outcome, code, message = _stop_outcome(stopped), stopped.code, str(stopped)
    except CitywideError:
        raise
    except Exception as error:
        logger.exception("check of %s broke", feed.url)
        outcome, code, message = Outcome.FAILED, "E-FAULT", told_fault(error)
    finally:
        _leave_nothing(context)
    return RunReport(None, feed, outcome, code, concealed(message), record.values, concealed_issues(record.issues))


def _leave_nothing(context: Context) -> None:
    """Takes a file that was only tried out of the archive, unless a run has read the same."""
    sha256 = context.record.values.get("resource_sha256")
    if sha256 and not runs.has_resource(context.tools.engine, sha256):
        context.tools.archive.erase(sha256)


def _harvest(
    context: Context, run_id: int, path: Path | None, accept: Acceptance | None, heartbeat: Heartbeat
) -> tuple[Outcome, str, Diff]:
    """One pass over the feed, and a second one in full where reading the changes alone left something unexplained."""
    known = Known() if accept else known_before(context)
    diff, message = Diff(), ""
    try:
        outcome, message, diff = _pass(context, run_id, path, accept, heartbeat, known)
        if not rows_are_gone(context, diff):
            return outcome, message, diff
        # Should reading everything break now, the run's record still says what this pass published.
        context.record.values |= _counted(diff)
    except RunHeld:
        # The gates judge a feed; of a few changes alone they cannot say whether it is right.
        if context.record.values.get("reach") != Reach.CHANGES.value:
            raise
    context.record.issues.clear()
    context.record.values.pop("gates", None)
    try:
        outcome, message, more = _pass(context, run_id, path, accept, heartbeat, Known())
    except RunStopped as stopped:
        if not diff.total:
            raise
        # What was published stands. Without a stamp the next run reads everything.
        context.record.values |= {"watermark": None, "reach": Reach.CHANGES.value}
        return Outcome.PUBLISHED, f"{message} Rows are gone, but not everything could be read: {stopped}", diff
    diff = diff + more
    return Outcome.PUBLISHED if diff.total else outcome, message, diff


def _pass(
    context: Context, run_id: int, path: Path | None, accept: Acceptance | None, heartbeat: Heartbeat, known: Known
) -> tuple[Outcome, str, Diff]:
    engine, record, last = context.tools.engine, context.record, context.last
    record.values["rules_hash"] = context.rules
    fetched = _fetch(context, path, known)
    if isinstance(fetched, Unchanged):
        return _nothing_changed(context, run_id, fetched.decided_by, accept)
    archived = fetched.archived
    refuse_taken_down(context, run_id, archived.sha256)
    runs.keep_resource(engine, archived.sha256, archived.size, fetched.name, fetched.media_type)
    comparable = (
        last is not None
        and last.rules_hash == record.values["rules_hash"]
        and not last.followed
        and last.reading["incomplete_because"] is None
        and fetched.short is None
        and fetched.reach is Reach.FULL
    )
    if comparable and last and last.resource_sha256 == archived.sha256:
        return _nothing_changed(context, run_id, Decider.BYTES, accept)
    try:
        opened = open_fetched(fetched, context)
    except RunFailed as failed:
        if not _is_emptied(failed, context):
            raise
        return _publish_nothing(context, fetched, run_id, accept, heartbeat)
    refuse_taken_down(context, run_id, archived.sha256)
    open_gates(context, quarantine(record.issues), run_id, archived.sha256, accept)
    if comparable and last and last.content_hash == record.values["content_hash"] and record.values["complete"]:
        return _nothing_changed(context, run_id, Decider.CONTENT, accept)
    harmonised = harmonise(opened, context)
    candidate = harmonised.candidate
    shut = gate(context.feed, candidate, last_publish(context.last))
    shut = tell_ids(context, harmonised.batch, shut, complete=candidate.complete)
    open_gates(context, shut, run_id, archived.sha256, accept)
    heartbeat.check()
    diff = _publish(context, harmonised, run_id, archived.sha256)
    record.values["decided_by"] = Decider.ROWS.value
    features = f"{harmonised.batch.frame.height:,} features."
    if not diff.total:
        return Outcome.UNCHANGED, f"{features} None of them changed.{told_short(record)}", diff
    return Outcome.PUBLISHED, features + told_diff(diff) + told_short(record), diff


def _nothing_changed(
    context: Context, run_id: int, decided_by: Decider, accept: Acceptance | None
) -> tuple[Outcome, str, Diff]:
    """The run takes over what the last one read. Where everything was fetched once more, features that were missing
    already may end by it."""
    last, record = context.last, context.record
    assert last is not None
    if terms := check_terms(context.feed, record.licence):
        open_gates(context, terms, run_id, last.resource_sha256, accept)
    watermark, declared = record.values.get("watermark"), record.values.get("declared")
    record.values |= {
        **last.reading,
        "resource_sha256": last.resource_sha256,
        "content_hash": last.content_hash,
        "reach": Reach.FULL.value,
        "decided_by": decided_by.value,
        "watermark": watermark or last.watermark,
        "declared": last.declared if declared is None else declared,
    }
    diff = Diff()
    if last.reading["complete"] and decided_by in (Decider.BYTES, Decider.CONTENT):
        diff = end_missing(context.tools.engine, context.layer, context.feed.id, run_id, datetime.now(UTC))
    outcome = Outcome.PUBLISHED if diff.total else Outcome.UNCHANGED
    return outcome, UNCHANGED_BY[decided_by] + told_diff(diff), diff


def _fetch(context: Context, path: Path | None, known: Known) -> Fetched | Unchanged:
    tools, record = context.tools, context.record
    make_ready()
    fetched: Fetched | Unchanged
    if path is not None:
        fetched = keep_local(path, tools.archive)
    else:
        fetched = fetch(context.feed, known, Fetcher(
            tools.session, tools.archive, tools.settings, record.receipts, context.kept,
            lambda done, total: context.tell("fetch", done, total),
        ))  # fmt: skip
    if fetched.dataset is not None:
        record.values |= {"watermark": fetched.dataset.watermark, "declared": fetched.dataset.count}
        record.licence = fetched.dataset.licence
    if isinstance(fetched, Fetched):
        fetched = replace(fetched, name=concealed_name(fetched.name))
        record.values |= {"resource_sha256": fetched.archived.sha256, "reach": fetched.reach.value}
        record.issues += fetched.issues
    return fetched


def open_fetched(fetched: Fetched, context: Context) -> Opened:
    """The records, with what the file says of itself."""
    tools, record, feed = context.tools, context.record, context.feed
    context.tell("open", 0, None)
    with tools.archive.scratch() as work:
        opened = open_apart(
            fetched.archived.path,
            name=fetched.name,
            media_type=fetched.media_type,
            layer=feed.source_layer,
            sheet=feed.sheet,
            settings=tools.settings,
            work=work,
        )
    opened = screen(opened)
    short = fetched.short or _short_file(fetched, opened, context)
    if short is not None:
        opened = replace(opened, issues=[*opened.issues, feed_issue(short.code, str(short))])
    record.issues += opened.issues
    record.values |= {
        "format": opened.format,
        "encoding": opened.encoding,
        "columns": opened.columns,
        "rows_read": opened.rows_read,
        "content_hash": content_hash(opened, columns_read(context.last.reading["mapping"]) if context.last else ()),
        "complete": fetched.reach is Reach.FULL and short is None and is_whole(opened.issues),
        "incomplete_because": str(short) if short else None,
    }
    return opened


def _short_file(fetched: Fetched, opened: Opened, context: Context) -> RunFailed | None:
    """Why a file that was downloaded does not hold all rows, as far as its platform says how many there are."""
    if fetched.dataset is None or fetched.tally is not None:
        return None
    tally = Tally(opened.rows_read, 1, ended="end of the file")
    return incomplete(find_adapter(context.feed.platform), fetched.dataset, tally)


def _is_emptied(failed: RunFailed, context: Context) -> bool:
    """Whether a file without one row follows one that had features: no failure, but a question to a person."""
    return failed.code == "E-EMPTY" and context.last is not None and bool(context.last.reading["features"])


def _emptied(context: Context) -> RunHeld:
    assert context.last is not None
    return RunHeld("E-SHRUNK", f"The feed had {context.last.reading['features']:,} features and is empty now.")


def _publish_nothing(
    context: Context, fetched: Fetched, run_id: int, accept: Acceptance | None, heartbeat: Heartbeat
) -> tuple[Outcome, str, Diff]:
    """A feed that is empty now, once a person has said that it is meant: every feature goes missing."""
    sha256, feed = fetched.archived.sha256, context.feed
    complete = fetched.short is None
    assert context.last is not None
    context.record.values |= {**context.last.reading, "rows_read": 0, "features": 0, "complete": complete}
    open_gates(context, [_emptied(context)], run_id, sha256, accept)
    heartbeat.check()
    frame, shapes = nothing_read(context.layer), np.empty(0, dtype=object)
    nothing = Slice(frame, shapes, feed.id, feed.council, sha256, run_id, complete)
    diff = publish(context.tools.engine, context.layer, nothing, datetime.now(UTC))
    context.record.values["decided_by"] = Decider.ROWS.value
    return Outcome.PUBLISHED, "The feed is empty." + told_diff(diff), diff


def shut_gates(feed: Feed, candidate: Candidate, tools: Tools) -> list[RunHeld]:
    """The gates that stand between what a feed would have and its publishing, as things are now."""
    return gate(feed, candidate, last_publish(runs.last_good_run(tools.engine, feed.id)))


def nothing_read(layer: Layer) -> pl.DataFrame:
    """The features of a feed that has none."""
    columns = ("key", "rung", *layer.fields, "placed", "outside_m", "precision_m", "row_no")
    return pl.DataFrame(schema=dict.fromkeys(columns, pl.String))


def _publish(context: Context, harmonised: Harmonised, run_id: int, sha256: str) -> Diff:
    batch, feed = harmonised.batch, context.feed
    assert batch.geometry is not None
    context.tell("publish", 0, batch.frame.height)
    new = Slice(batch.frame, batch.geometry, feed.id, feed.council, sha256, run_id, harmonised.candidate.complete)
    # Nothing may stop the run between what is published here and its record.
    return publish(context.tools.engine, context.layer, new, datetime.now(UTC))


def _end(
    feed: Feed,
    tools: Tools,
    run_id: int,
    outcome: Outcome,
    code: str | None,
    message: str,
    record: Record,
    issues: pl.DataFrame,
) -> None:
    receipts = [asdict(receipt) for receipt in record.receipts]
    values = {**record.values, "code": code, "message": message}
    runs.end_run(tools.engine, run_id, outcome, values, receipts, issues)
    plan_next(tools.engine, feed)


def _stop_outcome(stopped: RunStopped) -> Outcome:
    return Outcome.HELD if isinstance(stopped, RunHeld) else Outcome.FAILED


def _counted(diff: Diff) -> dict[str, Any]:
    counts = asdict(diff)
    return {name: counts[name] for name in ("inserted", "updated", "ended", "missing", "restored", "revision")}
