"""Councils publish the same thing twice: in two formats, in two projections, on two days. Harvested one after the other
as one feed, the second publication is a small diff: the ids stay, and no shape moves by more than a metre."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

import psycopg
import pytest

from datasets.feed import Feed
from datasets.issues import issue_codes
from datasets.settings import Settings
from datasets.vocabulary import Outcome
from harvesters.gates.approvals import Acceptance
from harvesters.run import Tools, harvest
from tests.builders import query, quiet
from tests.real.trial import EVERYONE, FOLDER, RealFile, run_trial, trial

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(not FOLDER.is_dir(), reason="the folder of real files, ../shared/data, is not here"),
]

NEAR_M = 1.0
MEANT = Acceptance(frozenset(issue_codes()), "It is the same, published twice.")

Made = tuple[Tools, dict[str, tuple[RealFile, Feed]]]


@dataclass(frozen=True)
class Twice:
    """A file, and another that says the same; `kept` is how many ids stay, `gone` how many features the second lacks,
    `new` how many only it has, and `redrawn` the names of those that the council has really drawn anew."""

    first: str
    second: str
    kept: int
    gone: int = 0
    new: int = 0
    redrawn: frozenset[str] = frozenset()


TRAFFORD = "conservation-areas/trafford-metropolitan-borough-council"
YORK = "conservation-areas/city-of-york-council"
CITY = "conservation-areas/city-of-london-corporation"
DUNDEE = "polling-districts/dundee/polling_districts"
LIBRARIES = "libraries/trafford/libraries_trafford"
LARGER = frozenset({"South Hale", "Ashton upon Mersey", "Longford"})
"""Drawn anew in the second publication of Trafford, South Hale larger by 37 hectares."""
MOVED = frozenset({"Altrincham", "Partington", "Timperley", "Woodsend"})
"""The first has no coordinates: they are placed by postcode, 12 to 54 m from where the second has them. The other
eight of the second are placed by the same postcodes."""
TWICE = (
    Twice(f"{TRAFFORD}/6baa5328.gml", f"{TRAFFORD}/datalab_conservation_areas.geojson", 21, redrawn=LARGER),
    Twice(f"{DUNDEE}.bng.geo.json", f"{DUNDEE}.wgs84.geo.json", 89),
    Twice(f"{LIBRARIES}.csv", f"{LIBRARIES}.geojson", 12, redrawn=MOVED),
    Twice(f"{YORK}/16834877.geojson", f"{YORK}/50a6dabf.geojson", 36),
    Twice(f"{YORK}/50a6dabf.geojson", f"{YORK}/7bf00b79.geojson", 36),
    Twice(f"{CITY}/e8b9d7bb.gml", f"{CITY}/fa971146.gml", 27),
)


@pytest.fixture(scope="module")
def tools(
    settings: Settings, database_url: str, template: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Made]:
    """A city of every council, with a feed for each file."""
    name = f"{template}_twice"
    with psycopg.connect(database_url, autocommit=True) as server:
        server.execute(f"CREATE DATABASE {name} TEMPLATE {template}".encode())
        url = urlsplit(database_url)._replace(path=f"/{name}").geturl()
        own = replace(settings, home=tmp_path_factory.mktemp("twice"))
        with trial(EVERYONE, own, url) as (made, feeds):
            yield made, {file.path: (file, feed) for file, feed in feeds}
        server.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


@pytest.mark.parametrize("twice", TWICE, ids=lambda twice: twice.second)
def test_the_second_publication_is_a_small_diff(tools: Made, twice: Twice) -> None:
    made, feeds = tools
    file, feed = feeds[twice.first]
    first = run_trial(made, file, feed)
    assert first.outcome in (Outcome.PUBLISHED, Outcome.UNCHANGED), first.message
    before = shapes(made, feed)
    second = harvest(feed, made, quiet, path=FOLDER / twice.second, accept=MEANT)
    assert second.outcome in (Outcome.PUBLISHED, Outcome.UNCHANGED), second.message
    after = shapes(made, feed)
    kept = before & after
    assert (len(kept), second.diff.inserted, second.diff.ended + second.diff.missing) == (
        twice.kept, twice.new, twice.gone
    )  # fmt: skip
    assert redrawn(made, feed) == twice.redrawn


def shapes(tools: Tools, feed: Feed) -> set[str]:
    """The ids of the feed's features that are not missing."""
    table = feed.layer.replace("-", "_")
    statement = f"SELECT feature_id FROM layers.{table} WHERE feed_id = :feed AND missing_since IS NULL"  # noqa: S608
    return {row["feature_id"] for row in query(tools.engine, statement, feed=feed.id)}


def redrawn(tools: Tools, feed: Feed) -> set[str]:
    """The names of features of which something wider than two NEAR_M lies in what they were or are, and not in both;
    of points, those that moved so far."""
    table = feed.layer.replace("-", "_")
    statement = f"""
        SELECT t.name FROM layers.{table} t JOIN layers.change c USING (feature_id),
            ST_Transform(t.geom, 27700) AS now, ST_Transform(c.geom, 27700) AS was
        WHERE t.feed_id = :feed AND c.op = 'update' AND CASE
            WHEN ST_Dimension(now) = 0 THEN NOT ST_DWithin(now, was, :near)
            ELSE NOT ST_IsEmpty(ST_Buffer(ST_SymDifference(now, was), -:near)) END
    """  # noqa: S608
    return {row["name"] for row in query(tools.engine, statement, feed=feed.id, near=NEAR_M)}
