"""Opening hours as councils publish them: how many have a certain reading. What is read was looked at by eye, all 91 of
the toilets' and a sample of the pharmacies'."""

import polars as pl
import pytest

from harvesters.values.hours import derive_hours
from harvesters.values.weekdays import name_days
from tests.real.trial import FOLDER

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(not FOLDER.exists(), reason="the folder of real council files is not here"),
]
TOILETS = {
    "barking-and-dagenham/barking_raw.csv": "OpeningHours",
    "barnet/barnet_raw.csv": "OpeningHours",
    "camden/Public_toilets.csv": "Opening Hours",
    "southwark/southwark_toilets.csv": "OpeningTime",
}


def column(path: str, *names: str) -> list[pl.Series]:
    frame = pl.read_csv(FOLDER / path, infer_schema=False, encoding="utf8-lossy", truncate_ragged_lines=True)
    return [frame[name] for name in names]


def test_most_hours_of_real_toilets_are_certain_and_the_rest_is_left() -> None:
    texts = pl.concat([column(f"public-toilets/{path}", name)[0] for path, name in TOILETS.items()]).drop_nulls()
    assert (len(texts), derive_hours(texts).count()) == (107, 91)


def test_hours_in_a_column_for_each_day_are_read_for_all_real_pharmacies_but_a_typing_error() -> None:
    days = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
    names = [f"opening_hours_{day}" for day in days]
    texts = name_days(names, column("other-point-layers/_gm/gm_pharmacies.csv", *names))
    joined = pl.select(pl.concat_str(texts, separator=", ", ignore_nulls=True)).to_series()
    assert (len(joined), derive_hours(joined).count()) == (631, 630)
