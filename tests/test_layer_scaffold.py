"""`citywide layers new` writes a definition that loads as it is; adding a layer is that one file and no code."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from datasets.errors import CitywideError, RegisterError
from datasets.layer import find_layer, layers
from datasets.scaffold import ExampleField, scaffold, write_scaffold
from datasets.store.feeds import save_feed
from datasets.store.migrate import is_current, migrate
from datasets.vocabulary import FieldType, GeometryKind
from harvesters.columns.example import example_fields
from harvesters.run import Tools
from portal.cli import app
from tests.builders import EAST, NORTH, Desk, csv_bytes, feed_of, table

KINDS = ("Obelisk", "Cross", "Plaque")


def memorial(number: int) -> dict[str, object]:
    return {
        "Ref": f"WM{number:03d}", "Name": f"Memorial {number}", "Kind": KINDS[number % 3],
        "Unveiled": 1919 + number % 9,
        "Listed?": ("Yes", "No")[number % 2], "Height (m)": f"{2 + number % 5}.5", "Order": f"0{number}",
        "Council": "Ashmere", "Caretaker": "Zebedee Quill", "Easting": EAST + 40 * number, "Northing": NORTH,
    }  # fmt: skip


MEMORIALS = csv_bytes([memorial(number) for number in range(1, 31)])


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CITYWIDE_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def new(home: Path, tmp_path: Path) -> Callable[..., Result]:
    """Runs `citywide layers new war-memorials`, like a file of thirty memorials."""
    example = tmp_path / "memorials.csv"
    example.write_bytes(MEMORIALS)

    def run(*more: str, layer_id: str = "war-memorials") -> Result:
        return CliRunner().invoke(app, ["layers", "new", layer_id, "--title", "War memorials", *more])

    return run


def test_a_layer_of_nothing_but_the_envelope_loads_as_it_is(new: Callable[..., Result], home: Path) -> None:
    done = new("--geometry", "area")
    layer = find_layer("war-memorials")
    assert done.exit_code == 0 and str(home / "layers" / "war-memorials.toml") in done.output.replace("\n", "")
    assert (layer.title, layer.singular, layer.geometry, len(layer.fields)) == (
        "War memorials",
        "war memorial",
        "area",
        7,
    )
    assert len(layer.description) >= 40 and "citywide migrate" in done.output


def test_each_column_of_an_example_becomes_a_field_of_its_type(new: Callable[..., Result], tmp_path: Path) -> None:
    assert new("--like", str(tmp_path / "memorials.csv")).exit_code == 0
    fields = find_layer("war-memorials").fields
    own = {name: field.type for name, field in list(fields.items())[7:]}
    assert own == {
        "kind": "code", "unveiled": "integer", "listed": "flag", "height_m": "decimal", "order": "text",
        "council_2": "text",
    }  # fmt: skip
    assert set(fields["kind"].codes) == set(KINDS) and fields["listed"].aliases == ("Listed?",)


def test_a_layer_that_is_scaffolded_migrated_and_harvested_is_read_back(
    new: Callable[..., Result], tools: Tools, tmp_path: Path
) -> None:
    new("--like", str(tmp_path / "memorials.csv"))
    assert not is_current(tools.engine)
    migrate(tools.engine, tools.city)
    feed = feed_of(layer="war-memorials")
    save_feed(tools.engine, feed)
    desk = Desk(tools, tmp_path, feed)
    assert desk.harvest(MEMORIALS).outcome == "published"
    first = desk.rows()[0]
    assert len(desk.rows()) == 30 and "Zebedee" not in str(desk.rows())
    assert (first["reference"], first["kind"], first["unveiled"], first["listed"]) == ("WM001", "Cross", 1920, False)
    assert (first["height_m"], first["order"], first["council_2"]) == (3.5, "01", "Ashmere")


def test_a_layer_that_there_is_already_is_not_overwritten(new: Callable[..., Result]) -> None:
    new()
    for taken in ("war-memorials", "libraries"):
        done = new(layer_id=taken)
        assert done.exit_code == 1 and f"There is a layer '{taken}' already" in done.output


def test_an_id_that_is_none_writes_nothing(home: Path) -> None:
    with pytest.raises(RegisterError, match=r"Bad Id\.toml: id: String should match"):
        write_scaffold(home / "layers", "Bad Id", scaffold("Things", GeometryKind.POINT, []))
    assert not home.exists()


def test_an_example_that_is_not_there_is_told(new: Callable[..., Result]) -> None:
    done = new("--like", "/no/such.csv")
    assert done.exit_code == 1 and "There is no file /no/such.csv." in done.output


@pytest.mark.parametrize("text", ['He said "no"', "back\\slash", "tab\tin it", "naïve ✓", "\x7f"])
def test_any_text_of_a_column_or_code_is_written_so_that_it_loads(home: Path, text: str) -> None:
    field = ExampleField(f"a {text}", "a", FieldType.CODE, (text, "other"))
    write_scaffold(home / "layers", "odd-things", scaffold(f"Things {text}", GeometryKind.POINT, [field]))
    layer = layers()["odd-things"]
    assert layer.title == f"Things {text}" and set(layer.fields["a"].codes) == {text, "other"}


def test_people_places_and_software_numbers_are_no_fields() -> None:
    columns = {
        "OBJECTID": range(9),
        "Surname": ["Quill"] * 9,
        "Latitude": [53.5] * 9,
        "geom": ["x"] * 9,
        "Use": ["a"] * 9,
    }
    assert [field.name for field in example_fields(table(columns))] == ["use"]


def test_columns_whose_names_are_one_are_one_field() -> None:
    columns = {"Site name": ["a"], "SITE_NAME": ["b"], "2nd": ["d"], "Ref": ["e"], "Reference": ["f"]}
    named = {field.name: field.column for field in example_fields(table(columns))}
    assert named == {"site_name": "Site name", "n_2nd": "2nd", "reference": "Ref"}


def test_the_list_is_by_theme_and_as_json_says_more(home: Path) -> None:
    text = CliRunner().invoke(app, ["layers", "list"]).output
    assert text.index("Democracy") < text.index("polling-districts") < text.index("Environment")
    told = json.loads(CliRunner().invoke(app, ["layers", "list", "--json"]).output)
    trees = next(one for one in told if one["id"] == "street-trees")
    assert (trees["theme"], trees["geometry"], trees["fields"]) == ("Environment", "point", 22)


@pytest.mark.parametrize(
    ("layer", "said"),
    [("street-trees", "decimal, m"), ("street-trees", "From 0 up to 70."), ("libraries", "postcode *"),
     ("libraries", "Worked out from opening_hours."), ("schools", "The same whoever publishes it."),
     ("article-4-areas", "Any of: 1A,"), ("listed-building-outlines", "One of: I, II*, II.")],
)  # fmt: skip
def test_a_layer_is_shown_with_all_that_limits_its_values(home: Path, layer: str, said: str) -> None:
    shown = CliRunner().invoke(app, ["layers", "show", layer]).output
    assert " ".join(said.split()) in " ".join(shown.split())


def test_a_definition_is_checked_before_it_is_written(home: Path) -> None:
    with pytest.raises(CitywideError):
        write_scaffold(home / "layers", "things", scaffold("X", GeometryKind.POINT, []))
    assert not (home / "layers" / "things.toml").exists()
