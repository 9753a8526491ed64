"""The demo city's point layers: toilets, libraries and polling stations, made as whole columns at a time."""

from collections.abc import Sequence

import numpy as np
import polars as pl
import shapely
from numpy.typing import NDArray

from harvesters.demo import words
from harvesters.demo.border import with_one_at_the_border
from harvesters.demo.land import boroughs
from harvesters.demo.postcodes import PER_BOROUGH, postcodes

ELECTION_DAY = "2026-05-21"
_REACH_METRES = 210
_FIRST_UPRN = 990_000_000_000
"""Beyond any UPRN that has been given out."""

Orders = NDArray[np.uint8]


def make_toilets(rng: np.random.Generator, orders: Orders) -> pl.DataFrame:
    """Public toilets, about one in seven of them in a café of a community scheme."""
    count = len(orders)
    cafe = pl.lit("The ") + _pick(rng, words.CAFES_FIRST, count) + " " + _pick(rng, words.CAFES_SECOND, count)
    accessible = _pick(rng, words.ACCESSIBLE_CATEGORIES, count)
    return (
        _placed(rng, orders)
        .select(
            "borough",
            _references("WC", orders),
            community_scheme=_yes(rng, 0.15, count),
            site=pl.col("street") + " " + _pick(rng, words.TOILET_SITES, count),
            cafe=cafe,
            address=_address(rng, count),
            postcode="postcode",
            uprn=_uprns(0, count),
            category=_pick(rng, words.CATEGORIES, count),
            accessible_category=accessible,
            accessible=accessible != "None",
            radar_key_needed=_yes(rng, 0.4, count),
            baby_change=_yes(rng, 0.5, count),
            changing_place=_yes(rng, 0.06, count),
            staffed=_yes(rng, 0.2, count),
            pence=_pick(rng, (0, 0, 0, 20, 50), count),
            opening_hours=_pick(rng, words.OPENING_HOURS, count),
            report_tel=_telephone("020 7946 ", 4, rng.integers(0, 1_000, count)),
            easting="easting",
            northing="northing",
        )
        .select(
            pl.col("borough", "reference"),
            pl.when("community_scheme").then("cafe").otherwise("site").alias("name"),
            pl.exclude("borough", "reference", "site", "cafe"),
        )
        .pipe(with_one_at_the_border)
    )


def make_libraries(rng: np.random.Generator, orders: Orders) -> pl.DataFrame:
    """Public libraries, each with a name no other has."""
    count = len(orders)
    return _placed(rng, orders).select(
        "borough",
        _references("LIB", orders),
        name=pl.Series(place_names(rng, count, ("Library",))),
        address=_address(rng, count),
        postcode="postcode",
        uprn=_uprns(1, count),
        statutory=_yes(rng, 0.85, count),
        library_type=_pick(rng, words.LIBRARY_TYPES, count),
        year_opened=pl.Series(rng.integers(1882, 2023, count)),
        opens=_pick(rng, ("09:00", "09:30", "10:00"), count),
        closes=_pick(rng, ("17:00", "18:00", "19:00"), count),
        telephone=_telephone("01632 960", 3, rng.integers(0, 1_000, count)),
        easting="easting",
        northing="northing",
    )


def make_polling_stations(rng: np.random.Generator, orders: Orders) -> pl.DataFrame:
    """Polling stations for one election day."""
    count = len(orders)
    return _placed(rng, orders).select(
        "borough",
        _references("PS", orders),
        name=pl.col("street") + " " + _pick(rng, words.POLLING_VENUES, count),
        address=_address(rng, count),
        postcode="postcode",
        uprn=_uprns(2, count),
        districts=_districts(rng, orders),
        ward="ward",
        election_date=pl.lit(ELECTION_DAY).str.to_date(),
        easting="easting",
        northing="northing",
    )


def place_names(rng: np.random.Generator, count: int, kinds: Sequence[str]) -> list[str]:
    """Made-up names, all different: once the words are used up, numbers go on."""
    names = [f"{start}{end} {kind}" for kind in kinds for start in words.PLACE_STARTS for end in words.PLACE_ENDS]
    mixed = [str(name) for name in rng.permutation(names)]
    return [mixed[i] if i < len(mixed) else f"{mixed[i % len(mixed)]} {i // len(mixed) + 1}" for i in range(count)]


def _placed(rng: np.random.Generator, orders: Orders) -> pl.DataFrame:
    """A postcode of the borough for each feature, and a point near its middle that lies inside the borough."""
    picked = orders.astype(np.int64) * PER_BOROUGH + rng.integers(0, PER_BOROUGH, len(orders))
    frame = postcodes()[picked]
    angle, reach = rng.uniform(0, 2 * np.pi, len(orders)), _REACH_METRES * np.sqrt(rng.uniform(0, 1, len(orders)))
    middle = frame.select("easting", "northing").to_numpy()
    aside = np.column_stack([np.cos(angle) * reach, np.sin(angle) * reach])
    points = np.round(middle + aside, 1)
    for order, borough in enumerate(boroughs()):
        shapely.prepare(borough.shape)
        mine = np.flatnonzero(orders == order)
        outside = mine[~shapely.contains_xy(borough.shape, points[mine, 0], points[mine, 1])]
        points[outside] = np.round(middle[outside] + aside[outside] * 0.2, 1)
    return frame.with_columns(easting=pl.Series(points[:, 0]), northing=pl.Series(points[:, 1]))


def _references(prefix: str, orders: Orders) -> pl.Series:
    """`WC-A00017`: the layer, the borough's letter and a number that counts within the borough."""
    letters = pl.Series([name[0] for name in words.BOROUGHS])
    numbers = pl.int_range(1, pl.len() + 1).over("order").cast(pl.String).str.zfill(5)
    frame = pl.DataFrame({"order": orders, "letter": letters[orders.astype(np.int64)]})
    return frame.select(reference=pl.lit(f"{prefix}-") + pl.col("letter") + numbers)["reference"]


def _address(rng: np.random.Generator, count: int) -> pl.Expr:
    house = pl.lit(pl.Series(rng.integers(1, 180, count)).cast(pl.String))
    return house + pl.lit(" ") + pl.col("street") + pl.lit(", ") + pl.col("ward")


def _uprns(layer: int, count: int) -> pl.Series:
    """Numbers that never end in 0, as those do that a spreadsheet rounded."""
    number = pl.int_range(count, dtype=pl.Int64, eager=True)
    return _FIRST_UPRN + layer * 1_000_000_000 + number * 10 + number % 9 + 1


def _districts(rng: np.random.Generator, orders: Orders) -> pl.Series:
    alphabet = pl.Series(list("ABCDEFGHJKLMNPRSTUVWXYZ"))
    second, third = (alphabet[rng.integers(0, len(alphabet), len(orders))] for _ in range(2))
    letters = pl.Series([name[0] for name in words.BOROUGHS])[orders.astype(np.int64)]
    return letters + second + third


def _telephone(start: str, digits: int, numbers: NDArray[np.int64]) -> pl.Expr:
    """Numbers that Ofcom keeps for drama."""
    return pl.lit(start) + pl.lit(pl.Series(numbers).cast(pl.String).str.zfill(digits))


def _pick(rng: np.random.Generator, choices: Sequence[str] | Sequence[int], count: int) -> pl.Series:
    return pl.Series(choices)[rng.integers(0, len(choices), count)]


def _yes(rng: np.random.Generator, share: float, count: int) -> pl.Series:
    return pl.Series(rng.uniform(0, 1, count) < share)
