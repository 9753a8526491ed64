"""One demo city, written out once for all tests that only read it."""

from pathlib import Path

import pytest

from harvesters.demo.city import DemoCity, make_city
from harvesters.demo.councils import write_councils
from harvesters.demo.publication import Publication


@pytest.fixture(scope="session")
def city() -> DemoCity:
    return make_city()


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("councils")


@pytest.fixture(scope="session")
def publications(city: DemoCity, folder: Path) -> dict[str, Publication]:
    """What was written under `folder`, by feed id."""
    return {publication.feed_id: publication for publication in write_councils(city, folder)}
