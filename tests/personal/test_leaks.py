"""No made-up leak comes through: whatever a file holds, the database must not hold it after the harvest, in no table
and in no column; and what only looks a little like a leak is published."""

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from datasets.vocabulary import Outcome
from harvesters.run import RunReport, check
from tests.builders import Desk, quiet
from tests.personal.leaks import LEAKS, NEAR_MISSES, Leak

named = pytest.mark.parametrize("leak", LEAKS, ids=lambda leak: leak.kind)


def test_there_are_at_least_thirty_kinds() -> None:
    assert len({leak.kind for leak in LEAKS}) == len(LEAKS) >= 30


@named
def test_a_leak_is_nowhere_in_the_database(desk: Desk, leak: Leak, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        report = harvested(desk, leak)
    assert (report.outcome is Outcome.HELD) is leak.held, report.message
    dump = "\n".join([*everything(desk), report.message, str(report.issues.rows()), str(report.values), caplog.text])
    assert [secret for secret in leak.secrets if secret in dump] == []
    assert leak.held or len(desk.rows()) == 5


@named
def test_a_check_does_not_tell_a_leak_either(desk: Desk, leak: Leak) -> None:
    path = written(desk, leak)
    report = check(desk.feed, desk.tools, quiet, path=path)
    told = f"{report.message} {report.issues.rows()}"
    assert [secret for secret in leak.secrets if secret in told] == []


@pytest.mark.parametrize("miss", NEAR_MISSES, ids=lambda miss: miss.kind)
def test_a_near_miss_is_published(desk: Desk, miss: Leak) -> None:
    report = harvested(desk, miss)
    assert report.outcome is Outcome.PUBLISHED, report.message
    assert len(desk.rows()) == 5


def harvested(desk: Desk, leak: Leak) -> RunReport:
    path = written(desk, leak)
    desk.path = path
    return desk.harvest(leak.content)


def written(desk: Desk, leak: Leak) -> Path:
    path = desk.path.with_name(leak.name)
    path.write_bytes(leak.content)
    return path


def everything(desk: Desk) -> Iterator[str]:
    """Every row of every table of ours, as text."""
    tables = "SELECT format('%I.%I', schemaname, tablename) FROM pg_tables WHERE schemaname IN ('citywide', 'layers')"
    with desk.tools.engine.connect() as connection:
        for table in connection.execute(text(tables)).scalars().all():
            yield from connection.execute(text(f"SELECT t::text FROM {table} t")).scalars()  # noqa: S608
