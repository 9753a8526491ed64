"""What a detector of personal data is, and the words that several of them know."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

Span = tuple[int, int]
"""Where in a text something personal stands."""


@dataclass(frozen=True)
class Detector:
    """One kind of personal data. `hint` is a regular expression that is cheap to try on a whole column (the syntax that
    both Python and Rust read); what it matches `find` looks at closely, giving the places it is sure of. `kind` ends
    the sentence "It looks like …". With `numbers` it reads digits alone, which a column of references is full of."""

    kind: str
    hint: str
    find: Callable[[str], Iterator[Span]]
    numbers: bool = False


def matches(pattern: re.Pattern[str], accept: Callable[[str], bool]) -> Callable[[str], Iterator[Span]]:
    """A `find` for what `pattern` matches and `accept` takes."""

    def find(text: str) -> Iterator[Span]:
        for match in pattern.finditer(text):
            if accept(match.group()):
                yield match.span()

    return find


def anything(found: str) -> bool:
    """For patterns that leave no doubt."""
    return True
