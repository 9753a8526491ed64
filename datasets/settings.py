"""Everything that may be set from outside, read once. The only place that reads environment variables."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from datasets.errors import CitywideError

CHECKOUT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Settings:
    """One deployment's settings; passed as an argument, never imported as a global.

    `database_url` None means the embedded cluster under `home`. Sizes are bytes, times seconds. `allow_loopback`: feeds
    may be on this machine. `requests_per_second` is what one host is asked at most, by all workers together.
    """

    city: str
    home: Path
    database_url: str | None
    public_url: str | None
    max_resource_bytes: int
    max_unpacked_bytes: int
    fetch_seconds: int
    allow_loopback: bool
    requests_per_second: float
    parse_bytes: int
    parse_seconds: int

    @property
    def archive(self) -> Path:
        """Where the exact bytes of every fetch are kept, named by their sha256."""
        return self.home / "archive"

    @property
    def cities(self) -> Path:
        """Where the operator may put cities of their own beside the shipped ones."""
        return self.home / "cities"

    @property
    def layers(self) -> Path:
        """Where the operator may put definitions of layers of their own beside the shipped ones."""
        return self.home / "layers"


def read_settings(environment: Mapping[str, str] | None = None) -> Settings:
    """Settings from the environment; raises CitywideError naming the variable that is wrong."""
    env = os.environ if environment is None else environment
    return Settings(
        city=env.get("CITYWIDE_CITY", "demo"),
        home=_home(env),
        database_url=env.get("CITYWIDE_DATABASE_URL") or None,
        public_url=(env.get("CITYWIDE_PUBLIC_URL") or "").rstrip("/") or None,
        max_resource_bytes=_whole_number(env, "CITYWIDE_MAX_RESOURCE_BYTES", 1 << 30),
        max_unpacked_bytes=_whole_number(env, "CITYWIDE_MAX_UNPACKED_BYTES", 4 << 30),
        fetch_seconds=_whole_number(env, "CITYWIDE_FETCH_SECONDS", 1800),
        allow_loopback=_flag(env, "CITYWIDE_ALLOW_LOOPBACK"),
        requests_per_second=_pace(env, "CITYWIDE_REQUESTS_PER_SECOND", 2.0),
        # A CSV file takes about ten times its size while it is read; twelve is for the largest one that is accepted.
        parse_bytes=_whole_number(env, "CITYWIDE_PARSE_BYTES", 12 << 30),
        parse_seconds=_whole_number(env, "CITYWIDE_PARSE_SECONDS", 600),
    )


def own_layers() -> Path:
    """The folder of the operator's own layer definitions. Layers are asked for in every room and on every request, so
    that they find their folder here and not through an argument."""
    return _home(os.environ) / "layers"


def _home(env: Mapping[str, str]) -> Path:
    return Path(env.get("CITYWIDE_HOME") or CHECKOUT / ".citywide").absolute()


def _whole_number(env: Mapping[str, str], name: str, default: int) -> int:
    text = env.get(name, "")
    if not text:
        return default
    if not text.isascii() or not text.isdigit() or int(text) == 0:
        raise CitywideError(f"{name} must be a whole number above zero, not {text!r}.")
    return int(text)


def _flag(env: Mapping[str, str], name: str) -> bool:
    text = env.get(name, "")
    if text not in ("", "0", "1"):
        raise CitywideError(f"{name} must be 1 or 0, not {text!r}.")
    return text == "1"


def _pace(env: Mapping[str, str], name: str, default: float) -> float:
    text = env.get(name, "")
    try:
        number = float(text) if text else default
    except ValueError:
        number = 0.0
    if not 0 < number <= 1000:
        raise CitywideError(f"{name} must be a number above zero, such as 0.5 or 2, not {text!r}.")
    return number
