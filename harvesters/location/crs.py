"""Which reference system a column of positions is in: what the file says, checked against where the city is."""

from dataclasses import dataclass

import numpy as np

from datasets.crs import BNG, MERCATOR, WGS84, Floats, Method, ReferenceSystem, find_system
from datasets.feed import Location, LocationKind
from datasets.issues import Issues, feed_issue
from datasets.vocabulary import Action
from harvesters.batch import Opened
from harvesters.location.numbers import Mask
from harvesters.location.positions import Positions
from harvesters.surroundings import Surroundings

SAMPLE = 5_000
NULL_ISLAND = 1e-3
_BNG_ORIGIN = (-7.5571597, 49.7668072)
"""Where 0,0 of the British National Grid lies: a program converted rows without coordinates."""

_SPOKEN = {
    "WGS84": WGS84, "WGS1984": WGS84, "EPSG4326": WGS84, "4326": WGS84, "LATLONG": WGS84, "ETRS89": WGS84,
    "OSGB36": BNG, "OSGB": BNG, "OSGB1936": BNG, "BNG": BNG, "BRITISHNATIONALGRID": BNG, "EPSG27700": BNG,
    "27700": BNG, "EPSG3857": MERCATOR, "3857": MERCATOR, "WEBMERCATOR": MERCATOR,
}  # fmt: skip
_FLIPPED = {Method.DEGREES: "WGS84 flipped", Method.OSTN15: "OSGB flipped", Method.MERCATOR: "Mercator flipped"}
_CONVERTED = {Method.OSTN15: "OSGB", Method.MERCATOR: "Mercator", Method.PROJ: "CRS converted"}


@dataclass(frozen=True)
class Reading:
    """A way to take two numbers as a place: the system, whether y stands before x, metres per unit."""

    system: ReferenceSystem
    flipped: bool = False
    unit: float = 1.0

    def to_wgs84(self, x: Floats, y: Floats) -> tuple[Floats, Floats]:
        if self.flipped:
            x, y = y, x
        return self.system.to_wgs84(x * self.unit, y * self.unit) if self.unit != 1 else self.system.to_wgs84(x, y)

    @property
    def flip_code(self) -> str:
        """The issue code of a flip in this system."""
        return _FLIPPED.get(self.system.method, "CRS contradicted")

    @property
    def conversion_code(self) -> str | None:
        """The issue code of a conversion from this system; none for degrees."""
        return _CONVERTED.get(self.system.method)

    @property
    def label(self) -> str:
        words = self.system.code + (" in kilometres" if self.unit != 1 else "")
        return words + (" with x and y the wrong way round" if self.flipped else "")


@dataclass(frozen=True)
class Declared:
    """A system and who says so."""

    system: ReferenceSystem
    where: str


@dataclass(frozen=True)
class Chosen:
    """The reading that fits a column, how it is known, and the shares of positions it puts in the city and near
    the council."""

    reading: Reading
    how: str
    in_city: float
    near_council: float
    issues: Issues


READINGS = (
    *(Reading(system) for system in (WGS84, BNG, MERCATOR)),
    *(Reading(system, flipped=True) for system in (WGS84, BNG, MERCATOR)),
    Reading(BNG, unit=1000.0),
)


def choose_reading(opened: Opened, location: Location, positions: Positions, surroundings: Surroundings) -> Chosen:
    """The reading that puts most positions where the council is, else in the city; the declared one if it does."""
    declared = _declared(opened, location, positions)
    x, y = _sample(positions)
    natural = (Reading(WGS84, flipped=True),) if location.kind is LocationKind.PAIR else ()
    said = (Reading(declared.system), Reading(declared.system, flipped=True)) if declared else ()
    readings = tuple(dict.fromkeys((*said[:1], *READINGS[:3], *natural, *READINGS[3:], *said[1:])))
    if not decimals(x) or not decimals(y):
        readings = tuple(reading for reading in readings if reading.unit == 1)
    shares = [_shares(reading, x, y, surroundings) for reading in readings]
    best = _best(readings, shares, declared)
    if best is None:
        reading = said[0] if said else _by_magnitude(x, y)
        how = "no reference system puts most positions in the city"
        return Chosen(reading, how, *_shares(reading, x, y, surroundings), [])
    reading = readings[best]
    how, issues = _account(reading, declared, swap_is_usual=bool(natural))
    return Chosen(reading, how, *shares[best], issues)


def at_null_island(reading: Reading, x: Floats, y: Floats, lon: Floats, lat: Floats) -> Mask:
    """Which positions are 0,0, or what a program made of 0,0."""
    mask = (np.abs(x) < NULL_ISLAND) & (np.abs(y) < NULL_ISLAND)
    if reading.system.method is Method.DEGREES:
        mask |= (np.abs(lon - _BNG_ORIGIN[0]) < NULL_ISLAND) & (np.abs(lat - _BNG_ORIGIN[1]) < NULL_ISLAND)
    return np.asarray(mask, dtype=np.bool_)


def _declared(opened: Opened, location: Location, positions: Positions) -> Declared | None:
    if location.crs is not None:
        system = find_system(location.crs)
        return Declared(system, "the feed") if system else None
    if positions.srid is not None:
        system = find_system(positions.srid)
        return Declared(system, "the location itself") if system else None
    if location.kind is LocationKind.GEOMETRY and opened.crs is not None:
        system = find_system(opened.crs.epsg, opened.crs.definition)
        return Declared(system, f"the {opened.crs.where}") if system else None
    return _declared_in_column(opened)


def _declared_in_column(opened: Opened) -> Declared | None:
    """A column such as the LGA schemas' CoordinateReferenceSystem, by its commonest value."""
    for column in opened.columns:
        flat = "".join(letter for letter in column.lower() if letter.isalnum())
        if flat not in ("coordinatereferencesystem", "crs", "coordinatesystem", "srs", "epsg", "srid"):
            continue
        words = opened.records[column].str.to_uppercase().str.replace_all(r"[^A-Z0-9]", "").drop_nulls()
        known = words.filter(words.is_in(list(_SPOKEN)))
        if not known.is_empty():
            return Declared(_SPOKEN[known.mode().sort()[0]], f"column {column}")
    return None


def _sample(positions: Positions) -> tuple[Floats, Floats]:
    rows = np.flatnonzero(
        positions.present & ~((np.abs(positions.x) < NULL_ISLAND) & (np.abs(positions.y) < NULL_ISLAND))
    )
    rows = rows[:: max(1, len(rows) // SAMPLE)]
    return positions.x[rows], positions.y[rows]


def _shares(reading: Reading, x: Floats, y: Floats, surroundings: Surroundings) -> tuple[float, float]:
    if not len(x):
        return 0.0, 0.0
    lon, lat = reading.to_wgs84(x, y)
    return float(surroundings.in_city(lon, lat).mean()), float(surroundings.near_council(lon, lat).mean())


def _best(readings: tuple[Reading, ...], shares: list[tuple[float, float]], declared: Declared | None) -> int | None:
    """Near the council decides, then in the city; within one of them what is declared, then the order."""
    for which in (1, 0):
        column = [share[which] for share in shares]
        if declared and column[0] > 0.5:
            return 0
        if max(column) > 0.5:
            return next(number for number, share in enumerate(column) if share >= max(column) - 0.02)
    return None


def _by_magnitude(x: Floats, y: Floats) -> Reading:
    if not len(x) or (np.median(np.abs(x)) <= 180 and np.median(np.abs(y)) <= 90):
        return Reading(WGS84)
    on_grid = 0 <= np.median(x) <= 700_000 and 0 <= np.median(y) <= 1_300_000
    return Reading(BNG if on_grid else MERCATOR)


def _account(reading: Reading, declared: Declared | None, *, swap_is_usual: bool) -> tuple[str, Issues]:
    """How the reading is known, in one phrase, and the issues of the whole feed that it means."""
    issues: Issues = []
    swapped = reading.flipped and not (swap_is_usual and reading.system.method is Method.DEGREES)
    if swapped:
        issues.append(feed_issue(reading.flip_code, f"The coordinates are {reading.label}.", action=Action.FIXED))
    found = reading.label if swapped or not reading.flipped else f"{reading.system.code}, latitude first"
    if declared is None:
        message = f"Nothing states the coordinate system; the values lie in the city as {found}."
        issues.append(feed_issue("CRS guessed", message))
        return f"found from the values: they lie in the city as {found}", issues
    if declared.system.method is reading.system.method and reading.system.method is not Method.PROJ:
        return f"{declared.where} says {declared.system.code}" + (
            ", but x and y are swapped" if swapped else ""
        ), issues
    if declared.system == reading.system:
        return f"{declared.where} says {declared.system.code}", issues
    where = declared.where[0].upper() + declared.where[1:]
    message = f"{where} says {declared.system.code}, but the coordinates are {reading.label}."
    issues.append(feed_issue("CRS contradicted", message, action=Action.FIXED))
    return f"found from the values: {declared.where} says {declared.system.code}, which they contradict", issues


def converted_issue(reading: Reading, rows: int) -> Issues:
    """The feed issue that says how many rows were converted."""
    if reading.conversion_code is None or not rows:
        return []
    message = f"Converted to WGS 84 from {reading.system.code}."
    return [feed_issue(reading.conversion_code, message, action=Action.FIXED, count=rows)]


def decimals(values: Floats) -> int:
    """How many decimals most values have, 0 to 8."""
    for places in range(8 if len(values) else 1):
        if np.count_nonzero(np.abs(np.round(values, places) - values) < 1e-9) >= 0.9 * len(values):
            return places
    return 8


def metres_of_precision(reading: Reading, positions: Positions) -> float:
    """The step of the coordinates in metres, as they are written; grid references name a square of that size."""
    if positions.cell is not None:
        return float(np.nanmedian(positions.cell)) if positions.present.any() else 1e5
    x, y = _sample(positions)
    if not len(x):
        return 1e5
    places = max(decimals(x), decimals(y))
    if reading.system.method is Method.DEGREES:
        return float(10.0**-places * 111_000)
    if places:
        return float(10.0**-places)
    round_to = [step for step in (1000, 100, 10) if ((x % step == 0) & (y % step == 0)).mean() > 0.5]
    return float(round_to[0] if round_to else 1)
