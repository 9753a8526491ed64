"""Rules in the database and in documents: who they are for, which counts, what is refused, and that they are part of
what a feed is read by."""

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from datasets.city import read_city
from datasets.errors import CitywideError, RegisterError
from datasets.feed import read_feed
from datasets.layer import ENVELOPE, find_layer, read_layer
from datasets.rule import Rule
from datasets.settings import read_settings
from datasets.store.feeds import save_feed
from datasets.store.rules import NamedRule, Scope, add_rule, list_rules, remove_rule, rules_digest, rules_for
from harvesters.rules import rules_hash
from tests.builders import ASHMERE, BRACKHOLME, Desk, counts, feed_of, toilet, toilets

LAYER = Scope("public-toilets")
COUNCIL = Scope("public-toilets", ASHMERE)
FEED = Scope("", None, "ashmere-toilets")


def replace(value: str, pattern: str = "20 pence piece") -> Rule:
    return Rule(field="charge", action="replace", pattern=pattern, value=value, reason="The council said so.", by="ops")


def added(engine: Engine, feed_id: str = "ashmere-toilets") -> list[NamedRule]:
    """The rules for a feed that people added; the layer's own are left out."""
    return [each for each in rules_for(engine, feed_of(feed_id)) if not each.name.endswith("of the layer")]


def hash_of(engine: Engine, **given: Any) -> str:
    return rules_hash(feed_of(**given), find_layer("public-toilets"), read_city(read_settings({})), engine)


def test_a_feeds_rule_counts_before_its_councils_and_that_before_its_layers(engine: Engine) -> None:
    save_feed(engine, feed_of())
    for value, scope in (("0.1", LAYER), ("0.2", COUNCIL), ("0.3", FEED)):
        add_rule(engine, replace(value), scope)
    feed = feed_of(rule=[replace("0.4", "other").model_dump()])
    assert [each.rule.value for each in rules_for(engine, feed)][:4] == ["0.3", "0.4", "0.2", "0.1"]
    assert [each.name for each in rules_for(engine, feed)][:2] == ["rule 3", "rule 1 of the feed's document"]


def test_rules_of_others_are_not_for_a_feed(engine: Engine) -> None:
    save_feed(engine, feed_of())
    add_rule(engine, replace("0.1"), Scope("public-toilets", BRACKHOLME))
    add_rule(engine, replace("0.2"), FEED)
    libraries = Rule(field="name", action="blank", pattern="x", reason="The council said so.")
    add_rule(engine, libraries, Scope("libraries"))
    assert added(engine, "ashmere-more") == []
    assert [each.rule.value for each in list_rules(engine, feed="ashmere-toilets")] == ["0.2"]


def test_a_removed_rule_is_out_of_use(engine: Engine) -> None:
    number = add_rule(engine, replace("0.1"), LAYER)
    assert remove_rule(engine, number).rule.value == "0.1"
    assert list_rules(engine) == added(engine) == []
    with pytest.raises(CitywideError, match=f"no rule {number}"):
        remove_rule(engine, number)


def test_a_second_rule_for_the_same_value_is_refused(engine: Engine) -> None:
    number = add_rule(engine, replace("0.1"), LAYER)
    with pytest.raises(CitywideError, match=f"Rule {number} is for the same value"):
        add_rule(engine, replace("0.2", "20  PENCE piece"), LAYER)
    assert add_rule(engine, replace("0.2"), COUNCIL) > number


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"field": "chrge"}, "no field 'chrge'"),
        ({"value": "lots"}, "'lots' is no value of charge"),
        ({"value": "20"}, "the most is 5"),
        ({"field": "category", "value": "Everyone"}, "use one of Female"),
        ({"action": "units", "pattern": None, "value": "ft"}, "not a measure"),
        ({"field": "opening_hours_osm", "value": "24/7"}, "worked out from opening_hours"),
    ],
)
def test_a_rule_that_does_not_fit_its_layer_is_refused(engine: Engine, wrong: dict[str, Any], told: str) -> None:
    rule = Rule.model_validate({**replace("0.1").model_dump(), **wrong})
    with pytest.raises(RegisterError, match=told):
        add_rule(engine, rule, LAYER)
    assert list_rules(engine) == []


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"action": "mangle"}, "Input should be"),
        ({"value": None}, "needs a value"),
        ({"pattern": None}, "needs a pattern"),
        ({"action": "default"}, "takes no pattern"),
        ({"action": "blank"}, "takes no value"),
        ({"reason": ""}, "at least 3"),
        ({"colour": "red"}, "Extra inputs"),
    ],
)
def test_a_rule_that_makes_no_sense_is_refused(wrong: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        Rule.model_validate({**replace("0.1").model_dump(), **wrong})


def test_a_rule_of_a_strange_council_or_feed_is_refused(engine: Engine) -> None:
    with pytest.raises(CitywideError, match="not a council of this city"):
        add_rule(engine, replace("0.1"), Scope("public-toilets", "E09000001"))
    with pytest.raises(CitywideError, match="no feed"):
        add_rule(engine, replace("0.1"), Scope("", None, "nobody"))
    save_feed(engine, feed_of())
    with pytest.raises(CitywideError, match="is of council"):
        add_rule(engine, replace("0.1"), Scope("libraries", None, "ashmere-toilets"))


def test_a_wrong_rule_in_a_feeds_document_stops_it_by_file_and_key(tmp_path: Path) -> None:
    document = 'id = "a-b"\ncouncil = "X09000001"\nlayer = "public-toilets"\nurl = "https://example.org/"\n'
    path = tmp_path / "a-b.toml"
    rule = '[[rule]]\nfield = "chrge"\naction = "blank"\nreason = "Not a charge."\n'
    path.write_text(document + 'licence = "OGL-UK-3.0"\n' + rule, encoding="utf-8")
    with pytest.raises(RegisterError, match=r"a-b\.toml: rule\.1: field: public-toilets has no field 'chrge'"):
        read_feed(path)
    path.write_text(document + 'licence = "OGL-UK-3.0"\n' + rule.replace("chrge", "charge"), encoding="utf-8")
    assert read_feed(path).rule[0].field == "charge"


def test_a_layers_definition_may_state_rules_and_a_wrong_one_stops_it(tmp_path: Path) -> None:
    shipped = (ENVELOPE.parent / "layers" / "public-toilets.toml").read_text(encoding="utf-8")
    path = tmp_path / "public-toilets.toml"
    rule = '\n[[rule]]\nfield = "charge"\naction = "replace"\npattern = "ask"\nvalue = "0"\nreason = "It is free."\n'
    path.write_text(shipped + rule, encoding="utf-8")
    assert read_layer(path).rule[0].value == "0" and read_layer(path).digest != find_layer("public-toilets").digest
    path.write_text(shipped + rule.replace('"0"', '"nothing"'), encoding="utf-8")
    with pytest.raises(RegisterError, match=r"public-toilets\.toml: rule\.1: value: 'nothing'"):
        read_layer(path)


def test_rules_are_part_of_what_a_feed_is_read_by(engine: Engine) -> None:
    before = hash_of(engine)
    number = add_rule(engine, replace("0.1"), LAYER)
    with_rule = hash_of(engine)
    assert before != with_rule == hash_of(engine)
    assert hash_of(engine, rule=[replace("0.4", "other").model_dump()]) != with_rule
    remove_rule(engine, number)
    assert hash_of(engine) == before


def test_another_reason_is_no_other_rule(engine: Engine) -> None:
    digests = set()
    for reason in ("The council said so.", "It was on the sign."):
        number = add_rule(engine, replace("0.1").model_copy(update={"reason": reason}), LAYER)
        digests.add(rules_digest(rules_for(engine, feed_of())))
        remove_rule(engine, number)
    assert len(digests) == 1


def test_a_rule_changes_what_is_published_and_its_removal_undoes_that(desk: Desk) -> None:
    rows = [toilet(1, Charge="twenty pence piece"), *(toilet(number, Charge="0.10") for number in range(2, 12))]
    assert counts(desk.harvest(rows))["invalid decimal"] == 1
    number = add_rule(desk.tools.engine, replace("0.20", "Twenty pence piece"), LAYER)
    report = desk.harvest(rows)
    assert counts(report)["patch"] == 1 and float(desk.rows("charge")[0]["charge"]) == 0.2
    remove_rule(desk.tools.engine, number)
    desk.harvest(rows)
    assert desk.rows("charge")[0]["charge"] is None


def test_a_row_that_a_rule_leaves_out_is_accounted_for(desk: Desk) -> None:
    skip = Rule(field="name", action="skip-row", pattern="Convenience 3", reason="A row of their own tests.")
    add_rule(desk.tools.engine, skip, LAYER)
    report = desk.harvest(toilets(12))
    assert report.values["features"] == 11 and report.code is None
    assert report.issues.filter(action="dropped").select("code", "row_no").rows() == [("patch", 4)]
