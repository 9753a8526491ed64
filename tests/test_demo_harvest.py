"""The demo city's twenty-three feeds through the whole pipeline: every feature arrives, every planted flaw is reported
exactly as often as it was planted, every row read is a feature or left out for a reason, and every feature leads back
to its feed, bytes and row."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit

import polars as pl
import psycopg
import pytest

from datasets.city import read_city
from datasets.settings import Settings
from datasets.store.engine import connect
from datasets.store.feeds import save_feed
from datasets.store.migrate import migrate
from datasets.vocabulary import Action, Outcome
from harvesters.demo.city import FEWEST_FEATURES, LAYERS, make_city
from harvesters.demo.councils import write_councils
from harvesters.demo.publication import Publication
from harvesters.demo.setting import demo_city
from harvesters.run import RunReport, Tools, harvest
from harvesters.web.session import Session
from tests.builders import counts, query, quiet

FEATURES = FEWEST_FEATURES * 4


@dataclass(frozen=True)
class Harvested:
    """Both harvests of the city, by feed id, and the state of the tables after each."""

    tools: Tools
    first: dict[str, RunReport]
    second: dict[str, RunReport]
    rows_after_first: list[dict[str, object]]
    rows_after_second: list[dict[str, object]]


@pytest.fixture(scope="module")
def harvested(
    settings: Settings, database_url: str, template: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Harvested]:
    folder, name = tmp_path_factory.mktemp("demo-harvest"), f"{template}_harvest"
    with psycopg.connect(database_url, autocommit=True) as server:
        server.execute(f"CREATE DATABASE {name} TEMPLATE {template}".encode())
        engine = connect(urlsplit(database_url)._replace(path=f"/{name}").geturl())
        own = replace(settings, home=folder / "home")
        tools = Tools(engine, own, read_city(own), Session("https://example.org/", allow_loopback=True))
        migrate(engine, tools.city)
        with demo_city(engine, tools.city, folder / "demo", FEATURES) as feeds:
            for feed in feeds:
                save_feed(engine, feed)
            first = {feed.id: harvest(feed, tools, quiet) for feed in feeds}
            rows = every_row(tools)
            second = {feed.id: harvest(feed, tools, quiet) for feed in feeds}
        yield Harvested(tools, first, second, rows, every_row(tools))
        engine.dispose()
        server.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Publication]:
    folder = tmp_path_factory.mktemp("published")
    return {one.feed_id: one for one in write_councils(make_city(features=FEATURES), folder)}


def every_row(tools: Tools) -> list[dict[str, object]]:
    columns = "feed_id, feature_id, fid, ctid::text, xmin::text, resource_sha256, row_no, council"
    parts = [f"SELECT {columns} FROM layers.{layer.replace('-', '_')}" for layer in LAYERS]  # noqa: S608
    return query(tools.engine, " UNION ALL ".join(parts) + " ORDER BY fid")


def test_all_twenty_three_feeds_are_published(harvested: Harvested) -> None:
    told = {feed: (report.outcome, report.message) for feed, report in harvested.first.items()}
    assert len(told) == 23
    assert {feed: words for feed, (outcome, words) in told.items() if outcome is not Outcome.PUBLISHED} == {}


def test_every_feature_of_the_city_arrives(harvested: Harvested, published: dict[str, Publication]) -> None:
    wanted = {feed: publication.features for feed, publication in published.items()}
    assert {feed: report.values["features"] for feed, report in harvested.first.items()} == wanted
    assert len(harvested.rows_after_first) == FEATURES


def test_every_planted_flaw_is_reported_exactly_as_often_as_planted(
    harvested: Harvested, published: dict[str, Publication]
) -> None:
    planted = {(feed, quirk.code): quirk.count for feed, one in published.items() for quirk in one.quirks}
    found = {(feed, code): counts(harvested.first[feed]).get(code, 0) for feed, code in planted}
    assert found == planted and len(planted) > 20


def test_rows_read_are_features_or_left_out_with_a_reason(
    harvested: Harvested, published: dict[str, Publication]
) -> None:
    for feed, report in harvested.first.items():
        dropped = report.issues.filter(pl.col("action") == Action.DROPPED.value)
        rows = dropped.filter(pl.col("row_no").is_not_null())["row_no"].n_unique()
        blank = dropped.filter((pl.col("code") == "blank row") & pl.col("row_no").is_null())["count"].sum()
        assert report.values["rows_read"] == published[feed].rows == report.values["features"] + rows + blank, feed


def test_the_runs_in_the_database_say_the_same_as_the_reports(harvested: Harvested) -> None:
    for feed, report in harvested.first.items():
        [run] = query(harvested.tools.engine, "SELECT * FROM citywide.run WHERE id = :id", id=report.run_id)
        assert (run["feed"], run["state"], run["outcome"]) == (feed, "ended", "published")
        assert (run["rows_read"], run["features"]) == (report.values["rows_read"], report.values["features"])
        issues = query(
            harvested.tools.engine, "SELECT code, sum(count)::int AS n FROM citywide.issue WHERE run = :id GROUP BY 1",
            id=report.run_id,
        )  # fmt: skip
        assert {row["code"]: row["n"] for row in issues} == counts(report)


def test_the_second_harvest_finds_everything_unchanged_and_touches_no_row(harvested: Harvested) -> None:
    assert {report.outcome for report in harvested.second.values()} == {Outcome.UNCHANGED}
    assert harvested.rows_after_second == harvested.rows_after_first


def test_every_feature_leads_back_to_its_feed_and_to_bytes_in_the_archive(harvested: Harvested) -> None:
    kept = {(feed, report.values["resource_sha256"]) for feed, report in harvested.first.items()}
    assert {(row["feed_id"], row["resource_sha256"]) for row in harvested.rows_after_first} == kept
    for _, sha256 in kept:
        content = harvested.tools.archive.path(sha256).read_bytes()
        assert hashlib.sha256(content).hexdigest() == sha256
    known = query(harvested.tools.engine, "SELECT sha256 FROM citywide.resource")
    assert {row["sha256"] for row in known} == {sha256 for _, sha256 in kept}


def test_every_features_row_number_is_its_line_in_the_councils_file(harvested: Harvested) -> None:
    sha256 = harvested.first["ferncliffe-polling-stations"].values["resource_sha256"]
    lines = harvested.tools.archive.path(sha256).read_text().splitlines()
    rows = query(
        harvested.tools.engine,
        "SELECT row_no, name, address FROM layers.polling_stations WHERE feed_id = 'ferncliffe-polling-stations'",
    )
    assert rows and all(row["name"] in lines[row["row_no"] - 1] for row in rows)
    assert all(row["address"].split(",")[0] in lines[row["row_no"] - 1] for row in rows)


def test_no_row_number_is_given_twice_within_a_feed(harvested: Harvested) -> None:
    numbers = [(row["feed_id"], row["row_no"]) for row in harvested.rows_after_first]
    assert len(set(numbers)) == len(numbers)


def test_features_carry_the_council_of_their_feed_and_lie_in_it(harvested: Harvested) -> None:
    councils = {feed: report.feed.council for feed, report in harvested.first.items()}
    assert all(row["council"] == councils[str(row["feed_id"])] for row in harvested.rows_after_first)
    far = query(
        harvested.tools.engine,
        "SELECT t.feature_id FROM layers.public_toilets t JOIN citywide.boundary b USING (council) "
        "WHERE NOT ST_DWithin(t.geom::geography, b.geom::geography, 500)",
    )
    assert far == []


def test_feature_ids_are_opaque_safe_in_addresses_and_citywide_unique(harvested: Harvested) -> None:
    ids = pl.Series([row["feature_id"] for row in harvested.rows_after_first])
    assert ids.is_unique().all() and ids.str.contains(r"^[0-9a-f]{20}$").all()


def test_each_request_left_a_receipt(harvested: Harvested) -> None:
    receipts = query(harvested.tools.engine, "SELECT url, status, bytes, resource_sha256, run FROM citywide.fetch")
    of_run = {row["run"]: row for row in receipts}
    for report in harvested.first.values():
        receipt = of_run[report.run_id]
        assert (receipt["status"], receipt["resource_sha256"]) == (200, report.values["resource_sha256"])


def test_the_same_city_harvested_again_from_other_folders_has_the_same_ids(
    harvested: Harvested, tools: Tools, tmp_path: Path
) -> None:
    with demo_city(tools.engine, tools.city, tmp_path / "again", FEATURES) as feeds:
        feed = next(feed for feed in feeds if feed.id == "brackholme-libraries")
        save_feed(tools.engine, feed)
        harvest(feed, tools, quiet)
    again = {row["feature_id"] for row in every_row(tools)}
    assert again == {row["feature_id"] for row in harvested.rows_after_first if row["feed_id"] == feed.id}
