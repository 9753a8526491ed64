"""The councils' web server: gives the demo city's files over http on loopback as councils' servers do, with the
validators that let a harvester ask whether anything changed, and answers for Ferncliffe's CKAN portal."""

import hashlib
import socket
from email.utils import formatdate, parsedate_to_datetime
from html import escape
from pathlib import Path
from threading import Thread
from time import monotonic, sleep
from types import TracebackType

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, PlainTextResponse, Response
from starlette.routing import Route

from datasets.errors import CitywideError
from harvesters.demo import ferncliffe
from harvesters.demo.action_api import ActionApi

HOST = "127.0.0.1"
CONTENT_TYPES = {
    ".csv": "text/csv",
    ".geojson": "application/geo+json",
    ".gml": "application/gml+xml",
    ".gpkg": "application/geopackage+sqlite3",
    ".kml": "application/vnd.google-earth.kml+xml",
    ".tsv": "text/tab-separated-values",
    ".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    ".zip": "application/zip",
}
_START_SECONDS = 10


class CouncilServer:
    """Serves what `write_councils` wrote under `folder`, from a thread, while the context lasts. Files may change
    meanwhile. Port 0 takes any that is free."""

    def __init__(self, folder: Path, port: int = 0) -> None:
        self.folder = folder.absolute()
        self.port = port

    @property
    def url(self) -> str:
        """The server's address, without a slash at the end."""
        return f"http://{HOST}:{self.port}"

    def __enter__(self) -> "CouncilServer":
        self._socket = _listen(self.port)
        self.port = self._socket.getsockname()[1]
        config = uvicorn.Config(
            _application(self.folder),
            log_config=None,
            access_log=False,
            lifespan="off",
            ws="none",
            timeout_graceful_shutdown=2,
        )
        self._server = uvicorn.Server(config)
        self._thread = Thread(target=self._server.run, kwargs={"sockets": [self._socket]}, daemon=True)
        self._thread.start()
        deadline = monotonic() + _START_SECONDS
        while not self._server.started:
            if monotonic() > deadline or not self._thread.is_alive():
                self._stop()
                raise CitywideError("The demo city's council web server did not start.")
            sleep(0.01)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()

    def _stop(self) -> None:
        self._server.should_exit = True
        self._thread.join(_START_SECONDS)
        self._socket.close()


def _listen(port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((HOST, port))
    except OSError as error:
        listener.close()
        raise CitywideError(f"The demo city's council web server cannot use port {port}: {error.strerror}.") from None
    return listener


def _application(folder: Path) -> Starlette:
    portal = ActionApi(folder)
    files = _Files(folder)
    return Starlette(
        routes=[
            Route(f"/{ferncliffe.PORTAL}/api/3/action/{{action}}", portal.answer, methods=["GET", "POST"]),
            Route(f"/{ferncliffe.PORTAL}/api/action/{{action}}", portal.answer, methods=["GET", "POST"]),
            Route(f"/{ferncliffe.PORTAL}/dataset/{{name}}", portal.dataset_page),
            Route("/", files.index),
            Route("/{path:path}", files.send),
        ]
    )


class _Files:
    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._etags: dict[tuple[Path, int, int], str] = {}

    def index(self, request: Request) -> Response:
        """A page with a link to every file."""
        links = "".join(
            f'<li><a href="{escape(str(path))}">{escape(str(path))}</a></li>'
            for path in sorted(found.relative_to(self._folder) for found in self._folder.rglob("*.*"))
            if path.suffix in CONTENT_TYPES
        )
        return HTMLResponse(f"<!doctype html><title>Councils of Merebank</title><h1>Open data</h1><ul>{links}</ul>")

    def send(self, request: Request) -> Response:
        """The file, or 304 where the caller has it already."""
        path = self._published(request.path_params["path"])
        if path is None:
            return PlainTextResponse("Not found\n", status_code=404)
        changed = int(path.stat().st_mtime)
        headers = {"etag": self._etag(path), "last-modified": formatdate(changed, usegmt=True)}
        if _has_it_already(request, headers["etag"], changed):
            return Response(status_code=304, headers=headers)
        return FileResponse(path, headers={**headers, "content-type": CONTENT_TYPES[path.suffix]})

    def _published(self, name: str) -> Path | None:
        path = self._folder / name
        if "\0" in name or path.suffix not in CONTENT_TYPES:
            return None
        return path if path.is_file() and path.resolve().is_relative_to(self._folder.resolve()) else None

    def _etag(self, path: Path) -> str:
        """From the bytes, so that a file written again as it was keeps its tag."""
        stat = path.stat()
        key = (path, stat.st_mtime_ns, stat.st_size)
        if key not in self._etags:
            with path.open("rb") as file:
                self._etags[key] = f'"{hashlib.file_digest(file, "sha256").hexdigest()[:32]}"'
        return self._etags[key]


def _has_it_already(request: Request, etag: str, changed: int) -> bool:
    tags = request.headers.get("if-none-match")
    if tags is not None:
        return tags.strip() == "*" or etag in {tag.strip().removeprefix("W/") for tag in tags.split(",")}
    since = request.headers.get("if-modified-since")
    if since is None:
        return False
    try:
        return changed <= parsedate_to_datetime(since).timestamp()
    except ValueError:
        return False
