"""The register of licences: which ones let us publish, and the words each asks for."""

from functools import cache
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from datasets.errors import RegisterError
from datasets.register import read_register


class Licence(BaseModel):
    """A licence by its register id. `open` says whether features under it may be merged and served."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    title: str
    url: str | None = None
    open: bool
    share_alike: bool = False
    attribution: str = ""
    aliases: tuple[str, ...] = ()


@cache
def licences() -> dict[str, Licence]:
    """Every licence we know, by register id."""
    return read_register(Path(__file__).parent / "licences.toml", Licence)


def find_licence(text: str) -> str:
    """The register id for an id, title, address or alias; RegisterError when it is none. Nothing is guessed."""
    wanted = _plain(text)
    for key, licence in licences().items():
        if wanted in {_plain(name) for name in (key, licence.title, licence.url or "", *licence.aliases)} - {""}:
            return key
    raise RegisterError(f"{text!r} is not a licence we know; use one of {', '.join(licences())}.")


def _plain(text: str) -> str:
    """Spelled as it is compared: without case, and an address without its scheme, `www.` and the last slash."""
    return text.strip().lower().removeprefix("http://").removeprefix("https://").removeprefix("www.").rstrip("/")
