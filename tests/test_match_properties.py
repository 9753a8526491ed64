"""Whatever is published in whatever order, the pairs are the same as when everything is compared at once, and each
duplicate points at a feature that is none."""

from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some
from sqlalchemy import Engine, text

from datasets.store.matching.decisions import find_pairs
from tests.builders import query
from tests.neighbours import ASHMERE, BRACKHOLME, COPPERGATE, MONDAY, TOILETS, Feed, Row, at, pairs

NAMES = ("Mere Lane", "Mere Ln", "Mere Lane North", "Quay Street", "Public toilets", None)
SPOTS = some.builds(
    at,
    some.integers(0, 60),
    some.integers(0, 20),
    name=some.sampled_from(NAMES),
    category=some.sampled_from(("Male", None)),
)
SLICES = some.dictionaries(some.sampled_from("abcd"), SPOTS, min_size=1, max_size=4)
PUBLISHES = some.lists(some.tuples(some.integers(0, 3), SLICES), min_size=2, max_size=6)
SOME = settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
COLUMNS = "a, b, score, decision, evidence"


@given(slices=some.lists(SLICES, min_size=4, max_size=4), order=some.permutations(range(4)))
@SOME
def test_the_order_of_publishes_does_not_change_the_pairs(
    engine: Engine, slices: list[dict[str, Row]], order: list[int]
) -> None:
    found = []
    for sequence in (range(4), order):
        feeds = emptied(engine)
        for number in sequence:
            # Two feeds of one council with the same key would get their ids in the order in which they come.
            feeds[number].publish({f"{number}{key}": row for key, row in slices[number].items()})
        found.append(pairs(engine, COLUMNS))
    assert found[0] == found[1]


@given(publishes=PUBLISHES)
@SOME
def test_the_pairs_kept_from_publish_to_publish_are_those_of_all_at_once(
    engine: Engine, publishes: list[tuple[int, dict[str, Row]]]
) -> None:
    feeds = emptied(engine)
    for number, rows in publishes:
        feeds[number].publish(rows, MONDAY)
    kept, told = pairs(engine, COLUMNS), groups(engine)
    find_pairs(engine, TOILETS, "a test")
    assert (pairs(engine, COLUMNS), groups(engine)) == (kept, told)
    assert {row["duplicate_of"] for row in told} - {None} <= {
        row["feature_id"] for row in told if row["duplicate_of"] is None
    }


def emptied(engine: Engine) -> list[Feed]:
    """Four feeds of three councils, with nothing published."""
    with engine.begin() as connection:
        connection.execute(text("DELETE FROM layers.public_toilets"))
        connection.execute(text("DELETE FROM citywide.match_pair"))
    councils = (ASHMERE, BRACKHOLME, COPPERGATE, ASHMERE)
    return [Feed(engine, council, f"feed-{number}") for number, council in enumerate(councils)]


def groups(engine: Engine) -> list[dict[str, Any]]:
    columns = "feature_id, duplicate_of, also_published_by"
    return query(engine, f"SELECT {columns} FROM layers.public_toilets ORDER BY feature_id")  # noqa: S608
