"""Finding how a file says where things are: by what its columns are called, and by where their values lie."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import polars as pl
import shapely

from datasets.crs import Method
from datasets.feed import Location, LocationKind
from harvesters.batch import Opened
from harvesters.location.axes import paired_columns
from harvesters.location.crs import Chosen, choose_reading, metres_of_precision
from harvesters.location.grid_reference import GRID_REFERENCE
from harvesters.location.positions import looks_like_pairs, read_positions
from harvesters.location.postcodes import extract_postcodes
from harvesters.location.shapes import SHAPE_TEXT
from harvesters.location.uprns import extract_uprns
from harvesters.surroundings import Surroundings

SAMPLE = 1_000
_MOST, _SOME = 0.5, 0.2
_POSTCODE_LENGTH = 10
_UNNAMED_STEP_M = 20.0
_FINE_M = 0.1
"""Decimals beyond this come from a conversion, not from a survey."""

_UNNAMED_SHARE = 0.95
_UNNAMED_CONFIDENCE = {Method.OSTN15: 0.55, Method.DEGREES: 0.85}
"""Two columns that only their values give away: whole numbers are for a person to confirm, degrees with all their
decimals are not there by chance."""


@dataclass(frozen=True)
class FoundLocation:
    """Where the locations are, how sure that is and why; `alternatives` are the other ways the file says it."""

    location: Location
    confidence: float
    evidence: str
    alternatives: tuple[Location, ...]


@dataclass(frozen=True)
class _Candidate:
    """A place where locations may be, with what its values say: the share of rows that have a position, the share of
    those in the city, the step of the coordinates in metres."""

    location: Location
    filled: float
    in_city: float
    precision: float
    areas: bool
    chosen: Chosen
    named: bool = True

    @property
    def rank(self) -> tuple[bool, int, bool, float, int]:
        """The best comes first: areas, then complete, then what a map program drew, then precise to what matters."""
        complete = round(self.filled * self.in_city * 20)
        order = _ORDER.index(self.location.kind)
        return (not self.areas, -complete, order > 0, max(self.precision, _FINE_M), order)


_ORDER = (
    LocationKind.GEOMETRY,
    LocationKind.XY,
    LocationKind.PAIR,
    LocationKind.WKT,
    LocationKind.GRID_REFERENCE,
    LocationKind.POSTCODE,
)


def find_location(opened: Opened, surroundings: Surroundings) -> FoundLocation | None:
    """How the file says where things are; None when it does not say it."""
    sample = _sample(opened)
    candidates = [_weigh(sample, location, surroundings) for location in _locations(sample)]
    filled = [candidate for candidate in candidates if candidate.filled > 0]
    landed = sorted((one for one in filled if one.in_city > _MOST), key=lambda one: one.rank)
    if not landed:
        landed = [one for one in (_unnamed(sample, surroundings),) if one is not None]
    known = (_uprn_location(sample, surroundings), _postcode_location(sample, surroundings))
    looked_up = [one for one in known if one is not None]
    if landed:
        return _found(landed, looked_up)
    if looked_up:
        return replace(looked_up[0], alternatives=tuple(one.location for one in looked_up[1:]))
    return next((_astray(one) for one in filled if one.filled > _MOST), None)


def _sample(opened: Opened) -> Opened:
    step = max(1, opened.records.height // SAMPLE)
    geometry = None if opened.geometry is None else opened.geometry[::step]
    return replace(opened, records=opened.records.gather_every(step), geometry=geometry)


def _locations(opened: Opened) -> Iterator[Location]:
    """Every place worth a look, by the form of the values or the columns' names."""
    if opened.geometry is not None and not shapely.is_missing(opened.geometry).all():
        yield Location(kind=LocationKind.GEOMETRY)
    for x, y in paired_columns(opened.columns):
        yield Location(kind=LocationKind.XY, columns=(x, y))
    for column in opened.columns:
        text = opened.records[column].drop_nulls()
        if text.is_empty():
            continue
        if _share(text.str.contains(SHAPE_TEXT)) > _MOST:
            yield Location(kind=LocationKind.WKT, columns=(column,))
        elif _share(text.str.contains(f"(?i){GRID_REFERENCE}")) > _MOST:
            yield Location(kind=LocationKind.GRID_REFERENCE, columns=(column,))
        elif _share(looks_like_pairs(text)) > _MOST:
            yield Location(kind=LocationKind.PAIR, columns=(column,))


def _weigh(opened: Opened, location: Location, surroundings: Surroundings) -> _Candidate:
    positions = read_positions(opened, location)
    chosen = choose_reading(opened, location, positions, surroundings)
    filled = _share(pl.Series(positions.present & ((positions.x != 0) | (positions.y != 0))))
    precision = metres_of_precision(chosen.reading, positions)
    areas = positions.shapes is not None
    return _Candidate(location, filled, chosen.in_city, precision, areas, chosen)


def _unnamed(opened: Opened, surroundings: Surroundings) -> _Candidate | None:
    """Two neighbouring columns, whatever their names, whose numbers all lie at the council as one of the two usual
    systems. Small or round numbers are counts or an index, and prove nothing."""
    for x, y in zip(opened.columns, opened.columns[1:], strict=False):
        candidate = _weigh(opened, Location(kind=LocationKind.XY, columns=(x, y)), surroundings)
        reading = candidate.chosen.reading
        if min(candidate.in_city, candidate.chosen.near_council, candidate.filled) < _UNNAMED_SHARE:
            continue
        if _is_telling(opened, candidate) and reading.unit == 1:
            columns = (y, x) if reading.flipped else (x, y)
            located = Location(kind=LocationKind.XY, columns=columns)
            return replace(_weigh(opened, located, surroundings), named=False)
    return None


def _is_telling(opened: Opened, candidate: _Candidate) -> bool:
    distinct = all(opened.records[column].n_unique() >= 3 for column in candidate.location.columns)
    method = candidate.chosen.reading.system.method
    return distinct and (
        method is Method.OSTN15 or (method is Method.DEGREES and candidate.precision < _UNNAMED_STEP_M)
    )


def _found(landed: list[_Candidate], looked_up: list[FoundLocation]) -> FoundLocation:
    best, *rest = landed
    share = f"{best.in_city:.0%} of the {_called(best.location)} lie in the city"
    evidence = f"{share}; {best.chosen.how}; {best.filled:.0%} of rows have one"
    confidence = 0.8 + 0.2 * best.in_city if best.named else _UNNAMED_CONFIDENCE[best.chosen.reading.system.method]
    alternatives = [*(one.location for one in rest), *(one.location for one in looked_up)]
    return FoundLocation(best.location, round(confidence, 2), evidence, tuple(alternatives))


def _astray(candidate: _Candidate) -> FoundLocation:
    """Coordinates of another place: surely the location, and surely to be refused row by row."""
    evidence = f"the {_called(candidate.location)} are numbers, but {candidate.chosen.how}"
    return FoundLocation(candidate.location, 0.8, evidence, ())


def _uprn_location(opened: Opened, surroundings: Surroundings) -> FoundLocation | None:
    """The column called UPRN whose numbers the gazetteer knows; numbers alone could be anything."""
    for column in opened.columns:
        if "uprn" not in column.lower():
            continue
        codes = extract_uprns(opened.records[column])
        if _share(codes.is_not_null()) < _SOME:
            continue
        wanted = codes.drop_nulls().unique()
        known = surroundings.find_uprns(wanted).height / len(wanted)
        if known >= _SOME:
            evidence = f"column {column} has UPRNs, of which the gazetteer knows {known:.0%}"
            location = Location(kind=LocationKind.UPRN, columns=(column,))
            return FoundLocation(location, round(0.8 + 0.15 * known, 2), evidence, ())
    return None


def _postcode_location(opened: Opened, surroundings: Surroundings) -> FoundLocation | None:
    """The column with most postcodes that the gazetteer knows; one of postcodes alone before an address."""
    best: tuple[float, str, pl.Series] | None = None
    for column in opened.columns:
        codes = extract_postcodes(opened.records[column])
        share = _share(codes.is_not_null())
        longest = opened.records[column].str.len_chars().quantile(0.9) or 0
        score = share + (longest <= _POSTCODE_LENGTH)
        if share >= _SOME and (best is None or score > best[0]):
            best = (score, column, codes.drop_nulls().unique())
    if best is None:
        return None
    _, column, codes = best
    known = surroundings.find_postcodes(codes).height / len(codes)
    if known < _SOME:
        return None
    evidence = f"column {column} has postcodes, of which the gazetteer knows {known:.0%}"
    return FoundLocation(
        Location(kind=LocationKind.POSTCODE, columns=(column,)), round(0.8 + 0.15 * known, 2), evidence, ()
    )


def _share(mask: pl.Series) -> float:
    """The share of true values; 0 of none."""
    return int(mask.sum()) / len(mask) if len(mask) else 0.0


def _called(location: Location) -> str:
    names = " and ".join(location.columns)
    return f"places in {names}" if names else "shapes"
