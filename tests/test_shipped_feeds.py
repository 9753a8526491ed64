"""The feeds that are shipped: each is one that this program can read, of a council of its city, from one source that
no other feed has, and states no more than is known."""

from datetime import date

import pytest

from datasets.city import City, read_city
from datasets.feed import SHIPPED, Feed, shipped_feeds
from datasets.settings import read_settings
from harvesters.adapters import platforms

CITIES = ("london", "greater-manchester")
FEEDS = [(city, feed) for city in CITIES for feed in shipped_feeds(city)]


def city_of(name: str) -> City:
    return read_city(read_settings({"CITYWIDE_CITY": name}))


def test_feeds_are_shipped_for_real_cities_alone() -> None:
    assert sorted(folder.name for folder in SHIPPED.iterdir()) == sorted(CITIES)
    assert shipped_feeds("demo") == []


@pytest.mark.parametrize("name", CITIES)
def test_most_councils_of_a_city_have_a_feed(name: str) -> None:
    councils = {feed.council for city, feed in FEEDS if city == name}
    assert len(councils) > len(city_of(name).council) / 2


@pytest.mark.parametrize(("name", "feed"), FEEDS, ids=lambda value: value.id if isinstance(value, Feed) else value)
def test_a_shipped_feed_is_of_its_city_and_can_be_read(name: str, feed: Feed) -> None:
    council = city_of(name).find_council(feed.council)
    assert feed.id.startswith(f"{council.slug}-{feed.layer}")
    assert feed.platform in platforms()
    assert feed.last_seen_working is None or date(2010, 1, 1) < feed.last_seen_working <= date.today()


def test_no_two_shipped_feeds_have_one_source() -> None:
    sources = [(feed.url, *sorted(feed.params.items())) for _, feed in FEEDS]
    assert len(sources) == len(set(sources))


def test_every_document_says_where_its_facts_are_from() -> None:
    for path in SHIPPED.glob("*/*.toml"):
        first = path.read_text(encoding="utf-8").splitlines()[0]
        assert first.startswith("# ") and ("github.com/" in first or "council's own" in first), path.name
