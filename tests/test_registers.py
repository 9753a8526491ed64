"""Registers and documents refuse a bad line naming the file and the key; the shipped ones are whole and agree."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from datasets import feed as feeding
from datasets import layer as layering
from datasets.city import SHIPPED, City, read_city
from datasets.errors import CitywideError, RegisterError
from datasets.feed import Cadence, Feed, read_feed, shipped_feeds
from datasets.issues import IssueCode, issue_codes, row_issues
from datasets.layer import find_layer, read_layer
from datasets.licence import Licence, find_licence, licences
from datasets.register import read_document, read_register
from datasets.settings import Settings, read_settings
from datasets.vocabulary import Action
from tests.builders import feed_of

CITY = """
title = "Mere"
description = "A city."
extent = [1.0, 53.0, 2.0, 54.0]
boundary_source = "made up"
[[council]]
gss = "X09000001"
name = "Ashmere"
"""
LICENCE = '["OGL"]\ntitle = "Open"\nopen = true\n'
ISSUE = '["bad date"]\ntitle = "Not a date"\nfix = "Write dates."\nseverity = "error"\nresponsibility = "publisher"\n'
FEED = (
    'id = "a-toilets"\ncouncil = "X09000001"\nlayer = "libraries"\nurl = "https://example.org/a.csv"\nlicence = "ogl"\n'
)
LAYER = (SHIPPED.parent / "layers" / "libraries.toml").read_text(encoding="utf-8")


@pytest.fixture
def written(tmp_path: Path) -> Callable[[str], Path]:
    """Writes a document called `bad.toml`."""

    def write(text: str) -> Path:
        (tmp_path / "bad.toml").write_text(text, encoding="utf-8")
        return tmp_path / "bad.toml"

    return write


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ('gss = "X09000001"', 'gss = "Ashmere"', r"bad\.toml: council\.0\.gss: String should match"),
        ('title = "Mere"\n', "", r"bad\.toml: title: Field required\."),
        ("[1.0, 53.0, 2.0, 54.0]", "[2.0, 53.0, 1.0, 54.0]", r"bad\.toml: .*extent must be west, south, east, north"),
        ("[1.0, 53.0, 2.0, 54.0]", "[1.0, 53.0]", r"bad\.toml: extent"),
        ('name = "Ashmere"', 'name = "Ashmere"\ncolour = "red"', r"bad\.toml: council\.0\.colour: Extra inputs"),
        ('"Ashmere"\n', '"Ashmere"\n[[council]]\ngss = "X09000001"\nname = "B"\n', r"bad\.toml: council\.1\.name"),
        ('"Ashmere"\n', '"Ashmere"\n[[council]]\ngss = "X09000001"\nname = "Bee"\n', "two councils have the gss"),
        ('title = "Mere"', "title = Mere", r"bad\.toml: not valid TOML: .*line 2"),
    ],
)  # fmt: skip
def test_a_bad_city_is_refused_by_file_and_key(
    written: Callable[[str], Path], before: str, after: str, told: str
) -> None:
    assert before in CITY
    with pytest.raises(RegisterError, match=told):
        read_document(written(CITY.replace(before, after)), City)


@pytest.mark.parametrize(
    ("text", "model", "told"),
    [
        (LICENCE.replace("true", '"perhaps"'), Licence, r"bad\.toml: OGL\.open: .*boolean.*\(found 'perhaps'\)"),
        (LICENCE + "opne = true\n", Licence, r"bad\.toml: OGL\.opne: Extra inputs are not permitted"),
        (ISSUE.replace('"error"', '"dire"'), IssueCode, r"bad\.toml: bad date\.severity: .*\(found 'dire'\)"),
        (ISSUE.replace('fix = "Write dates."\n', ""), IssueCode, r"bad\.toml: bad date\.fix: Field required\."),
    ],
)
def test_a_bad_line_of_a_register_is_refused_by_file_and_key(
    written: Callable[[str], Path], text: str, model: type[Licence] | type[IssueCode], told: str
) -> None:
    with pytest.raises(RegisterError, match=told):
        read_register(written(text), model)


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ('council = "Ashmere"', "council: String should match"),
        ('layer = "trees"', "There is no layer 'trees'; there are air-quality-sites, "),
        ('licence = "do what you like"', "licence: 'do what you like' is not a licence we know; use one of OGL-UK-3.0"),
        ('url = "file:///etc/passwd"', "url: the address must begin with http"),
        ('url = "https://me:secret@example.org/"', "url: the address must not hold a user name or password"),
        ('cadence = "hourly"', "cadence: Input should be 'daily', 'weekly'"),
        ('platform = "F T P"', "platform: String should match pattern"),
        ('mapping = { colour = { column = "A" } }', "mapping names 'colour', which libraries does not have"),
        ('mapping = { name = { column = "A", constant = "b" } }', "give exactly one of column, columns or constant"),
        ('mapping = { name = { column = "A", converter = "eval" } }', r"mapping\.name\.converter"),
        ('location = { kind = "xy", columns = ["X"] }', "a location of kind xy names 2 columns"),
        ("secret = 1", "secret: Extra inputs are not permitted"),
        ('id = "Not An Id"', "id: String should match"),
    ],
)
def test_a_bad_feed_document_is_refused_by_file_and_key(written: Callable[[str], Path], line: str, told: str) -> None:
    key = line.split(" = ")[0]
    kept = [other for other in FEED.splitlines() if not other.startswith(f"{key} =")]
    with pytest.raises(RegisterError, match=told) as refused:
        read_feed(written("\n".join([*kept, line])))
    assert str(refused.value).startswith("bad.toml: ") and "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ('type = "postcode"', 'type = "zip"', r"libraries\.toml: field\.postcode\.type: .*\(found 'zip'\)"),
        ("[field.postcode]", "[field.Postcode]", "'Postcode' cannot be a field name"),
        ("[field.postcode]", "[field.geom]", "'geom' cannot be a field name"),
        ('needs = [["name"]]', 'needs = [["colour"]]', r"libraries\.toml: needs: there is no field 'colour'"),
        ('geometry = "point"', 'geometry = "line"', r"libraries\.toml: geometry"),
        ("[field.library_type.codes]", "[field.library_type.other]", r"field\.library_type"),
    ],
)
def test_a_bad_layer_definition_is_refused(tmp_path: Path, before: str, after: str, told: str) -> None:
    path = tmp_path / "libraries.toml"
    assert before in LAYER
    path.write_text(LAYER.replace(before, after), encoding="utf-8")
    with pytest.raises(RegisterError, match=told):
        read_layer(path)


def test_a_file_that_is_not_there_or_not_text_is_refused(tmp_path: Path, written: Callable[[str], Path]) -> None:
    with pytest.raises(RegisterError, match=r"none\.toml: there is no such file in"):
        read_document(tmp_path / "none.toml", City)
    path = written("")
    path.write_bytes(b'title = "\xff"')
    with pytest.raises(RegisterError, match=r"bad\.toml: the file is not UTF-8 text"):
        read_document(path, City)


@pytest.mark.parametrize(("city", "councils"), [("london", 33), ("greater-manchester", 10), ("demo", 6)])
def test_the_shipped_cities_have_all_their_councils(settings: Settings, city: str, councils: int) -> None:
    made = read_city(replace(settings, city=city))
    assert len(made.council) == len({council.gss for council in made.council}) == councils


@pytest.mark.parametrize(
    ("city", "name", "gss"),
    [
        ("london", "Camden", "E09000007"),
        ("london", "City of London", "E09000001"),
        ("london", "kensington-and-chelsea", "E09000020"),
        ("greater-manchester", "Trafford", "E08000009"),
        ("greater-manchester", "e08000003", "E08000003"),
        ("demo", "Ferncliffe", "X09000006"),
    ],
)
def test_a_council_is_found_by_name_slug_or_code(settings: Settings, city: str, name: str, gss: str) -> None:
    assert read_city(replace(settings, city=city)).find_council(name).gss == gss


def test_london_and_manchester_have_the_codes_of_their_kind(settings: Settings) -> None:
    london = {council.gss for council in read_city(replace(settings, city="london")).council}
    manchester = {council.gss for council in read_city(replace(settings, city="greater-manchester")).council}
    assert london == {f"E090000{number:02d}" for number in range(1, 34)}
    assert manchester == {f"E080000{number:02d}" for number in range(1, 11)}


def test_an_operators_own_city_goes_before_a_shipped_one(settings: Settings, tmp_path: Path) -> None:
    own = replace(settings, home=tmp_path)
    own.cities.mkdir()
    (own.cities / "demo.toml").write_text(CITY)
    assert read_city(own).title == "Mere"


def test_a_city_that_there_is_not_is_told_with_those_there_are(settings: Settings) -> None:
    with pytest.raises(
        RegisterError, match=r"There is no city 'atlantis'\. Shipped are demo, greater-manchester, london"
    ):
        read_city(replace(settings, city="atlantis"))


def test_a_definition_written_anew_is_read_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layering, "DEFINITIONS", tmp_path)
    (tmp_path / "libraries.toml").write_text(LAYER, encoding="utf-8")
    assert find_layer("libraries").title == "Libraries"
    (tmp_path / "libraries.toml").write_text(LAYER.replace('"Libraries"', '"All the libraries"', 1), encoding="utf-8")
    assert find_layer("libraries").title == "All the libraries"


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("OGL-UK-3.0", "OGL-UK-3.0"),
        ("uk-ogl", "OGL-UK-3.0"),
        ("Open Government Licence v3.0", "OGL-UK-3.0"),
        (" CC-BY ", "CC-BY-4.0"),
        ("unknown", "unknown"),
    ],
)
def test_a_licence_is_found_by_id_title_or_alias(text: str, key: str) -> None:
    assert find_licence(text) == key


def test_no_alias_names_two_licences() -> None:
    words = [word.lower() for key, one in licences().items() for word in {key.lower(), one.title.lower(), *one.aliases}]
    assert sorted({word for word in words if words.count(word) > 1}) == []


def test_share_alike_and_unknown_licences_are_not_open() -> None:
    assert not any(licence.open for licence in licences().values() if licence.share_alike)
    assert not licences()["unknown"].open and licences()["OGL-UK-3.0"].open


def test_every_issue_code_says_what_it_means_and_how_to_mend_it() -> None:
    for code, meaning in issue_codes().items():
        assert meaning.title and meaning.fix.endswith("."), code


def test_a_stage_cannot_use_a_code_outside_the_register() -> None:
    with pytest.raises(KeyError):
        row_issues("no such code", [1], action=Action.KEPT)


def test_a_feed_survives_being_written_down_and_read_back() -> None:
    feed = feed_of(
        mapping={"category": {"column": "A", "converter": "lookup", "values": {"a": "Male"}}},
        location={"kind": "pair", "columns": ["Where"], "crs": 4326},
        cadence="yearly",
    )
    assert Feed.model_validate(feed.document()) == feed and feed.cadence is Cadence.YEARLY


def test_every_shipped_feed_is_of_a_council_of_its_city(settings: Settings) -> None:
    for path in SHIPPED.glob("*.toml"):
        city = read_city(replace(settings, city=path.stem))
        assert all(city.find_council(feed.council) for feed in shipped_feeds(path.stem))


def test_a_shipped_feed_whose_file_is_not_named_after_it_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feeding, "SHIPPED", tmp_path)
    (tmp_path / "demo").mkdir()
    (tmp_path / "demo" / "a-toilets.toml").write_text(FEED)
    assert [feed.id for feed in shipped_feeds("demo")] == ["a-toilets"]
    (tmp_path / "demo" / "b-toilets.toml").write_text(FEED)
    with pytest.raises(
        RegisterError, match=r"b-toilets\.toml: id: the file's name must be the feed's id \(found 'a-toilets'"
    ):
        shipped_feeds("demo")


@pytest.mark.parametrize("text", ["-1", "0", "ten", "1.5", "１"])
def test_a_setting_that_is_no_number_is_refused_by_name(text: str) -> None:
    with pytest.raises(CitywideError, match="CITYWIDE_FETCH_SECONDS must be a whole number above zero"):
        read_settings({"CITYWIDE_FETCH_SECONDS": text})
