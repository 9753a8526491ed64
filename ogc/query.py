"""What a request for items asks for, parsed once into a value that both lanes read."""

import base64
import binascii
import math
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote, urlencode

from datasets.layer import Layer
from ogc import interval
from ogc.interval import Interval, parse_interval
from ogc.problem import bad_value, unknown_parameter
from ogc.schema import DUPLICATES, Value, allowed_values, parse_value, queryables

DEFAULT_LIMIT = 10
LARGEST_LIMIT = 10_000
CRS84 = "http://www.opengis.net/def/crs/OGC/1.3/CRS84"
RESERVED = ("bbox", "bbox-crs", "crs", "cursor", "datetime", "duplicates", "f", "limit")

Envelope = tuple[float, float, float, float]

_BBOX = (
    "west,south,east,north in degrees of CRS84, or six numbers with heights; west may be greater than east where the "
    "box crosses the antimeridian"
)


@dataclass(frozen=True, slots=True)
class ItemsQuery:
    """`envelopes` are the boxes that a feature must meet one of (two at the antimeridian, none asked for = empty);
    `after` is the fid that the page before ended with; `parameters` are the request's own, without `f` and `cursor`.
    `without_duplicates` leaves out features that are `duplicate_of` another."""

    limit: int = DEFAULT_LIMIT
    after: int = 0
    envelopes: tuple[Envelope, ...] = ()
    interval: Interval | None = None
    equal: tuple[tuple[str, Value], ...] = ()
    without_duplicates: bool = False
    parameters: tuple[tuple[str, str], ...] = ()

    @property
    def filtered(self) -> bool:
        """Whether it asks for less than the whole layer, with or without duplicates."""
        return bool(self.envelopes or self.interval or self.equal)

    def searches(self, form: str, *after: int) -> tuple[str, ...]:
        """What stands behind `?` in the address of the same question in the format `form`, beginning after each fid."""
        asked = urlencode(self.parameters, quote_via=quote, safe=",:/")
        same = f"f={form}&{asked}" if asked else f"f={form}"
        return tuple(f"{same}&cursor={write_cursor(begin)}" if begin else same for begin in after)


def parse_items(layer: Layer, given: Mapping[str, str]) -> ItemsQuery:
    """The query that the parameters mean; Problem (400) names the first that is unknown or wrong."""
    fields = queryables(layer)
    for name in given:
        if name not in RESERVED and name not in fields:
            raise unknown_parameter(name, {*RESERVED, *fields})
    check_reference_systems(given)
    return ItemsQuery(
        limit=_limit(given["limit"]) if "limit" in given else DEFAULT_LIMIT,
        after=read_cursor(given["cursor"]) if "cursor" in given else 0,
        envelopes=_envelopes(given["bbox"]) if "bbox" in given else (),
        interval=_interval(given["datetime"]) if "datetime" in given else None,
        equal=tuple((name, _value(layer, name, text)) for name, text in given.items() if name not in RESERVED),
        without_duplicates=_without_duplicates(given.get("duplicates", "include")),
        parameters=tuple((name, text) for name, text in given.items() if name not in ("f", "cursor")),
    )


def check_reference_systems(given: Mapping[str, str]) -> None:
    """Problem (400) for a reference system other than the one there is."""
    for name in ("crs", "bbox-crs"):
        if given.get(name, CRS84) != CRS84:
            raise bad_value(name, given[name], "this reference system is not supported", CRS84)


def write_cursor(fid: int) -> str:
    """The opaque cursor of the page after the feature `fid`."""
    return base64.urlsafe_b64encode(b"1:%d" % fid).rstrip(b"=").decode()


def read_cursor(text: str) -> int:
    """The fid that a cursor stands for; Problem (400) when nobody here wrote it."""
    try:
        written = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        version, _, number = written.partition(b":")
        fid = int(number)
    except (binascii.Error, ValueError):
        version, fid = b"", -1
    if version != b"1" or not 0 < fid < 2**63:
        raise bad_value("cursor", text, "it is not a cursor", "only what a next link holds")
    return fid


def _without_duplicates(text: str) -> bool:
    if text not in DUPLICATES["enum"]:
        raise bad_value("duplicates", text, "it is neither of two words", " | ".join(DUPLICATES["enum"]))
    return text == "exclude"


def _limit(text: str) -> int:
    allowed = f"a whole number from 1; above {LARGEST_LIMIT} is read as {LARGEST_LIMIT}"
    digits = text.removeprefix("-")
    if not (digits.isascii() and digits.isdigit()):
        raise bad_value("limit", text, "it is not a whole number", allowed)
    if text != digits or not digits.strip("0"):
        raise bad_value("limit", text, "it must be at least 1", allowed)
    if len(text) > 18:
        return LARGEST_LIMIT
    return min(int(text), LARGEST_LIMIT)


def _interval(text: str) -> Interval | None:
    try:
        meant = parse_interval(text)
    except ValueError as error:
        raise bad_value("datetime", text, str(error), interval.ALLOWED) from None
    return meant if meant.begin or meant.end else None


def _value(layer: Layer, name: str, text: str) -> Value:
    try:
        return parse_value(layer, name, text)
    except ValueError as error:
        raise bad_value(name, text, str(error), allowed_values(layer, name)) from None


def _envelopes(text: str) -> tuple[Envelope, ...]:
    try:
        numbers = [float(part) for part in text.split(",")]
    except ValueError:
        raise bad_value("bbox", text, "not all of it is numbers", _BBOX) from None
    if len(numbers) not in (4, 6):
        raise bad_value("bbox", text, f"it has {len(numbers)} numbers", _BBOX)
    if not all(math.isfinite(number) for number in numbers):
        raise bad_value("bbox", text, "not all of it is numbers", _BBOX)
    half = len(numbers) // 2
    west, south, east, north = numbers[0], numbers[1], numbers[half], numbers[half + 1]
    # Map clients zoomed far out ask for a little more than the globe; metres of a national grid are a mistake.
    if max(abs(west), abs(east)) > 360 or max(abs(south), abs(north)) > 180:
        raise bad_value("bbox", text, "these are not degrees", _BBOX)
    if south > north:
        raise bad_value("bbox", text, "its south lies north of its north", _BBOX)
    if west <= east:
        return ((west, south, east, north),)
    return ((west, south, 180.0, north), (-180.0, south, east, north))
