"""What a reader sees when something is wrong: a page in the same clothes, or a JSON problem where they ask for JSON."""

from collections.abc import Mapping
from http import HTTPStatus

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from portal.security import HEADERS
from portal.site import Site

TITLES = {
    400: "The address is not quite right",
    404: "Page not found",
    405: "This address only answers to reading",
    500: "Something broke on our side",
    503: "The service cannot be reached just now",
}

DETAILS = {
    404: "There is nothing at this address. If you typed it, check that it is right.",
    405: "Use GET.",
    500: "The fault has been recorded. Trying again in a minute may help.",
    503: "The database does not answer. Nothing is lost; please try again in a minute.",
}


def show_refusal(site: Site, request: Request, error: Exception) -> Response:
    """The page for an address that is wrong."""
    assert isinstance(error, HTTPException)
    phrase = HTTPStatus(error.status_code).phrase
    detail = error.detail if error.detail != phrase else DETAILS.get(error.status_code, phrase)
    return _problem(site, request, error.status_code, detail, error.headers)


def show_outage(site: Site, request: Request, error: Exception) -> Response:
    """The page for a database that does not answer."""
    return _problem(site, request, 503, DETAILS[503], {"Retry-After": "60"})


def show_fault(site: Site, request: Request, error: Exception) -> Response:
    """The page for a fault of ours; what it was goes to the log and never to the reader."""
    # Starlette answers a fault outside of all middleware, so the headers that it adds are added here.
    return _problem(site, request, 500, DETAILS[500], HEADERS)


def _problem(
    site: Site, request: Request, status: int, detail: str, headers: Mapping[str, str] | None = None
) -> Response:
    title = TITLES.get(status, HTTPStatus(status).phrase)
    accepted = request.headers.get("accept", "")
    if "json" in accepted and "text/html" not in accepted:
        body = {"type": "about:blank", "title": title, "status": status, "detail": detail}
        response: Response = JSONResponse(body, status, media_type="application/problem+json")
    else:
        response = site.page(request, "problem.html", {"title": title, "detail": detail}, status=status)
    response.headers.update(headers or {})
    return response
