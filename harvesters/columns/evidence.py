"""How well one column fits one field, from 0 to 1, and why: by its name, by its values, by what it is at other feeds.

Apart from `harvesters.columns.propose`, which weighs all columns against each other.
"""

import re
from collections.abc import Collection
from dataclasses import dataclass
from functools import lru_cache

import polars as pl

from datasets.layer import Layer, LayerField
from datasets.vocabulary import FieldType
from harvesters.columns.memory import Vote
from harvesters.columns.naming import likeness, plain, words_of
from harvesters.columns.profile import TELLING, Profile
from harvesters.type import share_valid

ALIAS, PREFIXED, CUT, QUALIFIED, LEARNED, SHAPE, CONTAINED, FUZZY = 0.98, 0.93, 0.9, 0.88, 0.86, 0.82, 0.74, 0.75
"""What a name is worth by how it is known. Of fields with several names the first is worth most."""

BY_RANK, MOST_RANKS = 0.003, 30
SUPPORTED, MOST_SUPPORTED = 0.1, 0.9
"""What values of just the right kind add to a name that is only near."""

AGAINST, MOST_AGAINST = 0.08, 4
"""What each feed takes off at which the same name is another field."""

NEVER_A_REFERENCE = frozenset(
    {"objectid", "fid", "ogcfid", "gid", "id0", "miprinx", "esrioid", "gmlid", "objectid1", "pk", "rowid", "featureid"}
)
"""Row numbers of the publisher's software: they change whenever the data is published again."""

_SOFTWARE_ID = r"(?i)^(?:kml_\d+|id_\d{5,}|[\w :]*\.(?:fid-.*|\d+))$"
_FILLER = frozenset({"of", "the", "in", "for", "a", "full", "current", "council", "s", "text", "value", "location"})
_PLAIN_TEXT = (FieldType.TEXT, FieldType.TIME_RANGES, FieldType.OSM_HOURS)
_FREE = ("notes", "description", "details")
_TELLING_TYPES = {
    FieldType.POSTCODE: "postcodes",
    FieldType.URL: "web addresses",
    FieldType.EMAIL: "e-mail addresses",
    FieldType.PHONE: "telephone numbers",
    FieldType.CODE: "values of its list",
    FieldType.CODES: "values of its list",
    FieldType.DATE: "dates",
}
"""Types whose values say something of what they are, with what they are called."""

_SHAPE_OF = {
    FieldType.POSTCODE: "postcode",
    FieldType.URL: "URL",
    FieldType.EMAIL: "e-mail address",
    FieldType.PHONE: "phone number",
}


@dataclass(frozen=True)
class Column:
    """A column as it is judged: its name, that name without what all share, its first values and what they look like;
    `known` when some field of the layer is called exactly so."""

    name: str
    stem: str
    values: pl.Series
    profile: Profile
    known: bool


@dataclass(frozen=True)
class Score:
    """How sure, and the evidence in words."""

    score: float
    evidence: str


def score(layer: Layer, name: str, column: Column, vote: Vote) -> Score | None:
    """How well the column fits the field called `name`; None when nothing speaks for it, or one thing rules it out."""
    field = layer.fields[name]
    if name in ("reference", "name") and _is_made_by_software(name, column):
        return None
    worth, evidence = _by_name(layer, name, field, column)
    worth, evidence = _with_votes(worth, evidence, vote)
    if worth == 0 and (column.known or not _may_be(field, column)):
        return None
    valid = share_valid(field, column.values)
    if worth == 0:
        worth, evidence = _by_values(field, valid)
    elif worth < LEARNED and valid >= MOST_SUPPORTED and _tells(field, column):
        worth, evidence = worth + SUPPORTED, f"{evidence}; {valid:.0%} of its values are {_TELLING_TYPES[field.type]}"
    if worth == 0:
        return None
    if valid < 0.5:
        evidence += f"; only {valid:.0%} of its values fit"
    return Score(worth * _by_type(valid) * _against(name, field, column), evidence)


def _by_name(layer: Layer, name: str, field: LayerField, column: Column) -> tuple[float, str]:
    """How well the name fits, and in which way. A column that is exactly another field's is no likeness of this one."""
    wanted = _wanted(layer, name)
    own, short, bare = plain(column.name), plain(column.stem), plain(re.sub(r"_\d+$", "", column.name))
    if own in wanted:
        return _ranked(ALIAS, wanted, own), "a name seen before"
    if column.known:
        return 0.0, ""
    if short in wanted or bare in wanted:
        rest = short if short in wanted else bare
        return _ranked(PREFIXED, wanted, rest), f"a name seen before, within {column.name!r}"
    if len(own) in (9, 10) and any(alias.startswith(own) for alias in wanted):
        return CUT, "a name seen before, cut to ten characters"
    words = words_of(column.name)
    if _qualified(layer, name, words):
        return QUALIFIED, "a name seen before, with words of the layer"
    near = max((likeness(own, alias) for alias in wanted if len(alias) > 3), default=0.0)
    if near >= 85 and len(own) > 3:
        return FUZZY * near / 100, "close to a name seen before"
    if any(len(plain(alias)) >= 6 and _within(words_of(alias), words) for alias in field.aliases):
        return CONTAINED, "a name seen before, among other words"
    return 0.0, ""


@lru_cache(maxsize=2_000)
def _wanted(layer: Layer, name: str) -> tuple[str, ...]:
    """The field's names as names are compared, the likeliest first; its own is always one of them."""
    names = dict.fromkeys([*(plain(alias) for alias in layer.fields[name].aliases), plain(name)])
    return tuple(names)


def _ranked(worth: float, wanted: tuple[str, ...], own: str) -> float:
    return worth - BY_RANK * min(MOST_RANKS, wanted.index(own))


def _qualified(layer: Layer, name: str, words: tuple[str, ...]) -> bool:
    """Whether the words are one of the field's names and, besides, only words of the layer's own."""
    around = _layer_words(layer)
    for alias in (*layer.fields[name].aliases, name):
        wanted = words_of(alias)
        telling = bool(set(wanted) - around)
        if telling and _within(wanted, words) and set(words) <= around | set(wanted):
            return True
    return False


@lru_cache(maxsize=200)
def _layer_words(layer: Layer) -> frozenset[str]:
    named = " ".join((layer.title, layer.singular, *layer.keywords))
    return frozenset(words_of(named)) | _FILLER


def _within(wanted: tuple[str, ...], words: Collection[str]) -> bool:
    return bool(wanted) and all(word in words for word in wanted)


def _with_votes(worth: float, evidence: str, vote: Vote) -> tuple[float, str]:
    """A name that other feeds settled is known, from two feeds on; one that they settled otherwise is doubted."""
    ahead = vote.for_it - vote.against
    if ahead > 0:
        learned = min(0.96, LEARNED + 0.04 * (ahead - 2)) if ahead > 1 else CONTAINED
        if learned > worth:
            feeds = "another feed" if vote.for_it == 1 else f"{vote.for_it} other feeds"
            return learned, f"so called at {feeds}"
        return worth, evidence
    doubt = AGAINST * min(-ahead, MOST_AGAINST)
    if not doubt or not worth:
        return worth, evidence
    return worth * (1 - doubt), f"{evidence}, but something else at {vote.against} other feeds"


def _may_be(field: LayerField, column: Column) -> bool:
    """Whether the values alone might make it the field: a quick look, so that not every column is read as every type.
    Dates are everywhere, and say nothing of which they are."""
    shape = _SHAPE_OF.get(field.type)
    if shape is not None:
        return column.profile.share(shape) >= 0.6
    return field.type is FieldType.CODE and _tells(field, column)


def _by_values(field: LayerField, valid: float) -> tuple[float, str]:
    """What the values alone say where the name says nothing: only kinds that are hardly mistaken."""
    if valid < MOST_SUPPORTED:
        return 0.0, ""
    worth = SHAPE if field.type in (FieldType.POSTCODE, FieldType.CODE) else CONTAINED
    return worth, f"{valid:.0%} of its values are {_TELLING_TYPES[field.type]}"


def _tells(field: LayerField, column: Column) -> bool:
    """Whether values that fit the field's type say anything: a list of yes and no, or of single letters, does not."""
    if field.type in (FieldType.CODE, FieldType.CODES):
        return column.profile.distinct >= 2 and column.profile.share("code") < 0.5
    if field.type is FieldType.PHONE:
        return column.profile.share("phone number") >= MOST_SUPPORTED
    return field.type in _TELLING_TYPES


def _by_type(valid: float) -> float:
    return 1.0 if valid >= 0.5 else max(0.3, valid)


def _against(name: str, field: LayerField, column: Column) -> float:
    """Values speak against a name that misleads: of another kind, mostly empty, or a reference that is not one."""
    profile, filled = column.profile, column.values.drop_nulls()
    factor = 1.0
    if field.type in _PLAIN_TEXT:
        factor *= _unlike_text(name, field, profile)
    distinct = profile.distinct / max(1, len(filled))
    if name in ("reference", "name"):
        if len(filled) >= 4 and distinct < (0.5 if name == "reference" else 0.1):
            factor *= 0.5
        factor *= 0.7 + 0.3 * profile.filled
    if name == "name":
        factor *= 0.85 + 0.15 * distinct
    if name == "reference" and _mean(filled.str.count_matches(r"\S+")) > 2.5:
        factor *= 0.8
    if name in ("name", "address") and _mean(filled.str.contains(r"^[-\d.,\s()]+$")) > 0.8:
        factor *= 0.4
    return factor


def _unlike_text(name: str, field: LayerField, profile: Profile) -> float:
    """Text fields take any value, so what plainly is something else must be told apart here."""
    shapes = [shape for shape in TELLING if shape not in ("number", "yes or no") or name in ("name", "address")]
    if name == "reference" or field.national:
        shapes = ["date", "URL", "e-mail address", "yes or no", "markup", "postcode"]
    if field.type in (FieldType.TIME_RANGES, FieldType.OSM_HOURS):
        shapes = ["date", "URL", "e-mail address", "postcode", "phone number"]
    worst = max((profile.share(shape) for shape in shapes), default=0.0)
    return 1.0 if worst < 0.6 else 0.6 if name in _FREE else 0.4


def _is_made_by_software(name: str, column: Column) -> bool:
    if name == "reference" and plain(column.name) in NEVER_A_REFERENCE:
        return True
    if name == "reference" and plain(column.name) == "id" and _counts_rows(column.values):
        return True
    return _mean(column.values.drop_nulls().str.contains(_SOFTWARE_ID)) > 0.9


def _counts_rows(values: pl.Series) -> bool:
    """Whether the values are 1, 2, 3 … or ID_0, ID_1 … down the file: row numbers, which say nothing of the feature."""
    numbers = values.str.extract(r"^(?i:id)?[_ ]?(\d+)$", 1).cast(pl.Int64, strict=False)
    return (
        len(numbers) > 3
        and numbers.null_count() == 0
        and numbers[0] in (0, 1)
        and bool((numbers.diff()[1:] == 1).all())
    )


def _mean(values: pl.Series) -> float:
    """The mean of numbers, or the share of trues; 0 of none."""
    return float(values.mean() or 0)  # type: ignore[arg-type]
