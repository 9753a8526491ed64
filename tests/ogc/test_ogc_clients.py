"""A real client: GDAL reads a layer through its OAPIF driver, over several pages, from a real server on loopback."""

import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
import uvicorn

from datasets.layer import layers
from tests.ogc.fixture_city import application

# In a process of its own: GDAL waits for the answer without letting other threads of Python run.
READ = """
import json, sys, pyogrio
address, layer, options = "OAPIF:" + sys.argv[1], sys.argv[2], json.loads(sys.argv[3])
if "bbox" in options:
    options["bbox"] = tuple(options["bbox"])
meta, _, geometry, values = pyogrio.raw.read(address, layer=layer, **options)
fields = {name: list(map(str, column)) for name, column in zip(meta["fields"], values)}
layers = [str(name) for name, _ in pyogrio.list_layers(address)]
print(json.dumps({"layers": layers, "count": len(geometry), "fields": fields}))
"""


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


def gdal(server: str, layer: str, **options: object) -> Any:
    command = [sys.executable, "-c", READ, server, layer, json.dumps(options)]
    ran = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
    assert ran.returncode == 0, ran.stderr
    return json.loads(ran.stdout)


def test_gdal_lists_the_layers(server: str) -> None:
    found = gdal(server, "public-toilets")["layers"]
    assert found == sorted(layers())


def test_gdal_reads_all_features_over_several_pages(server: str) -> None:
    found = gdal(server, "public-toilets", PAGE_SIZE="7")
    assert found["count"] == 60
    assert sorted(found["fields"]["reference"]) == sorted(f"T{number}" for number in range(60))
    assert set(found["fields"]["council_name"]) == {"Alder Bay", "Birchley"}


def test_gdal_filters_by_a_box_on_the_server(server: str) -> None:
    assert gdal(server, "conservation-areas", bbox=(1.095, 51, 1.125, 52))["count"] == 3
