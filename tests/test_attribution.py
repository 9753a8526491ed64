"""The words to show with features of several feeds: each once, Ordnance Survey's once for all."""

import pytest

from datasets.attribution import joined_words

OGL = "Contains public sector information licensed under the Open Government Licence v3.0."


def test_words_stand_once_in_their_order() -> None:
    assert joined_words([OGL, "© Ashmere 2024", OGL]) == f"{OGL} © Ashmere 2024."


def test_one_attribution_stays_as_the_council_wrote_it() -> None:
    assert joined_words(["© Ashmere 2024"]) == "© Ashmere 2024"


def test_nothing_asks_for_no_words() -> None:
    assert joined_words([]) == ""


@pytest.mark.parametrize(
    "spelt",
    [
        "Contains OS data © Crown copyright and database right 2024",
        "Contains OS data © Crown copyright and database rights 2024.",
        "Contains Ordnance Survey data (c) Crown Copyright & database right 2024.",
        "contains OS data, © Crown copyright and database rights, [2024].",
    ],
)
def test_ordnance_survey_is_told_once_with_the_latest_year(spelt: str) -> None:
    others = [f"© Ashmere. {spelt}", "Contains OS data © Crown copyright and database right 2019."]
    assert joined_words(others) == "© Ashmere. Contains OS data © Crown copyright and database right 2024."


def test_ordnance_survey_without_a_year_is_told_without_one() -> None:
    assert joined_words(["Contains OS data © Crown copyright and database rights"]) == (
        "Contains OS data © Crown copyright and database right."
    )


def test_a_councils_own_licence_number_is_never_cut() -> None:
    own = "© Crown copyright and database rights 2024 OS AC0000000000"
    full = "Contains OS data © Crown copyright and database rights 2024 OS AC0000000000"
    assert joined_words([own]) == own
    assert joined_words([full]) == full
