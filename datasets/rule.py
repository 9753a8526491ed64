"""Rules as data: what people decided about single values of a field, instead of code for one council.

A rule belongs to one feed, to one council or to a whole layer; it stands in the database, in a feed's document or in a
layer's definition, and is checked by the same class wherever it stands.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Protocol

from pydantic import BaseModel, ConfigDict, Field, model_validator

from datasets.forms import EXAMPLES, FORMS
from datasets.units import factor, find_unit
from datasets.vocabulary import FieldType, RuleAction

_WANTED: Mapping[RuleAction, tuple[bool | None, bool]] = {
    RuleAction.REPLACE: (True, True),
    RuleAction.BLANK: (None, False),
    RuleAction.DEFAULT: (False, True),
    RuleAction.SKIP_ROW: (True, False),
    RuleAction.KEEP: (None, False),
    RuleAction.UNITS: (False, True),
}
"""Whether an action takes a pattern and a value; None where it may."""


class Rule(BaseModel):
    """What is done with the values of `field` that are `pattern`, without regard to case and blanks.

    `replace` puts `value` in their place; `blank` empties them; `skip-row` leaves their rows out; `keep` undoes what is
    tidied in them automatically. Without a pattern `blank` and `keep` are for every value. `default` fills empty ones
    with `value`; `units` says that numbers without a unit are in the unit `value`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    field: str
    action: RuleAction
    pattern: str | None = None
    value: str | None = None
    reason: str = Field(min_length=3)
    by: str = "definition"

    @model_validator(mode="after")
    def _has_what_its_action_needs(self) -> "Rule":
        for given, name, wanted in zip(
            (self.pattern, self.value), ("pattern", "value"), _WANTED[self.action], strict=True
        ):
            if wanted and not (given or "").strip():
                raise ValueError(f"a rule of action {self.action} needs a {name}")
            if wanted is False and given is not None:
                raise ValueError(f"a rule of action {self.action} takes no {name}")
        return self

    @property
    def folded(self) -> str | None:
        """The pattern as values are compared with it."""
        return None if self.pattern is None else " ".join(self.pattern.lower().split())


class Typed(Protocol):
    """What a rule needs to know of a field."""

    @property
    def type(self) -> FieldType: ...
    @property
    def unit(self) -> str | None: ...
    @property
    def minimum(self) -> float | None: ...
    @property
    def maximum(self) -> float | None: ...
    @property
    def codes(self) -> Mapping[str, tuple[str, ...]]: ...
    @property
    def derived_from(self) -> str | None: ...


def check_rules(rules: Sequence[Rule], layer: str, fields: Mapping[str, Typed]) -> None:
    """ValueError for the first rule that does not fit the layer's fields; it says which rule and what is wrong."""
    for number, rule in enumerate(rules, 1):
        if wrong := fault_of(rule, layer, fields):
            raise ValueError(f"rule.{number}: {wrong}")


def fault_of(rule: Rule, layer: str, fields: Mapping[str, Typed]) -> str | None:
    """What is wrong with the rule for these fields, or None."""
    if rule.field not in fields:
        return f"field: {layer} has no field {rule.field!r}; it has {', '.join(fields)}"
    field = fields[rule.field]
    if field.derived_from:
        return f"field: {rule.field} is worked out from {field.derived_from}; make the rule for that"
    if rule.action is RuleAction.UNITS:
        return _unit_fault(rule, field)
    if rule.value is not None and (wanted := _unfit(rule.value, field)):
        return f"value: {rule.value!r} is no value of {rule.field}; {wanted}"
    return None


def _unit_fault(rule: Rule, field: Typed) -> str | None:
    assert rule.value is not None
    if field.unit is None or find_unit(field.unit) is None or field.type not in (FieldType.INTEGER, FieldType.DECIMAL):
        return f"action: {rule.field} is not a measure, so it has no units"
    if factor(rule.value, field.unit) is None:
        return f"value: {rule.value!r} cannot be turned into {field.unit}, the unit of {rule.field}"
    return None


def _unfit(value: str, field: Typed) -> str | None:
    """What a value of the field is like, where this one is not."""
    if field.codes:
        given = [part.strip() for part in value.split(";")] if field.type is FieldType.CODES else [value]
        return None if all(one in field.codes for one in given) else f"use one of {', '.join(field.codes)}"
    if not re.search(FORMS[field.type], value):
        return f"write it plainly, such as {EXAMPLES.get(field.type, 'any text')}"
    if field.minimum is not None and float(value) < field.minimum:
        return f"the least is {field.minimum:g}"
    if field.maximum is not None and float(value) > field.maximum:
        return f"the most is {field.maximum:g}"
    return None
