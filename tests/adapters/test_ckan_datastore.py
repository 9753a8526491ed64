"""CKAN's DataStore, where a dataset has no file or its feed wants the rows: read to its end, or called incomplete."""

import re
from urllib.parse import parse_qs, urlsplit

import pytest

from datasets.errors import RunFailed
from datasets.store.feeds import save_feed
from datasets.vocabulary import Outcome
from harvesters.adapters import ckan
from harvesters.adapters.contract import Tally
from harvesters.run import Tools, harvest
from harvesters.web.session import Session
from tests.adapters.reading import describe, read_all
from tests.builders import feed_of, query, quiet
from tests.peers.answering import Reply, json_reply, web_page
from tests.peers.datastore import DATASET, RESOURCE, datastore

TOILETS = {"dataset": "toilets"}


def test_a_feed_of_the_datastore_is_harvested(tools: Tools) -> None:
    with datastore(rows=300, cap=100) as portal:
        feed = feed_of(platform="ckan", url=portal.url, params=TOILETS)
        save_feed(tools.engine, feed)
        report = harvest(feed, tools, quiet)
    assert report.outcome is Outcome.PUBLISHED, report
    assert len(query(tools.engine, "SELECT FROM layers.public_toilets")) == 300


def test_the_datastore_is_read_to_its_total_with_the_limit_it_applied(session: Session) -> None:
    with datastore(rows=2_500, cap=1_000) as portal:
        read = read_all(ckan, portal.url, TOILETS, session)
    assert (read.dataset.count, read.dataset.fields) == (2_500, ("Name", "Easting", "Northing"))
    assert (read.tally, read.short) == (Tally(2_500, 3, 0, "total reached"), None)
    limits = [parse_qs(urlsplit(path).query)["limit"] for path in portal.asked if "sort=_id" in path]
    assert limits == [["32000"], ["1000"], ["1000"]] and read.dataset.watermark is None


def test_a_resource_of_the_datastore_is_found_by_its_own_address(session: Session) -> None:
    with datastore(rows=3) as portal:
        found = ckan.probe(f"{portal.url}/datastore/dump/{RESOURCE}", {}, session)
    assert found is not None and [d.count for d in found.datasets] == [3]
    assert found.datasets[0].params == {"dataset": DATASET, "resource": RESOURCE}


def test_a_feed_may_ask_for_the_datastore_beside_a_file(session: Session) -> None:
    both = [
        {"id": RESOURCE, "name": "T", "format": "CSV", "url": "https://example.org/t.csv", "datastore_active": True}
    ]
    with datastore(rows=3, resources=both) as portal:
        assert "file" in describe(ckan, portal.url, TOILETS, session).own
        assert read_all(ckan, portal.url, {**TOILETS, "datastore": "yes"}, session).tally.rows == 3


def test_rows_in_no_order_are_incomplete_when_they_came_in_several_pages(session: Session) -> None:
    with datastore(rows=1_000, cap=400, sorts=False, overlap=True) as portal:
        read = read_all(ckan, portal.url, TOILETS, session)
    assert read.short is not None and read.tally.duplicates > 0
    with datastore(rows=300, sorts=False) as portal:
        assert read_all(ckan, portal.url, TOILETS, session).short is None


def test_rows_that_never_come_are_missed(session: Session) -> None:
    with datastore(rows=1_000, cap=300, gone=50) as portal:
        read = read_all(ckan, portal.url, TOILETS, session)
    assert read.short == "The server declares 1,000 rows and sent 950."


@pytest.mark.parametrize(
    ("broken", "words"),
    [
        (json_reply({"success": False, "error": {"message": "the database is down"}}), "the database is down"),
        (json_reply("Bad request - something"), "Bad request - something"),
        (Reply(b"Service overloaded"), "Service overloaded"),
        (web_page(), "web page: 'Ashmere'"),
    ],
    ids=["success false", "raw quoted text", "raw text", "HTML"],
)
def test_an_error_within_a_200_ends_the_read_with_the_servers_words(
    session: Session, broken: Reply, words: str
) -> None:
    with (
        datastore(rows=1_000, cap=300, broken=broken, broken_page=2) as portal,
        pytest.raises(RunFailed, match=re.escape(words)) as failed,
    ):
        read_all(ckan, portal.url, TOILETS, session)
    assert failed.value.code in ("E-PLATFORM", "E-NOTDATA")
