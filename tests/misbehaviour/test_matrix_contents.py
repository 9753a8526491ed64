"""The second half of the ways in which servers are known to misbehave: what is in the files, what a run does with them,
and what a server does to a run. The first half is `test_matrix`; the verdicts are judged in the same way.

Kept to a small size here: constant memory over millions of rows, and a kill at 40 % of them, are the bench's.
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from datasets.store.feeds import read_feed
from datasets.vocabulary import Outcome
from harvesters.run import Tools
from harvesters.web import ask as asking
from harvesters.web.session import Session
from tests.builders import (
    BRACKHOLME,
    EAST,
    LAT,
    LON,
    NORTH,
    Answer,
    Loopback,
    counts,
    csv_bytes,
    query,
    saying,
    toilets,
)  # fmt: skip
from tests.misbehaviour.feeds import (
    Council,
    OgcApiToilets,
    WfsToilets,
    council,
    file,
    ogcapi,
    wfs,
)
from tests.peers.answering import answering
from tests.peers.arcgis import EDITED, ArcgisServer
from tests.peers.datastore import DATASET, datastore
from tests.personal.leaks import LEAKS, NEAR_MISSES
from tests.test_session import lead_to

BROKEN = {"code": 400, "message": "Unable to complete operation.", "details": []}


# 13: GeoJSON in 27700 without crs; latitude and longitude swapped; one row at 0,0


def geojson(places: list[tuple[float, float]]) -> bytes:
    features = [
        {
            "type": "Feature", "geometry": {"type": "Point", "coordinates": place},
            "properties": {"Ref": f"T{n}", "Name": f"Convenience {n}", "Address": f"{n} Mere Lane"},
        }
        for n, place in enumerate(places)
    ]  # fmt: skip
    return json.dumps({"type": "FeatureCollection", "features": features}).encode()


@pytest.mark.parametrize(
    ("places", "said"),
    [
        ([(EAST + 40.0 * n, float(NORTH)) for n in range(5)], "CRS contradicted"),
        ([(LAT, LON + n / 1000) for n in range(5)], "WGS84 flipped"),
        ([(0.0, 0.0), *((LON + n / 1000, LAT) for n in range(5))], "null-island"),
    ],
    ids=["grid without crs", "swapped", "one at 0,0"],
)
def test_13_coordinates_that_are_not_what_they_seem_are_put_right_or_left_out(
    tools: Tools, site: Loopback, places: list[tuple[float, float]], said: str
) -> None:
    site.answers["/toilets.geojson"] = Answer(geojson(places))
    feed = file(tools, site, "/toilets.geojson")
    report = feed.whole(5)
    where = feed.rows("ST_X(geom) AS x, ST_Y(geom) AS y")
    assert said in counts(report) and all(abs(row["x"] - LON) < 0.1 and abs(row["y"] - LAT) < 0.1 for row in where)


# 14: 30 % fewer rows, complete; 15: no rows at all


def test_14_a_layer_that_lost_a_third_is_held_and_the_old_data_served(arcgis: tuple[ArcgisServer, Council]) -> None:
    server, feed = arcgis
    server.rows = 100
    feed.whole(100)
    server.rows = 70
    report = feed.stopped(Outcome.HELD, "E-SHRUNK")
    assert report.values["complete"] is True and "had 100 features and now has 70" in report.message


def test_14_a_file_that_lost_a_third_is_held_and_the_old_data_served(tools: Tools, site: Loopback) -> None:
    site.answers["/toilets.csv"] = Answer(csv_bytes(toilets(100)))
    feed = file(tools, site)
    feed.whole(100)
    site.answers["/toilets.csv"] = Answer(csv_bytes(toilets(70)))
    feed.stopped(Outcome.HELD, "E-SHRUNK")


def test_15_an_empty_layer_of_arcgis_is_held(arcgis: tuple[ArcgisServer, Council]) -> None:
    server, feed = arcgis
    feed.whole(60)
    server.rows = 0
    feed.stopped(Outcome.HELD, "E-SHRUNK")


@pytest.mark.parametrize("platform", ["wfs", "ogcapi"])
def test_15_an_empty_collection_is_held(tools: Tools, platform: str) -> None:
    server = WfsToilets(20) if platform == "wfs" else OgcApiToilets(20, matched=20)
    with answering(server):
        feed = wfs(tools, server) if isinstance(server, WfsToilets) else ogcapi(tools, server)
        feed.whole(20)
        server.count = 0
        if isinstance(server, OgcApiToilets):
            server.matched = 0
        feed.stopped(Outcome.HELD, "E-SHRUNK")


@pytest.mark.parametrize("content", [geojson([]), b"Ref,Name,Address,Easting,Northing\n", b"[]"])
def test_15_an_empty_file_is_held(tools: Tools, site: Loopback, content: bytes) -> None:
    path = "/toilets.csv" if content.startswith(b"Ref") else "/toilets.json"
    site.answers[path] = Answer(csv_bytes(toilets(3)))
    feed = file(tools, site, path)
    feed.whole(3)
    site.answers[path] = Answer(content)
    feed.stopped(Outcome.HELD, "E-SHRUNK")


# 16: ids renumbered, the same data


def test_16_renumbered_rows_keep_their_features(arcgis: tuple[ArcgisServer, Council]) -> None:
    server, feed = arcgis
    feed.whole(60)
    before = feed.rows("reference, feature_id")
    server.last_edit, server.first_oid, server.step = EDITED + 1, 5_000, 3
    report = feed.harvest()
    assert (report.outcome, report.values["decided_by"]) == (Outcome.UNCHANGED, "same content")
    server.last_edit, server.first_oid, server.rows = EDITED + 2, 9_000, 62
    assert feed.harvest().diff.total == 2  # type: ignore[union-attr]
    assert feed.rows("reference, feature_id")[:60] == before


def test_16_rows_that_lost_the_reference_they_were_known_by_are_held(tools: Tools, site: Loopback) -> None:
    site.answers["/toilets.csv"] = Answer(csv_bytes(toilets(10)))
    feed = file(tools, site)
    feed.whole(10)
    site.answers["/toilets.csv"] = Answer(csv_bytes([{**row, "Ref": ""} for row in toilets(10)]))
    feed.stopped(Outcome.HELD, "key-changed")


# 17: two councils, identical bytes


def test_17_the_same_bytes_of_two_councils_are_features_of_each(tools: Tools, site: Loopback) -> None:
    site.answers["/toilets.csv"] = Answer(csv_bytes(toilets(5)))
    ours, theirs = file(tools, site), file(tools, site, feed_id="brackholme-toilets", council=BRACKHOLME)
    ours.whole(5)
    # Most of what one council publishes for both lies outside the other, which a person has to accept.
    theirs.stopped(Outcome.HELD, "E-MOSTLY-OUTSIDE")
    assert (
        theirs.harvest(accept=saying("A register of both councils.", "E-MOSTLY-OUTSIDE")).outcome is Outcome.PUBLISHED
    )
    found = [*ours.rows(), *theirs.rows()]
    assert len({row["feature_id"] for row in found}) == 10 and len({row["resource_sha256"] for row in found}) == 1
    assert {(row["feed_id"], row["council"]) for row in found} == {
        (ours.feed.id, ours.feed.council), (theirs.feed.id, BRACKHOLME),
    }  # fmt: skip


# 18: a workbook with a very hidden sheet and the cache of a pivot table


def test_18_a_workbook_with_hidden_content_is_quarantined(tools: Tools, site: Loopback) -> None:
    plain = next(miss for miss in NEAR_MISSES if miss.kind == "a plain workbook")
    site.answers["/toilets.xlsx"] = Answer(plain.content)
    feed = file(tools, site, "/toilets.xlsx")
    feed.whole(5)
    for kind, told in (("a very hidden sheet", "sheet 2 of 2, hidden so deep"), ("a pivot cache", "of a pivot table")):
        [leak] = [leak for leak in LEAKS if leak.kind == kind]
        site.answers["/toilets.xlsx"] = Answer(leak.content)
        report = feed.stopped(Outcome.HELD, "E-HIDDEN-CONTENT")
        assert told in report.message and "Save the sheet alone as CSV" in report.message
        kept = query(tools.engine, "SELECT t::text AS row FROM citywide.issue t WHERE run = :run", run=report.run_id)
        assert "Quillfeather" not in str([feed.rows(), kept, report.values, report.message])


# 19: no licence, and a portal's default


def test_19_a_licence_that_only_the_portal_states_is_flagged_and_asked(tools: Tools) -> None:
    with datastore(
        rows=5, package={"license_id": "uk-ogl", "license_title": "UK Open Government Licence (OGL)"}
    ) as one:
        where = {"dataset": DATASET, "datastore": "yes"}
        feed = council(tools, platform="ckan", url=one.url, params=where, licence="unknown")
        assert "Open Government Licence" in feed.stopped(Outcome.HELD, "licence-portal-default").message
        feed.harvest(accept=saying("The council confirmed it.", "licence-portal-default"))
        assert len(feed.rows()) == 5 and read_feed(tools.engine, feed.feed.id).licence == "OGL-UK-3.0"


def test_19_a_feed_without_a_licence_is_held_until_a_person_says(tools: Tools, site: Loopback) -> None:
    site.answers["/toilets.csv"] = Answer(csv_bytes(toilets(3)))
    feed = file(tools, site, licence="unknown")
    feed.stopped(Outcome.HELD, "licence-unknown")
    assert feed.harvest(accept=saying("The council says OGL for all.", "licence-unknown")).outcome is Outcome.PUBLISHED


# 20: millions of rows, and a kill half-way

HARVEST = """
import sys
from dataclasses import replace
from pathlib import Path
from datasets.city import read_city
from datasets.settings import read_settings
from datasets.store.engine import connect
from datasets.store.feeds import read_feed
from harvesters.run import Tools, harvest
from harvesters.web.session import Session
url, home, feed = sys.argv[1:]
settings = read_settings({"CITYWIDE_HOME": home, "CITYWIDE_ALLOW_LOOPBACK": "1", "CITYWIDE_DATABASE_URL": url})
engine = connect(url)
tools = Tools(engine, settings, read_city(settings), Session("https://example.org/", allow_loopback=True))
harvest(read_feed(engine, feed), tools, lambda *told: None)
"""


def test_20_a_read_whose_program_is_killed_goes_on_and_asks_no_page_again_but_one(
    arcgis: tuple[ArcgisServer, Council], tools: Tools
) -> None:
    server, feed = arcgis
    server.rows = 200
    killed: list[int] = []
    program = started(tools, feed)
    server.during = lambda page: kill(program.pid, killed) if page == 5 and not killed else None
    assert program.wait(timeout=60) == -signal.SIGKILL and feed.rows() == []
    query(tools.engine, "UPDATE citywide.run SET lease_until = now() - interval '1 second'")
    feed.whole(200)
    assert server.pages == 11
    runs = query(tools.engine, "SELECT outcome, code FROM citywide.run ORDER BY id")
    assert [(run["outcome"], run["code"]) for run in runs] == [("failed", "E-FAULT"), ("published", None)]


def started(tools: Tools, feed: Council) -> subprocess.Popen[bytes]:
    """A program of its own that harvests the feed."""
    url = tools.engine.url.render_as_string(hide_password=False).replace("+psycopg", "")
    command = [sys.executable, "-c", HARVEST, url, str(tools.settings.home), feed.feed.id]
    return subprocess.Popen(command, cwd=Path(__file__).parents[2])


def kill(pid: int, killed: list[int]) -> None:
    killed.append(pid)
    os.kill(pid, signal.SIGKILL)


# 21: a server that drips


def test_21_a_file_that_drips_is_given_up_in_time(tools: Tools, site: Loopback) -> None:
    site.answers["/toilets.csv"] = Answer(csv_bytes(toilets(3)))
    quick = replace(tools, settings=replace(tools.settings, fetch_seconds=1))
    feed = file(quick, site)
    feed.whole(3)
    site.answers["/toilets.csv"] = Answer(dripping)
    assert "not whole after 1 seconds" in feed.stopped(Outcome.FAILED, "E-TIMEOUT").message


def test_21_a_page_that_drips_is_given_up_in_time(
    tools: Tools, site: Loopback, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asking, "READ_SECONDS", 0.3)
    site.answers["/arcgis/rest/services/Toilets/FeatureServer/0?f=json"] = Answer(dripping)
    feed = file(tools, site, "/arcgis/rest/services/Toilets/FeatureServer/0", platform="arcgis")
    feed.stopped(Outcome.FAILED, "E-TIMEOUT")


def dripping() -> Iterator[bytes]:
    """A byte every tenth of a second, for a minute."""
    for _ in range(600):
        yield b"a"
        time.sleep(0.1)


# 22: a name that changes its address; a redirect to where clouds keep passwords


@pytest.mark.parametrize("address", ["http://169.254.169.254/latest/meta-data/", "http://[::ffff:10.0.0.1]/a.csv"])
def test_22_a_redirect_out_of_the_public_internet_is_refused(tools: Tools, site: Loopback, address: str) -> None:
    site.answers["/toilets.csv"] = Answer(csv_bytes(toilets(3)))
    feed = file(tools, site)
    feed.whole(3)
    site.answers["/toilets.csv"] = Answer(b"", 302, {"Location": address})
    feed.stopped(Outcome.FAILED, "E-ADDRESS")


def test_22_a_name_that_changes_to_a_private_address_is_refused_before_a_connection(
    tools: Tools, site: Loopback, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.answers["/toilets.csv"] = Answer(csv_bytes(toilets(3)), headers={"Connection": "close"})
    addresses = lead_to(site, monkeypatch)
    strict = replace(tools, session=Session("https://example.org/", sleep=lambda seconds: None))
    feed = council(strict, url="http://council.example.org/toilets.csv")
    feed.whole(3)
    addresses[:] = ["10.0.0.1"]
    feed.stopped(Outcome.FAILED, "E-ADDRESS")
    assert site.asked == ["/toilets.csv"]
