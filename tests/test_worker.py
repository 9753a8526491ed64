"""The worker takes harvests from the queue, keeps feeds of one host apart, leaves nothing behind that a killed program
began, and looks at each feed when it is due."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from threading import Thread

import pytest
from procrastinate import App

from datasets.store import runs
from datasets.store.feeds import save_feed
from datasets.store.queue import enqueue, queue_app, waiting
from datasets.store.runs import FeedBusy
from datasets.store.schedule import Rhythm, due_feeds, next_look, plan_next
from datasets.vocabulary import Outcome
from harvesters.run import Tools
from portal.commands.harvest_all import harvest_all
from portal.worker import Worker, tend
from tests.builders import Answer, csv_bytes, feed_of, query, served, toilets

NOW = datetime(2026, 6, 1, tzinfo=UTC)
CSV = {"Content-Type": "text/csv"}


def days(*ago: float) -> list[datetime]:
    return [NOW - timedelta(days=day) for day in ago]


@pytest.mark.parametrize(
    ("cadence", "rhythm", "expected"),
    [
        ("monthly", Rhythm(), timedelta(days=30)),
        ("weekly", Rhythm(days(1)), timedelta(days=7)),
        ("weekly", Rhythm(days(1, 2, 3, 4)), timedelta(days=1)),
        ("daily", Rhythm(days(0, 0.1, 0.2)), timedelta(hours=12)),
        ("daily", Rhythm(days(10)), timedelta(days=2)),
        ("yearly", Rhythm(days(1)), timedelta(days=30)),
        ("monthly", Rhythm(days(1), failures=1), timedelta(hours=1)),
        ("monthly", Rhythm(days(1), failures=9), timedelta(days=1)),
    ],
)
def test_a_feed_is_due_by_its_cadence_and_its_observed_rhythm(
    cadence: str, rhythm: Rhythm, expected: timedelta
) -> None:
    assert next_look(feed_of(cadence=cadence), rhythm, NOW) == expected


def test_a_harvest_plans_the_next_one_with_jitter(tools: Tools) -> None:
    feed = feed_of(cadence="weekly")
    save_feed(tools.engine, feed)
    assert [due.id for due in due_feeds(tools.engine)] == [feed.id]
    due = plan_next(tools.engine, feed)
    assert timedelta(days=6.2) < due - datetime.now(UTC) < timedelta(days=7.8)
    assert due_feeds(tools.engine) == []


def test_all_feeds_are_harvested_by_one_worker_and_one_failure_touches_no_other(tools: Tools) -> None:
    answers = {f"/{n}.csv": Answer(csv_bytes(toilets(3, first=10 * n + 1)), headers=CSV) for n in range(4)}
    with served(answers) as site:
        feeds = [feed_of(f"feed-{n}", url=site[f"/{n}.csv"]) for n in range(5)]
        for feed in feeds:
            save_feed(tools.engine, feed)
        ended = harvest_all(feeds, tools, jobs=2)
    assert [run.outcome for run in ended] == [*[Outcome.PUBLISHED] * 4, Outcome.FAILED]
    assert waiting(tools.engine) == []


def test_feeds_of_one_host_are_never_harvested_at_the_same_time(tools: Tools) -> None:
    under_way, most = [0], [0]

    def body() -> list[bytes]:
        under_way[0] += 1
        most[0] = max(most[0], under_way[0])
        time.sleep(0.2)
        under_way[0] -= 1
        return [csv_bytes(toilets(2))]

    with served({f"/{n}.csv": Answer(body, headers=CSV) for n in range(3)}) as site:
        feeds = [feed_of(f"feed-{n}", url=site[f"/{n}.csv"]) for n in range(3)]
        for feed in feeds:
            save_feed(tools.engine, feed)
        harvest_all(feeds, tools, jobs=3)
    assert most == [1]


def test_a_feed_waits_in_the_queue_only_once(tools: Tools) -> None:
    save_feed(tools.engine, feed_of())
    assert [enqueue(tools.engine, [feed_of()]) for _ in range(2)] == [1, 0]


def test_a_feed_that_a_living_program_harvests_is_left_to_it(tools: Tools) -> None:
    save_feed(tools.engine, feed_of())
    runs.begin_run(tools.engine, "ashmere-toilets", "another program")
    with pytest.raises(FeedBusy, match=r"is being harvested since .* by another program"):
        runs.begin_run(tools.engine, "ashmere-toilets", "this one")


def test_the_tender_frees_lost_runs_and_queues_their_feeds_again(tools: Tools) -> None:
    feed = feed_of()
    save_feed(tools.engine, feed)
    plan_next(tools.engine, feed)
    runs.begin_run(tools.engine, feed.id, "a program that is gone")
    assert tend(tools) == 0
    query(tools.engine, "UPDATE citywide.run SET lease_until = now() - interval '1 second'")
    assert tend(tools) == 1 and waiting(tools.engine) == [feed.id]


def test_the_tender_gives_jobs_of_dead_workers_back(tools: Tools) -> None:
    save_feed(tools.engine, feed_of())
    plan_next(tools.engine, feed_of())
    enqueue(tools.engine, [feed_of()])
    asyncio.run(_take_a_job(queue_app(tools.engine)))
    tend(tools)
    assert query(tools.engine, "SELECT status::text FROM procrastinate.procrastinate_jobs") == [{"status": "doing"}]
    query(tools.engine, "UPDATE procrastinate.procrastinate_workers SET last_heartbeat = now() - interval '1 hour'")
    tend(tools)
    assert query(tools.engine, "SELECT status::text FROM procrastinate.procrastinate_jobs") == [{"status": "todo"}]


async def _take_a_job(app: App) -> None:
    async with app.open_async():
        worker = await app.job_manager.register_worker()
        assert await app.job_manager.fetch_job(None, worker) is not None


def test_a_worker_that_is_stopped_breaks_off_what_is_under_way_and_leaves_it_for_the_next(tools: Tools) -> None:
    def dripping() -> Callable[[], object]:
        def blocks() -> object:
            for row in csv_bytes(toilets(200)).splitlines(keepends=True):
                yield row
                time.sleep(0.05)

        return blocks

    with served({"/toilets.csv": Answer(dripping(), headers=CSV)}) as site:  # type: ignore[arg-type]
        save_feed(tools.engine, feed_of(url=site["/toilets.csv"]))
        enqueue(tools.engine, [feed_of()])
        worker = Worker(tools, jobs=1, tend=False)
        working = Thread(target=worker.run)
        working.start()
        _until(lambda: bool(site.asked))
        worker.stop()
        working.join(20)
    assert not working.is_alive()
    [run] = query(tools.engine, "SELECT outcome, message FROM citywide.run")
    assert run["outcome"] == "failed" and "was stopped" in run["message"]


def test_a_killed_worker_is_followed_by_another_that_ends_what_it_began(tools: Tools) -> None:
    """The whole way, with real programs."""
    slow = Answer(lambda: _slowly(csv_bytes(toilets(3))), headers=CSV)
    with served({"/toilets.csv": slow}) as site:
        save_feed(tools.engine, feed_of(url=site["/toilets.csv"]))
        enqueue(tools.engine, [feed_of()])
        first = _program(tools)
        _until(lambda: bool(query(tools.engine, "SELECT 1 FROM citywide.run WHERE state = 'running'")))
        os.kill(first.pid, signal.SIGKILL)
        first.wait(10)
        query(tools.engine, "UPDATE citywide.run SET lease_until = now()")
        query(tools.engine, "UPDATE procrastinate.procrastinate_workers SET last_heartbeat = now() - interval '1 hour'")
        tend(tools)
        site.answers["/toilets.csv"] = Answer(csv_bytes(toilets(3)), headers=CSV)
        assert _program(tools, "--until-empty").wait(60) == 0
    outcomes = query(tools.engine, "SELECT outcome, message FROM citywide.run ORDER BY id")
    assert [run["outcome"] for run in outcomes] == ["failed", "published"], outcomes


def _slowly(content: bytes) -> list[bytes]:
    time.sleep(5)
    return [content]


def _program(tools: Tools, *arguments: str) -> subprocess.Popen[bytes]:
    environment = {
        **os.environ,
        "CITYWIDE_HOME": str(tools.settings.home),
        "CITYWIDE_DATABASE_URL": tools.engine.url.set(drivername="postgresql").render_as_string(hide_password=False),
        "CITYWIDE_ALLOW_LOOPBACK": "1",
    }
    return subprocess.Popen([sys.executable, "-m", "portal.cli", "worker", *arguments], env=environment)


def _until(happened: Callable[[], bool], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)
