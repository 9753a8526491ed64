"""Why a request failed, in a sentence for the person who registered the feed, with the next step."""

import socket
import ssl
from collections.abc import Iterator
from urllib.parse import urlsplit

import requests

from datasets.errors import RunFailed
from harvesters.web.verdict import ServerTrouble

# OpenSSL's numbers, X509_V_ERR_*, of openssl/x509_vfy.h.
_CERTIFICATES = {
    9: "The certificate of {host} is not valid yet; its web team should check the server's clock and certificate.",
    10: "The certificate of {host} has expired; ask its web team to renew it.",
    18: "{host} made its certificate itself, so nobody can tell it from a forgery; ask its web team for a certificate "
    "of a public authority.",
    19: "The certificate of {host} is from an authority of its own making; ask its web team for one of a public "
    "authority.",
    20: "{host} leaves out the intermediate certificate that browsers fill in by themselves, or its authority is not a "
    "public one; ask its web team to install the full certificate chain.",
    62: "The certificate of {host} is for another name; give the address for which it was made, or ask its web team to "
    "add this one.",
}
_CERTIFICATES |= {2: _CERTIFICATES[20], 21: _CERTIFICATES[20], 64: _CERTIFICATES[62]}

_HANDSHAKES = {
    "WRONG_VERSION_NUMBER": "{host} does not speak https there; try the address with http://.",
    "UNSUPPORTED_PROTOCOL": "{host} only knows a secure protocol that is not secure any more; ask its web team to "
    "enable TLS 1.2.",
    "UNSAFE_LEGACY_RENEGOTIATION_DISABLED": "{host} only knows an unsafe way of renewing a connection; ask its web "
    "team to update the server.",
    "DH_KEY_TOO_SMALL": "{host} uses keys that are too short to be safe; ask its web team to update the server.",
}


def failure(url: str, error: requests.RequestException, most_redirects: int) -> RunFailed:
    """What went wrong; ServerTrouble when asking again may help."""
    host = urlsplit(url).netloc.rpartition("@")[2]
    causes = list(_causes(error))
    if isinstance(error, requests.exceptions.SSLError):
        return _tls(host, causes)
    if isinstance(error, requests.exceptions.TooManyRedirects):
        return RunFailed("E-HTTP", f"{host} redirects more than {most_redirects} times.")
    unknown = next((cause for cause in causes if isinstance(cause, socket.gaierror)), None)
    if unknown is not None and unknown.errno == socket.EAI_AGAIN:
        return RunFailed("E-DNS", f"The host name {host} cannot be looked up at the moment; it is tried again later.")
    if unknown is not None:
        return RunFailed("E-DNS", f"The host name {host} does not exist.")
    if isinstance(error, requests.exceptions.Timeout):
        return ServerTrouble("E-TIMEOUT", f"{host} did not answer in time.")
    if isinstance(error, requests.exceptions.ChunkedEncodingError | requests.exceptions.ContentDecodingError):
        return ServerTrouble("E-TRUNCATED", f"{host} broke off before the end of the file.")
    if isinstance(error, requests.exceptions.ConnectionError):
        if any(isinstance(cause, ConnectionRefusedError) for cause in causes):
            return ServerTrouble("E-HTTP", f"{host} refused the connection.")
        return ServerTrouble("E-HTTP", f"{host} broke off the connection: {_reason(causes)}")
    return RunFailed("E-HTTP", f"{host} could not be read: {_reason(causes)}")


def _tls(host: str, causes: list[BaseException]) -> RunFailed:
    """E-TLS with the case: the certificate's, else the handshake's."""
    for cause in causes:
        if isinstance(cause, ssl.SSLCertVerificationError) and cause.verify_code in _CERTIFICATES:
            return RunFailed("E-TLS", _CERTIFICATES[cause.verify_code].format(host=host))
    for cause in causes:
        if isinstance(cause, ssl.SSLError) and cause.reason in _HANDSHAKES:
            return RunFailed("E-TLS", _HANDSHAKES[cause.reason].format(host=host))
    return RunFailed("E-TLS", f"The secure connection to {host} failed: {_reason(causes)}")


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The error and what it came from; requests and urllib3 keep that in several places."""
    waiting, seen = [error], set[int]()
    while waiting:
        cause = waiting.pop(0)
        if id(cause) in seen:
            continue
        seen.add(id(cause))
        yield cause
        inner = (getattr(cause, "reason", None), cause.__cause__, cause.__context__, *cause.args)
        waiting += [one for one in inner if isinstance(one, BaseException)]


def _reason(causes: list[BaseException]) -> str:
    """The words of the innermost error, without the object that urllib3 begins them with."""
    words = " ".join(str(causes[-1]).split()) or type(causes[-1]).__name__
    return words.rpartition(">: ")[2][:160].rstrip(".") + "."
