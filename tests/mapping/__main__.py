"""`python -m tests.mapping`: puts every labelled question to the proposer and prints how it did, layer by layer."""

import argparse
import sys
from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from tests.mapping.questions import Answer, ask_all, count, is_held_out
from tests.real.trial import FOLDER


def main() -> int:
    """Prints the table; 0 unless it is wrong too often when sure, or too seldom sure."""
    parser = argparse.ArgumentParser(prog="python -m tests.mapping", description=__doc__)
    parser.add_argument("--part", choices=("all", "tuned", "held-out"), default="all", help="only some of the files")
    parser.add_argument("--strange", action="store_true", help="as if no definition had met the council's own names")
    parser.add_argument("--unsure", action="store_true", help="list the questions it was not sure of as well")
    chosen = parser.parse_args()
    if not FOLDER.is_dir():
        print("There is no folder ../shared/data with real council files, so there is nothing to ask.", file=sys.stderr)  # noqa: T201
        return 0
    asked = ask_all(strange=chosen.strange)
    answers = [a for a in asked if chosen.part == "all" or is_held_out(a.question.path) == (chosen.part != "tuned")]
    console = Console(width=180, highlight=False)
    console.print(_table(answers))
    for answer in answers:
        if answer.sure and not answer.is_right:
            console.print("wrong:  " + _told(answer), markup=False)
    for answer in answers if chosen.unsure else ():
        if not answer.sure and answer.question.has_answer:
            console.print("unsure: " + _told(answer), markup=False)
    whole = count(answers)
    return 0 if whole.share_right >= 0.95 and whole.share_sure >= 0.75 else 1


def _table(answers: Sequence[Answer]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("Layer", "Files", "Asked", "With an answer", "Sure", "Right", "Right when sure", "Sure of those"):
        table.add_column(heading, justify="left" if heading == "Layer" else "right")
    layers = sorted({answer.question.layer for answer in answers})
    parts = [(layer, [a for a in answers if a.question.layer == layer]) for layer in layers]
    parts.append(("tuned on", [a for a in answers if not is_held_out(a.question.path)]))
    parts.append(("held out", [a for a in answers if is_held_out(a.question.path)]))
    for name, part in [*parts, ("all", answers)]:
        found = count(part)
        files = len({answer.question.path for answer in part})
        figures = (files, found.asked, found.answerable, found.sure, found.right)
        table.add_row(name, *(f"{n:,}" for n in figures), f"{found.share_right:.1%}", f"{found.share_sure:.1%}")
    return table


def _told(answer: Answer) -> str:
    asked = answer.question
    right = " or ".join(field or "nothing" for field in asked.right)
    said = f"{answer.field or 'nothing'} ({answer.confidence:.0%})"
    return f"{asked.path}: {asked.column!r} is {right}, said {said}"


if __name__ == "__main__":
    sys.exit(main())
