"""Serves the folder of real council files over http on loopback, with the content types their servers use."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler
from pathlib import Path
from urllib.parse import quote

from tests.serving import serving

CONTENT_TYPES = {
    ".csv": "text/csv",
    ".tsv": "text/tab-separated-values",
    ".txt": "text/plain",
    ".json": "application/json",
    ".geojson": "application/geo+json",
    ".gml": "text/xml; subtype=gml/3.1.1",
    ".kml": "application/vnd.google-earth.kml+xml",
    ".kmz": "application/vnd.google-earth.kmz",
    ".xls": "application/vnd.ms-excel",
    ".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    ".zip": "application/zip",
}


class _Files(SimpleHTTPRequestHandler):
    extensions_map = {"": "application/octet-stream", **CONTENT_TYPES}  # noqa: RUF012

    def log_message(self, format: str, *args: object) -> None:
        """Quiet: a run says itself what it fetched."""


@contextmanager
def replay(folder: Path) -> Iterator[str]:
    """The base address at which `folder` is served while the context lasts."""
    with serving(partial(_Files, directory=str(folder))) as port:
        yield f"http://127.0.0.1:{port}"


def address(base: str, path: str) -> str:
    """The address of a file of the folder."""
    return f"{base}/{quote(path)}"
