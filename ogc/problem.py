"""How the OGC API says no: RFC 9457 problem details that also carry the `code` and `description` OGC clients read."""

import json
from collections.abc import Iterable
from http import HTTPStatus

from datasets.errors import CitywideError

MEDIA_TYPE = "application/problem+json"


class Problem(CitywideError):
    """A request that cannot be answered. `detail` says what is wrong and what is allowed; `more` are further members
    of the document."""

    def __init__(self, status: HTTPStatus, code: str, detail: str, **more: object) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.detail = detail
        self.more = more

    def members(self) -> dict[str, object]:
        """The problem document's members."""
        return {
            "type": "about:blank",
            "title": self.status.phrase,
            "status": self.status.value,
            "detail": self.detail,
            "code": self.code,
            "description": self.detail,
            **self.more,
        }

    def document(self) -> bytes:
        """The problem document."""
        return json.dumps(self.members(), ensure_ascii=False).encode()


def bad_value(parameter: str, value: str, wrong: str, allowed: str) -> Problem:
    """400 for a parameter whose value cannot be used."""
    shown = value if len(value) <= 80 else value[:79] + "…"
    detail = f"{parameter}={shown}: {wrong}. Allowed: {allowed}."
    return Problem(HTTPStatus.BAD_REQUEST, "InvalidParameterValue", detail, parameter=parameter)


def unknown_parameter(parameter: str, allowed: Iterable[str]) -> Problem:
    """400 for a parameter nobody here reads."""
    names = sorted(allowed)
    detail = f"There is no parameter {parameter[:80]!r} here. Allowed: {', '.join(names)}."
    return Problem(HTTPStatus.BAD_REQUEST, "InvalidParameter", detail, parameter=parameter[:80], allowed=names)


def unknown_collection(name: str, known: Iterable[str]) -> Problem:
    """404 for a collection that is not there."""
    names = list(known)
    detail = f"There is no collection {name[:80]!r}. There are: {', '.join(names) or 'none yet'}."
    return Problem(HTTPStatus.NOT_FOUND, "NotFound", detail, collections=names)


def not_found(path: str) -> Problem:
    """404 for an address under which there is nothing."""
    detail = f"There is nothing at {path[:200]}. Begin at the landing page: it links to everything there is."
    return Problem(HTTPStatus.NOT_FOUND, "NotFound", detail)


def method_not_allowed(method: str) -> Problem:
    """405: everything here is read only."""
    detail = f"{method[:20]} is not allowed here. Allowed: GET, HEAD, OPTIONS."
    return Problem(HTTPStatus.METHOD_NOT_ALLOWED, "MethodNotAllowed", detail)


def too_busy(detail: str) -> Problem:
    """503: the database did not answer in time."""
    return Problem(HTTPStatus.SERVICE_UNAVAILABLE, "ServiceUnavailable", detail)


def broken() -> Problem:
    """500: our fault; the log has the reason, the answer never does."""
    detail = "Something went wrong on our side. It has been logged; please try again later."
    return Problem(HTTPStatus.INTERNAL_SERVER_ERROR, "NoApplicableCode", detail)
