"""Values of a codelist, found without regard to case, spaces, punctuation and plural, and by their synonyms.

A value that is merely near an official one is refused all the same; the issue names the nearest.
"""

import re

import polars as pl
from rapidfuzz import fuzz, process

from datasets.layer import LayerField
from harvesters.values.parsed import Parsed

NEAR = 60
"""How alike two texts are, of 100, that one is named as what the other may have meant."""

MOST_NAMED = 2_000
"""Of so many different refused values the nearest are looked for; a column with more is no codelist's."""


def parse_code(field: LayerField, text: pl.Series) -> Parsed:
    """The official value that each text means."""
    values = _official(field, text)
    refused = text.is_not_null() & values.is_null()
    return Parsed(
        values, {"invalid category value": refused}, values.is_not_null() & (values != text),
        told=_nearest(field, text, refused),
    )  # fmt: skip


def parse_codes(field: LayerField, text: pl.Series) -> Parsed:
    """Lists of official values, written with `;` or `|` between them, or `,` where no official value has one."""
    comma = "" if any("," in word for code, synonyms in field.codes.items() for word in (code, *synonyms)) else ","
    parts = text.str.replace_all(f"[|{comma}]", ";").str.split(";").list.eval(pl.element().str.strip_chars())
    parts = parts.list.eval(pl.element().filter(pl.element() != ""))
    rows = pl.DataFrame({"at": pl.int_range(len(text), eager=True), "part": parts}).explode("part").drop_nulls()
    rows = rows.with_columns(code=_official(field, rows["part"]))
    lost = rows.filter(pl.col("code").is_null())["at"].unique().sort()
    refused = pl.int_range(len(text), eager=True).is_in(lost.implode())
    listed = rows.drop_nulls().group_by("at", maintain_order=True).agg("code")
    known = pl.DataFrame({"at": pl.int_range(len(text), eager=True)}).join(
        listed, on="at", how="left", maintain_order="left"
    )["code"]
    tidied = (known.list.join(";") != text.str.replace_all(r"\s*;\s*", ";")).fill_null(False) & ~refused
    return Parsed(known, {"invalid category value": refused}, tidied, told=_nearest_part(field, rows, len(text)))


def fold(text: pl.Series) -> pl.Series:
    """Text as codelists are compared: small letters and digits, each word without the s of a plural."""
    words = text.str.to_lowercase().str.replace_all("&", " and ", literal=True).str.replace_all(r"[^a-z0-9]+", " ")
    return words.str.replace_all(r"\b(\w{2,}[^s\W])s\b", "${1}").str.replace_all(" ", "", literal=True)


def _official(field: LayerField, text: pl.Series) -> pl.Series:
    """By the words as they stand first; folded ones that two values share tell nothing."""
    exact = {word.lower(): code for code, synonyms in field.codes.items() for word in (code, *synonyms)}
    found = text.str.to_lowercase().replace_strict(exact, default=None, return_dtype=pl.String)
    if found.null_count() == text.null_count():
        return found
    folded: dict[str, set[str]] = {}
    for word, plain in zip(exact, fold(pl.Series(list(exact))), strict=True):
        folded.setdefault(plain, set()).add(exact[word])
    sure = {plain: codes.pop() for plain, codes in folded.items() if plain and len(codes) == 1}
    return found.fill_null(fold(text).replace_strict(sure, default=None, return_dtype=pl.String))


def _nearest(field: LayerField, text: pl.Series, refused: pl.Series) -> pl.Series:
    """For each refused value a sentence with the official one that is most like it."""
    told = {}
    for value in text.filter(refused).unique(maintain_order=True).head(MOST_NAMED):
        if named := nearest_code(field, value):
            told[value] = f"The nearest official value is {named!r}."
    return text.replace_strict(told, default=None, return_dtype=pl.String)


def _nearest_part(field: LayerField, rows: pl.DataFrame, length: int) -> pl.Series:
    wrong = rows.filter(pl.col("code").is_null()).unique("at", maintain_order=True, keep="first")
    near = _nearest(field, wrong["part"], pl.repeat(True, wrong.height, eager=True))
    told = pl.DataFrame({"at": wrong["at"], "told": "Not known: " + wrong["part"] + "."})
    told = told.with_columns(told=pl.concat_str("told", near.alias("near"), separator=" ", ignore_nulls=True))
    return pl.DataFrame({"at": pl.int_range(length, eager=True)}).join(
        told, on="at", how="left", maintain_order="left"
    )["told"]


def nearest_code(field: LayerField, value: str) -> str | None:
    """The official value that is most like `value`, itself or by a synonym; None where none is near."""
    words = {word: code for code, synonyms in field.codes.items() for word in (code, *synonyms)}
    found = process.extractOne(value, list(words), scorer=fuzz.ratio, processor=_plainly, score_cutoff=NEAR)
    return None if found is None else words[found[0]]


def _plainly(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", " ", text.lower()).strip()
