"""The rules that a feed's bytes are read by, as one hash: whenever the same bytes could come out differently, it is
another."""

import hashlib
import json
from functools import cache
from pathlib import Path

from sqlalchemy import Engine

from datasets.city import City
from datasets.feed import Feed
from datasets.layer import Layer
from datasets.store import boundaries, places
from datasets.store.confirmed import settled
from datasets.store.rules import rules_digest, rules_for


def rules_hash(feed: Feed, layer: Layer, city: City, engine: Engine) -> str:
    """Of the code, the layer's definition, the feed's rules, the city, and the boundaries and places loaded."""
    loads = f"{boundaries.boundaries_revision(engine)}/{places.places_revision(engine)}"
    people = rules_digest(rules_for(engine, feed)) + _confirmed(engine, feed)
    rules = (code_hash(), layer.digest, _reading_rules(feed), people, city.model_dump_json(), loads)
    return hashlib.sha256("|".join(rules).encode()).hexdigest()[:32]


def _confirmed(engine: Engine, feed: Feed) -> str:
    """What people confirmed of the columns. What a run settled is what it read by, so that it changes nothing."""
    said = {name: one.rule.model_dump(mode="json") for name, one in settled(engine, feed.id).items() if one.by_person}
    return json.dumps(said, sort_keys=True) if said else ""


def _reading_rules(feed: Feed) -> str:
    """The part of a feed's document that decides how its bytes are read, not where they come from."""
    kept = {"council", "layer", "licence", "sheet", "source_layer", "mapping", "location"}
    return feed.model_dump_json(include=kept)


@cache
def code_hash() -> str:
    """A hash of the code that reads bytes: this room without the demo city, and what the kernel lends it."""
    here = Path(__file__).parent
    kernel = here.parent / "datasets"
    paths = [path for path in here.rglob("*.py") if "demo" not in path.relative_to(here).parts]
    digest = hashlib.sha256()
    for path in sorted([*paths, kernel / "crs.py", kernel / "forms.py", kernel / "licences.toml", kernel / "units.py"]):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]
