"""The servers that most rows of the matrix are asked of."""

from collections.abc import Iterator

import pytest

from harvesters.run import Tools
from tests.builders import Loopback, served
from tests.misbehaviour.feeds import Council, council
from tests.peers.arcgis import ArcgisServer
from tests.peers.arcgis import served as serving_arcgis


@pytest.fixture
def site() -> Iterator[Loopback]:
    with served() as site:
        yield site


@pytest.fixture
def arcgis(tools: Tools) -> Iterator[tuple[ArcgisServer, Council]]:
    server = ArcgisServer(rows=60, max_record_count=20)
    with serving_arcgis(server):
        yield server, council(tools, platform="arcgis", url=server.url)
