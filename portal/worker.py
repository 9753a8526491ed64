"""The worker: takes harvests from the queue, several at a time, on as many machines as there are.

Beside it a tender, outside the queue, looks every few seconds for what the queue alone would never find: runs and jobs
whose program is gone, feeds that are due, and now and then what killed programs have left in the archive.
"""

import asyncio
import logging
import time
from contextlib import suppress
from threading import Event, Thread

from procrastinate import App, BaseRetryStrategy, RetryDecision
from procrastinate.exceptions import UniqueViolation
from procrastinate.jobs import Job, Status

from datasets.errors import CitywideError, RunFailed
from datasets.feed import Feed
from datasets.store import feeds as store
from datasets.store import runs
from datasets.store.queue import TASK, enqueue, is_waiting, one_at_a_time, queue_app, waiting
from datasets.store.readings import files_noted
from datasets.store.runs import FeedBusy
from datasets.store.schedule import MOST_TRIES, STOPPED, being_harvested, due_feeds, losses_in_a_row, plan_next
from datasets.store.versions.takedown import finish_takedowns
from harvesters.run import Tools, harvest

JOBS = 2
TEND_SECONDS = 15.0
SWEEP_SECONDS = 3600.0
BUSY_SECONDS = 20
"""How long a job waits whose feed another program has not let go of yet."""
_BUSY_TIMES = 30

logger = logging.getLogger(__name__)


class _BrokenOff(CitywideError):
    """The worker was asked to end before the harvest did."""


class _Again(BaseRetryStrategy):
    """A feed that is taken is tried again a little later; one that was broken off, by the next worker that is free."""

    def get_retry_decision(self, *, exception: BaseException, job: Job) -> RetryDecision | None:
        if isinstance(exception, _BrokenOff):
            return RetryDecision(retry_in={"seconds": 0})
        if isinstance(exception, FeedBusy) and job.attempts < _BUSY_TIMES:
            return RetryDecision(retry_in={"seconds": BUSY_SECONDS})
        return None


class Worker:
    """Harvests until it is stopped, or until the queue is empty. `stop` may be called from any thread, and at any time;
    harvests that are under way end at their next step and go back into the queue. With `tend`, what is due is queued;
    what programs that are gone have left is freed by every worker."""

    def __init__(self, tools: Tools, *, jobs: int = JOBS, tend: bool = True) -> None:
        self._tools = tools
        self._jobs = jobs
        self._tend = tend
        self._stopping = Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._working: asyncio.Task[None] | None = None
        self._tend_at = self._sweep_at = 0.0

    @property
    def stopped(self) -> bool:
        """Whether `stop` was called."""
        return self._stopping.is_set()

    def run(self, *, until_empty: bool = False) -> None:
        """Works in this thread."""
        over = Event()
        tender = Thread(target=self._tend_until, args=(over,), name="tender")
        tender.start()
        try:
            asyncio.run(self._work(until_empty))
        finally:
            over.set()
            tender.join()

    def stop(self) -> None:
        """Begins no more harvests and breaks off those under way."""
        self._stopping.set()
        if self._loop is not None and self._working is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._break_off)

    async def _work(self, until_empty: bool) -> None:
        app = self._app()
        async with app.open_async():
            self._loop = asyncio.get_running_loop()
            options = {"wait": not until_empty, "delete_jobs": "successful", "install_signal_handlers": False}
            working = app.run_worker_async(concurrency=self._jobs, fetch_job_polling_interval=0.25, **options)  # type: ignore[arg-type]
            self._working = asyncio.create_task(working)
            if self._stopping.is_set():
                # We were stopped before there was anything to break off.
                self._break_off()
            try:
                await self._working
            except asyncio.CancelledError:
                if not self._stopping.is_set():
                    raise

    def _break_off(self) -> None:
        # A second time would break off the ending itself.
        if self._working is not None and not self._working.cancelling():
            self._working.cancel()

    def _app(self) -> App:
        app = queue_app(self._tools.engine)
        app.task(name=TASK, retry=_Again())(self._harvest)
        return app

    def _harvest(self, feed_id: str, accept: object = None) -> None:
        """One job. Whatever becomes of the feed is in its run; only a feed that is taken or broken off is tried again,
        unless another job of it waits. What an earlier version queued may say `accept`, which has no use any more."""
        try:
            self._harvest_once(feed_id)
        except (FeedBusy, _BrokenOff):
            if not is_waiting(self._tools.engine, feed_id):
                raise

    def _harvest_once(self, feed_id: str) -> None:
        if self._stopping.is_set():
            raise _BrokenOff("The worker is being stopped.")
        feed = _find_feed(self._tools, feed_id)
        if feed is None:
            logger.info("feed %s was removed while it waited", feed_id)
            return
        report = harvest(feed, self._tools, self._told)
        if report.code == STOPPED:
            raise _BrokenOff(report.message)

    def _told(self, stage: str, done: int, total: int | None) -> None:
        if self._stopping.is_set():
            raise RunFailed(STOPPED, "Citywide was stopped during the run; the next one goes on from there.")

    def _tend_until(self, over: Event) -> None:
        while not over.wait(max(self._tend_at - time.monotonic(), 0)):
            now = time.monotonic()
            self._tend_at = now + TEND_SECONDS
            try:
                tend(self._tools, queue_due=self._tend)
                if now >= self._sweep_at:
                    self._sweep_at = now + SWEEP_SECONDS
                    sweep(self._tools)
            except Exception:
                logger.exception("tending the queue broke; it is tried again")


def tend(tools: Tools, *, queue_due: bool = True) -> int:
    """Frees what programs that are gone have left, and queues what is due; how many feeds were queued. Of several that
    would tend at once one does: what the second believes to be due the first may have had harvested already."""
    with one_at_a_time(tools.engine) as ours:
        if not ours:
            return 0
        _free_lost(tools)
        if not queue_due:
            return 0
        under_way = set(waiting(tools.engine))
        return enqueue(tools.engine, [feed for feed in due_feeds(tools.engine) if feed.id not in under_way])


def sweep(tools: Tools) -> None:
    """Tidies this machine's archive of what killed programs have left and nobody goes on with, and of what was taken
    down by programs that were killed before they deleted it."""
    tools.archive.sweep(files_noted(tools.engine))
    finish_takedowns(tools.engine, tools.archive.erase)


def _free_lost(tools: Tools) -> None:
    """A feed whose run was lost is due at once the first time in a row, and later each further time."""
    for feed_id in set(runs.free_lost_runs(tools.engine)):
        _plan(tools, feed_id)
    asyncio.run(_free_lost_jobs(tools, queue_app(tools.engine)))


async def _free_lost_jobs(tools: Tools, app: App) -> None:
    """Jobs whose worker no longer says that it is there go back into the queue, or out of it when they should wait.
    While a run says that it goes on its job is left alone: the worker may only be slow."""
    async with app.open_async():
        stalled = list(await app.job_manager.get_stalled_jobs())
        under_way = being_harvested(tools.engine)
        for job in stalled:
            if job.task_kwargs["feed_id"] not in under_way:
                await _free_lost_job(tools, app, job)


async def _free_lost_job(tools: Tools, app: App, job: Job) -> None:
    assert job.id is not None
    feed_id = str(job.task_kwargs["feed_id"])
    again = _goes_back(tools, feed_id, job.attempts)
    if again and not is_waiting(tools.engine, feed_id):
        # Another job of the feed may have begun to wait since, which then stands in for this one.
        with suppress(UniqueViolation):
            await app.job_manager.retry_job(job)
            return
    elif not again:
        logger.warning("feed %s was lost time and again; it is tried again later", feed_id)
        _plan(tools, feed_id)
    await app.job_manager.finish_job_by_id_async(job.id, status=Status.FAILED, delete_job=True)


def _goes_back(tools: Tools, feed_id: str, attempts: int) -> bool:
    losses = losses_in_a_row(tools.engine, feed_id)
    return losses == 1 or (losses == 0 and attempts < MOST_TRIES)


def _plan(tools: Tools, feed_id: str) -> None:
    feed = _find_feed(tools, feed_id)
    if feed is not None:
        plan_next(tools.engine, feed)


def _find_feed(tools: Tools, feed_id: str) -> Feed | None:
    try:
        return store.read_feed(tools.engine, feed_id)
    except CitywideError:
        return None
