"""Bad input after good: each ends held or failed with a sentence a person can act on, the run's record says so, and the
last good data stays exactly as it was."""

import io
import socket
import struct
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from datasets.city import read_city
from datasets.errors import CitywideError, RegisterError
from datasets.feed import Feed
from datasets.layer import find_layer
from datasets.store.feeds import save_feed
from datasets.vocabulary import Outcome
from harvesters.fetching import download as fetching
from harvesters.run import RunReport, check, harvest
from tests.builders import Answer, Desk, Loopback, counts, csv_bytes, feed_of, query, quiet, served, toilet, toilets

EVERYTHING = "*, ctid::text, xmin::text"
GOOD = csv_bytes(toilets(60))
PAGE = b"<!doctype html><html><head><title>Sign in</title></head><body>Please sign in</body></html>"


@pytest.fixture
def good(desk: Desk) -> Desk:
    """The desk after a good harvest of sixty toilets."""
    assert desk.harvest(GOOD).outcome is Outcome.PUBLISHED
    return desk


@pytest.fixture
def site() -> Iterator[Loopback]:
    with served({"/toilets.csv": Answer(GOOD)}) as site:
        yield site


def refused(desk: Desk, attempt: Callable[[], RunReport]) -> RunReport:
    """The report of an attempt that must publish nothing, say why in one line and be on record."""
    layer = "SELECT revision, features, xmin::text FROM citywide.layer ORDER BY id"
    before, revisions = desk.rows(EVERYTHING), query(desk.tools.engine, layer)
    report = attempt()
    assert report.outcome in (Outcome.HELD, Outcome.FAILED) and report.code != "E-FAULT", report.message
    assert (desk.rows(EVERYTHING), query(desk.tools.engine, layer)) == (before, revisions)
    [run] = query(desk.tools.engine, "SELECT * FROM citywide.run WHERE id = :id", id=report.run_id)
    assert (run["outcome"], run["code"], run["message"]) == (report.outcome, report.code, report.message)
    assert report.message and "\n" not in report.message and "Traceback" not in report.message
    return report


def bad(desk: Desk, content: bytes, name: str = "toilets.csv") -> tuple[Outcome, str | None]:
    desk.path = desk.path.with_name(name)
    report = refused(desk, lambda: desk.harvest(content))
    return report.outcome, report.code


def zipped(content: bytes, name: str = "toilets.csv") -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, content)
    return packed.getvalue()


@pytest.mark.parametrize(
    ("content", "name", "outcome", "code"),
    [
        (b"", "toilets.csv", "held", "E-SHRUNK"),
        (b" \r\n \r\n", "toilets.csv", "held", "E-SHRUNK"),
        (b"Ref,Name,Easting,Northing\n", "toilets.csv", "held", "E-SHRUNK"),
        (b'{"type": "FeatureCollection", "features": []}', "toilets.geojson", "held", "E-SHRUNK"),
        (PAGE, "toilets.csv", "failed", "E-NOTDATA"),
        (PAGE, "toilets.geojson", "failed", "E-NOTDATA"),
        (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3", "toilets.csv", "failed", "E-NOTDATA"),
        (b'{"type": "FeatureCollection", "features": [{"type": "Fea', "toilets.geojson", "failed", "E-TRUNCATED"),
        (b"\x00\x01\x02\x03" * 400, "toilets.csv", "failed", "E-FORMAT"),
        (b'{"error": {"code": 500, "message": "Unable to complete operation."}}', "query", "failed", "E-PLATFORM"),
    ],
    ids=[
        "empty",
        "blank",
        "header only",
        "no features",
        "web page",
        "web page as json",
        "pdf",
        "cut off",
        "binary",
        "error",
    ],
)
def test_what_is_not_data_fails(good: Desk, content: bytes, name: str, outcome: str, code: str) -> None:
    assert bad(good, content, name) == (outcome, code)


def test_a_truncated_zip_fails(good: Desk) -> None:
    assert bad(good, zipped(GOOD)[:-40], "toilets.zip") == ("failed", "E-TRUNCATED")


def test_a_zip_whose_middle_is_damaged_fails(good: Desk) -> None:
    packed = bytearray(zipped(GOOD))
    packed[200:260] = b"\xff" * 60
    assert bad(good, bytes(packed), "toilets.zip") == ("failed", "E-TRUNCATED")


def test_a_zip_bomb_fails_by_what_it_declares(good: Desk) -> None:
    assert bad(good, zipped(b"\x00" * (160 << 20)), "toilets.zip") == ("failed", "E-TOOLARGE")


def test_a_zip_bomb_that_lies_about_its_size_fails_while_it_is_unpacked(good: Desk) -> None:
    size = 160 << 20
    lie = zipped(b"a" * size).replace(struct.pack("<I", size), struct.pack("<I", 1000))
    assert bad(good, lie, "toilets.zip")[0] == "failed"


def test_a_zip_within_a_zip_fails(good: Desk) -> None:
    assert bad(good, zipped(zipped(GOOD), "toilets.zip"), "toilets.zip") in [
        ("failed", "E-FORMAT"),
        ("failed", "E-NO-LAYER"),
    ]


def test_a_line_of_twenty_megabytes_fails(good: Desk) -> None:
    assert bad(good, b"Ref,Name,Easting,Northing\nT1," + b"a" * (20 << 20) + b",1,2\n") == ("failed", "E-FORMAT")


def test_a_line_of_two_gigabytes_is_cut_off_at_the_limit(good: Desk, site: Loopback) -> None:
    sent = 0

    def line() -> Iterator[bytes]:
        nonlocal sent
        while sent < 2 << 30:
            sent += 1 << 20
            yield b"a" * (1 << 20)

    site.answers["/toilets.csv"] = Answer(line, headers={"Content-Type": "text/csv"})
    report = fetched(good, site, max_resource_bytes=8 << 20)
    assert (report.outcome, report.code) == (Outcome.FAILED, "E-TOOLARGE") and sent < 256 << 20
    assert report.message == "The file is larger than the 8,388,608 bytes that are accepted."


def test_the_content_type_may_be_wrong_the_bytes_decide(good: Desk, site: Loopback) -> None:
    content = csv_bytes(toilets(61))
    site.answers["/toilets.csv"] = Answer(content, headers={"Content-Type": "application/vnd.ms-excel"})
    report = harvest(feed_of(url=site["/toilets.csv"]), good.tools, quiet)
    assert (report.outcome, report.values["format"], len(good.rows())) == (Outcome.PUBLISHED, "CSV", 61)


def test_a_web_page_sent_as_csv_fails(good: Desk, site: Loopback) -> None:
    site.answers["/toilets.csv"] = Answer(PAGE, headers={"Content-Type": "text/csv"})
    assert fetched(good, site).code == "E-NOTDATA"


def test_no_coordinates_and_no_postcode_is_held(good: Desk) -> None:
    rows = [{"Ref": row["Ref"], "Name": row["Name"], "Address": row["Address"]} for row in toilets(60)]
    assert bad(good, csv_bytes(rows)) == ("held", "no location")


def test_coordinates_of_another_place_are_held(good: Desk) -> None:
    rows = [toilet(n, Easting=300_000 + 40 * n, Northing=200_000) for n in range(60)]
    assert bad(good, csv_bytes(rows)) == ("held", "E-NOTHING-USABLE")


def test_coordinates_of_another_council_are_held(good: Desk) -> None:
    rows = [toilet(n, Easting=653_000 + 40 * n, Northing=409_300) for n in range(60)]
    assert bad(good, csv_bytes(rows)) == ("held", "E-MOSTLY-OUTSIDE")


def test_all_points_in_one_place_are_held(good: Desk) -> None:
    rows = [toilet(n, Easting=645_700, Northing=407_800) for n in range(60)]
    assert bad(good, csv_bytes(rows)) == ("held", "same place")


def test_a_shrunk_feed_is_held(good: Desk) -> None:
    report = refused(good, lambda: good.harvest(toilets(20)))
    assert (report.outcome, report.code) == (Outcome.HELD, "E-SHRUNK")
    assert report.message == "The feed had 60 features and now has 20."


def test_a_renamed_column_that_holds_something_else_is_held(good: Desk) -> None:
    other = [toilet(n, Address=f"by the {n}th lamp") for n in range(1, 61)]
    rows = [{"Where" if name == "Address" else name: value for name, value in row.items()} for row in other]
    assert bad(good, csv_bytes(rows)) == ("held", "W-SCHEMA-DRIFT")


def test_references_given_out_again_to_every_row_are_held(good: Desk) -> None:
    rows = [toilet(number, Ref="T001" if number % 2 else "T002") for number in range(1, 61)]
    report = refused(good, lambda: good.harvest(rows))
    assert report.outcome is Outcome.HELD and report.code == "E-EXPECTATION-REPEATED"


def test_duplicate_ids_of_a_few_rows_are_published_with_an_issue_each_and_no_row_is_lost(desk: Desk) -> None:
    desk.harvest(toilets(300))
    report = desk.harvest([*toilets(299), toilet(300, Ref="T007")])
    assert (report.outcome, len([row for row in desk.rows() if row["missing_since"] is None])) == (
        Outcome.PUBLISHED,
        300,
    )
    assert counts(report)["reference not unique"] == 2


def test_a_licence_that_is_not_known_is_held(good: Desk) -> None:
    good.feed = feed_of(licence="unknown")
    assert bad(good, csv_bytes(toilets(61))) == ("held", "licence-unknown")


@pytest.mark.parametrize("status", [404, 500])
def test_a_server_that_answers_with_an_error_fails(good: Desk, site: Loopback, status: int) -> None:
    site.answers["/toilets.csv"] = Answer(GOOD, status)
    report = fetched(good, site)
    assert report.code == "E-HTTP" and f"({status})" in report.message


def test_a_redirect_loop_fails(good: Desk, site: Loopback) -> None:
    site.answers["/toilets.csv"] = Answer(b"", 302, {"Location": "/toilets.csv"})
    assert fetched(good, site).code == "E-HTTP"


def test_a_body_broken_off_fails(good: Desk, site: Loopback) -> None:
    site.answers["/toilets.csv"] = Answer(csv_bytes(toilets(59)), length=len(GOOD))
    assert fetched(good, site).code == "E-TRUNCATED"


def test_a_server_that_stops_half_way_fails(good: Desk, site: Loopback, monkeypatch: pytest.MonkeyPatch) -> None:
    def stopping() -> Iterator[bytes]:
        yield GOOD[:100]
        stop.recv(1)

    monkeypatch.setattr(fetching, "READ_SECONDS", 0.3)
    stop, start = socket.socketpair()
    with stop, start:
        site.answers["/toilets.csv"] = Answer(stopping, length=len(GOOD))
        assert fetched(good, site).code == "E-TIMEOUT"
        start.send(b"x")


def test_a_connection_refused_fails(good: Desk) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    report = refused(good, lambda: harvest(feed_of(url=f"http://127.0.0.1:{port}/a.csv"), good.tools, quiet))
    assert report.code == "E-HTTP" and "refused the connection" in report.message


def test_a_host_name_that_does_not_exist_fails(good: Desk) -> None:
    report = refused(good, lambda: harvest(feed_of(url="http://ashmere.invalid/toilets.csv"), good.tools, quiet))
    assert report.code == "E-DNS"


def test_after_any_of_them_the_good_bytes_are_unchanged_again(good: Desk) -> None:
    before = good.rows(EVERYTHING)
    bad(good, PAGE)
    bad(good, csv_bytes(toilets(5)))
    assert good.harvest(GOOD).outcome is Outcome.UNCHANGED and good.rows(EVERYTHING) == before


def test_checking_bad_input_says_the_same_as_a_harvest(good: Desk) -> None:
    for content in (b"", PAGE, zipped(GOOD)[:-40]):
        good.path.write_bytes(content)
        told = check(good.feed, good.tools, quiet, path=good.path)
        report = harvest(good.feed, good.tools, quiet, path=good.path)
        assert (told.outcome, told.code, told.message) == (report.outcome, report.code, report.message)


def test_an_unknown_council_is_refused_naming_those_there_are(desk: Desk) -> None:
    with pytest.raises(RegisterError, match=r"'Camden' is not a council of Merebank; it has Ashmere \(X09000001\)"):
        read_city(desk.tools.settings).find_council("Camden")
    with pytest.raises(CitywideError, match="E09000007"):
        save_feed(desk.tools.engine, feed_of("camden-toilets", council="E09000007"))


def test_an_unknown_layer_is_refused_naming_those_there_are() -> None:
    with pytest.raises(RegisterError, match="There is no layer 'trees'; there are air-quality-sites, article-4-areas"):
        find_layer("trees")
    with pytest.raises(ValueError, match="There is no layer 'trees'"):
        Feed.model_validate({**feed_of().document(), "layer": "trees"})


def fetched(desk: Desk, site: Loopback, **limits: int) -> RunReport:
    """The report of a harvest from the server that must publish nothing."""
    tools = replace(desk.tools, settings=replace(desk.tools.settings, **limits))
    return refused(desk, lambda: harvest(feed_of(url=site["/toilets.csv"]), tools, quiet))
