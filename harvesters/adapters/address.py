"""What every adapter answers: the address of the bytes that hold a feed's rows."""

from dataclasses import dataclass
from pathlib import PurePosixPath
from urllib.parse import unquote, urlsplit


@dataclass(frozen=True)
class ResourceAddress:
    """One file to fetch. `name` is what its publisher calls it, with the ending that tells its format;
    `media_type` what the portal says it is, where it says so."""

    url: str
    name: str
    media_type: str | None = None


def name_of(url: str) -> str:
    """The last part of an address's path, such as `toilets.csv`; empty for a bare host."""
    return PurePosixPath(unquote(urlsplit(url).path)).name
