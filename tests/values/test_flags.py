"""Yes and no, in all the forms that councils give them."""

from columns import codes, field_of, read, told

from datasets.vocabulary import FieldType

FLAG = field_of(FieldType.FLAG)


def test_yes_and_no_in_every_form_are_flags() -> None:
    yes, no = ["Yes", "Y", "TRUE", "1", "x", "✓", "Available"], ["No", "n", "False", "0", "None", "Not available"]
    assert read(FLAG, *yes, *no) == [True] * len(yes) + [False] * len(no)
    assert told(FLAG, *yes, *no) == []


def test_a_flag_with_more_words_counts_by_its_first_and_says_so() -> None:
    texts = ("Yes (RADAR key)", "No - see notes", "none", "Yes")
    assert read(FLAG, *texts) == [True, False, False, True]
    assert told(FLAG, *texts) == [
        ("value-tidied", "Yes (RADAR key)", "Taken as yes."),
        ("value-tidied", "No - see notes", "Taken as no."),
    ]


def test_what_is_neither_yes_nor_no_is_blanked_with_its_value_told() -> None:
    assert read(FLAG, "perhaps", "Yes/No", "Nobody") == [None, None, None]
    assert [value for _, value, _ in told(FLAG, "perhaps", "Yes/No", "Nobody")] == ["perhaps", "Yes/No", "Nobody"]


def test_no_information_is_not_no() -> None:
    assert read(FLAG, "No information", "Not known", "n/k") == [None, None, None]
    assert codes(FLAG, "No information", "Not known", "n/k") == []
