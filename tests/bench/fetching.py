"""One fetch in a process of its own: `python -m tests.bench.fetching FEED` reads the feed's pages into the archive, as
a harvest does, and prints one JSON object: rows, pages, bytes, seconds and the peak memory. With `--profile` it prints
on standard error where the time went."""

import cProfile
import json
import pstats
import sys
import time

from datasets.settings import read_settings
from datasets.store.engine import connect
from datasets.store.feeds import read_feed
from datasets.store.readings import Readings
from datasets.store.runs import begin_run
from harvesters.fetch import Fetched, Fetcher, Known, fetch
from harvesters.fetching.archive import Archive
from harvesters.web.session import Session
from tests.bench.child import peak_mib

SHOWN = 45


def main() -> None:
    """Fetches the feed named on the command line."""
    settings = read_settings()
    engine = connect(settings.database_url or "")
    feed = read_feed(engine, sys.argv[1])
    kept = Readings(engine, feed.id, begin_run(engine, feed.id, "bench"))
    session = Session("https://example.org/", allow_loopback=True)
    fetcher = Fetcher(session, Archive(settings.archive), settings, [], kept, lambda done, total: None)
    profile = cProfile.Profile() if "--profile" in sys.argv else None
    began = time.perf_counter()
    fetched = profile.runcall(fetch, feed, Known(), fetcher) if profile else fetch(feed, Known(), fetcher)
    seconds = time.perf_counter() - began
    if profile:
        pstats.Stats(profile, stream=sys.stderr).sort_stats("tottime").print_stats(SHOWN)
    if not isinstance(fetched, Fetched) or fetched.short or fetched.tally is None:
        raise SystemExit(f"The fetch was not whole: {fetched}")
    figures = {
        "rows": fetched.tally.rows,
        "pages": fetched.tally.pages,
        "bytes": fetched.archived.size,
        "seconds": seconds,
        "peak_mib": peak_mib(),
    }
    json.dump(figures, sys.stdout)


if __name__ == "__main__":
    main()
