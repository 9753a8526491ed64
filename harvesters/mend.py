"""The mend stage: rules that people made are applied to the mapped text, before it is typed.

Of the rules for one value the most particular counts, and no other touches it. Whatever a rule does is an issue that
names the rule.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import polars as pl

from datasets.issues import Issues, feed_issue, row_issues
from datasets.rule import Rule
from datasets.store.rules import NamedRule
from datasets.vocabulary import Action, RuleAction
from harvesters.batch import ROW_NO, Batch, Opened
from harvesters.values.parsed import without_null_words

_BARE_NUMBER = r"^\s*[-+]?[\d.,]*\d\s*$"
_TOLD = {
    RuleAction.REPLACE: ("Replaced with {value!r} by {name}", Action.FIXED),
    RuleAction.BLANK: ("Emptied by {name}", Action.BLANKED),
    RuleAction.SKIP_ROW: ("The row was left out by {name}", Action.DROPPED),
    RuleAction.KEEP: ("Kept as it was written by {name}", Action.KEPT),
    RuleAction.UNITS: ("Numbers without a unit were read as {value} by {name}", Action.FIXED),
    RuleAction.DEFAULT: ("Filled with {value!r} by {name}", Action.FIXED),
}


@dataclass(frozen=True)
class Mended:
    """The rows that are left, the resource with the same ones, and by field the rows whose value stays as written."""

    batch: Batch
    opened: Opened
    as_is: Mapping[str, pl.Series]


def mend(batch: Batch, opened: Opened, rules: Sequence[NamedRule]) -> tuple[Mended, Issues]:
    """Applies the rules, which are in the order in which they count. Rows that one leaves out are gone from both."""
    if not rules:
        return Mended(batch, opened, {}), []
    rows, issues = batch.frame[ROW_NO], Issues()
    dropped = pl.repeat(False, len(rows), dtype=pl.Boolean, eager=True)
    columns: dict[str, pl.Series] = {}
    as_is: dict[str, pl.Series] = {}
    for name in dict.fromkeys(each.rule.field for each in rules):
        missing = name not in batch.frame.columns
        source = pl.repeat(None, len(rows), dtype=pl.String, eager=True) if missing else batch.frame[name]
        column = _Column(name, source, rows)
        for each in rules:
            if each.rule.field == name:
                column.apply(each)
        issues += column.issues
        dropped |= column.dropped
        if not missing or column.text.null_count() < len(rows):
            columns[name] = column.text
        if column.kept.any():
            as_is[name] = column.kept
    mended = Mended(batch.with_columns(**columns), opened, as_is)
    return (_without(mended, dropped) if dropped.any() else mended), issues


class _Column:
    """One field's values while its rules are applied. `decided` are rows that a more particular rule has settled."""

    def __init__(self, field: str, source: pl.Series, rows: pl.Series) -> None:
        self.field, self.source, self.rows, self.text = field, source, rows, source
        self.folded = source.str.strip_chars().str.replace_all(r"[\s\u00a0]+", " ").str.to_lowercase()
        nothing = pl.repeat(False, len(source), dtype=pl.Boolean, eager=True)
        self.decided, self.dropped, self.kept = nothing, nothing, nothing
        self.issues: Issues = []

    def apply(self, named: NamedRule) -> None:
        """One rule, where nothing is decided yet; a default where there is still no value."""
        rule, found = named.rule, self._found(named.rule)
        if not found.any():
            return
        match rule.action:
            case RuleAction.REPLACE | RuleAction.DEFAULT:
                self._put(found, pl.lit(rule.value))
            case RuleAction.BLANK:
                self._put(found, pl.lit(None, dtype=pl.String))
            case RuleAction.UNITS:
                self._put(found, pl.lit(self.text.str.strip_chars() + f" {rule.value}"))
            case RuleAction.SKIP_ROW:
                self.dropped |= found
            case RuleAction.KEEP:
                self.kept |= found
        self.decided |= found
        self._tell(named, found)

    def _found(self, rule: Rule) -> pl.Series:
        if rule.action is RuleAction.DEFAULT:
            return without_null_words(self.text).is_null() & ~self.dropped
        if rule.action is RuleAction.UNITS:
            found = self.text.str.contains(_BARE_NUMBER)
        else:
            found = self.source.is_not_null() if rule.pattern is None else self.folded == rule.folded
        return found.fill_null(False) & ~self.decided

    def _put(self, found: pl.Series, value: pl.Expr) -> None:
        self.text = pl.select(pl.when(found).then(value).otherwise(self.text)).to_series()

    def _tell(self, named: NamedRule, found: pl.Series) -> None:
        words, action = _TOLD[named.rule.action]
        told = f"{words.format(value=named.rule.value, name=named.name)}: {named.rule.reason.rstrip('.')}."
        if named.rule.action is RuleAction.UNITS:
            self.issues.append(feed_issue("patch", told, action=action, field=self.field, count=int(found.sum())))
            return
        code = "default-value" if named.rule.action is RuleAction.DEFAULT else "patch"
        rows, values = self.rows.filter(found), self.source.filter(found)
        self.issues.append(row_issues(code, rows, action=action, field=self.field, values=values, message=told))


def _without(mended: Mended, dropped: pl.Series) -> Mended:
    """Without these rows, in the batch and in the resource that it came from."""
    left, opened = ~dropped, mended.opened
    geometry = None if opened.geometry is None else opened.geometry[left.to_numpy()]
    opened = replace(opened, records=opened.records.filter(left), geometry=geometry)
    return Mended(mended.batch.keep(left), opened, {name: rows.filter(left) for name, rows in mended.as_is.items()})
