"""What a council of the demo city put on its server, and what is wrong with it, so that a test can ask a harvest for
exactly that."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from harvesters.demo.city import DemoCity
from harvesters.demo.land import Borough


@dataclass(frozen=True)
class Quirk:
    """A flaw planted in a file. `code` is the issue it should raise and `count` the rows it touches (1 for a flaw of
    the whole file); `extra_rows` are rows beyond the features, which must be read and become none."""

    code: str
    count: int
    what: str
    extra_rows: int = 0


@dataclass(frozen=True)
class Publication:
    """One council's file of one layer; `path` is relative to the server's folder."""

    borough: Borough
    layer: str
    path: Path
    features: int
    quirks: tuple[Quirk, ...] = field(default=())

    @property
    def feed_id(self) -> str:
        return f"{self.borough.slug}-{self.layer}"

    @property
    def rows(self) -> int:
        """How many rows a harvest reads: the features, and the rows that are none."""
        return self.features + sum(quirk.extra_rows for quirk in self.quirks)


def publications(
    city: DemoCity, order: int, files: Mapping[str, str], quirks: Mapping[str, tuple[Quirk, ...]]
) -> list[Publication]:
    """What the borough at `order` published: its own flaws, and those that the areas of every council have."""
    return [
        Publication(
            city.boroughs[order],
            layer,
            Path(path),
            len(city.features_of(layer, order)),
            (*quirks.get(layer, ()), *(_crossing(city, order) if layer == "conservation-areas" else ())),
        )
        for layer, path in files.items()
    ]


def _crossing(city: DemoCity, order: int) -> tuple[Quirk, ...]:
    count = int(city.features_of("conservation-areas", order)["crosses"].sum())
    return (Quirk("outside-owner-boundary", count, "areas that reach into the next borough"),) if count else ()
