"""JSON that is nested without end is refused in a sentence by whatever reads an answer."""

from collections.abc import Callable, Iterator

import pytest

from datasets.errors import RunFailed
from harvesters.adapters import find_adapter
from harvesters.adapters.ckan import said_by
from harvesters.adapters.contract import Dataset
from harvesters.adapters.socrata import _rows
from harvesters.platforms.arcgis.pages import answered
from harvesters.platforms.feature_pages import read_json_page
from harvesters.web.ask import Answer as Got
from harvesters.web.ask import as_json
from harvesters.web.json_text import MOST_NESTED, read_json
from harvesters.web.session import Session
from tests.builders import Answer, Loopback, served

DEEP = [b"[" * 100_000, b'{"a":' * 700 + b"1" + b"}" * 700, b"[" * 101 + b"]" * 101]


@pytest.fixture(params=DEEP, ids=["without an end", "in objects", "a little"])
def deep(request: pytest.FixtureRequest) -> bytes:
    return bytes(request.param)


READERS: list[Callable[[bytes], object]] = [
    lambda body: as_json(Got("https://example.org/", 200, body, {}, 0.1)),
    lambda body: answered("https://example.org/", body),
    lambda body: _rows(body, Dataset("Toilets", "https://example.org/")),
    lambda body: read_json_page(body, "example.org"),
    lambda body: said_by(body.decode()),
]


@pytest.mark.parametrize("reads", READERS)
def test_every_reader_of_answers_refuses_it(reads: Callable[[bytes], object], deep: bytes) -> None:
    with pytest.raises(RunFailed, match="nested too deep") as failed:
        reads(deep)
    assert failed.value.code == "E-FORMAT"


def test_what_anybody_needs_is_read() -> None:
    assert read_json(b"[" * MOST_NESTED + b"]" * MOST_NESTED, "example.org") != []
    with pytest.raises(ValueError, match="Expecting"):
        read_json(b"{", "example.org")


@pytest.fixture
def site(deep: bytes) -> Iterator[Loopback]:
    class Same(dict[str, Answer]):
        def get(self, path: str, default: object = None) -> Answer:
            return Answer(deep, headers={"Content-Type": "application/json"})

    with served() as site:
        site.answers = Same()
        yield site


@pytest.mark.parametrize(
    ("platform", "path", "params"),
    [
        ("ckan", "/", {"dataset": "toilets"}),
        ("dcat", "/catalog.jsonld", {"dataset": "toilets"}),
        ("socrata", "/", {"dataset": "abcd-1234"}),
        ("opendatasoft", "/", {"dataset": "toilets"}),
        ("arcgis", "/arcgis/rest/services/A/FeatureServer/0", {}),
        ("ogcapi", "/", {"collection": "toilets"}),
    ],
)
def test_no_adapter_breaks_on_it(
    site: Loopback, session: Session, platform: str, path: str, params: dict[str, str]
) -> None:
    with pytest.raises(RunFailed, match="nested too deep"):
        find_adapter(platform).probe(site[path], params, session)
