"""The one HTTP session that every adapter uses: our name, time limits, and failures as sentences."""

import socket
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3.util.retry import Retry

from datasets.errors import RunFailed

CONNECT_SECONDS, READ_SECONDS = 10, 60
MAX_REDIRECTS = 5
TRIES = 3


class Session(requests.Session):
    """A requests session with our User-Agent, bounded redirects and retries of what may pass."""

    def __init__(self, contact: str) -> None:
        super().__init__()
        self.max_redirects = MAX_REDIRECTS
        self.headers["User-Agent"] = f"Citywide/0.1 (+{contact})"
        retries = Retry(
            total=TRIES - 1,
            backoff_factor=1,
            status_forcelist=(429, 502, 503, 504),
            allowed_methods=("GET", "HEAD"),
            raise_on_status=False,
            raise_on_redirect=True,
        )
        for scheme in ("http://", "https://"):
            self.mount(scheme, HTTPAdapter(max_retries=retries))

    def failure(self, url: str, error: requests.RequestException) -> RunFailed:
        """What went wrong, in a sentence that names the host and nothing of ours."""
        host = urlsplit(url).netloc
        if isinstance(error, requests.exceptions.SSLError):
            return RunFailed("E-TLS", f"The secure connection to {host} failed: {_reason(error)}")
        # Once the tries are used up, requests calls a time-out a failed connection.
        if isinstance(error, requests.exceptions.Timeout) or "ReadTimeoutError" in repr(error):
            return RunFailed("E-TIMEOUT", f"{host} did not answer in time.")
        if isinstance(error, requests.exceptions.TooManyRedirects):
            return RunFailed("E-HTTP", f"{host} redirects more than {MAX_REDIRECTS} times.")
        if "NameResolution" in repr(error) or isinstance(error.__cause__, socket.gaierror):
            return RunFailed("E-DNS", f"The host name {host} does not exist.")
        if isinstance(error, requests.exceptions.ConnectionError) and "refused" in repr(error).lower():
            return RunFailed("E-HTTP", f"{host} refused the connection.")
        if isinstance(error, requests.exceptions.ChunkedEncodingError | requests.exceptions.ContentDecodingError):
            return RunFailed("E-TRUNCATED", f"{host} broke off before the end of the file.")
        return RunFailed("E-HTTP", f"{host} could not be read: {_reason(error)}")


def _reason(error: Exception) -> str:
    inner = error
    while inner.args and isinstance(inner.args[0], Exception):
        inner = inner.args[0]
    return " ".join(str(getattr(inner, "reason", inner)).split())[:160] + "."
