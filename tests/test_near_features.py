"""What may be one thing is looked for around what was written, however much else the layer holds; so are the ids of
what is new."""

from typing import Any

import polars as pl
import psycopg
import pytest
from psycopg import sql
from sqlalchemy import Engine

from datasets.store.engine import libpq_url
from datasets.store.matching import borders
from datasets.store.publishing.minting import IDS, Minting
from datasets.store.publishing.rows import read_rows
from datasets.store.publishing.slices import Slice
from tests.builders import ASHMERE, query
from tests.neighbours import BRACKHOLME, COPPERGATE, MONDAY, TOILETS, WEEK, Feed, Row, at
from tests.test_publish import Shelf, slice_of

CHAIN = ("a", "b", "c", "d")
"""Each so near the next that a pair of them is looked at, and none near the one after."""


@pytest.fixture
def feeds(engine: Engine) -> list[Feed]:
    return [Feed(engine, ASHMERE), Feed(engine, BRACKHOLME), Feed(engine, COPPERGATE)]


def near(engine: Engine, feed: Feed) -> set[tuple[str, str]]:
    """The keys of the pairs that are found around the feed's features."""
    with psycopg.connect(libpq_url(engine)) as connection:
        fids = pl.Series("fid", [row["fid"] for row in feed.rows("fid, key")], pl.Int64)
        found = borders.near_pairs(psycopg.ClientCursor(connection), TOILETS, fids)
    keys = {row["fid"]: row["key"] for row in query(engine, "SELECT fid, key FROM layers.public_toilets")}
    return {tuple(sorted((keys[a], keys[b]))) for a, b in found.rows()}


def test_in_bulk_as_one_by_one_partners_of_partners_are_found(
    engine: Engine, feeds: list[Feed], monkeypatch: pytest.MonkeyPatch
) -> None:
    step = TOILETS.match_radius_m * 0.9
    chain = {key: at(step * number) for number, key in enumerate(CHAIN)}
    for number, feed in enumerate(feeds):
        own: dict[str, Row] = {key: row for key, row in chain.items() if CHAIN.index(key) % 3 == number}
        feed.publish({**own, **{f"far {number} {n}": at(90_000, 40 * n) for n in range(8)}})
    only_a = Feed(engine, ASHMERE, "one-toilet")
    only_a.publish({"first": at(-step)})
    one_by_one = near(engine, only_a)
    monkeypatch.setattr(borders, "BULK", 1)
    assert one_by_one == {("a", "first"), ("a", "b"), ("b", "c")}
    assert near(engine, only_a) >= one_by_one


def test_in_bulk_nothing_is_read_that_lies_far_away(
    engine: Engine, feeds: list[Feed], monkeypatch: pytest.MonkeyPatch
) -> None:
    feeds[0].publish({f"ours {n}": at(100 * n) for n in range(3)})
    feeds[1].publish({f"theirs {n}": at(100 * n + 5) for n in range(3)} | {"y": at(30_000), "far": at(50_000)})
    feeds[2].publish({"z": at(30_005), "other": at(60_000)})
    monkeypatch.setattr(borders, "BULK", 3)
    assert near(engine, feeds[0]) == {(f"ours {n}", f"theirs {n}") for n in range(3)}


def test_of_all_that_has_ended_only_what_comes_back_is_read_to_give_out_ids(engine: Engine) -> None:
    shelf = Shelf(engine)
    for week, names in enumerate([[*"abcdefgh"], ["h"], ["h"]]):
        shelf.publish({key: f"{key} Lane" for key in names}, MONDAY + week * WEEK)
    assert query(engine, "SELECT count(*) AS n FROM layers.change WHERE op = 'end'") == [{"n": 7}]
    read, minting = _minting(engine, shelf, ["b", "new"])
    assert max(read) == 1 and len(minting.ended) == 1
    assert minting.mint(pl.Series(["b"])).to_list() == minting.ended.to_list()


def test_what_other_feeds_of_the_council_hold_is_not_read_to_give_out_ids(engine: Engine) -> None:
    Shelf(engine, "ashmere-parks-toilets").publish({key: f"{key} Lane" for key in "abcdefgh"})
    read, minting = _minting(engine, Shelf(engine), ["b", "new"])
    assert max(read) == 1
    taken = {row["feature_id"] for row in query(engine, "SELECT feature_id FROM layers.public_toilets")}
    assert not taken & set(minting.mint(pl.Series(["b", "new"])))


def _minting(engine: Engine, shelf: Shelf, keys: list[str]) -> tuple[list[int], Minting]:
    """The minting of new features, and how many rows each of its queries read."""
    sizes: list[int] = []
    new: Slice = slice_of(keys, keys, [at()["shape"]] * len(keys), shelf.feed_id)
    values: dict[str, Any] = {"layer": TOILETS.id, "feed": shelf.feed_id, "council": ASHMERE}
    tables = {"table": sql.Identifier("layers", TOILETS.table), "change": sql.Identifier("layers", "change")}
    with psycopg.connect(libpq_url(engine)) as connection:

        def read(asked: str, schema: pl.Schema = IDS) -> pl.DataFrame:
            found = read_rows(psycopg.ClientCursor(connection), sql.SQL(asked).format(**tables), values, schema)
            sizes.append(found.height)
            return found

        minting = Minting(read, values, TOILETS, new, pl.Series(keys), holds=bool(shelf.rows()))
    return sizes, minting


def test_in_a_crowd_fewer_are_looked_at_and_twins_are_still_found(
    engine: Engine, feeds: list[Feed], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Four hundred in each of two lists, five metres apart where forty are looked around."""
    monkeypatch.setattr(borders, "BULK", 1)
    spots = {f"{east}-{north}": (5 * east, 5 * north) for east in range(20) for north in range(20)}
    for feed, aside in zip(feeds, (0, 1), strict=False):
        feed.publish({f"{aside} {key}": at(east + aside, north) for key, (east, north) in spots.items()})
    found = near(engine, feeds[0])
    assert {(f"0 {key}", f"1 {key}") for key in spots} <= found
    assert len(found) < len(spots) * borders.CROWD
