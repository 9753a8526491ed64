"""How likely two features are one thing: by distance, by words, by numbers that are the same whoever publishes them;
areas by what both cover. Apart from the store, so that the rules can be read and tried without a database."""

import re
from collections.abc import Iterable

import numpy as np
import polars as pl
import shapely
from numpy.typing import NDArray
from rapidfuzz import fuzz, process

from datasets.layer import Layer
from datasets.vocabulary import FieldType

SAME = 0.85
"""From this score on a pair is taken to be one thing."""
OPEN = 0.65
"""From this score on a person is asked; below it nothing is kept."""
DOUBTFUL, CERTAIN = 0.75, 1.0
"""What a number that is the same makes of a pair: certain, or doubtful where something else speaks against it."""

COVERED, LEAST_UNION = 0.95, 0.5
"""Areas that cover so much of each other are one, and an area that is covered so far lies in the other; of what two
areas cover together both must cover the last share, or they only touch."""
SLIVER_METRES = 1.0
"""What both cover counts only where something is left of it when so much is taken off its edge."""

SURELY_ALIKE, JUST_OPEN = 0.88, 0.84
"""Points whose words are less alike are never taken to be one thing, however near."""

_WORDS, _PLACE, _KINDS = 0.6, 0.4, 0.25
_NAMELESS, _NEARNESS = 0.4, 0.35
_HALF_ALIKE, _TOLD_APART = 0.5, 0.4
_METRES_PER_DEGREE = 111_320.0
_FILLERS = ("the", "of", "and", "at", "in", "on", "public", "near", "opposite", "adjacent")
_ABBREVIATIONS = {
    "rd": "road", "ave": "avenue", "av": "avenue", "ln": "lane", "sq": "square", "pk": "park", "stn": "station",
    "gdns": "gardens", "cemy": "cemetery", "ctr": "centre", "center": "centre", "bldg": "building", "gt": "great",
    "nr": "near", "opp": "opposite", "adj": "adjacent",
}  # fmt: skip
_TELLING = {
    "ladies": "f", "lady": "f", "women": "f", "womens": "f", "female": "f", "females": "f",
    "gents": "m", "gentlemen": "m", "men": "m", "mens": "m", "male": "m", "males": "m",
    "north": "n", "northern": "n", "northbound": "n", "south": "s", "southern": "s", "southbound": "s",
    "east": "e", "eastern": "e", "eastbound": "e", "west": "w", "western": "w", "westbound": "w",
    "upper": "u", "lower": "l", "inner": "i", "outer": "o", "old": "a", "new": "b",
}  # fmt: skip
"""Words in which the names of two things at one place differ."""


def told_by(layer: Layer) -> dict[str, tuple[str, ...]]:
    """The fields that likeness is read from: `numbers` (the same whoever publishes them), `words` beside the name, and
    `kinds`, which are coded."""
    fields = {name: field for name, field in layer.fields.items() if not (field.personal or field.derived_from)}
    words = [name for name in layer.natural_key if name in fields and fields[name].type is FieldType.TEXT]
    numbers = tuple(name for name, field in fields.items() if field.national)
    return {
        "numbers": numbers,
        "words": tuple(name for name in words if name not in ("name", "reference", *numbers)),
        "kinds": tuple(name for name, field in fields.items() if field.type in (FieldType.CODE, FieldType.CODES)),
    }


def score_points(layer: Layer, pairs: pl.DataFrame) -> pl.DataFrame:
    """Those of the pairs that are at least OPEN, with `score`, `distance_m`, `overlap` (null) and `evidence` in words.

    `pairs` has everything twice, ending in _a and _b: `name`, `x`, `y` (degrees), the fields of `told_by` as text
    (several codes parted by `|`), and for each number `NAME_repeats`: whether others of its feed have it too.
    """
    pairs = pairs.with_columns(distance_m=_distance(), overlap=pl.lit(None, pl.Float64))
    pairs = _with_likeness(layer, pairs.filter(pl.col("distance_m") <= layer.match_radius_m))
    near = (1 - (pl.col("distance_m") / layer.match_radius_m) ** 2).clip(0, 1)
    plain = pl.when(pl.col("alike").is_null()).then(_NAMELESS + _NEARNESS * near)
    score = plain.otherwise(_WORDS * pl.col("alike") + _PLACE * near) - _KINDS * pl.col("unlike_kinds")
    # Two roads that meet have names like Towerford and Towerfield Avenue: only a person can tell.
    score = pl.when(pl.col("alike") < SURELY_ALIKE).then(score.clip(upper_bound=JUST_OPEN)).otherwise(score)
    place = pl.format("{} m apart", pl.col("distance_m").round(1))
    return _judged(layer, pairs.with_columns(score=score.clip(0, 1)), place)


def score_areas(layer: Layer, pairs: pl.DataFrame, a: NDArray[np.object_], b: NDArray[np.object_]) -> pl.DataFrame:
    """The same of areas, whose shapes `a` and `b` are in metres: `overlap` is the share of the smaller that both cover,
    and `distance_m` is null."""
    pairs = _with_likeness(layer, pairs.with_columns(*_shares(a, b), distance_m=pl.lit(None, pl.Float64)))
    alike = pl.col("alike").fill_null(_HALF_ALIKE)
    score = (
        pl.when(pl.col("larger_covered") >= COVERED)
        .then(pl.when(alike < _HALF_ALIKE).then(0.8).otherwise(0.95))
        .when(pl.col("union") > LEAST_UNION)
        .then(0.5 * pl.col("union") + 0.3 * alike + 0.2)
        .when((pl.col("overlap") >= COVERED) & (alike >= _HALF_ALIKE))
        .then(0.7)
        .otherwise(0.0)
    ) - _KINDS * pl.col("unlike_kinds")
    parts = (_percent("overlap"), _percent("larger_covered"))
    place = pl.format("{} of the smaller and {} of the larger is in both", *parts)
    touching = pairs.with_columns(score=score.clip(0, 1)).filter(pl.col("overlap") > 0)
    return _judged(layer, touching, place)


def normalised(texts: pl.Series, fillers: Iterable[str]) -> pl.Series:
    """Names as they are compared: without case, accents, punctuation and words that say nothing here; null where
    nothing is left."""
    plain = texts.str.normalize("NFKD").str.replace_all(r"[\p{M}'’`]", "").str.to_lowercase()
    plain = plain.str.replace_all(r"[^\p{L}\p{N}]+", " ").str.strip_chars().str.replace(r"\bst$", "street")
    for short, full in _ABBREVIATIONS.items():
        plain = plain.str.replace_all(rf"\b{short}\b", full)
    empty = "|".join(sorted(map(re.escape, {*_FILLERS, *fillers}), key=len, reverse=True))
    plain = plain.str.replace_all(rf"\b(?:{empty})\b", " ").str.replace_all(r" +", " ").str.strip_chars()
    return plain.replace("", None)


def name_likeness(a: pl.Series, b: pl.Series) -> pl.Series:
    """How like normalised names are, 0 to 1; null where either is. Names that hold other numbers, or of which one says
    ladies and the other gents, or north and south, are less than half alike."""
    known = pl.DataFrame({"a": a, "b": b}, schema={"a": pl.String, "b": pl.String})
    distinct = known.unique().drop_nulls()
    lists = distinct["a"].to_list(), distinct["b"].to_list()
    scorers = (fuzz.token_sort_ratio, fuzz.token_set_ratio)
    halves = [process.cpdist(*lists, scorer=scorer, dtype=np.float64) / 200 for scorer in scorers]
    alike = pl.Series(halves[0] + halves[1], dtype=pl.Float64)
    differ = _unlike(_found(distinct, r"\d+")) | _unlike(_found(distinct, rf"\b(?:{'|'.join(_TELLING)})\b"))
    scored = distinct.with_columns(alike=alike.zip_with(~differ, alike * _TOLD_APART))
    return known.join(scored, on=["a", "b"], how="left", maintain_order="left")["alike"]


def _found(names: pl.DataFrame, pattern: str) -> pl.DataFrame:
    """What the pattern finds in each name, in one spelling and order; empty where nothing is found."""
    found = pl.all().str.extract_all(pattern).list.eval(pl.element().replace(_TELLING))
    return names.select(found.list.unique().list.sort().list.join(" "))


def _unlike(found: pl.DataFrame) -> pl.Series:
    a, b = found["a"], found["b"]
    return (a != "") & (b != "") & (a != b)


def _with_likeness(layer: Layer, pairs: pl.DataFrame) -> pl.DataFrame:
    """`pairs` with how alike the names are (`named`), all words (`alike`), how many of the kinds differ
    (`unlike_kinds`, 0 to 1), and whether a number is the same or differs."""
    told = told_by(layer)
    fillers = (*layer.keywords, *(f"{word}s" for word in layer.keywords))
    words = {name: _alike(pairs, name, fillers) for name in ("name", *told["words"])}
    beside = pl.DataFrame([words[name].alias(name) for name in told["words"]]) if told["words"] else None
    others = pl.Series([None] * pairs.height, dtype=pl.Float64) if beside is None else beside.mean_horizontal()
    pairs = pairs.with_columns(named=words["name"], beside=others)
    better = pl.max_horizontal("named", (pl.col("named") + pl.col("beside")) / 2)
    kinds = [_kind_differs(name) for name in told["kinds"]]
    same = [_both(name) & (pl.col(f"{name}_a") == pl.col(f"{name}_b")) for name in told["numbers"]]
    alone = [~pl.col(f"{name}_repeats_a") & ~pl.col(f"{name}_repeats_b") for name in told["numbers"]]
    other = [_both(name) & (pl.col(f"{name}_a") != pl.col(f"{name}_b")) for name in told["numbers"]]
    return pairs.with_columns(
        alike=pl.when(pl.col("named").is_null()).then(pl.col("beside")).otherwise(better),
        unlike_kinds=pl.mean_horizontal(kinds).fill_null(0.0) if kinds else pl.lit(0.0),
        is_same=pl.any_horizontal([a & b for a, b in zip(same, alone, strict=True)]) if same else pl.lit(False),
        is_other=pl.any_horizontal(other) if other else pl.lit(False),
    )


def _alike(pairs: pl.DataFrame, field: str, fillers: Iterable[str]) -> pl.Series:
    a, b = (normalised(pairs[f"{field}_{side}"].cast(pl.String), fillers) for side in "ab")
    return name_likeness(a, b)


def _both(field: str) -> pl.Expr:
    """Whether both sides have a value."""
    return pl.col(f"{field}_a").is_not_null() & pl.col(f"{field}_b").is_not_null()


def _kind_differs(field: str) -> pl.Expr:
    """1 where both have codes and none in common, 0 where they have one in common, null where either has none."""
    a, b = (pl.col(f"{field}_{side}").str.split("|") for side in "ab")
    return a.list.set_intersection(b).list.len().eq(0).cast(pl.Float64)


def _judged(layer: Layer, pairs: pl.DataFrame, place: pl.Expr) -> pl.DataFrame:
    """The pairs that are at least OPEN once the numbers have spoken, with the evidence in words."""
    against = pl.col("unlike_kinds") == 1
    score = (
        pl.when(pl.col("is_same") & (pl.col("is_other") | against))
        .then(DOUBTFUL)
        .when("is_same")
        .then(CERTAIN)
        .when("is_other")
        .then(0.0)
        .otherwise(pl.col("score"))
    )
    kept = pairs.with_columns(score=score.round(4)).filter(pl.col("score") >= OPEN)
    return kept.with_columns(evidence=pl.concat_str(_words(layer, place), separator="; ", ignore_nulls=True))


def _words(layer: Layer, place: pl.Expr) -> list[pl.Expr]:
    told = told_by(layer)
    names = pl.when(pl.col("named").is_null()).then(pl.lit("no names to compare"))
    sentences = [place, names.otherwise(pl.format("names {} alike", _percent("named")))]
    for name in told["words"]:
        beside = pl.format(f"{layer.fields[name].title.lower()} {{}} and {{}}", *_sides(name))
        sentences.append(pl.when(pl.col("named").is_null() & _both(name)).then(beside))
    for name in told["numbers"]:
        title = layer.fields[name].title
        equal = pl.col(f"{name}_a") == pl.col(f"{name}_b")
        spoken = pl.when(equal).then(pl.format(f"same {title} {{}}", pl.col(f"{name}_a")))
        sentences.append(
            pl.when(_both(name)).then(spoken.otherwise(pl.format(f"{title} {{}} and {{}}", *_sides(name))))
        )
    for name in told["kinds"]:
        differs = pl.format(f"{layer.fields[name].title} differs: {{}}, {{}}", *_sides(name))
        sentences.append(pl.when(_kind_differs(name) == 1).then(differs))
    return sentences


def _sides(field: str) -> tuple[pl.Expr, pl.Expr]:
    return pl.col(f"{field}_a"), pl.col(f"{field}_b")


def _percent(column: str) -> pl.Expr:
    return pl.format("{} %", (pl.col(column) * 100).floor().cast(pl.Int64))


def _distance() -> pl.Expr:
    """Metres between near points in degrees, right to half of a hundredth."""
    parallel = ((pl.col("y_a") + pl.col("y_b")) / 2).radians().cos()
    east = (pl.col("x_a") - pl.col("x_b")) * parallel * _METRES_PER_DEGREE
    north = (pl.col("y_a") - pl.col("y_b")) * _METRES_PER_DEGREE
    return (east**2 + north**2).sqrt()


def _shares(a: NDArray[np.object_], b: NDArray[np.object_]) -> list[pl.Series]:
    """`overlap`: the share of the smaller area that both cover; `larger_covered`: that of the larger; `union`: that of
    all that either covers. A point lies wholly in an area or not at all."""
    both = shapely.intersection(a, b)
    first, second, shared = (shapely.area(shapes) for shapes in (a, b, both))
    shared = np.where(shapely.is_empty(shapely.buffer(both, -SLIVER_METRES)), 0.0, shared)
    smaller, larger = np.minimum(first, second), np.maximum(first, second)
    with np.errstate(invalid="ignore", divide="ignore"):
        shares = {"overlap": shared / smaller, "larger_covered": shared / larger}
        shares["union"] = shared / (first + second - shared)
    inside = (smaller == 0) & (larger > 0) & ~shapely.is_empty(both)
    shares["overlap"] = np.where(inside, 1.0, shares["overlap"])
    return [pl.Series(name, np.nan_to_num(values), dtype=pl.Float64) for name, values in shares.items()]
