"""One question to a server: tried again only where that may help, paused as the server asks, never a page for people
taken for data, and never more than fits."""

import gzip
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from datasets.errors import RunFailed
from harvesters.web import ask as asking
from harvesters.web.ask import Refused, Request, ServerTrouble, ask, ask_json, check_status, persevere, with_query
from harvesters.web.hosts import Cooling
from harvesters.web.session import Session
from harvesters.web.verdict import Blocked, clock_time, pause_asked
from tests.builders import Answer, Loopback, served
from tests.test_session import HTML, REJECTED

PAGE = b"<!DOCTYPE html><html><head><title>Open data - Ashmere</title></head><body>%s</body></html>"
CLOUDFLARE = PAGE.replace(b"Open data - Ashmere", b"Just a moment...") % (b"x" * 9000)
AKAMAI = b"<HTML><TITLE>Access Denied</TITLE><BODY>You don't have permission. Reference&#32;&#35;18.2d</BODY></HTML>"
SIGN_IN = PAGE % b'<form><input name="user"><input autocomplete=off type="password"></form>'


@pytest.fixture
def site() -> Iterator[Loopback]:
    with served() as site:
        yield site


@pytest.fixture
def waits() -> list[float]:
    return []


@pytest.fixture
def session(waits: list[float]) -> Session:
    """A session that notes its pauses in place of making them."""
    return Session("https://example.org/", allow_loopback=True, sleep=waits.append)


class Varying(dict[str, Answer]):
    """Answers in turn, the last one for ever."""

    def __init__(self, *answers: Answer) -> None:
        self.left = list(answers)

    def get(self, path: str, default: object = None) -> Answer:  # type: ignore[override]
        return self.left.pop(0) if len(self.left) > 1 else self.left[0]


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_trouble_that_may_pass_is_tried_five_times_with_growing_pauses(
    site: Loopback, session: Session, waits: list[float], status: int
) -> None:
    site.answers["/a"] = Answer(b"", status)
    with pytest.raises(ServerTrouble, match=f"\\({status}\\)"):
        ask(session, Request(site["/a"]))
    assert len(site.asked) == 5
    assert all(0 <= wait <= 120 for wait in waits) and len(waits) >= 4


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410, 422, 498, 499])
def test_a_refusal_is_not_tried_again(site: Loopback, session: Session, waits: list[float], status: int) -> None:
    site.answers["/a"] = Answer(b"no", status)
    with pytest.raises(RunFailed, match=f"\\({status}\\)") as failed:
        ask(session, Request(site["/a"]))
    assert not isinstance(failed.value, ServerTrouble) and (len(site.asked), waits) == (1, [])


def test_the_answer_after_trouble_is_the_answer(site: Loopback, session: Session) -> None:
    site.answers = Varying(Answer(b"", 503), Answer(b"", 502), Answer(b'{"rows": []}'))
    assert ask_json(session, site["/a"], {"limit": 5}) == {"rows": []}
    assert site.asked == ["/a?limit=5"] * 3


@pytest.mark.parametrize("status", [429, 503])
def test_retry_after_is_waited_for(site: Loopback, session: Session, waits: list[float], status: int) -> None:
    site.answers = Varying(Answer(b"", status, {"Retry-After": "7"}), Answer(b"data"))
    assert ask(session, Request(site["/a"])).body == b"data"
    assert waits[0] == 7


def test_a_pause_longer_than_a_run_waits_ends_it_with_the_time_to_come_back(
    site: Loopback, session: Session, waits: list[float]
) -> None:
    site.answers["/a"] = Answer(b"", 503, {"Retry-After": "7200"})
    with pytest.raises(ServerTrouble, match=r"asks us to come back after \d\d:\d\d UTC"):
        ask(session, Request(site["/a"]))
    with pytest.raises(Cooling, match=r"asked us to come back after \d\d:\d\d UTC"):
        ask(session, Request(site["/b"]))
    assert (site.asked, waits) == (["/a"], [])


def test_a_date_to_come_back_is_understood() -> None:
    at = datetime.now(UTC) + timedelta(minutes=10)
    assert pause_asked({"Retry-After": format_datetime(at.replace(microsecond=0), usegmt=True)}) == pytest.approx(
        600, abs=2
    )
    past = format_datetime(at - timedelta(days=1), usegmt=True)
    assert [pause_asked({"Retry-After": said}) for said in (past, "soon", "", "-5", "²", "120")] == [
        0.0, None, None, None, None, 120.0,
    ]  # fmt: skip


def test_a_moment_of_another_day_is_told_with_the_day() -> None:
    assert " on " in clock_time(86_400 * 2) and " on " not in clock_time(0)


def test_pauses_are_random_within_twice_the_one_before() -> None:
    waits: list[float] = []

    def failing() -> None:
        raise ServerTrouble("E-HTTP", "busy")

    for _ in range(20):
        with pytest.raises(ServerTrouble):
            persevere(failing, sleep=waits.append)
    assert len(waits) == 80 and len(set(waits)) > 40
    assert all(wait <= 2 * 2**tried for tried in range(4) for wait in waits[tried::4])


@pytest.mark.parametrize("body", [REJECTED, AKAMAI, PAGE % b"_Incapsula_Resource"])
def test_a_firewalls_page_in_a_200_is_no_data_and_the_host_is_left_alone(
    site: Loopback, session: Session, body: bytes
) -> None:
    site.answers["/a"] = Answer(body, headers=HTML)
    with pytest.raises(Blocked, match="A firewall before") as blocked:
        ask(session, Request(site["/a"]))
    assert blocked.value.code == "E-BLOCKED"
    with pytest.raises(Cooling, match="refuses us with a firewall"):
        ask(session, Request(site["/b"]))
    assert site.asked == ["/a"]


@pytest.mark.parametrize(
    ("status", "headers", "body"),
    [(403, HTML, CLOUDFLARE), (503, HTML, CLOUDFLARE), (403, HTML, AKAMAI),
     (406, HTML, PAGE % b"Not Acceptable! Mod_Security"), (405, {"x-amzn-waf-action": "captcha"}, b""),
     (403, {"cf-mitigated": "challenge"}, b"")],
)  # fmt: skip
def test_a_firewall_is_known_by_what_it_says(status: int, headers: dict[str, str], body: bytes) -> None:
    with pytest.raises(Blocked):
        check_status("https://example.org/a", status, headers, body)


def test_an_ordinary_403_does_not_silence_a_host(site: Loopback, session: Session) -> None:
    """A folder without a listing answers so, and the council's other feeds are fine."""
    site.answers |= {"/a": Answer(PAGE % b"<h1>Forbidden</h1>", 403, HTML), "/b": Answer(b"data")}
    with pytest.raises(Refused, match=r"refuses us \(403\)"):
        ask(session, Request(site["/a"]))
    assert ask(session, Request(site["/b"])).body == b"data"


@pytest.mark.parametrize(
    ("url", "body"),
    [
        ("https://example.org/data.csv", SIGN_IN),
        ("https://login.microsoftonline.com/common/oauth2/authorize?client_id=1", PAGE % b""),
        ("https://ashmere.okta.com/app/1", PAGE % b""),
        ("https://sso.ashmere.example.org/", PAGE % b""),
        ("https://example.org/adfs/ls/?wa=wsignin1.0", PAGE % b""),
        ("https://example.org/user/login?came_from=/data", PAGE % b""),
    ],
)
def test_a_page_to_sign_in_on_is_told_as_one(url: str, body: bytes) -> None:
    with pytest.raises(RunFailed, match=r"shows a page to sign in on.*opens without signing in") as failed:
        check_status(url, 200, HTML, body)
    assert failed.value.code == "E-AUTH"


def test_a_redirect_to_a_page_to_sign_in_on_is_told_as_one(site: Loopback, session: Session) -> None:
    site.answers |= {
        "/a": Answer(b"", 302, {"Location": "/login?next=/a"}),
        "/login?next=/a": Answer(PAGE % b"", headers=HTML),
    }
    with pytest.raises(RunFailed) as failed:
        ask(session, Request(site["/a"]))
    assert failed.value.code == "E-AUTH"


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (401, "wants a password"),
        (407, "wants a password"),
        (498, "token .* is wrong or has expired"),
        (499, "wants a token"),
    ],
)
def test_a_missing_or_expired_token_is_told_with_the_next_step(status: int, words: str) -> None:
    with pytest.raises(RunFailed, match=f"{words}.*give an address that opens without signing in") as failed:
        check_status("https://example.org/a", status, {}, b"")
    assert failed.value.code == "E-AUTH"


def test_any_other_web_page_is_told_by_its_title() -> None:
    with pytest.raises(RunFailed, match="answered with a web page: 'Open data - Ashmere'") as failed:
        check_status("https://example.org/a", 200, {}, PAGE % b"")
    assert failed.value.code == "E-NOTDATA"


@pytest.mark.parametrize(
    "body", [b"Ref,Name\nT1,Request Rejected\n", b'<?xml version="1.0"?><html/>', b'{"title": "Access Denied"}', b""]
)
def test_data_that_speaks_of_such_things_is_data(body: bytes) -> None:
    check_status("https://example.org/login.csv", 200, {"Content-Type": "text/html"}, body)


def test_the_servers_own_words_are_kept(site: Loopback, session: Session) -> None:
    site.answers["/a"] = Answer(b'{"error_code": "ODSQLError", "message": "Unknown field"}', 400)
    with pytest.raises(Refused, match=r"refuses the question .400.: .*Unknown field") as refused:
        ask(session, Request(site["/a"]))
    assert (refused.value.status, "ODSQLError" in refused.value.said) == (400, True)


def test_an_answer_that_unpacks_to_too_much_is_refused_at_once(site: Loopback, session: Session) -> None:
    site.answers["/a"] = Answer(gzip.compress(b"\x00" * (48 << 20)), headers={"Content-Encoding": "gzip"})
    with pytest.raises(RunFailed, match="larger than 1,048,576 bytes") as failed:
        ask(session, Request(site["/a"]), most=1 << 20)
    assert failed.value.code == "E-TOOLARGE" and len(site.asked) == 1


def test_a_server_that_drips_is_given_up(site: Loopback, session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    def drip() -> Iterator[bytes]:
        for _ in range(200):
            yield b"a"
            time.sleep(0.05)

    monkeypatch.setattr(asking, "READ_SECONDS", 0.4)
    site.answers["/a"] = Answer(drip)
    started = time.monotonic()
    with pytest.raises(ServerTrouble, match="did not answer in time"):
        ask(session, Request(site["/a"]), tries=1)
    assert time.monotonic() - started < 3


def test_what_is_not_json_is_said_to_be_none(site: Loopback, session: Session) -> None:
    site.answers["/a"] = Answer(b"Ref,Name\n")
    with pytest.raises(RunFailed, match="something that is not JSON"):
        ask_json(session, site["/a"])


def test_parameters_are_added_to_those_of_the_address() -> None:
    assert with_query("https://example.org/q?f=json", {"where": "1=1"}) == "https://example.org/q?f=json&where=1%3D1"
    assert with_query("https://example.org/q", {"n": 5}) == "https://example.org/q?n=5"
