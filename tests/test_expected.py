"""The register of who is expected to provide what: checked as it is read, and true to nation and exception."""

from pathlib import Path

import pytest

from datasets.errors import RegisterError
from datasets.expected import Expected, expected_layers, expected_of, read_expected
from datasets.layer import layers
from datasets.vocabulary import Duty

ENTRY = """
[{layer}]
reason = "{reason}"
because = "A law says that councils publish it."
source = "An Act 2017"
source_url = "https://example.org/act"
since = 2017-12-31
exceptions = {{ {gss} = "It has none." }}
"""


def read(folder: Path, layer: str = "libraries", reason: str = "statutory", gss: str = "E09000001") -> Expected:
    path = folder / "expected.toml"
    path.write_text(ENTRY.format(layer=layer, reason=reason, gss=gss), encoding="utf-8")
    return read_expected(path, ["libraries"], ["E09000001"])[layer]


def test_every_layer_that_ships_says_who_is_expected_to_provide_it() -> None:
    assert set(expected_layers()) == set(layers())


def test_a_law_is_told_with_its_day() -> None:
    expected = expected_of("brownfield-land", "E08000001")
    assert expected is not None and expected.reason is Duty.STATUTORY and f"{expected.since}" == "2017-12-31"


def test_a_law_of_england_asks_nothing_of_a_scottish_council() -> None:
    assert expected_of("brownfield-land", "S12000042") is None
    assert expected_of("polling-stations", "S12000042") is not None


def test_a_layer_that_is_in_no_register_is_expected_of_nobody() -> None:
    assert expected_of("moon-bases", "E08000001") is None


def test_an_exception_is_not_expected(tmp_path: Path) -> None:
    expected = read(tmp_path)
    assert expected.holds_for("E09000002") and not expected.holds_for("E09000001")


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"layer": "moon-bases"}, r"expected\.toml: moon-bases: there is no such layer\."),
        ({"gss": "E09999999"}, r"expected\.toml: libraries\.exceptions\.E09999999: no shipped city has this council\."),
        ({"reason": "nice"}, r"expected\.toml: libraries\.reason: .*\(found 'nice'\)"),
    ],
)
def test_a_wrong_entry_is_refused_by_file_and_key(tmp_path: Path, given: dict[str, str], told: str) -> None:
    with pytest.raises(RegisterError, match=told):
        read(tmp_path, **given)
