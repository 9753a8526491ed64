"""Options of the form NAME=VALUE, as several commands take them."""

from typing import Annotated

import typer

MapOption = Annotated[list[str] | None, typer.Option("--map", help="A field's column.", metavar="FIELD=COLUMN")]


def mapping_of(pairs: list[str]) -> dict[str, dict[str, str]]:
    """The part of a feed document that `--map` states."""
    return {name: {"column": column} for name, column in pairs_of(pairs, "--map", "FIELD=COLUMN").items()}


def pairs_of(pairs: list[str], option: str, form: str) -> dict[str, str]:
    """The values by name; a wrong command line when one has another form."""
    found = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not (name and equals and value):
            raise typer.BadParameter(f"{option} wants {form}, not {pair!r}")
        found[name.strip()] = value.strip()
    return found
