"""A real client: GDAL reads a layer through its OAPIF driver, over several pages, from a real server on loopback."""

import threading
import time
from collections.abc import Iterator

import pyogrio
import pytest
import uvicorn

from tests.ogc.fixture_city import application


@pytest.fixture(scope="module")
def server(filled_url: str) -> Iterator[str]:
    server = uvicorn.Server(uvicorn.Config(application(filled_url), port=0, log_level="warning"))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.02)
        assert thread.is_alive()
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}/ogc"
    server.should_exit = True
    thread.join()


def test_gdal_lists_the_layers(server: str) -> None:
    found = {name for name, _ in pyogrio.list_layers(f"OAPIF:{server}")}
    assert {"public-toilets", "conservation-areas", "libraries", "polling-stations"} <= found


def test_gdal_reads_all_features_over_several_pages(server: str) -> None:
    meta, _, geometry, fields = pyogrio.raw.read(f"OAPIF:{server}", layer="public-toilets", PAGE_SIZE="7")
    names = list(meta["fields"])
    assert len(geometry) == 60
    assert sorted(fields[names.index("reference")]) == sorted(f"T{number}" for number in range(60))
    assert set(fields[names.index("council_name")]) == {"Alder Bay", "Birchley"}


def test_gdal_filters_by_a_box_on_the_server(server: str) -> None:
    _, _, geometry, _ = pyogrio.raw.read(f"OAPIF:{server}", layer="public-toilets", bbox=(1.095, 51, 1.125, 52))
    assert len(geometry) == 3
