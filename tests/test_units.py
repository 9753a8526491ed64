"""Units by the names that councils give them."""

import pytest

from datasets.units import factor, find_unit


@pytest.mark.parametrize(
    ("given", "wanted", "by"),
    [("ft", "m", 0.3048), ("Feet", "m", 0.3048), ("cm.", "m", 0.01), ("acres", "ha", 0.40468564224), ("W", "kW", 0.001),
     ("hours", "min", 60), ("homes", "homes", 1), ("Home", "homes", 1)],
)  # fmt: skip
def test_a_unit_is_so_many_of_another(given: str, wanted: str, by: float) -> None:
    assert factor(given, wanted) == pytest.approx(by)


@pytest.mark.parametrize(("given", "wanted"), [("kg", "m"), ("ft", "ha"), ("trees", "homes"), ("", "m")])
def test_what_does_not_measure_the_same_has_no_factor(given: str, wanted: str) -> None:
    assert factor(given, wanted) is None


def test_an_unknown_unit_is_none() -> None:
    assert find_unit("cubit") is None
