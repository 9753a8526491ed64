"""A file is read in a process of its own: what comes back is what `open_resource` gives, and whatever the reader does
there costs the run a sentence and nothing else."""

import json
import signal
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import shapely

from datasets.errors import RunFailed, RunHeld
from datasets.issues import all_issues
from datasets.settings import CHECKOUT, read_settings
from harvesters.apart import reading as apart
from harvesters.apart.confine import Limits
from harvesters.apart.reading import make_ready, open_apart, read_apart
from harvesters.open import open_resource
from tests import rude

CSV = b"Ref,Name\n1,Ashby\n,\n2,Caf\xe9\n"
POINTS = [{"type": "Feature", "properties": {"id": n}, "geometry": {"type": "Point", "coordinates": [n, 51.5, 7]}}
          for n in range(3)]  # fmt: skip
POINTS += [{"type": "Feature", "properties": {"id": 3}, "geometry": None}]
LINUX = pytest.mark.skipif(sys.platform != "linux", reason="only Linux has this limit")
SETTINGS = read_settings({})


@pytest.fixture
def reading(tmp_path):
    """Runs a function in a child process."""

    def run(read, *, size=2 << 30, seconds=60, **arguments):
        return read_apart(read, arguments, "places.xyz", Limits(size, seconds), tmp_path / "work")

    return run


def said(opened):
    return opened.records["said"].item()


@pytest.mark.parametrize(
    ("name", "content"),
    [("places.csv", CSV), ("places.geojson", json.dumps({"type": "FeatureCollection", "features": POINTS}).encode())],
)
def test_what_comes_back_is_what_the_reader_gave(tmp_path, name, content):
    (tmp_path / "file").write_bytes(content)
    given = {"name": name, "settings": SETTINGS}
    here = open_resource(tmp_path / "file", work=tmp_path / "here", **given)
    there = open_apart(tmp_path / "file", work=tmp_path / "there", **given)
    assert there.records.equals(here.records) and there.records.schema == here.records.schema
    assert all_issues(there.issues).equals(all_issues(here.issues))
    assert (there.geometry is None) == (here.geometry is None)
    assert there.geometry is None or np.array_equal(shapely.to_wkb(there.geometry), shapely.to_wkb(here.geometry))
    nothing = {"records": here.records, "issues": [], "geometry": None}
    assert replace(there, **nothing) == replace(here, **nothing)


@pytest.mark.parametrize(("content", "kind"), [(b"%PDF-1.7", RunFailed), (b"", RunFailed)])
def test_a_refusal_comes_through_unchanged(tmp_path, content, kind):
    (tmp_path / "file").write_bytes(content)
    given = {"name": "places.csv", "settings": SETTINGS, "work": tmp_path / "work"}
    with pytest.raises(kind) as here:
        open_resource(tmp_path / "file", **given)
    with pytest.raises(kind) as there:
        open_apart(tmp_path / "file", **given)
    assert (there.value.code, str(there.value)) == (here.value.code, str(here.value))


def hold():
    raise RunHeld("W-MULTI-LAYER", "Name a layer.")


def test_what_a_person_must_decide_comes_through_unchanged(reading):
    with pytest.raises(RunHeld, match=r"^Name a layer\.$") as held:
        reading(hold)
    assert held.value.code == "W-MULTI-LAYER"


def test_the_records_outlive_the_scratch_folder(tmp_path):
    (tmp_path / "file").write_bytes(CSV)
    opened = open_apart(tmp_path / "file", name="places.csv", settings=SETTINGS, work=tmp_path / "work")
    for path in (tmp_path / "work").iterdir():
        path.unlink()
    assert opened.records["Name"].to_list() == ["Ashby", "Café"]


@pytest.mark.parametrize("read", [rude.crash, rude.leave])
def test_a_reader_that_breaks_down_fails_the_run_with_a_next_step(reading, read):
    with pytest.raises(RunFailed, match="save it again") as failed:
        reading(read)
    assert failed.value.code == "E-FORMAT"
    assert said(reading(rude.told, said="alive")) == "alive"


def test_a_reader_that_never_ends_is_ended(reading):
    began = time.monotonic()
    with pytest.raises(RunFailed, match="within 1 seconds") as failed:
        reading(rude.wait, seconds=1)
    assert failed.value.code == "E-TIMEOUT" and time.monotonic() - began < 20


@LINUX
@pytest.mark.parametrize(("read", "most"), [(rude.take, {"size": 4 << 30}), (rude.take_in_rust, {"rows": 1 << 29})])
def test_a_reader_that_takes_too_much_memory_fails_the_run(tmp_path, read, most):
    with pytest.raises(RunFailed, match="with 1 GiB of memory") as failed:
        read_apart(read, most, "places.xyz", Limits(1 << 30, 60), tmp_path)
    assert failed.value.code == "E-TOOLARGE"


@LINUX
def test_the_system_killing_a_reader_is_a_matter_of_memory(reading):
    with pytest.raises(RunFailed) as failed:
        reading(rude.kill)
    assert failed.value.code == "E-TOOLARGE"


def test_a_fault_of_ours_is_shown_as_one(reading):
    with pytest.raises(RuntimeError, match="a fault of ours"):
        reading(rude.err)


@LINUX
@pytest.mark.parametrize(
    ("family", "address"), [(socket.AF_INET, ("127.0.0.1", 0)), (socket.AF_INET6, ("::1", 0)), (socket.AF_UNIX, "")]
)
def test_no_reader_reaches_a_server(reading, family, address):
    with socket.socket(family) as server:
        try:
            server.bind(address)
        except OSError:
            pytest.skip("this machine has no such network")
        server.listen()
        arguments = {"family": family, "address": server.getsockname()}
        assert said(rude.connect(**arguments)) == "connected"
        with pytest.raises(RuntimeError, match="PermissionError"):
            reading(rude.connect, **arguments)


@LINUX
def test_gdal_reaches_no_server(reading):
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.5)
        with pytest.raises(RuntimeError, match="DataSourceError"):
            reading(rude.fetch, url=f"/vsicurl/http://127.0.0.1:{server.getsockname()[1]}/places.gpkg")
        with pytest.raises(TimeoutError):
            server.accept()


def test_no_reader_starts_a_program(reading):
    with pytest.raises(RuntimeError, match="PermissionError"):
        reading(rude.run)


def test_where_the_kernel_cannot_python_refuses():
    refusing = "import socket, sys; sys.modules['pyseccomp'] = None; from harvesters.apart import confine;"
    refusing += "assert not confine.refuse_network();"
    for call in ("socket.create_connection(('127.0.0.1', 9))", "__import__('subprocess').run(['/bin/true'])"):
        ran = subprocess.run([sys.executable, "-c", refusing + call], cwd=CHECKOUT, capture_output=True, text=True)
        assert "PermissionError" in ran.stderr


def test_gdal_knows_no_driver_but_ours(reading):
    assert said(reading(rude.drivers)) == "ESRI Shapefile FlatGeobuf GML GPKG LIBKML MapInfo File"


@LINUX
def test_a_child_has_no_new_privileges_and_a_filter(reading):
    assert said(reading(rude.status, line="NoNewPrivs")) == "1" and said(reading(rude.status, line="Seccomp:")) == "2"


@LINUX
def test_a_child_knows_no_secret_of_the_program(reading, monkeypatch):
    monkeypatch.setenv("CITYWIDE_DATABASE_URL", "postgresql://secret@localhost/x")
    apart._NURSERY._end()  # the next one would inherit it
    assert "secret" not in said(reading(rude.environment))


def test_files_are_read_from_several_threads_at_once(tmp_path):
    def read(number):
        return said(read_apart(rude.told, {"said": number}, "x", Limits(2 << 30, 60), tmp_path / str(number)))

    make_ready()
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(read, range(40))) == [str(number) for number in range(40)]


def test_the_end_of_the_thread_that_read_first_ends_nothing(reading):
    apart._NURSERY._end()
    first = threading.Thread(target=make_ready)
    first.start()
    first.join()
    assert said(reading(rude.told, said=1)) == "1" and apart._NURSERY.program.poll() is None


def test_a_killed_nursery_is_replaced(reading):
    make_ready()
    apart._NURSERY.program.kill()
    assert said(reading(rude.told, said=1)) == "1"


@LINUX
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_nothing_outlives_the_program_that_asked(tmp_path, number):
    waiting = (
        "from pathlib import Path; from harvesters.apart.reading import read_apart;"
        "from harvesters.apart.confine import Limits;"
        f"from tests import rude; read_apart(rude.wait, {{}}, 'x', Limits(2 << 30, 60), Path({str(tmp_path)!r}))"
    )
    program = subprocess.Popen([sys.executable, "-c", waiting], cwd=CHECKOUT, stderr=subprocess.DEVNULL)
    until(lambda: (tmp_path / "reader.log").exists())
    (nursery,) = children(program.pid)
    (child,) = children(nursery)
    program.send_signal(number)
    program.wait(20)
    until(lambda: not (is_alive(nursery) or is_alive(child)))


def children(pid):
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def is_alive(pid):
    stat = Path(f"/proc/{pid}/stat")
    return stat.exists() and stat.read_text().rpartition(") ")[2][0] != "Z"


def until(is_so):
    deadline = time.monotonic() + 20
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.05)
