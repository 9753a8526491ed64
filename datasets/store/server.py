"""The PostgreSQL programs of this machine, and running them under an account they accept.

Separate from the embedded cluster because finding and running programs has nothing to do with who uses the cluster.
"""

import os
import pwd
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from datasets.errors import DatabaseError

OLDEST = 15
PLACES = (
    "/usr/lib/postgresql/*/bin",
    "/usr/pgsql-*/bin",
    "/opt/homebrew/opt/postgresql@*/bin",
    "/usr/local/opt/postgresql@*/bin",
    "/home/linuxbrew/.linuxbrew/opt/postgresql@*/bin",
    "/Applications/Postgres.app/Contents/Versions/*/bin",
)

# PostgreSQL's own variables (PGPORT, PGOPTIONS, LC_*) must not reach the cluster, so its programs get these alone.
CLEAN_ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}


@dataclass(frozen=True)
class Programs:
    """One installation of PostgreSQL with PostGIS."""

    version: int
    folder: Path


@dataclass(frozen=True)
class Account:
    """The account the server runs under; `switch` says that we are root and must become it."""

    name: str
    uid: int
    gid: int
    switch: bool


def find_programs(version: int | None = None) -> Programs:
    """The newest PostgreSQL with PostGIS, or the one of `version`, because a cluster keeps to the major version
    that made it."""
    found = [programs for folder in _folders() if (programs := _look_at(folder)) is not None]
    if version is not None and all(programs.version != version for programs in found):
        others = ", ".join(sorted({str(programs.version) for programs in found})) or "none"
        raise DatabaseError(
            f"The database was made by PostgreSQL {version}, which this machine does not have with PostGIS "
            f"(it has: {others}); install that version, or move the database folder away to begin a new one."
        )
    fitting = [programs for programs in found if version in (None, programs.version)]
    if not fitting:
        raise DatabaseError(
            f"PostgreSQL {OLDEST} or newer with the PostGIS extension is not on this machine; run deploy/setup.sh, "
            "or set CITYWIDE_DATABASE_URL to a server that has it."
        )
    return max(fitting, key=lambda programs: programs.version)


def server_account(data: Path) -> Account:
    """Who runs the server whose data directory is `data`: its owner once it is made. Root may not be a server."""
    me = os.geteuid()
    if data.exists():
        owner = data.stat().st_uid
        if me not in (0, owner):
            raise DatabaseError(
                f"The database in {data} belongs to the account {_named(owner)}; run Citywide from that account "
                "or as root, or set CITYWIDE_HOME to another folder."
            )
        return _account(owner)
    if me != 0:
        return _account(me)
    return _account(_ordinary_uid())


def run_program(
    programs: Programs, account: Account, name: str, *arguments: str, output: IO[str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run one of PostgreSQL's programs as `account`, in a session of its own so that Ctrl-C does not reach it.

    What it writes goes to `output`, where given (the server keeps writing there), or into the result.
    """
    return run_as(account, [str(programs.folder / name), *arguments], output=output)


def run_as(account: Account, command: list[str], output: IO[str] | None = None) -> subprocess.CompletedProcess[str]:
    """Run `command` as `account` from the root folder, which every account may enter."""
    return subprocess.run(
        command,
        cwd="/",
        env=CLEAN_ENVIRONMENT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE if output is None else output,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        start_new_session=True,
        user=account.uid if account.switch else None,
        group=account.gid if account.switch else None,
        extra_groups=[] if account.switch else None,
    )


def _folders() -> list[Path]:
    folders = [folder for place in PLACES for folder in Path("/").glob(place.lstrip("/"))]
    on_path = shutil.which("postgres")
    return [*folders, Path(on_path).resolve().parent] if on_path else folders


def _look_at(folder: Path) -> Programs | None:
    """The installation in `folder`; None when it is too old, not a whole server or has no PostGIS."""
    if not all((folder / name).exists() for name in ("postgres", "initdb", "pg_ctl")):
        return None
    said = subprocess.run([folder / "postgres", "--version"], capture_output=True, text=True, check=False)
    number = re.search(r"\) (\d+)", said.stdout)
    if number is None or int(number[1]) < OLDEST:
        return None
    programs = Programs(int(number[1]), folder)
    return programs if _has_postgis(programs) else None


def _has_postgis(programs: Programs) -> bool:
    """Debian has the library and the scripts in two packages, and either may be there alone."""
    share = _asked(programs, "--sharedir") or Path(f"/usr/share/postgresql/{programs.version}")
    library = _asked(programs, "--pkglibdir") or programs.folder.parent / "lib"
    return (share / "extension/postgis.control").exists() and any(library.glob("postgis-3.*"))


def _asked(programs: Programs, question: str) -> Path | None:
    try:
        said = subprocess.run([programs.folder / "pg_config", question], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return Path(said.stdout.strip())


def _ordinary_uid() -> int:
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name).pw_uid
        except KeyError:
            continue
    raise DatabaseError(
        "PostgreSQL refuses to run as root, and this machine has neither the account postgres nor nobody; run "
        "Citywide from an ordinary account."
    )


def _account(uid: int) -> Account:
    if uid == 0:
        raise DatabaseError(
            "The database folder belongs to root, and PostgreSQL refuses to run as root; move the folder away "
            "or give it to an ordinary account."
        )
    try:
        gid = pwd.getpwuid(uid).pw_gid
    except KeyError:
        gid = os.getegid()
    return Account(_named(uid), uid, gid, switch=os.geteuid() == 0)


def _named(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)
