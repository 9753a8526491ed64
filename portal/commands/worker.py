"""`citywide worker`: harvests what is due or was asked for, until it is stopped."""

import signal
from types import FrameType
from typing import Annotated

import typer

from datasets.store import runs
from portal import console
from portal.worker import JOBS, Worker


def worker(
    jobs: Annotated[int, typer.Option(help="How many feeds are harvested at a time.", min=1, max=64)] = JOBS,
    until_empty: Annotated[bool, typer.Option("--until-empty", help="End when nothing waits any more.")] = False,
) -> None:
    """Harvest what is due, and what others ask for. Any number of workers may run, on any number of machines."""
    with console.failing_plainly(), console.opened() as tools:
        working = Worker(tools, jobs=jobs)

        def stop(number: int, frame: FrameType | None) -> None:
            console.err.print("Ending what is under way …")
            working.stop()

        signal.signal(signal.SIGINT, stop)
        signal.signal(signal.SIGTERM, stop)
        console.err.print(f"Working, {jobs} feeds at a time – Ctrl-C ends it.", markup=False)
        before = runs.newest_run(tools.engine)
        working.run(until_empty=until_empty)
        ended = sum(run.outcome is not None for run in runs.runs_after(tools.engine, before))
        console.out.print(f"The worker is down; {ended:,} harvests ended while it was up.")
