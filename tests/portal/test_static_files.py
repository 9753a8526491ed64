"""The style sheet carries its hash in its name; a portal whose style sheet is not built yet still has pages."""

from jinja2 import UndefinedError
from pytest import raises
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.testclient import TestClient

from portal.rendering import make_environment
from portal.static_files import BuiltFiles, read_assets


def test_a_built_style_sheet_is_kept_for_ever(tmp_path):
    (tmp_path / "assets.json").write_text('{"citywide.css": "citywide.abc123.css"}')
    (tmp_path / "citywide.abc123.css").write_text("body {}")
    address = read_assets(tmp_path)["citywide.css"]
    with TestClient(Starlette(routes=[Mount("/static", BuiltFiles(tmp_path))])) as browser:
        assert browser.get(address).headers["cache-control"] == "public, max-age=31536000, immutable"


def test_without_a_build_there_are_no_assets(tmp_path):
    assert read_assets(tmp_path) == {}


def test_a_page_without_a_style_sheet_links_none():
    class Anywhere:
        title = "Mereshire"

    page = make_environment({}).get_template("problem.html").render(city=Anywhere(), path="/", title="t", detail="d")
    assert "stylesheet" not in page and "t – Citywide, Mereshire" in page


def test_a_name_that_a_page_forgot_stops_it():
    with raises(UndefinedError, match="detail"):
        make_environment({}).get_template("problem.html").render(city={"title": ""}, path="/", title="t")
