"""The one Jinja environment: GOV.UK Frontend components, our templates, and how values are written for people."""

from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any

from jinja2 import (
    ChainableUndefined,
    ChoiceLoader,
    Environment,
    PackageLoader,
    PrefixLoader,
    StrictUndefined,
    Undefined,
    UndefinedError,
)
from jinja2.utils import missing
from markupsafe import Markup, escape

from portal import words

COMPONENTS = "govuk_frontend_jinja"

WHOLE_WORDS = "govuk-!-text-break-word"
"""The class that keeps a column as wide as its longest word, where our tables would else break inside words."""


class PageUndefined(Undefined):
    """A name that a page forgot stops it; a parameter that a component may go without does not.

    The components' macros take one dict and test for keys that most callers leave out.
    """

    def __new__(
        cls, hint: str | None = None, obj: Any = missing, name: str | None = None, exc: type[Exception] = UndefinedError
    ) -> Any:
        optional = isinstance(obj, dict | ChainableUndefined) or name == "caller"
        return (ChainableUndefined if optional else StrictUndefined)(hint, obj, name, exc)  # type: ignore[arg-type]


def make_environment(assets: Mapping[str, str]) -> Environment:
    """Templates that escape everything and fail on a name they do not know."""
    environment = Environment(
        loader=ChoiceLoader([PackageLoader("portal"), PrefixLoader({COMPONENTS: PackageLoader(COMPONENTS)})]),
        autoescape=True,
        undefined=PageUndefined,
        extensions=["jinja2.ext.do"],
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(moment=moment, day=day, number=number, size=size, percent=percent, named=words.named)
    environment.globals.update(
        assets=assets, words=words, cell=cell, long_cell=long_cell, number_cell=number_cell, head=head
    )
    return environment


def moment(when: datetime) -> Markup:
    """A time as `22 November 2026, 14:05 UTC`."""
    utc = when.astimezone(UTC)
    said = f"{utc.day} {words.MONTHS[utc.month - 1]} {utc.year}, {utc:%H:%M} UTC"
    return Markup('<time datetime="{}">{}</time>').format(f"{utc:%Y-%m-%dT%H:%M:%SZ}", said)


def day(when: date) -> str:
    """A day as `22 November 2026`."""
    return f"{when.day} {words.MONTHS[when.month - 1]} {when.year}"


def number(value: int) -> str:
    """A whole number with commas."""
    return f"{value:,}"


def size(value: int) -> str:
    """A number of bytes in the unit that suits it."""
    amount = float(value)
    for unit in ("bytes", "kB", "MB"):
        if amount < 1000:
            return f"{amount:.0f} {unit}" if unit == "bytes" else f"{amount:.1f} {unit}"
        amount /= 1000
    return f"{amount:.1f} GB"


def percent(share: float) -> str:
    """A share of one as a percentage; never rounded to a nought or a hundred that it is not."""
    exact = share * 100
    rounded = round(exact, 1)
    if rounded in (0, 100) and exact not in (0, 100):
        return "less than 0.1%" if rounded == 0 else "more than 99.9%"
    return f"{rounded:g}%"


def cell(content: object) -> dict[str, Markup | str]:
    """A table cell that is at least as wide as its longest word; text is escaped, a dash stands for nothing."""
    return {**long_cell(content), "classes": WHOLE_WORDS}


def long_cell(content: object) -> dict[str, Markup | str]:
    """A table cell for text that may have no spaces, which breaks wherever it must."""
    return {"html": escape("–" if content is None or content == "" else content)}


def number_cell(value: int | None) -> dict[str, str]:
    """A table cell with a whole number."""
    return {"text": "–" if value is None else number(value), "format": "numeric", "classes": WHOLE_WORDS}


def head(*titles: str) -> list[dict[str, str]]:
    """Column headings; those that begin with `#` stand over numbers."""
    return [
        {"text": title.removeprefix("#"), "format": "numeric" if title.startswith("#") else "", "classes": WHOLE_WORDS}
        for title in titles
    ]
