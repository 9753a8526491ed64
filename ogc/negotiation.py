"""Which of our two formats a request wants: the `f` parameter decides, else the Accept header with its weights."""

from enum import StrEnum
from http import HTTPStatus

from ogc.problem import Problem, bad_value


class Form(StrEnum):
    JSON = "json"
    HTML = "html"


_TYPES: dict[Form, tuple[str, ...]] = {
    Form.JSON: (
        "application/json",
        "application/geo+json",
        "application/schema+json",
        "application/problem+json",
        "application/vnd.oai.openapi+json",
    ),
    Form.HTML: ("text/html", "application/xhtml+xml"),
}


def choose_form(f: str | None, accept: str) -> Form:
    """The format to answer in; Problem 400 for an `f` we do not have, 406 when nothing in Accept can be given."""
    if f is not None:
        if f not in tuple(Form):
            raise bad_value("f", f, "there is no such format", "json | html")
        return Form(f)
    if accept in ("", "*/*"):
        return Form.JSON
    weights = {form: _weight(accept, types) for form, types in _TYPES.items()}
    best = max(weights, key=lambda form: weights[form])
    if weights[best] <= 0:
        detail = f"Nothing in Accept: {accept[:200]} can be given. There is application/json and text/html."
        raise Problem(HTTPStatus.NOT_ACCEPTABLE, "NotAcceptable", detail)
    return best


def preferred_form(f: str | None, accept: str) -> Form:
    """As `choose_form`, but JSON where that says no: errors have to be told in something."""
    try:
        return choose_form(f, accept)
    except Problem:
        return Form.JSON


def _weight(accept: str, types: tuple[str, ...]) -> float:
    """The weight that the most telling ranges of Accept give to the best of `types` (RFC 9110, 12.5.1)."""
    ranges = [_range(part) for part in accept.split(",") if part.strip()]
    best = 0.0
    for wanted in types:
        for pattern in (wanted, wanted.split("/")[0] + "/*", "*/*"):
            found = [weight for media_range, weight in ranges if media_range == pattern]
            if found:
                best = max(best, *found)
                break
    return best


def _range(part: str) -> tuple[str, float]:
    media_range, *parameters = (piece.strip().lower() for piece in part.split(";"))
    weight = 1.0
    for parameter in parameters:
        if parameter.startswith("q="):
            try:
                weight = min(max(float(parameter[2:]), 0.0), 1.0)
            except ValueError:
                weight = 0.0
    return media_range, weight
