"""Which citywide layer a dataset fits and whose it is, told from what its portal says of it, before a row is read.

Separate from `harvesters.columns.propose`, which maps columns by their values once the file is there.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from urllib.parse import urlsplit

from datasets.city import City, Council
from datasets.layer import Layer, layers
from datasets.vocabulary import GeometryKind
from harvesters.adapters.contract import Dataset
from harvesters.columns.naming import plain

SURE, LIKELY = 0.7, 0.4
"""From SURE on a feed may be added without a person's look; below LIKELY nothing is proposed."""

_STRONG, _WEAK, _DESCRIBED = 0.7, 0.45, 0.25
_FIELD, _MOST_FIELDS, _GEOMETRY = 0.08, 0.25, 0.05
_WRONG_GEOMETRY, _NOT_PLACES, _NO_PLACE = 0.4, 0.35, 0.3

_ABOUT = (
    *("document", "documents", "appraisal", "appraisals", "statistics", "visits", "loans", "spend", "spending"),
    *("expenditure", "strategy", "survey", "membership", "members", "complaints", "consultation", "results", "usage"),
    *("budget", "performance", "register of", "issues", "catalogue", "turnout", "archive", "archived", "events"),
)
"""Words of titles that tell of something about the places rather than of the places."""

_PLACED = re.compile(
    r"^(x|y|lat|lon|lng|long|latitude|longitude|easting|northing|eastings|northings|geo[xy]|gridref\w*|osgr|postcode"
    r"|postalcode|geom\w*|geometry|thegeom|wkt|point|shape|location|coordinates|uprn)$|easting|northing|latitude|postcode"
)


@dataclass(frozen=True)
class Fit:
    """How well a dataset fits a layer, from 0 to 1, and the evidence in words."""

    layer: str
    score: float
    evidence: tuple[str, ...]

    @property
    def sure(self) -> bool:
        return self.score >= SURE


@dataclass(frozen=True)
class Owner:
    """The council that a dataset seems to be of, and the evidence in words."""

    council: Council
    evidence: str


def best_fit(dataset: Dataset) -> Fit | None:
    """The layer that the dataset fits best; None when it is likely to fit none."""
    found = max((fit(layer, dataset) for layer in layers().values()), key=lambda each: each.score, default=None)
    return found if found and found.score >= LIKELY else None


def fit(layer: Layer, dataset: Dataset) -> Fit:
    """How well the dataset fits the layer: its title, its columns and its shapes speak for it or against it."""
    spoken = list(_words_for(layer, dataset))
    if not spoken:
        return Fit(layer.id, 0.0, ())
    parts = [*spoken, *_fields_for(layer, dataset), *_shapes_for(layer, dataset)]
    score = sum(points for points, _ in parts)
    return Fit(layer.id, round(min(1.0, max(0.0, score)), 2), tuple(said for _, said in parts))


def names(layer: Layer, title: str) -> str | None:
    """The words of a title that name the layer; None when none do, or when others name what it is mixed up with."""
    text = _plain_words(title)
    if _first(layer.other_layers, text):
        return None
    return _first((word for word in sorted(layer.keywords, key=len, reverse=True) if len(word) > 3), text)


def has_no_place(dataset: Dataset) -> bool:
    """Whether the platform says that there is no geometry, and no column seems to hold a place either."""
    columns = [plain(name) for name in dataset.fields]
    return dataset.geometry == "none" and bool(columns) and not any(_PLACED.search(name) for name in columns)


def owner_of(dataset: Dataset, site: str, city: City) -> Owner | None:
    """The one council of the city that the publisher's name, the title, the host or the path names; None when none or
    several do."""
    for told, text in (("publisher", dataset.publisher), ("title", dataset.title), ("portal's title", site)):
        named = _named(text, city)
        if named:
            return Owner(named, f"its {told} is {text!r}")
    for url in (dataset.url, dataset.page or ""):
        host = urlsplit(url).hostname or ""
        named = _named_by_host(host, city)
        if named:
            return Owner(named, f"its host is {host}")
    named = _named(urlsplit(dataset.url).path, city)
    return Owner(named, "its address names it") if named else None


def _words_for(layer: Layer, dataset: Dataset) -> Iterable[tuple[float, str]]:
    word = names(layer, dataset.title)
    if word:
        yield (_WEAK if _is_part(word, layer) else _STRONG), f"its title says {word!r}"
        about = _first(_ABOUT, _plain_words(dataset.title))
        if about:
            yield -_NOT_PLACES, f"but also {about!r}"
        return
    other = _first(layer.other_layers, _plain_words(dataset.title))
    described = None if other else names(layer, dataset.description[:500])
    if described and not _is_part(described, layer):
        yield _DESCRIBED, f"its description says {described!r}"


def _is_part(word: str, layer: Layer) -> bool:
    """Whether a keyword is only a word out of a longer one, as `conservation` of `conservation area`."""
    return any(word != other and word in other.split() for other in layer.keywords)


def _fields_for(layer: Layer, dataset: Dataset) -> Iterable[tuple[float, str]]:
    """Columns that only this layer knows by name; `name` and `address` are everybody's."""
    own = _own_names(layer.id)
    matched = {name: own[plain(name)] for name in dataset.fields if plain(name) in own}
    if matched:
        told = ", ".join(f"{column} ({field})" for column, field in list(matched.items())[:4])
        more = f" and {len(matched) - 4} more" if len(matched) > 4 else ""
        yield min(_MOST_FIELDS, _FIELD * len(matched)), f"columns known of this layer: {told}{more}"


def _own_names(layer_id: str) -> dict[str, str]:
    """Column names, as they are compared, that no other layer knows, each with its field."""
    known = {layer.id: _aliases(layer) for layer in layers().values()}
    others = {name for other, aliases in known.items() if other != layer_id for name in aliases}
    return {name: field for name, field in known[layer_id].items() if name not in others}


@cache
def _aliases(layer: Layer) -> dict[str, str]:
    return {plain(alias): name for name, field in layer.fields.items() for alias in (*field.aliases, *field.parts)}


def _shapes_for(layer: Layer, dataset: Dataset) -> Iterable[tuple[float, str]]:
    if has_no_place(dataset):
        yield -_NO_PLACE, "but it has no geometry, and no column seems to hold a place"
    elif dataset.geometry in ("point", "line", "area"):
        wanted = layer.geometry
        if dataset.geometry == wanted.value:
            yield _GEOMETRY, f"its shapes are {_plural(dataset.geometry)}"
        elif dataset.geometry == "line" or wanted is GeometryKind.POINT:
            yield -_WRONG_GEOMETRY, f"but its shapes are {_plural(dataset.geometry)}"


def _plural(geometry: str) -> str:
    return f"{geometry}s"


def _named(text: str, city: City) -> Council | None:
    """The council whose name stands in a text, the longest where one name holds another; None when several do."""
    words = f" {_plain_words(text.replace('&', ' and '))} "
    found = [council for council in city.council if f" {_plain_words(council.name)} " in words]
    longest = [one for one in found if not any(one.name in other.name and one != other for other in found)]
    return longest[0] if len(longest) == 1 else None


def _named_by_host(host: str, city: City) -> Council | None:
    found = [council for council in city.council if _in_host(council, host)]
    return found[0] if len(found) == 1 else None


def _in_host(council: Council, host: str) -> bool:
    """`camden` in opendata.camden.gov.uk, `lambethcouncil` in a label of it, never `bury` in sudbury.gov.uk."""
    name = re.escape(council.slug.replace("-", ""))
    return bool(
        re.search(
            rf"(^|[.-]|lb|city)({name}|{re.escape(council.slug)})(council|city|borough|mbc|opendata)?([.-]|$)", host
        )
    )


def _plain_words(text: str) -> str:
    return " ".join(re.findall(r"[a-z0-9]+", text.lower()))


def _first(words: Iterable[str] | Sequence[str], text: str) -> str | None:
    """The first of the words that stands in the text, in the singular or the plural."""
    return next((word for word in words if re.search(rf"\b{re.escape(word)}s?\b", text)), None)
