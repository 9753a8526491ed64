"""The worker: takes harvests from the queue, several at a time, on as many machines as there are.

Beside it a tender, outside the queue, looks every few seconds for what the queue alone would never find: runs and jobs
whose program is gone, and feeds that are due.
"""

import asyncio
import logging
from threading import Event, Thread

from procrastinate import App, RetryStrategy
from procrastinate.exceptions import UniqueViolation
from procrastinate.jobs import Status

from datasets.errors import CitywideError, RunFailed
from datasets.store import feeds as store
from datasets.store import runs
from datasets.store.queue import TASK, enqueue, one_at_a_time, queue_app, waiting
from datasets.store.runs import FeedBusy
from datasets.store.schedule import due_feeds
from harvesters.run import Tools, harvest

JOBS = 2
TEND_SECONDS = 15.0
BUSY_SECONDS = 20
"""How long a job waits whose feed another program has not let go of yet."""
_BUSY_TIMES = 30

logger = logging.getLogger(__name__)


class Worker:
    """Harvests until it is stopped, or until the queue is empty. `stop` may be called from any thread; harvests that
    are under way end at their next step and are gone on with later."""

    def __init__(self, tools: Tools, *, jobs: int = JOBS, tend: bool = True) -> None:
        self._tools = tools
        self._jobs = jobs
        self._tend = tend
        self._stopping = Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._working: asyncio.Task[None] | None = None

    @property
    def stopped(self) -> bool:
        """Whether `stop` was called."""
        return self._stopping.is_set()

    def run(self, *, until_empty: bool = False) -> None:
        """Works in this thread."""
        over = Event()
        tender = Thread(target=self._tend_until, args=(over,), name="tender")
        if self._tend:
            tender.start()
        try:
            asyncio.run(self._work(until_empty))
        finally:
            over.set()
            if self._tend:
                tender.join()

    def stop(self) -> None:
        """Begins no more harvests and breaks off those under way."""
        self._stopping.set()
        if self._loop is not None and self._working is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._working.cancel)

    async def _work(self, until_empty: bool) -> None:
        app = self._app()
        async with app.open_async():
            self._loop = asyncio.get_running_loop()
            options = {"wait": not until_empty, "delete_jobs": "successful", "install_signal_handlers": False}
            working = app.run_worker_async(concurrency=self._jobs, fetch_job_polling_interval=0.25, **options)  # type: ignore[arg-type]
            self._working = asyncio.create_task(working)
            try:
                await self._working
            except asyncio.CancelledError:
                if not self._stopping.is_set():
                    raise

    def _app(self) -> App:
        app = queue_app(self._tools.engine)
        busy = RetryStrategy(max_attempts=_BUSY_TIMES, wait=BUSY_SECONDS, retry_exceptions={FeedBusy})
        app.task(name=TASK, retry=busy)(self._harvest)
        return app

    def _harvest(self, feed_id: str, accept: str | None = None) -> None:
        """One job. Whatever becomes of the feed is in its run; only a feed that is taken is tried again."""
        if self._stopping.is_set():
            raise FeedBusy("The worker is being stopped.")
        try:
            feed = store.read_feed(self._tools.engine, feed_id)
        except CitywideError:
            logger.info("feed %s was removed while it waited", feed_id)
            return
        harvest(feed, self._tools, self._told, accept=accept)

    def _told(self, stage: str, done: int, total: int | None) -> None:
        if self._stopping.is_set():
            raise RunFailed("E-FAULT", "Citywide was stopped during the run; the next one goes on from there.")

    def _tend_until(self, over: Event) -> None:
        while True:
            try:
                tend(self._tools)
            except Exception:
                logger.exception("tending the queue broke; it is tried again")
            if over.wait(TEND_SECONDS):
                return


def tend(tools: Tools) -> int:
    """Frees what programs that are gone have left, and queues what is due; how many feeds were queued. Of several that
    would tend at once one does: what the second believes to be due the first may have had harvested already."""
    with one_at_a_time(tools.engine) as ours:
        return _tend(tools) if ours else 0


def _tend(tools: Tools) -> int:
    lost = set(runs.free_lost_runs(tools.engine))
    asyncio.run(_free_lost_jobs(queue_app(tools.engine)))
    under_way = set(waiting(tools.engine))
    wanted = {feed.id: feed for feed in due_feeds(tools.engine) if feed.id not in under_way}
    for feed in store.list_feeds(tools.engine):
        if feed.id in lost:
            wanted[feed.id] = feed
    return enqueue(tools.engine, wanted.values())


async def _free_lost_jobs(app: App) -> None:
    """Jobs whose worker no longer says that it is there go back into the queue."""
    async with app.open_async():
        for job in await app.job_manager.get_stalled_jobs():
            assert job.id is not None
            try:
                await app.job_manager.retry_job(job)
            except UniqueViolation:
                # The feed waits in the queue already, which serves as well.
                await app.job_manager.finish_job_by_id_async(job.id, status=Status.FAILED, delete_job=True)
