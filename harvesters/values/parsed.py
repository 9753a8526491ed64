"""What every parser of values gives back, and the words that mean that a cell is empty."""

from dataclasses import dataclass, field

import polars as pl

from datasets.issues import Issues

NULL_WORDS = (
    "na", "n/a", "n.a.", "#n/a", "#ref!", "#value!", "null", "<null>", "(null)", "nil", "nan", "-", "--", "?", "tbc",
    "tba", "unknown", "not known", "not applicable", "no data",
)  # fmt: skip


@dataclass(frozen=True)
class Parsed:
    """One column after parsing: the values, and masks of rows by what happened to them.

    `refused` values are null now and `doubted` ones kept, by issue code; `tidied` ones say the same in another form.
    `told` is a sentence for a refused or doubted value, null where there is nothing to add. `noted` are issues of the
    column as a whole.
    """

    values: pl.Series
    refused: dict[str, pl.Series] = field(default_factory=dict)
    tidied: pl.Series | None = None
    noted: Issues = field(default_factory=list)
    doubted: dict[str, pl.Series] = field(default_factory=dict)
    told: pl.Series | None = None

    def spread(self, at: pl.Series) -> "Parsed":
        """What was found for distinct values, for every row: `at` is the place of each row's value among them."""
        return Parsed(
            self.values.gather(at),
            {code: mask.gather(at) for code, mask in self.refused.items()},
            None if self.tidied is None else self.tidied.gather(at),
            self.noted,
            {code: mask.gather(at) for code, mask in self.doubted.items()},
            None if self.told is None else self.told.gather(at),
        )


def or_refused(code: str, text: pl.Series, values: pl.Series, told: pl.Series | None = None) -> Parsed:
    """Values of the same type as their text: refused where there is text and no value, tidied where they differ."""
    return Parsed(
        values, {code: text.is_not_null() & values.is_null()}, values.is_not_null() & (values != text), told=told
    )


def without_null_words(source: pl.Series) -> pl.Series:
    """Outer and doubled white space gone, line ends as commas, words that mean nothing as null."""
    plain = source.str.strip_chars(" \t\r\n\u00a0,")
    if plain.str.contains(r"[\r\n\t\u00a0]|  ").any():
        plain = plain.str.replace_all(r"\s*,?\s*[\r\n]+\s*", ", ").str.replace_all(r"[\s\u00a0]+", " ")
    blank = (plain == "") | plain.str.to_lowercase().is_in(NULL_WORDS)
    return pl.select(pl.when(blank).then(None).otherwise(plain)).to_series()
