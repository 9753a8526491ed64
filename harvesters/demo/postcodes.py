"""The made-up gazetteer: some two thousand postcodes of area ZZ, each with its street and its ward."""

from functools import cache

import numpy as np
import polars as pl
import shapely

from harvesters.demo.land import Borough, Coordinates, boroughs
from harvesters.demo.words import STREET_KINDS, STREETS, WARDS

PER_BOROUGH = 334
WARDS_PER_BOROUGH = 8
_SEED = 77
_INLAND_METRES = 90
_UNIT_LETTERS = "ABDEFGHJLNPQRSTUWXYZ"


@cache
def postcodes() -> pl.DataFrame:
    """borough (0 to 5), postcode, street, ward, easting, northing; in the order of the boroughs."""
    return pl.concat([_of_borough(order, borough) for order, borough in enumerate(boroughs())])


def _of_borough(order: int, borough: Borough) -> pl.DataFrame:
    rng = np.random.default_rng([_SEED, order])
    candidates = _inland(borough, rng, 3_000)
    centres = _far_apart(candidates, WARDS_PER_BOROUGH)
    away = np.hypot(*(candidates[:, None, :] - centres[None, :, :]).transpose(2, 0, 1))
    weight = 0.12 + np.exp(-away.min(axis=1) / 900)
    chosen = rng.choice(len(candidates), PER_BOROUGH, replace=False, p=weight / weight.sum())
    ward = away[chosen].argmin(axis=1)
    by_ward = np.argsort(ward, kind="stable")
    names = WARDS[order * WARDS_PER_BOROUGH : (order + 1) * WARDS_PER_BOROUGH]
    return pl.DataFrame(
        {
            "borough": pl.Series([order] * PER_BOROUGH, dtype=pl.UInt8),
            "postcode": _codes(order, rng),
            "street": _streets(rng),
            "ward": [names[number] for number in ward[by_ward]],
            "easting": np.round(candidates[chosen][by_ward, 0]),
            "northing": np.round(candidates[chosen][by_ward, 1]),
        }
    )


def _inland(borough: Borough, rng: np.random.Generator, count: int) -> Coordinates:
    shape = borough.shape.buffer(-_INLAND_METRES)
    shapely.prepare(shape)
    west, south, east, north = shape.bounds
    points = rng.uniform((west, south), (east, north), (count * 4, 2))
    return np.asarray(points[shapely.contains_xy(shape, points[:, 0], points[:, 1])][:count])


def _far_apart(candidates: Coordinates, count: int) -> Coordinates:
    """Candidates of which each is as far as can be from those before it."""
    picked = [candidates[0]]
    away = np.full(len(candidates), np.inf)
    while len(picked) < count:
        away = np.minimum(away, np.hypot(*(candidates - picked[-1]).T))
        picked.append(candidates[away.argmax()])
    return np.array(picked)


def _codes(order: int, rng: np.random.Generator) -> list[str]:
    units = rng.permutation([first + second for first in _UNIT_LETTERS for second in _UNIT_LETTERS])
    half = PER_BOROUGH // 2
    return [
        f"ZZ{2 * order + 1 + number // half} {number % half * 10 // half}{units[number]}"
        for number in range(PER_BOROUGH)
    ]


def _streets(rng: np.random.Generator) -> list[str]:
    names = [f"{first} {kind}" for first in STREETS for kind in STREET_KINDS]
    return [str(name) for name in rng.permutation(names)[:PER_BOROUGH]]
