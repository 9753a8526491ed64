"""Filters of items: bbox, datetime and equality, alone and together."""

import pytest
from starlette.testclient import TestClient

from tests.ogc.test_ogc_items import ids, page, toilets

AREAS = "/ogc/collections/conservation-areas/items"


def areas(client: TestClient, **parameters: str) -> list[int]:
    answer = client.get(AREAS, params={"limit": "100", **parameters})
    assert answer.status_code == 200, answer.text
    return [int(name[2:]) for name in ids(answer.json())]


@pytest.mark.parametrize(
    ("bbox", "found"),
    [
        ("1.095,51,1.125,52", [10, 11, 12]),
        ("1.095,51,-10,1.125,52,900", [10, 11, 12]),
        ("1.1,51.5,1.1,51.5", [10]),
        ("5,51,6,52", []),
        ("1.575,51,-170,52", [58, 59]),
        ("170,51,1.015,52", [0, 1]),
    ],
)
def test_bbox_gives_what_meets_the_box(client: TestClient, bbox: str, found: list[int]) -> None:
    document = page(client, bbox=bbox)
    assert ids(document) == toilets(*found)
    assert document["numberMatched"] == len(found)


def test_bbox_crs_may_be_said_when_it_is_the_default(client: TestClient) -> None:
    crs = "http://www.opengis.net/def/crs/OGC/1.3/CRS84"
    assert ids(page(client, bbox="1.095,51,1.125,52", bbox_crs=crs)) == toilets(10, 11, 12)


def test_an_area_whose_box_is_met_but_not_itself_is_left_out(client: TestClient) -> None:
    assert areas(client, bbox="1.0001,51.5001,1.001,51.501") == [0]
    assert areas(client, bbox="1.007,51.507,1.0079,51.5079") == []


def test_an_area_that_meets_both_sides_of_the_antimeridian_comes_once(client: TestClient) -> None:
    assert areas(client, bbox="1.0001,51,1.005,52") == [0]
    assert areas(client, bbox="1.0001,51,-179,52") == list(range(12))


@pytest.mark.parametrize(
    ("when", "found"),
    [
        ("1970", [0]),
        ("1970-12-31", [0]),
        ("1969-12-31", []),
        ("1999-06-30", list(range(12))),
        ("1999-07-01", list(range(1, 12))),
        ("2024-05-01T23:59:00-03:00", list(range(1, 12))),
        ("../1971-01-01", [0, 1]),
        ("/1971-01-01", [0, 1]),
        ("1999-07/..", list(range(1, 12))),
        ("1969-01-01/P2Y", [0, 1]),
        ("../..", list(range(12))),
    ],
)
def test_datetime_gives_what_was_in_force(client: TestClient, when: str, found: list[int]) -> None:
    assert areas(client, datetime=when) == found


def test_a_feature_without_dates_is_always_in_force(client: TestClient) -> None:
    assert page(client, datetime="1066-10-14")["numberMatched"] == 60


@pytest.mark.parametrize(
    ("name", "value", "count"),
    [
        ("council", "X08000002", 20),
        ("feed", "alder-bay-public-toilets", 40),
        ("name", "Toilet 3", 9),
        ("accessible", "true", 30),
        ("accessible", "no", 30),
        ("charge", "0.5", 15),
        ("category", "Unisex", 60),
        ("postcode", "none of it", 0),
    ],
)
def test_a_queryable_filters_by_equality(client: TestClient, name: str, value: str, count: int) -> None:
    document = page(client, **{name: value}, limit=100)
    assert (document["numberReturned"], document["numberMatched"]) == (count, count)


def test_filters_narrow_each_other(client: TestClient) -> None:
    document = page(client, bbox="1,51,1.2,52", council="X08000002", accessible="true", datetime="2020/..")
    assert ids(document) == toilets(2, 8, 14, 20)


def test_a_value_cannot_leave_its_place_in_the_sql(client: TestClient) -> None:
    assert page(client, name="' OR 1=1 --")["numberMatched"] == 0
    assert page(client, name="%(after)s")["numberMatched"] == 0
