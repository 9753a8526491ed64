"""No host is asked more often than its budget allows, by however many workers, and none that wants to be left alone."""

import re
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import Engine

from datasets.errors import CitywideError
from datasets.settings import read_settings
from datasets.store.hosts import StoredLedger
from harvesters.web.hosts import DAY, FIREWALL, Cooling, Hosts, MemoryLedger
from tests.builders import query

HOST = "data.example.org"


class Clock:
    """Time that passes only while somebody waits."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.waits: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.now += seconds

    def hosts(self, per_second: float | None = 2) -> Hosts:
        return Hosts(MemoryLedger(lambda: self.now), per_second, self.sleep, lambda: self.now)


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_a_host_is_asked_twice_a_second_with_jitter(clock: Clock) -> None:
    hosts = clock.hosts()
    for _ in range(5):
        hosts.wait(HOST)
    assert len(clock.waits) == 4 and all(0.5 <= wait <= 0.6 for wait in clock.waits) and len(set(clock.waits)) > 1


def test_hosts_do_not_wait_for_one_another(clock: Clock) -> None:
    hosts = clock.hosts()
    for number in range(9):
        hosts.wait(f"{number}.example.org")
    assert clock.waits == []


def test_without_a_pace_only_cooling_counts(clock: Clock) -> None:
    hosts = clock.hosts(per_second=None)
    for _ in range(100):
        hosts.wait(HOST)
    hosts.cool(HOST, 30)
    hosts.wait(HOST)
    assert clock.waits == [30]


def test_a_short_pause_is_waited_for_and_a_long_one_ends_the_run_with_the_time_to_come_back(clock: Clock) -> None:
    hosts = clock.hosts()
    hosts.cool(HOST, 20)
    hosts.wait(HOST)
    assert clock.waits == [20]
    hosts.cool(HOST, 3600)
    with pytest.raises(Cooling) as cooling:
        hosts.wait(HOST)
    assert re.fullmatch(
        r"data\.example\.org asked us to come back after \d\d:\d\d UTC( on \d+ \w+)?\.", str(cooling.value)
    )
    assert clock.waits == [20] and cooling.value.code == "E-COOLING"
    clock.now += 3600
    hosts.wait(HOST)


def test_a_pause_that_is_longer_is_not_made_shorter(clock: Clock) -> None:
    hosts = clock.hosts()
    hosts.cool(HOST, DAY, FIREWALL)
    hosts.cool(HOST, 1)
    with pytest.raises(Cooling, match="refuses us with a firewall; we ask it again after"):
        hosts.wait(HOST)


def test_a_pause_that_another_worker_is_told_of_while_this_one_waits_holds_for_both(clock: Clock) -> None:
    ledger, told = MemoryLedger(lambda: clock.now), [30.0, 40.0, 3600.0]

    def sleep(seconds: float) -> None:
        clock.sleep(seconds)
        ledger.cool(HOST, told.pop(0), "asked us to come back")

    hosts = Hosts(ledger, 2, sleep, lambda: clock.now)
    hosts.cool(HOST, 20)
    with pytest.raises(Cooling):
        hosts.wait(HOST)
    assert clock.waits == [20, 30, 40]


def test_refusals_without_a_time_to_come_back_cost_twice_as_much_each_time(clock: Clock) -> None:
    hosts = clock.hosts(per_second=None)
    for _ in range(4):
        hosts.cool(HOST, None)
        hosts.wait(HOST)
    assert clock.waits == [4, 8, 16, 32]
    hosts.answered(HOST)
    hosts.cool(HOST, None)
    hosts.wait(HOST)
    assert clock.waits[-1] == 4


def test_nobody_may_ask_us_to_stay_away_for_ever(clock: Clock) -> None:
    hosts = clock.hosts()
    hosts.cool(HOST, 1e11)
    clock.now += 8 * DAY
    hosts.wait(HOST)


def test_workers_share_the_budget_of_the_database(engine: Engine) -> None:
    ledgers = [StoredLedger(engine) for _ in range(2)]
    with ThreadPoolExecutor(2) as workers:
        turns = list(workers.map(lambda n: ledgers[n % 2].take(HOST, 10.0, 120).seconds, range(12)))
    # Each turn is ten seconds after the one before it, whoever took it; they are given within far less.
    assert [round(turn, -1) for turn in sorted(turns)] == [10.0 * n for n in range(12)]


def test_cooling_in_the_database_holds_for_every_worker(engine: Engine) -> None:
    Hosts(StoredLedger(engine)).cool(HOST, 3600)
    waits: list[float] = []
    other = Hosts(StoredLedger(engine), sleep=waits.append)
    with pytest.raises(Cooling, match="asked us to come back after"):
        other.wait(HOST)
    [row] = query(engine, "SELECT host, next_at, reason FROM citywide.host")
    assert (row["host"], row["next_at"], row["reason"]) == (HOST, None, "asked us to come back") and waits == []


def test_a_short_cooling_in_the_database_is_waited_for(engine: Engine) -> None:
    waits: list[float] = []
    hosts = Hosts(StoredLedger(engine), sleep=waits.append)
    hosts.cool(HOST, 50)
    hosts.cool(HOST, 5)
    hosts.wait(HOST)
    hosts.wait(HOST)
    assert 45 < waits[0] <= 50 < waits[1] < 51


def test_a_host_that_was_left_alone_long_enough_is_asked_at_once(engine: Engine) -> None:
    ledger = StoredLedger(engine)
    ledger.cool(HOST, 0.05, "asked us to come back")
    time.sleep(0.1)
    turn = ledger.take(HOST, 0.5, 120)
    assert (turn.seconds, turn.cooling) == (0, 0)


@pytest.mark.parametrize(
    ("name", "text"),
    [("CITYWIDE_ALLOW_LOOPBACK", "yes"), ("CITYWIDE_REQUESTS_PER_SECOND", "0"), ("CITYWIDE_REQUESTS_PER_SECOND", "nan"),
     ("CITYWIDE_REQUESTS_PER_SECOND", "fast")],
)  # fmt: skip
def test_a_wrong_setting_is_named(name: str, text: str) -> None:
    with pytest.raises(CitywideError, match=f"{name} must be .*{text}"):
        read_settings({name: text})


def test_loopback_is_off_and_two_requests_a_second_are_the_default() -> None:
    settings = read_settings({})
    assert (settings.allow_loopback, settings.requests_per_second) == (False, 2.0)
    given = read_settings({"CITYWIDE_ALLOW_LOOPBACK": "1", "CITYWIDE_REQUESTS_PER_SECOND": "0.5"})
    assert (given.allow_loopback, given.requests_per_second) == (True, 0.5)
