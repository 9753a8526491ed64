"""Open tasks: one for each kind of issue of a feed, open since the run that saw it first."""

from datetime import timedelta

import pytest
from sqlalchemy import Engine, text

from datasets.errors import CitywideError
from datasets.store.feeds import remove_feed
from datasets.store.tasks import Task, mute, open_tasks, unmute
from datasets.vocabulary import TaskKind, TaskState
from tests.builders import ASHMERE, BRACKHOLME, Desk, query, toilet, toilets

LOST = {"Easting": "", "Northing": ""}


def tasks_of(desk: Desk, *, muted: bool = False) -> list[Task]:
    with desk.tools.engine.connect() as connection:
        found = open_tasks(connection, council=ASHMERE, layer="public-toilets", muted=muted)
    return [task for task in found if task.feed]


def age(engine: Engine, by: timedelta) -> None:
    """Lets time go by: everything that happened is so much longer ago."""
    for table, moments in (("run", ("started_at", "ended_at")), ("task", ("first_seen", "open_since", "last_seen"))):
        moved = ", ".join(f"{moment} = {moment} - :by" for moment in moments)
        query(engine, f"UPDATE citywide.{table} SET {moved}", by=by)  # noqa: S608


def without_place(count: int) -> list[dict[str, object]]:
    return [*toilets(30), *(toilet(40 + number, **LOST) for number in range(count))]


def test_issues_of_one_kind_are_one_task_with_their_count(desk: Desk) -> None:
    desk.harvest(without_place(3))
    [task] = tasks_of(desk)
    assert (task.code, task.count, task.kind, task.state) == ("no location", 3, TaskKind.ISSUE, TaskState.OPEN)
    assert task.fix == "Add coordinates, or a full postcode."


def test_a_task_stays_open_since_the_run_that_saw_it_first(desk: Desk) -> None:
    desk.harvest(without_place(3))
    age(desk.tools.engine, timedelta(days=5))
    [before] = tasks_of(desk)
    desk.harvest(without_place(2))
    [after] = tasks_of(desk)
    assert (after.id, after.open_since, after.count) == (before.id, before.open_since, 2)
    assert before.last_seen and after.last_seen and after.last_seen > before.last_seen


def test_a_run_without_the_issue_fixes_its_task(desk: Desk) -> None:
    desk.harvest(without_place(3))
    desk.harvest(toilets(30))
    assert tasks_of(desk) == []
    assert query(desk.tools.engine, "SELECT state, fixed_at IS NOT NULL AS at FROM citywide.task") == [
        {"state": "fixed", "at": True}
    ]


def test_the_same_bytes_again_fix_nothing(desk: Desk) -> None:
    desk.harvest(without_place(3))
    assert desk.harvest(without_place(3)).outcome == "unchanged"
    assert [task.count for task in tasks_of(desk)] == [3]


def test_a_task_that_comes_back_is_open_from_then_and_keeps_its_first_day(desk: Desk) -> None:
    desk.harvest(without_place(3))
    age(desk.tools.engine, timedelta(days=5))
    desk.harvest(toilets(30))
    desk.harvest(without_place(1))
    [task] = tasks_of(desk)
    assert task.times == 2 and task.first_seen and task.open_since
    assert task.open_since - task.first_seen > timedelta(days=4)


def test_what_asks_nothing_of_the_council_is_no_task(desk: Desk) -> None:
    report = desk.harvest(toilets(30))
    assert not report.issues.is_empty()
    assert tasks_of(desk) == []


def test_a_held_run_is_a_task_at_once_and_a_good_one_fixes_it(desk: Desk) -> None:
    desk.harvest(toilets(60))
    assert desk.harvest(toilets(5)).outcome == "held"
    [task] = tasks_of(desk)
    assert (task.code, task.kind) == ("E-SHRUNK", TaskKind.HELD)
    assert task.message and "had 60 features and now has 5" in task.message
    desk.harvest(toilets(60))
    assert tasks_of(desk) == []


@pytest.mark.parametrize(("hours", "failures", "expected"), [(13, 3, 1), (13, 2, 0), (5, 3, 0), (5, 6, 1)])
def test_a_failing_feed_is_a_task_after_three_failures_over_a_day(
    desk: Desk, hours: int, failures: int, expected: int
) -> None:
    for _ in range(failures):
        age(desk.tools.engine, timedelta(hours=hours))
        assert desk.harvest(b"<html>Not here</html>").outcome == "failed"
    assert len(tasks_of(desk)) == expected


def test_a_failing_feed_is_open_since_the_first_failure(desk: Desk) -> None:
    for _ in range(4):
        age(desk.tools.engine, timedelta(hours=20))
        desk.harvest(b"<html>Not here</html>")
    [task] = tasks_of(desk)
    assert task.kind is TaskKind.FAILED and task.last_seen and task.open_since
    assert task.last_seen - task.open_since > timedelta(hours=59)


def test_a_good_run_between_failures_starts_the_count_anew(desk: Desk) -> None:
    for content in (b"<html>", b"<html>", toilets(30), b"<html>", b"<html>"):
        age(desk.tools.engine, timedelta(hours=20))
        desk.harvest(content)
    assert tasks_of(desk) == []


def test_a_muted_task_stays_muted_until_its_cause_is_gone(desk: Desk) -> None:
    desk.harvest(without_place(3))
    [task] = tasks_of(desk)
    mute(desk.tools.engine, task.id, "They float.", "operator")
    desk.harvest(without_place(4))
    assert tasks_of(desk) == []
    assert [(each.reason, each.count) for each in tasks_of(desk, muted=True)] == [("They float.", 4)]
    desk.harvest(toilets(30))
    desk.harvest(without_place(1))
    assert [each.state for each in tasks_of(desk)] == [TaskState.OPEN]


def test_a_muted_task_can_be_opened_again(desk: Desk) -> None:
    desk.harvest(without_place(3))
    [task] = tasks_of(desk)
    mute(desk.tools.engine, task.id, "They float.", "operator")
    unmute(desk.tools.engine, task.id)
    assert [(each.id, each.reason, each.open_since) for each in tasks_of(desk)] == [(task.id, None, task.open_since)]
    with pytest.raises(CitywideError, match="There is no muted task"):
        unmute(desk.tools.engine, task.id)


def test_a_task_that_is_none_cannot_be_muted(engine: Engine) -> None:
    with pytest.raises(CitywideError, match="There is no open task 'abc'"):
        mute(engine, "abc", "why", "operator")


def missing(engine: Engine, layer: str, council: str) -> list[Task]:
    with engine.connect() as connection:
        return [task for task in open_tasks(connection, council=council, layer=layer) if task.feed is None]


def test_a_layer_that_must_be_provided_and_is_not_is_a_task_that_can_be_muted(engine: Engine) -> None:
    [task] = missing(engine, "polling-stations", ASHMERE)
    assert (task.kind, task.severity.value) == (TaskKind.NOT_PROVIDED, "warning")
    mute(engine, task.id, "It votes by post.", "operator")
    assert missing(engine, "polling-stations", ASHMERE) == []
    assert missing(engine, "polling-stations", BRACKHOLME) != []
    unmute(engine, task.id)
    assert [each.id for each in missing(engine, "polling-stations", ASHMERE)] == [task.id]


def test_a_layer_that_is_only_encouraged_is_no_task(engine: Engine) -> None:
    assert missing(engine, "public-toilets", ASHMERE) == []


def test_a_run_and_its_tasks_are_written_together_or_not_at_all(desk: Desk) -> None:
    with desk.tools.engine.begin() as connection:
        connection.execute(text("ALTER TABLE citywide.task ADD CONSTRAINT none CHECK (false)"))
    with pytest.raises(Exception, match="none"):
        desk.harvest(without_place(3))
    assert query(desk.tools.engine, "SELECT count(*) AS n FROM citywide.issue") == [{"n": 0}]


def test_a_removed_feed_asks_nothing_any_more(desk: Desk) -> None:
    desk.harvest(without_place(3))
    remove_feed(desk.tools.engine, desk.feed.id)
    assert tasks_of(desk) == []
