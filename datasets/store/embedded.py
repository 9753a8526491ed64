"""The database Citywide runs on: the server it is given, or a private PostGIS cluster of its own.

The cluster lives as long as someone uses it. Each process that does holds a shared lock on `postgres.users`, which the
kernel lets go of even after `kill -9`; whoever leaves last stops the server. Starting, joining and leaving happen one
at a time, under `postgres.lock`.
"""

import fcntl
import hashlib
import os
import secrets
import shutil
import stat
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg import sql

from datasets.errors import DatabaseError
from datasets.settings import Settings
from datasets.store.server import Account, Programs, find_programs, run_as, run_program, server_account

NAME = "citywide"
EXTENSIONS = ("postgis", "pg_trgm", "unaccent")
START_SECONDS = 600  # recovery after a power cut reads up to `max_wal_size` again
SOCKET = ".s.PGSQL.5432"


@contextmanager
def database(settings: Settings) -> Iterator[str]:
    """A libpq URL of a usable PostGIS database: `settings.database_url` as it is, or the embedded cluster, started if
    it is not running and stopped when the last process using it leaves."""
    if settings.database_url is not None:
        _check_given(settings.database_url)
        yield settings.database_url
        return
    try:
        settings.home.mkdir(parents=True, exist_ok=True)
        home = settings.home.resolve()
        cluster, users = _join(home)
    except OSError as error:
        raise DatabaseError(
            f"Citywide cannot use {error.filename or settings.home} for its database ({error.strerror}); mend that, "
            "or set CITYWIDE_HOME to another folder."
        ) from error
    try:
        yield cluster.url(NAME)
    finally:
        _leave(cluster, users)


@dataclass(frozen=True)
class Cluster:
    """The private cluster of one home: where it is, what runs it and as whom."""

    home: Path
    programs: Programs
    account: Account
    socket_folder: Path

    @property
    def data(self) -> Path:
        return (self.home / "postgres").resolve()

    @property
    def pid_file(self) -> Path:
        return self.data / "postmaster.pid"

    @property
    def log(self) -> Path:
        return self.home / "postgres.log"

    def url(self, name: str) -> str:
        return f"postgresql://{NAME}@/{name}?host={self.socket_folder}&port=5432"


def _join(home: Path) -> tuple[Cluster, int]:
    """The running cluster of `home`, and the lock that says this process uses it."""
    with _locked(home / "postgres.lock"):
        cluster = _cluster(home)
        users = _open_lock(home / "postgres.users")
        try:
            fcntl.flock(users, fcntl.LOCK_SH)
            _make_socket_folder(cluster)
            if not _running(cluster):
                _start(cluster)
            _make_database(cluster)
        except BaseException:
            os.close(users)
            _stop_if_unused(cluster)
            raise
    return cluster, users


def _leave(cluster: Cluster, users: int) -> None:
    os.close(users)
    if not cluster.home.exists():
        _stop_stray(cluster)
        return
    with _locked(cluster.home / "postgres.lock"):
        _stop_if_unused(cluster)


def _stop_if_unused(cluster: Cluster) -> None:
    """Asks with a lock taken afresh: a forked child shares its parent's, and would not be seen through that."""
    users = _open_lock(cluster.home / "postgres.users")
    try:
        fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return
    else:
        _stop(cluster)
    finally:
        os.close(users)


def _cluster(home: Path) -> Cluster:
    """The cluster of `home`, made if there is none yet."""
    place = home / "postgres"
    if place.is_symlink() and not place.exists():
        place.unlink()
    account = server_account(place)
    made_by = place / "PG_VERSION"
    programs = find_programs(int(made_by.read_text()) if made_by.exists() else None)
    name = hashlib.sha256(f"{home}:{account.uid}".encode()).hexdigest()[:16]
    # Under /tmp and nowhere longer: the path of a socket may have 103 bytes on some systems.
    cluster = Cluster(home, programs, account, Path("/tmp") / f"citywide-{name}")
    if not made_by.exists():
        _make_cluster(cluster, Path("/var/lib/citywide") / f"{name}-{secrets.token_hex(4)}")
    return cluster


def _make_cluster(cluster: Cluster, elsewhere: Path) -> None:
    """A new cluster under the home, or `elsewhere` with a link to it where the account may not enter the home. It is
    made under another name first, so that one broken off half-way is never taken for a cluster."""
    if cluster.data.exists():
        raise DatabaseError(
            f"{cluster.data} is in the way of Citywide's database; move it, or set CITYWIDE_HOME to another folder."
        )
    _stop_stray(cluster)
    enter = ["/bin/sh", "-c", 'cd -- "$1"', "sh", str(cluster.home)]
    reachable = run_as(cluster.account, enter).returncode == 0
    place = cluster.data if reachable else elsewhere
    place.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    draft = place.with_name(f".{place.name}-being-made")
    if draft.exists():
        shutil.rmtree(draft)
    draft.mkdir(mode=0o700)
    if cluster.account.switch:
        os.chown(draft, cluster.account.uid, cluster.account.gid)
    _initialise(cluster, draft)
    draft.rename(place)
    if not reachable:
        cluster.data.symlink_to(place)


def _initialise(cluster: Cluster, folder: Path) -> None:
    """Only the owner of the socket folder reaches the server, so `trust` gives nothing away."""
    arguments = ("--auth-local=trust", "--auth-host=reject", "--data-checksums", "--encoding=UTF8")
    said = ""
    for locale in ("C.UTF-8", "C"):  # macOS before 14 lacks the first
        choice = (f"--locale={locale}", "--lc-messages=C", f"--username={NAME}", f"--pgdata={folder}")
        result = run_program(cluster.programs, cluster.account, "initdb", *arguments, *choice)
        if result.returncode == 0:
            return
        said = _last_line(result.stdout)
    raise DatabaseError(f"PostgreSQL could not make its database folder in {folder}: {said}")


def _make_socket_folder(cluster: Cluster) -> None:
    folder = cluster.socket_folder
    try:
        folder.mkdir(mode=0o700)
    except FileExistsError:
        found = folder.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != cluster.account.uid:
            raise DatabaseError(
                f"{folder} was made by another account, so Citywide will not trust it with its database; remove it."
            ) from None
    else:
        if cluster.account.switch:
            os.chown(folder, cluster.account.uid, cluster.account.gid)
    folder.chmod(0o700)


def _running(cluster: Cluster) -> bool:
    """Whether the server is up and answers. One that nobody can reach any more is stopped."""
    deadline = time.monotonic() + START_SECONDS
    while (pid := _server_pid(cluster.pid_file, cluster)) is not None:
        try:
            psycopg.connect(cluster.url("postgres"), connect_timeout=5).close()
        except psycopg.OperationalError:
            unreachable = not (cluster.socket_folder / SOCKET).exists()
            if unreachable and _age(cluster.pid_file) > 2:
                _stop(cluster)
            if time.monotonic() > deadline:
                raise DatabaseError(
                    f"The database server (process {pid}) does not answer; see {cluster.log}."
                ) from None
            time.sleep(0.1)
        else:
            return True
    _stop_stray(cluster)
    return False


def _server_pid(file: Path, cluster: Cluster) -> int | None:
    """The process that `file` names, if it is alive and the server of this cluster. A number that now belongs to
    another program would keep PostgreSQL from starting, so such a file is removed."""
    try:
        pid = int(file.read_text().split("\n", 1)[0])
    except (FileNotFoundError, ValueError):
        return None
    command = _command_of(pid)
    if str(cluster.socket_folder) in command:
        return pid
    if str(cluster.data) in command:
        raise DatabaseError(
            f"The database in {cluster.data} is in use by another copy of Citywide (process {pid}); stop that first."
        )
    file.unlink(missing_ok=True)
    return None


def _command_of(pid: int) -> str:
    """The command line of process `pid`, empty when there is none (or it is a zombie)."""
    proc = Path("/proc")
    if (proc / "self").exists():
        try:
            return (proc / str(pid) / "cmdline").read_text(errors="replace")
        except OSError:
            return ""
    result = subprocess.run(
        ["ps", "-ww", "-o", "command=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    return result.stdout


def _age(file: Path) -> float:
    try:
        return time.time() - file.stat().st_mtime
    except FileNotFoundError:
        return 0.0


def _stop_stray(cluster: Cluster) -> None:
    """End a server whose data folder was deleted under it: it still answers on our socket, with what is gone."""
    pid = _server_pid(cluster.socket_folder / f"{SOCKET}.lock", cluster)
    if pid is None or _server_pid(cluster.pid_file, cluster) == pid:
        return
    run_as(cluster.account, ["/bin/sh", "-c", 'kill -QUIT "$1"', "sh", str(pid)])
    deadline = time.monotonic() + 10
    while _command_of(pid) and time.monotonic() < deadline:
        time.sleep(0.05)


def _start(cluster: Cluster) -> None:
    """Start the server; children of one that was killed may hold its memory for a moment, so that is waited for."""
    _make_socket_folder(cluster)
    options = " ".join(f"-c {name}={value}" for name, value in _configuration(cluster).items())
    arguments = ("start", "-s", "-w", f"-t{START_SECONDS}", "-D", str(cluster.data), "-o", options)
    deadline = time.monotonic() + 15
    while True:
        with cluster.log.open("a+", encoding="utf-8", errors="replace") as log:
            before = log.seek(0, os.SEEK_END)
            result = run_program(cluster.programs, cluster.account, "pg_ctl", *arguments, output=log)
            log.seek(before)
            said = log.read()
        if result.returncode == 0:
            return
        if "pre-existing shared memory block" not in said or time.monotonic() > deadline:
            raise DatabaseError(f"The database server did not start: {_reason(said)} (log: {cluster.log})")
        time.sleep(0.5)


def _reason(said: str) -> str:
    """The line of the server's log that says why, rather than what follows from it."""
    grave = [line for line in said.splitlines() if any(word in line for word in ("FATAL: ", "PANIC: "))]
    return _last_line("\n".join(grave) or said)


def _configuration(cluster: Cluster) -> dict[str, str]:
    """Settings for two cores and bulk loads. `fsync` stays on: what a run published must survive a power cut."""
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") >> 20
    return {
        "listen_addresses": "",
        "unix_socket_directories": str(cluster.socket_folder),
        "unix_socket_permissions": "0700",
        "port": "5432",
        "max_connections": "100",
        "shared_buffers": f"{min(512, memory // 4)}MB",
        "effective_cache_size": f"{memory // 2}MB",
        "work_mem": "64MB",
        "maintenance_work_mem": "256MB",
        "max_wal_size": "4GB",
        "wal_level": "minimal",
        "max_wal_senders": "0",
        "checkpoint_timeout": "15min",
        "log_checkpoints": "off",
        "random_page_cost": "1.1",
        "jit": "off",
        "timezone": "UTC",
        "log_timezone": "UTC",
    }


def _make_database(cluster: Cluster) -> None:
    try:
        with psycopg.connect(cluster.url("postgres"), autocommit=True) as connection:
            if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [NAME]).fetchone():
                connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(NAME)))
        with psycopg.connect(cluster.url(NAME), autocommit=True) as connection:
            _add_extensions(connection)
    except psycopg.Error as error:
        raise DatabaseError(f"The database cannot be set up: {_said(error)} (log: {cluster.log})") from error


def _stop(cluster: Cluster) -> None:
    arguments = ("stop", "-m", "fast", "-w", "-t", "120", "-D", str(cluster.data))
    result = run_program(cluster.programs, cluster.account, "pg_ctl", *arguments)
    if result.returncode != 0 and _server_pid(cluster.pid_file, cluster) is not None:
        raise DatabaseError(f"The database server did not stop: {_last_line(result.stdout)} (log: {cluster.log})")
    with suppress(OSError):
        if cluster.socket_folder.lstat().st_uid == cluster.account.uid:
            cluster.socket_folder.rmdir()


def _check_given(url: str) -> None:
    """Raises DatabaseError unless `url` leads to a PostGIS database we can work in; never repeats its password."""
    try:
        with psycopg.connect(url, connect_timeout=10, autocommit=True) as connection:
            version = connection.info.server_version // 10000
            if version < 15:
                raise DatabaseError(f"CITYWIDE_DATABASE_URL leads to PostgreSQL {version}; it must be 15 or newer.")
            _add_extensions(connection)
    except psycopg.Error as error:
        if isinstance(error, psycopg.ProgrammingError) and error.sqlstate is None:
            raise DatabaseError(
                "CITYWIDE_DATABASE_URL is not an address of a PostgreSQL database; "
                "write it as postgresql://user:password@host/name."
            ) from None
        raise DatabaseError(f"The database of CITYWIDE_DATABASE_URL cannot be used: {_said(error)}") from None


def _said(error: psycopg.Error) -> str:
    return error.diag.message_primary or " ".join(str(error).split())


def _add_extensions(connection: psycopg.Connection) -> None:
    have = {str(row[0]) for row in connection.execute("SELECT extname FROM pg_extension")}
    for extension in EXTENSIONS:
        if extension not in have:
            connection.execute(sql.SQL("CREATE EXTENSION IF NOT EXISTS {}").format(sql.Identifier(extension)))


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    lock = _open_lock(path)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


def _open_lock(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)


def _last_line(said: str) -> str:
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    return lines[-1] if lines else "it gave no reason."
