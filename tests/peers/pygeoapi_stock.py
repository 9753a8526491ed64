"""Starts stock pygeoapi 0.21, as its own documentation has it: a configuration file, the providers that come with it,
and its own process, which knows nothing of ours. Layers are files of GeoJSON."""

import os
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from tests.peers.served import HOST, Served, free_port, wait_for

CRS84 = "http://www.opengis.net/def/crs/OGC/1.3/CRS84"
GRID = "http://www.opengis.net/def/crs/EPSG/0/27700"


@contextmanager
def pygeoapi(folder: Path, layers: Iterable[Served], *, most: int = 10_000, grid: bool = False) -> Iterator[str]:
    """The address of the server; `most` features at once; with `grid` it also speaks the national grid (Part 2)."""
    port = free_port()
    url = f"http://{HOST}:{port}"
    configuration, document = folder / "pygeoapi.yml", folder / "openapi.yml"
    configuration.write_text(yaml.safe_dump(_configuration(url, layers, most, grid)))
    environment = os.environ | {"PYGEOAPI_CONFIG": str(configuration), "PYGEOAPI_OPENAPI": str(document)}
    script = "from pygeoapi import cli; cli()"
    subprocess.run(
        [sys.executable, "-c", script, "openapi", "generate", str(configuration), "--output-file", str(document)],
        env=environment, check=True, capture_output=True, cwd=folder,
    )  # fmt: skip
    with (folder / "pygeoapi.log").open("wb") as log:
        running = subprocess.Popen(
            [sys.executable, "-m", "uvicorn", "pygeoapi.starlette_app:APP", "--host", HOST, "--port", str(port)],
            env=environment, stdout=log, stderr=log, cwd=folder,
        )  # fmt: skip
    try:
        wait_for(f"{url}/conformance?f=json", lambda: running.poll() is None)
        yield url
    finally:
        running.terminate()
        running.wait(20)


def _configuration(url: str, layers: Iterable[Served], most: int, grid: bool) -> dict[str, Any]:
    name = {"name": "Ashmere", "url": "https://example.org/"}
    return {
        "server": {
            "bind": {"host": HOST, "port": 0}, "url": url, "mimetype": "application/json; charset=UTF-8",
            "encoding": "utf-8", "languages": ["en-GB"], "limits": {"default_items": 10, "max_items": most},
            "map": {"url": "https://example.org/{z}/{x}/{y}.png", "attribution": "none"},
        },
        "logging": {"level": "ERROR"},
        "metadata": {
            "identification": {
                "title": "Ashmere maps", "description": "made up", "keywords": ["maps"], "keywords_type": "theme",
                "terms_of_service": "none", "url": "https://example.org/",
            },
            "license": {"name": "OGL", "url": "https://example.org/licence"}, "provider": name,
            "contact": {"name": "Maps", "position": "Desk", "email": "maps@example.org"},
        },
        "resources": {layer.name: _resource(layer, grid) for layer in layers},
    }  # fmt: skip


def _resource(layer: Served, grid: bool) -> dict[str, Any]:
    provider: dict[str, Any] = {
        "type": "feature", "name": "GeoJSON", "data": str(layer.path.resolve()), "id_field": layer.key or "id",
    }  # fmt: skip
    if grid:
        provider["crs"] = [CRS84, GRID]
    licence = {"type": "text/html", "rel": "license", "href": "https://example.org/licence", "title": "OGL"}
    extent = {"bbox": [-8, 49, 2, 61], "crs": CRS84}
    return {
        "type": "collection", "title": f"{layer.name} of Ashmere", "description": "made up", "keywords": ["maps"],
        "links": [licence], "extents": {"spatial": extent}, "providers": [provider],
    }  # fmt: skip
