"""The worker takes harvests from the queue, keeps feeds of one host apart, leaves nothing behind that a killed program
began, and looks at each feed when it is due."""

import asyncio
import json
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
from typer.testing import CliRunner

from datasets.issues import all_issues
from datasets.store import runs
from datasets.store.feeds import save_feed
from datasets.store.queue import enqueue, queue_app, waiting
from datasets.store.readings import Reading, Readings
from datasets.store.runs import FeedBusy, RunLine
from datasets.store.schedule import Rhythm, due_feeds, next_look, plan_next
from datasets.vocabulary import Outcome
from harvesters.run import Tools
from portal.cli import app
from portal.commands.harvest_all import harvest_all
from portal.worker import Worker, tend
from tests.builders import Answer, csv_bytes, feed_of, query, served, toilets

SILENT = "UPDATE procrastinate.procrastinate_workers SET last_heartbeat = now() - interval '1 hour'"
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
        ("monthly", Rhythm(days(1), failures=9, losses=1), timedelta()),
        ("monthly", Rhythm(days(1), failures=2, losses=2), timedelta(hours=4)),
        ("monthly", Rhythm(days(1), failures=5, losses=5), timedelta(days=30)),
        ("monthly", Rhythm(days(1), failures=2, stopped=True), timedelta()),
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
    assert _jobs(tools) == ["doing"]
    query(tools.engine, SILENT)
    tend(tools)
    assert _jobs(tools) == ["todo"]


def test_a_job_whose_run_still_says_that_it_goes_on_is_left_alone(tools: Tools) -> None:
    save_feed(tools.engine, feed_of())
    _die_amid_a_harvest(tools)
    query(tools.engine, "UPDATE citywide.run SET lease_until = now() + interval '1 minute'")
    tend(tools)
    assert _jobs(tools) == ["doing"]


def test_a_feed_that_kills_its_workers_is_tried_again_at_once_then_later_and_at_last_hardly_ever(tools: Tools) -> None:
    save_feed(tools.engine, feed_of())
    seen, hours = [], []
    for _ in range(5):
        _die_amid_a_harvest(tools)
        tend(tools)
        seen.append(_jobs(tools))
        hours += query(
            tools.engine, "SELECT extract(epoch FROM due_at - now())::float8 / 3600 AS due FROM citywide.feed"
        )
    assert seen == [["todo"], [], [], [], []]
    assert hours[0]["due"] <= 0
    assert [row["due"] for row in hours[1:]] == [pytest.approx(wait, rel=0.101) for wait in (4, 12, 24, 720)]


def test_a_job_that_is_lost_time_and_again_before_its_run_begins_does_not_go_back_for_ever(tools: Tools) -> None:
    save_feed(tools.engine, feed_of())
    plan_next(tools.engine, feed_of())
    enqueue(tools.engine, [feed_of()])
    seen = []
    for _ in range(6):
        asyncio.run(_take_a_job(queue_app(tools.engine)))
        query(tools.engine, SILENT)
        tend(tools)
        seen.append(_jobs(tools))
    assert seen == [*[["todo"]] * 5, []]


def _die_amid_a_harvest(tools: Tools) -> None:
    """As a worker would that is killed; long ago."""
    enqueue(tools.engine, [feed_of()])
    asyncio.run(_take_a_job(queue_app(tools.engine)))
    runs.begin_run(tools.engine, "ashmere-toilets", "a program that is gone")
    query(tools.engine, SILENT)
    query(tools.engine, "UPDATE citywide.run SET lease_until = now() - interval '1 second' WHERE state = 'running'")


async def _take_a_job(app: App) -> None:
    async with app.open_async():
        worker = await app.job_manager.register_worker()
        assert await app.job_manager.fetch_job(None, worker) is not None


def _jobs(tools: Tools) -> list[str]:
    found = query(tools.engine, "SELECT status::text FROM procrastinate.procrastinate_jobs WHERE status <> 'failed'")
    return [job["status"] for job in found]


def test_all_feeds_are_harvested_although_a_killed_program_had_begun_one(tools: Tools) -> None:
    with served({"/toilets.csv": Answer(csv_bytes(toilets(3)), headers=CSV)}) as site:
        save_feed(tools.engine, feed_of(url=site["/toilets.csv"]))
        _die_amid_a_harvest(tools)
        ended: list[RunLine] = []
        harvesting = Thread(target=lambda: ended.extend(harvest_all([feed_of()], tools)), daemon=True)
        harvesting.start()
        harvesting.join(20)
        assert not harvesting.is_alive()
    assert [run.outcome for run in ended] == [Outcome.PUBLISHED]


def test_a_feed_that_is_busy_all_the_time_is_named_and_the_status_says_so(
    tools: Tools, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("portal.worker._BUSY_TIMES", 0)
    for name, value in _environment(tools).items():
        monkeypatch.setenv(name, value)
    save_feed(tools.engine, feed_of())
    runs.begin_run(tools.engine, "ashmere-toilets", "another program")
    done = CliRunner().invoke(app, ["harvest", "--all"])
    assert done.exit_code == 4 and "ashmere-toilets: It was not harvested: another program" in done.stderr
    as_json = CliRunner().invoke(app, ["harvest", "--all", "--json"])
    assert (as_json.exit_code, [run["feed"] for run in json.loads(as_json.stdout)]) == (4, ["ashmere-toilets"])


def test_a_worker_that_is_stopped_before_it_began_does_not_begin(tools: Tools) -> None:
    save_feed(tools.engine, feed_of())
    enqueue(tools.engine, [feed_of()])
    worker = Worker(tools, tend=False)
    worker.stop()
    working = Thread(target=worker.run, daemon=True)
    working.start()
    working.join(10)
    assert not working.is_alive() and _jobs(tools) == ["todo"]


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
    [run] = query(tools.engine, "SELECT outcome, code, message FROM citywide.run")
    assert (run["outcome"], run["code"]) == ("failed", "E-STOPPED") and "was stopped" in run["message"]
    assert waiting(tools.engine) == [feed_of().id] and [feed.id for feed in due_feeds(tools.engine)] == [feed_of().id]
    assert _after_one_more_failure(tools) == timedelta(hours=1)


def _after_one_more_failure(tools: Tools) -> timedelta:
    """How long the feed waits then, in whole hours."""
    run = runs.begin_run(tools.engine, feed_of().id, "a worker")
    runs.end_run(tools.engine, run, Outcome.FAILED, {"code": "E-HTTP"}, [], all_issues([]))
    return timedelta(hours=round((plan_next(tools.engine, feed_of()) - datetime.now(UTC)) / timedelta(hours=1)))


def test_a_worker_tidies_its_archive_of_what_killed_programs_left_a_day_ago(tools: Tools) -> None:
    save_feed(tools.engine, feed_of())
    Readings(tools.engine, feed_of().id, runs.begin_run(tools.engine, feed_of().id, "a worker")).save(
        Reading({}, None, "going-on.pages.tar", 10, {})
    )
    names = ["incoming-1", "scratch-1/a.csv", "unfinished/left.pages.tar", "unfinished/left.pages.tar.keys-1"]
    kept = ["ab/abcd", "unfinished/going-on.pages.tar", "unfinished/going-on.pages.tar.keys-1"]
    folder = tools.archive.folder
    for name in [*names, *kept]:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"x")
    for path in folder.rglob("*"):
        os.utime(path, (0, 0))
    (folder / "incoming-2").write_bytes(b"x")
    Worker(tools).run(until_empty=True)
    left = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    assert left == {*kept, "incoming-2"} and not (folder / "scratch-1").exists()


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
        query(tools.engine, SILENT)
        tend(tools)
        site.answers["/toilets.csv"] = Answer(csv_bytes(toilets(3)), headers=CSV)
        assert _program(tools, "--until-empty").wait(60) == 0
    outcomes = query(tools.engine, "SELECT outcome, message FROM citywide.run ORDER BY id")
    assert [run["outcome"] for run in outcomes] == ["failed", "published"], outcomes


def _slowly(content: bytes) -> list[bytes]:
    time.sleep(5)
    return [content]


def _program(tools: Tools, *arguments: str) -> subprocess.Popen[bytes]:
    environment = {**os.environ, **_environment(tools)}
    return subprocess.Popen([sys.executable, "-m", "portal.cli", "worker", *arguments], env=environment)


def _environment(tools: Tools) -> dict[str, str]:
    return {
        "CITYWIDE_HOME": str(tools.settings.home),
        "CITYWIDE_DATABASE_URL": tools.engine.url.set(drivername="postgresql").render_as_string(hide_password=False),
        "CITYWIDE_ALLOW_LOOPBACK": "1",
    }


def _until(happened: Callable[[], bool], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)
