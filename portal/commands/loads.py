"""`citywide boundaries load` and `citywide places load`: what the operator brings once per city."""

from pathlib import Path
from typing import Annotated

import typer

from datasets.store.boundaries import load_boundaries
from datasets.store.places import count_places, load_places
from datasets.store.uprns import has_uprns, load_uprns
from portal import console

boundaries = typer.Typer(no_args_is_help=True, help="The councils' boundaries.")
places = typer.Typer(no_args_is_help=True, help="The gazetteer that places rows without coordinates.")

LocalFile = Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="A file on this machine.")]


@boundaries.command("load")
def load_boundary_file(
    path: LocalFile,
    source: Annotated[str, typer.Option(help="Where the boundaries come from, as the pages say it.")] = "",
) -> None:
    """Load boundaries from a GeoJSON or GeoPackage that has a column of GSS codes."""
    with console.failing_plainly(), console.opened() as tools:
        count = load_boundaries(tools.engine, tools.city, path, source or tools.city.boundary_source)
        console.out.print(f"Loaded the boundaries of {count} of {len(tools.city.council)} councils.")
        if count < len(tools.city.council):
            console.err.print("Councils without a boundary are harvested without the check that rows lie inside.")


@boundaries.callback()
def _boundaries() -> None:
    """The councils' boundaries."""


@places.command("load")
def load_place_file(path: LocalFile) -> None:
    """Load postcodes from a CSV with lon and lat, or easting and northing, such as ONSPD or Code-Point Open; or UPRNs
    from OS Open UPRN, of which the city's are kept."""
    with console.failing_plainly(), console.opened() as tools:
        if has_uprns(path):
            loaded = load_uprns(tools.engine, tools.city, path)
            console.out.print(
                f"Loaded {loaded.kept:,} UPRNs in and near {tools.city.title}. "
                f"{loaded.left_out:,} rows were left out: they lie elsewhere, or lack a number or a place."
            )
            return
        count = load_places(tools.engine, path)
        inside = count_places(tools.engine, tools.city)
        console.out.print(f"Loaded {count:,} postcodes. {inside:,} of all that are loaded lie in {tools.city.title}.")


@places.callback()
def _places() -> None:
    """The gazetteer that places rows without coordinates."""
