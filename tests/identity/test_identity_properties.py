"""Whatever a council does to its file between two publications, short of replacing a thing by another, every feature
keeps its id, and no id is ever given to a second thing."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import shapely
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine

from datasets.layer import find_layer
from datasets.store import runs
from datasets.store.feeds import save_feed
from datasets.store.publishing.publish import publish
from datasets.store.publishing.slices import Diff, Slice
from harvesters.batch import ROW_NO, Batch
from harvesters.type import type_values
from tests.builders import ASHMERE, LAT, LON, feed_of, query

LAYER = find_layer("public-toilets")
DEGREE_M = 111_320.0
COUNT = 8
BOUNDED = settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@dataclass(frozen=True)
class Toilet:
    """One real toilet: `number` is which one, whatever its council calls it."""

    number: int
    reference: str
    name: str
    east: float = 0.0
    north: float = 0.0


class Council:
    """A feed that is published again and again into an empty layer."""

    def __init__(self, engine: Engine) -> None:
        self.engine, self.now = engine, datetime(2026, 3, 2, tzinfo=UTC)
        save_feed(engine, feed_of())
        statement = "TRUNCATE layers.public_toilets, layers.change, citywide.redirect"
        query(engine, statement)

    def publish(self, toilets: list[Toilet]) -> Diff:
        self.now += timedelta(days=8)
        columns = {
            "reference": [toilet.reference for toilet in toilets],
            "name": [toilet.name for toilet in toilets],
            "address": [f"{toilet.number} Mere Lane" for toilet in toilets],
            "category": ["Unisex" for _ in toilets],
        }
        frame = pl.DataFrame(columns, schema=dict.fromkeys(columns, pl.String)).with_row_index(ROW_NO, 2)
        typed, _ = type_values(Batch(frame.with_columns(pl.col(ROW_NO).cast(pl.Int64))), LAYER)
        key = pl.col("reference").str.to_lowercase()
        nowhere = pl.lit(None, pl.Float64)
        stamps = {"placed": pl.lit("coordinates"), "outside_m": nowhere, "precision_m": nowhere}
        frame = typed.frame.with_columns(key=key, rung=pl.lit("reference"), **stamps)
        run = runs.begin_run(self.engine, "ashmere-toilets", "a test")
        shapes = np.array([place(toilet) for toilet in toilets], dtype=object)
        diff = publish(self.engine, LAYER, Slice(frame, shapes, "ashmere-toilets", ASHMERE, "00" * 32, run), self.now)
        query(self.engine, "UPDATE citywide.run SET lease_until = now() - interval '1 second' WHERE id = :i", i=run)
        return diff

    def ids(self, toilets: list[Toilet]) -> dict[int, str]:
        """The feature id of each of the toilets, by its number."""
        statement = "SELECT key, feature_id FROM layers.public_toilets WHERE missing_since IS NULL"
        found = {row["key"]: row["feature_id"] for row in query(self.engine, statement)}
        assert len(found) == len(toilets)
        return {toilet.number: found[toilet.reference.lower()] for toilet in toilets}


def place(toilet: Toilet) -> shapely.Point:
    across = DEGREE_M * np.cos(np.radians(LAT))
    x, y = LON + (40 * toilet.number + toilet.east) / across, LAT + toilet.north / DEGREE_M
    return shapely.Point(round(x, 7), round(y, 7))


def at_first(count: int = COUNT) -> list[Toilet]:
    return [Toilet(number, f"T{number}", f"Convenience {number}") for number in range(count)]


jitter = st.floats(-1.4, 1.4)
change = st.tuples(st.booleans(), st.booleans(), jitter, jitter)
"""Whether one gets a new reference and a new name, and how far it is drawn from where it was."""


@BOUNDED
@given(st.lists(st.tuples(st.permutations(range(COUNT)), st.lists(change, min_size=COUNT, max_size=COUNT)), max_size=3))
def test_shuffled_renumbered_renamed_and_drawn_anew_every_feature_keeps_its_id(
    engine: Engine, editions: list[tuple[list[int], list[tuple[bool, bool, float, float]]]]
) -> None:
    council, toilets = Council(engine), at_first()
    council.publish(toilets)
    before = council.ids(toilets)
    for edition, (order, changes) in enumerate(editions):
        toilets = [
            Toilet(
                toilet.number,
                f"E{edition}-{toilet.number}" if renumbered else toilet.reference,
                f"{toilet.name} (new)" if renamed else toilet.name,
                east,
                north,
            )
            for toilet, (renumbered, renamed, east, north) in zip(toilets, changes, strict=True)
        ]
        toilets = [toilets[number] for number in order]
        council.publish(toilets)
        assert council.ids(toilets) == before
        toilets = sorted(toilets, key=lambda toilet: toilet.number)


@BOUNDED
@given(st.permutations(range(COUNT)))
def test_names_that_change_places_change_no_id_while_references_stay(engine: Engine, names: list[int]) -> None:
    council, toilets = Council(engine), at_first()
    council.publish(toilets)
    before = council.ids(toilets)
    swapped = [replace(toilet, name=f"Convenience {name}") for toilet, name in zip(toilets, names, strict=True)]
    council.publish(swapped)
    assert council.ids(swapped) == before


step = st.one_of(
    st.tuples(st.just("renumber"), st.integers(0, COUNT - 1)),
    st.tuples(st.just("close"), st.integers(0, COUNT - 1)),
    st.tuples(st.just("open"), st.integers(0, 2 * COUNT)),
)


@BOUNDED
@given(st.lists(st.lists(step, min_size=1, max_size=4), min_size=1, max_size=4))
def test_no_id_is_ever_given_to_a_second_thing(engine: Engine, editions: list[list[tuple[str, int]]]) -> None:
    """References that their toilet gave up are given to others again."""
    council, toilets = Council(engine), at_first()
    owners: dict[str, int] = {}
    for steps in [[], *editions]:
        given_up: dict[str, int] = {}
        for kind, number in steps:
            if kind == "open" and all(toilet.number != number for toilet in toilets):
                toilets.append(Toilet(number, f"opened-{number}-{len(owners)}", f"Convenience {number}"))
            elif kind == "close" and len(toilets) > 1:
                toilets = [toilet for toilet in toilets if toilet.number != number]
            elif kind == "renumber" and number < len(toilets):
                given_up[toilets[number].reference] = toilets[number].number
                toilets[number] = replace(toilets[number], reference=f"re-{number}-{len(owners)}-{len(given_up)}")
        council.publish(toilets)
        # What was renumbered and closed at once was never seen under another reference: that one is it, come back.
        standing = {toilet.number for toilet in toilets}
        for reference in [reference for reference, number in given_up.items() if number in standing]:
            taker = Toilet(100 + len(owners), reference, f"Convenience {100 + len(owners)}")
            if all(toilet.reference != reference for toilet in toilets):
                toilets.append(taker)
                break
        council.publish(toilets)
        for number, feature_id in council.ids(toilets).items():
            assert owners.setdefault(feature_id, number) == number
