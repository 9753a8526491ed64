"""The promise of a proposal: of those that are sure at least 95 in 100 are right, and for at least three quarters of
the columns that have an answer it is sure. Counted on every real file, and apart on the third that nothing was tuned
on; also as if no definition had ever met the way the file's council names its columns."""

import pytest

from datasets.layer import layers
from tests.mapping.questions import Answer, Question, ask_all, count, is_held_out, questions, strange_to
from tests.real.trial import FOLDER

RIGHT, SURE = 0.95, 0.75


def said(right: tuple[str, ...], field: str, sure: bool) -> Answer:
    return Answer(Question("a/b/c.csv", "libraries", "Column", right), field, 0.9, sure)


@pytest.fixture(scope="module")
def answers() -> list[Answer]:
    return ask_all()


def test_answers_are_counted_as_promised() -> None:
    found = count(
        [
            said(("name",), "name", sure=True),
            said(("name", "address"), "notes", sure=True),
            said(("name",), "name", sure=False),
            said(("name", ""), "", sure=False),
            said(("",), "name", sure=True),
        ]
    )
    assert (found.asked, found.answerable, found.sure, found.right) == (5, 3, 3, 1)
    assert found.share_right == pytest.approx(1 / 3) and found.share_sure == pytest.approx(2 / 3)


def test_every_answer_is_a_field_that_its_layer_takes_from_a_column() -> None:
    asked = [question for file in questions().values() for question in file]
    wrong = [
        question
        for question in asked
        for field in question.right
        if field and (field not in (known := layers()[question.layer].fields) or known[field].derived_from)
    ]
    assert len(asked) > 1_000 and wrong == []


def test_a_file_is_strange_when_its_own_names_are_unlearnt() -> None:
    path = "conservation-areas/leicester-city-council/7b83162b.geojson"
    known = {alias for field in strange_to(path).fields.values() for alias in field.aliases}
    assert "name" in known and "caref" not in known


@pytest.mark.real
@pytest.mark.skipif(not FOLDER.is_dir(), reason="the folder of real files, ../shared/data, is not here")
class TestRealFiles:
    def test_what_is_sure_is_right_and_most_is_sure(self, answers: list[Answer]) -> None:
        found = count(answers)
        assert found.share_right >= RIGHT and found.share_sure >= SURE

    def test_so_it_is_for_the_files_that_nothing_was_tuned_on(self, answers: list[Answer]) -> None:
        found = count(answer for answer in answers if is_held_out(answer.question.path))
        assert found.asked > 400 and found.share_right >= RIGHT and found.share_sure >= SURE

    def test_and_for_files_whose_names_no_definition_has_met(self) -> None:
        found = count(ask_all(strange=True))
        assert found.share_right >= RIGHT and found.share_sure >= SURE
