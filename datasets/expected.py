"""The register of who is expected to provide what, and why, so that a gap in a layer is a fact and not a silence."""

from collections.abc import Iterable, Mapping
from datetime import date
from functools import cache
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from datasets.city import SHIPPED, City
from datasets.errors import RegisterError
from datasets.layer import layers
from datasets.register import read_document, read_register
from datasets.vocabulary import Duty

REGISTER = Path(__file__).parent / "expected.toml"


class Expected(BaseModel):
    """Why councils are expected to provide one layer.

    `source` is the act or code that says so, `since` the day from which it does. It holds for councils whose GSS code
    begins with one of `nations` (E England, W Wales, S Scotland, N Northern Ireland, X made-up councils), but for the
    `exceptions`: GSS codes with the reason why not.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    reason: Duty
    because: str = Field(min_length=10)
    source: str = Field(min_length=5)
    source_url: str = Field(pattern=r"^https://")
    since: date | None = None
    nations: tuple[str, ...] = ("E", "X")
    exceptions: Mapping[str, str] = Field(default_factory=dict)

    def holds_for(self, gss: str) -> bool:
        """Whether the council with this GSS code is expected to provide the layer."""
        return gss.startswith(self.nations) and gss not in self.exceptions


def read_expected(path: Path, known_layers: Iterable[str], known_councils: Iterable[str]) -> dict[str, Expected]:
    """The register at `path`, by layer; RegisterError names the file and the key of a layer or council nobody knows."""
    register = read_register(path, Expected)
    defined, councils = set(known_layers), set(known_councils)
    for layer, expected in register.items():
        if layer not in defined:
            raise RegisterError(f"{path.name}: {layer}: there is no such layer.")
        for gss in expected.exceptions:
            if gss not in councils:
                raise RegisterError(f"{path.name}: {layer}.exceptions.{gss}: no shipped city has this council.")
    return register


@cache
def expected_layers() -> Mapping[str, Expected]:
    """The shipped register, by layer. A layer that is not in it is expected of nobody."""
    cities = [read_document(path, City) for path in sorted(SHIPPED.glob("*.toml"))]
    return read_expected(REGISTER, layers(), (council.gss for city in cities for council in city.council))


def expected_of(layer: str, gss: str) -> Expected | None:
    """Why this council is expected to provide this layer; None when it is not."""
    expected = expected_layers().get(layer)
    return expected if expected is not None and expected.holds_for(gss) else None
