"""Gates in a run: each opens by its own code with a reason, for these bytes or for these terms; some by nothing."""

import pytest

from datasets.layer import find_layer
from datasets.licence import find_licence, recognise_licence
from datasets.store.feeds import read_feed, save_feed
from datasets.store.runs import runs_after
from datasets.vocabulary import Outcome
from harvesters import gate, run
from harvesters.gate import check_terms
from harvesters.run import Acceptance
from portal.commands.harvest import how_to_accept
from tests.builders import Desk, feed_of, query, saying, toilet, toilets

OGL, ODBL = "OGL-UK-3.0", "ODbL-1.0"


def codes(feed_licence: str, declared: str = "") -> list[str]:
    return [held.code for held in check_terms(feed_of(licence=feed_licence), declared)]


@pytest.mark.parametrize(
    ("stated", "declared", "expected"),
    [
        (OGL, "", []),
        (OGL, "uk-ogl", []),
        (OGL, "Free for anyone who asks nicely", []),
        (OGL, "https://creativecommons.org/licenses/by/4.0/", ["licence-conflict"]),
        (OGL, "cc-by-nc", ["licence-conflict"]),
        ("unknown", "", ["licence-unknown"]),
        ("unknown", "other-open", ["licence-unknown"]),
        ("unknown", "cc-by-nc", ["licence-unknown"]),
        ("unknown", "ogl", ["licence-portal-default"]),
        ("closed", "", ["licence-not-open"]),
        (ODBL, "", ["licence-share-alike"]),
    ],
)
def test_what_a_feed_states_and_its_portal_declares(stated: str, declared: str, expected: list[str]) -> None:
    assert codes(stated, declared) == expected


def test_a_share_alike_layer_takes_feeds_of_its_licence_and_no_others(monkeypatch: pytest.MonkeyPatch) -> None:
    shared = find_layer("public-toilets").model_copy(update={"share_alike": ODBL})
    monkeypatch.setattr(gate, "find_layer", lambda name: shared)
    assert (codes(ODBL), codes(OGL), codes("CC-BY-SA-4.0")) == ([], ["licence-share-alike"], ["licence-share-alike"])


@pytest.mark.parametrize(
    ("words", "licence"),
    [
        ("OGL 3.0", OGL),
        ("Open Government License v3.0", OGL),
        ("http://www.nationalarchives.gov.uk/doc/open-government-licence/version/3", OGL),
        ("<p>Under the <a href='https://www.nationalarchives.gov.uk/doc/open-government-licence/version/2/'>OGL</a></p>",
         "OGL-UK-2.0"),
        ("Licensed under the Open Government Licence v3.0. Contains OS data.", OGL),
        ("https://creativecommons.org/licenses/by-nc/4.0/", "CC-BY-NC-4.0"),
        ("CC BY", "CC-BY-4.0"),
        ("Open Government Licence v2.0 or https://creativecommons.org/licenses/by/4.0/", "unknown"),
        ("Public domain", "unknown"),
        ("other-open", "unknown"),
        ("Crown copyright", "unknown"),
    ],
)  # fmt: skip
def test_a_portals_words_are_recognised_or_left_unknown(words: str, licence: str) -> None:
    assert recognise_licence(words) == licence


def test_spelling_is_folded_and_numbers_are_not() -> None:
    assert find_licence("ogl-uk-3.0") == OGL and find_licence("CC BY 3.0") == "CC-BY-3.0"


def test_only_the_gates_that_are_named_open(desk: Desk) -> None:
    desk.harvest(toilets(100))
    rows = [toilet(n, Easting=653_000 + 40 * n, Northing=409_300) for n in range(1, 21)]
    report = desk.harvest(rows, accept=saying("Half are gone.", "E-SHRUNK"))
    assert report.outcome is Outcome.HELD
    left = {gate["code"] for gate in report.values["gates"]}
    assert "E-SHRUNK" not in left and "E-MOSTLY-OUTSIDE" in left
    report = desk.harvest(rows, accept=saying("It is so.", *left))
    assert report.outcome is Outcome.PUBLISHED
    assert {row["reason"] for row in query(desk.tools.engine, "SELECT reason FROM citywide.approval")} == {
        "Half are gone.", "It is so.",
    }  # fmt: skip


def test_a_gate_that_nobody_may_open_stays_shut(desk: Desk) -> None:
    desk.feed = feed_of(licence=ODBL)
    save_feed(desk.tools.engine, desk.feed)
    report = desk.harvest(toilets(3), accept=saying("We like it.", "licence-share-alike"))
    assert (report.outcome, report.code) == (Outcome.HELD, "licence-share-alike")
    [_, _, how] = how_to_accept(runs_after(desk.tools.engine, 0))
    assert "cannot be accepted" in how


def test_each_gate_is_told_with_the_command_that_opens_it(desk: Desk) -> None:
    desk.feed = feed_of(licence="unknown")
    desk.harvest([toilet(n, Easting=653_000 + 40 * n, Northing=409_300) for n in range(1, 6)])
    told = "\n".join(how_to_accept(runs_after(desk.tools.engine, 0)))
    for code in ("licence-unknown", "E-MOSTLY-OUTSIDE"):
        assert f'citywide harvest ashmere-toilets --accept {code} --reason "why"' in told


def test_an_approval_of_terms_holds_for_other_bytes_under_the_same_terms(desk: Desk) -> None:
    desk.feed = feed_of(licence="unknown")
    save_feed(desk.tools.engine, desk.feed)
    word = saying("The council wrote so.", "licence-unknown")
    assert desk.harvest(toilets(3), accept=word).outcome is Outcome.PUBLISHED
    assert desk.harvest(toilets(4)).outcome is Outcome.PUBLISHED


@pytest.fixture
def declaring(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What a portal says of the licence of a file, which a file alone never does."""
    words = [""]
    fetch = run._fetch

    def declared(context, path, known):  # type: ignore[no-untyped-def]
        found = fetch(context, path, known)
        context.record.licence = words[0]
        return found

    monkeypatch.setattr(run, "_fetch", declared)
    return words


def test_a_licence_that_the_portal_changed_holds_unchanged_data_too(desk: Desk, declaring: list[str]) -> None:
    assert desk.harvest(toilets(3)).outcome is Outcome.PUBLISHED
    declaring[0] = "cc-by-nc"
    report = desk.harvest(toilets(3))
    assert (report.outcome, report.code) == (Outcome.HELD, "licence-conflict") and len(desk.rows()) == 3


def test_a_portals_licence_that_is_confirmed_is_the_feeds_from_then_on(desk: Desk, declaring: list[str]) -> None:
    desk.feed = feed_of(licence="unknown")
    save_feed(desk.tools.engine, desk.feed)
    declaring[0] = "uk-ogl"
    assert desk.harvest(toilets(3)).code == "licence-portal-default"
    word = Acceptance(frozenset(["licence-portal-default"]), "The officer said so.", "an officer")
    assert desk.harvest(toilets(3), accept=word).outcome is Outcome.PUBLISHED
    assert read_feed(desk.tools.engine, desk.feed.id).licence == OGL


def test_a_false_alarm_is_published_once_a_person_says_why(desk: Desk) -> None:
    rows = [toilet(1, Notes="Ring 07700 900456"), *(toilet(n, Notes="") for n in range(2, 5))]
    assert desk.harvest(rows).code == "personal-data-suspected"
    report = desk.harvest(rows, accept=saying("It is the number of the depot.", "personal-data-suspected"))
    assert report.outcome is Outcome.PUBLISHED and "07700 900456" not in str(report.issues.rows())
