"""Attribution for each answer: the words and licences of the feeds whose features are in it, and of no other."""

from typing import Any

import pytest
from sqlalchemy import Engine, update
from starlette.testclient import TestClient

from datasets.store import tables
from datasets.store.engine import connect
from tests.ogc.fixture_city import CITY, application

ITEMS = "/ogc/collections/public-toilets/items"
OGL = "Contains public sector information licensed under the Open Government Licence v3.0."
OGL_URL = "https://www.nationalarchives.gov.uk/doc/open-government-licence/version/3/"


def page(client: TestClient, **parameters: str) -> Any:
    return client.get(ITEMS, params=parameters).json()


def credit(url: str, feed: str, **values: str) -> None:
    engine: Engine = connect(url)
    with engine.begin() as connection:
        connection.execute(update(tables.feed).where(tables.feed.c.id == feed).values(**values))
    engine.dispose()


@pytest.mark.parametrize(
    ("council", "words"), [("X08000001", OGL), ("X08000002", "© Birchley 2024"), (None, f"{OGL} © Birchley 2024.")]
)
def test_an_answer_has_the_words_of_the_councils_in_it(client: TestClient, council: str | None, words: str) -> None:
    found = page(client, **({"council": council} if council else {}))
    assert sorted(found["attribution"].rstrip(".")) == sorted(words.rstrip("."))


def test_the_first_page_names_only_who_is_on_it(client: TestClient) -> None:
    assert page(client, limit="2")["attribution"] == OGL
    assert "Birchley" in page(client, limit="3")["attribution"]


def test_an_answer_names_its_licences_and_links_to_them(client: TestClient) -> None:
    found = page(client)
    licence = {"id": "OGL-UK-3.0", "title": "Open Government Licence v3.0", "href": OGL_URL}
    assert found["licences"] == [licence]
    assert [link["href"] for link in found["links"] if link["rel"] == "license"] == [OGL_URL]


def test_an_answer_without_features_owes_nobody(client: TestClient) -> None:
    found = page(client, name="nobody")
    assert (found["features"], found["attribution"], found["licences"]) == ([], "", [])
    assert [link for link in found["links"] if link["rel"] == "license"] == []


def test_a_feature_links_to_its_licence(client: TestClient) -> None:
    found = client.get(f"{ITEMS}/pu0002").json()
    assert found["properties"]["attribution"] == "© Birchley 2024"
    assert [link["href"] for link in found["links"] if link["rel"] == "license"] == [OGL_URL]


def test_licences_of_several_councils_stand_side_by_side(own_url: str) -> None:
    credit(own_url, "birchley-public-toilets", licence="CC-BY-4.0", attribution="")
    with TestClient(application(own_url), base_url="http://fernport.test") as client:
        found = page(client, limit="3")
        assert {licence["id"] for licence in found["licences"]} == {"OGL-UK-3.0", "CC-BY-4.0"}
        # A licence that has no words of its own asks for the name of who made it.
        assert CITY.council[1].name in found["attribution"]


def test_ordnance_survey_is_named_once(own_url: str) -> None:
    for council in ("alder-bay", "birchley"):
        words = f"© {council} 2024. Contains OS data © Crown copyright and database rights 2024"
        credit(own_url, f"{council}-public-toilets", attribution=words)
    with TestClient(application(own_url), base_url="http://fernport.test") as client:
        assert page(client)["attribution"].count("Contains OS data") == 1


def test_the_html_page_shows_words_and_licences(client: TestClient) -> None:
    text = client.get(ITEMS, params={"f": "html"}).text
    assert "© Birchley 2024" in text
    assert f'href="{OGL_URL}" rel="license">Open Government Licence v3.0</a>' in text
