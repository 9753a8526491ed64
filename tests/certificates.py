"""Certificates for a web server on loopback, made anew for each test run with the machine's own `openssl`."""

import shutil
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from tests.serving import serving

DAYS = 3
LEAF = "basicConstraints=CA:FALSE\nsubjectAltName={names}\n"
AUTHORITY = "basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign\n"


@dataclass(frozen=True)
class Issued:
    """A certificate with its key; `sent` is what a server shows of its chain."""

    certificate: Path
    key: Path


class Authority:
    """A root, an intermediate below it, and what they sign."""

    def __init__(self, folder: Path) -> None:
        if shutil.which("openssl") is None:
            pytest.skip("openssl is not installed")
        self.folder = folder
        self.root = self._issue("root", AUTHORITY, None)
        self.intermediate = self._issue("intermediate", AUTHORITY, self.root)

    def leaf(
        self, name: str, names: str = "DNS:localhost,IP:127.0.0.1", *, days: int = DAYS, own: bool = False
    ) -> Issued:
        """A server's certificate, signed by the intermediate, or by nobody but itself."""
        return self._issue(name, LEAF.format(names=names), None if own else self.intermediate, days)

    def with_chain(self, leaf: Issued) -> Issued:
        """The certificate as a well-kept server sends it, followed by the intermediate."""
        whole = leaf.certificate.with_suffix(".chain")
        whole.write_bytes(leaf.certificate.read_bytes() + self.intermediate.certificate.read_bytes())
        return Issued(whole, leaf.key)

    def _issue(self, name: str, extensions: str, by: Issued | None, days: int = DAYS) -> Issued:
        made = Issued(self.folder / f"{name}.pem", self.folder / f"{name}.key")
        request, wanted = self.folder / f"{name}.csr", self.folder / f"{name}.cnf"
        wanted.write_text(extensions)
        curve = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
        _openssl("req", "-new", *curve, "-subj", f"/CN={name}", "-keyout", made.key, "-out", request)
        signer = ("-CA", by.certificate, "-CAkey", by.key, "-CAcreateserial") if by else ("-signkey", made.key)
        _openssl("x509", "-req", "-in", request, "-days", days, *signer, "-extfile", wanted, "-out", made.certificate)
        return made


@contextmanager
def served_securely(issued: Issued) -> Iterator[str]:
    """The address of a web server with this certificate, which says `secure` to whoever believes it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(issued.certificate, issued.key)
    with serving(_Secure, secured=context) as port:
        yield f"https://localhost:{port}"


class _Secure(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "6")
        self.end_headers()
        self.wfile.write(b"secure")

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""


def _openssl(*arguments: object) -> None:
    subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True)
