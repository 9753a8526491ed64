"""Coverage as data: every council in every layer with its state, what is expected of it, and what quality is judged by,
counted once for each publish."""

from datetime import UTC, datetime

from sqlalchemy import Engine, event

from datasets.layer import find_layer, layers
from datasets.store.coverage import Standing, coverage, layer_quality
from datasets.store.feeds import save_feed
from datasets.store.quality import Figures, feed_figures, measure_gaps
from datasets.vocabulary import CouncilState, Duty, Level
from tests.builders import BRACKHOLME, Desk, feed_of, query, toilet, toilets

TOILETS = find_layer("public-toilets")
FEED = "ashmere-toilets"


def standings(engine: Engine, layer: str = "public-toilets") -> dict[str, Standing]:
    with engine.connect() as connection:
        found = coverage(connection, layers(), datetime.now(UTC), layer=layer)
    return {standing.council.name: standing for standing in found}


def figures(engine: Engine) -> dict[str, Figures]:
    with engine.connect() as connection:
        return feed_figures(connection, [TOILETS])


def statements_of_layers(engine: Engine) -> list[str]:
    """What is asked of the layer tables while coverage is read."""
    asked: list[str] = []

    def note(_: object, __: object, statement: str, *___: object) -> None:
        asked.append(statement)

    event.listen(engine, "before_cursor_execute", note)
    standings(engine)
    event.remove(engine, "before_cursor_execute", note)
    return [statement for statement in asked if "layers." in statement]


def test_every_council_has_a_state_and_a_reason(engine: Engine) -> None:
    found = standings(engine, "polling-stations")
    assert {standing.state for standing in found.values()} == {CouncilState.MISSING}
    assert found["Ashmere"].expected and found["Ashmere"].expected.reason is Duty.STATUTORY
    assert found["Ashmere"].is_missed


def test_what_is_only_encouraged_is_not_missed(engine: Engine) -> None:
    assert not standings(engine)["Ashmere"].is_missed


def test_a_harvested_council_is_in_with_features_level_and_score(desk: Desk) -> None:
    desk.harvest(toilets(30))
    own = standings(desk.tools.engine)["Ashmere"]
    assert (own.state, own.features, own.tasks) == (CouncilState.IN, 30, 0)
    assert own.quality and (own.quality.level, own.quality.score) == (Level.TRUSTWORTHY, 100)
    assert own.checked_at and own.changed_at


def test_a_task_lowers_the_score_and_is_counted(desk: Desk) -> None:
    desk.harvest([*toilets(30), toilet(40, Easting="", Northing="")])
    own = standings(desk.tools.engine)["Ashmere"]
    assert own.tasks == 1
    assert own.quality and (own.quality.level, own.quality.score) == (Level.AUTHORITATIVE, 95)


def test_the_worst_feed_speaks_for_its_council(desk: Desk) -> None:
    desk.harvest(toilets(30))
    save_feed(desk.tools.engine, feed_of("ashmere-more-toilets"))
    own = standings(desk.tools.engine)["Ashmere"]
    assert own.state is CouncilState.WAITING and own.features == 30
    assert own.quality and own.quality.level is Level.NONE


def test_a_layer_is_judged_by_the_councils_that_are_in(desk: Desk) -> None:
    desk.harvest(toilets(30))
    assert layer_quality(standings(desk.tools.engine).values()).score == 100
    save_feed(desk.tools.engine, feed_of("brackholme-toilets", council=BRACKHOLME))
    assert layer_quality(standings(desk.tools.engine).values()).score == 50


def test_a_publish_counts_values_and_places(desk: Desk) -> None:
    desk.harvest([*toilets(29), toilet(30, Name="")])
    [(feed, found)] = figures(desk.tools.engine).items()
    assert feed == FEED and found.filled == {"name": 29, "address": 30}
    assert (found.features, found.coarse, found.outside, found.well_placed) == (30, 0, 0, 30)


def test_a_place_from_a_postcode_is_coarse(desk: Desk) -> None:
    [place] = query(desk.tools.engine, "SELECT code FROM citywide.place LIMIT 1")
    rows = [{**row, "Postcode": ""} for row in toilets(29)]
    rows.append({**toilet(30, Easting="", Northing=""), "Postcode": place["code"]})
    desk.harvest(rows)
    found = figures(desk.tools.engine)[FEED]
    assert (found.features, found.coarse, found.well_placed) == (30, 1, 29)


def test_a_page_reads_no_layer_table_once_it_is_counted(desk: Desk) -> None:
    desk.harvest(toilets(30))
    assert statements_of_layers(desk.tools.engine) == []


def test_what_was_written_without_counting_is_counted_when_it_is_asked_for(desk: Desk) -> None:
    desk.harvest(toilets(30))
    engine = desk.tools.engine
    query(engine, "DELETE FROM layers.public_toilets WHERE key = (SELECT min(key) FROM layers.public_toilets)")
    query(engine, "UPDATE citywide.layer SET revision = revision + 1 WHERE id = 'public-toilets'")
    assert len(statements_of_layers(engine)) == 1
    assert figures(engine)[FEED].features == 29


def test_the_next_publish_counts_every_feed_that_was_written_to_without_counting(desk: Desk) -> None:
    engine = desk.tools.engine
    desk.harvest(toilets(30))
    other = Desk(desk.tools, desk.path.parent, feed_of("ashmere-more-toilets"))
    save_feed(engine, other.feed)
    query(engine, "DELETE FROM layers.public_toilets WHERE key = (SELECT min(key) FROM layers.public_toilets)")
    query(engine, "UPDATE citywide.layer SET revision = revision + 1 WHERE id = 'public-toilets'")
    other.harvest(toilets(3, first=500))
    assert {feed: found.features for feed, found in figures(engine).items()} == {FEED: 29, other.feed.id: 3}
    assert statements_of_layers(engine) == []


def test_bringing_a_database_up_to_date_counts_what_is_not_counted(desk: Desk) -> None:
    desk.harvest(toilets(30))
    query(desk.tools.engine, "DELETE FROM citywide.feed_figures")
    assert len(statements_of_layers(desk.tools.engine)) == 1
    with desk.tools.engine.begin() as connection:
        measure_gaps(connection, layers().values())
    assert statements_of_layers(desk.tools.engine) == []
    assert figures(desk.tools.engine)[FEED].features == 30
