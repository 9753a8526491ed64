"""The register of licences: which ones let us publish, and the words each asks for."""

import html
import re
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
    found = _names().get(_plain(text))
    if found is None:
        raise RegisterError(f"{text!r} is not a licence we know; use one of {', '.join(licences())}.")
    return found


def recognise_licence(text: str) -> str:
    """The register id that a platform's own words mean: a name, or a sentence or piece of HTML that links to a licence
    or names it. `unknown` when they name none, or several."""
    plain = html.unescape(text)
    named = _names().get(_plain(re.sub(r"<[^>]*>", " ", plain)))
    if named is not None:
        return named
    addresses = {_names().get(_plain(found.rstrip(".,;"))) for found in re.findall(r"https?://[^\s\"'<>)]+", plain)}
    words = f" {_plain(re.sub(r'<[^>]*>|https?://[^ ]+', ' ', plain))} "
    phrases = [name for name in _names() if len(name) >= SENTENCE and f" {name} " in words]
    # Of `open government licence` and `open government licence v3 0` the longer one is meant.
    longest = [name for name in phrases if not any(name != other and name in other for other in phrases)]
    meant = addresses.union(_names()[name] for name in longest) - {None, "unknown"}
    return meant.pop() or "unknown" if len(meant) == 1 else "unknown"


SENTENCE = 12
"""A shorter name, such as `ogl` or `other`, is only taken where it stands alone."""


@cache
def _names() -> dict[str, str]:
    """Every licence by each of its names, as `_plain` spells them."""
    named: dict[str, str] = {}
    for key, licence in licences().items():
        for name in (key, licence.title, licence.url or "", *licence.aliases):
            named.setdefault(_plain(name), key)
    named.pop("", None)
    return named


def _plain(text: str) -> str:
    """Spelled as it is compared: without case, marks and outer spaces, `licence` in one way, and an address without its
    scheme, `www.`, language and last slash."""
    text = re.sub(r"\s+", " ", text.strip().lower()).replace("license", "licence").replace("licencing", "licensing")
    if re.match(r"https?://|www\.", text) or "/" in text:
        text = re.sub(r"^https?://", "", text).removeprefix("www.")
        return re.sub(r"/(?:deed|legalcode)?(?:\.[a-z-]+)?/?$", "", text)
    return re.sub(r"[^a-z0-9]+", " ", text).strip()
