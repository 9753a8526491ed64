"""The addresses of merged features lead on in one step, and never back to where they began."""

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine

from datasets.store.publishing.redirects import forget_redirects, keep_redirects
from tests.builders import query

LAYER = "public-toilets"


class Keeper:
    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    def keep(self, **found: str) -> None:
        with self.engine.begin() as connection:
            driver = connection.connection.driver_connection
            assert isinstance(driver, psycopg.Connection)
            keep_redirects(psycopg.ClientCursor(driver), LAYER, found, "They are one.", "a test")

    def forget(self, *ids: str) -> None:
        with self.engine.begin() as connection:
            driver = connection.connection.driver_connection
            assert isinstance(driver, psycopg.Connection)
            forget_redirects(psycopg.ClientCursor(driver), list(ids))

    def found(self) -> dict[str, str]:
        rows = query(self.engine, "SELECT old_id, new_id FROM citywide.redirect")
        return {row["old_id"]: row["new_id"] for row in rows}


@pytest.fixture
def keeper(engine: Engine) -> Keeper:
    return Keeper(engine)


def test_what_led_to_a_feature_leads_on_with_it(keeper: Keeper) -> None:
    keeper.keep(a="b")
    keeper.keep(b="c")
    assert keeper.found() == {"a": "c", "b": "c"}


def test_a_chain_kept_at_once_leads_to_its_end(keeper: Keeper) -> None:
    keeper.keep(a="b", b="c")
    assert keeper.found() == {"a": "c", "b": "c"}


def test_an_older_redirect_away_from_where_one_leads_is_forgotten(keeper: Keeper) -> None:
    keeper.keep(a="b")
    keeper.keep(b="a")
    assert keeper.found() == {"b": "a"}


def test_a_circle_is_refused(keeper: Keeper) -> None:
    with pytest.raises(ValueError, match="lead back to itself"):
        keeper.keep(a="b", b="a")
    assert keeper.found() == {}


def test_a_feature_that_stands_again_leads_nowhere(keeper: Keeper) -> None:
    keeper.keep(a="b", c="b")
    keeper.forget("a")
    assert keeper.found() == {"c": "b"}


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.sampled_from("abcdef"), st.sampled_from("abcdef")), max_size=12))
def test_whatever_merges_with_what_no_redirect_is_longer_than_a_step(
    keeper: Keeper, merges: list[tuple[str, str]]
) -> None:
    query(keeper.engine, "TRUNCATE citywide.redirect")
    for old, new in merges:
        if old != new:
            keeper.keep(**{old: new})
    found = keeper.found()
    assert not set(found) & set(found.values())
