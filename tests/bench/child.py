"""One harvest in a process of its own, so that its peak memory and its cold imports are its own.

`python -m tests.bench.child FEED` harvests a feed of the database that the environment names and prints one JSON
object: how it ended, the wall time of the harvest, of imports and of each stage, and the peak memory.
"""

import json
import resource
import sys
import time
from pathlib import Path

STARTED = time.perf_counter()

from datasets.city import read_city  # noqa: E402
from datasets.settings import read_settings  # noqa: E402
from datasets.store.engine import connect  # noqa: E402
from datasets.store.feeds import read_feed  # noqa: E402
from harvesters.run import Tools, harvest  # noqa: E402
from harvesters.web.session import Session  # noqa: E402

IMPORTED = time.perf_counter()


def main() -> None:
    """Harvests the feed named on the command line."""
    settings = read_settings()
    engine = connect(settings.database_url or "")
    tools = Tools(engine, settings, read_city(settings), Session("https://example.org/", allow_loopback=True))
    stages = Stages()
    feed = read_feed(engine, sys.argv[1])
    began = time.perf_counter()
    report = harvest(feed, tools, stages.tell)
    ended = time.perf_counter()
    stages.tell("end", 0, None)
    figures = {
        "outcome": report.outcome.value,
        "message": report.message,
        "imports": IMPORTED - STARTED,
        "harvest": ended - began,
        "peak_mib": peak_mib(),
        "stages": stages.seconds,
    }
    json.dump(figures, sys.stdout)


class Stages:
    """Seconds by stage: from when a stage is first told of to when the next one is. What follows the last word on
    publishing is the run's record being closed."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._stage, self._since = "begin", time.perf_counter()

    def tell(self, stage: str, done: int, total: int | None) -> None:
        name = "record" if stage == "publish" and done and done == total else stage
        if name != self._stage:
            now = time.perf_counter()
            self.seconds[self._stage] = self.seconds.get(self._stage, 0.0) + now - self._since
            self._stage, self._since = name, now


def peak_mib() -> float:
    """The most memory this process held. `ru_maxrss` starts from the parent's figure on Linux, so its own high-water
    mark is read there."""
    status = Path("/proc/self/status")
    if status.exists():
        marks = [line.split()[1] for line in status.read_text().splitlines() if line.startswith("VmHWM:")]
        return int(marks[0]) / 1024
    unit = 1 << 20 if sys.platform == "darwin" else 1 << 10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


if __name__ == "__main__":
    main()
