"""Each kind is found in every spelling of it, through the hint that a whole column is asked with; places are not."""

import polars as pl
import pytest

from datasets.layer import LayerField
from datasets.vocabulary import FieldType, Outcome
from harvesters.personal.scan import SUSPECTED, detectors, kinds
from tests.builders import Desk, csv_bytes, toilets
from tests.personal.leaks import Leak, sheet_spellings
from tests.personal.spellings import PLACES, alone, spellings
from tests.personal.test_leaks import everything, harvested

TEXT = LayerField(title="Notes", description="As free text.", type=FieldType.TEXT)
OWNED = LayerField(title="Owner", description="Whose it is.", type=FieldType.TEXT)


def test_there_are_spellings_of_every_kind() -> None:
    assert set(spellings()) == {detector.kind for detector in detectors()}


@pytest.mark.parametrize("kind", spellings())
def test_every_spelling_of_a_kind_is_found(kind: str) -> None:
    texts = spellings()[kind]
    found = kinds("description", TEXT, pl.Series(texts)).get(kind, [])
    assert sorted(set(texts) - set(found)) == []


def test_every_spelling_of_a_name_is_found_where_owners_are_named() -> None:
    assert sorted(set(alone()) - set(kinds("managed_by", OWNED, pl.Series(alone())).get("a person by name", []))) == []


@pytest.mark.parametrize("place", PLACES)
def test_a_place_with_a_name_is_no_person(place: str) -> None:
    assert kinds("description", TEXT, pl.Series([place])) == {}


@pytest.mark.parametrize("kind", spellings())
def test_a_file_with_every_spelling_of_a_kind_is_held_and_each_row_of_it_is_told(desk: Desk, kind: str) -> None:
    texts = spellings()[kind]
    rows = [{**row, "Notes": text} for row, text in zip(toilets(len(texts)), texts, strict=True)]
    report = harvested(desk, Leak(kind, csv_bytes(rows), tuple(texts)))
    told = report.issues.filter(pl.col("code") == SUSPECTED, pl.col("field") == "notes")
    assert report.outcome is Outcome.HELD and told["row_no"].n_unique() == len(texts)
    dump = "\n".join([*everything(desk), report.message, str(report.issues.rows()), str(report.values)])
    assert [text for text in texts if text in dump] == []


@pytest.mark.parametrize("leak", sheet_spellings(), ids=lambda leak: leak.kind)
def test_a_sheet_that_hides_something_is_held_however_its_xml_is_written(desk: Desk, leak: Leak) -> None:
    assert harvested(desk, leak).outcome is Outcome.HELD
    assert [secret for secret in leak.secrets if secret in "\n".join(everything(desk))] == []
