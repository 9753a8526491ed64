"""The demo city made ready: its files written, its boundaries and postcodes loaded, its councils' web server up."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Engine

from datasets.city import City
from datasets.feed import Feed
from datasets.store.boundaries import boundaries_revision, load_boundaries
from datasets.store.places import load_places, places_revision
from harvesters.demo.city import make_city
from harvesters.demo.councils import demo_feeds, write_councils
from harvesters.demo.references import write_boundaries, write_postcodes
from harvesters.demo.server import CouncilServer


@contextmanager
def demo_city(engine: Engine, city: City, folder: Path, features: int) -> Iterator[list[Feed]]:
    """The demo councils' feeds, served on loopback until the context ends. The same files are written each time."""
    made = make_city(features=features)
    folder.mkdir(parents=True, exist_ok=True)
    if boundaries_revision(engine) == 0:
        write_boundaries(made, folder / "boundaries.geojson")
        load_boundaries(engine, city, folder / "boundaries.geojson", city.boundary_source)
    if places_revision(engine) == 0:
        write_postcodes(made, folder / "postcodes.csv")
        load_places(engine, folder / "postcodes.csv")
    write_councils(made, folder / "councils")
    with CouncilServer(folder / "councils") as server:
        yield demo_feeds(server.url)
