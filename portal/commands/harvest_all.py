"""Harvesting many feeds through the queue, as a worker does it, with one display for all of them."""

import time
from collections import Counter
from collections.abc import Sequence
from threading import Thread

from rich.progress import Progress, TaskID

from datasets.feed import Feed
from datasets.store import runs
from datasets.store.queue import enqueue, waiting
from datasets.store.runs import RunLine
from harvesters.run import Tools
from portal import console
from portal.worker import JOBS, Worker

_LOOK_SECONDS = 0.5


def harvest_all(feeds: Sequence[Feed], tools: Tools, *, jobs: int = JOBS) -> list[RunLine]:
    """How each feed's run ended, in the order of the feeds; `left_out` tells of those without. Other workers take their
    part where there are any."""
    before = runs.newest_run(tools.engine)
    wanted = {feed.id for feed in feeds}
    enqueue(tools.engine, feeds)
    worker = Worker(tools, jobs=jobs, tend=False)
    working = Thread(target=_work_until_done, args=(worker, tools, wanted), name="worker")
    working.start()
    try:
        with console.progress() as bars:
            display = _Display(bars, len(wanted))
            while working.is_alive():
                display.show([run for run in runs.runs_after(tools.engine, before) if run.feed in wanted])
                working.join(_LOOK_SECONDS)
            ended = [run for run in runs.runs_after(tools.engine, before) if run.feed in wanted]
            display.show(ended)
    finally:
        worker.stop()
        working.join()
    last = {run.feed: run for run in ended if run.outcome is not None}
    return [last[feed.id] for feed in feeds if feed.id in last]


def left_out(feeds: Sequence[Feed], ended: Sequence[RunLine]) -> dict[str, str]:
    """Why each feed without a run was not harvested."""
    harvested = {run.feed for run in ended}
    because = "It was not harvested: another program was at work on it all the time, or it was removed."
    return {feed.id: because for feed in feeds if feed.id not in harvested}


def _work_until_done(worker: Worker, tools: Tools, wanted: set[str]) -> None:
    """Works as long as one of the feeds waits: another worker may have it, or a program that just went away."""
    while True:
        worker.run(until_empty=True)
        if worker.stopped or not wanted & set(waiting(tools.engine)):
            return
        time.sleep(_LOOK_SECONDS)


class _Display:
    """One bar for all feeds, and one for each that is being harvested."""

    def __init__(self, bars: Progress, feeds: int) -> None:
        self._bars = bars
        self._all = bars.add_task(f"{feeds:,} feeds", total=feeds, stage="")
        self._own: dict[int, TaskID] = {}

    def show(self, found: Sequence[RunLine]) -> None:
        counts = Counter(run.outcome for run in found if run.outcome is not None)
        told = ", ".join(f"{count:,} {outcome}" for outcome, count in counts.items())
        self._bars.update(self._all, completed=counts.total(), stage=told)
        for run in found:
            if run.outcome is None:
                if run.id not in self._own:
                    self._own[run.id] = self._bars.add_task(run.feed, total=None, stage="")
                self._bars.update(self._own[run.id], completed=run.done or 0, total=run.total, stage=run.stage or "")
            elif run.id in self._own:
                self._bars.remove_task(self._own.pop(run.id))
