"""Units of measure by the names that councils give them, and what one of each is in its kind's own."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Unit:
    """A kind of measure, such as length, and how many of the kind's own unit this one is."""

    kind: str
    size: float


_NAMED: Mapping[tuple[str, float], tuple[str, ...]] = {
    ("length", 0.001): ("mm", "millimetre", "millimeter"),
    ("length", 0.01): ("cm", "centimetre", "centimeter"),
    ("length", 1.0): ("m", "mtr", "metre", "meter"),
    ("length", 1000.0): ("km", "kilometre", "kilometer"),
    ("length", 0.0254): ("in", "inch", "inches", '"', "″"),
    ("length", 0.3048): ("ft", "foot", "feet", "'", "′"),
    ("length", 0.9144): ("yd", "yard"),
    ("length", 1609.344): ("mi", "mile"),
    ("area", 1.0): ("m2", "m²", "sqm", "sq m", "sq metre", "square metre"),
    ("area", 10_000.0): ("ha", "hectare"),
    ("area", 1_000_000.0): ("km2", "km²", "sq km", "square kilometre"),
    ("area", 4046.8564224): ("acre", "ac"),
    ("power", 1.0): ("kw", "kilowatt"),
    ("power", 0.001): ("w", "watt"),
    ("power", 1000.0): ("mw", "megawatt"),
    ("duration", 1.0): ("min", "minute"),
    ("duration", 60.0): ("h", "hr", "hour"),
    ("concentration", 1.0): ("µg/m3", "ug/m3", "µg/m³", "ug/m³", "μg/m3", "μg/m³"),
    ("share", 1.0): ("%", "percent", "per cent"),
}
_UNITS = {name: Unit(*unit) for unit, names in _NAMED.items() for name in names}


def find_unit(name: str) -> Unit | None:
    """The unit of this name, in any case, in the plural or with a full stop; None where it is not known."""
    plain = " ".join(name.lower().split()).rstrip(".")
    return _UNITS.get(plain) or _UNITS.get(plain.removesuffix("s"))


def factor(given: str, wanted: str) -> float | None:
    """How many of `wanted` one of `given` is; None where they do not measure the same or one is not known. What is
    counted, such as homes or sockets, is its own unit."""
    if given.lower().removesuffix("s") == wanted.lower().removesuffix("s"):
        return 1.0
    one, other = find_unit(given), find_unit(wanted)
    if one is None or other is None or one.kind != other.kind:
        return None
    return one.size / other.size
