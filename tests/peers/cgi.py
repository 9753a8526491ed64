"""A small web server that runs one CGI program (RFC 3875) for each request, as Apache does for MapServer."""

import subprocess
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Self
from urllib.parse import unquote

from tests.peers.served import HOST

SECONDS = 60


class CgiServer:
    """Runs `program` with `environment` for every GET while the context lasts."""

    def __init__(self, program: str, environment: Mapping[str, str]) -> None:
        self.program = program
        self.environment = dict(environment)
        self.asked: list[str] = []
        self._server = ThreadingHTTPServer((HOST, 0), self._answers())
        self._server.daemon_threads = True

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self._server.server_port}"

    def __enter__(self) -> Self:
        self._thread = Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *raised: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _answers(self) -> type[BaseHTTPRequestHandler]:
        cgi = self

        class Answers(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                cgi.asked.append(self.path)
                path, _, query = self.path.partition("?")
                variables = {
                    "REQUEST_METHOD": "GET",
                    "QUERY_STRING": query,
                    "SCRIPT_NAME": "",
                    "PATH_INFO": unquote(path) if path != "/" else "",
                    "SERVER_NAME": HOST,
                    "SERVER_PORT": str(cgi._server.server_port),
                    "SERVER_PROTOCOL": "HTTP/1.1",
                    "HTTP_ACCEPT": self.headers.get("Accept", "*/*"),
                    "HTTP_HOST": self.headers.get("Host", HOST),
                }
                done = subprocess.run(
                    [cgi.program], env=cgi.environment | variables, capture_output=True, timeout=SECONDS, check=False
                )
                self._send(done.stdout)

            def _send(self, output: bytes) -> None:
                end = b"\r\n\r\n" if b"\r\n\r\n" in output else b"\n\n"
                head, _, body = output.partition(end)
                lines = [line.strip() for line in head.decode("latin-1").splitlines() if ":" in line]
                headers = {name.strip(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
                status = headers.pop("Status", headers.pop("status", "200"))
                self.send_response(int(status.split()[0]))
                for name, value in headers.items():
                    if name.lower() != "content-length":
                        self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:
                pass

        return Answers
