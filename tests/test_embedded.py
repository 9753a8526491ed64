"""Contract: `database()` gives a usable PostGIS or one sentence that says what to do. The embedded cluster is private,
is shared by the processes of one home, stops with the last of them, and comes back after `kill -9` of anything."""

import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from datasets.errors import DatabaseError
from datasets.settings import CHECKOUT, Settings, read_settings
from datasets.store.embedded import database

USER_OF_THE_DATABASE = """
import sys
from datasets.settings import read_settings
from datasets.store.embedded import database
with database(read_settings({"CITYWIDE_HOME": sys.argv[1]})) as url:
    print(url, flush=True)
    sys.stdin.read()
"""

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can act as several accounts")


@pytest.fixture
def home() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="citywide-home-") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder) / "home"


@pytest.fixture(scope="module")
def made_home() -> Iterator[Path]:
    """A home that has its cluster already, for tests that leave it as good as they found it."""
    with tempfile.TemporaryDirectory(prefix="citywide-home-") as folder:
        Path(folder).chmod(0o755)
        with database(settings_of(Path(folder))):
            pass
        yield Path(folder)


def settings_of(home: Path, url: str = "") -> Settings:
    return read_settings({"CITYWIDE_HOME": str(home), "CITYWIDE_DATABASE_URL": url})


def start_user(home: Path, python: str = sys.executable, **options: object) -> subprocess.Popen[str]:
    """Another process that uses the database of `home` until its input ends."""
    environment = {"PYTHONPATH": os.pathsep.join([str(CHECKOUT), *filter(None, sys.path)])}
    return subprocess.Popen(
        [python, "-c", USER_OF_THE_DATABASE, str(home)],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        **options,  # type: ignore[call-overload]
    )


def url_of(user: subprocess.Popen[str]) -> str:
    assert user.stdout is not None
    return user.stdout.readline().strip()


def server_pid(home: Path) -> int:
    return int((home / "postgres/postmaster.pid").read_text().splitlines()[0])


def answers(url: str) -> bool:
    try:
        psycopg.connect(url).close()
    except psycopg.OperationalError:
        return False
    return True


def run_sql(url: str, statement: str) -> object:
    with psycopg.connect(url, autocommit=True) as connection:
        cursor = connection.execute(statement.encode())
        return cursor.fetchone() if cursor.description else None


def test_the_first_start_makes_a_postgis_database_and_leaving_stops_it(home: Path) -> None:
    with database(settings_of(home)) as url:
        extensions = "SELECT array_agg(extname::text) FROM pg_extension"
        assert {"postgis", "pg_trgm", "unaccent"} <= set(run_sql(url, extensions)[0])  # type: ignore[index]
        assert run_sql(url, "SELECT lower('ÉCLAIR'), current_setting('fsync')") == ("éclair", "on")
    assert not answers(url)
    assert not (home / "postgres/postmaster.pid").exists()


def test_what_was_written_is_there_at_the_next_start(made_home: Path) -> None:
    with database(settings_of(made_home)) as url:
        run_sql(url, "CREATE TABLE kept AS SELECT 7 AS n")
    with database(settings_of(made_home)) as url:
        assert run_sql(url, "SELECT n FROM kept") == (7,)


def test_the_server_listens_on_a_private_socket_alone(made_home: Path) -> None:
    with database(settings_of(made_home)) as url:
        assert run_sql(url, "SHOW listen_addresses") == ("",)
        folder = Path(psycopg.conninfo.conninfo_to_dict(url)["host"])  # type: ignore[arg-type]
        assert folder.stat().st_mode & 0o777 == 0o700
        assert (made_home / "postgres").stat().st_mode & 0o077 == 0


def test_two_processes_that_start_at_once_share_one_server(home: Path) -> None:
    with start_user(home) as one, start_user(home) as two:
        url = url_of(one)
        assert url_of(two) == url
        one.communicate()
        assert answers(url), "the server must outlive the first to leave"
        two.communicate()
    assert not answers(url)


def test_a_start_after_kill_9_of_the_program_joins_the_server_and_stops_it_in_the_end(made_home: Path) -> None:
    with start_user(made_home) as user:
        assert answers(url_of(user))
        user.kill()
        user.communicate()
    left_running = server_pid(made_home)
    with database(settings_of(made_home)) as url:
        assert server_pid(made_home) == left_running
        assert answers(url)
    assert not answers(url)


def test_a_start_after_kill_9_of_the_server_recovers_the_data(made_home: Path) -> None:
    with start_user(made_home) as user:
        run_sql(url_of(user), "CREATE TABLE safe AS SELECT 7 AS n")
        if os.geteuid() in (0, (made_home / "postgres").stat().st_uid):
            os.kill(server_pid(made_home), signal.SIGKILL)
        with database(settings_of(made_home)) as url:
            assert run_sql(url, "SELECT n FROM safe") == (7,)
        user.communicate()
    assert user.returncode == 0


def test_a_stale_pid_file_whose_number_is_now_another_program_does_not_stop_the_start(made_home: Path) -> None:
    with database(settings_of(made_home)):
        lock = (made_home / "postgres/postmaster.pid").read_text()
    stale = lock.replace(lock.splitlines()[0], str(os.getpid()), 1)
    (made_home / "postgres/postmaster.pid").write_text(stale)
    with database(settings_of(made_home)) as url:
        assert answers(url)


def test_a_home_deleted_under_a_running_server_begins_anew(home: Path) -> None:
    with start_user(home) as user:
        run_sql(url_of(user), "CREATE TABLE kept AS SELECT 7 AS n")
        shutil.rmtree(home)
        with database(settings_of(home)) as url:
            assert run_sql(url, "SELECT to_regclass('kept')") == (None,)
        user.communicate()
    assert user.returncode == 0


def test_a_lost_socket_folder_is_made_again(made_home: Path) -> None:
    with start_user(made_home) as user:
        url = url_of(user)
        shutil.rmtree(psycopg.conninfo.conninfo_to_dict(url)["host"])  # type: ignore[arg-type]
        with database(settings_of(made_home)) as again:
            assert answers(again)
        user.communicate()


def test_two_homes_side_by_side_do_not_clash(home: Path, made_home: Path) -> None:
    with database(settings_of(made_home)) as url, database(settings_of(home)) as other_url:
        run_sql(url, "CREATE TABLE mine AS SELECT 1")
        assert run_sql(other_url, "SELECT to_regclass('mine')") == (None,)
    assert not answers(other_url)


def test_a_home_with_a_long_path_and_odd_letters_works(home: Path) -> None:
    with database(settings_of(home / ("long " * 15) / ("größer" * 15))) as url:
        assert answers(url)


def test_ctrl_c_cannot_reach_the_server(made_home: Path) -> None:
    with database(settings_of(made_home)):
        assert os.getsid(server_pid(made_home)) != os.getsid(0)


def test_ctrl_c_in_the_program_stops_the_server(made_home: Path) -> None:
    with start_user(made_home, stderr=subprocess.DEVNULL) as user:
        url = url_of(user)
        user.send_signal(signal.SIGINT)
        user.communicate()
    assert not answers(url)


def test_a_server_that_cannot_start_is_reported_with_its_log(home: Path) -> None:
    with database(settings_of(home)):
        pass
    with (home / "postgres/postgresql.conf").open("a") as configuration:
        configuration.write("nonsense = 1\n")
    with pytest.raises(DatabaseError, match=r"nonsense|configuration file .* \(log: .*postgres.log\)"):
        database(settings_of(home)).__enter__()


def test_a_cluster_of_another_postgresql_version_is_refused(home: Path) -> None:
    with database(settings_of(home)):
        pass
    (home / "postgres/PG_VERSION").write_text("9\n")
    with pytest.raises(DatabaseError, match="made by PostgreSQL 9"):
        database(settings_of(home)).__enter__()


def test_a_folder_in_the_way_is_left_alone(home: Path) -> None:
    (home / "postgres").mkdir(parents=True)
    (home / "postgres/letter.txt").write_text("mine")
    with pytest.raises(DatabaseError, match=r"in the way|belongs to root"):
        database(settings_of(home)).__enter__()
    assert (home / "postgres/letter.txt").read_text() == "mine"


def test_a_home_that_cannot_be_made_is_reported(home: Path) -> None:
    home.write_text("a file")
    with pytest.raises(DatabaseError, match="CITYWIDE_HOME"):
        database(settings_of(home)).__enter__()


@as_root
def test_an_ordinary_account_runs_its_own_server(home: Path) -> None:
    nobody = pwd.getpwnam("nobody")
    home.mkdir()
    os.chown(home, nobody.pw_uid, nobody.pw_gid)
    account = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
    with start_user(home, python_for(nobody.pw_uid), cwd="/", **account) as user:
        assert run_sql(url_of(user), "SELECT current_user") == ("citywide",)
        assert (home / "postgres").stat().st_uid == nobody.pw_uid
        user.communicate()
    with database(settings_of(home)) as url:
        assert answers(url), "root may join what an ordinary account made"


@as_root
def test_a_home_that_the_server_may_not_enter_keeps_its_cluster_elsewhere(home: Path) -> None:
    home.parent.chmod(0o700)
    with database(settings_of(home)) as url:
        assert answers(url)
    place = (home / "postgres").resolve()
    assert place.parent == Path("/var/lib/citywide")
    shutil.rmtree(place)


@as_root
def test_a_socket_folder_made_by_someone_else_is_refused(home: Path) -> None:
    with database(settings_of(home)) as url:
        folder = Path(psycopg.conninfo.conninfo_to_dict(url)["host"])  # type: ignore[arg-type]
    folder.mkdir()
    os.chown(folder, 12345, 12345)
    with pytest.raises(DatabaseError, match="another account"):
        database(settings_of(home)).__enter__()
    folder.rmdir()


def test_a_given_database_is_used_as_it_is(fresh_database_url: str, home: Path) -> None:
    with database(settings_of(home, fresh_database_url)) as url:
        assert url == fresh_database_url
    assert answers(url)
    assert not home.exists()


def test_an_unreachable_database_is_reported_without_its_password(home: Path) -> None:
    with pytest.raises(DatabaseError, match=r"CITYWIDE_DATABASE_URL.*refused") as caught:
        database(settings_of(home, "postgresql://me:sesame@127.0.0.1:1/x")).__enter__()
    assert "sesame" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_address_that_is_none_is_reported_without_repeating_it(home: Path) -> None:
    with pytest.raises(DatabaseError, match="is not an address") as caught:
        database(settings_of(home, "mysql://me:sesame@host/x")).__enter__()
    assert "sesame" not in str(caught.value)


def python_for(uid: int) -> str:
    """A Python that the account may run: ours, or the system's of the same version; skips where there is none."""
    system = f"/usr/bin/python{sys.version_info.major}.{sys.version_info.minor}"
    for python in (sys.executable, system):
        command = [python, "-c", "import psycopg, datasets"]
        try:
            asked = subprocess.run(
                command,
                env={"PYTHONPATH": os.pathsep.join([str(CHECKOUT), *filter(None, sys.path)])},
                cwd="/",
                user=uid,
                stderr=subprocess.DEVNULL,
                check=False,
            )
        except OSError:
            continue
        if asked.returncode == 0:
            return python
    pytest.skip("an ordinary account may not read this checkout or its Python")
