"""Cities: which councils one deployment serves, and where the city lies."""

import re
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, model_validator

from datasets.errors import RegisterError
from datasets.register import read_document
from datasets.settings import Settings

SHIPPED = Path(__file__).parent / "cities"

Extent = tuple[float, float, float, float]
"""West, south, east, north in degrees of WGS 84."""


class Council(BaseModel):
    """A publisher, keyed by its GSS code."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    gss: str = Field(pattern=r"^[A-Z][0-9]{8}$")
    name: str = Field(min_length=2)

    @property
    def slug(self) -> str:
        """The council's name as it stands in addresses and feed ids."""
        return re.sub(r"[^a-z0-9]+", "-", self.name.lower()).strip("-")


class City(BaseModel):
    """One city region: its councils and its extent."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    title: str
    description: str
    extent: Extent
    boundary_source: str
    council: tuple[Council, ...]

    @model_validator(mode="after")
    def _is_consistent(self) -> "City":
        west, south, east, north = self.extent
        if not (-180 <= west < east <= 180 and -90 <= south < north <= 90):
            raise ValueError("extent must be west, south, east, north in degrees")
        for kind in ("gss", "slug"):
            seen: set[str] = set()
            for council in self.council:
                code = getattr(council, kind)
                if code in seen:
                    raise ValueError(f"two councils have the {kind} {code}")
                seen.add(code)
        return self

    def find_council(self, name: str) -> Council:
        """The council with this GSS code, name or slug; RegisterError says which ones there are."""
        wanted = name.strip().lower()
        for council in self.council:
            if wanted in (council.gss.lower(), council.name.lower(), council.slug):
                return council
        known = ", ".join(f"{council.name} ({council.gss})" for council in self.council[:4])
        more = f" and {len(self.council) - 4} more" if len(self.council) > 4 else ""
        raise RegisterError(f"{name!r} is not a council of {self.title}; it has {known}{more}.")


def read_city(settings: Settings) -> City:
    """The city that `settings` names: the operator's own, or one that is shipped."""
    for folder in (settings.cities, SHIPPED):
        path = folder / f"{settings.city}.toml"
        if path.is_file():
            return read_document(path, City)
    shipped = ", ".join(sorted(path.stem for path in SHIPPED.glob("*.toml")))
    raise RegisterError(
        f"There is no city {settings.city!r}. Shipped are {shipped}; put your own in {settings.cities}."
    )
