"""The OpenAPI document: valid, self-contained, and true about the parameters that are accepted."""

import json
from pathlib import Path
from typing import Any

import pygeoapi
import pytest
from jsonschema import Draft4Validator
from starlette.testclient import TestClient

OAS30 = Path(pygeoapi.__file__).parent / "schemas/openapi/openapi-3.0.x.json"


@pytest.fixture(scope="module")
def document(client: TestClient) -> Any:
    answer = client.get("/ogc/openapi", headers={"accept": "application/vnd.oai.openapi+json;version=3.0"})
    assert answer.headers["content-type"] == "application/vnd.oai.openapi+json;version=3.0"
    return answer.json()


def references(part: object) -> list[str]:
    if isinstance(part, list):
        return [reference for one in part for reference in references(one)]
    if isinstance(part, dict):
        own = [part["$ref"]] if isinstance(part.get("$ref"), str) else []
        return own + [reference for one in part.values() for reference in references(one)]
    return []


def parameters(document: Any, path: str) -> dict[str, Any]:
    given = document["paths"][path]["get"]["parameters"]
    known = document["components"]["parameters"]
    return {one["name"]: one for one in (known[p["$ref"].split("/")[-1]] if "$ref" in p else p for p in given)}


def test_it_is_valid_openapi_3_0(document: Any) -> None:
    errors = Draft4Validator(json.loads(OAS30.read_text())).iter_errors(document)
    assert [f"{list(error.path)}: {error.message}" for error in errors] == []


def test_it_points_nowhere_but_into_itself(document: Any) -> None:
    for reference in references(document):
        where = document
        for key in reference.removeprefix("#/").split("/"):
            where = where[key]


def test_every_path_answers(client: TestClient, document: Any) -> None:
    for path in document["paths"]:
        if "libraries" not in path:
            feature = "pu0001" if "toilets" in path else "co0001"
            assert client.get("/ogc" + path.replace("{featureId}", feature)).status_code in (200, 404), path


def test_items_declare_just_what_is_accepted(client: TestClient, document: Any) -> None:
    declared = parameters(document, "/collections/public-toilets/items")
    allowed = client.get("/ogc/collections/public-toilets/items?nonsense=1").json()["allowed"]
    assert sorted(declared) == allowed
    assert declared["limit"]["schema"] == {"type": "integer", "minimum": 1, "maximum": 10_000, "default": 10}
    assert declared["datetime"]["schema"]["type"] == "string"
    assert declared["bbox"]["schema"]["minItems"] == 4
