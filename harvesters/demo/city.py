"""The demo city as it truly is, before its councils publish it: every feature of the four layers, as columns."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from datasets.errors import CitywideError
from harvesters.demo.areas import make_areas
from harvesters.demo.land import Borough, boroughs
from harvesters.demo.points import make_libraries, make_polling_stations, make_toilets
from harvesters.demo.postcodes import postcodes

LAYERS = ("public-toilets", "conservation-areas", "libraries", "polling-stations")
WITHOUT_LIBRARIES = 3
"""Dunmoor publishes no libraries: the city's one gap in coverage."""

FEWEST_FEATURES = 200
TOILET_SHARE = 0.35


@dataclass(frozen=True)
class DemoCity:
    """What there is to publish. `layers` holds for each layer the columns `borough` (place in `boroughs`), the
    layer's fields and, for points, `easting` and `northing`; `shapes` are the conservation areas' outlines in
    British National Grid, parallel to their frame."""

    seed: int
    boroughs: tuple[Borough, ...]
    postcodes: pl.DataFrame
    layers: Mapping[str, pl.DataFrame]
    shapes: NDArray[np.object_]

    @property
    def features(self) -> int:
        """How many features the councils publish between them."""
        return sum(len(frame) for frame in self.layers.values())

    def features_of(self, layer: str, borough: int) -> pl.DataFrame:
        """One borough's features of one layer."""
        return self.layers[layer].filter(pl.col("borough") == borough).drop("borough")

    def shapes_of(self, borough: int) -> NDArray[np.object_]:
        """The outlines of one borough's conservation areas, in the order of `features_of`."""
        mine: NDArray[np.bool_] = (self.layers["conservation-areas"]["borough"] == borough).to_numpy()
        return np.asarray(self.shapes[mine])


def make_city(seed: int = 20261101, features: int = 4000) -> DemoCity:
    """The city with exactly so many features; the same seed and number give the same city."""
    if features < FEWEST_FEATURES:
        raise CitywideError(f"The demo city needs at least {FEWEST_FEATURES} features, not {features}.")
    libraries = max(30, round(math.sqrt(features) * 0.95))
    areas = max(48, round(math.sqrt(features) * 2.4))
    toilets = round((features - libraries - areas) * TOILET_SHARE)
    stations = features - libraries - areas - toilets
    everywhere = list(range(len(boroughs())))
    area_frame, shapes = make_areas(np.random.default_rng([seed, 1]), _spread(areas, everywhere))
    with_libraries = [order for order in everywhere if order != WITHOUT_LIBRARIES]
    return DemoCity(
        seed=seed,
        boroughs=boroughs(),
        postcodes=postcodes(),
        layers={
            "public-toilets": make_toilets(np.random.default_rng([seed, 0]), _spread(toilets, everywhere)),
            "conservation-areas": area_frame,
            "libraries": make_libraries(np.random.default_rng([seed, 2]), _spread(libraries, with_libraries)),
            "polling-stations": make_polling_stations(np.random.default_rng([seed, 3]), _spread(stations, everywhere)),
        },
        shapes=shapes,
    )


def _spread(count: int, orders: list[int]) -> NDArray[np.uint8]:
    """The borough of each of `count` features, the larger boroughs having more of them."""
    areas = np.array([boroughs()[order].shape.area for order in orders])
    ends = np.round(np.cumsum(areas / areas.sum()) * count).astype(int)
    return np.repeat(np.array(orders, dtype=np.uint8), np.diff(ends, prepend=0))
