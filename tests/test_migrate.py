"""Bringing a database up to date is safe to run again and at once with another, adds what definitions add, and never
drops or retypes what is there."""

from collections.abc import Iterator
from pathlib import Path
from threading import Thread

import pytest
from sqlalchemy import Engine

from datasets import layer as layering
from datasets.city import City, read_city
from datasets.errors import DatabaseError
from datasets.layer import layers
from datasets.settings import Settings
from datasets.store import layer_tables, tables
from datasets.store.engine import connect
from datasets.store.feeds import list_feeds, read_feed, remove_feed, save_feed
from datasets.store.migrate import is_current, migrate
from tests.builders import Desk, feed_of, query, toilets

ROOF = '\n[field.roof]\ntitle = "Roof"\ndescription = "What it is roofed with."\ntype = "text"\naliases = ["roof"]\n'


@pytest.fixture
def empty(fresh_database_url: str) -> Iterator[Engine]:
    engine = connect(fresh_database_url)
    yield engine
    engine.dispose()


@pytest.fixture
def city(settings: Settings) -> City:
    return read_city(settings)


@pytest.fixture
def definitions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder of layer definitions, which the test may rewrite."""
    folder = tmp_path / "layers"
    folder.mkdir()
    for path in layering.DEFINITIONS.glob("*.toml"):
        (folder / path.name).write_bytes(path.read_bytes())
    monkeypatch.setattr(layering, "DEFINITIONS", folder)
    yield folder
    forget_tables()


def columns(engine: Engine, table: str) -> dict[str, str]:
    found = query(
        engine,
        "SELECT column_name, data_type FROM information_schema.columns "
        "WHERE table_schema = 'layers' AND table_name = :t",
        t=table,
    )
    return {row["column_name"]: row["data_type"] for row in found}


def rewrite(path: Path, before: str, after: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert before in text
    path.write_text(text.replace(before, after), encoding="utf-8")


def forget_tables() -> None:
    """What the next program, which reads the definitions anew, knows of the layer tables."""
    for table in [table for table in layer_tables.metadata.sorted_tables if table.name != "change"]:
        layer_tables.metadata.remove(table)


def test_an_empty_database_gets_everything_and_is_current_then(empty: Engine, city: City) -> None:
    assert not is_current(empty)
    migrate(empty, city)
    assert is_current(empty)
    assert {row["id"] for row in query(empty, "SELECT id FROM citywide.layer")} == set(layers())
    assert len(query(empty, "SELECT gss FROM citywide.council")) == 6


def test_the_tables_of_the_code_and_of_the_migrations_are_the_same(empty: Engine, city: City) -> None:
    migrate(empty, city)
    found = query(
        empty, "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = 'citywide'"
    )
    made = {(row["table_name"], row["column_name"]) for row in found if row["table_name"] != "alembic_version"}
    assert made == {(table.name, column.name) for table in tables.metadata.tables.values() for column in table.columns}


def test_every_field_of_a_layer_is_a_column_of_its_type(empty: Engine, city: City) -> None:
    migrate(empty, city)
    found = columns(empty, "public_toilets")
    assert {"name": "text", "accessible": "boolean", "charge": "numeric", "start_date": "text"}.items() <= found.items()
    assert set(layers()["public-toilets"].fields) | layering.PROVENANCE_COLUMNS == set(found)


def test_running_it_again_changes_nothing(desk: Desk) -> None:
    desk.harvest(toilets(3))
    before = desk.rows("*, ctid::text, xmin::text")
    migrate(desk.tools.engine, desk.tools.city)
    assert desk.rows("*, ctid::text, xmin::text") == before
    assert (
        query(desk.tools.engine, "SELECT revision FROM citywide.layer WHERE id = 'public-toilets'")[0]["revision"] == 1
    )


def test_two_programs_that_start_at_once_both_succeed(empty: Engine, city: City) -> None:
    failures: list[Exception] = []

    def run() -> None:
        try:
            migrate(empty, city)
        except Exception as error:
            failures.append(error)

    programs = [Thread(target=run) for _ in range(2)]
    for program in programs:
        program.start()
    for program in programs:
        program.join(60)
    assert failures == [] and is_current(empty)


def test_a_new_field_becomes_a_column_and_the_rows_stay(desk: Desk, definitions: Path) -> None:
    desk.harvest(toilets(3))
    with (definitions / "public-toilets.toml").open("a", encoding="utf-8") as file:
        file.write(ROOF)
    forget_tables()
    assert not is_current(desk.tools.engine)
    migrate(desk.tools.engine, desk.tools.city)
    assert is_current(desk.tools.engine) and columns(desk.tools.engine, "public_toilets")["roof"] == "text"
    assert [row["roof"] for row in desk.rows()] == [None, None, None]
    assert desk.harvest([{**row, "Roof": "slate"} for row in toilets(3)]).outcome == "published"
    assert {row["roof"] for row in desk.rows()} == {"slate"}


def test_a_field_that_was_removed_leaves_its_column_and_values(desk: Desk, definitions: Path) -> None:
    desk.harvest(toilets(3))
    path = definitions / "public-toilets.toml"
    text = path.read_text(encoding="utf-8")
    start = text.index("[field.opening_hours]")
    path.write_text(text[:start] + text[text.index("[field.managed_by]") :], encoding="utf-8")
    forget_tables()
    migrate(desk.tools.engine, desk.tools.city)
    assert {row["opening_hours"] for row in desk.rows()} == {"24 hours"}


def test_a_field_of_another_type_is_refused_in_words(empty: Engine, city: City, definitions: Path) -> None:
    migrate(empty, city)
    rewrite(definitions / "libraries.toml", 'title = "Statutory"', 'title = "Statutory"\nunit = "m"')
    rewrite(definitions / "libraries.toml", 'library service."\ntype = "flag"', 'library service."\ntype = "decimal"')
    forget_tables()
    with pytest.raises(DatabaseError, match=r"Field statutory of libraries is boolean .* write a migration"):
        migrate(empty, city)


def test_a_new_layer_gets_its_table(empty: Engine, city: City, definitions: Path) -> None:
    migrate(empty, city)
    (definitions / "war-memorials.toml").write_bytes((definitions / "libraries.toml").read_bytes())
    assert not is_current(empty)
    migrate(empty, city)
    assert "postcode" in columns(empty, "war_memorials")


def test_a_council_that_left_the_city_goes_unless_it_has_a_feed(empty: Engine, city: City) -> None:
    migrate(empty, city)
    save_feed(empty, feed_of())
    migrate(empty, city.model_copy(update={"council": city.council[2:]}))
    left = {row["name"] for row in query(empty, "SELECT name FROM citywide.council")}
    assert "Brackholme" not in left and "Ashmere" in left and len(left) == 5


def test_a_council_that_was_renamed_has_its_new_name(empty: Engine, city: City) -> None:
    migrate(empty, city)
    renamed = city.council[0].model_copy(update={"name": "Greater Ashmere"})
    migrate(empty, city.model_copy(update={"council": (renamed, *city.council[1:])}))
    [row] = query(empty, "SELECT name, slug FROM citywide.council WHERE gss = :gss", gss=renamed.gss)
    assert (row["name"], row["slug"]) == ("Greater Ashmere", "greater-ashmere")


def test_a_database_that_cannot_be_reached_is_told_in_one_line() -> None:
    with pytest.raises(DatabaseError, match="The database cannot be used: ") as refused:
        connect("postgresql://nobody@127.0.0.1:1/none")
    assert "\n" not in str(refused.value)


def test_a_feed_is_added_changed_and_removed_and_its_features_stay(desk: Desk) -> None:
    desk.harvest(toilets(3))
    save_feed(desk.tools.engine, feed_of(url="https://example.org/moved.csv"))
    assert read_feed(desk.tools.engine, desk.feed.id).url == "https://example.org/moved.csv"
    remove_feed(desk.tools.engine, desk.feed.id)
    assert list_feeds(desk.tools.engine) == [] and len(desk.rows()) == 3
    save_feed(desk.tools.engine, desk.feed)
    assert list_feeds(desk.tools.engine, layer="public-toilets", council=desk.feed.council) == [desk.feed]


def test_a_feed_that_there_is_not_is_told_with_those_near_it(desk: Desk) -> None:
    with pytest.raises(Exception, match=r"There is no feed 'ashmere-toilet'\. Near it: ashmere-toilets\."):
        read_feed(desk.tools.engine, "ashmere-toilet")


def test_a_feed_keeps_its_council_and_layer(desk: Desk) -> None:
    with pytest.raises(Exception, match="is of council X09000001 and layer public-toilets; give this one another id"):
        save_feed(desk.tools.engine, feed_of(layer="libraries"))
