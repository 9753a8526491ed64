"""Why a dataset that a catalogue lists cannot be read as it stands. An adapter notes it with the dataset, so that a
list of hundreds is not lost for one of them, and it is raised when that one is to be harvested."""

from collections.abc import Mapping
from typing import Any

from datasets.errors import RunFailed, RunHeld, RunStopped
from harvesters.adapters.contract import Dataset

PROBLEM = "problem"
UNREACHABLE = ("E-DNS", "E-TLS", "E-ADDRESS")
"""There is nobody to ask."""
OF_THE_HOST = (*UNREACHABLE, "E-TIMEOUT", "E-BLOCKED")
"""What is true of a host whatever it is asked, and whatever its software."""
TELLING = (*OF_THE_HOST, "E-AUTH")
"""What is worth telling of a site that may be anybody's; anything else only says that it is not of this platform."""


def noted(code: str, message: str, *, held: bool = False) -> Mapping[str, Any]:
    """The problem as plain JSON, for a dataset's `own`; `held` when a person's word is all that is missing."""
    return {PROBLEM: {"code": code, "message": message, "held": held}}


def problem_of(dataset: Dataset) -> RunStopped | None:
    """Why nothing of the dataset can be read; None when something can."""
    said = dataset.own.get(PROBLEM)
    if said is None:
        return None
    return (RunHeld if said["held"] else RunFailed)(said["code"], said["message"])
