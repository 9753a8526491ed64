"""The labelled questions: read from `questions.toml`, put to the proposer, and counted.

A question is one column of one real file. Its answers were written by a person who looked at the file's values: a field
of the layer, several where reasonable people differ, with `""` among them where leaving the column out is as good.
"""

import hashlib
import tempfile
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import polars as pl

from datasets.city import City, Council
from datasets.layer import Layer, find_layer, layers
from datasets.settings import read_settings
from harvesters.batch import Opened
from harvesters.columns.naming import plain
from harvesters.fetch import keep_local
from harvesters.fetching.archive import Archive
from harvesters.map import propose
from harvesters.open import open_resource
from harvesters.screen import screen
from harvesters.surroundings import Surroundings
from tests.builders import feed_of
from tests.real.trial import BRITAIN, FOLDER

NO_POSTCODES = pl.DataFrame(schema={"code": pl.String, "lon": pl.Float64, "lat": pl.Float64})
COUNCIL = Council(gss="X09000001", name="Anywhere")
ANYWHERE = City(title="Anywhere", description="", extent=tuple(BRITAIN), boundary_source="", council=(COUNCIL,))
HELD_OUT = 3
"""One file in so many was never looked at while the proposer was tuned."""


@dataclass(frozen=True)
class Question:
    """A column with the fields that are right for it; none is right for columns of a place, and of no field."""

    path: str
    layer: str
    column: str
    right: tuple[str, ...]

    @property
    def has_answer(self) -> bool:
        """Whether a good proposer has to answer it: leaving the column out is wrong."""
        return "" not in self.right


@dataclass(frozen=True)
class Answer:
    """What the proposer said: a field or nothing, and whether it was sure."""

    question: Question
    field: str
    confidence: float
    sure: bool

    @property
    def is_right(self) -> bool:
        return self.field in self.question.right


@dataclass(frozen=True)
class Count:
    """How a set of answers came out."""

    asked: int
    answerable: int
    answered_surely: int
    sure: int
    right: int

    @property
    def share_right(self) -> float:
        return self.right / self.sure if self.sure else 1.0

    @property
    def share_sure(self) -> float:
        return self.answered_surely / self.answerable if self.answerable else 1.0


@cache
def questions() -> Mapping[str, Sequence[Question]]:
    """All questions by file, of the layers that are defined."""
    document = tomllib.loads((Path(__file__).parent / "questions.toml").read_text(encoding="utf-8"))
    return {path: list(_of_file(path, file)) for path, file in document.items() if file["layer"] in layers()}


def is_held_out(path: str) -> bool:
    """Whether the file is of the part that the proposer was not tuned on."""
    return int(hashlib.sha256(path.encode()).hexdigest(), 16) % HELD_OUT == 0


def ask_all(*, strange: bool = False) -> list[Answer]:
    """Every file opened as a harvest opens it, and every question answered. Files that are `strange` come from a
    council whose own way of naming columns no definition has met."""
    with tempfile.TemporaryDirectory(prefix="citywide-questions-") as home:
        return [
            answer
            for path, asked in questions().items()
            for answer in ask(open_file(path, Path(home)), asked, strange_to(path) if strange else None)
        ]


def strange_to(path: str) -> Layer:
    """The file's layer without every name that only this council's files have: as it would have been written before
    anybody saw them. A field's own name and title stay."""
    asked = questions()
    layer, council = find_layer(asked[path][0].layer), path.split("/")[1]
    theirs: set[str] = set()
    ours: set[str] = set()
    for other, questioned in asked.items():
        if questioned[0].layer == layer.id:
            (ours if other.split("/")[1] == council else theirs).update(plain(q.column) for q in questioned)
    fields = {}
    for name, field in layer.fields.items():
        lost = ours - theirs - {plain(name), plain(field.title)}
        aliases = tuple(alias for alias in field.aliases if plain(alias) not in lost)
        parts = tuple(part for part in field.parts if plain(part) not in lost)
        fields[name] = {**field.model_dump(), "aliases": aliases, "parts": parts}
    return Layer.model_validate({**layer.model_dump(), "fields": fields})


def open_file(path: str, home: Path) -> Opened:
    """The file as the open and screen stages hand it on."""
    settings = replace(read_settings({}), home=home, max_resource_bytes=1 << 28)
    fetched = keep_local(FOLDER / path, Archive(home / "archive"))
    with tempfile.TemporaryDirectory(dir=home) as work:
        opened = open_resource(fetched.archived.path, name=fetched.name, settings=settings, work=Path(work))
    return screen(opened)


def ask(opened: Opened, asked: Sequence[Question], layer: Layer | None = None) -> Iterator[Answer]:
    """What is proposed for each column of the file, without any memory of other feeds."""
    layer = layer or find_layer(asked[0].layer)
    around = Surroundings(ANYWHERE, COUNCIL, None, lambda codes: NO_POSTCODES)
    mapping = propose(feed_of(layer=layer.id), layer, opened, around)
    said = {
        column: (one.field, one.confidence, sure)
        for proposed, sure in ((mapping.unsure, False), (mapping.fields, True))
        for one in proposed
        for column in one.rule.sources
    }
    for question in asked:
        field, confidence, sure = said.get(question.column, ("", 0.0, False))
        yield Answer(question, field, confidence, sure)


def count(answers: Iterable[Answer]) -> Count:
    """The answers counted: what is right when sure, and for how many with a right answer it is sure."""
    told = list(answers)
    sure = [answer for answer in told if answer.sure]
    answerable = [answer for answer in told if answer.question.has_answer]
    return Count(
        asked=len(told),
        answerable=len(answerable),
        answered_surely=sum(answer.sure for answer in answerable),
        sure=len(sure),
        right=sum(answer.is_right for answer in sure),
    )


def _of_file(path: str, file: Mapping[str, object]) -> Iterator[Question]:
    layer = str(file["layer"])
    columns = file.get("column", {})
    assert isinstance(columns, dict)
    for column, answers in columns.items():
        yield Question(path, layer, column, (answers,) if isinstance(answers, str) else tuple(answers))
    for part in ("place", "none"):
        left = file.get(part, [])
        assert isinstance(left, list)
        yield from (Question(path, layer, column, ("",)) for column in left)
