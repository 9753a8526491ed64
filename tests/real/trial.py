"""The real council files as feeds, harvested in three cities: London, Greater Manchester, and one of every council.

The files state no licence of their own, so the trial assumes an open one: nothing leaves the machine.
"""

import csv
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from sqlalchemy import make_url, text

from datasets.city import read_city
from datasets.feed import Feed
from datasets.settings import Settings
from datasets.store.boundaries import load_boundaries
from datasets.store.engine import connect
from datasets.store.feeds import save_feed
from datasets.store.migrate import migrate
from datasets.store.places import load_places
from harvesters.run import RunReport, Tools, harvest
from harvesters.web.session import Session
from tests.real.replay import address, replay

FOLDER = Path(__file__).parents[3] / "shared" / "data"
LAYERS = {
    "public-toilet": "public-toilets",
    "conservation-area": "conservation-areas",
    "library": "libraries",
    "polling-station": "polling-stations",
    "polling-district": "polling-districts",
    "mobile-library-stop": "mobile-library-stops",
    "brownfield-land": "brownfield-land",
    "article-4-direction-area": "article-4-areas",
    "listed-building": "listed-building-outlines",
    "listed-building-outline": "listed-building-outlines",
    "tree-preservation-order": "tree-preservation-orders",
    "tree-preservation-zone": "tree-preservation-zones",
    "tree (TPO)": "protected-trees",
    "street-tree": "street-trees",
    "recycling-site": "recycling-sites",
    "park": "parks-and-green-spaces",
    "school": "schools",
    "ev-chargepoint": "ev-chargepoints",
}
"""What the manifest calls a layer, and what we do. The rest (bus stops, pharmacies …) is in no layer of ours."""
EVERYONE = "everyone"
BOUNDARIES = {
    "london": "boundaries/london/boroughs-2013.geojson",
    "greater-manchester": "boundaries/greater-manchester/"
    "local_authority__2023__gm_local_authority_full_resolution.geojson",
    EVERYONE: "boundaries/england/local-authorities-2013.geojson",
}
BRITAIN = [-8.7, 49.8, 1.8, 60.9]
NATIONAL = "E92000001"
"""Stands in for the one national file's publisher, who is no council and has no GSS code."""


@dataclass(frozen=True)
class RealFile:
    """One data file of the folder with what the manifest says of it."""

    path: str
    layer: str
    council: str
    gss: str
    notes: str


def real_files() -> list[RealFile]:
    """Every data file of our layers; sidecars belong to the file they stand beside."""
    with (FOLDER / "MANIFEST.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["layer"] in LAYERS and "sidecar" not in row["format"]]
    return [
        RealFile(row["path"], LAYERS[row["layer"]], row["council"], row["gss"] or NATIONAL, row["notes"])
        for row in rows
    ]


def mappings() -> dict[str, dict[str, object]]:
    """The mappings written by hand, by path of the file; few, and each with its reason."""
    return tomllib.loads((Path(__file__).parent / "mappings.toml").read_text(encoding="utf-8"))


@contextmanager
def trial(city: str, settings: Settings, database_url: str) -> Iterator[tuple[Tools, list[tuple[RealFile, Feed]]]]:
    """A database of its own for the city, its boundaries and postcodes loaded, and a feed for each file of it."""
    settings = replace(settings, city=city, max_resource_bytes=1 << 28)
    if city == EVERYONE:
        _write_everyone(settings.cities)
    engine = connect(database_url)
    made = read_city(settings)
    migrate(engine, made)
    load_boundaries(engine, made, FOLDER / BOUNDARIES[city], "the trial")
    load_places(engine, FOLDER / "postcodes/trafford_postcodes.csv")
    try:
        with replay(FOLDER) as base:
            session = Session("https://example.org/", allow_loopback=True)
            yield Tools(engine, settings, made, session), list(_feeds(base, made.council))
    finally:
        engine.dispose()


def run_trial(tools: Tools, file: RealFile, feed: Feed) -> RunReport:
    """Adds the feed and harvests it."""
    save_feed(tools.engine, feed)
    return harvest(feed, tools, lambda stage, done, total: None)


def new_database(server_url: str, name: str) -> str:
    """A database made anew on the server, for one city."""
    admin = connect(server_url)
    with admin.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)'))
        connection.execute(text(f'CREATE DATABASE "{name}"'))
    return make_url(server_url).set(database=name).render_as_string(hide_password=False)


def _feeds(base: str, councils: object) -> Iterator[tuple[RealFile, Feed]]:
    names = {council.gss: council.slug for council in councils}  # type: ignore[attr-defined]
    counts: dict[str, int] = {}
    stated = mappings()
    for file in real_files():
        if file.gss not in names:
            continue
        stem = f"{names[file.gss]}-{file.layer}"
        counts[stem] = counts.get(stem, 0) + 1
        extra = {key: value for key, value in stated.get(file.path, {}).items() if key != "reason"}
        yield (
            file,
            Feed.model_validate(
                {
                    "id": f"{stem}-{counts[stem]}",
                    "council": file.gss,
                    "layer": file.layer,
                    "url": address(base, file.path),
                    "licence": "OGL-UK-3.0",
                    **extra,
                }
            ),
        )


def _write_everyone(folder: Path) -> None:
    """A made-up city region of every council that has a file."""
    names = {file.gss: file.council for file in reversed(real_files())}
    seen: dict[str, str] = {}
    for gss, name in sorted(names.items()):
        plain = name.replace("&", "and")
        seen[gss] = plain if plain.lower() not in {other.lower() for other in seen.values()} else f"{plain} {gss}"
    lines = ['title = "Everyone"', 'description = "Every council with a file."', f"extent = {BRITAIN}"]
    lines.append('boundary_source = "the trial"')
    lines += [f'[[council]]\ngss = "{gss}"\nname = "{name or "England"}"' for gss, name in seen.items()]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{EVERYONE}.toml").write_text("\n".join(lines) + "\n", encoding="utf-8")
